"""Checks of a backend by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from graph_engine.backend import Backend
from graph_engine.spec import DTYPES
from graph_engine.testing.arrays import bits, overwrite, with_gaps
from graph_engine.testing.expect import expect

Array = np.ndarray[Any, Any]


def _identity(backend: Backend) -> None:
    """It has a name, says what it runs on, and can run here."""
    expect(bool(backend.name), "a name", repr(backend.name))
    expect(isinstance(backend.describe(), str), "describe() to give a text", backend.describe())
    expect(backend.unavailable() is None, "a backend that can run here", backend.unavailable())


def _transfers(backend: Backend) -> None:
    """Arrays go up and come down unchanged, in every dtype, layout and size."""
    for dtype, array in _transferable(backend):
        for given in (array, array.T, array[::2], array[:0], array[1, 1], with_gaps(array)):
            up = backend.asarray(given)
            down = backend.to_numpy(up)
            expect(bits(down) == bits(given), f"{dtype}{given.shape} back as it went up", f"{down!r}")
            expect(backend.is_array(up), f"is_array to know its own {dtype} array", "False")
            expect(backend.dtype_name(up) == dtype, f"dtype_name to give {dtype}", backend.dtype_name(up))
            expect(tuple(up.shape) == given.shape, f"shape {given.shape}", up.shape)


def _copies(backend: Backend) -> None:
    """`asarray`, `copy` and `own` give arrays of their own memory."""
    for dtype, array in _transferable(backend):
        before = bits(array)
        up = backend.asarray(array)
        for name, other in (("copy", backend.copy(up)), ("own of a view", backend.own(up[1:, :]))):
            overwrite(other)
            expect(bits(backend.to_numpy(up)) == before, f"{name} of {dtype} to share no memory", "it does")
        overwrite(up)
        expect(bits(array) == before, f"asarray of {dtype} to share no memory with the NumPy array", "it does")


def _fresh(backend: Backend) -> None:
    """`empty` has the shape and dtype asked for."""
    for dtype, _ in _transferable(backend):
        made = backend.empty((2, 0, 3), dtype)
        came = f"{backend.dtype_name(made)}{tuple(made.shape)}"
        expect(came == f"{dtype}(2, 0, 3)", f"{dtype}(2, 0, 3)", came)


def _foreign(backend: Backend) -> None:
    """What is no array of it is not taken for one."""
    for value in (1.0, [1.0], "text", None):
        expect(not backend.is_array(value), f"is_array({value!r}) to be False", "True")


def _transferable(backend: Backend) -> Iterator[tuple[str, Array]]:
    for dtype in DTYPES:
        if dtype != "float16" or "float16" in backend.abilities:
            yield dtype, (np.arange(12).reshape(3, 4) % 5).astype(dtype)


OF_BACKEND: dict[str, Callable[[Backend], None]] = {
    "identity": _identity,
    "transfers": _transfers,
    "copies": _copies,
    "empty": _fresh,
    "foreign": _foreign,
}
