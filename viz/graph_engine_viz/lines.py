"""Formulas, drawn: each piece in the look of its role."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple
from xml.sax.saxutils import escape

from graph_engine_viz.ink import BLUE, GREY, INK, VERMILION, as_drawn, measure, tag
from graph_engine_viz.typeset import ILLEGAL, SHIFTED_SIZE, Run
from graph_engine_viz.wording import Line, Part, Role

__all__ = ["LOOKS", "Cell", "Grid", "broken", "draw_line", "grid_for", "line_width"]

LOOKS: dict[Role, dict[str, object]] = {
    "plain": {},
    "value": {"fill": BLUE, "font_weight": "bold"},
    "gradient": {"fill": VERMILION, "font_style": "italic"},
    "note": {"fill": GREY},
    "index": {},
}


SHIFTS = {0: 0.0, 1: -0.38, -1: 0.25}
"""How far sub- and superscripts stand from the line, in font sizes."""

GUTTER = 1.5
"""Between columns of formulas, in font sizes."""

SHARES = (0.35, 0.42, 0.5, 0.58)
"""What the left one of two columns may take of the room."""


def line_width(line: Line, size: float) -> float:
    """Bound the width of a drawn formula."""
    return sum(measure(piece.runs, size, bold=piece.role in ("value", "gradient")) for piece in line)


@lru_cache(maxsize=8192)
def _ems(line: Line) -> float:
    return line_width(line, 1.0)


class Cell(NamedTuple):
    """A formula and its place in a grid, counted from 0."""

    line: Line
    row: int
    column: int


class Grid(NamedTuple):
    """How the formulas of all steps are put side by side: in how many rows, and in columns of which widths.

    Widths are in font sizes; what is wider than the `limits` of its column stands alone.
    """

    rows: int
    widths: tuple[float, ...]
    limits: tuple[float, ...] = ()

    @property
    def width(self) -> float:
        """The width of all columns."""
        return sum(self.widths)

    def cells(self, lines: Sequence[Line]) -> list[Cell]:
        """Put the formulas of a step into the grid, row by row; a chosen element stands beside its formula.

        Examples
        --------
        >>> rule, element = (Part((Run("w"),)),), (Part((Run("w"),)), Part((Run("[0]"),), "index"))
        >>> [cell[1:] for cell in Grid(2, (9.0, 9.0)).cells([rule, element, rule])]
        [(0, 0), (0, 1), (1, 0)]
        >>> [cell[1:] for cell in Grid(2, (9.0, 9.0)).cells([rule, rule, element])]
        [(0, 0), (1, 0), (1, 1)]
        >>> [cell[1:] for cell in Grid(2, (9.0, 9.0), (9.0, 0.1)).cells([rule, element])]
        [(0, 0), (1, 0)]
        """
        cells: list[Cell] = []
        row, column = 0, 0
        for line, following in zip(lines, [*lines, ()][1:], strict=True):
            pair = _is_element(following) and not _is_element(line)
            if column >= len(self.widths) or (column and (pair or self._is_too_wide(line, column))):
                row, column = row + 1, 0
            cells.append(Cell(line, row, column))
            column = len(self.widths) if self._is_too_wide(line, column) else column + 1
        return cells

    def room(self, lines: Sequence[Line]) -> tuple[int, tuple[float, ...]]:
        """Return how many rows the formulas of a step need, and how wide its columns are for them alone.

        Examples
        --------
        >>> rule, element = (Part((Run("w"),)),), (Part((Run("w"),)), Part((Run("[0]"),), "index"))
        >>> rows, widths = Grid(3, (30.0, 10.0)).room([rule, element])
        >>> rows, len(widths)
        (1, 2)
        """
        cells = self.cells(lines)
        shared = {cell.row for cell in cells if cell.column}
        alone = _widest(cell.line for cell in cells if cell.row not in shared)
        rows = max((cell.row + 1 for cell in cells), default=1)
        if not shared:
            return rows, (max(alone, 1.0),)
        left = _widest(cell.line for cell in cells if cell.row in shared and not cell.column) + GUTTER
        right = _widest(cell.line for cell in cells if cell.column)
        return rows, (left, max(right, alone - left))

    def _is_too_wide(self, line: Line, column: int) -> bool:
        return bool(self.limits) and _ems(line) > self.limits[column]


def _is_element(line: Line) -> bool:
    return any(piece.role == "index" for piece in line)


def grid_for(steps: Iterable[Sequence[Line]], room: float) -> Grid:
    """Choose two columns where that saves rows, else one.

    Parameters
    ----------
    steps : iterable of sequences of Line
    room : float
        The width that there is, in font sizes.
    """
    shown = [lines for lines in steps if lines]
    one = Grid(max(map(len, shown), default=0), (_widest(line for lines in shown for line in lines),))
    grids = [_two_columns(shown, room, share) for share in SHARES] if one.width <= room else []
    return min([one, *grids], key=lambda grid: (grid.rows, len(grid.widths), grid.width))


def _two_columns(shown: Sequence[Sequence[Line]], room: float, share: float) -> Grid:
    """Divide the room, and take as much of it as is needed."""
    limits = (room * share - GUTTER, room * (1 - share) - GUTTER)
    cells = [(number, cell) for number, lines in enumerate(shown) for cell in Grid(0, (0, 0), limits).cells(lines)]
    rows = max((cell.row + 1 for _, cell in cells), default=0)
    shared = {(number, cell.row) for number, cell in cells if cell.column}
    left = _widest(cell.line for number, cell in cells if (number, cell.row) in shared and not cell.column) + GUTTER
    right = _widest(cell.line for _, cell in cells if cell.column) + GUTTER
    alone = _widest(cell.line for number, cell in cells if (number, cell.row) not in shared)
    return Grid(rows, (left, max(right, alone - left)), limits)


def _widest(lines: Iterable[Line]) -> float:
    return max(map(_ems, lines), default=0.0)


def broken(line: Line, size: float, room: float) -> list[Line]:
    """Break a formula that is too long before its signs, but nowhere inside of brackets."""
    if line_width(line, size) <= room:
        return [line]
    lines: list[list[Part]] = [[]]
    depth = 0
    for piece in (piece for part in line for piece in _pieces(part)):
        sign = piece.text.startswith((" = ", " + ", " - ", " × "))
        if sign and not depth and lines[-1] and line_width((*lines[-1], piece), size) > room * 0.6:
            lines.append([])
        lines[-1].append(piece)
        depth = max(depth + piece.text.count("(") - piece.text.count(")"), 0)
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
