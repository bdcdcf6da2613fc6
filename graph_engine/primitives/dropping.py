"""Elements left out by chance: random masks, and dropout by a mask."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graph_engine.errors import DTypeError, ShapeError
from graph_engine.node import Operation
from graph_engine.primitive import Cotangents, Primitive, Sample
from graph_engine.primitives.arrays import cast, widened
from graph_engine.primitives.random import RandomBits
from graph_engine.primitives.structure import check_float
from graph_engine.spec import Shape, Spec, broadcast_shapes, show_shape

_KEY = np.array([1, 2], "uint32")
_X = np.linspace(-1, 1, 24).reshape(2, 3, 4)


@dataclass(frozen=True)
class RandomMask(Primitive):
    """Bools that hold with probability 1 - p: the same ones on every backend, whatever the dtype of the network.

    A bool holds where its random word of 32 bits is at least p 2³².

    Attributes
    ----------
    shape : tuple of int or dimension
    p : float
        The probability of False.
    """

    name, symbol, formula, may_view = "random_mask", "mask", "bits({key}) ≥ p 2³²", False
    shape: Shape = ()
    p: float = 0.5

    def infer(self, key: Spec) -> Spec:
        return RandomBits(self.shape).infer(key).with_dtype("bool")

    def kernel(self, xp: Any, key: Any) -> Any:
        bits = RandomBits(self.shape).kernel(xp, key)
        threshold = math.ceil(self.p * 2**32)
        return bits >= threshold if threshold < 2**32 else xp.zeros_like(bits, dtype=xp.bool)

    def notes(self, operation: Operation) -> Sequence[str]:
        return (f"keeps {1 - self.p:.4g}",)

    def samples(self) -> Sequence[Sample]:
        return (
            Sample(_KEY),
            Sample(_KEY, use=RandomMask((2, 3), 0.2)),
            Sample(_KEY, use=RandomMask((5,), 1.0)),
            Sample(_KEY, use=RandomMask((5,), 0.0)),
            Sample(_KEY, use=RandomMask((0, 3))),
            Sample(_KEY[:1], raises=ShapeError),
            Sample(_KEY.astype("int64"), raises=DTypeError),
        )


@dataclass(frozen=True)
class Dropout(Primitive):
    """x / (1 - p) where a mask holds, 0 elsewhere; the mask may broadcast. For p = 1 all is 0.

    Attributes
    ----------
    p : float
        The probability with which elements were dropped.
    """

    name, symbol, formula, may_view = "dropout", "dropout", "[{mask}] {x} / (1 - p)", False
    p: float = 0.5

    def infer(self, x: Spec, mask: Spec) -> Spec:
        check_float(x)
        if mask.dtype != "bool":
            raise DTypeError(f"a mask is bool, not {mask.dtype}")
        if broadcast_shapes(x.shape, mask.shape) != x.shape:
            raise ShapeError(f"a mask of shape {show_shape(mask.shape)} is too large for {show_shape(x.shape)}")
        return x

    def kernel(self, xp: Any, x: Any, mask: Any) -> Any:
        wide = widened(xp, x)
        kept = wide * (1 / (1 - self.p)) if self.p < 1 else xp.zeros_like(wide)
        return cast(xp, xp.where(mask, kept, xp.zeros_like(kept)), x.dtype)

    def vjp(self, operation: Operation, cotangents: Cotangents, wanted: Sequence[bool]) -> Cotangents:
        (c,) = cotangents
        return (None if c is None else self(c, operation.inputs[1]), None)

    def notes(self, operation: Operation) -> Sequence[str]:
        return (f"p = {self.p:.4g}",)

    def local_derivatives(self, operation: Operation) -> Sequence[str | None]:
        return (f"[{{mask}}] / {1 - self.p:.4g}" if self.p < 1 else "0", None)

    def samples(self) -> Sequence[Sample]:
        return (
            Sample(_X, _X > 0.2),
            Sample(_X, _X[..., :1] > 0, use=Dropout(0.1)),
            Sample(_X.T[::2], np.array([True, False]), use=Dropout(0.25)),
            Sample(_X, _X > 2, use=Dropout(1.0)),
            Sample(_X[:0], _X[:0] > 0),
            Sample(_X[0], _X > 0, raises=ShapeError),
            Sample(_X, _X, raises=DTypeError),
            Sample(np.arange(3), np.arange(3) > 1, raises=DTypeError),
        )


PRIMITIVES: tuple[type[Primitive], ...] = (RandomMask, Dropout)
