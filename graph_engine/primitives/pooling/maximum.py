"""Max pooling: the largest of each window, and where it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

from graph_engine.dims import Dim, product
from graph_engine.errors import DeclarationError, DTypeError, ShapeError
from graph_engine.node import Operation
from graph_engine.primitive import Cotangents, Primitive, Sample
from graph_engine.primitives.arrays import kind_of
from graph_engine.primitives.gathering import AddAlongAxis
from graph_engine.primitives.pooling.taps import as_places
from graph_engine.primitives.pooling.windows import (
    AdaptiveWindows,
    Rules,
    pooled_shape,
    spatial_axes,
    strided_windows,
    window_notes,
)
from graph_engine.primitives.shape import reshape
from graph_engine.spec import Spec, kind, show_shape

_IMAGE = np.sin(np.arange(70.0) * 1.7).reshape(2, 5, 7)


# ---- which windows ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Windowed(Primitive):
    """Over windows of the last dimensions; those before are kept."""

    def rules(self) -> Rules:
        """Return the windows along each of the last dimensions."""
        raise NotImplementedError

    def infer(self, x: Spec) -> Spec:
        if kind(x.dtype) == "bool":
            raise DTypeError("there is no largest of bools", "convert with ge.astype")
        return x.with_shape(pooled_shape(x.shape, self.rules()))

    def notes(self, operation: Operation) -> Sequence[str]:
        return window_notes(self.rules(), operation.inputs[0].shape)


@dataclass(frozen=True)
class _Strided(_Windowed):
    kernel_size: tuple[int, ...] = (2, 2)
    stride: tuple[int, ...] = (2, 2)
    padding: tuple[int, ...] = (0, 0)
    dilation: tuple[int, ...] = (1, 1)
    ceil_mode: bool = False

    def rules(self) -> Rules:
        return strided_windows(self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode)

    def samples(self) -> Sequence[Sample]:
        make = type(self)
        return (
            Sample(_IMAGE),
            Sample(_IMAGE[..., ::2], use=make((2, 3), (1, 2), (1, 1))),
            Sample(_IMAGE, use=make((3, 2), (2, 3), (1, 0), (2, 1), True)),
            Sample(_IMAGE[0, 0], use=make((3,), (2,), (1,), (1,))),
            Sample(_IMAGE.T, use=make((3, 2, 2), (2, 2, 1), (0, 1, 0), (1, 1, 1), True)),
            Sample(_IMAGE[:0], use=make((2, 2), (1, 1))),
            Sample(np.array([[3, 3], [-1, 3]]), use=make((2, 2), (1, 1), (1, 1))),
            Sample(np.full((4, 4), -np.inf), use=make((3, 3), (2, 2), (1, 1)), smooth=False),
            Sample(_IMAGE, use=make((6, 2)), raises=ShapeError),
            Sample(_IMAGE, use=make((2, 2), (1, 1), (2, 0)), raises=ShapeError),
            Sample(_IMAGE[:, :2, :2], use=make((2, 2), (1, 1), (1, 1), (3, 3)), raises=ShapeError),
            Sample(_IMAGE[:, :0], raises=ShapeError),
            Sample(_IMAGE[0, 0], raises=ShapeError),
            Sample(_IMAGE, use=make((2, 2), (0, 1)), raises=DeclarationError),
            Sample(_IMAGE, use=make((2, 2), (1,)), raises=DeclarationError),
            Sample(_IMAGE > 0, raises=DTypeError),
        )


@dataclass(frozen=True)
class _Adaptive(_Windowed):
    sizes: tuple[int | Dim, ...] = (1, 1)

    def rules(self) -> Rules:
        if not self.sizes or any(isinstance(size, int) and size < 1 for size in self.sizes):
            raise ShapeError(f"sizes to pool to are 1 or more, not {show_shape(self.sizes)}")
        return [AdaptiveWindows(size) for size in self.sizes]

    def samples(self) -> Sequence[Sample]:
        make = type(self)
        return (
            Sample(_IMAGE),
            Sample(_IMAGE, use=make((3, 2))),
            Sample(_IMAGE[..., ::2], use=make((5, 6))),
            Sample(_IMAGE[0, 0], use=make((3,))),
            Sample(_IMAGE[:0], use=make((2, 2))),
            Sample(_IMAGE, use=make((0, 2)), raises=ShapeError),
            Sample(_IMAGE[:, :0], raises=ShapeError),
        )


# ---- what of them ----------------------------------------------------------------------------------------------


class _Largest(_Windowed):
    symbol, formula, may_view = "max", "max of each window of {x}", False

    def places(self) -> Primitive:
        """Return what says where each maximum is."""
        raise NotImplementedError

    def kernel(self, xp: Any, x: Any) -> Any:
        for axis, rule in spatial_axes(x.ndim, self.rules()):
            parts = (xp.take(x, as_places(xp, row), axis=axis) for row in rule.inside(x.shape[axis]))
            x = reduce(xp.maximum, parts)
        return x

    def vjp(self, operation: Operation, cotangents: Cotangents, wanted: Sequence[bool]) -> Cotangents:
        (c,), (x,) = cotangents, operation.inputs
        if c is None:
            return (None,)
        split = x.ndim - len(self.rules())
        before, size = x.shape[:split], product(x.shape[split:])
        flat = (*before, product(c.shape[split:]))
        places = self.places()(x)
        return (reshape(AddAlongAxis(size)(reshape(c, flat), reshape(places, flat)), x.shape),)

    def local_derivatives(self, operation: Operation) -> Sequence[str]:
        return ("{d} at the places of the maxima",)


class _PlacesOfLargest(_Windowed):
    formula, may_view = "argmax of each window of {x}", False
    symbol = "argmax"

    def infer(self, x: Spec) -> Spec:
        return super().infer(x).with_dtype("int64")

    def kernel(self, xp: Any, x: Any) -> Any:
        axes = spatial_axes(x.ndim, self.rules())
        sizes = x.shape[axes[0][0] :]
        flat = xp.reshape(xp.arange(product(sizes), dtype=xp.int64), sizes)
        places = xp.broadcast_to(flat, x.shape)
        for axis, rule in reversed(axes):  # columns first: of tied ones the first in reading order stays
            x, places = _first_largest(xp, x, places, axis, rule.inside(x.shape[axis]))
        return places


def _first_largest(xp: Any, x: Any, places: Any, axis: int, rows: Any) -> tuple[Any, Any]:
    """Return the largest of each window along one dimension, and the number that stands in `places` beside it."""
    first, *others = (as_places(xp, row) for row in rows)
    best, chosen = xp.take(x, first, axis=axis), xp.take(places, first, axis=axis)
    for row in others:
        value = xp.take(x, row, axis=axis)
        better = value > best
        if kind_of(x) == "float":
            better = xp.logical_or(better, xp.isnan(value))
        best = xp.where(better, value, best)
        chosen = xp.where(better, xp.take(places, row, axis=axis), chosen)
    return best, chosen


# ---- the primitives --------------------------------------------------------------------------------------------


class MaxPoolPlaces(_PlacesOfLargest, _Strided):
    """Where the largest of each window is: its place in the flattened last dimensions, int64.

    Of tied ones the first in reading order; where there is NaN, the last NaN (both as in PyTorch). Padding never wins.
    """

    name = "max_pool_places"


class MaxPool(_Largest, _Strided):
    """The largest of each window over the last dimensions; of tied ones the first has the gradient, all of it.

    Padding never wins: it counts as smaller than anything. NaN wins.
    """

    name = "max_pool"

    def places(self) -> Primitive:
        return MaxPoolPlaces(self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode)


class AdaptiveMaxPoolPlaces(_PlacesOfLargest, _Adaptive):
    """Where the largest of each window is, as many windows as are wanted; ties and NaN as in `max_pool_places`."""

    name = "adaptive_max_pool_places"


class AdaptiveMaxPool(_Largest, _Adaptive):
    """The largest of each window, as many windows as are wanted; of tied ones the first has the gradient.

    Window i goes from floor(i size / wanted) up to ceil((i + 1) size / wanted).
    """

    name = "adaptive_max_pool"

    def places(self) -> Primitive:
        return AdaptiveMaxPoolPlaces(self.sizes)


PRIMITIVES: tuple[type[Primitive], ...] = (MaxPool, MaxPoolPlaces, AdaptiveMaxPool, AdaptiveMaxPoolPlaces)
