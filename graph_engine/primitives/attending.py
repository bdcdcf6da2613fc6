"""What attention needs besides matrix products: weights over what may be seen, and the mask that hides the future."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graph_engine.dims import Dim
from graph_engine.errors import DTypeError, ShapeError
from graph_engine.node import Operation
from graph_engine.primitive import Cotangents, Primitive, Sample
from graph_engine.primitives.arrays import cast, widened
from graph_engine.primitives.elementwise import multiply, subtract
from graph_engine.primitives.reduction import Sum
from graph_engine.primitives.structure import check_float
from graph_engine.spec import Shape, Spec, show_shape

_X = np.sin(np.arange(24.0)).reshape(2, 3, 4) * 3
_MASK = np.array([[1, 0, 1, 1], [0, 0, 0, 0], [1, 1, 1, 0]], bool)


class MaskedSoftmax(Primitive):
    """The softmax along the last dimension of those scores whose mask holds; the others weigh 0.

    A score of minus infinity weighs 0, too. Where there is nothing to choose from, all weights are 0, and so is the
    gradient.
    """

    name, symbol, formula, may_view = "masked_softmax", "softmax", "softmax({scores}) where {mask}", False

    def infer(self, scores: Spec, mask: Spec | None = None) -> Spec:
        check_float(scores, "the scores")
        if scores.ndim == 0 or scores.shape[-1] == 0:
            raise ShapeError(f"{self.name} of no elements: shape {show_shape(scores.shape)}")
        if mask is not None and mask.dtype != "bool":
            raise DTypeError(f"a mask is bool, not {mask.dtype}")
        if mask is not None and not fits(mask.shape, scores.shape):
            raise ShapeError(
                f"a mask of shape {show_shape(mask.shape)} does not go with scores of shape {show_shape(scores.shape)}"
            )
        return scores

    def kernel(self, xp: Any, scores: Any, *mask: Any) -> Any:
        wide = widened(xp, scores)
        for seen in mask:
            wide = xp.where(seen, wide, xp.full_like(wide, -xp.inf))
        top = xp.max(wide, axis=-1, keepdims=True)
        powers = xp.exp(wide - xp.where(top == -xp.inf, xp.zeros_like(top), top))
        total = xp.sum(powers, axis=-1, keepdims=True)
        return cast(xp, powers / xp.where(total == 0, xp.ones_like(total), total), scores.dtype)

    def vjp(self, operation: Operation, cotangents: Cotangents, wanted: Sequence[bool]) -> Cotangents:
        (c,), (y,) = cotangents, operation.outputs
        nothing = [None] * (len(operation.inputs) - 1)
        if c is None:
            return (None, *nothing)
        weighted = multiply(c, y)
        return (subtract(weighted, multiply(y, Sum((-1,), True)(weighted))), *nothing)

    def local_derivatives(self, operation: Operation) -> Sequence[str | None]:
        return ("{y} ({d} - Σ {d} {y})", None)[: len(operation.inputs)]

    def samples(self) -> Sequence[Sample]:
        return (
            Sample(_X, _MASK),
            Sample(_X, _X > 0),
            Sample(_X),
            Sample(_X.T[::2], _X.T[0] > 0),
            Sample(np.where(_MASK, _X, -np.inf), smooth=False),
            Sample(_X[:0], _MASK),
            Sample(2.0, raises=ShapeError),
            Sample(_X[..., :0], raises=ShapeError),
            Sample(_X[0], _X > 0, raises=ShapeError),
            Sample(_X, _X, raises=DTypeError),
            Sample(np.arange(3), raises=DTypeError),
        )


@dataclass(frozen=True)
class CausalMask(Primitive):
    """Whether place i may see place j: j <= i.

    Attributes
    ----------
    rows, columns : int or dimension
        The lengths of what looks, and of what is looked at.
    """

    name, symbol, formula, may_view = "causal_mask", "j ≤ i", "j ≤ i", False
    rows: int | Dim = 0
    columns: int | Dim = 0

    def infer(self) -> Spec:
        return Spec((self.rows, self.columns), "bool")

    def kernel(self, xp: Any) -> Any:
        return xp.arange(self.columns) <= xp.expand_dims(xp.arange(self.rows), axis=1)

    def samples(self) -> Sequence[Sample]:
        return (Sample(), Sample(use=CausalMask(3, 3)), Sample(use=CausalMask(2, 4)), Sample(use=CausalMask(4, 2)))


def fits(shape: Shape, wanted: Shape) -> bool:
    """Whether this shape broadcasts to the other."""
    missing = len(wanted) - len(shape)
    return missing >= 0 and all(dim in (1, size) for dim, size in zip(shape, wanted[missing:], strict=True))


PRIMITIVES: tuple[type[Primitive], ...] = (MaskedSoftmax, CausalMask)
