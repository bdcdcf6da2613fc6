"""Where the windows of pooling lie along one dimension, and how many there are. NumPy arrays on the host."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from graph_engine.dims import Dim
from graph_engine.errors import DeclarationError, ShapeError
from graph_engine.spec import Shape, show_shape

Places = np.ndarray[Any, Any]


class Windows(NamedTuple):
    """Windows of one size along a dimension.

    Attributes
    ----------
    kernel, stride, padding, dilation : int
    ceil_mode : bool
        Whether a last window may reach beyond the padded image; it begins inside of it or in the padding before.
    """

    kernel: int
    stride: int
    padding: int = 0
    dilation: int = 1
    ceil_mode: bool = False

    @property
    def reach(self) -> int:
        """From the first place of a window to its last, both counted."""
        return self.dilation * (self.kernel - 1) + 1

    def number(self, size: int | Dim) -> int | Dim:
        """Return how many windows there are.

        Examples
        --------
        >>> Windows(2, 2).number(5), Windows(2, 2, ceil_mode=True).number(5), Windows(3, 2, 1).number(Dim("n"))
        (2, 3, '(n - 1)//2 + 1')
        """
        spare = 2 * self.padding - self.reach
        if self.ceil_mode:  # rounded up, but the last window begins before size + padding
            spare = min(spare + self.stride - 1, self.padding - 1)
        return (size + spare) // self.stride + 1

    def places(self, size: int) -> Places:
        """Return for each offset (rows) and window (columns) the place in the image, outside of it where padded."""
        return _strided(self, size)

    def inside(self, size: int) -> Places:
        """Return the same with the nearest place of the same window that is in the image, for those that are not.

        A place that occurs twice changes no maximum.
        """
        places = self.places(size)
        within = (places >= 0) & (places < size)
        if not within.any(axis=0).all():
            raise ShapeError(
                f"a window of {self.kernel} places, {self.dilation} apart, with padding {self.padding} "
                f"lies in the padding alone: the image is {size} long",
                "choose a smaller dilation or padding",
            )
        first = np.where(within, places, size).min(axis=0)
        last = np.where(within, places, -1).max(axis=0)
        return np.clip(places, first, last)

    def arithmetic(self, size: int | Dim) -> str:
        """Write out how the number of windows is found.

        Examples
        --------
        >>> Windows(3, 2, 1).arithmetic(28)
        '⌊(28 + 2*1 - 3)/2⌋ + 1 = 14'
        """
        padded = f" + 2*{self.padding}" if self.padding else ""
        reach = f"{self.kernel}" if self.dilation == 1 else f"{self.dilation}*({self.kernel} - 1) - 1"
        quotient = f"({size}{padded} - {reach})" + (f"/{self.stride}" if self.stride > 1 else "")
        spare = size + 2 * self.padding - self.reach
        if isinstance(spare, Dim) or spare % self.stride:
            quotient = f"⌈{quotient}⌉" if self.ceil_mode else f"⌊{quotient}⌋"
        rounded_up = self._replace(padding=0, ceil_mode=True).number(size + 2 * self.padding)
        left_out = " - 1" if self.ceil_mode and self.number(size) != rounded_up else ""
        return f"{quotient} + 1{left_out} = {self.number(size)}"


class AdaptiveWindows(NamedTuple):
    """As many windows as are wanted: window i from floor(i size / wanted) up to ceil((i + 1) size / wanted)."""

    wanted: int | Dim

    def number(self, size: int | Dim) -> int | Dim:
        """Return how many windows there are."""
        return self.wanted

    def inside(self, size: int) -> Places:
        """Return for each offset (rows) and window (columns) the place in the image; short windows repeat the last."""
        return _adaptive(int(self.wanted), size)

    def arithmetic(self, size: int | Dim) -> str:
        """Write out what becomes what."""
        return f"{size} -> {self.wanted}"


@lru_cache(maxsize=256)
def _strided(windows: Windows, size: int) -> Places:
    starts = np.arange(windows.number(size)) * windows.stride - windows.padding
    return starts + np.arange(windows.kernel)[:, None] * windows.dilation


@lru_cache(maxsize=256)
def _adaptive(wanted: int, size: int) -> Places:
    window = np.arange(wanted)
    first, last = window * size // wanted, -(-(window + 1) * size // wanted) - 1
    offsets = np.arange((last - first).max(initial=0) + 1)[:, None]
    return np.minimum(first + offsets, last)


Rules = Sequence[Windows | AdaptiveWindows]


def strided_windows(
    kernel: tuple[int, ...], stride: tuple[int, ...], padding: tuple[int, ...], dilation: tuple[int, ...], ceil: bool
) -> list[Windows]:
    """Return the windows along each dimension, after a check of their numbers."""
    if not kernel:
        raise DeclarationError("kernel_size names no dimension")
    given = {"kernel_size": (kernel, 1), "stride": (stride, 1), "padding": (padding, 0), "dilation": (dilation, 1)}
    for name, (values, lowest) in given.items():
        if any(isinstance(value, bool) or not isinstance(value, int) or value < lowest for value in values):
            raise DeclarationError(f"{name} is made of integers from {lowest} on, not {show_shape(values)}")
        if len(values) != len(kernel):
            raise DeclarationError(f"{name} has {len(values)} numbers for {len(kernel)} dimensions")
    for size, width in zip(kernel, padding, strict=True):
        if 2 * width > size:
            raise ShapeError(f"a padding of {width} is more than half of the window, which is {size} long")
    return [Windows(*numbers, ceil) for numbers in zip(kernel, stride, padding, dilation, strict=True)]


def pooled_shape(shape: Shape, rules: Rules) -> Shape:
    """Return the shape after pooling over the last dimensions.

    Raises
    ------
    ShapeError
        Where a window does not fit into the image.
    """
    if len(shape) < len(rules):
        raise ShapeError(f"shape {show_shape(shape)} has not the {len(rules)} dimensions that are pooled over")
    before = shape[: len(shape) - len(rules)]
    return (*before, *(_number(size, rule) for size, rule in zip(shape[len(before) :], rules, strict=True)))


def _number(size: int | Dim, rule: Windows | AdaptiveWindows) -> int | Dim:
    number = rule.number(size)
    if size == 0 or (isinstance(number, int) and number <= 0):
        raise ShapeError(
            f"no window fits into a dimension of size {size}: {rule.arithmetic(size)}",
            "choose a smaller kernel_size, more padding, or pool less often before",
        )
    if isinstance(rule, Windows) and rule.dilation > 1 and isinstance(size, int):
        rule.inside(size)  # refuses windows of nothing but padding
    return number


def spatial_axes(ndim: int, rules: Rules) -> list[tuple[int, Any]]:
    """Pair each rule with its axis: they are about the last dimensions."""
    return list(enumerate(rules, start=ndim - len(rules)))


def window_notes(rules: Rules, shape: Shape) -> list[str]:
    """Return what a picture says: the windows, and where each size comes from."""
    sizes = shape[len(shape) - len(rules) :]
    notes = [] if isinstance(rules[0], AdaptiveWindows) else [_shown(rules)]  # type: ignore[arg-type]
    return [*notes, *dict.fromkeys(rule.arithmetic(size) for size, rule in zip(sizes, rules, strict=True))]


def _shown(rules: Sequence[Windows]) -> str:
    parts = ["x".join(str(rule.kernel) for rule in rules)]
    for name, usual in (("stride", 0), ("padding", 0), ("dilation", 1)):
        values = [getattr(rule, name) for rule in rules]
        if any(value != usual for value in values):
            parts.append(f"{name} {'x'.join(map(str, dict.fromkeys(values) if len(set(values)) == 1 else values))}")
    return ", ".join(parts)
