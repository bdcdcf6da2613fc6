"""Largest and smallest, where they are, their smooth stand-in; whether all or any hold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graph_engine.errors import ShapeError
from graph_engine.node import Operand, Operation, Variable
from graph_engine.primitive import Primitive, Sample
from graph_engine.primitives.arrays import cast, widened
from graph_engine.primitives.common import Axis, as_axes, as_float
from graph_engine.primitives.elementwise import divide, equal, exp, multiply, subtract, where
from graph_engine.primitives.reduction import Reduction, Sum
from graph_engine.primitives.structure import convert
from graph_engine.spec import Spec, normalize_axis

_GRID = np.sin(np.arange(24.0)).reshape(2, 3, 4)


class _Extreme(Reduction):
    accepts = ("integer", "float")
    needs_elements = True

    def kernel(self, xp: Any, x: Any) -> Any:
        return getattr(xp, self.name)(x, axis=self.axis, keepdims=self.keepdims)

    def pull(self, c: Variable, x: Variable, y: Variable) -> Variable:
        tied = equal(x, y)
        wide = "float32" if x.dtype == "float16" else x.dtype
        share = divide(convert(c, wide), Sum(self.axis, True)(convert(tied, wide)))
        return convert(multiply(share, convert(tied, wide)), x.dtype)  # 0 * inf: NaN where nothing is tied, as for NaN

    def samples(self) -> Sequence[Sample]:
        return (*super().samples(), Sample(np.array([1.0, 3.0, 3.0]), smooth=False))


class Max(_Extreme):
    """The largest over some dimensions, or all; tied ones share the gradient evenly (as in PyTorch's amax)."""

    name, symbol, formula = "max", "max", "max({x})"

    def local_derivatives(self, operation: Operation) -> Sequence[str]:
        return ("[{x} = {y}]",)


class Min(_Extreme):
    """The smallest over some dimensions, or all; tied ones share the gradient evenly (as in PyTorch's amin)."""

    name, symbol, formula = "min", "min", "min({x})"

    def local_derivatives(self, operation: Operation) -> Sequence[str]:
        return ("[{x} = {y}]",)


class LogSumExp(Reduction):
    """log Σ exp(x) over some dimensions, or all, without overflow; the gradient of a sum of nothing but -inf is 0."""

    name, symbol, formula, accepts, needs_elements = "logsumexp", "lse", "log Σ exp({x})", ("float",), True

    def kernel(self, xp: Any, x: Any) -> Any:
        wide = widened(xp, x)
        top = xp.max(wide, axis=self.axis, keepdims=True)
        top = xp.where(xp.isfinite(top), top, xp.zeros_like(top))
        total = xp.sum(xp.exp(wide - top), axis=self.axis, keepdims=True)
        empty = total == 0  # log(0) would warn
        result = xp.where(empty, total - xp.inf, xp.log(xp.where(empty, xp.ones_like(total), total)) + top)
        return cast(xp, xp.reshape(result, self.infer(_spec(x)).shape), x.dtype)

    def pull(self, c: Variable, x: Variable, y: Variable) -> Variable:
        return multiply(c, exp(subtract(x, where(equal(y, -math.inf), 0, y))))

    def local_derivatives(self, operation: Operation) -> Sequence[str]:
        return ("exp({x} - {y})",)


def _spec(x: Any) -> Spec:
    return Spec(tuple(x.shape))


# ---- positions and truth ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ArgMax(Primitive):
    """Where the largest is along a dimension, or in all elements: the first of tied ones, int64."""

    name, formula = "argmax", "argmax({x})"
    may_view = False
    axis: int | None = None
    keepdims: bool = False

    def infer(self, x: Spec) -> Spec:
        axes = None if self.axis is None else (normalize_axis(self.axis, x.ndim),)
        return _EXTREME_OF[self.name](axes, self.keepdims).infer(x).with_dtype("int64")

    def kernel(self, xp: Any, x: Any) -> Any:
        return cast(xp, getattr(xp, self.name)(x, axis=self.axis, keepdims=self.keepdims), xp.int64)

    def samples(self) -> Sequence[Sample]:
        make = type(self)
        return (
            Sample(_GRID),
            Sample(_GRID, use=make(1)),
            Sample(_GRID.T[::2], use=make(-1, True)),
            Sample(np.array([3, 1, 1, 3])),
            Sample(_GRID[:0], use=make(1)),
            Sample(_GRID[:0], raises=ShapeError),
            Sample(_GRID, use=make(3), raises=ShapeError),
        )


class ArgMin(ArgMax):
    """Where the smallest is along a dimension, or in all elements: the first of tied ones, int64."""

    name, formula = "argmin", "argmin({x})"


_EXTREME_OF: dict[str, type[Reduction]] = {"argmax": Max, "argmin": Min}


class AllOf(Reduction):
    """Whether all hold (are not 0) over some dimensions, or all."""

    name, symbol, formula = "all", "∀", "all({x})"

    def result_dtype(self, dtype: str) -> str:
        return "bool"

    def kernel(self, xp: Any, x: Any) -> Any:
        return getattr(xp, self.name)(x, axis=self.axis, keepdims=self.keepdims)

    def sample_input(self) -> Any:
        return _GRID > 0


class AnyOf(AllOf):
    """Whether one or more hold (are not 0) over some dimensions, or all."""

    name, symbol, formula = "any", "∃", "any({x})"


# ---- functions -------------------------------------------------------------------------------------------------


def max(x: Operand, axis: Axis = None, keepdims: bool = False) -> Variable:
    """Return the largest; tied ones share the gradient evenly.

    Examples
    --------
    >>> import graph_engine as ge
    >>> x = ge.input("x", 3)
    >>> ge.Engine("numpy").run(ge.grad(ge.max(x), x), {x: [1, 3, 3]}).tolist()
    [0.0, 0.5, 0.5]
    """
    result: Variable = Max(as_axes(axis), keepdims)(x)
    return result


def min(x: Operand, axis: Axis = None, keepdims: bool = False) -> Variable:
    """Return the smallest; tied ones share the gradient evenly.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.Engine("numpy").run(ge.min(ge.constant([[1, 2], [3, 0]]), axis=1), {}).tolist()
    [1, 0]
    """
    result: Variable = Min(as_axes(axis), keepdims)(x)
    return result


def logsumexp(x: Operand, axis: Axis = None, keepdims: bool = False) -> Variable:
    """Return log Σ exp(x), without overflow.

    Examples
    --------
    >>> import graph_engine as ge
    >>> float(ge.Engine("numpy").run(ge.logsumexp(ge.constant([1000.0, -float("inf")])), {}))
    1000.0
    """
    result: Variable = LogSumExp(as_axes(axis), keepdims)(as_float(x))
    return result


def argmax(x: Operand, axis: int | None = None, keepdims: bool = False) -> Variable:
    """Return where the largest is along a dimension: the first of tied ones, int64.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.Engine("numpy").run(ge.argmax(ge.constant([[1, 2], [3, 3]]), axis=1), {}).tolist()
    [1, 0]
    """
    result: Variable = ArgMax(axis, keepdims)(x)
    return result


def argmin(x: Operand, axis: int | None = None, keepdims: bool = False) -> Variable:
    """Return where the smallest is along a dimension: the first of tied ones, int64.

    Examples
    --------
    >>> import graph_engine as ge
    >>> int(ge.Engine("numpy").run(ge.argmin(ge.constant([2, 1, 1])), {}))
    1
    """
    result: Variable = ArgMin(axis, keepdims)(x)
    return result


def all(x: Operand, axis: Axis = None, keepdims: bool = False) -> Variable:
    """Return whether all hold (are not 0).

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.Engine("numpy").run(ge.all(ge.constant([[True, False], [True, True]]), axis=1), {}).tolist()
    [False, True]
    """
    result: Variable = AllOf(as_axes(axis), keepdims)(x)
    return result


def any(x: Operand, axis: Axis = None, keepdims: bool = False) -> Variable:
    """Return whether one or more hold (are not 0).

    Examples
    --------
    >>> import graph_engine as ge
    >>> bool(ge.Engine("numpy").run(ge.any(ge.constant([False, True])), {}))
    True
    """
    result: Variable = AnyOf(as_axes(axis), keepdims)(x)
    return result


PRIMITIVES: tuple[type[Primitive], ...] = (Max, Min, LogSumExp, ArgMax, ArgMin, AllOf, AnyOf)
