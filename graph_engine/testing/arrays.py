"""Arrays as the checks need them: their bits, in other layouts, overwritten."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def bits(array: Array) -> tuple[str, tuple[int, ...], bytes]:
    """Return what two arrays have in common if they are the same to the bit."""
    array = np.asarray(array)
    return array.dtype.name, array.shape, array.tobytes()


def with_gaps(array: Array) -> Array:
    """Return the same numbers with gaps between them, from the last to the first in memory."""
    if not array.ndim:
        return array
    wide = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)
    view = wide[..., ::-2]
    view[...] = array
    return view


def overwrite(array: Any) -> bool:
    """Write other numbers into an array, if one can."""
    try:
        array[...] = True if str(array.dtype).endswith("bool") else 77
    except (TypeError, ValueError, RuntimeError):
        return False
    return True
