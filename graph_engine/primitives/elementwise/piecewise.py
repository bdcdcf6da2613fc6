"""Activations with a kink or a jump: leaky and parametric ReLU, ELU, SELU, hard tanh, steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graph_engine.errors import DeclarationError
from graph_engine.node import Variable
from graph_engine.primitive import Primitive, Sample
from graph_engine.primitives.arrays import cast, widened
from graph_engine.primitives.elementwise.arithmetic import add, multiply
from graph_engine.primitives.elementwise.base import Binary, Function
from graph_engine.primitives.elementwise.choices import where
from graph_engine.primitives.elementwise.comparisons import greater, less, logical_and
from graph_engine.spec import Spec

_AROUND_0 = np.array([-1.5, 0.0, 2.5])


@dataclass(frozen=True)
class LeakyRelu(Function):
    """x above 0, a slope times x below, elementwise; the derivative at 0 is that slope (as in PyTorch)."""

    name, symbol = "leaky_relu", "leaky ReLU"
    formula, factors = "{x} if {x} > 0 else {negative_slope} * {x}", ("1 if {x} > 0 else {negative_slope}",)
    negative_slope: float = 0.01

    def kernel(self, xp: Any, x: Any) -> Any:
        return xp.where(x > 0, x, x * self.negative_slope)

    def pull(self, c: Variable, x: Variable, y: Variable) -> Variable:
        return where(greater(x, 0), c, multiply(c, self.negative_slope))

    def samples(self) -> Sequence[Sample]:
        return (*super().samples(), Sample(_AROUND_0, use=LeakyRelu(0.1), smooth=False))


class PositivePart(Function):
    """max(x, 0), elementwise; other than that of `relu`, the derivative at 0 is 1 (as that of PyTorch's `clamp`)."""

    name, symbol, formula, factors = "positive_part", "max(0, ·)", "max(0, {x})", ("[{x} >= 0]",)

    def kernel(self, xp: Any, x: Any) -> Any:
        return xp.maximum(x, xp.zeros_like(x))

    def pull(self, c: Variable, x: Variable, y: Variable) -> Variable:
        return where(less(x, 0), 0, c)


class PRelu(Binary):
    """x above 0, a weight times x below, elementwise; at 0 the derivative in x is the weight, the other 0."""

    name, symbol, formula = "prelu", "PReLU", "{x} if {x} > 0 else {weight} * {x}"
    factors = ("1 if {x} > 0 else {weight}", "0 if {x} > 0 else {x}")
    accepts = ("float",)

    def infer(self, x: Spec, weight: Spec) -> Spec:
        return self._check(x, weight)

    def kernel(self, xp: Any, x: Any, weight: Any) -> Any:
        return xp.where(x > 0, x, weight * x)

    def pull1(self, c: Variable, x1: Variable, x2: Variable, y: Variable) -> Variable:
        return where(greater(x1, 0), c, multiply(c, x2))

    def pull2(self, c: Variable, x1: Variable, x2: Variable, y: Variable) -> Variable:
        return where(greater(x1, 0), 0, multiply(c, x1))


@dataclass(frozen=True)
class Elu(Function):
    """x above 0, alpha (exp(x) - 1) below, elementwise; the derivative at 0 is alpha (Clevert et al. 2015)."""

    name, symbol = "elu", "ELU"
    formula, factors = "{x} if {x} > 0 else {alpha} * (exp({x}) - 1)", ("1 if {x} > 0 else {y} + {alpha}",)
    alpha: float = 1.0

    def kernel(self, xp: Any, x: Any) -> Any:
        wide = widened(xp, x)
        below = self.alpha * xp.expm1(xp.where(wide > 0, xp.zeros_like(wide), wide))
        return cast(xp, xp.where(wide > 0, wide, below), x.dtype)

    def pull(self, c: Variable, x: Variable, y: Variable) -> Variable:
        return where(greater(x, 0), c, multiply(c, add(y, self.alpha)))

    def samples(self) -> Sequence[Sample]:
        return (*super().samples(), Sample(_AROUND_0, use=type(self)(0.7), smooth=False))


@dataclass(frozen=True)
class Selu(Elu):
    """ELU times a scale, chosen so that deep networks keep mean 0 and variance 1 (Klambauer et al. 2017)."""

    name, symbol = "selu", "SELU"
    formula = "{scale} * ({x} if {x} > 0 else {alpha} * (exp({x}) - 1))"
    factors = ("{scale} if {x} > 0 else {y} + {scale} * {alpha}",)
    alpha: float = 1.6732632423543772
    scale: float = 1.0507009873554805

    def kernel(self, xp: Any, x: Any) -> Any:
        return cast(xp, super().kernel(xp, widened(xp, x)) * self.scale, x.dtype)

    def pull(self, c: Variable, x: Variable, y: Variable) -> Variable:
        return multiply(c, where(greater(x, 0), self.scale, add(y, self.scale * self.alpha)))


@dataclass(frozen=True)
class Hardtanh(Function):
    """x cut to [min_val, max_val], elementwise; the derivative at the bounds is 0 (as in PyTorch)."""

    name, symbol = "hardtanh", "hard tanh"
    formula, factors = "clip({x}, {min_val}, {max_val})", ("[{min_val} < {x} < {max_val}]",)
    min_val: float = -1.0
    max_val: float = 1.0

    def infer(self, x: Spec) -> Spec:
        if not self.min_val <= self.max_val:
            raise DeclarationError(f"the bounds {self.min_val} and {self.max_val} are no interval")
        return super().infer(x)

    def kernel(self, xp: Any, x: Any) -> Any:
        lifted = xp.where(x < self.min_val, xp.full_like(x, self.min_val), x)
        return xp.where(lifted > self.max_val, xp.full_like(x, self.max_val), lifted)

    def pull(self, c: Variable, x: Variable, y: Variable) -> Variable:
        return where(logical_and(greater(x, self.min_val), less(x, self.max_val)), c, 0)

    def samples(self) -> Sequence[Sample]:
        make = type(self)
        refused = Sample(_AROUND_0, use=make(1.0, -1.0), raises=DeclarationError)
        return (*super().samples(), Sample(_AROUND_0, use=make(-1.5, 2.0), smooth=False), refused)


@dataclass(frozen=True)
class Relu6(Hardtanh):
    """x cut to [0, 6], elementwise; the derivative at 0 and at 6 is 0 (as in PyTorch)."""

    name, symbol = "relu6", "ReLU6"
    min_val: float = 0.0
    max_val: float = 6.0


@dataclass(frozen=True)
class Step(Function):
    """One number below 0, one at 0, one above, elementwise; the derivative is 0 everywhere, also at the jump."""

    name, symbol, factors = "step", "step", ("0",)
    formula = "{below} if {x} < 0 else {above} if {x} > 0 else {at_zero}"
    below: float = 0.0
    at_zero: float = 0.5
    above: float = 1.0

    def kernel(self, xp: Any, x: Any) -> Any:
        one = xp.ones_like(x)
        jumped = xp.where(x < 0, one * self.below, xp.where(x > 0, one * self.above, one * self.at_zero))
        return xp.where(xp.isnan(x), x, jumped)

    def samples(self) -> Sequence[Sample]:
        return (*super().samples(), Sample(_AROUND_0, use=Step(-1.0, 1.0, 1.0), smooth=False))


positive_part, prelu, selu, relu6 = PositivePart(), PRelu(), Selu(), Relu6()

PRIMITIVES: tuple[type[Primitive], ...] = (
    LeakyRelu, PositivePart, PRelu, Elu, Selu, Hardtanh, Relu6, Step,
)  # fmt: skip
