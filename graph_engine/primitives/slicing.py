"""Basic indexing, `x[0, 1:, ..., None]`: parts of an array, parts put back among zeros, and padding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graph_engine.declaring import located
from graph_engine.dims import Dim, dimension
from graph_engine.errors import DeclarationError, ShapeError
from graph_engine.node import Operand, Operation, Variable
from graph_engine.primitive import Cotangents, Primitive, Sample
from graph_engine.primitives.common import as_variable
from graph_engine.spec import Shape, Spec, show_shape

Place = int | Dim | None
Part = tuple[Place, Place, int]  # start, stop and step of a slice
Key = tuple[int | Dim | Part | None, ...]  # for each dimension a place or a part; None is a new dimension

_GRID = np.linspace(-1, 1, 24).reshape(2, 3, 4)
_KEY: Key = (0, (None, None, -2), None, (1, 3, 1))


# ---- reading keys ----------------------------------------------------------------------------------------------


def as_key(key: Any, shape: Shape) -> Key:
    """Read a basic key and fit it to a shape: no ellipsis, known slices clipped, known places counted from 0."""
    items = spelled_out(list(key) if isinstance(key, tuple) else [key], shape)
    axes = iter(enumerate(shape))
    return tuple(None if item is None else _fitted(item, *next(axes)) for item in items)


def spelled_out(items: list[Any], shape: Shape) -> list[Any]:
    """Replace the ellipsis, at the end where there is none, by the slices that it stands for."""
    used = len([item for item in items if item is not None and item is not Ellipsis])
    if used > len(shape):
        raise ShapeError(f"{used} indices for shape {show_shape(shape)}")
    dots = [i for i, item in enumerate(items) if item is Ellipsis]
    if len(dots) > 1:
        raise DeclarationError("an index can have one ellipsis (...), not two")
    place = dots[0] if dots else len(items)
    return [*items[:place], *[slice(None)] * (len(shape) - used), *items[place + 1 :]]


def _fitted(item: Any, axis: int, size: int | Dim) -> int | Dim | Part:
    if not isinstance(item, slice):
        return _place(item, axis, size)
    start, stop = _bound(item.start), _bound(item.stop)
    step = 1 if item.step is None else _bound(item.step)
    if not isinstance(step, int) or step == 0:
        raise DeclarationError(f"the step of a slice is an integer other than 0, not {item.step!r}")
    if not any(isinstance(value, Dim) for value in (start, stop, size)):
        start, stop, _ = slice(start, stop, step).indices(int(size))
        if len(range(start, stop, step)) == 0:
            return (0, 0, 1)
        return (start, None if stop < 0 else stop, step)
    length = _length((start, stop, step), size)
    return (0, 0, 1) if isinstance(length, int) and length <= 0 else (start, stop, step)


def _place(item: Any, axis: int, size: int | Dim) -> int | Dim:
    place = item if isinstance(item, Dim) else _as_integer(item)
    if isinstance(place, Dim) or isinstance(size, Dim):
        return place
    if not -size <= place < size:
        raise ShapeError(f"index {place} is out of range for axis {axis} of size {size}")
    return place % size


def _bound(value: Any) -> Place:
    return value if value is None or isinstance(value, Dim) else _as_integer(value)


def _as_integer(value: Any) -> int:
    if isinstance(value, (bool, np.bool_)) or not hasattr(value, "__index__"):
        raise DeclarationError(
            f"an index is made of integers, slices, None, ... and arrays of integers or bools, not {value!r}"
        )
    return int(value.__index__())


def _length(part: Part, size: int | Dim) -> int | Dim:
    """Return how many elements a slice keeps."""
    start, stop, step = part
    first = (0 if step > 0 else size - 1) if start is None else _from_front(start, size)
    beyond = (size if step > 0 else -1) if stop is None else _from_front(stop, size)
    return (beyond - first + step - 1) // step if step > 0 else (first - beyond - step - 1) // -step


def _from_front(place: int | Dim, size: int | Dim) -> int | Dim:
    return size + place if isinstance(place, int) and place < 0 else place


def index_shape(key: Key, shape: Shape) -> Shape:
    """Return the shape that is left by a key."""
    dims = iter(shape)
    return tuple(_kept(key, dims))


def _kept(key: Key, dims: Iterator[int | Dim]) -> Iterator[int | Dim]:
    for item in key:
        if item is None:
            yield 1
        elif isinstance(item, tuple):
            yield _length(item, next(dims))
        else:
            next(dims)


def _native(key: Key, shape: tuple[int, ...]) -> tuple[Any, ...]:
    """Return the key as arrays take it, after a check that nothing would be clipped silently."""
    dims = iter(shape)
    return tuple(None if item is None else _checked(item, next(dims)) for item in key)


def _checked(item: Any, size: int) -> Any:
    if not isinstance(item, tuple):
        return item
    start, stop, step = item
    bounds = [_from_front(place, size) for place in (start, stop) if place is not None]
    beyond = step is not None and step < 0 and start is not None and start >= size  # it would begin at the end
    if beyond or any(not 0 <= bound <= size for bound in bounds) or _length(item, size) < 0:  # type: ignore[operator]
        shown = ":".join("" if place is None else str(place) for place in (start, stop))
        raise ShapeError(f"the slice [{shown}] does not fit into a dimension of size {size}")
    return slice(start, stop, step)


# ---- primitives ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Index(Primitive):
    """A part of an array: `x[0, 1:, ..., None]`.

    Slices of dimensions of known size are clipped as in Python. Those of named dimensions are not: `x[:3]` is 3 long,
    and a run with fewer is refused.
    """

    name, symbol, formula = "index", "[ ]", "{x}[…]"
    key: Key = ()

    def infer(self, x: Spec) -> Spec:
        return x.with_shape(index_shape(as_key(_slices(self.key), x.shape), x.shape))

    def kernel(self, xp: Any, x: Any) -> Any:
        return x[(*_native(self.key, x.shape), ...)]

    def vjp(self, operation: Operation, cotangents: Cotangents, wanted: Sequence[bool]) -> Cotangents:
        (c,), (x,) = cotangents, operation.inputs
        return (None if c is None else Unindex(self.key, x.shape)(c),)

    def local_derivatives(self, operation: Operation) -> Sequence[str]:
        return ("{d} among zeros",)

    def samples(self) -> Sequence[Sample]:
        return (
            Sample(_GRID, use=Index(_KEY)),
            Sample(_GRID, use=Index((1, 2, 3))),
            Sample(_GRID.T[::2], use=Index(((None, None, -1), -1))),
            Sample(_GRID[:, :0], use=Index((0, (None, None, -1)))),
            Sample(2.0, use=Index((None,))),
            Sample(_GRID, use=Index((2,)), raises=ShapeError),
            Sample(_GRID, use=Index((0, 0, 0, 0)), raises=ShapeError),
        )


@dataclass(frozen=True)
class Unindex(Primitive):
    """Zeros of a shape, in which a part is set: the gradient of `index`."""

    name, symbol, formula = "unindex", "[ ]⁻¹", "zeros, […] = {y}"
    may_view = False
    key: Key = ()
    shape: Shape = ()

    def infer(self, y: Spec) -> Spec:
        expected = index_shape(as_key(_slices(self.key), self.shape), self.shape)
        if y.shape != expected:
            raise ShapeError(f"the part has shape {show_shape(expected)}, not {show_shape(y.shape)}")
        return y.with_shape(self.shape)

    def kernel(self, xp: Any, y: Any) -> Any:
        result = xp.zeros(self.shape, dtype=y.dtype)
        key = tuple(item for item in self.key if item is not None)
        result[(*_native(key, result.shape), ...)] = xp.reshape(y, index_shape(_padded(key, self.shape), self.shape))
        return result

    def vjp(self, operation: Operation, cotangents: Cotangents, wanted: Sequence[bool]) -> Cotangents:
        (c,) = cotangents
        return (None if c is None else Index(self.key)(c),)

    def local_derivatives(self, operation: Operation) -> Sequence[str]:
        return ("{d}[…]",)

    def samples(self) -> Sequence[Sample]:
        return (
            Sample(_GRID[0, ::-2, None, 1:3], use=Unindex(_KEY, (2, 3, 4))),
            Sample(2.0, use=Unindex((1, 2), (2, 3))),
            Sample(_GRID[0, 0], use=Unindex((0,), (2, 4))),
            Sample(_GRID[:0], use=Unindex(((0, 0, 1),), (2, 3, 4))),
            Sample(_GRID, use=Unindex((0,), (2, 3, 4)), raises=ShapeError),
        )


@dataclass(frozen=True)
class Pad(Primitive):
    """More elements of one value around an array.

    Attributes
    ----------
    widths : tuple of (before, after)
        For each dimension.
    value : float
    """

    name, formula = "pad", "pad({x})"
    may_view = False
    widths: tuple[tuple[int | Dim, int | Dim], ...] = ()
    value: float = 0

    def infer(self, x: Spec) -> Spec:
        if len(self.widths) != x.ndim:
            raise ShapeError(f"{len(self.widths)} pairs of widths for {x.ndim} dimensions")
        pairs = zip(self.widths, x.shape, strict=True)
        return x.with_shape(dim + before + after for (before, after), dim in pairs)

    def kernel(self, xp: Any, x: Any) -> Any:
        sides = list(zip(self.widths, x.shape, strict=True))
        shape = tuple(before + dim + after for (before, after), dim in sides)
        result = xp.full(shape, self.value, dtype=x.dtype)
        result[(*(slice(before, before + dim) for (before, _), dim in sides), ...)] = x
        return result

    def vjp(self, operation: Operation, cotangents: Cotangents, wanted: Sequence[bool]) -> Cotangents:
        (c,), (x,) = cotangents, operation.inputs
        key = tuple((before, before + dim, 1) for (before, _), dim in zip(self.widths, x.shape, strict=True))
        return (None if c is None else Index(key)(c),)

    def local_derivatives(self, operation: Operation) -> Sequence[str]:
        return ("{d} inside",)

    def samples(self) -> Sequence[Sample]:
        return (
            Sample(_GRID, use=Pad(((1, 2), (0, 0), (0, 3)), 2.5)),
            Sample(_GRID[:0, 0], use=Pad(((1, 0), (0, 0)))),
            Sample(_GRID.T[::2, 0], use=Pad(((0, 1), (2, 0)))),
            Sample(2.0),
            Sample(_GRID, use=Pad(((1, 1),)), raises=ShapeError),
        )


def _slices(key: Key) -> tuple[Any, ...]:
    """Return a key as a user writes it."""
    return tuple(slice(*item) if isinstance(item, tuple) else item for item in key)


def _padded(key: Key, shape: Shape) -> Key:
    """Return a key that has an item for every dimension."""
    return key + ((None, None, 1),) * (len(shape) - sum(item is not None for item in key))


# ---- functions -------------------------------------------------------------------------------------------------


@located
def pad(x: Operand, pad_width: Any, value: float = 0) -> Variable:
    """Put more elements of one value around an array.

    Parameters
    ----------
    x : Variable or array_like
    pad_width : int, (before, after), or one such pair for each dimension
    value : float

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.Engine("numpy").run(ge.pad(ge.constant([1, 2]), (1, 2)), {}).tolist()
    [0, 1, 2, 0, 0]
    """
    x = as_variable(x)
    result: Variable = Pad(_pairs(pad_width, x.ndim), value)(x)
    return result


def _pairs(pad_width: Any, ndim: int) -> tuple[tuple[int | Dim, int | Dim], ...]:
    if not isinstance(pad_width, (tuple, list)):
        pad_width = (pad_width, pad_width)
    if not any(isinstance(item, (tuple, list)) for item in pad_width):
        pad_width = [pad_width] * ndim
    pairs = tuple(tuple(dimension(width) for width in pair) for pair in pad_width)
    if len(pairs) != ndim or any(len(pair) != 2 for pair in pairs):
        raise ShapeError(f"{ndim} dimensions are padded by a number, a pair, or {ndim} pairs, not by {pad_width}")
    return pairs  # type: ignore[return-value]


PRIMITIVES: tuple[type[Primitive], ...] = (Index, Unindex, Pad)
