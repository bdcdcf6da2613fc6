"""Activations without a kink: SiLU, GELU, softsign, logarithm of the sigmoid, scaled softplus."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graph_engine.node import Variable
from graph_engine.primitive import Primitive, Sample
from graph_engine.primitives.arrays import cast, widened
from graph_engine.primitives.elementwise.arithmetic import abs, add, divide, multiply, negative, square, subtract
from graph_engine.primitives.elementwise.base import Function
from graph_engine.primitives.elementwise.choices import Clip, where
from graph_engine.primitives.elementwise.comparisons import greater
from graph_engine.primitives.elementwise.error_function import erf, erf_array
from graph_engine.primitives.elementwise.functions import exp, sigmoid, tanh

_CUBIC = 0.044715  # of GELU's approximation
_FLAT = 40.0
_CLIP = Clip()


class _Activation(Function):
    """A function of a real number; half precision is computed in float32."""

    def kernel(self, xp: Any, x: Any) -> Any:
        return cast(xp, self.wide_kernel(xp, widened(xp, x)), x.dtype)

    def wide_kernel(self, xp: Any, x: Any) -> Any:
        """Compute in float32 or float64."""
        raise NotImplementedError


class Silu(_Activation):
    """x σ(x), elementwise (Elfwing, Uchibe and Doya 2018; also called swish)."""

    name, symbol, formula, factors = "silu", "SiLU", "{x} * σ({x})", ("σ({x}) * (1 + {x} - {y})",)

    def wide_kernel(self, xp: Any, x: Any) -> Any:
        return x / (1 + xp.exp(-x))

    def pull(self, c: Variable, x: Variable, y: Variable) -> Variable:
        return multiply(c, multiply(sigmoid(x), add(subtract(x, y), 1)))


class Gelu(_Activation):
    """x times the probability that a standard normal number is below x, elementwise (Hendrycks and Gimpel 2016)."""

    name, symbol, formula = "gelu", "GELU", "{x} / 2 * (1 + erf({x} / sqrt(2)))"
    factors = ("(1 + erf({x} / sqrt(2))) / 2 + {x} * exp(-({x} ** 2) / 2) / sqrt(2 * π)",)

    def wide_kernel(self, xp: Any, x: Any) -> Any:
        return 0.5 * x * (1 + erf_array(xp, x * math.sqrt(0.5)))

    def pull(self, c: Variable, x: Variable, y: Variable) -> Variable:
        below = multiply(add(erf(multiply(x, math.sqrt(0.5))), 1), 0.5)
        density = multiply(exp(multiply(square(x), -0.5)), 1 / math.sqrt(2 * math.pi))
        return multiply(c, add(below, multiply(x, density)))


class GeluTanh(_Activation):
    """GELU's approximation x/2 (1 + tanh(√(2/π) (x + 0.044715 x³))), elementwise (Hendrycks and Gimpel 2016)."""

    name, symbol, formula = "gelu_tanh", "GELU", "{x} * σ(2 * sqrt(2 / π) * ({x} + 0.044715 * {x} ** 3))"
    factors = (
        "σ(2 * sqrt(2 / π) * ({x} + 0.044715 * {x} ** 3)) "
        "+ 2 * sqrt(2 / π) * {y} * (1 + 0.134145 * {x} ** 2) * (1 - σ(2 * sqrt(2 / π) * ({x} + 0.044715 * {x} ** 3)))",
    )

    def wide_kernel(self, xp: Any, x: Any) -> Any:
        return 0.5 * x * (1 + xp.tanh(math.sqrt(2 / math.pi) * (x + _CUBIC * x * x * x)))

    def pull(self, c: Variable, x: Variable, y: Variable) -> Variable:
        squared = square(_CLIP(x, -_FLAT, _FLAT))  # which overflows nowhere; beyond, it is straight
        bent = tanh(multiply(multiply(x, add(multiply(squared, _CUBIC), 1)), math.sqrt(2 / math.pi)))
        inner = multiply(add(multiply(squared, 3 * _CUBIC), 1), math.sqrt(2 / math.pi))
        return multiply(c, add(multiply(add(bent, 1), 0.5), multiply(y, multiply(subtract(1, bent), inner))))


class Softsign(_Activation):
    """x / (1 + |x|), elementwise; the second derivative at 0 is 0."""

    name, formula, factors = "softsign", "{x} / (1 + |{x}|)", ("1 / (1 + |{x}|) ** 2",)

    def wide_kernel(self, xp: Any, x: Any) -> Any:
        return x / (1 + xp.abs(x))

    def pull(self, c: Variable, x: Variable, y: Variable) -> Variable:
        return divide(c, square(add(abs(x), 1)))


class LogSigmoid(_Activation):
    """log σ(x), elementwise, without overflow."""

    name, symbol, formula, factors = "logsigmoid", "log σ", "log(σ({x}))", ("σ(-({x}))",)

    def wide_kernel(self, xp: Any, x: Any) -> Any:
        return -xp.logaddexp(-x, xp.zeros_like(x))

    def pull(self, c: Variable, x: Variable, y: Variable) -> Variable:
        return multiply(c, sigmoid(negative(x)))


@dataclass(frozen=True)
class SoftplusBeta(_Activation):
    """log(1 + exp(beta x)) / beta, elementwise, and x itself where beta x is above a threshold."""

    name, symbol = "softplus_beta", "softplus"
    formula = "{x} if {beta} * {x} > {threshold} else log(1 + exp({beta} * {x})) / {beta}"
    factors = ("1 if {beta} * {x} > {threshold} else σ({beta} * {x})",)
    beta: float = 1.0
    threshold: float = 20.0

    def wide_kernel(self, xp: Any, x: Any) -> Any:
        scaled = self.beta * x
        return xp.where(scaled > self.threshold, x, xp.logaddexp(scaled, xp.zeros_like(x)) / self.beta)

    def pull(self, c: Variable, x: Variable, y: Variable) -> Variable:
        scaled = multiply(x, self.beta)
        return multiply(c, where(greater(scaled, self.threshold), 1, sigmoid(scaled)))

    def samples(self) -> Sequence[Sample]:
        return (*super().samples(), Sample(np.array([-3.0, 1.0, 9.0]), use=SoftplusBeta(2.5, 4.0)))


silu, gelu, gelu_tanh, softsign, logsigmoid = Silu(), Gelu(), GeluTanh(), Softsign(), LogSigmoid()

PRIMITIVES: tuple[type[Primitive], ...] = (Silu, Gelu, GeluTanh, Softsign, LogSigmoid, SoftplusBeta)
