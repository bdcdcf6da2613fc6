"""Small synthetic images of simple shapes, with what segmentation, detection and classification want to know."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from graph_engine.data.arrays import Array, check_counts
from graph_engine.declaring import refused

_TRIES = 50  # to find room for a shape


@dataclass(frozen=True)
class Shapes:
    """Images of shapes. See `shapes`.

    Attributes
    ----------
    images : numpy.ndarray
        float32 (samples, 1, size, size): dark background, bright shapes, noise.
    masks : numpy.ndarray
        int64 (samples, size, size): 0 background, else 1 + the class of the shape there.
    boxes : numpy.ndarray
        float32 (samples, most, 4): left, top, right, bottom in pixels, the last two just outside; 0 where there is
        no shape.
    classes : numpy.ndarray
        int64 (samples, most): the place in `names`; -1 where there is no shape.
    names : tuple of str
    """

    images: Array
    masks: Array
    boxes: Array
    classes: Array
    names: tuple[str, ...]


def shapes(samples: int, size: int = 32, most: int = 1, noise: float = 0.05, seed: int = 0) -> Shapes:
    """Draw discs, squares and triangles of different size and brightness at random places; none covers another.

    Parameters
    ----------
    samples : int
    size : int
        Height and width of an image, at least 16.
    most : int
        Each image has from 1 to so many shapes, as far as there is room.
    noise : float
        Deviation of the normal noise on each pixel.
    seed : int

    Examples
    --------
    >>> import graph_engine as ge
    >>> data = ge.data.shapes(10, size=32, most=2)
    >>> data.images.shape, data.masks.shape, data.boxes.shape, data.names
    ((10, 1, 32, 32), (10, 32, 32), (10, 2, 4), ('disc', 'square', 'triangle'))
    """
    check_counts(0, samples=samples)
    check_counts(16, size=size)
    check_counts(1, most=most)
    if not 0 <= noise < np.inf:
        raise refused(f"noise has a deviation from 0 on, not {noise!r}")
    rng = np.random.default_rng(seed)
    images, masks = np.full((samples, size, size), 0.1), np.zeros((samples, size, size), "int64")
    boxes, classes = np.zeros((samples, most, 4), "float32"), np.full((samples, most), -1, "int64")
    for sample in range(samples):
        for place in range(rng.integers(1, most + 1)):
            kind = int(rng.integers(len(_KINDS)))
            pixels = _place(masks[sample], kind, rng)
            if pixels is None:
                break  # no room for more
            images[sample][pixels] = rng.uniform(0.5, 1)
            masks[sample][pixels] = kind + 1
            boxes[sample, place], classes[sample, place] = _box(pixels), kind
    noisy = images + rng.normal(0, noise, images.shape)
    return Shapes(noisy[:, None].astype("float32"), masks, boxes, classes, tuple(_KINDS))


def _place(mask: Array, kind: int, rng: np.random.Generator) -> Array | None:
    """Return the pixels of a new shape that touches no other one."""
    size = len(mask)
    draw = list(_KINDS.values())[kind]
    for _ in range(_TRIES):
        radius = rng.uniform(size / 8, size / 5)
        y, x = rng.uniform(radius + 1, size - radius - 2, 2)
        rows, columns = np.ogrid[:size, :size]
        left, top, right, bottom = (int(v) for v in (x - radius - 1, y - radius - 1, x + radius + 3, y + radius + 3))
        if not mask[max(top, 0) : bottom, max(left, 0) : right].any():
            return draw((rows - y) / radius, (columns - x) / radius)
    return None


def _box(pixels: Array) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(pixels.any(1)), np.flatnonzero(pixels.any(0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _disc(y: Array, x: Array) -> Array:
    return np.asarray(x**2 + y**2 <= 1)


def _square(y: Array, x: Array) -> Array:
    return np.asarray((np.abs(x) <= 0.9) & (np.abs(y) <= 0.9))


def _triangle(y: Array, x: Array) -> Array:
    return np.asarray((np.abs(y) <= 1) & (np.abs(x) <= (y + 1) / 2))


_KINDS: dict[str, Callable[[Array, Array], Array]] = {"disc": _disc, "square": _square, "triangle": _triangle}
