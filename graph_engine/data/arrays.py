"""What all of this package takes: arrays whose first dimension is the samples."""

from __future__ import annotations

from typing import Any

import numpy as np

from graph_engine.errors import DeclarationError, ShapeError

Array = np.ndarray[Any, Any]
Arrays = tuple[Array, ...]


def as_samples(arrays: tuple[Any, ...]) -> Arrays:
    """Return NumPy arrays that all hold the same number of samples."""
    if not arrays:
        raise DeclarationError("there are no arrays", "give at least one, samples along its first dimension")
    found = tuple(np.asarray(array) for array in arrays)
    if any(array.ndim == 0 for array in found):
        raise ShapeError("a number holds no samples", "give arrays with the samples along their first dimension")
    lengths = [len(array) for array in found]
    if len(set(lengths)) > 1:
        raise ShapeError(f"the arrays hold different numbers of samples: {', '.join(map(str, lengths))}")
    return found


def shuffled(count: int, *seed: int) -> Array:
    """Return the numbers below `count` in an order that follows from the seed."""
    return np.random.default_rng(seed).permutation(count)
