"""Values brought to mean 0 and variance 1: by given statistics for each channel, or by their own over some dimensions.

Batch normalisation is two operations, so that a picture shows where the statistics come from: `batch_statistics`
measures them, `batch_norm` applies them; outside of training it applies the running ones. Layer, group, instance and
RMS normalisation, whose statistics never leave the sample, are one operation, `standardize`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graph_engine.dims import product
from graph_engine.errors import DeclarationError, DTypeError, ShapeError
from graph_engine.node import Operand, Operation, Variable
from graph_engine.primitive import Cotangents, Primitive, Sample, apply
from graph_engine.primitives.arrays import cast, widened
from graph_engine.primitives.averages import Mean, Var, divided
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
from graph_engine.primitives.structure import broadcast_to, check_float, sum_to
from graph_engine.spec import Shape, Spec, broadcast_shapes, normalize_axes, show_shape

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


@dataclass(frozen=True)
class Standardize(Primitive):
    """Each element less the mean over some dimensions, over the root of the variance there plus `eps`.

    Then times a weight, plus a bias, which broadcast to x, where they are given.

    Attributes
    ----------
    axes : tuple of int
        The dimensions that share a mean and a variance.
    eps : float
    centred : bool
        False leaves the mean in: division by the root mean square.
    """

    name, symbol, may_view = "standardize", "normalise", False
    formula = "{weight} ({x} - mean) / sqrt(variance + eps) + {bias}"
    axes: tuple[int, ...] = (-1,)
    eps: float = 1e-5
    centred: bool = True

    def __call__(self, *inputs: Operand) -> Variable:
        """Declare one operation, on operands brought to one dtype."""
        result: Variable = apply(self, as_one_dtype(inputs))
        return result

    def infer(self, x: Spec, weight: Spec | None = None, bias: Spec | None = None) -> Spec:
        check_float(x)
        normalize_axes(self.axes, x.ndim)
        for what, spec in (("weight", weight), ("bias", bias)):
            if spec is not None and spec.dtype != x.dtype:
                raise DTypeError(f"the {what} is {spec.dtype}, not {x.dtype}", "convert with ge.astype")
            if spec is not None and broadcast_shapes(spec.shape, x.shape) != x.shape:
                raise ShapeError(f"a {what} of shape {show_shape(spec.shape)} is too large for {show_shape(x.shape)}")
        return x

    def kernel(self, xp: Any, x: Any, *affine: Any) -> Any:
        result, _ = self.standardized(xp, widened(xp, x))
        for apply_one, values in zip((xp.multiply, xp.add), affine, strict=False):
            result = apply_one(result, widened(xp, values))
        return cast(xp, result, x.dtype)

    def standardized(self, xp: Any, x: Any) -> tuple[Any, Any]:
        """Compute the standardised array, and what it was multiplied by."""
        count = max(math.prod(x.shape[i] for i in self.axes), 1)
        if self.centred:
            x = x - xp.sum(x, axis=self.axes, keepdims=True) / count
        scale = 1 / xp.sqrt(xp.sum(x * x, axis=self.axes, keepdims=True) / count + self.eps)
        return x * scale, scale

    def vjp(self, operation: Operation, cotangents: Cotangents, wanted: Sequence[bool]) -> Cotangents:
        (c,), (x, *affine) = cotangents, operation.inputs
        if c is None:
            return [None] * len(operation.inputs)
        rule = StandardizeGradient(self.axes, self.eps, self.centred)
        terms = [rule(multiply(c, affine[0]) if affine else c, x) if wanted[0] else None]
        if affine:
            plain = Standardize(self.axes, self.eps, self.centred)
            terms.append(sum_to(multiply(c, plain(x)), affine[0].shape) if wanted[1] else None)
        return [*terms, *(sum_to(c, bias.shape) for bias in affine[1:])]

    def notes(self, operation: Operation) -> Sequence[str]:
        axes = normalize_axes(self.axes, operation.inputs[0].ndim)
        count = product(operation.inputs[0].shape[i] for i in axes)
        return (f"over dimensions {', '.join(map(str, axes))}: {count} values",)

    def local_derivatives(self, operation: Operation) -> Sequence[str | None]:
        g = "{d} {weight}" if len(operation.inputs) > 1 else "{d}"
        mean = f" - mean({g})" if self.centred else ""
        return (f"({g}{mean} - x̂ mean({g} x̂)) / σ", "Σ {d} x̂", "Σ {d}")[: len(operation.inputs)]

    def samples(self) -> Sequence[Sample]:
        make, weight, bias = type(self), np.linspace(0.5, 2, 4), np.linspace(-1, 1, 4)
        return (
            Sample(_X),
            Sample(_X, weight, bias),
            Sample(_X, weight),
            Sample(_X, weight.reshape(4, 1)[:3], bias[:3].reshape(3, 1), use=make((0, 2), 0.1)),
            Sample(_X, weight, use=make((-2, -1), 0.1, False)),
            Sample(_X.T[::2], use=make((0,))),
            Sample(_X[:0], weight, bias),
            Sample(_X, np.ones((5, 2, 3, 4)), raises=ShapeError),
            Sample(_X, use=make((3,)), raises=ShapeError),
            Sample(np.arange(3), raises=DTypeError),
        )


class StandardizeGradient(Standardize):
    """The rule of `standardize`: (c - mean(c) - x̂ mean(c x̂)) / σ, for x̂ the standardised x.

    It is linear in c, and its own transpose: cᵀ J v = vᵀ J c.
    """

    name, symbol, formula = "standardize_gradient", "normalise'", "({c} - mean({c}) - x̂ mean({c} x̂)) / σ"

    def infer(self, c: Spec, x: Spec) -> Spec:  # type: ignore[override]
        if c != x:
            raise ShapeError(f"a gradient {c} does not go with {x}")
        return super().infer(x)

    def kernel(self, xp: Any, c: Any, x: Any) -> Any:  # type: ignore[override]
        wide = widened(xp, c)
        normal, scale = self.standardized(xp, widened(xp, x))
        count = max(math.prod(x.shape[i] for i in self.axes), 1)
        result = wide - normal * (xp.sum(wide * normal, axis=self.axes, keepdims=True) / count)
        if self.centred:
            result = result - xp.sum(wide, axis=self.axes, keepdims=True) / count
        return cast(xp, result * scale, x.dtype)

    def vjp(self, operation: Operation, cotangents: Cotangents, wanted: Sequence[bool]) -> Cotangents:
        (d,), (c, x), (y,) = cotangents, operation.inputs, operation.outputs
        if d is None:
            return (None, None)
        of_c = self(d, x)
        if not wanted[1]:
            return (of_c, None)
        # F = dᵀ J c = (d·c - n mean(d) mean(c) - n a b) / σ with a = mean(d x̂), b = mean(c x̂); and J d = n da/dx
        over = Mean(self.axes, True)
        normal = Standardize(self.axes, self.eps, self.centred)(x)
        spread = add(multiply(normal, over(multiply(d, y))), multiply(over(multiply(c, normal)), of_c))
        slope = add(spread, multiply(over(multiply(d, normal)), y))
        square_sum = Var(self.axes, True)(x) if self.centred else over(square(x))
        return (of_c, negative(divide(slope, sqrt(add(square_sum, self.eps)))))

    def notes(self, operation: Operation) -> Sequence[str]:
        return ()

    def local_derivatives(self, operation: Operation) -> Sequence[str | None]:
        return ("({d} - mean({d}) - x̂ mean({d} x̂)) / σ" if self.centred else "({d} - x̂ mean({d} x̂)) / σ", None)

    def samples(self) -> Sequence[Sample]:
        make, c = type(self), np.cos(np.arange(24.0) * 2.3).reshape(2, 3, 4)
        return (
            Sample(c, _X),
            Sample(c, _X, use=make((0, 2), 0.1)),
            Sample(c, _X, use=make((-2, -1), 0.1, False)),
            Sample(c.T[::2], _X.T[::2], use=make((0,))),
            Sample(c[:0], _X[:0]),
            Sample(c[0], _X, raises=ShapeError),
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


PRIMITIVES: tuple[type[Primitive], ...] = (BatchStatistics, BatchNorm, Standardize, StandardizeGradient)
