"""Probabilities from scores, and the cross-entropy of class labels, without overflow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graph_engine.errors import DTypeError, ShapeError
from graph_engine.node import Operand, Operation, Variable
from graph_engine.primitive import Cotangents, Primitive, Sample
from graph_engine.primitives.arrays import cast, widened
from graph_engine.primitives.common import as_float, as_variable
from graph_engine.primitives.elementwise import exp, multiply, subtract
from graph_engine.primitives.gathering import out_of_range
from graph_engine.primitives.indexing import one_hot
from graph_engine.primitives.reduction import Sum
from graph_engine.primitives.shape import expand_dims
from graph_engine.primitives.structure import check_float
from graph_engine.spec import Spec, kind, normalize_axis, show_shape

_GRID = np.sin(np.arange(24.0)).reshape(2, 3, 4) * 3


@dataclass(frozen=True)
class Softmax(Primitive):
    """exp(x) / Σ exp(x) along a dimension, without overflow."""

    name, formula, may_view = "softmax", "softmax({x})", False
    axis: int = -1

    def infer(self, x: Spec) -> Spec:
        check_float(x)
        if x.shape[normalize_axis(self.axis, x.ndim)] == 0:
            raise ShapeError(f"{self.name} of no elements: shape {show_shape(x.shape)}")
        return x

    def kernel(self, xp: Any, x: Any) -> Any:
        powers = xp.exp(_below_top(xp, x, self.axis))
        return cast(xp, powers / xp.sum(powers, axis=self.axis, keepdims=True), x.dtype)

    def vjp(self, operation: Operation, cotangents: Cotangents, wanted: Sequence[bool]) -> Cotangents:
        (c,), (y,) = cotangents, operation.outputs
        if c is None:
            return (None,)
        weighted = multiply(c, y)
        return (subtract(weighted, multiply(y, Sum((self.axis,), True)(weighted))),)

    def local_derivatives(self, operation: Operation) -> Sequence[str]:
        return ("{y} ({d} - Σ {d} {y})",)

    def samples(self) -> Sequence[Sample]:
        make = type(self)
        return (
            Sample(_GRID),
            Sample(_GRID.T[::2], use=make(0)),
            Sample(_GRID[0, 0] + 1e4),
            Sample(_GRID[:0], use=make(1)),
            Sample(2.0, raises=ShapeError),
            Sample(_GRID[..., :0], raises=ShapeError),
            Sample(np.arange(3), raises=DTypeError),
        )


class LogSoftmax(Softmax):
    """x - log Σ exp(x) along a dimension, without overflow."""

    name, formula = "log_softmax", "log softmax({x})"

    def kernel(self, xp: Any, x: Any) -> Any:
        below = _below_top(xp, x, self.axis)
        return cast(xp, below - xp.log(xp.sum(xp.exp(below), axis=self.axis, keepdims=True)), x.dtype)

    def vjp(self, operation: Operation, cotangents: Cotangents, wanted: Sequence[bool]) -> Cotangents:
        (c,), (y,) = cotangents, operation.outputs
        return (None if c is None else subtract(c, multiply(exp(y), Sum((self.axis,), True)(c))),)

    def local_derivatives(self, operation: Operation) -> Sequence[str]:
        return ("{d} - exp({y}) Σ {d}",)


class SoftmaxCrossEntropy(Primitive):
    """The cross-entropy of each sample: -log softmax(logits) at its label, classes along the last dimension."""

    name, symbol, formula, may_view = "softmax_cross_entropy", "CE", "CE({logits}, {labels})", False

    def infer(self, logits: Spec, labels: Spec) -> Spec:
        check_float(logits, "the logits")
        if kind(labels.dtype) != "integer":
            raise DTypeError(f"the labels are class numbers, not {labels.dtype}", "convert with ge.astype(v, 'int64')")
        if logits.ndim == 0 or logits.shape[-1] == 0 or labels.shape != logits.shape[:-1]:
            raise ShapeError(
                f"logits of shape {show_shape(logits.shape)} do not go with labels of shape {show_shape(labels.shape)}",
                "the logits have one more dimension, the classes, at the end",
            )
        return logits.with_shape(labels.shape)

    def kernel(self, xp: Any, logits: Any, labels: Any) -> Any:
        below = _below_top(xp, logits, -1)
        total = xp.log(xp.sum(xp.exp(below), axis=-1))
        places = xp.expand_dims(cast(xp, labels, xp.int64), axis=-1)
        chosen = xp.take_along_axis(below, places, axis=-1)[..., 0]
        return cast(xp, total - chosen, logits.dtype)

    def guard(self, xp: Any, logits: Any, labels: Any) -> str | None:
        return out_of_range(xp, labels, 0, logits.shape[-1], "label")

    def vjp(self, operation: Operation, cotangents: Cotangents, wanted: Sequence[bool]) -> Cotangents:
        (c,), (logits, labels) = cotangents, operation.inputs
        if c is None:
            return (None, None)
        error = subtract(softmax(logits), one_hot(labels, logits.shape[-1], logits.dtype))
        return (multiply(expand_dims(c, -1), error), None)

    def local_derivatives(self, operation: Operation) -> Sequence[str | None]:
        return ("softmax({logits}) - one_hot({labels})", None)

    def samples(self) -> Sequence[Sample]:
        labels = np.array([[0, 1, 3], [2, 2, 1]])
        return (
            Sample(_GRID, labels),
            Sample(_GRID[0, 0] + 1e4, 2),
            Sample(_GRID[:0], labels[:0]),
            Sample(_GRID[:, ::2], labels[:, ::2].astype("uint8")),
            Sample(_GRID, labels[0], raises=ShapeError),
            Sample(_GRID, labels + 0.0, raises=DTypeError),
        )


def _below_top(xp: Any, x: Any, axis: int) -> Any:
    wide = widened(xp, x)
    return wide - xp.max(wide, axis=axis, keepdims=True)


def softmax(x: Operand, axis: int = -1) -> Variable:
    """Turn scores into probabilities: exp(x) / Σ exp(x) along a dimension.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.Engine("numpy").run(ge.softmax(ge.constant([1000.0, 1000.0])), {}).tolist()
    [0.5, 0.5]
    """
    result: Variable = Softmax(axis)(as_float(x))
    return result


def log_softmax(x: Operand, axis: int = -1) -> Variable:
    """Return the logarithm of the softmax, without overflow.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.Engine("numpy").run(ge.log_softmax(ge.constant([0.0, -1000.0])), {}).tolist()
    [0.0, -1000.0]
    """
    result: Variable = LogSoftmax(axis)(as_float(x))
    return result


def softmax_cross_entropy(logits: Operand, labels: Operand) -> Variable:
    """Return the cross-entropy of each sample.

    Parameters
    ----------
    logits : Variable or array_like
        Scores, with the classes along the last dimension.
    labels : Variable or array_like
        Class numbers, in the shape of `logits` without the last dimension.

    Examples
    --------
    >>> import graph_engine as ge
    >>> logits, labels = ge.input("logits", ("batch", 10)), ge.input("labels", "batch", "int64")
    >>> ge.softmax_cross_entropy(logits, labels).shape
    ('batch',)
    """
    result: Variable = SoftmaxCrossEntropy()(as_float(logits), as_variable(labels))
    return result


PRIMITIVES: tuple[type[Primitive], ...] = (Softmax, LogSoftmax, SoftmaxCrossEntropy)
