"""The CuPy backend. It imports without CuPy and without a GPU; whether it can run is asked by `unavailable`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any

import numpy as np

from graph_engine import Backend, Primitive
from graph_engine_cupy.kernels import kernel_for, out_kernel_for

_INSTALL = 'pip install "graph-engine[cuda12]" (or cuda13) installs it'


class CupyBackend(Backend):
    """CuPy on the current CUDA device.

    Parameters
    ----------
    deterministic : bool
        Whether sums at repeated places (the gradient of an embedding) are the same bits in every run. By default they
        use atomic additions, which is faster, and whose order of summation is not fixed.
    """

    name = "cupy"
    abilities = frozenset({"float16", "out"})

    def __init__(self, deterministic: bool = False) -> None:
        self.deterministic = deterministic
        if deterministic:
            self.abilities = self.abilities | {"deterministic"}

    @classmethod
    def unavailable(cls) -> str | None:
        """Return why CuPy cannot run here: `import cupy` succeeds without CUDA, so the device is asked."""
        try:
            import cupy
        except ImportError:
            return f"CuPy is not installed; {_INSTALL}"
        try:
            return None if cupy.cuda.is_available() else "no CUDA device was found"
        except Exception as error:  # a driver that is there, but broken
            return f"CUDA does not answer: {error}"

    @cached_property
    def _cupy(self) -> Any:
        import cupy

        return cupy

    @cached_property
    def xp(self) -> Any:
        """CuPy as an array-API namespace."""
        import array_api_compat.cupy

        return array_api_compat.cupy

    def describe(self) -> str:
        """Return the GPU's name and CuPy's version."""
        properties = self._cupy.cuda.runtime.getDeviceProperties(self._cupy.cuda.Device().id)
        mode = "deterministic" if self.deterministic else "not deterministic where places repeat"
        return f"{properties['name'].decode()}, CuPy {self._cupy.__version__}, {mode}"

    def reproducible(self) -> CupyBackend:
        """Return the deterministic backend."""
        return self if self.deterministic else CupyBackend(deterministic=True)

    def asarray(self, array: np.ndarray[Any, Any]) -> Any:
        """Upload an array."""
        return self._cupy.asarray(np.ascontiguousarray(array).reshape(np.shape(array)), order="C", blocking=True)

    def to_numpy(self, array: Any) -> np.ndarray[Any, Any]:
        """Download an array."""
        return np.asarray(self._cupy.asnumpy(array))

    def is_array(self, value: Any) -> bool:
        """Return whether this is a CuPy array on the current device."""
        return isinstance(value, self._cupy.ndarray) and value.device == self._cupy.cuda.Device()

    def dtype_name(self, array: Any) -> str:
        """Return the dtype's name."""
        return str(array.dtype.name)

    def copy(self, array: Any) -> Any:
        """Return an array that shares no memory with this one, in C order."""
        return self._cupy.array(array, copy=True, order="C")

    def contiguous(self, array: Any) -> Any:
        """Return the array in C order, itself where it is."""
        return self._cupy.ascontiguousarray(array) if array.ndim else array

    def own(self, result: Any) -> Any:
        """Return the result itself where it holds its memory alone."""
        if isinstance(result, self._cupy.ndarray) and result.base is None:
            return result
        return self.copy(result)

    def empty(self, shape: tuple[int, ...], dtype: str) -> Any:
        """Return an array to write into."""
        return self._cupy.empty(shape, dtype)

    def kernel(self, primitive: Primitive) -> Callable[..., Any]:
        """Return CuPy's own function where there is one."""
        return kernel_for(self._cupy, primitive, self.deterministic) or super().kernel(primitive)

    def out_kernel(self, primitive: Primitive) -> Callable[..., Any] | None:
        """Return CuPy's own function where it takes the array to write into last."""
        return out_kernel_for(self._cupy, primitive)

    def running(self) -> AbstractContextManager[Any]:
        """Compute with NaN and infinity in silence, on one device."""
        context: AbstractContextManager[Any] = self._cupy.cuda.Device()
        return context

    def synchronize(self) -> None:
        """Wait for the GPU."""
        self._cupy.cuda.get_current_stream().synchronize()
