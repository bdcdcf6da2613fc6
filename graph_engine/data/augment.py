"""Augmentation: images changed at random, the same way in every run of the program."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graph_engine.data.arrays import Array, Arrays
from graph_engine.data.batches import Batches
from graph_engine.declaring import is_whole, refused
from graph_engine.errors import DTypeError, ShapeError

Change = Callable[[Array, np.random.Generator], Array]


@dataclass(frozen=True)
class Augmentation:
    """A random change of images; call it with images and a seed.

    Images are floats or integers (n, ..., height, width), such as NCHW or masks (n, height, width); the result has
    their shape and dtype. Each sample is changed by itself, all its channels together.
    """

    name: str
    settings: Mapping[str, float]
    change: Change = field(repr=False, compare=False)
    of_images: bool = True  # whether it needs a height and a width

    def __call__(self, images: Any, seed: int | Sequence[int] | np.random.Generator) -> Array:
        """Return changed images; the same ones for the same seed."""
        array = np.asarray(images)
        if array.ndim < (3 if self.of_images else 1):
            raise refused(f"images have shape (n, ..., height, width), not {array.shape}", kind=ShapeError)
        rows = np.expand_dims(array, tuple(range(1, 4 - array.ndim)))
        planes = rows.reshape(len(rows), int(np.prod(rows.shape[1:-2])), *rows.shape[-2:])
        changed = self.change(planes, np.random.default_rng(seed))
        return np.ascontiguousarray(changed, dtype=array.dtype).reshape(array.shape)


def random_flip(p: float = 0.5, axis: int = -1) -> Augmentation:
    """Mirror some of the images: left and right, or with `axis=-2` top and bottom.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.data.random_flip(p=1)([[[1, 2], [3, 4]]], seed=0).tolist()
    [[[2, 1], [4, 3]]]
    """
    if not 0 <= p <= 1 or axis not in (-1, -2):
        raise refused(f"a flip has a probability from 0 to 1, and axis -1 or -2, not {p!r} and {axis!r}")

    def change(images: Array, rng: np.random.Generator) -> Array:
        flipped = rng.random(len(images)) < p
        return np.where(flipped[:, None, None, None], np.flip(images, axis), images)

    return Augmentation("random_flip", {"p": p, "axis": axis}, change)


def random_crop(padding: int) -> Augmentation:
    """Shift images by up to `padding` pixels up or down, and left or right; zeros come in from outside.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.data.random_crop(padding=1)([[[1, 2], [3, 4]]], seed=2).tolist()
    [[[0, 3], [0, 0]]]
    """
    if not is_whole(padding):
        raise refused(f"padding is a number of pixels from 0 on, not {padding!r}")

    def change(images: Array, rng: np.random.Generator) -> Array:
        count, channels, height, width = images.shape
        padded = np.pad(images, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
        shifts = rng.integers(0, 2 * padding + 1, (2, count))
        rows = (shifts[0][:, None] + np.arange(height))[:, None, :, None]
        columns = (shifts[1][:, None] + np.arange(width))[:, None, None, :]
        samples, channel = np.arange(count)[:, None, None, None], np.arange(channels)[:, None, None]
        cropped: Array = padded[samples, channel, rows, columns]
        return cropped

    return Augmentation("random_crop", {"padding": padding}, change)


def random_rotate(degrees: float = 10.0) -> Augmentation:
    """Turn images about their middle by up to some degrees; zeros come in from outside.

    Floats are interpolated between the four nearest pixels, integers (masks) take the nearest.
    """
    if not 0 <= degrees <= 180:
        raise refused(f"images are turned by up to 0 to 180 degrees, not {degrees!r}")

    def change(images: Array, rng: np.random.Generator) -> Array:
        angles = np.deg2rad(rng.uniform(-degrees, degrees, len(images)))
        rows, columns = _turned(angles, *images.shape[-2:])
        if images.dtype.kind != "f":
            return _pixels(images, np.rint(rows).astype(int), np.rint(columns).astype(int))
        return _between(images, rows, columns)

    return Augmentation("random_rotate", {"degrees": degrees}, change)


def gaussian_noise(std: float = 0.1) -> Augmentation:
    """Add normal noise to each pixel, or to each number of samples of any other shape."""
    if not 0 <= std < np.inf:
        raise refused(f"noise has a deviation from 0 on, not {std!r}")

    def change(images: Array, rng: np.random.Generator) -> Array:
        if images.dtype.kind != "f":
            raise refused(f"noise is added to floats, not to {images.dtype}", 'images.astype("float32")', DTypeError)
        return images + rng.normal(0, std, images.shape)

    return Augmentation("gaussian_noise", {"std": std}, change, of_images=False)


def cutout(size: int) -> Augmentation:
    """Set a square of each image to zero; its middle lies anywhere in the image.

    References
    ----------
    T. DeVries and G. Taylor, "Improved regularization of convolutional neural networks with cutout", 2017.
    """
    if not is_whole(size, 1):
        raise refused(f"a square has a number of pixels from 1 on as its side, not {size!r}")

    def change(images: Array, rng: np.random.Generator) -> Array:
        inside = []
        for extent in images.shape[-2:]:
            start = rng.integers(0, extent, len(images))[:, None] - size // 2
            inside.append((np.arange(extent) >= start) & (np.arange(extent) < start + size))
        square = inside[0][:, None, :, None] & inside[1][:, None, None, :]
        return np.where(square, images.dtype.type(0), images)

    return Augmentation("cutout", {"size": size}, change)


class Augmented:
    """Batches whose images are changed at random; made by `augment`."""

    def __init__(
        self, batches: Batches, changes: Sequence[Augmentation], seed: int, arrays: Sequence[int]
    ) -> None:
        self.batches = batches
        self.changes = tuple(changes)
        self.seed = seed
        self.arrays = tuple(arrays)
        for change in self.changes:
            if not isinstance(change, Augmentation):
                raise refused(f"{change!r} is no augmentation", "such as ge.data.random_flip()")
        if any(number not in range(len(batches.arrays)) for number in self.arrays):
            raise refused(f"the batches have {len(batches.arrays)} arrays, not those numbered {self.arrays}")

    @property
    def epoch(self) -> int:
        """The number of the next pass."""
        return self.batches.epoch

    @epoch.setter
    def epoch(self, epoch: int) -> None:
        self.batches.epoch = epoch

    @property
    def position(self) -> int:
        """How many batches the next pass leaves out."""
        return self.batches.position

    @position.setter
    def position(self, position: int) -> None:
        self.batches.position = position

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        return len(self.batches)

    def __iter__(self) -> Iterator[Arrays]:
        epoch, start = self.epoch, self.position
        return self._epoch(epoch, start, iter(self.batches))

    def indices(self, epoch: int, number: int) -> Array:
        """Return which samples are in a batch, both counted from 0."""
        return self.batches.indices(epoch, number)

    def describe(self) -> dict[str, Any]:
        """Return what makes batches the same batches, if the arrays are the same."""
        changes = [[change.name, dict(change.settings)] for change in self.changes]
        return {**self.batches.describe(), "augment": changes, "augment_seed": self.seed, "arrays": self.arrays}

    def _epoch(self, epoch: int, start: int, batches: Iterator[Arrays]) -> Iterator[Arrays]:
        for number, batch in enumerate(batches, start):
            changed = list(batch)
            for place in self.arrays:
                for order, change in enumerate(self.changes):
                    changed[place] = change(changed[place], (self.seed, epoch, number, order))
            yield tuple(changed)

    def __repr__(self) -> str:
        return f"{self.batches!r} with {', '.join(change.name for change in self.changes)}"


def augment(
    batches: Batches, changes: Sequence[Augmentation], seed: int = 0, arrays: Sequence[int] = (0,)
) -> Augmented:
    """Change the images of batches at random: anew in each epoch, and the same in each run of the program.

    Parameters
    ----------
    batches : Batches
    changes : sequence of Augmentation
        Done one after the other: `random_flip(...)`, `random_crop(...)`, `random_rotate(...)`, `gaussian_noise(...)`,
        `cutout(...)`.
    seed : int
        What is drawn follows from it, the number of the epoch and that of the batch.
    arrays : sequence of int
        Which arrays of a batch are images; all of them are flipped, shifted and turned alike, such as an image and
        its mask.

    Returns
    -------
    Augmented
        Batches, as `batches` are.

    Examples
    --------
    >>> import graph_engine as ge
    >>> images, labels = [[[[1.0, 2.0]]]], [0]
    >>> data = ge.data.augment(ge.data.batches(images, labels, batch_size=1), [ge.data.random_flip(p=1)])
    >>> [x.tolist() for x, y in data]
    [[[[[2.0, 1.0]]]]]
    """
    return Augmented(batches, changes, seed, arrays)


def _turned(angles: Array, height: int, width: int) -> tuple[Array, Array]:
    """Return where the pixels of turned images come from: rows and columns (n, height, width)."""
    y, x = np.meshgrid(np.arange(height) - (height - 1) / 2, np.arange(width) - (width - 1) / 2, indexing="ij")
    cos, sin = np.cos(angles)[:, None, None], np.sin(angles)[:, None, None]
    return cos * y + sin * x + (height - 1) / 2, cos * x - sin * y + (width - 1) / 2


def _between(images: Array, rows: Array, columns: Array) -> Array:
    """Interpolate between the four nearest pixels."""
    top, left = np.floor(rows).astype(int), np.floor(columns).astype(int)
    down, right = (rows - top)[:, None], (columns - left)[:, None]
    above = _pixels(images, top, left) * (1 - right) + _pixels(images, top, left + 1) * right
    below = _pixels(images, top + 1, left) * (1 - right) + _pixels(images, top + 1, left + 1) * right
    mixed: Array = above * (1 - down) + below * down
    return mixed


def _pixels(images: Array, rows: Array, columns: Array) -> Array:
    """Return pixels by place (n, height, width), zero outside."""
    count, channels, height, width = images.shape
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    samples, channel = np.arange(count)[:, None, None, None], np.arange(channels)[:, None, None]
    rows, columns = np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)
    found: Array = np.where(inside[:, None], images[samples, channel, rows[:, None], columns[:, None]], 0)
    return found
