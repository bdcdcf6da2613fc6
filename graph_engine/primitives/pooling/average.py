"""Average pooling, and its transpose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from typing import Any

import numpy as np

from graph_engine.dims import Dim
from graph_engine.errors import DeclarationError, DTypeError, ShapeError
from graph_engine.node import Operation
from graph_engine.primitive import Cotangents, Primitive, Sample
from graph_engine.primitives.arrays import cast, widened
from graph_engine.primitives.pooling.taps import Taps, along, transposed
from graph_engine.primitives.pooling.windows import (
    Windows,
    pooled_shape,
    spatial_axes,
    strided_windows,
    window_notes,
)
from graph_engine.spec import Spec, show_shape

_IMAGE = np.sin(np.arange(70.0) * 1.7).reshape(2, 5, 7)


@dataclass(frozen=True)
class _Average(Primitive):
    """Attributes as in PyTorch's avg_pool2d, one number for each of the last dimensions."""

    may_view = False
    kernel_size: tuple[int, ...] = (2, 2)
    stride: tuple[int, ...] = (2, 2)
    padding: tuple[int, ...] = (0, 0)
    ceil_mode: bool = False
    count_include_pad: bool = True
    divisor_override: int | None = None

    def rules(self) -> list[Windows]:
        """Return the windows along each of the last dimensions."""
        override = self.divisor_override
        if override is not None and (isinstance(override, bool) or not isinstance(override, int) or override == 0):
            raise DeclarationError(f"divisor_override is an integer other than 0, not {override!r}")
        dilation = (1,) * len(self.kernel_size)
        return strided_windows(self.kernel_size, self.stride, self.padding, dilation, self.ceil_mode)

    def divisor(self, xp: Any, sizes: tuple[int, ...], dtype: Any) -> Any:
        """Return what the sums of the windows over an image of these sizes are divided by."""
        if self.divisor_override is not None:
            return self.divisor_override
        counts = [_counts(rule, n, self.count_include_pad) for rule, n in zip(self.rules(), sizes, strict=True)]
        if all((count == count[0]).all() for count in counts):
            return int(np.prod([count[0] for count in counts]))
        return xp.asarray(reduce(np.multiply.outer, counts).tolist(), dtype=dtype)


class AvgPool(_Average):
    """The mean of each window over the last dimensions.

    Padding counts as zeros, or not at all without `count_include_pad`; what a window of `ceil_mode` has beyond the
    padding never counts. With `divisor_override` every sum is divided by that.
    """

    name, symbol, formula = "avg_pool", "mean", "mean of each window of {x}"

    def infer(self, x: Spec) -> Spec:
        if not x.is_float:
            raise DTypeError(f"it takes real numbers, not {x.dtype}", "convert with ge.astype(v, 'float32')")
        return x.with_shape(pooled_shape(x.shape, self.rules()))

    def kernel(self, xp: Any, x: Any) -> Any:
        axes, total = spatial_axes(x.ndim, self.rules()), widened(xp, x)
        for axis, rule in axes:
            total = along(xp, total, unit_taps(rule, x.shape[axis]), axis)
        return cast(xp, total / self.divisor(xp, x.shape[axes[0][0] :], total.dtype), x.dtype)

    def vjp(self, operation: Operation, cotangents: Cotangents, wanted: Sequence[bool]) -> Cotangents:
        (c,), (x,) = cotangents, operation.inputs
        sizes = x.shape[x.ndim - len(self.kernel_size) :]
        return (None if c is None else AvgPoolTransposed(**vars(self), sizes=sizes)(c),)

    def local_derivatives(self, operation: Operation) -> Sequence[str]:
        return ("{d} shared out over its window",)

    def notes(self, operation: Operation) -> Sequence[str]:
        return window_notes(self.rules(), operation.inputs[0].shape)

    def samples(self) -> Sequence[Sample]:
        return (
            Sample(_IMAGE),
            Sample(_IMAGE[..., ::2], use=AvgPool((2, 3), (1, 2), (1, 1))),
            Sample(_IMAGE, use=AvgPool((3, 2), (2, 3), (1, 1), True, False)),
            Sample(_IMAGE, use=AvgPool((3, 2), (2, 3), (1, 1), True)),
            Sample(_IMAGE[0, 0], use=AvgPool((3,), (2,), (1,), divisor_override=2)),
            Sample(_IMAGE.T, use=AvgPool((3, 2, 2), (2, 2, 1), (0, 1, 0), True)),
            Sample(_IMAGE[:0], use=AvgPool((2, 2), (1, 1))),
            Sample(_IMAGE, use=AvgPool((6, 2)), raises=ShapeError),
            Sample(_IMAGE, use=AvgPool((2, 2), (1, 1), (2, 0)), raises=ShapeError),
            Sample(_IMAGE, use=AvgPool(divisor_override=0), raises=DeclarationError),
            Sample(_IMAGE > 0, raises=DTypeError),
        )


@dataclass(frozen=True)
class AvgPoolTransposed(_Average):
    """Each number shared out over its window, overlaps added up: the transpose of `avg_pool`, and so its gradient.

    Attributes
    ----------
    sizes : tuple of int or dimension
        The last dimensions of the result, which `avg_pool` takes to those of the input.
    """

    name, symbol, formula = "avg_pool_transposed", "mean†", "{y} shared out over its window"
    sizes: tuple[int | Dim, ...] = (2, 2)

    def infer(self, y: Spec) -> Spec:
        rules = self.rules()
        if not y.is_float:
            raise DTypeError(f"it takes real numbers, not {y.dtype}")
        expected = pooled_shape(self.sizes, rules)
        split = y.ndim - len(rules)
        if split < 0 or len(self.sizes) != len(rules) or y.shape[split:] != expected:
            raise ShapeError(
                f"pooling makes {show_shape(self.sizes)} into {show_shape(expected)}, "
                f"with which shape {show_shape(y.shape)} does not end"
            )
        return y.with_shape((*y.shape[:split], *self.sizes))

    def kernel(self, xp: Any, y: Any) -> Any:
        axes, wide = spatial_axes(y.ndim, self.rules()), widened(xp, y)
        wide = wide / self.divisor(xp, self.sizes, wide.dtype)  # type: ignore[arg-type]
        for (axis, rule), size in zip(axes, self.sizes, strict=True):
            wide = along(xp, wide, transposed(unit_taps(rule, int(size)), int(size)), axis)
        return cast(xp, wide, y.dtype)

    def vjp(self, operation: Operation, cotangents: Cotangents, wanted: Sequence[bool]) -> Cotangents:
        (c,) = cotangents
        attributes = {name: value for name, value in vars(self).items() if name != "sizes"}
        return (None if c is None else AvgPool(**attributes)(c),)

    def local_derivatives(self, operation: Operation) -> Sequence[str]:
        return ("mean of each window of {d}",)

    def samples(self) -> Sequence[Sample]:
        y = _IMAGE[:, :2, :3]
        return (
            Sample(y, use=AvgPoolTransposed(sizes=(5, 7))),
            Sample(y[..., ::2], use=AvgPoolTransposed((3, 2), (2, 2), (1, 0), sizes=(4, 4))),
            Sample(y, use=AvgPoolTransposed((3, 3), (2, 2), (1, 0), True, False, sizes=(3, 6))),
            Sample(y[:0], use=AvgPoolTransposed(sizes=(4, 6), divisor_override=3)),
            Sample(y, use=AvgPoolTransposed(sizes=(6, 7)), raises=ShapeError),
            Sample(y, use=AvgPoolTransposed(sizes=(5,)), raises=ShapeError),
        )


@lru_cache(maxsize=256)
def unit_taps(rule: Windows, size: int) -> Taps:
    """Return the sums of the windows along a dimension, as a map."""
    places = rule.places(size)
    return Taps(np.clip(places, 0, size - 1), ((places >= 0) & (places < size)).astype(float))


@lru_cache(maxsize=256)
def _counts(rule: Windows, size: int, include_pad: bool) -> Any:
    """Return how many places count in each window."""
    margin = rule.padding if include_pad else 0
    places = rule.places(size)
    return ((places >= -margin) & (places < size + margin)).sum(axis=0)


PRIMITIVES: tuple[type[Primitive], ...] = (AvgPool, AvgPoolTransposed)
