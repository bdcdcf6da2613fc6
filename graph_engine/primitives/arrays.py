"""What kernels share. They work on the arrays of any namespace; half precision accumulates in float32."""

from __future__ import annotations

from typing import Any

from graph_engine.spec import Shape, kind


def widened(xp: Any, x: Any) -> Any:
    """Return half precision in float32, in which it accumulates; anything else as it is."""
    return cast(xp, x, xp.float32) if is_half(x) else x


def is_half(x: Any) -> bool:
    """Whether an array is of half precision."""
    return str(x.dtype).endswith("float16")


def kind_of(x: Any) -> str:
    """Return the kind of number that an array holds."""
    return kind(str(x.dtype).rpartition(".")[2])


def cast(xp: Any, x: Any, dtype: Any) -> Any:
    """Convert an array, or the scalar that a full reduction returns, to a dtype of the namespace."""
    return xp.astype(xp.asarray(x), dtype, copy=False)


def sum_array(xp: Any, x: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    """Sum in the array's own dtype."""
    if is_half(x):
        return cast(xp, xp.sum(widened(xp, x), axis=axes, keepdims=keepdims), x.dtype)
    return xp.sum(x, axis=axes, keepdims=keepdims, dtype=x.dtype)


def sum_array_to(xp: Any, x: Any, shape: Shape) -> Any:
    """Sum an array to a shape that broadcasts to its own."""
    extra = x.ndim - len(shape)
    axes = tuple(range(extra)) + tuple(
        axis + extra for axis, size in enumerate(shape) if size == 1 and x.shape[axis + extra] != 1
    )
    total = sum_array(xp, x, axes, False) if axes else x
    return xp.reshape(total, shape)
