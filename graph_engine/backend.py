"""What a backend must offer: where arrays live, and the kernels it does better than the generic ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from graph_engine.primitive import Primitive

Kernel = Callable[..., Any]


class Backend:
    """An array-API namespace and its device. Subclass it; only `name` and `xp` are needed.

    Attributes
    ----------
    name : str
        The word given to `ge.Engine`.
    xp : module
        A namespace that follows the Python array API standard.
    abilities : frozenset of str
        What it can do besides the standard: `"float16"`, `"out"`, `"deterministic"`, ...

    Examples
    --------
    >>> import array_api_strict
    >>> import graph_engine as ge
    >>> class Strict(ge.Backend):
    ...     name = "strict"
    ...     xp = array_api_strict
    >>> float(ge.Engine(Strict()).run(ge.constant(1.0) + 2.0, {}))
    3.0
    """

    name: str = ""
    xp: Any = None
    abilities: frozenset[str] = frozenset()

    @classmethod
    def unavailable(cls) -> str | None:
        """Return why it cannot run on this machine, or None where it can."""
        return None

    def describe(self) -> str:
        """Return the device in words."""
        return "CPU"

    # ---- arrays ------------------------------------------------------------------------------------------------

    def asarray(self, array: np.ndarray[Any, Any]) -> Any:
        """Upload a NumPy array; the result is the backend's own and shares no memory with it."""
        return self.xp.asarray(np.array(array, order="C"))

    def to_numpy(self, array: Any) -> np.ndarray[Any, Any]:
        """Download an array; the result may share memory with it."""
        return np.asarray(array)

    def is_array(self, value: Any) -> bool:
        """Return whether this is an array of this backend and its device."""
        return isinstance(value, type(self.xp.zeros(())))

    def dtype_name(self, array: Any) -> str:
        """Return the dtype of one of its arrays as this library writes it."""
        return str(array.dtype).rpartition(".")[2]

    def copy(self, array: Any) -> Any:
        """Return an array that shares no memory with this one, in C order."""
        return self.xp.asarray(array, copy=True)

    def contiguous(self, array: Any) -> Any:
        """Return the array in C order, itself where it is: layouts decide in which order numbers are summed."""
        return array

    def own(self, result: Any) -> Any:
        """Return a kernel's result as an array that nobody else holds: a copy, where it is a view.

        It is also asked to make arrays of the scalars that some namespaces return.
        """
        return self.copy(result)

    def conforms(self, array: Any, shape: tuple[int, ...], dtype: str) -> bool:
        """Return whether a kernel's result is an array of this shape and dtype."""
        return getattr(array, "shape", None) == shape and self.dtype_name(array) == dtype

    def empty(self, shape: tuple[int, ...], dtype: str) -> Any:
        """Return an array to write into."""
        return self.xp.empty(shape, dtype=getattr(self.xp, dtype))

    # ---- computing ---------------------------------------------------------------------------------------------

    def kernel(self, primitive: Primitive) -> Kernel:
        """Return what computes a primitive, called with the arrays alone."""
        return primitive.lowered(self)

    def out_kernel(self, primitive: Primitive) -> Kernel | None:
        """Return what computes it into an array given last, or None where there is no such thing.

        For an elementwise primitive that array may be one of the inputs.
        """
        return None

    def all_finite(self, arrays: Sequence[Any]) -> bool:
        """Return whether no number in these real arrays is NaN or infinite; the device is waited for once."""
        xp = self.xp
        found = [xp.all(xp.isfinite(array)) for array in arrays]
        return bool(xp.all(xp.stack(found))) if found else True

    def reproducible(self) -> Backend:
        """Return a backend on the same device whose kernels give the same bits each time, as far as it has such."""
        return self

    def running(self) -> AbstractContextManager[Any]:
        """Return what surrounds each run (the device, the treatment of floating-point warnings)."""
        return nullcontext()

    def synchronize(self) -> None:
        """Wait until everything asked for has been computed."""
