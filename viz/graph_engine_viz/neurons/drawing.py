"""The marks of a neuron diagram: circles with values, pills with gradients, weighted edges with labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graph_engine_viz import ink
from graph_engine_viz.cells import back_mark, dot
from graph_engine_viz.frames import tell
from graph_engine_viz.geometry import Point
from graph_engine_viz.ink import BLUE, GREY, INK, PAPER, TINT, VERMILION, circle, rect, tag, text, title
from graph_engine_viz.neurons.placing import RADIUS, ROW, Box
from graph_engine_viz.summary import short
from graph_engine_viz.typeset import Run, parse

__all__ = ["Cell", "bias_mark", "bias_width", "edge_label", "edge_line", "ellipsis", "gradient_text", "label_size"]
__all__ += ["legend", "loss_box", "neuron", "note", "number_text", "pill"]

MAIN, INNER, EDGE = 18.0, 15.5, 15.0
MOST_CHARACTERS = 6
THIN, THICK = 1.2, 4.2
ROWS = 10.0
"""Of a label with two rows, how far each is from the edge, which is seen between them."""

Cell = tuple[Any, bool]
"""A number, None where it is not known yet; and whether this step computes it."""


def number_text(number: Any, most: int = 6) -> str:
    """Write a number of a value, in so many characters.

    Examples
    --------
    >>> number_text(0.12345), number_text(-0.0291), number_text(-0.000291), number_text(12345.678)
    ('0.123', '-0.029', '-3e-4', '1.23e4')
    """
    for written in (short(number, 3), short(number, 2)):
        if len(written) <= most:
            return written
    mantissa, _, exponent = f"{float(number):.{1 if most > MOST_CHARACTERS else 0}e}".partition("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent)}"


def gradient_text(number: Any) -> str:
    """Write a number of a gradient, with its sign.

    Examples
    --------
    >>> gradient_text(0.0123), gradient_text(-0.000987), gradient_text(0.0)
    ('+0.0123', '-9.9e-4', '0')
    """
    written = number_text(number, MOST_CHARACTERS + 1)
    return written if written[0] in "-0N" and not written.startswith("0.") else f"+{written}"


def typeset(tex: str) -> Sequence[Run]:
    """Typeset a little TeX."""
    return parse(tex, tex=True)


def neuron(center: Point, values: Sequence[Cell], current: bool, name: str = "") -> str:
    """Draw a circle with one value, or with the sum over what is made of it; without values with its name."""
    x, y = center
    fill, stroke = (TINT, 3.0) if current else (PAPER, 1.7)
    pieces = [circle(x, y, RADIUS, fill=fill, stroke=INK, stroke_width=stroke)]
    if not values:
        return "".join([*pieces, text(typeset(name), x, y + MAIN * 0.36, MAIN)])
    if len(values) == 1:
        return "".join([*pieces, _value(values[0], x, y, MAIN)])
    pieces.append(tag("path", d=f"M{x - RADIUS:.1f},{y - 3:.1f}H{x + RADIUS:.1f}", stroke=GREY, stroke_width=1))
    return "".join([*pieces, _value(values[0], x, y - 16, INNER, bold=False), _value(values[1], x, y + 13, MAIN)])


def _value(cell: Cell, x: float, y: float, size: float, bold: bool = True) -> str:
    if cell[0] is None:
        return dot(x, y)
    return hovering(cell[0], text(number_text(cell[0]), x, y + size * 0.36, size, "middle", BLUE, bold=bold))


def pill(box: Box, gradients: Sequence[Cell]) -> str:
    """Draw a unit's gradients: that of the sum over that of what is made of it; dots before the first is known."""
    left, top, right, bottom = box
    middle = (left + right) / 2
    rows = [top + 1 + (number + 0.5) * ROW for number in range(len(gradients))]
    if all(number is None for number, _ in gradients):
        return "".join(dot(middle, y) for y in rows)
    stroke = 2.6 if any(fresh for _, fresh in gradients) else 1.4
    shape = {"fill": PAPER, "stroke": VERMILION, "stroke_width": stroke}
    pieces = [rect(left, top, right - left, bottom - top, min((bottom - top) / 2, 12.0), **shape)]
    for (number, _), y in zip(gradients, rows, strict=True):
        pieces.append(dot(middle, y) if number is None else _gradient(number, middle, y, INNER))
    return "".join(pieces)


def _gradient(number: Any, middle: float, y: float, size: float) -> str:
    """Draw a gradient with its mark, centred."""
    written = gradient_text(number)
    left = middle - (0.6 * size + ink.measure(written, size)) / 2
    mark = back_mark(left, y + size * 0.36, size)
    words = text(written, left + 0.6 * size, y + size * 0.36, size, "start", VERMILION, italic=True)
    return hovering(number, mark + words)


def bias_width(with_gradients: bool) -> float:
    """Return the room that a bias takes."""
    value = 16 + ink.measure("b -0.029", EDGE, bold=True)
    return value + (0.6 * EDGE + 6 + ink.measure("-0.0123", EDGE) if with_gradients else 0)


def bias_mark(center: Point, value: Any, gradient: Any, border: str | None = None, name: str = "") -> str:
    """Draw a bias over its circle: a small square with its number, and its gradient beside it."""
    x, base = center[0], center[1] - RADIUS - 5
    written: Sequence[Run] = typeset(name) if name else [Run("b ", "italic"), Run(number_text(value))]
    wide = 13 + ink.measure(written, EDGE, bold=True)
    back = gradient_text(gradient) if gradient is not None else ""
    whole = wide + (0.6 * EDGE + 7 + ink.measure(back, EDGE) if back else 0)
    left = x - whole / 2
    pieces = [
        rect(left - 3, base - 15, whole + 6, 19, 4, fill=PAPER, stroke=border, stroke_width=1.6 if border else None),
        rect(left, base - 9.5, 8, 8, 1, fill=BLUE),
        text(written, left + 12, base, EDGE, "start", BLUE, bold=True),
    ]
    if back:
        pieces.append(back_mark(left + wide + 6, base, EDGE))
        pieces.append(text(back, left + wide + 6 + 0.6 * EDGE, base, EDGE, "start", VERMILION, italic=True))
    return hovering(value, "".join(pieces), gradient)


def edge_line(ends: tuple[Point, Point], weight: Any, largest: float, color: str) -> str:
    """Draw an edge as wide as its weight is large, dashed where it is negative."""
    (x, y), (to_x, to_y) = ends
    size = abs(float(weight)) / largest if weight is not None and largest > 0 else 0.2
    width = THIN + (THICK - THIN) * min(size, 1.0) if size == size else THIN
    dashes = "9 6" if weight is not None and weight < 0 else None
    place = {"x1": float(x), "y1": float(y), "x2": float(to_x), "y2": float(to_y)}
    return tag("line", **place, stroke=color, stroke_width=float(width), stroke_dasharray=dashes, class_="edge")


def label_size(with_values: bool, with_gradients: bool) -> Point:
    """Return the room that a label on an edge takes."""
    width = ink.measure("-0.0123", EDGE, bold=True) + (6 if not with_gradients else 0.6 * EDGE)
    return (width, 2 * 18.0 + 2) if with_values and with_gradients else (width, 20.0)


def edge_label(middle: Point, weight: Any, gradient: Any, border: str | None = None, name: str = "") -> str:
    """Draw what stands on an edge: its weight, and below it the gradient."""
    x, y = middle
    written: Sequence[Run] = typeset(name) if name else [Run(number_text(weight))]
    places = [(y, ink.measure(written, EDGE, bold=True))]
    if gradient is not None:
        back = 0.6 * EDGE + ink.measure(gradient_text(gradient), EDGE)
        places = [(y - ROWS, places[0][1]), (y + ROWS, back)]
    pieces = [rect(x - wide / 2 - 2, row - 7, wide + 4, 14, 3, fill=PAPER) for row, wide in places]
    if border:
        wide, high = max(wide for _, wide in places) + 6, places[-1][0] - places[0][0] + 19
        pieces = [rect(x - wide / 2, y - high / 2, wide, high, 5, fill=PAPER, stroke=border, stroke_width=1.6)]
    first = places[0][0] + EDGE * 0.36
    pieces.append(text(written, x, first, EDGE, "middle", INK if name else BLUE, bold=not name))
    if gradient is not None:
        pieces.append(_gradient(gradient, x, y + ROWS, EDGE))
    return hovering(weight, "".join(pieces), gradient) if not name else "".join(pieces)


def loss_box(box: Box, name: Sequence[Run], value: Cell | None, gradient: Cell | None, target: str) -> str:
    """Draw the loss: its name, its value, its gradient, which is 1; and the class that is wanted."""
    left, top, right, bottom = box
    middle, current = (left + right) / 2, value is not None and value[1]
    looks = {"fill": TINT if current else PAPER, "stroke": INK, "stroke_width": 3.0 if current else 1.7}
    pieces = [rect(left, top, right - left, bottom - top, 9, **looks)]
    pieces.append(text(name, middle, top + 26, MAIN))
    if value is not None:
        pieces.append(_value(value, middle, top + 48, MAIN + 2))
    if gradient is not None:
        pieces.append(pill((middle - 42, top + 66, middle + 42, top + 88), [gradient]))
    if target:
        pieces.append(text(target, middle, bottom + 24, MAIN - 2, "middle", BLUE, bold=True))
    return "".join(pieces)


def note(runs: Sequence[Run], x: float, y: float) -> str:
    """Draw a target beside its unit."""
    wide = ink.measure(runs, MAIN - 2, bold=True)
    back = rect(x - 3, y - 11, wide + 6, 22, 4, fill=PAPER)
    return back + text(runs, x, y + 6, MAIN - 2, "start", BLUE, bold=True)


def ellipsis(center: Point) -> str:
    """Draw what stands for the units that are not shown."""
    x, y = center
    return "".join(circle(x, y + shift, 3.2, fill=INK) for shift in (-11, 0, 11))


def hovering(value: Any, drawn: str, gradient: Any = None) -> str:
    """Show exact numbers on hover."""
    said = [tell(number).exact for number in (value, gradient) if number is not None]
    return tag("g", title(" · ∂L ".join(said)), drawn) if said else drawn


def legend(x: float, y: float, words: Sequence[str]) -> str:
    """Say what the marks mean."""
    return text("   ·   ".join(words), x, y, 14.0, "middle", GREY)
