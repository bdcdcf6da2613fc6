"""x[key], take, take_along_axis, one_hot: as NumPy has them, with gradients that add up where places repeat."""

import numpy as np
import pytest

import graph_engine as ge

A = np.random.default_rng(0).normal(size=(3, 4, 5, 6))
EVERY = slice(None)
KEYS = [
    0, -1, np.int64(2), (1, 2, 3, 4), (), ..., None,
    slice(1, None), slice(-2, None), slice(-100, 100), slice(5, 1), slice(None, None, -1), slice(2, None, -2),
    (EVERY, 2), (..., 1), (None, 0, ..., None), (slice(None, None, -1), slice(3, 0, -2)),
    [0, 2], [-1, 0, -1], [], np.array(2), [[0, 1], [2, 2]],
    (0, [1, 2]), (0, EVERY, [1, 2]), (EVERY, 1, [1, 2]), (..., [0, 1]), (None, [0, 1]), (slice(1, 3), [0, -1]),
    ([0, 1], [1, 2]), (EVERY, [0, 1], [1, 2]), ([0, 1], EVERY, [1, 2]), ([[0], [1]], [1, 2]), ([0, 1], None, [1, 2]),
    ([0], ..., [1]), ([0, 1], [0, 1], [1, 1], [2, 2]),
    [True, False, True], (EVERY, np.array([True, False, True, True])), np.arange(12).reshape(3, 4) % 3 == 0, A > 0,
    (0, np.arange(20).reshape(4, 5) % 3 == 0),
]  # fmt: skip


@pytest.mark.parametrize("key", KEYS, ids=lambda key: "mask" if isinstance(key, np.ndarray) else str(key))
def test_values_and_gradients_are_those_of_numpy(run, key):
    x = ge.input("x", A.shape, "float64")
    part = x[key]
    value, slope = run([part, ge.grad(ge.sum(part * part), x)], {x: A})
    assert part.shape == A[key].shape
    np.testing.assert_array_equal(value, A[key])
    expected = np.zeros_like(A)
    np.add.at(expected, key, 2 * A[key])
    np.testing.assert_allclose(slope, expected)


def test_places_that_are_variables(run):
    i, j = ge.input("i", (), "int64"), ge.input("j", 2, "int32")
    assert (ge.constant(A)[i, :, j]).shape == (2, 4, 6)
    np.testing.assert_array_equal(run(ge.constant(A)[i], {i: -1}), A[-1])
    np.testing.assert_array_equal(run(ge.constant(A)[i, :, j], {i: 1, j: [4, -4]}), A[1, :, [4, -4]])


@pytest.mark.parametrize(
    "key, shape",
    [
        (0, (4,)),
        (slice(1, None), ("n - 1", 4)),
        (slice(None, -1), ("n - 1", 4)),
        (slice(1, -1), ("n - 2", 4)),
        (slice(None, 3), (3, 4)),
        (slice(-3, None), (3, 4)),
        (slice(None, None, 2), ("(n + 1)//2", 4)),
        (slice(None, None, -1), ("n", 4)),
        (slice(3, 1), (0, 4)),
        ((EVERY, slice(1, None)), ("n", 3)),
        ([0, 0, -1], (3, 4)),
    ],
)
def test_named_dimensions(run, key, shape):
    x = ge.input("x", ("n", 4), "float64")
    part = x[key]
    assert part.shape == shape
    for n in (3, 4, 7):
        array = A[0, :, 0, :4].repeat(2, axis=0)[:n]
        value, slope = run([part, ge.grad(ge.sum(part), x)], {x: array})
        np.testing.assert_array_equal(value, array[key])
        expected = np.zeros_like(array)
        np.add.at(expected, key, 1)
        np.testing.assert_array_equal(slope, expected)


def test_a_slice_that_is_longer_than_what_is_fed_is_refused(run):
    x = ge.input("x", ("n", 4))
    with pytest.raises(ge.RunError, match=r"slice \[:3\] does not fit into a dimension of size 2"):
        run(x[:3], {x: np.zeros((2, 4))})


@pytest.mark.parametrize(
    "key, says",
    [
        (3, "out of range"),
        (-4, "out of range"),
        ([0, 3], "out of range"),
        ((0, 0, 0, 0, 0), "5 indices"),
        ((..., ...), "one ellipsis"),
        (True, "not True"),
        ("first", "not 'first'"),
        (1.5, "not 1.5"),
        ([0.5], "places are integers"),
        (slice(None, None, 0), "step"),
        ([True, False], "mask of length 2"),
        (ge.constant([True, False, True]), "where"),
    ],
)
def test_keys_that_are_refused(key, says):
    with pytest.raises(ge.GraphEngineError, match=says) as error:
        ge.constant(A)[key]
    assert "test_indexing.py" in str(error.value)


def test_take(run):
    table = ge.input("table", (5, 2), "float64")
    words = ge.input("words", ("batch", 3), "int64")
    rows = ge.take(table, words, axis=0)
    assert rows.shape == ("batch", 3, 2)
    values, places = np.arange(10.0).reshape(5, 2), np.array([[0, 1, 1], [4, -1, 1]])
    got, slope = run([rows, ge.grad(ge.sum(rows), table)], {table: values, words: places})
    np.testing.assert_array_equal(got, values[places])
    assert slope[:, 0].tolist() == [1, 3, 0, 0, 2]


def test_take_along_axis(run):
    x = A[:, :, 0, 0]
    order = np.argsort(x, axis=1)
    np.testing.assert_array_equal(run(ge.take_along_axis(ge.constant(x), order, axis=1)), np.sort(x, axis=1))
    one_each = ge.take_along_axis(ge.constant(x), np.array([[1]]), axis=1)
    np.testing.assert_array_equal(run(one_each), x[:, 1:2])


def test_one_hot(run):
    hot = ge.one_hot(np.array([[2, 0]], "uint8"), 3, "bool")
    assert run(hot).tolist() == [[[False, False, True], [True, False, False]]]
    with pytest.raises(ge.ShapeError, match="out of range"):
        ge.one_hot([3], 3)


def test_values_out_of_range_are_found_by_guards():
    engine = ge.Engine("numpy")
    x, i, j = ge.input("x", (3, 5)), ge.input("i", (), "int64"), ge.input("j", (), "int64")
    for part, feeds in (
        (ge.take(x, i, axis=0), {i: 3}),
        (ge.take_along_axis(x, ge.reshape(i, (1, 1)), axis=1), {i: -6}),
        (x[i, j], {i: 0, j: 5}),  # in the flattened array there is such a place
        (ge.one_hot(i, 3), {i: -1}),
    ):
        with pytest.raises(ge.GuardError, match="out of range"):
            engine.trace(part, {x: np.zeros((3, 5)), **feeds})


@pytest.mark.torch
def test_derivatives_are_those_of_torch(like_torch):
    places = np.array([[0, 2], [2, 2]])
    like_torch(lambda v: ge.square(ge.take(v, places, axis=1)), lambda t: t[:, places].square(), A)
    like_torch(lambda v: ge.square(v[1:, 0, ::-2]), lambda t: t[1:, 0].flip(1)[:, ::2].square(), A)
    like_torch(lambda v: ge.square(v[[0, 0], :, [1, 2]]), lambda t: t[[0, 0], :, [1, 2]].square(), A)
    import torch

    order = np.array([[0, 0, 1, 3], [3, 2, 1, 1], [2, 2, 2, 2]])
    like_torch(
        lambda v: ge.square(ge.take_along_axis(v[:, :, 0, 0], order)),
        lambda t: torch.take_along_dim(t[:, :, 0, 0], torch.tensor(order), 1).square(),
        A,
    )
