"""How a value and a gradient are written: rows of text and a histogram, measured before they are drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from graph_engine.spec import DEFAULT_FLOAT, show_shape
from graph_engine_viz.frames import Told
from graph_engine_viz.ink import (
    BLUE,
    GRADIENT,
    GREY,
    INK,
    LEADING,
    MAIN,
    PALE,
    PAPER,
    SMALL,
    TINT,
    VALUE,
    VERMILION,
    circle,
    measure,
    rect,
    tag,
    text,
)
from graph_engine_viz.summary import Histogram, Summary, short
from graph_engine_viz.typeset import Run

__all__ = ["Row", "back_mark", "dot", "draw_rows", "gradient_pill", "gradient_rows", "pill_size", "rows_size"]
__all__ += ["spec_text", "term_text", "value_rows"]

WIDEST_ROW = 150.0
MOST_IN_TERM = 2
HISTOGRAM = (58.0, 20.0)
PILL = (10.0, 3.0)
"""The room between a pill's border and its text."""


Mark = Literal["back", "warning"]
MARKS: dict[Mark, float] = {"back": 0.75, "warning": 1.15}
"""The width of each mark, in font sizes."""


@dataclass(frozen=True)
class Row:
    """A line of text, with a histogram or marks before it and a small text behind it.

    Marks are drawn, not written: few fonts have them.
    """

    runs: tuple[Run, ...] = ()
    size: float = VALUE
    color: str = INK
    bold: bool = False
    italic: bool = False
    histogram: Histogram | None = None
    marks: tuple[Mark, ...] = ()
    tail: str = ""

    @property
    def tail_width(self) -> float:
        """The room that the small text behind takes."""
        return measure(self.tail, SMALL) + 7 if self.tail else 0.0

    @property
    def lead_width(self) -> float:
        """The room that the histogram and the marks take."""
        bars = HISTOGRAM[0] + 8 if self.histogram is not None else 0.0
        return bars + sum(MARKS[mark] for mark in self.marks) * self.size

    @property
    def width(self) -> float:
        """An upper bound of the width."""
        return self.lead_width + measure(self.runs, self.size, self.bold) + self.tail_width

    @property
    def height(self) -> float:
        """The height, with leading."""
        least = HISTOGRAM[1] + 4 if self.histogram is not None else 0.0
        return max(self.size * LEADING, least)


def rows_size(rows: Sequence[Row]) -> tuple[float, float]:
    """Return the width and the height of rows below each other."""
    return max((row.width for row in rows), default=0.0), sum(row.height for row in rows)


def draw_rows(rows: Sequence[Row], middle: float, top: float) -> str:
    """Draw rows below each other, centred."""
    pieces = []
    for row in rows:
        baseline = top + row.height / 2 + row.size * 0.36
        left = middle - row.width / 2
        if row.histogram is not None:
            pieces.append(_bars(row.histogram, left, top + 1))
            left += HISTOGRAM[0] + 8
        for mark in row.marks:
            pieces.append(DRAW_MARK[mark](left, baseline, row.size))
            left += MARKS[mark] * row.size
        center = middle + (row.lead_width - row.tail_width) / 2
        pieces.append(text(row.runs, center, baseline, row.size, "middle", row.color, row.bold, row.italic))
        if row.tail:
            pieces.append(text(row.tail, middle + row.width / 2, baseline, SMALL, "end", GREY))
        top += row.height
    return "".join(pieces)


def value_rows(told: Told) -> list[Row]:
    """Write a value: number by number where there are few, else its mean and deviation beside its histogram.

    What is the same everywhere has no histogram.
    """
    summary = told.summary
    if summary.elements is not None:
        warn: tuple[Mark, ...] = ("warning",) if summary.nans or summary.infs else ()
        texts = _elements(summary, with_sign=False)
        size = VALUE if summary.shape == () else VALUE - 3
        return [_row(line, size, BLUE, bold=True, marks=warn * (n == 0)) for n, line in enumerate(texts)]
    rows = []
    if summary.nans + summary.infs < summary.size:
        written = (Run(f"{short(summary.centre, 3)} ± {short(summary.std, 3)}"),)
        bars = summary.histogram if summary.minimum < summary.maximum else None
        rows = [Row(written, MAIN, BLUE, bold=True, histogram=bars)]
    if summary.zeros:
        rows.append(_row(f"{_percent(summary.zeros)} zeros", SMALL, BLUE))
    return rows + _not_finite(summary)


def gradient_rows(told: Told) -> list[Row]:
    """Write a gradient, with its sign: number by number where there are few, else its RMS and its mean."""
    summary = told.summary
    if summary.elements is not None:
        marks: tuple[Mark, ...] = ("back", "warning") if summary.nans or summary.infs else ("back",)
        texts = _elements(summary, with_sign=True)
        size = GRADIENT if summary.shape == () else GRADIENT - 2
        return [_row(line, size, VERMILION, italic=True, marks=marks * (n == 0)) for n, line in enumerate(texts)]
    rows = []
    if summary.nans + summary.infs < summary.size:
        zeros = f"{_percent(summary.zeros)} zeros" if summary.zeros else ""
        rms = _row(f"RMS {short(summary.rms, 3)}", MAIN, VERMILION, italic=True, marks=("back",))
        mean = _row(f"mean {signed(summary.centre, 3)}", MAIN - 1, VERMILION, italic=True)
        rows = [replace(rms, tail=zeros), mean]
    return rows + _not_finite(summary, () if rows else ("back",))


def term_text(told: Told) -> str:
    """Write one term of a gradient, with its sign: of a tensor its mean.

    Examples
    --------
    >>> from graph_engine_viz.frames import tell
    >>> term_text(tell(np.array(-1.5))), term_text(tell(np.arange(8.0)))
    ('-1.5', 'mean +3.5')
    """
    summary = told.summary
    if summary.elements is not None and summary.size <= MOST_IN_TERM:
        return " ".join(_elements(summary, with_sign=True))
    if summary.nans or summary.infs:
        return f"NaN {summary.nans}  Inf {summary.infs}"
    return f"mean {signed(summary.centre, 3)}"


def signed(number: object, digits: int = 4) -> str:
    """Write a number that always has a sign, except zero and what is none.

    Examples
    --------
    >>> signed(3.0), signed(-3), signed(0.0), signed(float("nan")), signed(float("inf"))
    ('+3', '-3', '0', 'NaN', '+Inf')
    """
    written = short(number, digits)
    return written if written[0] in "-0N" and not written.startswith("0.") else "+" + written


def spec_text(shape: Sequence[object], dtype: str) -> str:
    """Write a tensor's shape, and its dtype where it is not the usual one."""
    return show_shape(tuple(shape)) + ("" if dtype == DEFAULT_FLOAT else f" {dtype}")


def pill_size(rows: Sequence[Row]) -> tuple[float, float]:
    """Return the size of the pill around rows."""
    width, height = rows_size(rows)
    return width + 2 * PILL[0], height + 2 * PILL[1]


def gradient_pill(rows: Sequence[Row], middle: float, top: float, current: bool) -> str:
    """Draw a gradient in its pill."""
    width, height = pill_size(rows)
    radius = min(height / 2, 14.0)
    stroke = 2.4 if current else 1.4
    border = rect(middle - width / 2, top, width, height, radius, fill=PAPER, stroke=VERMILION, stroke_width=stroke)
    return border + draw_rows(rows, middle, top + PILL[1])


def dot(x: float, y: float) -> str:
    """Draw what stands for something not computed yet."""
    return circle(x, y, 3.6, fill=PALE)


def _row(
    content: str, size: float, color: str, bold: bool = False, italic: bool = False, marks: tuple[Mark, ...] = ()
) -> Row:
    return Row((Run(content),), size, color, bold, italic, None, marks)


def back_mark(left: float, base: float, size: float) -> str:
    """Draw what stands before a gradient: a triangle that points back."""
    middle, reach = base - 0.36 * size, 0.26 * size
    tip, flat = left + 0.02 * size, left + 0.48 * size
    outline = f"M{tip:.1f},{middle:.1f}L{flat:.1f},{middle - reach:.1f}V{middle + reach:.1f}z"
    return tag("path", d=outline, fill=VERMILION)


def warning_mark(left: float, base: float, size: float) -> str:
    """Draw what stands before something not finite: a triangle with an exclamation mark."""
    low, high, right = base + 0.06 * size, base - 0.8 * size, left + size
    outline = f"M{left:.1f},{low:.1f}H{right:.1f}L{(left + right) / 2:.1f},{high:.1f}z"
    bar = f"M{(left + right) / 2:.1f},{base - 0.52 * size:.1f}v{0.3 * size:.1f}m0,{0.1 * size:.1f}v{0.08 * size:.1f}"
    return tag("path", d=outline, fill=TINT, stroke=INK, stroke_width=1.4, stroke_linejoin="round") + tag(
        "path", d=bar, stroke=INK, stroke_width=1.8, fill="none"
    )


DRAW_MARK: dict[Mark, Callable[[float, float, float], str]] = {"back": back_mark, "warning": warning_mark}


def _elements(summary: Summary, with_sign: bool) -> list[str]:
    """Write few elements as a number, a vector, which is broken where it is long, or the whole rows of a matrix."""
    array = np.array(summary.elements).reshape(summary.shape)
    write = signed if with_sign else short
    if summary.shape == ():
        return [write(array[()])]
    if array.size == 0:
        return ["[ ]"]
    rows = [[write(number) for number in row] for row in array.reshape(-1, array.shape[-1])]
    if array.ndim > 1:
        return [f"[{', '.join(row)}]" for row in rows]
    return [line for row in rows for line in _broken(row)]


def _broken(numbers: list[str]) -> list[str]:
    lines: list[list[str]] = [[]]
    for number in numbers:
        if lines[-1] and measure(", ".join([*lines[-1], number]), VALUE - 3, bold=True) > WIDEST_ROW:
            lines.append([])
        lines[-1].append(number)
    texts = [", ".join(line) for line in lines]
    texts[0] = "[" + texts[0]
    texts[-1] += "]"
    return [line + "," * (number < len(texts) - 1) for number, line in enumerate(texts)]


def _percent(fraction: float) -> str:
    if 0 < fraction < 0.01:
        return "<1 %"
    return ">99 %" if 0.99 < fraction < 1 else f"{fraction * 100:.0f} %"


def _not_finite(summary: Summary, marks: tuple[Mark, ...] = ()) -> list[Row]:
    counts = [f"{name} {count}" for name, count in (("NaN", summary.nans), ("Inf", summary.infs)) if count]
    return [_row("  ".join(counts), SMALL + 2, INK, bold=True, marks=(*marks, "warning"))] if counts else []


def _bars(histogram: Histogram, left: float, top: float) -> str:
    """Draw a histogram on its base line, with a tick where zero is."""
    width, height = HISTOGRAM
    most, step = max(histogram.counts) or 1, width / len(histogram.counts)
    bars = "".join(
        f"M{left + n * step:.1f},{top + height:.1f}v{-max(count / most * height, 1):.1f}h{step:.1f}V{top + height:.1f}z"
        for n, count in enumerate(histogram.counts)
        if count
    )
    base = top + height
    pieces = [tag("path", d=bars, fill=BLUE, fill_opacity=0.55)] if bars else []
    pieces.append(tag("path", d=f"M{left:.1f},{base:.1f}h{width:.1f}", stroke=GREY, stroke_width=1))
    if histogram.low < 0 < histogram.high:
        zero = left + width * -histogram.low / (histogram.high - histogram.low)
        pieces.append(tag("path", d=f"M{zero:.1f},{base - height:.1f}V{base + 3:.1f}", stroke=INK, stroke_width=1))
    return "".join(pieces)
