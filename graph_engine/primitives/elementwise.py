"""What is done to each element by itself: arithmetic, functions, comparisons, logic.

A class states one primitive: what it is called, its formula, its local derivatives as a picture shows them, and how a
gradient is pulled back. Kernels are the array API's functions of the same name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from graph_engine.errors import DTypeError
from graph_engine.node import Operand, Operation, Variable
from graph_engine.operands import as_variables, constant
from graph_engine.primitive import Primitive, Sample, apply
from graph_engine.primitives.structure import convert, sum_to
from graph_engine.spec import DEFAULT_FLOAT, Spec, broadcast_shapes, kind, promote

Cotangents = Sequence[Variable | None]


class Elementwise(Primitive):
    """What all elementwise primitives share: operands are brought to one dtype, shapes broadcast.

    Attributes
    ----------
    accepts : tuple of str
        The kinds of number it is defined on; integers given to a function of reals become float32.
    factors : tuple of str
        The local derivative for each input, in the placeholders of the formula.
    domain : (float, float)
        Where the samples of its use lie.
    """

    elementwise = True
    may_view = False
    accepts: ClassVar[tuple[str, ...]] = ("integer", "float")
    factors: ClassVar[tuple[str, ...]] = ()
    domain: ClassVar[tuple[float, float]] = (-2.0, 2.0)

    def __call__(self, *inputs: Operand) -> Variable:
        """Declare one operation, on operands brought to one dtype."""
        variables = as_variables(inputs)
        dtype = promote(*(v.dtype for v in variables)) if variables else DEFAULT_FLOAT
        if self.accepts == ("float",) and kind(dtype) != "float":
            dtype = DEFAULT_FLOAT
        result: Variable = apply(self, tuple(convert(v, dtype) for v in variables))
        return result

    def _check(self, *specs: Spec) -> Spec:
        first = specs[0]
        for spec in specs:
            if kind(spec.dtype) not in self.accepts:
                raise DTypeError(f"{self.name} is not defined on {spec.dtype}", f"it takes {' or '.join(self.accepts)}")
            if spec.dtype != first.dtype:
                raise DTypeError(f"the operands have two dtypes: {first.dtype} and {spec.dtype}")
        return first if len(specs) == 1 else first.with_shape(broadcast_shapes(*(s.shape for s in specs)))

    def local_derivatives(self, operation: Operation) -> Sequence[str | None]:
        return self.factors or (None,) * len(operation.inputs)


class Unary(Elementwise):
    """One operand."""

    def infer(self, x: Spec) -> Spec:
        return self._check(x)

    def kernel(self, xp: Any, x: Any) -> Any:
        return getattr(xp, self.name)(x)

    def pull(self, c: Variable, x: Variable, y: Variable) -> Variable | None:
        """Return the gradient of `x` from that of the result `y`."""
        return None

    def vjp(self, operation: Operation, cotangents: Cotangents, wanted: Sequence[bool]) -> Cotangents:
        (c,) = cotangents
        return (None if c is None else self.pull(c, operation.inputs[0], operation.outputs[0]),)

    def samples(self) -> Sequence[Sample]:
        low, high = self.domain
        grid = np.linspace(low, high, 12).reshape(3, 4) + 0.013
        return (
            Sample(grid),
            Sample(grid[0, 0]),
            Sample(grid[:0]),
            Sample(grid.T[::2]),
            Sample(grid > 0, raises=None if {"bool"} & {*self.accepts} or self.accepts == ("float",) else DTypeError),
        )


class Function(Unary):
    """A function of a real number."""

    accepts = ("float",)


class Binary(Elementwise):
    """Two operands that broadcast."""

    def infer(self, x1: Spec, x2: Spec) -> Spec:
        return self._check(x1, x2)

    def kernel(self, xp: Any, x1: Any, x2: Any) -> Any:
        return getattr(xp, self.name)(x1, x2)

    def pull1(self, c: Variable, x1: Variable, x2: Variable, y: Variable) -> Variable | None:
        """Return the gradient of `x1`, before broadcasting is undone."""
        return None

    def pull2(self, c: Variable, x1: Variable, x2: Variable, y: Variable) -> Variable | None:
        """Return the gradient of `x2`, before broadcasting is undone."""
        return None

    def vjp(self, operation: Operation, cotangents: Cotangents, wanted: Sequence[bool]) -> Cotangents:
        (c,), (x1, x2), (y,) = cotangents, operation.inputs, operation.outputs
        if c is None:
            return (None, None)
        pulled = [
            pull(c, x1, x2, y) if want else None for pull, want in zip((self.pull1, self.pull2), wanted, strict=True)
        ]
        return [p if p is None else sum_to(p, v.shape) for p, v in zip(pulled, (x1, x2), strict=True)]

    def samples(self) -> Sequence[Sample]:
        low, high = self.domain
        a = np.linspace(low, high, 12).reshape(3, 4) + 0.013
        b = a[::-1, ::-1] * 0.9 + 0.05
        return (
            Sample(a, b),
            Sample(a, b[0]),
            Sample(a[:, :1], b[0]),
            Sample(a[0, 0], b[0, 0]),
            Sample(a[:0], b[0]),
            Sample(a.T, b.T[:, ::-1]),
            Sample(a, b.T, raises=ValueError),
        )


# ---- arithmetic ------------------------------------------------------------------------------------------------


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


class Pow(Binary):
    """`x1` to the power `x2`, elementwise.

    The derivative in `x1` is 0 where `x2` is 0, the one in `x2` is 0 where `x1` is 0 and `x2` is not negative (as in
    PyTorch).
    """

    name, symbol, formula = "pow", "^", "{x1} ** {x2}"
    factors = ("{x2} * {x1} ** ({x2} - 1)", "{y} * log({x1})")
    accepts, domain = ("float",), (0.5, 2.5)

    def pull1(self, c: Variable, x1: Variable, x2: Variable, y: Variable) -> Variable:
        if x2.kind == "constant" and x2.data is not None and x2.data.all():
            return multiply(c, multiply(x2, pow(x1, constant(x2.data - 1, dtype=x2.dtype))))
        slope = multiply(x2, pow(x1, subtract(x2, 1)))
        return multiply(c, where(equal(x2, 0), 0, slope))

    def pull2(self, c: Variable, x1: Variable, x2: Variable, y: Variable) -> Variable:
        flat = logical_and(equal(x1, 0), greater_equal(x2, 0))
        return where(flat, 0, multiply(c, multiply(y, log(where(flat, 1, x1)))))


class _Extremum(Binary):
    """The larger or smaller of two; at a tie each gets half the gradient (as in PyTorch)."""

    def wins(self, one: Variable, other: Variable) -> Variable:
        """Return where the first of two is chosen."""
        raise NotImplementedError

    def _share(self, c: Variable, one: Variable, other: Variable) -> Variable:
        half = where(equal(one, other), multiply(c, 0.5), 0)
        return where(self.wins(one, other), c, half)

    def pull1(self, c: Variable, x1: Variable, x2: Variable, y: Variable) -> Variable:
        return self._share(c, x1, x2)

    def pull2(self, c: Variable, x1: Variable, x2: Variable, y: Variable) -> Variable:
        return self._share(c, x2, x1)


class Maximum(_Extremum):
    """The larger of two, elementwise; at a tie each gets half the gradient."""

    name, symbol, formula = "maximum", "max", "max({x1}, {x2})"
    factors = ("[{x1} > {x2}]", "[{x2} > {x1}]")

    def wins(self, one: Variable, other: Variable) -> Variable:
        return greater(one, other)


class Minimum(_Extremum):
    """The smaller of two, elementwise; at a tie each gets half the gradient."""

    name, symbol, formula = "minimum", "min", "min({x1}, {x2})"
    factors = ("[{x1} < {x2}]", "[{x2} < {x1}]")

    def wins(self, one: Variable, other: Variable) -> Variable:
        return less(one, other)


# ---- functions of one operand ----------------------------------------------------------------------------------


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


class Sqrt(Function):
    """The square root, elementwise; the derivative at 0 is infinite."""

    name, symbol, formula, factors, domain = "sqrt", "√", "sqrt({x})", ("1 / (2 * {y})",), (0.2, 2.5)

    def pull(self, c: Variable, x: Variable, y: Variable) -> Variable:
        return divide(multiply(c, 0.5), y)


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


class Relu(Unary):
    """max(x, 0), elementwise; the derivative at 0 is 0."""

    name, symbol, formula, factors = "relu", "ReLU", "max(0, {x})", ("[{x} > 0]",)

    def kernel(self, xp: Any, x: Any) -> Any:
        return xp.maximum(x, xp.zeros_like(x))

    def pull(self, c: Variable, x: Variable, y: Variable) -> Variable:
        return where(greater(x, 0), c, 0)


# ---- choices ---------------------------------------------------------------------------------------------------


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


# ---- comparisons and logic -------------------------------------------------------------------------------------


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


add, subtract, multiply, divide, pow = Add(), Subtract(), Multiply(), Divide(), Pow()
maximum, minimum, clip, where = Maximum(), Minimum(), Clip(), Where()
negative, reciprocal, square, sqrt, abs, sign, floor = (
    Negative(), Reciprocal(), Square(), Sqrt(), Abs(), Sign(), Floor(),
)  # fmt: skip
exp, expm1, log, log1p = Exp(), Expm1(), Log(), Log1p()
sin, cos, tan, tanh = Sin(), Cos(), Tan(), Tanh()
sigmoid, softplus, relu = Sigmoid(), Softplus(), Relu()
equal, not_equal, less, less_equal = Equal(), NotEqual(), Less(), LessEqual()
greater, greater_equal = Greater(), GreaterEqual()
logical_and, logical_or, logical_not = LogicalAnd(), LogicalOr(), LogicalNot()
isfinite, isnan = IsFinite(), IsNaN()

PRIMITIVES: tuple[type[Primitive], ...] = (
    Add, Subtract, Multiply, Divide, Pow, Maximum, Minimum, Negative, Reciprocal, Square, Sqrt, Abs, Sign, Floor, Exp,
    Expm1, Log, Log1p, Sin, Cos, Tan, Tanh, Sigmoid, Softplus, Relu, Clip, Where, Equal, NotEqual, Less, LessEqual,
    Greater, GreaterEqual, LogicalAnd, LogicalOr, LogicalNot, IsFinite, IsNaN,
)  # fmt: skip
