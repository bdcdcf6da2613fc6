"""The elements in another order, or several times: flip, roll, tile, repeat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graph_engine.declaring import located
from graph_engine.dims import dimension
from graph_engine.errors import ShapeError
from graph_engine.node import Operand, Operation, Variable
from graph_engine.primitive import Cotangents, Primitive, Sample
from graph_engine.primitives.common import Axis, as_axes, as_variable
from graph_engine.primitives.shape import flatten, reshape
from graph_engine.primitives.structure import broadcast_to
from graph_engine.source import composite
from graph_engine.spec import Spec, as_shape, normalize_axes, normalize_axis

_GRID = np.linspace(-1, 1, 24).reshape(2, 3, 4)


@dataclass(frozen=True)
class Flip(Primitive):
    """The elements in reverse order along some dimensions, or all."""

    name, formula = "flip", "flip({x})"
    axis: tuple[int, ...] | None = None

    def infer(self, x: Spec) -> Spec:
        normalize_axes(self.axis, x.ndim)
        return x

    def kernel(self, xp: Any, x: Any) -> Any:
        return xp.flip(x, axis=self.axis)

    def vjp(self, operation: Operation, cotangents: Cotangents, wanted: Sequence[bool]) -> Cotangents:
        (c,) = cotangents
        return (None if c is None else self(c),)

    def local_derivatives(self, operation: Operation) -> Sequence[str]:
        return ("flip({d})",)

    def samples(self) -> Sequence[Sample]:
        return (
            Sample(_GRID),
            Sample(_GRID, use=Flip((0, -1))),
            Sample(_GRID[:, :0], use=Flip((1,))),
            Sample(2.0),
            Sample(_GRID, use=Flip((3,)), raises=ShapeError),
        )


@dataclass(frozen=True)
class Roll(Primitive):
    """The elements shifted around along some dimensions; without an axis, as if flattened."""

    name, formula = "roll", "roll({x})"
    shift: tuple[int, ...] = (0,)
    axis: tuple[int, ...] | None = None

    def infer(self, x: Spec) -> Spec:
        normalize_axes(self.axis, x.ndim)
        expected = 1 if self.axis is None else len(self.axis)
        if len(self.shift) != expected:
            raise ShapeError(f"{len(self.shift)} shifts for {expected} dimensions")
        return x

    def kernel(self, xp: Any, x: Any) -> Any:
        return xp.roll(x, self.shift[0] if self.axis is None else self.shift, axis=self.axis)

    def vjp(self, operation: Operation, cotangents: Cotangents, wanted: Sequence[bool]) -> Cotangents:
        (c,) = cotangents
        return (None if c is None else Roll(tuple(-s for s in self.shift), self.axis)(c),)

    def local_derivatives(self, operation: Operation) -> Sequence[str]:
        return ("roll back({d})",)

    def samples(self) -> Sequence[Sample]:
        return (
            Sample(_GRID, use=Roll((5,))),
            Sample(_GRID, use=Roll((1, -2), (0, 2))),
            Sample(_GRID[:0], use=Roll((1,), (0,))),
            Sample(_GRID, use=Roll((1, 2), (0,)), raises=ShapeError),
        )


# ---- functions ------------------------------------------------------------------------------------------------


@located
def flip(x: Operand, axis: Axis = None) -> Variable:
    """Reverse the order along some dimensions, or all.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.Engine("numpy").run(ge.flip(ge.constant([1, 2, 3])), {}).tolist()
    [3, 2, 1]
    """
    result: Variable = Flip(as_axes(axis))(x)
    return result


@located
def roll(x: Operand, shift: int | tuple[int, ...], axis: Axis = None) -> Variable:
    """Shift along some dimensions; what leaves at the end comes back at the beginning.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.Engine("numpy").run(ge.roll(ge.constant([1, 2, 3]), 1), {}).tolist()
    [3, 1, 2]
    """
    shifts, axes = as_axes(shift) or (), as_axes(axis)
    if axes is not None and len(shifts) == 1:
        shifts = shifts * len(axes)
    result: Variable = Roll(shifts, axes)(x)
    return result


@composite
@located
def tile(x: Operand, repetitions: int | tuple[int, ...]) -> Variable:
    """Repeat the whole array along each dimension.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.Engine("numpy").run(ge.tile(ge.constant([1, 2]), 2), {}).tolist()
    [1, 2, 1, 2]
    """
    x = as_variable(x)
    times = as_shape(repetitions)
    rank = max(len(times), x.ndim)
    times = (1,) * (rank - len(times)) + times
    shape = (1,) * (rank - x.ndim) + x.shape
    apart = tuple(d for dim in shape for d in (1, dim))
    wide = tuple(d for time, dim in zip(times, shape, strict=True) for d in (time, dim))
    whole = tuple(time * dim for time, dim in zip(times, shape, strict=True))
    return reshape(broadcast_to(reshape(x, apart), wide), whole)


@composite
@located
def repeat(x: Operand, repeats: int, axis: int | None = None) -> Variable:
    """Repeat each element along a dimension; without an axis, of the flattened array.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.Engine("numpy").run(ge.repeat(ge.constant([1, 2]), 2), {}).tolist()
    [1, 1, 2, 2]
    """
    x = flatten(x) if axis is None else as_variable(x)
    axis = normalize_axis(axis or 0, x.ndim)
    before, size, after = x.shape[:axis], x.shape[axis], x.shape[axis + 1 :]
    wide = broadcast_to(reshape(x, (*before, size, 1, *after)), (*before, size, dimension(repeats), *after))
    return reshape(wide, (*before, size * dimension(repeats), *after))


PRIMITIVES: tuple[type[Primitive], ...] = (Flip, Roll)
