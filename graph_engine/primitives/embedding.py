"""Rows of a table for numbers: words, positions, users."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graph_engine.errors import DTypeError, ShapeError
from graph_engine.node import Operation
from graph_engine.operands import constant
from graph_engine.primitive import Cotangents, Primitive, Sample
from graph_engine.primitives.arrays import cast
from graph_engine.primitives.elementwise import not_equal, where
from graph_engine.primitives.gathering import ScatterAdd, check_places, out_of_range
from graph_engine.primitives.shape import expand_dims
from graph_engine.spec import Spec, show_shape

_TABLE = np.sin(np.arange(12.0)).reshape(4, 3)
_IDS = np.array([[1, 1], [3, 0]])


@dataclass(frozen=True)
class Embedding(Primitive):
    """The rows of a table at some places; a row that is asked for several times gets the sum of their gradients.

    Attributes
    ----------
    padding : int
        A row that gets no gradient; -1: there is none.
    """

    name, symbol, formula, may_view = "embedding", "[i]", "{weight}[{ids}]", False
    padding: int = -1

    def infer(self, ids: Spec, weight: Spec) -> Spec:
        check_places(ids)
        if weight.ndim != 2 or not weight.is_float:
            raise ShapeError(
                f"a table of rows has the shape (numbers, features), not {show_shape(weight.shape)} of {weight.dtype}"
            )
        return weight.with_shape((*ids.shape, weight.shape[1]))

    def kernel(self, xp: Any, ids: Any, weight: Any) -> Any:
        flat = xp.reshape(cast(xp, ids, xp.int64), (-1,))
        return xp.reshape(xp.take(weight, flat, axis=0), (*ids.shape, weight.shape[1]))

    def guard(self, xp: Any, ids: Any, weight: Any) -> str | None:
        return out_of_range(xp, ids, 0, weight.shape[0], "number")

    def vjp(self, operation: Operation, cotangents: Cotangents, wanted: Sequence[bool]) -> Cotangents:
        (c,), (ids, weight) = cotangents, operation.inputs
        if c is None:
            return (None, None)
        if self.padding >= 0:
            words = not_equal(ids, constant(self.padding, dtype=ids.dtype))
            c = where(expand_dims(words, -1), c, 0)
        return (None, ScatterAdd(weight.shape[0], 0)(c, ids))

    def notes(self, operation: Operation) -> Sequence[str]:
        return (f"padding {self.padding}",) if self.padding >= 0 else ()

    def local_derivatives(self, operation: Operation) -> Sequence[str | None]:
        return (None, "{d} added at {ids}")

    def samples(self) -> Sequence[Sample]:
        return (
            Sample(_IDS, _TABLE),
            Sample(2, _TABLE),
            Sample(_IDS.T[::2].astype("uint8"), _TABLE[:, ::2]),
            Sample(_IDS[:0], _TABLE),
            Sample(_IDS, _TABLE[:, :0]),
            Sample(_IDS, _TABLE, use=Embedding(1), smooth=False),
            Sample(_IDS, _TABLE[0], raises=ShapeError),
            Sample(_IDS, _IDS, raises=ShapeError),
            Sample(_IDS + 0.5, _TABLE, raises=DTypeError),
        )


PRIMITIVES: tuple[type[Primitive], ...] = (Embedding,)
