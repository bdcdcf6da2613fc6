"""One of several values for each element by itself: the larger one, the one inside of bounds, the one chosen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from graph_engine.errors import DTypeError
from graph_engine.node import Operand, Operation, Variable
from graph_engine.operands import as_variables
from graph_engine.primitive import Cotangents, Primitive, Sample, apply
from graph_engine.primitives.elementwise.arithmetic import multiply
from graph_engine.primitives.elementwise.base import Binary, Elementwise, Unary
from graph_engine.primitives.elementwise.comparisons import equal, greater, less, less_equal, logical_and, logical_or
from graph_engine.primitives.structure import convert, sum_to
from graph_engine.spec import Spec, broadcast_shapes, promote


class Where(Elementwise):
    """`x1` where the condition holds, else `x2`."""

    name, symbol, formula = "where", "where", "{x1} if {condition} else {x2}"
    accepts = ("bool", "integer", "float")

    def __call__(self, condition: Operand, x1: Operand, x2: Operand) -> Variable:
        """Declare one operation; the condition is a bool, the others are brought to one dtype."""
        (chosen,) = as_variables([condition])
        x1, x2 = as_variables([x1, x2])
        dtype = promote(x1.dtype, x2.dtype)
        result: Variable = apply(self, (chosen, convert(x1, dtype), convert(x2, dtype)))
        return result

    def infer(self, condition: Spec, x1: Spec, x2: Spec) -> Spec:
        if condition.dtype != "bool":
            raise DTypeError(f"the condition is {condition.dtype}, not bool", "compare it: ge.not_equal(x, 0)")
        return self._check(x1, x2).with_shape(broadcast_shapes(condition.shape, x1.shape, x2.shape))

    def kernel(self, xp: Any, condition: Any, x1: Any, x2: Any) -> Any:
        return xp.where(condition, x1, x2)

    def vjp(self, operation: Operation, cotangents: Cotangents, wanted: Sequence[bool]) -> Cotangents:
        (c,), (condition, x1, x2) = cotangents, operation.inputs
        if c is None:
            return (None, None, None)
        return (None, sum_to(where(condition, c, 0), x1.shape), sum_to(where(condition, 0, c), x2.shape))

    def local_derivatives(self, operation: Operation) -> Sequence[str | None]:
        return (None, "[{condition}]", "[not {condition}]")

    def samples(self) -> Sequence[Sample]:
        a = np.linspace(-2, 2, 12).reshape(3, 4) + 0.013
        return (
            Sample(a > 0, a, a * 2),
            Sample(a[0] > 0, a, 1.5),
            Sample(a > 0, a[0], a[:, :1]),
            Sample(a[:0] > 0, a[:0], a[:0]),
            Sample(a, a, a, raises=DTypeError),
        )


class Clip(Elementwise):
    """x cut to [low, high], elementwise; the derivative in x is 1 inside and at the bounds."""

    name, formula = "clip", "clip({x}, {low}, {high})"
    factors = ("[{low} <= {x} <= {high}]", "[{x} < {low}]", "[{x} > {high}]")

    def infer(self, x: Spec, low: Spec, high: Spec) -> Spec:
        return self._check(x, low, high)

    def kernel(self, xp: Any, x: Any, low: Any, high: Any) -> Any:
        return xp.minimum(xp.maximum(x, low), high)

    def vjp(self, operation: Operation, cotangents: Cotangents, wanted: Sequence[bool]) -> Cotangents:
        (c,), (x, low, high) = cotangents, operation.inputs
        if c is None:
            return (None, None, None)
        above, below = greater(x, high), less(x, low)
        inside = where(logical_or(above, below), 0, c)
        capped = where(logical_or(above, greater(low, high)), c, 0)
        lifted = where(logical_and(below, less_equal(low, high)), c, 0)
        return [sum_to(t, v.shape) for t, v in zip((inside, lifted, capped), operation.inputs, strict=True)]

    def samples(self) -> Sequence[Sample]:
        a = np.linspace(-2, 2, 12).reshape(3, 4) + 0.013
        return (
            Sample(a, -1.0, 1.0),
            Sample(a, a[0] * 0.3 - 1, a[:, :1] * 0.2 + 1),
            Sample(a[:0], 0.0, 1.0),
            Sample(a, a[:, :3], 1.0, raises=ValueError),
        )


class _Extremum(Binary):
    """The larger or smaller of two; at a tie each gets half the gradient, beside NaN all of it (as in PyTorch)."""

    def loses(self, one: Variable, other: Variable) -> Variable:
        """Return where the second of two is chosen."""
        raise NotImplementedError

    def _share(self, c: Variable, one: Variable, other: Variable) -> Variable:
        share = where(equal(one, other), multiply(c, 0.5), c)
        return where(self.loses(one, other), 0, share)

    def pull1(self, c: Variable, x1: Variable, x2: Variable, y: Variable) -> Variable:
        return self._share(c, x1, x2)

    def pull2(self, c: Variable, x1: Variable, x2: Variable, y: Variable) -> Variable:
        return self._share(c, x2, x1)


class Maximum(_Extremum):
    """The larger of two, elementwise; at a tie each gets half the gradient."""

    name, symbol, formula = "maximum", "max", "max({x1}, {x2})"
    factors = ("[{x1} > {x2}]", "[{x2} > {x1}]")

    def loses(self, one: Variable, other: Variable) -> Variable:
        return less(one, other)


class Minimum(_Extremum):
    """The smaller of two, elementwise; at a tie each gets half the gradient."""

    name, symbol, formula = "minimum", "min", "min({x1}, {x2})"
    factors = ("[{x1} < {x2}]", "[{x2} < {x1}]")

    def loses(self, one: Variable, other: Variable) -> Variable:
        return greater(one, other)


class Relu(Unary):
    """max(x, 0), elementwise; the derivative at 0 is 0."""

    name, symbol, formula, factors = "relu", "ReLU", "max(0, {x})", ("[{x} > 0]",)

    def kernel(self, xp: Any, x: Any) -> Any:
        return xp.maximum(x, xp.zeros_like(x))

    def pull(self, c: Variable, x: Variable, y: Variable) -> Variable:
        return where(greater(x, 0), c, 0)


maximum, minimum, relu, where = Maximum(), Minimum(), Relu(), Where()
_CLIP = Clip()


def clip(x: Operand, min: Operand | None = None, max: Operand | None = None) -> Variable:
    """Cut x to [min, max], elementwise; the derivative in x is 1 inside and at the bounds.

    Parameters
    ----------
    x : Variable or array_like
    min, max : Variable or array_like, optional
        The bounds, which broadcast; None is no bound.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.Engine("numpy").run(ge.clip([-2.0, 0.5, 2.0], max=1.0)).tolist()
    [-2.0, 0.5, 1.0]
    """
    (cut,) = as_variables([x])
    if min is None and max is None:
        return cut
    if cut.spec.is_float:
        return _CLIP(cut, -math.inf if min is None else min, math.inf if max is None else max)
    lifted = cut if min is None else maximum(cut, min)
    return lifted if max is None else minimum(lifted, max)



PRIMITIVES: tuple[type[Primitive], ...] = (Where, Clip, Maximum, Minimum, Relu)
