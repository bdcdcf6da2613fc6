"""What CuPy does better than the generic kernels: its own ufuncs, by the names of the primitives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graph_engine import Primitive

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


def kernel_for(cupy: Any, primitive: Primitive) -> Kernel | None:
    """Return CuPy's function for a primitive, or None."""
    name = UFUNCS.get(primitive.name)
    return getattr(cupy, name) if name is not None else None


def out_kernel_for(cupy: Any, primitive: Primitive) -> Kernel | None:
    """Return CuPy's function for a primitive that writes into the array given last, or None."""
    return kernel_for(cupy, primitive)
