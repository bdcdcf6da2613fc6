"""The fully connected layer as one operation, as a diagram shows it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graph_engine.dims import product
from graph_engine.errors import DTypeError, ShapeError
from graph_engine.node import Operand, Operation, Variable
from graph_engine.primitive import Cotangents, Primitive, Sample, apply
from graph_engine.primitives.arrays import cast, widened
from graph_engine.primitives.common import as_one_dtype
from graph_engine.primitives.linalg import matmul
from graph_engine.primitives.shape import matrix_transpose, reshape
from graph_engine.primitives.structure import sum_to
from graph_engine.spec import Spec, show_shape


class Linear(Primitive):
    """x times the transpose of a matrix of weights, along the last dimension, plus a bias if there is one."""

    name, symbol, formula, may_view = "linear", "linear", "{x} {weight}ᵀ + {bias}", False

    def __call__(self, *inputs: Operand) -> Variable:
        """Declare one operation, on operands brought to one dtype."""
        result: Variable = apply(self, as_one_dtype(inputs))
        return result

    def infer(self, x: Spec, weight: Spec, *bias: Spec) -> Spec:
        if any(spec.dtype != x.dtype or not spec.is_float for spec in (x, weight, *bias)):
            raise DTypeError(f"it takes real numbers of one dtype, not {x.dtype} and {weight.dtype}")
        if weight.ndim != 2 or x.ndim == 0 or x.shape[-1] != weight.shape[1]:
            raise ShapeError(
                f"x of shape {show_shape(x.shape)} does not go with weights of shape {show_shape(weight.shape)}",
                "weights have the shape (out_features, in_features), x has in_features in its last dimension",
            )
        if len(bias) > 1 or any(spec.shape != weight.shape[:1] for spec in bias):
            raise ShapeError(f"the bias has one number for each of {weight.shape[0]} outputs")
        return x.with_shape((*x.shape[:-1], weight.shape[0]))

    def kernel(self, xp: Any, x: Any, weight: Any, *bias: Any) -> Any:
        result = xp.matmul(widened(xp, x), xp.matrix_transpose(widened(xp, weight)))
        for offset in bias:
            result = result + widened(xp, offset)
        return cast(xp, result, x.dtype)

    def vjp(self, operation: Operation, cotangents: Cotangents, wanted: Sequence[bool]) -> Cotangents:
        (c,), (x, weight, *bias) = cotangents, operation.inputs
        if c is None:
            return [None] * len(operation.inputs)
        terms = [matmul(c, weight) if wanted[0] else None, _of_weight(c, x) if wanted[1] else None]
        return [*terms, *(sum_to(c, offset.shape) for offset in bias)]

    def local_derivatives(self, operation: Operation) -> Sequence[str]:
        return ("{d} {weight}", "{d}ᵀ {x}", "Σ {d}")[: len(operation.inputs)]

    def samples(self) -> Sequence[Sample]:
        x, weight, bias = np.linspace(-1, 1, 24).reshape(2, 3, 4), np.cos(np.arange(20.0)).reshape(5, 4), np.ones(5)
        return (
            Sample(x[0], weight, bias),
            Sample(x, weight),
            Sample(x[0, 0], weight, bias),
            Sample(x[:, :0], weight, bias),
            Sample(x[..., ::2], weight[:, ::2], bias),
            Sample(x[..., :3], weight, raises=ShapeError),
            Sample(x, weight, np.ones(4), raises=ShapeError),
            Sample(x, weight.astype(int), bias),
            Sample(1.0, weight, raises=ShapeError),
        )


def _of_weight(c: Variable, x: Variable) -> Variable:
    rows = product(x.shape[:-1])
    return matmul(matrix_transpose(reshape(c, (rows, c.shape[-1]))), reshape(x, (rows, x.shape[-1])))


linear = Linear()

PRIMITIVES: tuple[type[Primitive], ...] = (Linear,)
