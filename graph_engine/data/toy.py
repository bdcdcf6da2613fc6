"""Toy data in the plane: points (samples, 2) as float32, classes (samples,) as int64, all from a seed.

Examples
--------
>>> import graph_engine as ge
>>> x, y = ge.data.toy.moons(samples=100, noise=0.1, seed=3)
>>> x.shape, x.dtype.name, y.tolist().count(1)
((100, 2), 'float32', 50)
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graph_engine.data.arrays import Array
from graph_engine.declaring import is_whole, refused

__all__ = ["blobs", "checker", "circles", "moons", "spirals", "xor"]

Points = tuple[Array, Array]


def moons(samples: int = 200, noise: float = 0.1, seed: int = 0) -> Points:
    """Two half circles that reach into each other."""
    rng, y = _begin(samples, 2, noise, seed)
    angle = rng.uniform(0, math.pi, samples)
    upper = np.stack([np.cos(angle), np.sin(angle)], 1)
    lower = np.stack([1 - np.cos(angle), 0.5 - np.sin(angle)], 1)
    return _end(np.where(y[:, None] == 0, upper, lower), y, noise, rng)


def circles(samples: int = 200, noise: float = 0.05, factor: float = 0.5, seed: int = 0) -> Points:
    """A circle of radius 1 (class 0), and in it one of radius `factor`."""
    rng, y = _begin(samples, 2, noise, seed)
    angle, radius = rng.uniform(0, 2 * math.pi, samples), np.where(y == 0, 1, factor)
    return _end(_polar(radius, angle), y, noise, rng)


def spirals(samples: int = 200, noise: float = 0.02, classes: int = 2, turns: float = 1.0, seed: int = 0) -> Points:
    """Arms that wind about the origin, one for each class."""
    rng, y = _begin(samples, classes, noise, seed)
    along = np.sqrt(rng.uniform(0.01, 1, samples))  # evenly dense
    return _end(_polar(along, 2 * math.pi * (turns * along + y / classes)), y, noise, rng)


def blobs(samples: int = 200, noise: float = 0.3, classes: int = 3, seed: int = 0) -> Points:
    """Normal clouds, their middles on a circle of radius 1."""
    rng, y = _begin(samples, classes, noise, seed)
    return _end(_polar(np.ones(samples), 2 * math.pi * y / classes), y, noise, rng)


def xor(samples: int = 200, noise: float = 0.2, seed: int = 0) -> Points:
    """Clouds at the corners (0, 0), (0, 1), (1, 0), (1, 1); class 1 where the two differ."""
    rng, corner = _begin(samples, 4, noise, seed)
    x = np.stack([corner // 2, corner % 2], 1)
    return _end(x, x[:, 0] ^ x[:, 1], noise, rng)


def checker(samples: int = 400, noise: float = 0.0, fields: int = 4, seed: int = 0) -> Points:
    """Points all over the square from 0 to 1, in the colours of a board with `fields` times `fields` fields."""
    rng, _ = _begin(samples, max(fields, 1), noise, seed)
    x = rng.uniform(0, 1, (samples, 2))
    return _end(x, np.floor(x * fields).astype(np.int64).sum(1) % 2, noise, rng)


def _begin(samples: int, classes: int, noise: float, seed: int) -> tuple[np.random.Generator, Array]:
    """Return a generator, and classes that are equally frequent, up to one sample, in a random order."""
    for what, number in (("samples", samples), ("classes", classes)):
        if not is_whole(number, 1):
            raise refused(f"the number of {what} is 1 or more, not {number!r}")
    if not 0 <= noise < math.inf:
        raise refused(f"noise has a deviation from 0 on, not {noise!r}")
    rng = np.random.default_rng(seed)
    return rng, rng.permutation(np.arange(samples) % classes).astype(np.int64)


def _polar(radius: Any, angle: Any) -> Array:
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1)


def _end(x: Array, y: Array, noise: float, rng: np.random.Generator) -> Points:
    return (x + rng.normal(0, noise, x.shape)).astype("float32"), y
