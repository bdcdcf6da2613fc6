"""The NumPy backend."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from graph_engine import Backend, Primitive
from graph_engine.spec import NUMPY_DTYPES
from graph_engine_numpy.kernels import KERNELS, OUT_KERNELS


class NumpyBackend(Backend):
    """NumPy on the CPU."""

    name = "numpy"
    xp = np
    abilities = frozenset({"float16", "out", "deterministic"})

    def describe(self) -> str:
        """Return NumPy's version."""
        return f"CPU, NumPy {np.__version__}"

    def asarray(self, array: np.ndarray[Any, Any]) -> Any:
        """Copy an array, in C order."""
        return np.array(array, order="C")

    def is_array(self, value: Any) -> bool:
        """Return whether this is a NumPy array of a dtype of the engine."""
        return type(value) is np.ndarray and value.dtype.kind in "biuf"

    def copy(self, array: Any) -> Any:
        """Return an array that shares no memory with this one, in C order."""
        return np.array(array, order="C")

    def contiguous(self, array: Any) -> Any:
        """Return the array in C order, itself where it is."""
        return array if array.flags.c_contiguous else np.array(array, order="C")

    def own(self, result: Any) -> Any:
        """Return the result itself where it holds its memory alone; scalars become arrays."""
        if type(result) is np.ndarray and result.base is None and result.flags.writeable:
            return result
        return np.array(result)

    def conforms(self, array: Any, shape: tuple[int, ...], dtype: str) -> bool:
        """Return whether a kernel's result is an array (or NumPy's scalar) of this shape and dtype."""
        is_array = isinstance(array, (np.ndarray, np.generic))
        return is_array and array.shape == shape and array.dtype == NUMPY_DTYPES[dtype]

    def empty(self, shape: tuple[int, ...], dtype: str) -> Any:
        """Return an array to write into."""
        return np.empty(shape, dtype)

    def kernel(self, primitive: Primitive) -> Callable[..., Any]:
        """Return NumPy's own function where there is one."""
        make = KERNELS.get(primitive.name)
        return make(primitive) if make is not None else super().kernel(primitive)

    def out_kernel(self, primitive: Primitive) -> Callable[..., Any] | None:
        """Return NumPy's own function where it takes the array to write into last."""
        make = OUT_KERNELS.get(primitive.name)
        return make(primitive) if make is not None else None

    def all_finite(self, arrays: Sequence[Any]) -> bool:
        """Return whether all numbers are finite: a sum of squares is, unless it overflows, which is looked into."""
        for array in arrays:
            summed = array.dtype.char in "fd" and math.isfinite(np.vdot(array, array))
            if not summed and not np.isfinite(array).all():
                return False
        return True

    def running(self) -> AbstractContextManager[Any]:
        """Compute with NaN and infinity in silence: traces and guards are there to find them."""
        return np.errstate(all="ignore")
