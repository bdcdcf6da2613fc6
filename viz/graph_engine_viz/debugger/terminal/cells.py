"""Text in the cells of a terminal: how wide it is, cut, padded and wrapped; with what it stands for."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Iterable
from typing import Literal, NamedTuple

__all__ = ["Line", "Span", "Style", "beside", "clean", "fitted", "plain", "width_of", "wrapped"]

Style = Literal["plain", "title", "value", "gradient", "here", "dim", "trouble"]


class Span(NamedTuple):
    """A piece of a line."""

    text: str
    style: Style = "plain"


Line = list[Span]


def clean(text: str) -> str:
    """Replace what would move the cursor or change the terminal."""
    return "".join(c if c.isprintable() else " " for c in text)


def width_of(text: str) -> int:
    """Return how many cells a text takes.

    Examples
    --------
    >>> width_of("∂w"), width_of("重み"), width_of("e\u0301")
    (2, 4, 1)
    """
    return sum(0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF") for c in text)


def fitted(line: Iterable[Span], width: int) -> Line:
    """Cut or pad a line to so many cells.

    Examples
    --------
    >>> plain(fitted([Span("abc"), Span("def")], 5)), plain(fitted([Span("a")], 3))
    ('abcd…', 'a  ')
    """
    found: Line = []
    left = width
    for text, style in line:
        text = clean(text)
        if width_of(text) > left:
            text = _cut(text, left)
        left -= width_of(text)
        found.append(Span(text, style))
        if text.endswith("…") and not left:
            break
    return [*found, Span(" " * left)] if left > 0 else found


def _cut(text: str, width: int) -> str:
    while text and width_of(text) > width - 1:
        text = text[:-1]
    return f"{text}…" if width > 0 else ""


def beside(one: list[Line], other: list[Line], width: int, total: int, height: int = 1) -> list[Line]:
    """Put two panes side by side.

    Parameters
    ----------
    one, other : list of Line
    width, total : int
        The cells of the first, and of both.
    height : int
        How many lines.
    """
    rows = zip(_padded(one, height), _padded(other, height), strict=True)
    return [[*fitted(a, width), Span("│", "dim"), *fitted(b, total - width - 1)] for a, b in rows]


def wrapped(text: str, width: int, style: Style = "plain") -> list[Line]:
    """Break a text into lines; the second ones are indented."""
    lines = [textwrap.wrap(clean(line), max(width, 8), subsequent_indent="  ") or [""] for line in text.splitlines()]
    return [[Span(part, style)] for parts in lines for part in parts]


def plain(line: Line) -> str:
    """Return the text of a line."""
    return "".join(span.text for span in line)


def _padded(lines: list[Line], height: int) -> list[Line]:
    return [*lines, *([Span("")] for _ in range(height - len(lines)))][:height]
