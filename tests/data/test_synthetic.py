"""Toy data, shapes and sequences: what they promise, and the same in each run."""

import numpy as np
import pytest

import graph_engine as ge
from graph_engine import data

TOYS = [getattr(data.toy, name) for name in data.toy.__all__]


@pytest.mark.parametrize("make", TOYS, ids=data.toy.__all__)
def test_toy_data_are_points_and_classes(make):
    x, y = make(samples=101, seed=3)
    again, other = make(samples=101, seed=3), make(samples=101, seed=4)
    assert x.shape == (101, 2) and x.dtype == np.float32 and y.shape == (101,) and y.dtype == np.int64
    assert np.array_equal(x, again[0]) and np.array_equal(y, again[1]) and not np.array_equal(x, other[0])
    counts = np.bincount(y)
    assert counts.min() > 30 and np.isfinite(x).all()


def radius(x):
    return np.hypot(*x.T)


def test_without_noise_toys_are_what_they_say():
    x, y = data.toy.circles(noise=0, factor=0.3)
    np.testing.assert_allclose(radius(x), np.where(y == 0, 1, 0.3), rtol=1e-6)
    x, y = data.toy.xor(noise=0)
    assert np.array_equal(x[:, 0] != x[:, 1], y == 1) and len(np.unique(x, axis=0)) == 4
    x, y = data.toy.checker(noise=0, fields=3)
    assert np.array_equal((x * 3).astype(int).sum(1) % 2, y)
    x, y = data.toy.moons(noise=0)
    np.testing.assert_allclose(radius(np.where(y[:, None] == 0, x, x - [1, 0.5])), 1, rtol=1e-6)
    assert np.all(np.where(y == 0, x[:, 1] >= 0, x[:, 1] <= 0.5))
    x, y = data.toy.blobs(noise=0, classes=4)
    assert len(np.unique(x.round(5), axis=0)) == 4
    x, y = data.toy.spirals(noise=0, classes=3)
    angle = np.angle(x[:, 0] + 1j * x[:, 1]) - 2 * np.pi * (radius(x) + y / 3)
    np.testing.assert_allclose(np.cos(angle), 1, atol=1e-4)


@pytest.mark.parametrize("arguments", [{"samples": 0}, {"samples": 2.5}, {"noise": -1}, {"noise": np.nan}])
@pytest.mark.parametrize("make", TOYS, ids=data.toy.__all__)
def test_toys_that_are_none(make, arguments):
    with pytest.raises(ge.DeclarationError):
        make(**arguments)


def test_shapes_masks_boxes_and_classes_fit_together():
    found = data.shapes(40, size=24, most=3, noise=0.02, seed=1)
    assert found.images.shape == (40, 1, 24, 24) and found.images.dtype == np.float32
    assert set(found.classes.ravel()) == {-1, 0, 1, 2}
    for image, mask, boxes, classes in zip(found.images, found.masks, found.boxes, found.classes, strict=True):
        assert (mask == 0).any() and image[0][mask > 0].min() > 0.4 > 0.2 > image[0][mask == 0].max()
        seen = np.zeros_like(mask)
        assert classes[0] >= 0
        for (left, top, right, bottom), kind in zip(boxes.astype(int), classes, strict=True):
            if kind < 0:
                assert (left, top, right, bottom) == (0, 0, 0, 0)
                continue
            part = mask[top:bottom, left:right]
            assert set(np.unique(part)) <= {0, kind + 1}  # no other shape reaches in
            assert all(edge.any() for edge in (part[0], part[-1], part[:, 0], part[:, -1]))  # the box is tight
            seen[top:bottom, left:right] = part
        assert np.array_equal(seen, mask)


def test_shapes_follow_from_the_seed():
    one, same, other = (data.shapes(5, seed=seed).images for seed in (1, 1, 2))
    assert np.array_equal(one, same) and not np.array_equal(one, other)
    assert data.shapes(0).images.shape == (0, 1, 32, 32)


@pytest.mark.parametrize("arguments", [{"samples": -1}, {"size": 8}, {"most": 0}, {"noise": -0.1}])
def test_shapes_that_are_none(arguments):
    with pytest.raises(ge.DeclarationError):
        data.shapes(**{"samples": 2, **arguments})


def test_sequences():
    inputs, targets = data.sequences.recall(50, 12, symbols=3)
    assert inputs.shape == (50, 12) and np.array_equal(targets, inputs[:, 0]) and set(inputs.ravel()) == {1, 2, 3}
    inputs, targets = data.sequences.copy(50, 5, delay=3)
    assert np.array_equal(inputs[:, :5], targets[:, 3:]) and not inputs[:, 5:].any() and not targets[:, :3].any()
    inputs, targets = data.sequences.sort(50, 6)
    assert np.array_equal(np.sort(inputs, 1), targets) and inputs.dtype == np.int64
    assert np.array_equal(inputs, data.sequences.sort(50, 6)[0])


@pytest.mark.parametrize("arguments", [{"length": 0}, {"symbols": 0}, {"samples": -1}, {"delay": -1}])
def test_sequences_that_are_none(arguments):
    with pytest.raises(ge.DeclarationError):
        data.sequences.copy(**{"samples": 3, "length": 4, **arguments})
