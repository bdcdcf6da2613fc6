"""A part of a tensor that fits on a screen: two of its axes at most, few rows and columns."""

from __future__ import annotations

import re
from typing import NamedTuple

from graph_engine.errors import DeclarationError

__all__ = ["MOST", "Slice", "read_slice"]

MOST = 64
"""So many rows and columns at most."""

_PART = re.compile(r"\s*(-?\d{1,18})?\s*(?:(:)\s*(-?\d{1,18})?\s*)?")
_EXAMPLE = "write a number or a range for each axis, and ranges for two of them at most: 0, :, 3:7"


class Slice(NamedTuple):
    """What is shown of a tensor.

    Attributes
    ----------
    parts : tuple of int and slice
    text : str
        As somebody would write it.
    axes : tuple of int
        The axes that are shown: rows and columns, columns alone, or none.
    cut : str
        What was left out, in words.
    """

    parts: tuple[int | slice, ...]
    text: str
    axes: tuple[int, ...]
    cut: str

    @property
    def starts(self) -> list[int]:
        """The first index of each shown axis."""
        return [part.start for part in self.parts if isinstance(part, slice)]


def read_slice(text: str, shape: tuple[int, ...], most: int = MOST) -> Slice:
    """Read a slice; what is left out is all of the last two axes, and the first element of the others.

    Examples
    --------
    >>> read_slice("", (5, 100, 7)).text, read_slice("1, :, 3", (5, 10, 7)).parts
    ('0, 0:64, 0:7', (1, slice(0, 10, None), 3))
    """
    given = [part.strip() for part in text.split(",")] if text.strip() else []
    if len(given) > len(shape):
        raise DeclarationError(f"{text!r} has {len(given)} parts for a tensor of {len(shape)} axes", _EXAMPLE)
    ranges = sum(":" in part for part in given)
    rest = len(shape) - len(given)
    whole = min(rest, max(2 - ranges, 0))
    given += ["0"] * (rest - whole) + [":"] * whole
    index = tuple(_read(part, size, text, most) for part, size in zip(given, shape, strict=True))
    axes = tuple(axis for axis, part in enumerate(index) if isinstance(part, slice))
    if len(axes) > 2:
        raise DeclarationError(f"{text!r} leaves {len(axes)} axes; a grid has two", _EXAMPLE)
    cut = [f"{most} of {n}" for n, part in zip(shape, given, strict=True) if part == ":" and n > most]
    shown = ", ".join(f"{part.start}:{part.stop}" if isinstance(part, slice) else str(part) for part in index)
    return Slice(index, shown, axes, f"shown are {' and '.join(cut)}" if cut else "")


def _read(part: str, size: int, text: str, most: int) -> int | slice:
    match = _PART.fullmatch(part)
    if match is None or not part:
        raise DeclarationError(f"{part!r} in {text!r} is no index", _EXAMPLE)
    first, colon, last = match.groups()
    if colon is None:
        number = int(first)
        if not -size <= number < size:
            raise DeclarationError(f"index {number} is outside of an axis of {size}", _EXAMPLE)
        return number % size
    start, stop, _ = slice(int(first) if first else None, int(last) if last else None).indices(size)
    return slice(start, max(start, min(stop, start + most)))
