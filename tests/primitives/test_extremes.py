"""Largest, smallest, logsumexp, truth and running sums."""

import numpy as np
import pytest

import graph_engine as ge

A = np.random.default_rng(0).normal(size=(2, 3, 4))
INF = float("inf")


@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2)])
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("name", ["max", "min"])
def test_extremes_are_those_of_numpy(run, name, axis, keepdims):
    result = getattr(ge, name)(A, axis=axis, keepdims=keepdims)
    np.testing.assert_array_equal(run(result), getattr(np, name)(A, axis=axis, keepdims=keepdims))


@pytest.mark.parametrize("axis", [None, 1, -1])
@pytest.mark.parametrize("name", ["argmax", "argmin"])
def test_places_are_those_of_numpy(run, name, axis):
    result = getattr(ge, name)(np.round(A), axis=axis)
    assert result.dtype == "int64"
    np.testing.assert_array_equal(run(result), getattr(np, name)(np.round(A), axis=axis))


def test_tied_elements_share_the_gradient(run):
    x = ge.input("x", (2, 3))
    feed = {x: [[1, 3, 3], [2, 2, 2]]}
    assert run(ge.grad(ge.sum(ge.max(x, axis=1)), x), feed).tolist() == [
        [0, 0.5, 0.5], pytest.approx([1 / 3, 1 / 3, 1 / 3])
    ]  # fmt: skip
    assert run(ge.grad(ge.min(x), x), feed).tolist() == [[1, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize("function", [ge.max, ge.min, ge.argmax, ge.argmin, ge.logsumexp])
def test_there_is_no_extreme_of_no_elements(function):
    x = ge.input("x", (0, 3))
    with pytest.raises(ge.ShapeError, match="no elements"):
        function(x, axis=0)
    assert function(x, axis=1).shape == (0,)


def test_logsumexp_neither_overflows_nor_warns(run):
    x = ge.input("x", (4, 2), "float64")
    rows = np.array([[1000.0, 1000.0], [-1000.0, -1000.0], [-INF, 1.0], [-INF, -INF]])
    value, slope = run([ge.logsumexp(x, axis=1), ge.grad(ge.sum(ge.logsumexp(x, axis=1)), x)], {x: rows})
    np.testing.assert_allclose(value, [1000 + np.log(2), -1000 + np.log(2), 1, -INF])
    np.testing.assert_allclose(slope, [[0.5, 0.5], [0.5, 0.5], [0, 1], [0, 0]])


def test_truth(run):
    x = np.array([[True, False], [True, True]])
    assert run(ge.all(x, axis=1)).tolist() == [False, True]
    assert run(ge.any(x, axis=0, keepdims=True)).tolist() == [[True, True]]
    assert not run(ge.all(x))
    assert run(ge.any(np.array([0, 2])))


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_running_sums(run, axis):
    x = ge.constant(A)
    np.testing.assert_allclose(run(ge.cumulative_sum(x, axis=axis)), np.cumulative_sum(A, axis=axis))
    np.testing.assert_allclose(
        run(ge.cumulative_sum(x, axis=axis, include_initial=True)),
        np.cumulative_sum(A, axis=axis, include_initial=True),
    )
    assert ge.cumulative_sum(np.array([True, True])).dtype == "int64"
    assert run(ge.cumulative_sum(np.ones(4096, "float16")))[-1] == 4096
    with pytest.raises(ge.ShapeError, match="axis is needed"):
        ge.cumulative_sum(x)


def test_named_dimensions(run):
    x = ge.input("x", ("batch", 3))
    assert ge.max(x, axis=1).shape == ("batch",)
    assert ge.cumulative_sum(x, axis=0, include_initial=True).shape == ("batch + 1", 3)
    loss = ge.sum(ge.cumulative_sum(x, axis=0, include_initial=True))
    _, slope = run([loss, ge.grad(loss, x)], {x: np.zeros((4, 3))})
    assert slope[:, 0].tolist() == [4, 3, 2, 1]


@pytest.mark.torch
def test_derivatives_are_those_of_torch(like_torch):
    for axis in (0, 1, (0, 2)):
        like_torch(lambda v, axis=axis: ge.max(v, axis=axis), lambda t, axis=axis: t.amax(axis), np.round(A))
        like_torch(lambda v, axis=axis: ge.min(v, axis=axis), lambda t, axis=axis: t.amin(axis), np.round(A))
        like_torch(lambda v, axis=axis: ge.logsumexp(v, axis=axis), lambda t, axis=axis: t.logsumexp(axis), A * 3)
    like_torch(lambda v: ge.square(ge.cumulative_sum(v, axis=1)), lambda t: t.cumsum(1).square(), A)
