"""Several arrays made one, and one made several: concat, stack, split, unstack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from graph_engine.declaring import located
from graph_engine.dims import Dim, dimension, divide_exactly
from graph_engine.errors import DTypeError, ShapeError
from graph_engine.node import Operand, Operation, Variable
from graph_engine.primitive import Cotangents, Primitive, Sample
from graph_engine.primitives.common import as_one_dtype, as_variable
from graph_engine.primitives.shape import flatten
from graph_engine.primitives.structure import full
from graph_engine.spec import Spec, normalize_axis, show_shape

_GRID = np.linspace(-1, 1, 24).reshape(2, 3, 4)


@dataclass(frozen=True)
class Concat(Primitive):
    """Several arrays one after the other, along a dimension that they have."""

    name, symbol, formula = "concat", "concat", "concat({xs})"
    may_view = False
    axis: int = 0

    def infer(self, *xs: Spec) -> Spec:
        first = _alike(xs)
        axis = normalize_axis(self.axis, first.ndim)
        for x in xs:
            if x.shape[:axis] + x.shape[axis + 1 :] != first.shape[:axis] + first.shape[axis + 1 :]:
                raise ShapeError(
                    f"shapes {show_shape(first.shape)} and {show_shape(x.shape)} differ outside of axis {axis}"
                )
        length: int | Dim = 0
        for x in xs:
            length = length + x.shape[axis]
        return first.with_shape((*first.shape[:axis], length, *first.shape[axis + 1 :]))

    def kernel(self, xp: Any, *xs: Any) -> Any:
        return xp.concat(xs, axis=self.axis)

    def vjp(self, operation: Operation, cotangents: Cotangents, wanted: Sequence[bool]) -> Cotangents:
        (c,), axis = cotangents, self.axis
        sizes = tuple(x.shape[axis] for x in operation.inputs)
        return [None] * len(sizes) if c is None else list(Split(sizes, axis)(c))

    def local_derivatives(self, operation: Operation) -> Sequence[str]:
        return ["part of {d}"] * len(operation.inputs)

    def samples(self) -> Sequence[Sample]:
        return (
            Sample(_GRID, _GRID[:1]),
            Sample(_GRID, _GRID[..., :1], _GRID, use=Concat(-1)),
            Sample(_GRID[:0], _GRID[:0], use=Concat(1)),
            Sample(_GRID[0, 0], _GRID[0, 0, ::2]),
            Sample(_GRID, _GRID[:, :2], raises=ShapeError),
            Sample(1.0, 2.0, raises=ShapeError),
        )


@dataclass(frozen=True)
class Split(Primitive):
    """Consecutive parts of the given sizes along a dimension."""

    name, symbol, formula = "split", "split", "split({x})"
    sizes: tuple[int | Dim, ...] = ()
    axis: int = 0

    def infer(self, x: Spec) -> tuple[Spec, ...]:
        axis = normalize_axis(self.axis, x.ndim)
        total: int | Dim = 0
        for size in self.sizes:
            total = total + size
        if total != x.shape[axis]:
            raise ShapeError(
                f"parts of sizes {show_shape(self.sizes)} do not make up the {x.shape[axis]} of axis {axis}"
            )
        return tuple(x.with_shape((*x.shape[:axis], size, *x.shape[axis + 1 :])) for size in self.sizes)

    def kernel(self, xp: Any, x: Any) -> tuple[Any, ...]:
        before = (slice(None),) * (self.axis % x.ndim)
        ends = pairwise(accumulate(self.sizes, initial=0))
        return tuple(x[(*before, slice(start, stop), ...)] for start, stop in ends)

    def vjp(self, operation: Operation, cotangents: Cotangents, wanted: Sequence[bool]) -> Cotangents:
        return (concat(_filled(operation, cotangents), axis=self.axis),)

    def local_derivatives(self, operation: Operation) -> Sequence[str]:
        return ("concat({d})",)

    def samples(self) -> Sequence[Sample]:
        return (
            Sample(_GRID, use=Split((1, 2), 1)),
            Sample(_GRID, use=Split((2, 0, 2), -1)),
            Sample(_GRID.T[::2], use=Split((1, 1))),
            Sample(_GRID, use=Split((2, 2)), raises=ShapeError),
        )


@dataclass(frozen=True)
class Stack(Primitive):
    """Several arrays of one shape, along a new dimension."""

    name, symbol, formula = "stack", "stack", "stack({xs})"
    may_view = False
    axis: int = 0

    def infer(self, *xs: Spec) -> Spec:
        first = _alike(xs)
        for x in xs:
            if x.shape != first.shape:
                raise ShapeError(f"shapes {show_shape(first.shape)} and {show_shape(x.shape)} cannot be stacked")
        axis = normalize_axis(self.axis, first.ndim + 1)
        return first.with_shape((*first.shape[:axis], len(xs), *first.shape[axis:]))

    def kernel(self, xp: Any, *xs: Any) -> Any:
        return xp.stack(xs, axis=self.axis)

    def vjp(self, operation: Operation, cotangents: Cotangents, wanted: Sequence[bool]) -> Cotangents:
        (c,) = cotangents
        return [None] * len(operation.inputs) if c is None else list(Unstack(self.axis)(c))

    def local_derivatives(self, operation: Operation) -> Sequence[str]:
        return ["part of {d}"] * len(operation.inputs)

    def samples(self) -> Sequence[Sample]:
        return (
            Sample(_GRID, _GRID * 2),
            Sample(_GRID, _GRID[::-1], _GRID, use=Stack(-1)),
            Sample(1.0, 2.0),
            Sample(_GRID[:0], _GRID[:0], use=Stack(1)),
            Sample(_GRID, _GRID[0], raises=ShapeError),
        )


@dataclass(frozen=True)
class Unstack(Primitive):
    """The slices along a dimension of known size, one by one."""

    name, symbol, formula = "unstack", "unstack", "unstack({x})"
    axis: int = 0

    def infer(self, x: Spec) -> tuple[Spec, ...]:
        axis = normalize_axis(self.axis, x.ndim)
        count = x.shape[axis]
        if not isinstance(count, int):
            raise ShapeError(
                f"axis {axis} has as many slices as {count}, which is known only when the graph runs",
                "use operations on the whole array, or give the dimension a number",
            )
        return (x.with_shape(x.shape[:axis] + x.shape[axis + 1 :]),) * count

    def kernel(self, xp: Any, x: Any) -> tuple[Any, ...]:
        axis = self.axis % x.ndim
        return tuple(x[(*(slice(None),) * axis, i, ...)] for i in range(x.shape[axis]))

    def vjp(self, operation: Operation, cotangents: Cotangents, wanted: Sequence[bool]) -> Cotangents:
        return (stack(_filled(operation, cotangents), axis=self.axis),)

    def local_derivatives(self, operation: Operation) -> Sequence[str]:
        return ("stack({d})",)

    def samples(self) -> Sequence[Sample]:
        return (
            Sample(_GRID),
            Sample(_GRID, use=Unstack(-1)),
            Sample(_GRID[0, 0]),
            Sample(_GRID[:, :0]),
            Sample(2.0, raises=ShapeError),
        )


def _alike(specs: tuple[Spec, ...]) -> Spec:
    """Return the first of at least one spec of one dtype and rank."""
    if not specs:
        raise ShapeError("it needs at least one array")
    for spec in specs:
        if spec.dtype != specs[0].dtype:
            raise DTypeError(f"the arrays have two dtypes: {specs[0].dtype} and {spec.dtype}")
        if spec.ndim != specs[0].ndim:
            raise ShapeError(f"shapes {show_shape(specs[0].shape)} and {show_shape(spec.shape)} differ in rank")
    return specs[0]


def _filled(operation: Operation, cotangents: Cotangents) -> list[Variable]:
    """Return the gradients of all outputs, zeros for those that nobody used."""
    pairs = zip(cotangents, operation.outputs, strict=True)
    return [full(v.shape, 0.0, v.dtype) if c is None else c for c, v in pairs]


# ---- functions -------------------------------------------------------------------------------------------------


@located
def concat(arrays: Sequence[Operand], axis: int | None = 0) -> Variable:
    """Put arrays one after the other along a dimension; with `axis=None`, flattened ones.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.concat([ge.input("a", ("n", 3)), ge.input("b", (2, 3))]).shape
    ('n + 2', 3)
    """
    xs = as_one_dtype(arrays)
    if axis is None:
        return concat([flatten(x) for x in xs])
    result: Variable = Concat(axis)(*xs)
    return result


@located
def stack(arrays: Sequence[Operand], axis: int = 0) -> Variable:
    """Put arrays of one shape along a new dimension.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.stack([ge.input("a", "n"), ge.input("b", "n")], axis=1).shape
    ('n', 2)
    """
    result: Variable = Stack(axis)(*as_one_dtype(arrays))
    return result


@located
def split(x: Operand, sections_or_indices: int | Sequence[int | str], axis: int = 0) -> tuple[Variable, ...]:
    """Cut into parts along a dimension.

    Parameters
    ----------
    x : Variable or array_like
    sections_or_indices : int or sequence
        How many equal parts, or the places where to cut.
    axis : int

    Examples
    --------
    >>> import graph_engine as ge
    >>> x = ge.input("x", ("n", 6))
    >>> [part.shape for part in ge.split(x, 2, axis=1)]
    [('n', 3), ('n', 3)]
    >>> [part.shape for part in ge.split(x, [1, 4], axis=1)]
    [('n', 1), ('n', 3), ('n', 2)]
    """
    x = as_variable(x)
    sizes = _part_sizes(x.shape[normalize_axis(axis, x.ndim)], sections_or_indices)
    result: tuple[Variable, ...] = Split(sizes, axis)(x)
    return result


def _part_sizes(length: int | Dim, sections_or_indices: Any) -> tuple[int | Dim, ...]:
    if not isinstance(sections_or_indices, (tuple, list)):
        sections = dimension(sections_or_indices)
        size = divide_exactly(length, sections)
        if size is None or not isinstance(sections, int):
            raise ShapeError(f"{length} cannot be cut into {sections} equal parts", "give the places where to cut")
        return (size,) * sections
    places = [0, *map(dimension, sections_or_indices), length]
    sizes = tuple(stop - start for start, stop in pairwise(places))
    if any(isinstance(size, int) and size < 0 for size in sizes):
        raise ShapeError(f"the places {tuple(sections_or_indices)} do not ascend from 0 to {length}")
    return sizes


def unstack(x: Operand, axis: int = 0) -> tuple[Variable, ...]:
    """Take the slices along a dimension of known size, one by one.

    Examples
    --------
    >>> import graph_engine as ge
    >>> [row.shape for row in ge.unstack(ge.input("x", (2, 3)))]
    [(3,), (3,)]
    """
    result: tuple[Variable, ...] = Unstack(axis)(x)
    return result


PRIMITIVES: tuple[type[Primitive], ...] = (Concat, Split, Stack, Unstack)
