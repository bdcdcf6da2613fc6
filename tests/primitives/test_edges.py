"""Values and derivatives where formulas break: infinities, zeros, ends of slices."""

import math

import numpy as np
import pytest

import graph_engine as ge

ENGINE = ge.Engine("numpy")


@pytest.mark.parametrize(
    ("x", "expected"),
    [([math.inf, 1], [math.nan, 0]), ([-math.inf, 1], [0, 1]), ([-math.inf, -math.inf], [0, 0])],
)
def test_the_gradient_of_logsumexp_at_infinity(x, expected):
    v = ge.input("v", 2)
    np.testing.assert_array_equal(ENGINE.run(ge.grad(ge.logsumexp(v), v), {v: x}), expected)


@pytest.mark.parametrize(("power", "orders"), [(1.0, [1, 0]), (2.0, [0, 2, 0]), (3.0, [0, 0, 6, 0])])
def test_all_derivatives_of_a_power_at_zero(power, orders):
    x = ge.input("x")
    y = ge.pow(x, power)
    with pytest.warns(ge.UnusedVariableWarning):  # the last one does not depend on x any more
        for expected in orders:
            y = ge.grad(y, x)
            assert ENGINE.run(y, {x: 0}) == expected


@pytest.mark.parametrize(("key", "size"), [(slice(5, None, -1), 5), (slice(2, 0, -1), 2)])
def test_a_backward_slice_that_begins_at_the_end_of_a_named_dimension_is_refused(key, size):
    x = ge.input("x", ("b", 3))
    with pytest.raises(ge.RunError, match="does not fit"):
        ENGINE.run(x[key], {x: np.ones((size, 3))})


def test_clip_takes_one_bound_or_none():
    x = ge.input("x", 3)
    feeds = {x: [-2, 0.5, 2]}
    assert ENGINE.run(ge.clip(x, min=0), feeds).tolist() == [0, 0.5, 2]
    assert ENGINE.run(ge.clip(x, max=1), feeds).tolist() == [-2, 0.5, 1]
    assert ge.clip(x) is x
    assert ENGINE.run(ge.clip(ge.constant([1, 5]), 2, 4)).tolist() == [2, 4]


def test_a_negative_dimension_and_no_dtype_are_refused():
    with pytest.raises(ge.DeclarationError, match="negative"):
        ge.input("x", ("-3",))
    with pytest.raises(ge.DTypeError, match="None"):
        ge.input("x", (), None)


@pytest.mark.parametrize("extreme", [ge.maximum, ge.minimum])
def test_beside_nan_both_operands_get_the_gradient(extreme):
    a, b = ge.input("a"), ge.input("b")
    gradients = ENGINE.run(ge.grad(extreme(a, b), [a, b]), {a: math.nan, b: 1})
    assert [float(g) for g in gradients] == [1, 1]


def test_the_gradient_of_a_maximum_that_is_nan_is_nan():
    x = ge.input("x", 3)
    assert np.isnan(ENGINE.run(ge.grad(ge.max(x), x), {x: [1, math.nan, 2]})).all()


def test_a_number_that_does_not_fit_is_refused_and_infinity_is_not():
    x = ge.input("x")
    with pytest.raises(ge.DTypeError, match="too large for float32"):
        x + 1e300
    assert ENGINE.run(x + math.inf, {x: 1}) == math.inf


def test_a_dimension_in_the_place_of_a_number_says_what_to_do():
    x = ge.input("x", ("batch", 2))
    with pytest.raises(ge.DeclarationError, match="ge.full"):
        x / x.shape[0]


def test_variables_are_not_copied():
    import copy

    with pytest.raises(ge.DeclarationError, match="to_json"):
        copy.deepcopy(ge.input("x") + 1)
