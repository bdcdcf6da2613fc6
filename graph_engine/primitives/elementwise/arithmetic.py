"""Arithmetic on each element by itself."""

from __future__ import annotations

from typing import Any

from graph_engine.node import Variable
from graph_engine.primitive import Primitive
from graph_engine.primitives.elementwise.base import Binary, Function, Unary


class Add(Binary):
    """The sum, elementwise.

    Examples
    --------
    >>> import graph_engine as ge
    >>> float(ge.Engine("numpy").run(ge.add(1.0, 2.0), {}))
    3.0
    """

    name, symbol, formula, factors = "add", "+", "{x1} + {x2}", ("1", "1")

    def pull1(self, c: Variable, x1: Variable, x2: Variable, y: Variable) -> Variable:
        return c

    def pull2(self, c: Variable, x1: Variable, x2: Variable, y: Variable) -> Variable:
        return c


class Subtract(Binary):
    """The difference, elementwise."""

    name, symbol, formula, factors = "subtract", "−", "{x1} - {x2}", ("1", "-1")

    def pull1(self, c: Variable, x1: Variable, x2: Variable, y: Variable) -> Variable:
        return c

    def pull2(self, c: Variable, x1: Variable, x2: Variable, y: Variable) -> Variable:
        return negative(c)


class Multiply(Binary):
    """The product, elementwise."""

    name, symbol, formula, factors = "multiply", "×", "{x1} * {x2}", ("{x2}", "{x1}")

    def pull1(self, c: Variable, x1: Variable, x2: Variable, y: Variable) -> Variable:
        return multiply(c, x2)

    def pull2(self, c: Variable, x1: Variable, x2: Variable, y: Variable) -> Variable:
        return multiply(c, x1)


class Divide(Binary):
    """The quotient, elementwise; integers become float32."""

    name, symbol, formula = "divide", "÷", "{x1} / {x2}"
    factors = ("1 / {x2}", "-{y} / {x2}")
    accepts, domain = ("float",), (0.5, 2.5)

    def pull1(self, c: Variable, x1: Variable, x2: Variable, y: Variable) -> Variable:
        return divide(c, x2)

    def pull2(self, c: Variable, x1: Variable, x2: Variable, y: Variable) -> Variable:
        return negative(multiply(c, divide(y, x2)))


class Negative(Unary):
    """The negative, elementwise."""

    name, symbol, formula, factors = "negative", "−", "-{x}", ("-1",)

    def pull(self, c: Variable, x: Variable, y: Variable) -> Variable:
        return negative(c)


class Reciprocal(Function):
    """1 / x, elementwise."""

    name, symbol, formula, factors, domain = "reciprocal", "1/x", "1 / {x}", ("-{y} * {y}",), (0.5, 2.5)

    def kernel(self, xp: Any, x: Any) -> Any:
        return xp.divide(xp.ones_like(x), x)

    def pull(self, c: Variable, x: Variable, y: Variable) -> Variable:
        return negative(multiply(c, square(y)))


class Square(Unary):
    """x times x, elementwise."""

    name, symbol, formula, factors = "square", "x²", "{x} ** 2", ("2 * {x}",)

    def pull(self, c: Variable, x: Variable, y: Variable) -> Variable:
        return multiply(c, multiply(x, 2))


class Abs(Unary):
    """The absolute value, elementwise; the derivative at 0 is 0."""

    name, symbol, formula, factors = "abs", "|x|", "|{x}|", ("sign({x})",)

    def pull(self, c: Variable, x: Variable, y: Variable) -> Variable:
        return multiply(c, sign(x))


class Sign(Unary):
    """-1, 0 or 1, elementwise; 0 at 0, and the derivative is 0 everywhere."""

    name, formula, factors = "sign", "sign({x})", ("0",)


class Floor(Function):
    """The largest integer that is not larger, elementwise; the derivative is 0."""

    name, symbol, formula, factors = "floor", "⌊x⌋", "⌊{x}⌋", ("0",)


add, subtract, multiply, divide = Add(), Subtract(), Multiply(), Divide()
negative, reciprocal, square = Negative(), Reciprocal(), Square()
abs, sign, floor = Abs(), Sign(), Floor()

PRIMITIVES: tuple[type[Primitive], ...] = (
    Add, Subtract, Multiply, Divide, Negative, Reciprocal, Square, Abs, Sign, Floor,
)  # fmt: skip
