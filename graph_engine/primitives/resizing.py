"""Resizing images, separately along each dimension: nearest, linear, by area; and its transpose.

The places and weights are those of PyTorch's `interpolate`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from graph_engine.dims import Dim
from graph_engine.errors import DeclarationError, DTypeError, ShapeError
from graph_engine.node import Operation
from graph_engine.primitive import Cotangents, Primitive, Sample
from graph_engine.primitives.arrays import cast, widened
from graph_engine.primitives.pooling.taps import Taps, along, transposed
from graph_engine.spec import Shape, Spec, show_shape

_IMAGE = np.sin(np.arange(40.0) * 1.7).reshape(2, 4, 5)


@dataclass(frozen=True)
class _Resizing(Primitive):
    """What both directions share.

    Attributes
    ----------
    sizes : tuple of int or dimension
        The last dimensions after resizing.
    mode : {"nearest", "nearest-exact", "linear", "area"}
    align_corners : bool
        For linear: whether the middles of the corner elements stay where they are, rather than their outer edges.
    scales : tuple of float or None
        By how much each dimension grows, where that is not the quotient of the sizes; empty where it is.
    """

    may_view = False
    sizes: tuple[int | Dim, ...] = (2, 2)
    mode: str = "nearest"
    align_corners: bool = False
    scales: tuple[float | None, ...] = ()

    def check(self, x: Spec, sizes: Shape) -> None:
        """Refuse what cannot be resized."""
        if self.mode not in _TAPS:
            raise DeclarationError(f"mode is one of {', '.join(_TAPS)}, not {self.mode!r}")
        if len(self.scales) not in (0, len(self.sizes)):
            raise DeclarationError(f"{len(self.scales)} scales for {len(self.sizes)} dimensions")
        if not x.is_float:
            raise DTypeError(f"it takes real numbers, not {x.dtype}", "convert with ge.astype(v, 'float32')")
        if x.ndim < len(self.sizes) or len(sizes) != len(self.sizes):
            raise ShapeError(f"shape {show_shape(x.shape)} has not the {len(self.sizes)} dimensions that are resized")
        if any(isinstance(size, int) and size < 1 for size in (*sizes, *self.sizes)):
            raise ShapeError(f"{show_shape(sizes)} cannot be resized to {show_shape(self.sizes)}: sizes are 1 or more")

    def maps(self, sizes: Sequence[int]) -> list[Taps]:
        """Return the map along each of the last dimensions of an image of these sizes."""
        scales = self.scales or (None,) * len(sizes)
        pairs = zip(sizes, self.sizes, scales, strict=True)
        return [resize_taps(self.mode, size, int(wanted), self.align_corners, scale) for size, wanted, scale in pairs]

    def rule(self) -> dict[str, Any]:
        """Return the attributes that both directions have."""
        return {name: getattr(self, name) for name in ("sizes", "mode", "align_corners", "scales")}


class Resize(_Resizing):
    """The last dimensions in another size: by the nearest element, between the two nearest, or the mean of an area."""

    name, symbol, formula = "resize", "resize", "resize({x})"

    def infer(self, x: Spec) -> Spec:
        split = max(x.ndim - len(self.sizes), 0)
        self.check(x, x.shape[split:])
        return x.with_shape((*x.shape[:split], *self.sizes))

    def kernel(self, xp: Any, x: Any) -> Any:
        first, wide = x.ndim - len(self.sizes), widened(xp, x)
        for axis, taps in enumerate(self.maps(x.shape[first:]), start=first):
            wide = along(xp, wide, taps, axis)
        return cast(xp, wide, x.dtype)

    def vjp(self, operation: Operation, cotangents: Cotangents, wanted: Sequence[bool]) -> Cotangents:
        (c,), (x,) = cotangents, operation.inputs
        original = x.shape[x.ndim - len(self.sizes) :]
        return (None if c is None else ResizeTransposed(**self.rule(), original=original)(c),)

    def local_derivatives(self, operation: Operation) -> Sequence[str]:
        return ("resizeᵀ({d})",)

    def notes(self, operation: Operation) -> Sequence[str]:
        x = operation.inputs[0]
        before, after = ("x".join(map(str, sizes)) for sizes in (x.shape[x.ndim - len(self.sizes) :], self.sizes))
        corners = ", corners aligned" if self.align_corners else ""
        return (f"{before} -> {after}", f"{self.mode}{corners}")

    def samples(self) -> Sequence[Sample]:
        return (
            Sample(_IMAGE, use=Resize((8, 7))),
            Sample(_IMAGE[..., ::2], use=Resize((3, 7), "nearest-exact")),
            Sample(_IMAGE, use=Resize((6, 3), "linear")),
            Sample(_IMAGE, use=Resize((6, 9), "linear", scales=(1.6, None))),
            Sample(_IMAGE.T, use=Resize((3, 7, 1), "linear", True)),
            Sample(_IMAGE[0, 0], use=Resize((3,), "area")),
            Sample(_IMAGE[:0], use=Resize((3, 4))),
            Sample(_IMAGE, use=Resize((0, 4)), raises=ShapeError),
            Sample(_IMAGE[:, :0], use=Resize((3, 4)), raises=ShapeError),
            Sample(_IMAGE[0, 0], use=Resize((3, 4)), raises=ShapeError),
            Sample(_IMAGE, use=Resize((3, 4), "round"), raises=DeclarationError),
            Sample(_IMAGE > 0, raises=DTypeError),
        )


@dataclass(frozen=True)
class ResizeTransposed(_Resizing):
    """Each number given back to the elements that it was made of, by their weights: the gradient of `resize`.

    Attributes
    ----------
    original : tuple of int or dimension
        The last dimensions of the result, which `resize` takes to those of the input.
    """

    name, symbol, formula = "resize_transposed", "resizeᵀ", "resizeᵀ({y})"
    original: tuple[int | Dim, ...] = (1, 1)

    def infer(self, y: Spec) -> Spec:
        self.check(y, self.original)
        split = y.ndim - len(self.sizes)
        if y.shape[split:] != self.sizes:
            raise ShapeError(f"shape {show_shape(y.shape)} does not end with {show_shape(self.sizes)}")
        return y.with_shape((*y.shape[:split], *self.original))

    def kernel(self, xp: Any, y: Any) -> Any:
        first, wide = y.ndim - len(self.sizes), widened(xp, y)
        original = [int(size) for size in self.original]
        for position, (taps, size) in enumerate(zip(self.maps(original), original, strict=True)):
            wide = along(xp, wide, transposed(taps, size), first + position)
        return cast(xp, wide, y.dtype)

    def vjp(self, operation: Operation, cotangents: Cotangents, wanted: Sequence[bool]) -> Cotangents:
        (c,) = cotangents
        return (None if c is None else Resize(**self.rule())(c),)

    def local_derivatives(self, operation: Operation) -> Sequence[str]:
        return ("resize({d})",)

    def samples(self) -> Sequence[Sample]:
        return (
            Sample(_IMAGE, use=ResizeTransposed((4, 5), original=(2, 7))),
            Sample(_IMAGE[..., ::2], use=ResizeTransposed((4, 3), "linear", original=(2, 5))),
            Sample(_IMAGE, use=ResizeTransposed((4, 5), "area", original=(3, 8))),
            Sample(_IMAGE[:0], use=ResizeTransposed((4, 5), "linear", True, original=(2, 5))),
            Sample(_IMAGE, use=ResizeTransposed((4, 4), original=(2, 5)), raises=ShapeError),
            Sample(_IMAGE, use=ResizeTransposed((4, 5), original=(2,)), raises=ShapeError),
        )


# ---- places and weights along one dimension ---------------------------------------------------------------------


@lru_cache(maxsize=256)
def resize_taps(mode: str, size: int, wanted: int, align_corners: bool, scale: float | None) -> Taps:
    """Return the map along a dimension; `scale` is how much it grows, by default the quotient of the sizes."""
    return _TAPS[mode](size, wanted, align_corners, scale)


def _step(size: int, wanted: int, scale: float | None) -> float:
    """Return how far apart neighbours of the result are in the original."""
    return 1 / scale if scale else size / wanted


def _nearest(size: int, wanted: int, align_corners: bool, scale: float | None) -> Taps:
    step = np.float32(_step(size, wanted, scale))  # single precision, as in PyTorch: it decides between neighbours
    places = np.floor(np.arange(wanted, dtype=np.float32) * step).astype(np.int64)
    return _one_each(places, size)


def _nearest_exact(size: int, wanted: int, align_corners: bool, scale: float | None) -> Taps:
    step = np.float32(_step(size, wanted, scale))
    places = np.floor(((np.arange(wanted) + 0.5) * step).astype(np.float32)).astype(np.int64)
    return _one_each(places, size)


def _one_each(places: Any, size: int) -> Taps:
    return Taps(np.minimum(places, size - 1)[None], np.ones((1, len(places))))


def _linear(size: int, wanted: int, align_corners: bool, scale: float | None) -> Taps:
    if size == wanted:
        return _one_each(np.arange(wanted), size)
    if align_corners:
        middle = np.arange(wanted) * ((size - 1) / (wanted - 1) if wanted > 1 else 0.0)
    else:
        middle = np.maximum(_step(size, wanted, scale) * (np.arange(wanted) + 0.5) - 0.5, 0)
    left = np.minimum(np.floor(middle).astype(np.int64), size - 1)
    share = np.clip(middle - left, 0, 1)
    return Taps(np.stack([left, np.minimum(left + 1, size - 1)]), np.stack([1 - share, share]))


def _area(size: int, wanted: int, align_corners: bool, scale: float | None) -> Taps:
    window = np.arange(wanted)
    first, end = window * size // wanted, -(-(window + 1) * size // wanted)
    places = first + np.arange((end - first).max())[:, None]
    return Taps(np.minimum(places, size - 1), np.where(places < end, 1 / (end - first), 0.0))


_TAPS = {"nearest": _nearest, "nearest-exact": _nearest_exact, "linear": _linear, "area": _area}


def scaled_size(size: int | Dim, scale: float) -> int | Dim:
    """Return floor(size * scale); a named size takes a whole number."""
    if isinstance(size, int):
        return math.floor(size * scale)
    if scale != int(scale):
        raise ShapeError(f"the dimension {size} cannot be resized by {scale:g}: only by whole numbers", "or give size=")
    return size * int(scale)


PRIMITIVES: tuple[type[Primitive], ...] = (Resize, ResizeTransposed)
