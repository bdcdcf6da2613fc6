"""Mean, variance and standard deviation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graph_engine.dims import Dim
from graph_engine.node import Operand, Operation, Variable
from graph_engine.operands import constant
from graph_engine.primitive import Primitive, Sample
from graph_engine.primitives.arrays import cast, widened
from graph_engine.primitives.common import Axis, as_axes, as_float
from graph_engine.primitives.elementwise import divide, equal, multiply, where
from graph_engine.primitives.reduction import Reduction
from graph_engine.primitives.structure import convert, full
from graph_engine.spec import normalize_axes

_GRID = np.sin(np.arange(24.0)).reshape(2, 3, 4)


class Mean(Reduction):
    """The mean over some dimensions, or all; NaN of no elements."""

    name, symbol, formula, accepts = "mean", "mean", "mean({x})", ("float",)

    def kernel(self, xp: Any, x: Any) -> Any:
        return cast(xp, _mean(xp, widened(xp, x), self.axis, self.keepdims), x.dtype)

    def pull(self, c: Variable, x: Variable, y: Variable) -> Variable:
        return divided(c, self.count(x))

    def local_derivatives(self, operation: Operation) -> Sequence[str]:
        return (f"{{d}} / {self.count(operation.inputs[0])}",)


@dataclass(frozen=True)
class Var(Reduction):
    """The mean square distance from the mean, over some dimensions or all.

    Attributes
    ----------
    correction : float
        What is taken off the number of elements before dividing by it: 1 for the estimate from a sample.
    """

    name, symbol, formula, accepts = "var", "var", "var({x})", ("float",)
    correction: float = 0

    def kernel(self, xp: Any, x: Any) -> Any:
        wide = widened(xp, x)
        centred = wide - _mean(xp, wide, self.axis, True)
        count = _count(x, self.axis) - self.correction
        return cast(xp, xp.sum(centred * centred, axis=self.axis, keepdims=self.keepdims) / max(count, 0), x.dtype)

    def pull(self, c: Variable, x: Variable, y: Variable) -> Variable:
        return multiply(multiply(c, 2), self.deviation(x))

    def deviation(self, x: Variable) -> Variable:
        """Return (x - mean) / (n - correction)."""
        centred: Variable = x - Mean(self.axis, True)(x)
        if isinstance(self.correction, int) or self.correction.is_integer():
            return divided(centred, self.count(x) - int(self.correction))
        return centred / (full((), self.count(x), x.dtype) - self.correction)

    def local_derivatives(self, operation: Operation) -> Sequence[str]:
        return ("2 ({x} - mean) / n",)

    def samples(self) -> Sequence[Sample]:
        make = type(self)
        return (*super().samples(), Sample(_GRID, use=make((0, 2), correction=1)))


class Std(Var):
    """The square root of the variance; where it is 0, its derivative is taken to be 0 (as in PyTorch)."""

    name, symbol, formula = "std", "std", "std({x})"

    def kernel(self, xp: Any, x: Any) -> Any:
        return cast(xp, xp.sqrt(super().kernel(xp, widened(xp, x))), x.dtype)

    def pull(self, c: Variable, x: Variable, y: Variable) -> Variable:
        flat = equal(y, 0)
        slope = where(flat, 0, divide(c, where(flat, 1, y)))
        return multiply(slope, self.deviation(x))

    def local_derivatives(self, operation: Operation) -> Sequence[str]:
        return ("({x} - mean) / (n {y})",)

    def samples(self) -> Sequence[Sample]:
        scalar = Sample(2.0, smooth=False)
        return tuple(scalar if s.inputs[0].ndim == 0 else s for s in super().samples())


def divided(c: Variable, count: int | Dim) -> Variable:
    """Divide by a number of elements, which may be a dimension and may be too large for half precision."""
    if isinstance(count, int) and c.dtype != "float16":
        return divide(c, constant(count, dtype=c.dtype))
    wide = "float32" if c.dtype == "float16" else c.dtype
    return convert(divide(convert(c, wide), full((), count, wide)), c.dtype)


def _mean(xp: Any, x: Any, axis: tuple[int, ...] | None, keepdims: bool) -> Any:
    return xp.sum(x, axis=axis, keepdims=keepdims) / _count(x, axis)  # xp.mean warns where there are no elements


def _count(x: Any, axis: tuple[int, ...] | None) -> int:
    """Return how many elements of an array make one."""
    return math.prod(x.shape[i] for i in normalize_axes(axis, x.ndim))


# ---- functions -------------------------------------------------------------------------------------------------


def mean(x: Operand, axis: Axis = None, keepdims: bool = False) -> Variable:
    """Average over some dimensions, or all; integers become float32.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.Engine("numpy").run(ge.mean(ge.constant([[1.0, 2.0], [3.0, 4.0]]), axis=0), {}).tolist()
    [2.0, 3.0]
    """
    result: Variable = Mean(as_axes(axis), keepdims)(as_float(x))
    return result


def var(x: Operand, axis: Axis = None, correction: float = 0, keepdims: bool = False) -> Variable:
    """Return the mean square distance from the mean; `correction=1` divides by one less.

    Examples
    --------
    >>> import graph_engine as ge
    >>> float(ge.Engine("numpy").run(ge.var(ge.constant([1.0, 3.0])), {}))
    1.0
    """
    result: Variable = Var(as_axes(axis), keepdims, correction)(as_float(x))
    return result


def std(x: Operand, axis: Axis = None, correction: float = 0, keepdims: bool = False) -> Variable:
    """Return the square root of the variance; where it is 0, its derivative is taken to be 0.

    Examples
    --------
    >>> import graph_engine as ge
    >>> float(ge.Engine("numpy").run(ge.std(ge.constant([1.0, 3.0])), {}))
    1.0
    """
    result: Variable = Std(as_axes(axis), keepdims, correction)(as_float(x))
    return result


PRIMITIVES: tuple[type[Primitive], ...] = (Mean, Var, Std)
