"""Operations as they are drawn: the symbol, and at each port the local derivative."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from graph_engine.node import Operation, Variable
from graph_engine.trace import Trace
from graph_engine_viz import ink
from graph_engine_viz.cells import back_mark, dot, term_text
from graph_engine_viz.figure import Figure
from graph_engine_viz.frames import Frame, Frames
from graph_engine_viz.ink import INK, PALE, PAPER, PORT, SMALL, TINT, rect, tag, text, title
from graph_engine_viz.lines import broken, draw_line, line_width
from graph_engine_viz.summary import MAX_PRINTED, short
from graph_engine_viz.timeline import Use
from graph_engine_viz.wording import (
    Line,
    Part,
    Words,
    fill,
    is_bare_number,
    line_text,
    local_factors,
    operation_notes,
    part,
    use_mark,
)

__all__ = ["OperationFigure", "Port"]

LINE = 1.5
"""A row's height at a port, in font sizes."""

WIDEST_PORT = 200.0

NOTE = 14.0
WIDEST = 250.0
"""The size and the greatest width of the lines under a symbol."""

TAB = 21.0
"""The height of a tab, which holds one term of a gradient."""

TERM_SPARE = 24.0
"""The room in a tab beside its text."""


@dataclass
class Port:
    """What stands at one input of an operation: the local derivative, in symbols, and its number.

    Where the input has other uses too, `term` is the use whose part of the gradient stands in a tab at the port.
    """

    symbols: Line
    number: Line = ()
    term: Use | None = None

    def lines(self, with_number: bool) -> list[Line]:
        """Return what is shown, in several lines where it is long."""
        return self._lines[with_number]

    @cached_property
    def _lines(self) -> tuple[list[Line], list[Line]]:
        told = not self.number or line_text(self.symbols).endswith(f"= {line_text(self.number)}")
        whole = self.symbols if told else (*self.symbols, part(" = "), *self.number)
        return broken(self.symbols, PORT, WIDEST_PORT), broken(whole, PORT, WIDEST_PORT)

    @cached_property
    def height(self) -> float:
        """The height of its row."""
        return max(max(map(len, self._lines)) * PORT * LINE, TAB + 4 if self.term is not None else 0.0)


class OperationFigure(Figure):
    """An operation: its symbol with what it says about itself, and at each port the local derivative.

    Parameters
    ----------
    operation : Operation
    words : Words
    frames : Frames or None
    wired : collection of int, optional
        The inputs that wires lead to; by default all.
    """

    def __init__(
        self, operation: Operation, words: Words, frames: Frames | None, wired: Collection[int] | None = None
    ) -> None:
        self.operation = operation
        self.words = words
        self.frames = frames
        symbol = operation.primitive.symbol or operation.primitive.name
        self.symbol = symbol if len(symbol) <= 22 else symbol[:21] + "…"
        self.size = 27.0 if len(symbol) <= 2 else 17.0
        self.ports = _ports(operation, words, frames)
        notes = operation_notes(operation)
        if wired is not None and len(wired) < len(operation.inputs):  # other wires have been left out
            self.ports = {position: port for position, port in self.ports.items() if position in wired}
            notes.append(f"{len(operation.inputs)} inputs")
        self.order = sorted(self.ports)
        self.tab = self._tab_width()
        lines = [line for port in self.ports.values() for known in (True, False) for line in port.lines(known)]
        self.text_width = max((line_width(line, PORT) for line in lines), default=0.0)
        self.notes = [line for note in notes for line in broken((part(note, "note"),), NOTE, WIDEST)]
        widest = max((line_width(line, NOTE) + 20 for line in self.notes), default=0.0)
        self.symbol_width = max(ink.measure(self.symbol, self.size) + 16, 42.0, widest)
        self.width = self.tab + self.symbol_width + (self.text_width + 14 if self.text_width else 0.0)
        self.middle_height = self.size * 1.2 + len(self.notes) * NOTE * LINE
        self.height = max(42.0, sum(port.height for port in self.ports.values()) + 10, self.middle_height + 12)

    def _tab_width(self) -> float:
        """Return the room for the terms of gradients, left of the box."""
        if self.frames is None:
            return 0.0
        terms = [self.frames.told(term) for port in self.ports.values() if (term := self._term(port)) is not None]
        widths = [ink.measure(term_text(told), SMALL) + TERM_SPARE for told in terms]
        return max([*widths, 26.0 if any(port.term for port in self.ports.values()) else 0.0])

    def _term(self, port: Port) -> Variable | None:
        """Return the term that a port will show, if the run got so far."""
        if port.term is None or self.frames is None:
            return None
        term = self.frames.timeline.term(port.term)
        return term if term in self.frames.trace.arrays else None

    def inset(self, position: int) -> float:
        """Return how far inside of the figure's left end a port's wire arrives."""
        port = self.ports.get(position)
        return 0.0 if port is not None and port.term is not None else self.tab

    def port_offset(self, position: int) -> float | None:
        """Return how far from the middle the row of a port is, or None if it has none."""
        if position not in self.ports:
            return None
        before = sum(self.ports[other].height for other in self.order[: self.order.index(position)])
        whole = sum(port.height for port in self.ports.values())
        return before + self.ports[position].height / 2 - whole / 2

    def draw(self, frame: Frame | None) -> str:
        operation = self.operation
        state = frame.states.get(operation, "todo") if frame is not None else "todo"
        failed = frame is not None and frame.failed is operation
        pieces = [self._hover(), self._border(state, failed, frame is None)]
        quiet = ink.GREY if frame is not None and state == "todo" else INK
        for position in self.order:
            lines = self.ports[position].lines(frame is not None and state != "todo")
            middle = self.height / 2 + (self.port_offset(position) or 0.0)
            for number, line in enumerate(lines):
                base = middle + (number - (len(lines) - 1) / 2) * PORT * LINE + PORT * 0.36
                pieces.append(draw_line(line, self.tab + 10.0, base, PORT, quiet))
            pieces.append(self._draw_tab(self.ports[position], middle, frame))
        pieces += self._middle(quiet)
        if failed:
            pieces.append(_failed_mark(self.width - 3, 3))
        return tag(
            "g", *pieces, data_operation=self.words.graph.name_of(operation), data_primitive=operation.primitive.name,
            data_state=state, data_failed="true" if failed else None,
        )  # fmt: skip

    def _middle(self, color: str) -> Iterator[str]:
        """Draw the symbol, and under it what the operation says about itself."""
        x = self.width - self.symbol_width / 2
        if not self.notes:
            yield text(self.symbol, x, self.height / 2 + self.size * 0.36, self.size, color=color)
            return
        top = (self.height - self.middle_height) / 2
        yield text(self.symbol, x, top + self.size * 0.96, self.size, color=color)
        for number, line in enumerate(self.notes):
            base = top + self.size * 1.2 + (number + 0.72) * NOTE * LINE
            yield draw_line(line, x - line_width(line, NOTE) / 2, base, NOTE, ink.GREY)

    def state(self, frame: Frame | None) -> Hashable:
        if frame is None:
            return None
        flowed = tuple(port.term in frame.flowed for port in self.ports.values())
        return frame.states.get(self.operation), frame.failed is self.operation, flowed

    def _draw_tab(self, port: Port, middle: float, frame: Frame | None) -> str:
        """Draw the term that this use gives to a gradient which is a sum; a dot as long as it is not known."""
        if port.term is None or frame is None:
            return ""
        top, end = middle - TAB / 2, self.tab
        outline = f"M{end:.5g},{top:.5g}H6q-6,0 -6,6v{TAB - 12:.5g}q0,6 6,6H{end:.5g}"
        term = self._term(port) if port.term in frame.flowed else None
        known = term is not None
        looks = {"fill": PAPER, "stroke": ink.VERMILION if known else PALE, "stroke_width": 1.2}
        border = tag("path", d=outline, **looks)
        if term is None or self.frames is None:
            return border + dot(end / 2, middle)
        told = self.frames.told(term)
        base = middle + SMALL * 0.36
        name = self.words.graph.name_of(self.operation.inputs[port.term.position])
        written = text(
            term_text(told), (end + TERM_SPARE - 10) / 2, base, SMALL, color=ink.VERMILION, bold=True, italic=True
        )
        pieces = title(f"this use's term of the gradient of {name}: {told.exact}"), border, back_mark(5, base, SMALL)
        return tag("g", *pieces, written, data_term_of=name, data_term=told.data)

    def _border(self, state: str, failed: bool, plain_graph: bool) -> str:
        looks: dict[str, object] = {"fill": PAPER, "stroke": INK, "stroke_width": 1.5}
        if state == "todo" and not plain_graph:
            looks["stroke"] = ink.GREY
        if state == "current" or failed:
            looks |= {"fill": TINT, "stroke_width": 3.6}
        if self.operation.phase == "backward":
            looks["stroke_dasharray"] = "5 3"
        radius = 10.0 if self.ports else min(self.height / 2, 21.0)
        border = rect(self.tab, 0, self.width - self.tab, self.height, radius, **looks)
        if not self.text_width:
            return border
        rule = f"M{self.width - self.symbol_width:.5g},8V{self.height - 8:.5g}"
        return border + tag("path", d=rule, stroke=PALE, stroke_width=1)

    def _hover(self) -> str:
        operation = self.operation
        lines = [self.words.graph.describe(operation)]
        if operation.line is not None:
            lines.append(operation.line.text)
        return title("\n".join(lines))


def _failed_mark(x: float, y: float) -> str:
    """Draw a cross in a disc, for where a run stopped."""
    cross = tag("path", d=f"M{x - 4:.5g},{y - 4:.5g}l8,8m0,-8l-8,8", stroke=PAPER, stroke_width=2.4)
    return ink.circle(x, y, 10, fill=ink.VERMILION) + cross


def _ports(operation: Operation, words: Words, frames: Frames | None) -> dict[int, Port]:
    """Write the local derivative at each input that a gradient goes back to."""
    if frames is None or len(operation.outputs) != 1 or operation.outputs[0] not in frames.trace.gradients:
        return {}
    output, scope = operation.outputs[0], operation.scope
    numbers = _local_numbers(operation, frames.trace)
    ports: dict[int, Port] = {}
    for position, (variable, factor) in enumerate(zip(operation.inputs, local_factors(operation), strict=True)):
        use = Use(operation, position)
        term = use if frames.timeline.is_branch(use) else None
        if factor is None or variable not in frames.trace.gradients:
            ports[position] = Port((), term=term)  # room for the wire
            continue

        def named(v: Variable | None) -> Line:
            return () if v is None else _short_name(v, words, scope)

        delta = (part("δ"),)
        shown = fill(factor, operation, named, delta)
        mark = use_mark(operation, position)
        if "{d}" not in factor and _is_small(output, frames.trace):
            shown = (Part(words.slope(output, variable, mark)), part(" = "), *shown)
        elif mark:
            shown = (part(f"{mark} "), *shown)
        number = numbers[position]
        ports[position] = Port(shown, () if number is None else (part(number, "value"),), term)
    return ports if any(port.symbols or port.term for port in ports.values()) else {}


def _is_small(variable: Variable, trace: Trace) -> bool:
    """Say whether a derivative is told in full; those of big tensors have room for their factor only."""
    return int(np.size(trace.arrays.get(variable, 0))) <= MAX_PRINTED


def _short_name(variable: Variable, words: Words, scope: tuple[str, ...]) -> Line:
    if variable.data is not None and is_bare_number(variable):
        return (part(short(np.reshape(variable.data, -1)[0])),)
    return (Part(words.name(variable, scope)),)


def _local_numbers(operation: Operation, trace: Trace) -> list[str | None]:
    """Return the numbers of the local derivatives where they are single numbers."""
    nothing: list[str | None] = [None] * len(operation.inputs)
    together = [*operation.inputs, *operation.outputs]
    if any(v not in trace.arrays or np.size(trace.arrays[v]) != 1 for v in together):
        return nothing
    found = trace.local_derivatives(operation)
    return [None if number is None or np.size(number) != 1 else short(np.reshape(number, -1)[0]) for number in found]
