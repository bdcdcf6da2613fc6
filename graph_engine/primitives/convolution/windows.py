"""Windows that slide over the last dimensions of an array: how many there are, where they lie, both in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

from graph_engine.dims import Dim
from graph_engine.errors import DeclarationError, DTypeError, ShapeError
from graph_engine.primitive import Primitive
from graph_engine.spec import Shape, Spec, show_shape

Sizes = tuple[int, ...]
Pairs = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Windows:
    """Windows of one size, each a stride behind the one before.

    Attributes
    ----------
    kernel : tuple of int or dimension
        How many elements a window takes along each dimension.
    stride, dilation : tuple of int
        How far windows, and the elements of one window, lie apart.
    padding : tuple of (before, after)
        How many zeros there are around the array; below 0, how many elements are left out.
    """

    kernel: Shape
    stride: Sizes
    padding: Pairs
    dilation: Sizes

    def counts(self, sizes: Shape) -> Shape:
        """Return how many windows fit: floor((size + padding - dilation*(kernel - 1) - 1) / stride) + 1."""
        return tuple(self._count(axis, size) for axis, size in enumerate(sizes))

    def check(self, sizes: Shape, counts: Shape) -> None:
        """Raise where this is not how many windows fit."""
        if self.counts(sizes) != counts:
            raise ShapeError(
                f"over the size {show_shape(sizes)} there are {show_shape(self.counts(sizes))} windows, "
                f"not {show_shape(counts)}: {', '.join(self.arithmetic(sizes))}"
            )

    def _count(self, axis: int, size: int | Dim) -> int | Dim:
        room = self._room(axis, size)
        if isinstance(room, int) and room < 0:
            k, d = self.kernel[axis], self.dilation[axis]
            reach = "" if d == 1 else f" ({d}*({k} - 1) + 1 = {d * (k - 1) + 1} with its dilation)"
            raise ShapeError(
                f"a kernel of size {k}{reach} is larger than the {self._padded(axis, size)}, "
                f"along spatial dimension {axis}: {self._sum(axis, size)} = {room} is below 0",
                "make the kernel or its dilation smaller, or the padding larger",
            )
        return room // self.stride[axis] + 1

    def _room(self, axis: int, size: int | Dim) -> int | Dim:
        """Return how far the first window can be moved."""
        before, after = self.padding[axis]
        return size + (before + after) - self.dilation[axis] * (self.kernel[axis] - 1) - 1

    def _padded(self, axis: int, size: int | Dim) -> str:
        total = sum(self.padding[axis])
        return f"input of size {size}{f' (with its padding {size + total})' if total else ''}"

    # ---- where they lie ----------------------------------------------------------------------------------------

    def places(self, counts: Shape) -> Iterator[tuple[Sizes, tuple[slice, ...]]]:
        """Return each place in the kernel, with the elements of the padded array that it meets in all windows."""
        for place in product(*map(range, self.kernel)):  # type: ignore[arg-type]
            starts = [i * d for i, d in zip(place, self.dilation, strict=True)]
            ends = [i + (n - 1) * s + 1 for i, n, s in zip(starts, counts, self.stride, strict=True)]
            yield place, tuple(map(slice, starts, ends, self.stride))

    # ---- in words ----------------------------------------------------------------------------------------------

    def notes(self, sizes: Shape) -> list[str]:
        """Say what these windows are, and how many there are: what a picture shows."""
        return [self.words(), *dict.fromkeys(self.arithmetic(sizes))]

    def words(self) -> str:
        """Say what these windows are: `3x3, stride 2, padding 1`."""
        size = "x".join(map(str, self.kernel)) if len(self.kernel) > 1 else f"kernel {self.kernel[0]}"
        said = [size, f"stride {_shortly(self.stride)}"]
        if any(map(any, self.padding)):
            said.append(f"padding {_shortly(tuple(a if a == b else f'{a}+{b}' for a, b in self.padding))}")
        if any(d != 1 for d in self.dilation):
            said.append(f"dilation {_shortly(self.dilation)}")
        return ", ".join(said)

    def arithmetic(self, sizes: Shape) -> list[str]:
        """Say for each dimension how many windows there are: `(28 + 2*1 - 2)/2 + 1 = 15`."""
        return [self._written(axis, size) for axis, size in enumerate(sizes)]

    def backwards(self, sizes: Shape, counts: Shape) -> list[str]:
        """Say for each dimension of what size the array is that windows lie over: `(15 - 1)*2 + 2 - 2*1 = 28`."""
        return [self._written_back(axis, *pair) for axis, pair in enumerate(zip(sizes, counts, strict=True))]

    def _written(self, axis: int, size: int | Dim) -> str:
        room, stride, written = self._room(axis, size), self.stride[axis], self._sum(axis, size)
        count = room // stride + 1
        if stride == 1:
            return f"{written} + 1 = {count}"
        even = isinstance(room, int) and room % stride == 0
        return f"({written})/{stride} + 1 = {count}" if even else f"⌊({written})/{stride}⌋ + 1 = {count}"

    def _written_back(self, axis: int, size: int | Dim, count: int | Dim) -> str:
        stride, k, d = self.stride[axis], self.kernel[axis], self.dilation[axis]
        reach = f"{k}" if d == 1 else f"{d}*({k} - 1) + 1"
        spare = size - ((count - 1) * stride + d * (k - 1) + 1 - sum(self.padding[axis]))
        extra = "" if spare == 0 else f" + {spare}"
        return f"({_bracketed(count)} - 1)*{stride} + {reach}{_signed(self.padding[axis], '-')}{extra} = {size}"

    def _sum(self, axis: int, size: int | Dim) -> str:
        k, d = self.kernel[axis], self.dilation[axis]
        reach = f"{k}" if d == 1 else f"{d}*({k} - 1) - 1"
        return f"{_bracketed(size)}{_signed(self.padding[axis], '+')} - {reach}"


def _bracketed(size: int | Dim) -> str:
    return f"{size}" if isinstance(size, int) or size.is_name else f"({size})"


def _shortly(values: tuple[Any, ...]) -> str:
    return f"{values[0]}" if len(set(values)) == 1 else f"({', '.join(map(str, values))})"


def _signed(pair: tuple[int, int], sign: str) -> str:
    before, after = pair
    if before == after:
        return f" {sign} 2*{before}" if before else ""
    other = {"+": "-", "-": "+"}[sign]
    return "".join(f" {sign if width > 0 else other} {abs(width)}" for width in pair if width)


@dataclass(frozen=True)
class Sliding(Primitive):
    """What all primitives with sliding windows share.

    Attributes
    ----------
    stride, dilation : tuple of int
        One for each spatial dimension.
    padding : tuple of (before, after)
        Zeros around each spatial dimension; below 0, elements left out.
    """

    may_view = False
    stride: Sizes = (1, 1)
    padding: Pairs = ((0, 0), (0, 0))
    dilation: Sizes = (1, 1)

    def windows(self, kernel: Shape) -> Windows:
        """Return the windows of a kernel of this size, or raise where the attributes describe none."""
        count = len(kernel)
        for what, values in (("stride", self.stride), ("dilation", self.dilation)):
            if not _are_integers(values, count) or min(values, default=1) < 1:
                raise DeclarationError(f"the {what} is {count} integers above 0, not {values}")
        pairs = self.padding
        if not isinstance(pairs, tuple) or len(pairs) != count or not all(_are_integers(pair, 2) for pair in pairs):
            raise DeclarationError(f"the padding is {count} pairs of integers, not {pairs}")
        if 0 in kernel:
            raise ShapeError(f"a kernel of size {show_shape(kernel)} has no elements")
        return Windows(kernel, self.stride, self.padding, self.dilation)


def _are_integers(values: object, count: int) -> bool:
    return isinstance(values, tuple) and len(values) == count and all(type(value) is int for value in values)


def check_numbers(*specs: Spec) -> None:
    """Raise where these are not real numbers of one dtype."""
    if any(spec.dtype != specs[0].dtype or not spec.is_float for spec in specs):
        raise DTypeError(f"it takes real numbers of one dtype, not {' and '.join(spec.dtype for spec in specs)}")


def check_rank(spec: Spec, spatial: int, what: str) -> None:
    """Raise where an array does not have two dimensions and then the spatial ones."""
    if spec.ndim != spatial + 2:
        names = ", ".join(("length", "height, width", "depth, height, width")[spatial - 1 : spatial] or ("...",))
        raise ShapeError(
            f"{what} of shape {show_shape(spec.shape)} does not have {spatial} spatial dimensions behind two others",
            f"images have the shape (batch, channels, {names}), weights (out_channels, in_channels/groups, *kernel)",
        )


# ---- arrays ----------------------------------------------------------------------------------------------------

def bordered(xp: Any, x: Any, padding: Pairs) -> Any:
    """Put zeros around the last dimensions, or, below 0, leave elements out."""
    if not any(map(any, padding)):
        return x
    before = x.ndim - len(padding)
    sides = list(zip(x.shape[before:], padding, strict=True))
    result = xp.zeros((*x.shape[:before], *(n + low + high for n, (low, high) in sides)), dtype=x.dtype)
    parts = [slice(max(-low, 0), n - max(-high, 0)) for n, (low, high) in sides]
    target = [slice(max(low, 0), n + low + min(high, 0)) for n, (low, high) in sides]
    result[(..., *target)] = x[(..., *parts)]
    return result


def uncovered(padding: Pairs) -> Pairs:
    """Return the padding that undoes this one."""
    return tuple((-before, -after) for before, after in padding)
