"""What can be asked of a tensor in one number: is there a NaN, how large is it, how much of it is zero.

Each quantity is written once, in functions of an array namespace. So a tensor is reduced where it lives, and a compiled
step can compute the same numbers, as one more output of its graph (`measuring`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np

__all__ = ["QUANTITIES", "joined", "measure", "measure_all", "reduced"]

Reduction = Callable[[Any, Any], Any]


def _not_finite(xp: Any, x: Any) -> Any:
    return xp.logical_not(xp.isfinite(x))


def _infinite(xp: Any, x: Any) -> Any:
    return xp.logical_and(_not_finite(xp, x), xp.logical_not(xp.isnan(x)))


def _mean_of(xp: Any, mask: Any, like: Any) -> Any:
    return xp.mean(xp.astype(mask, like.dtype))


def _root(xp: Any, x: Any, combined: Reduction) -> Any:
    """Return the root of combined squares; of shares of the largest, they neither overflow nor underflow."""
    largest = xp.max(xp.abs(x))
    usable = xp.logical_and(xp.isfinite(largest), xp.not_equal(largest, xp.zeros_like(largest)))
    scale = xp.where(usable, largest, xp.ones_like(largest))
    return scale * xp.sqrt(combined(xp, xp.square(x / scale)))


def _rms(xp: Any, x: Any) -> Any:
    return _root(xp, x, lambda xp, squares: xp.mean(squares))


QUANTITIES: Mapping[str, tuple[str, Reduction]] = {
    "isnan": ("1 where there is a NaN", lambda xp, x: xp.any(xp.isnan(x))),
    "isinf": ("1 where there is an infinity", lambda xp, x: xp.any(_infinite(xp, x))),
    "isfinite": ("1 where all is finite", lambda xp, x: xp.all(xp.isfinite(x))),
    "nans": ("the share of NaN", lambda xp, x: _mean_of(xp, xp.isnan(x), x)),
    "infs": ("the share of infinities", lambda xp, x: _mean_of(xp, _infinite(xp, x), x)),
    "zeros": ("the share of exact zeros", lambda xp, x: _mean_of(xp, xp.equal(x, xp.zeros_like(x)), x)),
    "min": ("the smallest element", lambda xp, x: xp.min(x)),
    "max": ("the largest element", lambda xp, x: xp.max(x)),
    "abs_max": ("the largest magnitude", lambda xp, x: xp.max(xp.abs(x))),
    "abs_min": ("the smallest magnitude", lambda xp, x: xp.min(xp.abs(x))),
    "mean": ("the mean", lambda xp, x: xp.mean(x)),
    "std": ("the standard deviation", lambda xp, x: _rms(xp, x - xp.mean(x))),
    "rms": ("the root of the mean square", _rms),
    "norm": ("the Euclidean norm", lambda xp, x: _root(xp, x, lambda xp, squares: xp.sum(squares))),
}
"""Name, what it is, and how it is computed from a real floating tensor that has elements."""

EMPTY: Mapping[str, float] = {"isnan": 0.0, "isinf": 0.0, "isfinite": 1.0, "norm": 0.0}
"""Of a tensor without elements; all others are NaN there, for which no comparison holds."""


def reduced(xp: Any, array: Any, names: Collection[str]) -> list[Any]:
    """Compute quantities of any real array where it lives, each as a 0-d array there, of bool or of floats."""
    if not math.prod(array.shape):
        return [xp.asarray(EMPTY.get(name, math.nan), dtype=xp.float64) for name in names]
    wide = _widened(xp, array)
    return [QUANTITIES[name][1](xp, wide) for name in names]


def joined(xp: Any, numbers: Sequence[Any]) -> Any:
    """Put what was `reduced` into one vector of double precision."""
    return xp.stack([xp.astype(number, xp.float64) for number in numbers])


def measure(
    xp: Any, array: Any, names: Collection[str], to_numpy: Callable[[Any], Any] = np.asarray
) -> dict[str, float]:
    """Compute quantities of any real array on its device, which is waited for once.

    Examples
    --------
    >>> import numpy as np
    >>> measure(np, np.array([0.0, 3.0, -4.0, 0.0]), ["abs_max", "zeros", "norm", "isnan"])
    {'abs_max': 4.0, 'zeros': 0.5, 'norm': 5.0, 'isnan': 0.0}
    """
    (found,) = measure_all(xp, [(array, names)], to_numpy)
    return found


def measure_all(
    xp: Any, asked: Sequence[tuple[Any, Collection[str]]], to_numpy: Callable[[Any], Any] = np.asarray
) -> list[dict[str, float]]:
    """Compute quantities of several arrays on their device, which is waited for once, as they come together.

    Parameters
    ----------
    xp : namespace
    asked : sequence of (array, collection of str)
        What is looked at, and which quantities of it.
    to_numpy : callable, optional
        Brings an array of the namespace to NumPy.
    """
    numbers = [number for array, names in asked for number in reduced(xp, array, names)]
    read = iter(to_numpy(joined(xp, numbers)).tolist() if numbers else ())
    return [{name: next(read) for name in names} for _, names in asked]


def _widened(xp: Any, array: Any) -> Any:
    if array.dtype in (xp.float32, xp.float64):
        return array
    return xp.astype(array, xp.float32 if str(array.dtype).endswith("float16") else xp.float64)
