"""What all of this package takes: arrays whose first dimension is the samples."""

from __future__ import annotations

from typing import Any

import numpy as np

from graph_engine.declaring import is_whole, refused
from graph_engine.errors import ShapeError

Array = np.ndarray[Any, Any]
Arrays = tuple[Array, ...]


def as_samples(arrays: tuple[Any, ...]) -> Arrays:
    """Return NumPy arrays that all hold the same number of samples."""
    if not arrays:
        raise refused("there are no arrays", "give at least one, samples along its first dimension")
    found = tuple(np.asarray(array) for array in arrays)
    if any(array.ndim == 0 for array in found):
        raise refused("a number holds no samples", "give arrays with samples along their first dimension", ShapeError)
    lengths = [len(array) for array in found]
    if len(set(lengths)) > 1:
        raise refused(f"the arrays hold different numbers of samples: {', '.join(map(str, lengths))}", kind=ShapeError)
    return found


def check_seed(seed: Any) -> int:
    """Return a seed, if it is one."""
    if not is_whole(seed):
        raise refused(f"a seed is an integer from 0 on, not {seed!r}")
    return int(seed)


def check_counts(least: int, **numbers: Any) -> None:
    """Refuse what is no number of things."""
    for what, number in numbers.items():
        if not is_whole(number, least):
            raise refused(f"{what} is a number from {least} on, not {number!r}")


def shuffled(count: int, *seed: int) -> Array:
    """Return the numbers below `count` in an order that follows from the seed."""
    return np.random.default_rng([check_seed(number) for number in seed]).permutation(count)
