"""Comparisons and logic on each element by itself: bools, without a derivative."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from graph_engine.errors import DTypeError
from graph_engine.primitive import Primitive, Sample
from graph_engine.primitives.elementwise.base import Binary, Function, Unary
from graph_engine.spec import Spec


class Comparison(Binary):
    """A comparison: a bool, without a derivative."""

    accepts: ClassVar[tuple[str, ...]] = ("bool", "integer", "float")

    def infer(self, x1: Spec, x2: Spec) -> Spec:
        return self._check(x1, x2).with_dtype("bool")


class Equal(Comparison):
    """Whether two are equal, elementwise (`==` on variables is identity)."""

    name, symbol, formula = "equal", "=", "{x1} == {x2}"


class NotEqual(Comparison):
    """Whether two differ, elementwise."""

    name, symbol, formula = "not_equal", "≠", "{x1} != {x2}"


class Less(Comparison):
    """Whether `x1` is smaller, elementwise."""

    name, symbol, formula, accepts = "less", "<", "{x1} < {x2}", ("integer", "float")


class LessEqual(Comparison):
    """Whether `x1` is not larger, elementwise."""

    name, symbol, formula, accepts = "less_equal", "≤", "{x1} <= {x2}", ("integer", "float")


class Greater(Comparison):
    """Whether `x1` is larger, elementwise."""

    name, symbol, formula, accepts = "greater", ">", "{x1} > {x2}", ("integer", "float")


class GreaterEqual(Comparison):
    """Whether `x1` is not smaller, elementwise."""

    name, symbol, formula, accepts = "greater_equal", "≥", "{x1} >= {x2}", ("integer", "float")


class _Logical(Binary):
    accepts = ("bool",)

    def samples(self) -> Sequence[Sample]:
        a = np.linspace(-2, 2, 12).reshape(3, 4)
        return (
            Sample(a > 0, a > 1),
            Sample(a[0] > 0, a[:, :1] > 1),
            Sample(a[:0] > 0, a[:0] > 0),
            Sample(a, a, raises=DTypeError),
        )


class LogicalAnd(_Logical):
    """Whether both hold, elementwise."""

    name, symbol, formula = "logical_and", "∧", "{x1} and {x2}"


class LogicalOr(_Logical):
    """Whether one or both hold, elementwise."""

    name, symbol, formula = "logical_or", "∨", "{x1} or {x2}"


class LogicalNot(Unary):
    """Whether it does not hold, elementwise."""

    name, symbol, formula, accepts = "logical_not", "¬", "not {x}", ("bool",)

    def samples(self) -> Sequence[Sample]:
        a = np.linspace(-2, 2, 12).reshape(3, 4)
        return (Sample(a > 0), Sample(a[:0] > 0), Sample(a, raises=DTypeError))


class IsFinite(Function):
    """Whether it is neither NaN nor infinite, elementwise."""

    name, formula = "isfinite", "isfinite({x})"

    def infer(self, x: Spec) -> Spec:
        return self._check(x).with_dtype("bool")


class IsNaN(IsFinite):
    """Whether it is not a number, elementwise."""

    name, formula = "isnan", "isnan({x})"


equal, not_equal, less, less_equal = Equal(), NotEqual(), Less(), LessEqual()
greater, greater_equal = Greater(), GreaterEqual()
logical_and, logical_or, logical_not = LogicalAnd(), LogicalOr(), LogicalNot()
isfinite, isnan = IsFinite(), IsNaN()

PRIMITIVES: tuple[type[Primitive], ...] = (
    Equal, NotEqual, Less, LessEqual, Greater, GreaterEqual, LogicalAnd, LogicalOr, LogicalNot, IsFinite, IsNaN,
)  # fmt: skip
