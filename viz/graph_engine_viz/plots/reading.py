"""Reading what figures are given: arrays of the shape that is asked for, or a refusal in the user's words."""

from __future__ import annotations

from collections.abc import Sized
from typing import Any

import numpy as np

from graph_engine.errors import DTypeError, LookupFailed, ShapeError

Array = np.ndarray[Any, Any]


def numbers(what: str, value: Any, *shape: int | str) -> Array:
    """Return an array of floats of a shape; a letter in it stands for any size.

    >>> numbers("points", [[1, 2], [3, 4]], "n", 2).tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    """
    try:
        array = np.asarray(value, float)
    except (TypeError, ValueError) as error:
        raise DTypeError(f"{what}: these are no numbers in an array of shape {_written(shape)} ({error})") from None
    if array.ndim != len(shape) or any(isinstance(n, int) and n != size for n, size in zip(shape, array.shape)):
        raise ShapeError(f"{what}: the shape is {_written(shape)}, not {array.shape}")
    return array


def ids(what: str, value: Any, known: Sized | None = None) -> Array:
    """Return class ids from 0, of shape (n,), each of which has a name where there are names."""
    given = np.asarray(value).ravel()
    if given.dtype.kind not in "iubf" or not (np.isfinite(given) & (given == np.round(given))).all():
        raise DTypeError(f"{what}: class ids are whole numbers, not {given.tolist()[:5]}")
    found = given.astype(int)
    if found.min(initial=0) < 0:
        raise LookupFailed(f"{what}: class ids are counted from 0, but here is {found.min()}")
    if known is not None and found.max(initial=-1) >= len(known):
        raise LookupFailed(f"{what}: here is id {found.max()}, but there are {len(known)} names")
    return found


def together(what: str, *arrays: Any) -> None:
    """Refuse arrays of which not all have the same length."""
    lengths = [len(array) for array in arrays]
    if len(set(lengths)) > 1:
        raise ShapeError(f"{what} belong together, but there are {' and '.join(map(str, lengths))}")


def some(what: str, given: Sized) -> None:
    """Refuse nothing at all."""
    if not len(given):
        raise ShapeError(f"there are no {what} to draw")


def _written(shape: tuple[int | str, ...]) -> str:
    return f"({shape[0]},)" if len(shape) == 1 else f"({', '.join(map(str, shape))})"
