"""Elements chosen by an array of places, `take` and `take_along_axis`, and their gradients, which add them back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graph_engine.dims import Dim, product
from graph_engine.errors import DTypeError, ShapeError
from graph_engine.node import Operation
from graph_engine.primitive import Cotangents, Primitive, Sample
from graph_engine.primitives.arrays import cast, widened
from graph_engine.spec import Shape, Spec, broadcast_shapes, kind, normalize_axis, show_shape

_GRID = np.linspace(-1, 1, 24).reshape(2, 3, 4)
_PLACES = np.array([[0, 2], [-1, 2]])


@dataclass(frozen=True)
class Take(Primitive):
    """The slices at some places along a dimension; places below 0 count from the end."""

    name, symbol, formula, may_view = "take", "[i]", "{x}[{indices}]", False
    axis: int = 0

    def infer(self, x: Spec, indices: Spec) -> Spec:
        check_places(indices)
        axis = normalize_axis(self.axis, x.ndim)
        return x.with_shape(x.shape[:axis] + indices.shape + x.shape[axis + 1 :])

    def kernel(self, xp: Any, x: Any, indices: Any) -> Any:
        axis = self.axis % x.ndim
        flat = xp.reshape(_from_front(xp, indices, x.shape[axis]), (-1,))
        taken = xp.take(x, flat, axis=axis)
        return xp.reshape(taken, x.shape[:axis] + tuple(indices.shape) + x.shape[axis + 1 :])

    def guard(self, xp: Any, x: Any, indices: Any) -> str | None:
        size = x.shape[self.axis]
        return out_of_range(xp, indices, -size, size, "index")

    def vjp(self, operation: Operation, cotangents: Cotangents, wanted: Sequence[bool]) -> Cotangents:
        (c,), (x, indices) = cotangents, operation.inputs
        axis = normalize_axis(self.axis, x.ndim)
        return (None if c is None else ScatterAdd(x.shape[axis], axis)(c, indices), None)

    def local_derivatives(self, operation: Operation) -> Sequence[str | None]:
        return ("{d} added at {indices}", None)

    def samples(self) -> Sequence[Sample]:
        return (
            Sample(_GRID, np.array([1, 0, 1])),
            Sample(_GRID, _PLACES, use=Take(1)),
            Sample(_GRID.T[::2], np.array(1, "uint8"), use=Take(-1)),
            Sample(_GRID, np.zeros(0, "int64")),
            Sample(_GRID[:, :0], np.array([1])),
            Sample(_GRID, np.array([0.5]), raises=DTypeError),
            Sample(2.0, np.array([0]), raises=ShapeError),
        )


@dataclass(frozen=True)
class ScatterAdd(Primitive):
    """Zeros, to which slices are added at some places along a dimension; repeated places add up.

    The generic kernel is a product with a matrix of zeros and ones: not a finite slice spoils the others.

    Attributes
    ----------
    size : int or dimension
        How long the result is along the dimension.
    axis : int
        Counted from the front: where the dimensions of `indices` stand in `updates`.
    """

    name, symbol, formula, may_view = "scatter_add", "+[i]", "zeros, [{indices}] += {updates}", False
    size: int | Dim = 0
    axis: int = 0

    def infer(self, updates: Spec, indices: Spec) -> Spec:
        check_places(indices)
        after = self.axis + indices.ndim
        if self.axis < 0 or updates.shape[self.axis : after] != indices.shape:
            raise ShapeError(
                f"updates of shape {show_shape(updates.shape)} do not have the places' shape "
                f"{show_shape(indices.shape)} from axis {self.axis} on"
            )
        return updates.with_shape((*updates.shape[: self.axis], self.size, *updates.shape[after:]))

    def kernel(self, xp: Any, updates: Any, indices: Any) -> Any:
        after = self.axis + indices.ndim
        before, behind = tuple(updates.shape[: self.axis]), tuple(updates.shape[after:])
        wide = widened(xp, updates)
        places = xp.reshape(_from_front(xp, indices, self.size), (1, -1))
        chosen = cast(xp, xp.reshape(xp.arange(self.size), (-1, 1)) == places, wide.dtype)
        shape = (product(before), places.shape[1], product(behind))
        result = xp.matmul(chosen, xp.reshape(wide, shape))
        return cast(xp, xp.reshape(result, (*before, self.size, *behind)), updates.dtype)

    def guard(self, xp: Any, updates: Any, indices: Any) -> str | None:
        return out_of_range(xp, indices, -self.size, self.size, "index")  # type: ignore[arg-type]

    def vjp(self, operation: Operation, cotangents: Cotangents, wanted: Sequence[bool]) -> Cotangents:
        (c,) = cotangents
        return (None if c is None else Take(self.axis)(c, operation.inputs[1]), None)

    def local_derivatives(self, operation: Operation) -> Sequence[str | None]:
        return ("{d}[{indices}]", None)

    def samples(self) -> Sequence[Sample]:
        return (
            Sample(_GRID, np.array([3, 3]), use=ScatterAdd(5)),
            Sample(_GRID, np.array([0, -1, 0]), use=ScatterAdd(2, 1)),
            Sample(_GRID[0], 1, use=ScatterAdd(3, 1)),
            Sample(_GRID[:0], np.zeros(0, "int64"), use=ScatterAdd(2)),
            Sample(_GRID[0, :2, :2].T, _PLACES, use=ScatterAdd(3)),
            Sample(_GRID, np.array([0]), use=ScatterAdd(5), raises=ShapeError),
            Sample(_GRID, np.array([0.5, 1.0]), use=ScatterAdd(5), raises=DTypeError),
        )


@dataclass(frozen=True)
class TakeAlongAxis(Primitive):
    """One element for each place along a dimension; the other dimensions are matched."""

    name, symbol, formula, may_view = "take_along_axis", "[i]", "{x}[{indices}]", False
    axis: int = -1

    def infer(self, x: Spec, indices: Spec) -> Spec:
        check_places(indices)
        axis = normalize_axis(self.axis, x.ndim)
        expected = (*x.shape[:axis], indices.shape[axis] if indices.ndim == x.ndim else 0, *x.shape[axis + 1 :])
        _check_shape(indices, expected)
        return x.with_shape(indices.shape)

    def kernel(self, xp: Any, x: Any, indices: Any) -> Any:
        return xp.take_along_axis(x, _from_front(xp, indices, x.shape[self.axis]), axis=self.axis)

    def guard(self, xp: Any, x: Any, indices: Any) -> str | None:
        size = x.shape[self.axis]
        return out_of_range(xp, indices, -size, size, "index")

    def vjp(self, operation: Operation, cotangents: Cotangents, wanted: Sequence[bool]) -> Cotangents:
        (c,), (x, indices) = cotangents, operation.inputs
        return (None if c is None else AddAlongAxis(x.shape[self.axis], self.axis)(c, indices), None)

    def local_derivatives(self, operation: Operation) -> Sequence[str | None]:
        return ("{d} added at {indices}", None)

    def samples(self) -> Sequence[Sample]:
        places = np.arange(12).reshape(2, 3, 2) % 4
        return (
            Sample(_GRID, places),
            Sample(_GRID.T, places.T[::-1], use=TakeAlongAxis(0)),
            Sample(_GRID, places[..., :0]),
            Sample(_GRID[0, 0], np.array([-1, 0])),
            Sample(_GRID, places[0], raises=ShapeError),
            Sample(_GRID, places[:1], raises=ShapeError),
            Sample(_GRID, places + 0.0, raises=DTypeError),
        )


@dataclass(frozen=True)
class AddAlongAxis(Primitive):
    """Zeros, to which one element for each place along a dimension is added; repeated places add up.

    Attributes
    ----------
    size : int or dimension
        How long the result is along the dimension.
    axis : int
    """

    name, symbol, formula, may_view = "add_along_axis", "+[i]", "zeros, [{indices}] += {updates}", False
    size: int | Dim = 0
    axis: int = -1

    def infer(self, updates: Spec, indices: Spec) -> Spec:
        check_places(indices)
        _check_shape(indices, updates.shape)
        axis = normalize_axis(self.axis, updates.ndim)
        return updates.with_shape((*updates.shape[:axis], self.size, *updates.shape[axis + 1 :]))

    def kernel(self, xp: Any, updates: Any, indices: Any) -> Any:
        wide = xp.moveaxis(widened(xp, updates), self.axis, -1)
        places = xp.moveaxis(_from_front(xp, indices, self.size), self.axis, -1)
        chosen = xp.expand_dims(places, axis=-1) == xp.arange(self.size)
        result = xp.matmul(xp.expand_dims(wide, axis=-2), cast(xp, chosen, wide.dtype))[..., 0, :]
        return cast(xp, xp.moveaxis(result, -1, self.axis), updates.dtype)

    def guard(self, xp: Any, updates: Any, indices: Any) -> str | None:
        return out_of_range(xp, indices, -self.size, self.size, "index")  # type: ignore[arg-type]

    def vjp(self, operation: Operation, cotangents: Cotangents, wanted: Sequence[bool]) -> Cotangents:
        (c,) = cotangents
        return (None if c is None else TakeAlongAxis(self.axis)(c, operation.inputs[1]), None)

    def local_derivatives(self, operation: Operation) -> Sequence[str | None]:
        return ("{d}[{indices}]", None)

    def samples(self) -> Sequence[Sample]:
        places = np.arange(24).reshape(2, 3, 4) % 2
        return (
            Sample(_GRID, places, use=AddAlongAxis(3)),
            Sample(_GRID.T, places.T - 1, use=AddAlongAxis(2, 0)),
            Sample(_GRID[:0], places[:0], use=AddAlongAxis(3, 1)),
            Sample(_GRID, places[0], use=AddAlongAxis(3), raises=ShapeError),
            Sample(_GRID, places + 0.0, use=AddAlongAxis(3), raises=DTypeError),
        )


@dataclass(frozen=True)
class OneHot(Primitive):
    """1 at the class of each element, 0 at all others, along a new last dimension."""

    name, formula, may_view = "one_hot", "one_hot({x})", False
    num_classes: int | Dim = 0
    dtype: str = "float32"

    def infer(self, x: Spec) -> Spec:
        check_places(x)
        return Spec((*x.shape, self.num_classes), self.dtype)

    def kernel(self, xp: Any, x: Any) -> Any:
        classes = xp.arange(self.num_classes, dtype=xp.int64)
        return cast(xp, xp.expand_dims(cast(xp, x, xp.int64), axis=-1) == classes, getattr(xp, self.dtype))

    def guard(self, xp: Any, x: Any) -> str | None:
        return out_of_range(xp, x, 0, self.num_classes, "class")  # type: ignore[arg-type]

    def samples(self) -> Sequence[Sample]:
        return (
            Sample(np.array([[2, 0], [1, 1]]), use=OneHot(3)),
            Sample(1, use=OneHot(2, "int32")),
            Sample(np.zeros((0, 2), "uint8"), use=OneHot(3, "bool")),
            Sample(np.array([0.5]), raises=DTypeError),
        )


@dataclass(frozen=True)
class RavelIndex(Primitive):
    """One place in a flattened array for one place along each of its dimensions."""

    name, formula, may_view = "ravel_index", "place({indices})", False
    sizes: tuple[int | Dim, ...] = ()

    def infer(self, *indices: Spec) -> Spec:
        if len(indices) != len(self.sizes) or not indices:
            raise ShapeError(f"{len(indices)} arrays of places for {len(self.sizes)} dimensions")
        for spec in indices:
            check_places(spec)
        return Spec(broadcast_shapes(*(spec.shape for spec in indices)), "int64")

    def kernel(self, xp: Any, *indices: Any) -> Any:
        total = xp.zeros((), dtype=xp.int64)
        for places, size in zip(indices, self.sizes, strict=True):
            total = total * size + _from_front(xp, places, size)
        return total

    def guard(self, xp: Any, *indices: Any) -> str | None:
        pairs = zip(indices, self.sizes, strict=True)
        wrong = (out_of_range(xp, places, -size, size, "index") for places, size in pairs)  # type: ignore[arg-type]
        return next((message for message in wrong if message), None)

    def samples(self) -> Sequence[Sample]:
        return (
            Sample(np.array([1, 0]), np.array([[-1], [2]]), use=RavelIndex((2, 3))),
            Sample(1, 2, use=RavelIndex((2, 3))),
            Sample(np.zeros(0, "int64"), 2, use=RavelIndex((2, 3))),
            Sample(np.array([1]), use=RavelIndex((2, 3)), raises=ShapeError),
            Sample(np.array([0.5]), use=RavelIndex((2,)), raises=DTypeError),
        )


def _check_shape(indices: Spec, expected: Shape) -> None:
    if indices.shape != expected:
        raise ShapeError(f"the places have shape {show_shape(indices.shape)}, not {show_shape(expected)}")


def check_places(spec: Spec) -> None:
    """Raise where these are not integers."""
    if kind(spec.dtype) != "integer":
        raise DTypeError(f"places are integers, not {spec.dtype}", "convert with ge.astype(v, 'int64')")


def out_of_range(xp: Any, values: Any, low: int, high: int, what: str) -> str | None:
    """Return what is wrong where a value does not lie in low <= value < high."""
    wide = cast(xp, values, xp.int64)
    wrong = xp.logical_or(wide < low, wide >= high)
    if not bool(xp.any(wrong)):
        return None
    worst = int(xp.max(xp.where(wrong, wide, xp.full_like(wide, low))))
    worst = worst if worst >= high else int(xp.min(wide))
    cure = "; give a score for each class, or say ignore_index for what is to be left out" if what == "label" else ""
    return f"{what} {worst} is out of range: {low} to {high - 1}{cure}"


def _from_front(xp: Any, places: Any, size: Any) -> Any:
    """Count places below 0 from the end."""
    wide = cast(xp, places, xp.int64)
    return xp.where(wide < 0, wide + size, wide)


PRIMITIVES: tuple[type[Primitive], ...] = (Take, ScatterAdd, TakeAlongAxis, AddAlongAxis, OneHot, RavelIndex)
