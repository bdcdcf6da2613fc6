"""Formulas, drawn: each piece in the look of its role."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.sax.saxutils import escape

from graph_engine_viz.ink import BLUE, GREY, INK, VERMILION, as_drawn, measure, tag
from graph_engine_viz.typeset import ILLEGAL, SHIFTED_SIZE, Run
from graph_engine_viz.wording import Line, Part, Role

__all__ = ["LOOKS", "broken", "draw_line", "line_width"]

LOOKS: dict[Role, dict[str, object]] = {
    "plain": {},
    "value": {"fill": BLUE, "font_weight": "bold"},
    "gradient": {"fill": VERMILION, "font_style": "italic"},
    "note": {"fill": GREY},
}


SHIFTS = {0: 0.0, 1: -0.38, -1: 0.25}
"""How far sub- and superscripts stand from the line, in font sizes."""


def line_width(line: Line, size: float) -> float:
    """Bound the width of a drawn formula."""
    return sum(measure(piece.runs, size, bold=piece.role in ("value", "gradient")) for piece in line)


def broken(line: Line, size: float, room: float) -> list[Line]:
    """Break a formula that is too long before its signs."""
    if line_width(line, size) <= room:
        return [line]
    lines: list[list[Part]] = [[]]
    for piece in (piece for part in line for piece in _pieces(part)):
        sign = piece.text.startswith((" = ", " + ", " - ", " × "))
        if sign and lines[-1] and line_width((*lines[-1], piece), size) > room * 0.6:
            lines.append([])
        lines[-1].append(piece)
    return [tuple(pieces) for pieces in lines]


def _pieces(part: Part) -> list[Part]:
    """Take a piece apart at its signs, so that a line can be broken there."""
    texts = re.split(r"(?= [=+×-] )", part.text) if len(part.runs) == 1 else []
    return [Part((replace(part.runs[0], text=text),), part.role) for text in texts if text] or [part]


def draw_line(line: Line, x: float, y: float, size: float, color: str = INK) -> str:
    """Draw a formula as one text, from `x` on, with its baseline at `y`."""
    pieces: list[str] = []
    height = 0.0
    for number, piece in enumerate(line):
        looks = dict(LOOKS[piece.role])
        if number == len(line) - 1 and piece.role == "gradient":
            looks["font_weight"] = "bold"  # the result
        for run in as_drawn(piece.runs):
            target = SHIFTS[run.shift] * size
            pieces.append(_span(run, target - height, size, looks))
            height = target
    return tag("text", *pieces, x=float(x), y=float(y), font_size=float(size), fill=color, xml__space="preserve")


def _span(run: Run, move: float, size: float, looks: dict[str, object]) -> str:
    attributes = dict(looks)
    if move:
        attributes["dy"] = float(move)
    if run.shift:
        attributes["font_size"] = size * SHIFTED_SIZE
    if run.style != "normal":
        attributes["font_style" if run.style == "italic" else "font_weight"] = run.style
    content = escape(ILLEGAL.sub("\ufffd", run.text))
    return tag("tspan", content, **attributes) if attributes else content
