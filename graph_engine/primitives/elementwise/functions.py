"""Functions of a real number, for each element by itself: powers, exponentials, trigonometry."""

from __future__ import annotations

from typing import Any

from graph_engine.node import Variable
from graph_engine.operands import constant
from graph_engine.primitive import Primitive
from graph_engine.primitives.elementwise.arithmetic import add, divide, multiply, negative, square, subtract
from graph_engine.primitives.elementwise.base import Binary, Function
from graph_engine.primitives.elementwise.choices import where
from graph_engine.primitives.elementwise.comparisons import equal, greater_equal, logical_and


class Pow(Binary):
    """`x1` to the power `x2`, elementwise.

    The derivative in `x1` is 0 where `x2` is 0, the one in `x2` is 0 where `x1` is 0 and `x2` is not negative (as in
    PyTorch).
    """

    name, symbol, formula = "pow", "^", "{x1} ** {x2}"
    factors = ("{x2} * {x1} ** ({x2} - 1)", "{y} * log({x1})")
    accepts, domain = ("float",), (0.5, 2.5)

    def pull1(self, c: Variable, x1: Variable, x2: Variable, y: Variable) -> Variable | None:
        if x2.data is not None and x2.kind == "constant" and not x2.data.any():
            return None
        if x2.data is not None and x2.kind == "constant" and x2.data.all():
            return multiply(c, multiply(x2, pow(x1, constant(x2.data - 1, dtype=x2.dtype))))
        slope = multiply(x2, pow(x1, subtract(x2, 1)))
        return multiply(c, where(equal(x2, 0), 0, slope))

    def pull2(self, c: Variable, x1: Variable, x2: Variable, y: Variable) -> Variable:
        flat = logical_and(equal(x1, 0), greater_equal(x2, 0))
        return where(flat, 0, multiply(c, multiply(y, log(where(flat, 1, x1)))))


class Sqrt(Function):
    """The square root, elementwise; the derivative at 0 is infinite."""

    name, symbol, formula, factors, domain = "sqrt", "√", "sqrt({x})", ("1 / (2 * {y})",), (0.2, 2.5)

    def pull(self, c: Variable, x: Variable, y: Variable) -> Variable:
        return divide(multiply(c, 0.5), y)


class Exp(Function):
    """The exponential function, elementwise."""

    name, formula, factors = "exp", "exp({x})", ("{y}",)

    def pull(self, c: Variable, x: Variable, y: Variable) -> Variable:
        return multiply(c, y)


class Expm1(Function):
    """exp(x) - 1, elementwise, exact near 0."""

    name, formula, factors = "expm1", "exp({x}) - 1", ("{y} + 1",)

    def pull(self, c: Variable, x: Variable, y: Variable) -> Variable:
        return multiply(c, add(y, 1))


class Log(Function):
    """The natural logarithm, elementwise."""

    name, symbol, formula, factors, domain = "log", "ln", "log({x})", ("1 / {x}",), (0.2, 3.0)

    def pull(self, c: Variable, x: Variable, y: Variable) -> Variable:
        return divide(c, x)


class Log1p(Function):
    """log(1 + x), elementwise, exact near 0."""

    name, symbol, formula, factors, domain = "log1p", "ln(1+x)", "log(1 + {x})", ("1 / (1 + {x})",), (-0.6, 3.0)

    def pull(self, c: Variable, x: Variable, y: Variable) -> Variable:
        return divide(c, add(x, 1))


class Sin(Function):
    """The sine, elementwise."""

    name, formula, factors = "sin", "sin({x})", ("cos({x})",)

    def pull(self, c: Variable, x: Variable, y: Variable) -> Variable:
        return multiply(c, cos(x))


class Cos(Function):
    """The cosine, elementwise."""

    name, formula, factors = "cos", "cos({x})", ("-sin({x})",)

    def pull(self, c: Variable, x: Variable, y: Variable) -> Variable:
        return negative(multiply(c, sin(x)))


class Tan(Function):
    """The tangent, elementwise."""

    name, formula, factors, domain = "tan", "tan({x})", ("1 + {y} ** 2",), (-1.2, 1.2)

    def pull(self, c: Variable, x: Variable, y: Variable) -> Variable:
        return multiply(c, add(square(y), 1))


class Tanh(Function):
    """The hyperbolic tangent, elementwise."""

    name, formula, factors = "tanh", "tanh({x})", ("1 - {y} ** 2",)

    def pull(self, c: Variable, x: Variable, y: Variable) -> Variable:
        return multiply(c, subtract(1, square(y)))


class Sigmoid(Function):
    """The logistic function 1 / (1 + exp(-x)), elementwise."""

    name, symbol, formula, factors = "sigmoid", "σ", "σ({x})", ("{y} * (1 - {y})",)

    def kernel(self, xp: Any, x: Any) -> Any:
        return xp.divide(xp.ones_like(x), xp.exp(xp.negative(x)) + 1)

    def pull(self, c: Variable, x: Variable, y: Variable) -> Variable:
        return multiply(c, multiply(y, subtract(1, y)))


class Softplus(Function):
    """log(1 + exp(x)), elementwise, without overflow."""

    name, formula, factors = "softplus", "log(1 + exp({x}))", ("σ({x})",)

    def kernel(self, xp: Any, x: Any) -> Any:
        return xp.logaddexp(x, xp.zeros_like(x))

    def pull(self, c: Variable, x: Variable, y: Variable) -> Variable:
        return multiply(c, sigmoid(x))


pow, sqrt = Pow(), Sqrt()
exp, expm1, log, log1p = Exp(), Expm1(), Log(), Log1p()
sin, cos, tan, tanh = Sin(), Cos(), Tan(), Tanh()
sigmoid, softplus = Sigmoid(), Softplus()

PRIMITIVES: tuple[type[Primitive], ...] = (
    Pow, Sqrt, Exp, Expm1, Log, Log1p, Sin, Cos, Tan, Tanh, Sigmoid, Softplus,
)  # fmt: skip
