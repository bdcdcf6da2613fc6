"""Max unpooling: values put back to where they were the largest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graph_engine.dims import Dim, product
from graph_engine.errors import DTypeError, ShapeError
from graph_engine.node import Operation
from graph_engine.primitive import Cotangents, Primitive, Sample
from graph_engine.primitives.arrays import cast
from graph_engine.primitives.elementwise import where
from graph_engine.primitives.gathering import TakeAlongAxis, check_places, out_of_range
from graph_engine.primitives.shape import reshape
from graph_engine.spec import Shape, Spec, show_shape

_VALUES = np.linspace(-1, 1, 8).reshape(2, 2, 2)
_PLACES = np.array([[[3, 0], [8, 5]], [[11, 2], [4, 7]]])
_REPEATED = np.array([[[3, 3], [3, 5]], [[0, 2], [0, 2]]])


@dataclass(frozen=True)
class MaxUnpool(Primitive):
    """Zeros, in which each value is placed (not added) at its place in the flattened last dimensions.

    Where places repeat, the last value in reading order stands, and it alone has the gradient.

    Attributes
    ----------
    sizes : tuple of int or dimension
        The last dimensions of the result.
    """

    name, symbol, formula, may_view = "max_unpool", "unpool", "zeros, [{indices}] = {x}", False
    sizes: tuple[int | Dim, ...] = (3, 4)

    def infer(self, x: Spec, indices: Spec) -> Spec:
        check_places(indices)
        if indices.shape != x.shape:
            raise ShapeError(
                f"there is a place for each value: shapes {show_shape(x.shape)} and {show_shape(indices.shape)} differ"
            )
        if x.ndim < len(self.sizes) or 0 in x.shape[x.ndim - len(self.sizes) :]:
            raise ShapeError(
                f"shape {show_shape(x.shape)} cannot be unpooled to {show_shape(self.sizes)} in its last dimensions"
            )
        return x.with_shape((*x.shape[: x.ndim - len(self.sizes)], *self.sizes))

    def kernel(self, xp: Any, x: Any, indices: Any) -> Any:
        before = tuple(x.shape[: x.ndim - len(self.sizes)])
        flat = (*before, product(x.shape[len(before) :]))
        last = _last_at(xp, xp.reshape(indices, flat), int(product(self.sizes)))
        values = xp.take_along_axis(xp.reshape(x, flat), xp.maximum(last, xp.zeros_like(last)), axis=-1)
        return xp.reshape(xp.where(last >= 0, values, xp.zeros_like(values)), (*before, *self.sizes))

    def guard(self, xp: Any, x: Any, indices: Any) -> str | None:
        return out_of_range(xp, indices, 0, int(product(self.sizes)), "index")

    def vjp(self, operation: Operation, cotangents: Cotangents, wanted: Sequence[bool]) -> Cotangents:
        (c,), (x, indices) = cotangents, operation.inputs
        if c is None:
            return (None, None)
        before = x.shape[: x.ndim - len(self.sizes)]
        size = product(self.sizes)
        places = reshape(indices, _flat(x.shape, before))
        taken = TakeAlongAxis(-1)(reshape(c, (*before, size)), places)
        return (reshape(where(LastAtPlace(size)(places), taken, 0), x.shape), None)

    def local_derivatives(self, operation: Operation) -> Sequence[str | None]:
        return ("{d}[{indices}]", None)

    def notes(self, operation: Operation) -> Sequence[str]:
        before = operation.inputs[0].shape[-len(self.sizes) :]
        return (f"{'x'.join(map(str, before))} -> {'x'.join(map(str, self.sizes))}",)

    def samples(self) -> Sequence[Sample]:
        return (
            Sample(_VALUES, _PLACES),
            Sample(_VALUES, _REPEATED),
            Sample(_VALUES[..., ::2], _PLACES[..., ::2].astype("int32")),
            Sample(_VALUES[0, 0], _PLACES[1, 1], use=MaxUnpool((9,))),
            Sample(_VALUES[:0], _PLACES[:0]),
            Sample(_VALUES[:, :0], _PLACES[:, :0], raises=ShapeError),
            Sample(_VALUES, _PLACES[0], raises=ShapeError),
            Sample(_VALUES, _PLACES + 0.5, raises=DTypeError),
        )


@dataclass(frozen=True)
class LastAtPlace(Primitive):
    """Whether no later element along the last dimension has the same place.

    Attributes
    ----------
    size : int or dimension
        How many places there are.
    """

    name, formula, may_view = "last_at_place", "[{indices} does not come again]", False
    size: int | Dim = 12

    def infer(self, indices: Spec) -> Spec:
        check_places(indices)
        if indices.ndim == 0 or indices.shape[-1] == 0:
            raise ShapeError(f"there are no places in shape {show_shape(indices.shape)}")
        return indices.with_dtype("bool")

    def kernel(self, xp: Any, indices: Any) -> Any:
        last = _last_at(xp, indices, int(self.size))
        here = xp.take_along_axis(last, cast(xp, indices, xp.int64), axis=-1)
        return here == xp.arange(indices.shape[-1], dtype=xp.int64)

    def guard(self, xp: Any, indices: Any) -> str | None:
        return out_of_range(xp, indices, 0, int(self.size), "index")

    def samples(self) -> Sequence[Sample]:
        return (
            Sample(_REPEATED.reshape(2, 4)),
            Sample(_PLACES[..., ::2].astype("uint8")),
            Sample(_PLACES[:0]),
            Sample(_PLACES[:, :, :0], raises=ShapeError),
            Sample(3, raises=ShapeError),
            Sample(_VALUES, raises=DTypeError),
        )


def _flat(shape: Shape, before: Shape) -> Shape:
    return (*before, product(shape[len(before) :]))


def _last_at(xp: Any, indices: Any, size: int) -> Any:
    """Return for each place which element has it, the last one along the last dimension; -1 where none has."""
    places = xp.expand_dims(cast(xp, indices, xp.int64), axis=-2)
    here = places == xp.reshape(xp.arange(size, dtype=xp.int64), (-1, 1))
    positions = xp.arange(indices.shape[-1], dtype=xp.int64)
    return xp.max(xp.where(here, positions, xp.full_like(positions, -1)), axis=-1)


PRIMITIVES: tuple[type[Primitive], ...] = (MaxUnpool, LastAtPlace)
