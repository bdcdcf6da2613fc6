"""Sums, products, averages: values as NumPy's, gradients as PyTorch's, also of no elements and of named dimensions."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import graph_engine as ge

A = np.random.default_rng(0).normal(size=(2, 3, 4))
AXES = [None, 0, -1, (0, 2), (1,), ()]


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("name", ["sum", "prod", "mean", "var", "std"])
def test_values_are_those_of_numpy(run, name, axis, keepdims):
    result = getattr(ge, name)(ge.constant(A), axis=axis, keepdims=keepdims)
    expected = getattr(np, name)(A, axis=axis, keepdims=keepdims)
    assert result.shape == expected.shape
    np.testing.assert_allclose(run(result), expected, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize(
    "dtype, total",
    [("bool", "int64"), ("int8", "int64"), ("uint8", "uint64"), ("float16", "float16"), ("float64", "float64")],
)
def test_sums_of_small_integers_do_not_overflow(run, dtype, total):
    x = np.ones(300, dtype)
    assert ge.sum(x).dtype == total
    assert run(ge.sum(x)) == 300


def test_half_precision_accumulates_in_single(run):
    x = np.full(4096, 1.0, "float16")  # a running sum in float16 stops at 2048
    assert run(ge.sum(x)) == 4096
    assert run(ge.mean(np.full(100_000, 2.0, "float16"))) == 2


def test_the_mean_of_integers_is_real(run):
    assert ge.mean(np.array([1, 2])).dtype == "float32"
    assert run(ge.mean(np.array([1, 2]))) == 1.5


def test_correction_of_the_variance(run):
    np.testing.assert_allclose(run(ge.var(A, axis=1, correction=1)), A.var(axis=1, ddof=1))
    np.testing.assert_allclose(run(ge.std(A, axis=1, correction=0.5)), A.std(axis=1, ddof=0.5))


def test_no_elements(run):
    empty = np.zeros((0, 3))
    assert run(ge.sum(empty, axis=0)).tolist() == [0, 0, 0]
    assert run(ge.prod(empty, axis=0)).tolist() == [1, 1, 1]
    assert np.isnan(run(ge.mean(empty, axis=0))).all()
    assert run(ge.mean(empty, axis=1)).shape == (0,)


def test_the_gradient_of_a_product_with_zeros(run):
    x = ge.input("x", 3, "float64")
    slopes = ge.grad(ge.prod(x), x)
    curvature = ge.grad(ge.sum(slopes * np.array([1.0, 10.0, 100.0])), x)
    for values in ([2.0, 3.0, 5.0], [0.0, 3.0, 5.0], [0.0, 0.0, 5.0], [0.0, 0.0, 0.0]):
        a, b, c = values
        first, second = run([slopes, curvature], {x: values})
        assert first.tolist() == [b * c, a * c, a * b]
        assert second.tolist() == [10 * c + 100 * b, c + 100 * a, b + 10 * a]


def test_the_standard_deviation_of_equal_numbers_has_no_slope(run):
    x = ge.input("x", 3)
    assert run(ge.grad(ge.std(x), x), {x: [2, 2, 2]}).tolist() == [0, 0, 0]


def test_named_dimensions_divide_the_gradient_of_a_mean(run):
    x = ge.input("x", ("batch", "width"))
    slope = ge.grad(ge.square(ge.mean(x)), x)
    assert slope.shape == ("batch", "width")
    np.testing.assert_allclose(run(slope, {x: np.ones((2, 5))}), np.full((2, 5), 0.2), rtol=1e-6)
    assert ge.sum(x, axis=0).shape == ("width",)
    assert ge.sum(x, axis=0, keepdims=True).shape == (1, "width")


@pytest.mark.parametrize("axis", [2, (0, 0), (0, -2), 1.5, "rows", True])
def test_axes_that_are_refused(axis):
    with pytest.raises((ge.ShapeError, ge.DeclarationError), match="axis"):
        ge.sum(ge.input("x", (2, 3)), axis=axis)


def test_what_is_refused_says_where():
    with pytest.raises(ge.ShapeError, match="axis 4 is out of range for 1 dimension") as error:
        ge.var(ge.input("x", 3), axis=4)
    assert "test_reduction.py" in str(error.value)
    with pytest.raises(ge.DTypeError, match="max is not defined on bool"):
        ge.max([True, False])


@pytest.mark.torch
@pytest.mark.parametrize("name", ["sum", "prod", "mean", "var", "std"])
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(shape=st.lists(st.integers(1, 4), min_size=1, max_size=3), data=st.data())
def test_derivatives_are_those_of_torch(like_torch, name, shape, data):
    axis = data.draw(st.sets(st.integers(0, len(shape) - 1), min_size=1).map(tuple))
    keepdims = data.draw(st.booleans())
    x = np.random.default_rng(len(shape)).normal(size=shape)
    if name in ("var", "std") and np.prod([shape[i] for i in axis]) < 2:
        return  # no deviation: torch warns, or has NaN

    def reference(tensor):
        if name == "prod":
            for i in sorted(axis, reverse=True):
                tensor = tensor.prod(i, keepdim=keepdims)
            return tensor
        extra = {"correction": 0} if name in ("var", "std") else {}
        return getattr(tensor, name)(axis, keepdim=keepdims, **extra)

    like_torch(lambda v: getattr(ge, name)(v, axis=axis, keepdims=keepdims), reference, x)


@pytest.mark.torch
def test_the_product_with_zeros_is_torchs(like_torch):
    x = A.copy()
    x[0, 0, 1] = x[1, 2, 0] = x[1, 2, 3] = 0
    like_torch(lambda v: ge.prod(v, axis=2), lambda t: t.prod(2), x)
