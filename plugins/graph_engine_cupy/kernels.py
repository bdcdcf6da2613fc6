"""What CuPy does better than the generic kernels: its own ufuncs, by the names of the primitives; sums at places."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graph_engine import Primitive
from graph_engine_cupy import windows

Kernel = Callable[..., Any]

# name of the primitive -> name of CuPy's ufunc; each takes the array to write into last
UFUNCS = {
    name: name
    for name in (
        "add", "subtract", "multiply", "maximum", "minimum", "negative", "square", "sqrt", "sign", "floor", "exp",
        "expm1", "log", "log1p", "sin", "cos", "tan", "tanh", "equal", "not_equal", "less", "less_equal", "greater",
        "greater_equal", "logical_and", "logical_or", "logical_not", "isfinite", "isnan",
    )
} | {"divide": "true_divide", "pow": "power", "abs": "absolute"}  # fmt: skip


def kernel_for(cupy: Any, primitive: Primitive, deterministic: bool = False) -> Kernel | None:
    """Return CuPy's function for a primitive, or None."""
    make = windows.KERNELS.get(primitive.name) or (None if deterministic else _ATOMIC.get(primitive.name))
    return make(cupy, primitive) if make is not None else out_kernel_for(cupy, primitive)


def out_kernel_for(cupy: Any, primitive: Primitive) -> Kernel | None:
    """Return CuPy's function for a primitive that writes into the array given last, or None."""
    name = UFUNCS.get(primitive.name)
    return getattr(cupy, name) if name is not None else None


def scatter_add(xp: Any, primitive: Any) -> Kernel:
    """Return the kernel of `scatter_add`; each place gets what is meant for it and nothing else, NaN included."""
    size, axis = primitive.size, primitive.axis

    def run(updates: Any, indices: Any) -> Any:
        after = axis + indices.ndim
        wide = updates.astype(xp.float32) if updates.dtype.char == "e" else updates
        result = xp.zeros((*updates.shape[:axis], size, *updates.shape[after:]), wide.dtype)
        xp.add.at(result, (*(slice(None),) * axis, indices), wide)
        return result.astype(updates.dtype, copy=False)

    return run


def add_along_axis(xp: Any, primitive: Any) -> Kernel:
    """Return the kernel of `add_along_axis`."""
    size = primitive.size

    def run(updates: Any, indices: Any) -> Any:
        axis = primitive.axis % updates.ndim
        wide = updates.astype(xp.float32) if updates.dtype.char == "e" else updates
        result = xp.zeros((*updates.shape[:axis], size, *updates.shape[axis + 1 :]), wide.dtype)
        places = [
            xp.arange(length).reshape((-1,) + (1,) * (updates.ndim - 1 - position))
            for position, length in enumerate(updates.shape)
        ]
        places[axis] = indices
        xp.add.at(result, tuple(xp.broadcast_to(place, updates.shape) for place in places), wide)
        return result.astype(updates.dtype, copy=False)

    return run


_ATOMIC: dict[str, Callable[[Any, Any], Kernel]] = {"scatter_add": scatter_add, "add_along_axis": add_along_axis}
