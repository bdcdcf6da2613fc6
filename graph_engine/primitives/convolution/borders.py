"""Borders made of what is inside: mirrored, repeated, or from the other side; and their gradients, added back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from graph_engine.dims import Dim
from graph_engine.errors import DeclarationError, DTypeError, ShapeError
from graph_engine.node import Operation
from graph_engine.primitive import Cotangents, Primitive, Sample
from graph_engine.primitives.arrays import cast, widened
from graph_engine.primitives.convolution.forward import IMAGE
from graph_engine.primitives.convolution.windows import Pairs
from graph_engine.spec import Shape, Spec, bind_shape, kind, show_shape

# which element stands at a place, counted from the first one inside, of n elements
PLACES: dict[str, Callable[[int, int], int]] = {
    "reflect": lambda i, n: n - 1 - abs(n - 1 - abs(i)),
    "replicate": lambda i, n: min(max(i, 0), n - 1),
    "circular": lambda i, n: i % n,
}
_SPARED = {"reflect": 1, "replicate": None, "circular": 0}  # how much smaller than the array a border must be


@dataclass(frozen=True)
class _Bordering(Primitive):
    """What both directions share.

    Attributes
    ----------
    widths : tuple of (before, after)
        For each of the last dimensions.
    mode : {"reflect", "replicate", "circular"}
        `reflect` mirrors without repeating the outermost element.
    """

    may_view: ClassVar[bool] = False
    widths: Pairs = ()
    mode: str = "reflect"

    def check(self, sizes: Shape) -> None:
        """Raise where there cannot be such a border."""
        if self.mode not in PLACES:
            raise DeclarationError(f"the mode of a border is one of {', '.join(PLACES)}, not {self.mode!r}")
        if len(sizes) != len(self.widths):
            raise ShapeError(f"{len(self.widths)} pairs of widths for {len(sizes)} dimensions")
        for size, pair in zip(sizes, self.widths, strict=True):
            if min(pair) < 0:
                raise DeclarationError(f"a border of mode {self.mode!r} is not narrower than 0: {pair}")
            self._check_width(size, max(pair))

    def _check_width(self, size: int | Dim, widest: int) -> None:
        spared = _SPARED[self.mode]
        allowed = widest if spared is None and size != 0 else size - (spared or 0)
        if isinstance(allowed, int) and widest > max(allowed, 0):
            raise ShapeError(
                f"a border {widest} wide cannot be made of {size} elements",
                f"in mode {self.mode!r} it is at most {max(allowed, 0)} wide here",
            )

    def _outer(self, size: Shape) -> Shape:
        return tuple(n + low + high for n, (low, high) in zip(size, self.widths, strict=True))


@dataclass(frozen=True)
class PadBorder(_Bordering):
    """More elements around the last dimensions of an array, taken from inside of it."""

    name, formula = "pad_border", "pad({x})"

    def infer(self, x: Spec) -> Spec:
        inner = x.ndim - len(self.widths)
        self.check(x.shape[max(inner, 0) :])
        return x.with_shape((*x.shape[:inner], *self._outer(x.shape[inner:])))

    def kernel(self, xp: Any, x: Any) -> Any:
        first = x.ndim - len(self.widths)
        self.check(tuple(x.shape[first:]))
        for axis, (low, high) in enumerate(self.widths, start=first):
            n = x.shape[axis]
            if low or high:
                places = [PLACES[self.mode](i, n) for i in range(-low, n + high)]
                x = xp.take(x, xp.asarray(places, dtype=xp.int64), axis=axis)
        return xp.asarray(x, copy=True) if not any(map(any, self.widths)) else x

    def vjp(self, operation: Operation, cotangents: Cotangents, wanted: Sequence[bool]) -> Cotangents:
        (c,), (x,) = cotangents, operation.inputs
        sizes = x.shape[x.ndim - len(self.widths) :]
        return (None if c is None else UnpadBorder(self.widths, self.mode, sizes)(c),)

    def local_derivatives(self, operation: Operation) -> Sequence[str]:
        return ("{d}, its border added inside",)

    def notes(self, operation: Operation) -> Sequence[str]:
        return (self.mode,)

    def samples(self) -> Sequence[Sample]:
        uneven = ((1, 2), (0, 3))
        return (
            *(Sample(IMAGE[0], use=PadBorder(uneven, mode)) for mode in PLACES),
            *(Sample(IMAGE[0, 0, :3, ::2], use=PadBorder(((2, 2),), mode)) for mode in PLACES),
            Sample(IMAGE[:0], use=PadBorder(uneven, "circular")),
            Sample(IMAGE[0, 0], use=PadBorder(((9, 7), (0, 0)), "replicate")),
            Sample(IMAGE[0], use=PadBorder()),
            Sample(np.arange(3), use=PadBorder(((1, 1),), "replicate")),
            Sample(IMAGE, use=PadBorder(((0, 6),)), raises=ShapeError),
            Sample(IMAGE, use=PadBorder(((7, 0),), "circular"), raises=ShapeError),
            Sample(IMAGE[..., :0], use=PadBorder(((1, 0),), "replicate"), raises=ShapeError),
            Sample(IMAGE[0, 0], use=PadBorder(((1, 1),) * 3), raises=ShapeError),
            Sample(IMAGE, use=PadBorder(((1, -1),)), raises=DeclarationError),
            Sample(IMAGE, use=PadBorder(((1, 1),), "mirror"), raises=DeclarationError),
        )


@dataclass(frozen=True)
class UnpadBorder(_Bordering):
    """The inside of an array, with each element of the border added to the one it was taken from.

    Attributes
    ----------
    size : tuple of int or dimension
        Of the last dimensions, without their borders.
    """

    name, formula = "unpad_border", "unpad({x})"
    size: Shape = ()

    def infer(self, x: Spec) -> Spec:
        if kind(x.dtype) == "bool":
            raise DTypeError("bools do not add up", "convert with ge.astype")
        self.check(self.size)
        inner, outer = x.ndim - len(self.size), self._outer(self.size)
        if inner < 0 or x.shape[inner:] != outer:
            raise ShapeError(f"an array of shape {show_shape(x.shape)} does not end in {show_shape(outer)}")
        return x.with_shape((*x.shape[:inner], *self.size))

    def kernel(self, xp: Any, x: Any) -> Any:
        result, sizes = widened(xp, x), bind_shape(self.size, {})
        for axis, (n, (low, high)) in enumerate(zip(sizes, self.widths, strict=True), start=x.ndim - len(sizes)):
            before = (slice(None),) * axis
            inside = xp.asarray(result[(*before, slice(low, low + n), ...)], copy=True)
            for i in (*range(-low, 0), *range(n, n + high)):
                place = (*before, PLACES[self.mode](i, n), ...)
                inside[place] = inside[place] + result[(*before, low + i, ...)]
            result = inside
        return cast(xp, xp.asarray(result, copy=True) if not self.size else result, x.dtype)

    def vjp(self, operation: Operation, cotangents: Cotangents, wanted: Sequence[bool]) -> Cotangents:
        (c,) = cotangents
        return (None if c is None else PadBorder(self.widths, self.mode)(c),)

    def local_derivatives(self, operation: Operation) -> Sequence[str]:
        return ("pad({d})",)

    def notes(self, operation: Operation) -> Sequence[str]:
        return (self.mode,)

    def samples(self) -> Sequence[Sample]:
        uneven = ((1, 2), (0, 3))
        return (
            *(Sample(IMAGE[0, :, :, ::-1], use=UnpadBorder(((1, 0), (2, 1)), mode, (4, 3))) for mode in PLACES),
            Sample(IMAGE[:0, ..., :5], use=UnpadBorder(uneven, "circular", (2, 2)), raises=ShapeError),
            Sample(IMAGE[:0, ..., :5], use=UnpadBorder(uneven, "replicate", (2, 2))),
            Sample(IMAGE[0, 0], use=UnpadBorder(((3, 2),), "replicate", (1,))),
            Sample(IMAGE[0, 0]),
            Sample(IMAGE, use=UnpadBorder(((1, 1),), "reflect", (5,)), raises=ShapeError),
            Sample(IMAGE > 0, use=UnpadBorder(((1, 1),), "reflect", (4,)), raises=DTypeError),
        )
