"""Normalisation of a batch: the statistics of each channel, and what is done with them."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graph_engine.dims import product
from graph_engine.errors import DeclarationError, DTypeError, ShapeError
from graph_engine.node import Operand, Operation, Variable
from graph_engine.primitive import Cotangents, Primitive, Sample, apply
from graph_engine.primitives.arrays import cast, widened
from graph_engine.primitives.averages import divided
from graph_engine.primitives.common import as_one_dtype
from graph_engine.primitives.elementwise import (
    add,
    divide,
    equal,
    multiply,
    negative,
    reciprocal,
    sqrt,
    square,
    subtract,
    where,
)
from graph_engine.primitives.reduction import Sum
from graph_engine.primitives.shape import reshape
from graph_engine.primitives.structure import broadcast_to, check_float
from graph_engine.spec import Shape, Spec, show_shape

DENOMINATORS = {"variance": "sqrt(variance + eps)", "deviation": "sqrt(variance) + eps"}
_X = np.sin(np.arange(24.0) * 1.7).reshape(2, 3, 4)


class BatchStatistics(Primitive):
    """The mean and the (biased) variance of each channel, over the batch and what lies behind the channels."""

    name, symbol, formula, may_view = "batch_statistics", "μ, σ²", "mean({x}), var({x})", False

    def infer(self, x: Spec) -> tuple[Spec, Spec]:
        check_channels(x)
        count = count_of_channel(x.shape)
        if isinstance(count, int) and count == 1:
            raise ShapeError(_ONE_VALUE.format(show_shape(x.shape)), _MORE_VALUES)
        each = x.with_shape(x.shape[1:2])
        return each, each

    def kernel(self, xp: Any, x: Any) -> Any:
        wide, axes = widened(xp, x), around_channels(x.ndim)
        count = max(count_of_channel(x.shape), 1)
        mean = xp.sum(wide, axis=axes, keepdims=True) / count
        centred = wide - mean
        variance = xp.sum(centred * centred, axis=axes) / count
        return cast(xp, xp.reshape(mean, (x.shape[1],)), x.dtype), cast(xp, variance, x.dtype)

    def guard(self, xp: Any, x: Any) -> str | None:
        shape = tuple(x.shape)
        return f"{_ONE_VALUE.format(shape)}; {_MORE_VALUES}" if count_of_channel(shape) == 1 else None

    def vjp(self, operation: Operation, cotangents: Cotangents, wanted: Sequence[bool]) -> Cotangents:
        (of_mean, of_variance), (x,), (mean, _) = cotangents, operation.inputs, operation.outputs
        terms, count = [], count_of_channel(x.shape)
        if of_mean is not None:
            terms.append(broadcast_to(along_channels(divided(of_mean, count), x.ndim), x.shape))
        if of_variance is not None:
            slope = along_channels(divided(multiply(of_variance, 2), count), x.ndim)
            terms.append(multiply(slope, subtract(x, along_channels(mean, x.ndim))))
        return (functools.reduce(add, terms) if terms else None,)

    def local_derivatives(self, operation: Operation) -> Sequence[str]:
        return ("1/n, 2 ({x} - mean) / n",)

    def samples(self) -> Sequence[Sample]:
        return (
            Sample(_X),
            Sample(_X[:, :, 0]),
            Sample(_X.T[::2]),
            Sample(_X[:, :0]),
            Sample(_X[:1, :, :1], raises=ShapeError),
            Sample(_X[0, 0], raises=ShapeError),
            Sample(np.arange(6).reshape(2, 3), raises=DTypeError),
        )


@dataclass(frozen=True)
class BatchNorm(Primitive):
    """Each channel less its mean, over its deviation; then times its weight, plus its bias, where they are given.

    Attributes
    ----------
    eps : float
        What keeps the denominator from 0.
    denominator : {"variance", "deviation"}
        What `eps` is added to: sqrt(variance + eps), or sqrt(variance) + eps, whose derivative where the variance is 0
        is taken to be 0.
    """

    name, symbol, may_view = "batch_norm", "normalise", False
    formula = "{weight} ({x} - {mean}) / sqrt({variance} + eps) + {bias}"
    eps: float = 1e-5
    denominator: str = "variance"

    def __call__(self, *inputs: Operand) -> Variable:
        """Declare one operation, on operands brought to one dtype."""
        result: Variable = apply(self, as_one_dtype(inputs))
        return result

    def infer(self, x: Spec, mean: Spec, variance: Spec, weight: Spec | None = None, bias: Spec | None = None) -> Spec:
        check_channels(x)
        if self.denominator not in DENOMINATORS:
            raise DeclarationError(
                f"there is no denominator called {self.denominator!r}", f"choose one of {', '.join(DENOMINATORS)}"
            )
        given = {"mean": mean, "variance": variance, "weight": weight, "bias": bias}
        for what, spec in given.items():
            if spec is not None and spec.shape != x.shape[1:2]:
                raise ShapeError(
                    f"the {what} has shape {show_shape(spec.shape)}, and x of shape {show_shape(x.shape)} has "
                    f"{x.shape[1]} channels",
                    "give one number for each channel, which are the second dimension",
                )
            if spec is not None and spec.dtype != x.dtype:
                raise DTypeError(f"the {what} is {spec.dtype}, not {x.dtype}", "convert with ge.astype")
        return x

    def kernel(self, xp: Any, x: Any, mean: Any, variance: Any, *affine: Any) -> Any:
        shape = (1, -1) + (1,) * (x.ndim - 2)
        mean, variance, *rest = (xp.reshape(widened(xp, v), shape) for v in (mean, variance, *affine))
        scale = 1 / self.divisor(xp, variance)
        result = (widened(xp, x) - mean) * (scale * rest[0] if rest else scale)
        return cast(xp, result + rest[1] if len(rest) == 2 else result, x.dtype)

    def divisor(self, xp: Any, variance: Any) -> Any:
        """Compute what is divided by."""
        return xp.sqrt(variance + self.eps) if self.denominator == "variance" else xp.sqrt(variance) + self.eps

    def vjp(self, operation: Operation, cotangents: Cotangents, wanted: Sequence[bool]) -> Cotangents:
        (c,), (x, mean, variance, *affine) = cotangents, operation.inputs
        if c is None:
            return [None] * len(operation.inputs)
        over = Sum(around_channels(x.ndim))
        inverse, slope = self._inverse(variance)
        scale = multiply(affine[0], inverse) if affine else inverse
        total = over(c)
        moment = over(multiply(c, subtract(x, along_channels(mean, x.ndim)))) if any(wanted[2:4]) else None
        of_x = multiply(c, along_channels(scale, x.ndim)) if wanted[0] else None
        of_mean = negative(multiply(total, scale)) if wanted[1] else None
        if moment is None:
            return [of_x, of_mean, None, *(None for _ in affine[:1]), *(total for _ in affine[1:])]
        of_variance = multiply(moment, multiply(affine[0], slope) if affine else slope)
        of_weight = multiply(moment, inverse)
        return [of_x, of_mean, of_variance, of_weight, total][: len(operation.inputs)]

    def _inverse(self, variance: Variable) -> tuple[Variable, Variable]:
        """Return 1 / denominator, and its derivative by the variance."""
        if self.denominator == "variance":
            inverse = reciprocal(sqrt(add(variance, self.eps)))
            return inverse, multiply(-0.5, multiply(inverse, square(inverse)))
        flat = equal(variance, 0)
        deviation = sqrt(where(flat, 1, variance))
        inverse = reciprocal(where(flat, self.eps, add(deviation, self.eps)))
        return inverse, where(flat, 0, divide(multiply(-0.5, square(inverse)), deviation))

    def local_derivatives(self, operation: Operation) -> Sequence[str]:
        root = DENOMINATORS[self.denominator].replace("variance", "{variance}")
        weight = "{weight} " if len(operation.inputs) > 3 else ""
        rules = (
            f"{weight}/ ({root})" if weight else f"1 / ({root})",
            f"-Σ {{d}} {weight}/ ({root})",
            f"Σ {{d}} {weight}({{x}} - {{mean}}) ∂(1 / ({root}))",
            f"Σ {{d}} ({{x}} - {{mean}}) / ({root})",
            "Σ {d}",
        )
        return rules[: len(operation.inputs)]

    def samples(self) -> Sequence[Sample]:
        mean, variance, weight, bias = np.array([[0.1, -0.2, 0.3], [0.5, 1, 2], [1, -1, 0.5], [0, 1, 2]])
        make = type(self)
        return (
            Sample(_X, mean, variance, weight, bias),
            Sample(_X[..., 0], mean, variance, weight),
            Sample(_X, mean, variance, use=make(0.1)),
            Sample(_X, mean, variance, weight, bias, use=make(0.1, "deviation")),
            Sample(_X, mean, variance * [1, 0, 1], weight, bias, use=make(0.1, "deviation"), smooth=False),
            Sample(_X[:0], mean, variance, weight, bias),
            Sample(_X.T[:, :, :1], mean, variance, weight, bias),
            Sample(_X, mean[:2], variance, raises=ShapeError),
            Sample(_X, mean, variance, _X[0], raises=ShapeError),
            Sample(_X[0, 0], mean, variance, raises=ShapeError),
            Sample(_X, mean, variance, use=make(0.1, "sigma"), raises=DeclarationError),
        )


# ---- channels --------------------------------------------------------------------------------------------------

_ONE_VALUE = "one value for each channel has no variance: x has shape {}"
_MORE_VALUES = "give a larger batch, or declare it outside of ge.nn.training(), with the running statistics"


def check_channels(x: Spec) -> None:
    """Raise where this has no batch of channels."""
    check_float(x)
    if x.ndim < 2:
        raise ShapeError(f"x of shape {show_shape(x.shape)} is no batch of channels", "its shape is (n, channels, ...)")


def count_of_channel(shape: Shape) -> Any:
    """Return how many values a channel has."""
    return product((shape[0], *shape[2:]))


def around_channels(ndim: int) -> tuple[int, ...]:
    """Return the dimensions other than that of the channels."""
    return (0, *range(2, ndim))


def along_channels(v: Variable, ndim: int) -> Variable:
    """Put one number for each channel where the channels are."""
    return reshape(v, (1, v.shape[0], *(1,) * (ndim - 2)))


PRIMITIVES: tuple[type[Primitive], ...] = (BatchStatistics, BatchNorm)
