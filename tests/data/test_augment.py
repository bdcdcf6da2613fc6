"""Augmentation: what each change does, and that it is the same in each run."""

import numpy as np
import pytest

import graph_engine as ge
from graph_engine import data

IMAGES = np.random.default_rng(0).normal(size=(20, 3, 8, 6)).astype("float32")
MAKERS = {
    "flip": lambda: data.random_flip(),
    "crop": lambda: data.random_crop(padding=2),
    "rotate": lambda: data.random_rotate(20),
    "noise": lambda: data.gaussian_noise(0.1),
    "cutout": lambda: data.cutout(3),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_shape_and_dtype_stay_and_a_seed_says_all(make):
    change, before = make(), IMAGES.copy()
    one, same, other = change(IMAGES, 1), change(IMAGES, 1), change(IMAGES, 2)
    assert one.shape == IMAGES.shape and one.dtype == IMAGES.dtype
    assert np.array_equal(one, same) and not np.array_equal(one, other)
    assert np.array_equal(IMAGES, before) and not np.shares_memory(one, IMAGES)
    assert change(IMAGES[:0], 1).shape == (0, 3, 8, 6)


@pytest.mark.parametrize("axis", [-1, -2])
def test_about_half_are_flipped(axis):
    images = np.repeat(IMAGES, 20, 0)
    flipped = data.random_flip(axis=axis)(images, 0)
    is_flipped = [np.array_equal(a, np.flip(b, axis)) for a, b in zip(flipped, images, strict=True)]
    stayed = [np.array_equal(a, b) for a, b in zip(flipped, images, strict=True)]
    assert all(np.logical_xor(is_flipped, stayed)) and 160 < sum(is_flipped) < 240


def test_a_crop_is_a_shift_by_up_to_the_padding():
    cropped = data.random_crop(padding=2)(IMAGES, 0)
    padded = np.pad(IMAGES, ((0, 0), (0, 0), (2, 2), (2, 2)))
    places = set()
    for image, wide in zip(cropped, padded, strict=True):
        found = [(i, j) for i in range(5) for j in range(5) if np.array_equal(wide[:, i : i + 8, j : j + 6], image)]
        assert len(found) == 1  # and all channels together
        places.add(found[0])
    assert len(places) > 8


def test_turning_against_scipy():
    ndimage = pytest.importorskip("scipy.ndimage")
    images = np.random.default_rng(0).random((5, 1, 9, 9))
    angles = np.random.default_rng(3).uniform(-30, 30, 5)
    turned = data.random_rotate(30)(images, 3)
    for image, angle, ours in zip(images[:, 0], angles, turned[:, 0], strict=True):
        theirs = ndimage.rotate(image, angle, reshape=False, order=1)
        np.testing.assert_allclose(ours[2:-2, 2:-2], theirs[2:-2, 2:-2], atol=1e-12)


def test_masks_are_turned_to_the_nearest_pixel():
    masks = np.random.default_rng(0).integers(0, 4, (6, 9, 9))
    turned = data.random_rotate(45)(masks, 0)
    assert turned.dtype == masks.dtype and set(np.unique(turned)) <= {0, 1, 2, 3}
    assert np.array_equal(turned[:, 4, 4], masks[:, 4, 4])


def test_noise_and_cutout():
    noise = data.gaussian_noise(0.5)(IMAGES, 0) - IMAGES
    assert abs(noise.std() - 0.5) < 0.02 and abs(noise.mean()) < 0.02
    points = data.gaussian_noise(0.5)(np.zeros((400, 2)), 0)
    assert points.shape == (400, 2) and abs(points.std() - 0.5) < 0.05
    cut = data.cutout(3)(np.ones((50, 2, 8, 8)), 0)
    assert np.array_equal(cut[:, 0], cut[:, 1])
    holes = (cut[:, 0] == 0).sum((1, 2))
    assert holes.max() == 9 and holes.min() >= 4


def batches(seed=0):
    masks = (IMAGES[:, 0] > 0).astype("int64")
    changes = [data.random_flip(), data.random_crop(padding=1)]
    return data.augment(data.batches(IMAGES, masks, np.arange(20), batch_size=6), changes, seed, arrays=(0, 1))


def test_each_epoch_differs_and_each_run_is_the_same():
    one, other = batches(), batches()
    first, second = list(one), list(one)
    assert [np.array_equal(a[0], b[0]) for a, b in zip(first, list(other), strict=True)] == [True] * 4
    assert not np.array_equal(first[0][0], second[0][0])
    assert not np.array_equal(next(iter(batches(1)))[0], first[0][0])


def test_images_and_masks_are_changed_alike():
    for images, masks, numbers in batches():
        inside = images[:, 0] != 0  # zeros came in from outside
        assert np.array_equal((images[:, 0] > 0)[inside], (masks > 0)[inside])
        assert not np.array_equal(images, IMAGES[numbers])


def test_going_on_in_the_middle_of_an_epoch():
    whole, resumed = batches(), batches()
    _, expected = list(whole), list(whole)
    resumed.epoch, resumed.position = 1, 2
    rest = list(resumed)
    assert len(rest) == 2
    for one, other in zip(rest, expected[2:], strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
    assert (resumed.epoch, resumed.position, len(list(resumed))) == (2, 0, 4)


@pytest.mark.parametrize(
    "use, match",
    [
        (lambda: data.random_flip(p=2), "a flip"),
        (lambda: data.random_flip(axis=0), "a flip"),
        (lambda: data.random_crop(padding=-1), "padding"),
        (lambda: data.random_rotate(200), "degrees"),
        (lambda: data.gaussian_noise(np.nan), "noise"),
        (lambda: data.cutout(0), "square"),
        (lambda: data.random_flip()(np.ones((3, 4)), 0), r"images have shape .*, not \(3, 4\)"),
        (lambda: data.gaussian_noise()(np.ones((1, 3, 4), int), 0), "added to floats, not to int64"),
        (lambda: data.augment(data.batches(IMAGES, batch_size=2), [data.random_flip]), "no augmentation"),
        (lambda: data.augment(data.batches(IMAGES, batch_size=2), [], arrays=[1]), "have 1 arrays"),
    ],
)
def test_wrong_use(use, match):
    with pytest.raises(ge.GraphEngineError, match=match):
        use()
