"""Normalisation of each sample by itself, by its mean and variance over some dimensions; and the rule of that."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graph_engine.dims import product
from graph_engine.errors import DTypeError, ShapeError
from graph_engine.node import Operand, Operation, Variable
from graph_engine.primitive import Cotangents, Primitive, Sample, apply
from graph_engine.primitives.arrays import cast, widened
from graph_engine.primitives.averages import Mean, Var
from graph_engine.primitives.common import as_one_dtype
from graph_engine.primitives.elementwise import (
    add,
    divide,
    multiply,
    negative,
    sqrt,
    square,
)
from graph_engine.primitives.structure import check_float, sum_to
from graph_engine.spec import Spec, broadcast_shapes, normalize_axes, show_shape

_X = np.sin(np.arange(24.0) * 1.7).reshape(2, 3, 4)


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


PRIMITIVES: tuple[type[Primitive], ...] = (Standardize, StandardizeGradient)
