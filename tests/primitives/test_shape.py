"""Reshaping, permuting, flipping, repeating; joining and splitting; padding."""

import numpy as np
import pytest

import graph_engine as ge

A = np.arange(24.0).reshape(2, 3, 4)
X = ge.constant(A)

SAME_AS_NUMPY = {
    "reshape": (ge.reshape(X, (6, -1)), A.reshape(6, 4)),
    "reshape to a vector": (ge.reshape(X, -1), A.reshape(-1)),
    "flatten": (ge.flatten(X, start=1), A.reshape(2, 12)),
    "permute_dims": (ge.permute_dims(X, (2, 0, -2)), A.transpose(2, 0, 1)),
    "matrix_transpose": (ge.matrix_transpose(X), A.swapaxes(1, 2)),
    "T": (X[0].T, A[0].T),
    "moveaxis": (ge.moveaxis(X, (0, 1), (-1, 0)), np.moveaxis(A, (0, 1), (-1, 0))),
    "expand_dims": (ge.expand_dims(X, (0, -1)), np.expand_dims(A, (0, -1))),
    "squeeze": (ge.squeeze(ge.expand_dims(X, 1), 1), A),
    "squeeze all": (ge.squeeze(ge.expand_dims(X, (0, 2))), A),
    "flip": (ge.flip(X, axis=(0, 2)), np.flip(A, (0, 2))),
    "flip all": (ge.flip(X), np.flip(A)),
    "roll": (ge.roll(X, 5), np.roll(A, 5)),
    "roll axes": (ge.roll(X, (1, -1), axis=(0, 2)), np.roll(A, (1, -1), (0, 2))),
    "tile": (ge.tile(X, (2, 1, 1, 3)), np.tile(A, (2, 1, 1, 3))),
    "tile last": (ge.tile(X, 2), np.tile(A, 2)),
    "repeat": (ge.repeat(X, 2, axis=1), A.repeat(2, axis=1)),
    "repeat flat": (ge.repeat(X, 2), A.repeat(2)),
    "concat": (ge.concat([X, X[:1]]), np.concatenate([A, A[:1]])),
    "concat last": (ge.concat([X, X], axis=-1), np.concatenate([A, A], -1)),
    "concat flat": (ge.concat([X, X[0]], axis=None), np.concatenate([A, A[0]], None)),
    "concat promotes": (ge.concat([np.array([1]), np.array([0.5])]), np.array([1, 0.5])),
    "stack": (ge.stack([X, X + 1], axis=-1), np.stack([A, A + 1], -1)),
    "pad": (ge.pad(X, ((1, 0), (0, 2), (1, 1)), 7), np.pad(A, ((1, 0), (0, 2), (1, 1)), constant_values=7)),
    "pad all": (ge.pad(X, 1), np.pad(A, 1)),
}


@pytest.mark.parametrize("name", SAME_AS_NUMPY)
def test_values_are_those_of_numpy(run, name):
    result, expected = SAME_AS_NUMPY[name]
    assert result.shape == expected.shape
    np.testing.assert_array_equal(run(result), expected)


def test_splitting(run):
    for parts, expected in (
        (ge.split(X, 2, axis=2), np.split(A, 2, 2)),
        (ge.split(X, [1, 1, 3], axis=-1), np.split(A, [1, 1, 3], -1)),
        (ge.unstack(X, axis=1), [A[:, 0], A[:, 1], A[:, 2]]),
    ):
        for part, array in zip(parts, expected, strict=True):
            np.testing.assert_array_equal(run(part), array)
    assert ge.unstack(ge.input("x", (0, 3))) == ()


def test_parts_are_named_as_assigned():
    first, second = ge.split(X, 2, axis=2)
    assert (first.name, second.name) == ("first", "second")


def test_the_gradient_of_a_part_that_nobody_used(run):
    x = ge.input("x", 4)
    first, _ = ge.split(x, [1])
    assert run(ge.grad(ge.sum(first * first), x), {x: [3, 1, 1, 1]}).tolist() == [6, 0, 0, 0]


def test_named_dimensions(run):
    images = ge.input("images", ("batch", 28, 28))
    flat = ge.reshape(images, ("batch", -1))
    assert flat.shape == ("batch", 784)
    assert ge.reshape(flat, (-1, 28, 28)).shape == ("batch", 28, 28)
    assert ge.reshape(images, -1).shape == ("784*batch",)
    assert ge.concat([images, images, images[:1]]).shape == ("2*batch + 1", 28, 28)
    assert ge.pad(images, ((0, 0), (1, 1), (1, 1))).shape == ("batch", 30, 30)
    assert ge.pad(images, ((2, 1), (0, 0), (0, 0))).shape == ("batch + 3", 28, 28)
    assert [part.shape[0] for part in ge.split(ge.concat([images, images]), 2)] == ["batch", "batch"]
    assert [part.shape[0] for part in ge.split(images, [1])] == [1, "batch - 1"]
    assert ge.repeat(images, 2, axis=0).shape == ("2*batch", 28, 28)
    loss = ge.sum(ge.square(ge.pad(ge.concat([images, images[1:]]), 1)))
    slope = run(ge.grad(loss, images), {images: np.ones((3, 28, 28))})
    assert slope[:, 0, 0].tolist() == [2, 4, 4]


def test_a_reshape_that_changes_nothing_is_none():
    assert ge.reshape(X, (2, 3, 4)) is X


@pytest.mark.parametrize(
    "declare",
    [
        lambda: ge.reshape(X, (5, -1)),
        lambda: ge.reshape(X, (-1, -1)),
        lambda: ge.reshape(X, (2, 3)),
        lambda: ge.reshape(ge.zeros((0, 3)), (0, -1)),
        lambda: ge.reshape(ge.input("n", ("n", 3)), ("m", 3)),
        lambda: ge.permute_dims(X, (0, 1)),
        lambda: ge.permute_dims(X, (0, 1, 1)),
        lambda: ge.matrix_transpose(ge.zeros(3)),
        lambda: X.T,
        lambda: ge.squeeze(X, 0),
        lambda: ge.expand_dims(X, 5),
        lambda: ge.concat([]),
        lambda: ge.concat([X, X[0]]),
        lambda: ge.concat([X, X[:, :1]]),
        lambda: ge.concat([1.0, 2.0]),
        lambda: ge.stack([X, X[:1]]),
        lambda: ge.split(X, 5),
        lambda: ge.split(X, [3, 1]),
        lambda: ge.split(X, [7]),
        lambda: ge.unstack(ge.input("n", ("n", 3))),
        lambda: ge.pad(X, [(1, 1)]),
        lambda: ge.roll(X, (1, 2), axis=0),
    ],
)
def test_what_is_refused_is_refused_where_it_is_declared(declare):
    with pytest.raises(ge.ShapeError) as error:
        declare()
    assert "test_shape.py" in str(error.value)


@pytest.mark.torch
def test_derivatives_are_those_of_torch(like_torch):
    import torch

    def ours(x):
        moved = ge.permute_dims(x, (2, 0, 1))
        first, second, rest = ge.split(ge.concat([moved, ge.flip(moved)]), [3, 5])
        return ge.square(ge.roll(second, 1, 0)) * ge.tile(rest[0], (2, 1, 1)) + ge.sum(ge.square(ge.pad(first, 1)))

    def theirs(t):
        moved = t.permute(2, 0, 1)
        first, second, rest = torch.cat([moved, moved.flip((0, 1, 2))]).split([3, 2, 3])
        return second.roll(1, 0).square() * rest[0].tile((2, 1, 1)) + first.square().sum()

    like_torch(ours, theirs, np.random.default_rng(0).normal(size=(2, 3, 4)))
