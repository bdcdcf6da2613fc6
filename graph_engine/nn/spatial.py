"""The arguments of what slides over images: sizes for each dimension, padding, images with and without a batch."""

from __future__ import annotations

from typing import Any

from graph_engine.declaring import is_whole
from graph_engine.errors import DeclarationError, ShapeError
from graph_engine.node import Operand, Variable
from graph_engine.primitives import expand_dims, squeeze
from graph_engine.primitives.common import as_float
from graph_engine.spec import show_shape

Sizes = int | tuple[int, ...] | list[int]


def per_dimension(what: str, value: Any, n: int, least: int = 0) -> tuple[int, ...]:
    """Read one integer for all dimensions, or one for each."""
    items = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    items = items * n if len(items) == 1 else items
    if len(items) != n or not all(is_whole(item, least) for item in items):
        many = f", or {n} of them" if n > 1 else ""
        raise DeclarationError(f"{what} is an integer of at least {least}{many}, not {value!r}")
    return tuple(int(item.__index__()) for item in items)


def padding_pairs(
    padding: Any, kernel: tuple[Any, ...], strides: tuple[int, ...], dilations: tuple[int, ...]
) -> tuple[tuple[int, int], ...]:
    """Read `padding=int | tuple | "valid" | "same"` as what comes before and after each dimension."""
    if padding == "same":
        if any(stride != 1 for stride in strides):
            raise DeclarationError(f"padding 'same' keeps the size at stride 1, not {strides}")
        totals = [d * (k - 1) for k, d in zip(kernel, dilations, strict=True)]
        return tuple((total // 2, total - total // 2) for total in totals)
    if isinstance(padding, str) and padding != "valid":
        raise DeclarationError(f"padding is a number, a tuple, 'valid' or 'same', not {padding!r}")
    widths = per_dimension("padding", 0 if padding == "valid" else padding, len(kernel))
    return tuple((width, width) for width in widths)


def batched(input: Operand, n: int) -> Variable:
    """Turn an operand into images with a batch dimension."""
    x = as_float(input)
    if x.ndim not in (n + 1, n + 2):
        raise ShapeError(
            f"an input of shape {show_shape(x.shape)} does not have {n} spatial dimensions behind the channels",
            f"give {n + 2} dimensions (batch, channels, *size), or {n + 1} without the batch",
        )
    return x if x.ndim == n + 2 else expand_dims(x, 0)


def as_given(result: Variable, input: Operand) -> Variable:
    """Take the batch dimension away where the input had none."""
    return result if as_float(input).ndim == result.ndim else squeeze(result, 0)


def as_weight(weight: Operand, n: int) -> Variable:
    """Turn an operand into weights, whose kernel has n dimensions."""
    w = as_float(weight)
    if w.ndim != n + 2:
        raise ShapeError(
            f"weights of shape {show_shape(w.shape)} do not have {n} spatial dimensions behind two others",
            "weights have the shape (out_channels, in_channels/groups, *kernel)",
        )
    return w
