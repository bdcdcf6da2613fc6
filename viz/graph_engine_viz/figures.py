"""Variables, folded scopes and gaps as they are drawn.

Every figure is as large as the largest content that it has at any step, so nothing moves from one step to the next.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from graph_engine.node import Variable
from graph_engine.spec import show_shape
from graph_engine_viz import ink
from graph_engine_viz.bypasses import count_bypasses
from graph_engine_viz.cells import Row, draw_rows, rows_size
from graph_engine_viz.content import Content
from graph_engine_viz.figure import GAP, LIFT, PAD, Figure
from graph_engine_viz.frames import Frame, Frames
from graph_engine_viz.geometry import coordinate
from graph_engine_viz.ink import INK, NAME, PALE, PAPER, PLATE, SMALL, TINT, rect, tag, text
from graph_engine_viz.loops import loop_title
from graph_engine_viz.opening import RANDOM
from graph_engine_viz.telling import symbol
from graph_engine_viz.timeline import Use
from graph_engine_viz.typeset import Run, ellipsize, plain
from graph_engine_viz.view import Item
from graph_engine_viz.wording import Words, operation_notes

__all__ = ["GapFigure", "ScopeFigure", "TurnFigure", "VariableFigure", "WireFigure"]


WIDEST_USES = 170.0


class VariableFigure(Figure):
    """A variable as a node: name, value, gradient below each other; inside of a folded scope without a border."""

    def __init__(self, content: Content, is_framed: bool = True, is_named: bool = True) -> None:
        self.content = content
        self.is_framed = is_framed
        self.head = content.head if is_named else []
        head, value, pill = rows_size(self.head), content.value_size, content.pill_size
        inner = max(head[0], value[0], pill[0])
        gaps = GAP if pill[1] else 0.0
        self.top = PAD - 2 if is_framed else 0.0
        self.width = max(inner + 2 * PAD, 44.0) if is_framed else inner
        self.height = max(head[1] + value[1] + pill[1] + gaps + 2 * self.top, 38.0 if is_framed else 0.0)

    def draw(self, frame: Frame | None) -> str:
        content = self.content
        middle, top = self.width / 2, self.top
        pieces = [content.hover(frame), self._border(frame), draw_rows(self.head, middle, top)]
        top += rows_size(self.head)[1]
        if not self.head and not content.has_gradient:
            top = (self.height - content.value_size[1]) / 2
        pieces.append(content.draw_value(frame, middle, top))
        pieces.append(content.draw_gradient(frame, middle, top + content.value_size[1] + GAP))
        return tag("g", *pieces, **content.attributes(frame))

    def state(self, frame: Frame | None) -> Hashable:
        return self.content.state(frame)

    def _border(self, frame: Frame | None) -> str:
        """Show the kind by the shape: a parameter has a second line, a result is round, a constant is grey."""
        kind = self.content.variable.kind
        current = frame is not None and self.content.variable in frame.current
        if not self.is_framed and not current:
            return ""
        radius = {"input": 4.0, "parameter": 4.0, "constant": 4.0}.get(kind, 16.0)
        fill = TINT if current else PLATE if kind == "constant" else PAPER
        outer = rect(0, 0, self.width, self.height, radius, fill=fill, stroke=INK, stroke_width=3.6 if current else 1.5)
        if kind != "parameter":
            return outer
        return outer + tag("path", d=f"M4,4V{self.height - 4:.4g}", stroke=INK, stroke_width=2.2)


class WireFigure(Figure):
    """A variable on its wire: value above, gradient below; a small box at the end that is not a wire."""

    def __init__(self, content: Content, has_source: bool, has_target: bool, uses: Sequence[Use]) -> None:
        self.content = content
        self.uses = uses
        self.open_left, self.open_right = has_source, has_target
        self.box = 0.0 if has_source and has_target else max(rows_size(content.head)[0] + 2 * PAD, 40.0)
        self.label_rows = content.head if not self.box else []
        value, pill = content.value_size, content.pill_size
        above = value[1] + rows_size(self.label_rows)[1]
        inner = max(value[0], pill[0], rows_size(self.label_rows)[0])
        self.run = inner + 16 if inner else 0.0
        self.width = self.box + self.run
        self.height = 2 * max(above + 8 + LIFT, pill[1] + 8 + LIFT, 19.0)

    @property
    def _box_left(self) -> float | None:
        if not self.box:
            return None
        return 0.0 if not self.open_left else self.run

    def draw(self, frame: Frame | None) -> str:
        content, center = self.content, self.height / 2
        start = self.box if self._box_left == 0.0 else 0.0
        middle = start + self.run / 2
        above = center - LIFT - 8
        pieces = [content.hover(frame)]
        pieces.append(content.draw_value(frame, middle, above - content.value_size[1]))
        label_top = above - content.value_size[1] - rows_size(self.label_rows)[1]
        pieces.append(draw_rows(self.label_rows, middle, label_top))
        pieces.append(content.draw_gradient(frame, middle, center + LIFT + 8))
        pieces.append(self._wire(frame, start, center))
        if self._box_left is not None:
            pieces.append(self._draw_box(frame, self._box_left, center))
        return tag("g", *pieces, **content.attributes(frame))

    def state(self, frame: Frame | None) -> Hashable:
        strong = frame is not None and (frame.phase, self._is_active(frame))
        return self.content.state(frame), strong

    def _wire(self, frame: Frame | None, start: float, center: float) -> str:
        if not self.run:
            return ""
        known = frame is None or self.content.value(frame) is not None
        shift = LIFT if self.content.has_gradient else 0.0
        end = start + self.run
        active = frame is not None and self._is_active(frame)
        strong = active and frame is not None and frame.phase == "forward"
        looks: dict[str, object] = {"stroke": INK if known else PALE, "stroke_width": 3.0 if strong else 1.7}
        pieces = [tag("path", d=f"M{start:.5g},{center - shift:.5g}H{end:.5g}", **looks, class_="wire")]
        if not self.open_right:
            pieces.append(ink.arrow_head((end, center - shift), (start, center - shift), 10, fill=looks["stroke"]))
        if frame is not None and self.content.variable in frame.gradients:
            line = f"M{end:.5g},{center + shift:.5g}H{start:.5g}"
            width = 3.2 if active and frame.phase == "backward" else 1.9
            dashes = {"stroke": ink.VERMILION, "stroke_width": width, "stroke_dasharray": "7 4", "class_": "wire"}
            pieces.append(tag("path", d=line, **dashes))
            if not self.open_left:
                pieces.append(ink.arrow_head((start, center + shift), (end, center + shift), 10, fill=ink.VERMILION))
        return "".join(pieces)

    def _is_active(self, frame: Frame) -> bool:
        if frame.phase == "backward":
            return self.content.is_new_gradient(frame)
        return any(use in frame.active for use in self.uses) or self.content.variable.operation in frame.active

    def _draw_box(self, frame: Frame | None, left: float, center: float) -> str:
        content = self.content
        current = frame is not None and content.variable in frame.current
        fill = TINT if current else PLATE if content.variable.kind == "constant" else PAPER
        border = rect(
            left, center - 19, self.box, 38, 4 if not self.open_left else 16,
            fill=fill, stroke=INK, stroke_width=3.6 if current else 1.5,
        )  # fmt: skip
        bar = ""
        if content.variable.kind == "parameter":
            bar = tag("path", d=f"M{left + 4:.5g},{center - 15:.5g}v30", stroke=INK, stroke_width=2.2)
        return border + bar + draw_rows(content.head, left + self.box / 2, center - NAME * ink.LEADING / 2)


class ScopeFigure(Figure):
    """A folded scope: its name, how much is in it, and what comes out."""

    def __init__(self, item: Item, words: Words, frames: Frames | None) -> None:
        self.item = item
        self._inside = {*item.inside, *item.parameters}
        self.words = words
        self.frames = frames
        name = ".".join(item.title[len(item.scope) :]) or ".".join(item.title)
        self.rows = [Row((Run(name),), NAME, bold=True)]
        told = [v for v in item.results if v.dtype != "uint32"] if item.title[-1] == RANDOM else item.results
        about = (*_inventory(item, frames), *self._shapes()) if told else ()
        self.rows += [Row((Run(line),), SMALL, ink.GREY) for line in about]
        if item.shared:
            self.rows.append(Row((Run(self._shared()),), SMALL, ink.GREY))
        several = len(item.results) > 1
        contents = [Content(v, words, frames, item.title, brief=True) for v in told[:3]]
        self.results = [VariableFigure(content, is_framed=False, is_named=several) for content in contents]
        if len(told) > len(self.results):
            self.rows.append(Row((Run(f"{len(told)} results"),), SMALL, ink.GREY))
        width, height = rows_size(self.rows)
        self.width = max([width, *(figure.width for figure in self.results)]) + 2 * PAD + 4
        self.height = height + sum(figure.height + GAP for figure in self.results) + 2 * PAD

    def _shapes(self) -> list[str]:
        """Say what comes in and what goes out."""
        trace = self.frames.trace if self.frames is not None else None

        def listed(variables: Sequence[Variable]) -> str:
            known = trace.arrays if trace is not None else {}
            shapes = [show_shape(np.shape(known[v]) if v in known else v.shape) for v in variables]
            return ", ".join([*shapes[:2], *(["…"] if len(shapes) > 2 else [])])

        ends = listed(self.item.inputs), listed(self.item.results)
        return [" → ".join(ends)] if all(ends) and set("".join(ends)) - set("(), ") else []

    def _shared(self) -> str:
        """Name what has a wire to another scope only."""
        names = [plain(self.words.name(v, self.item.title)) for v in self.item.shared]
        return ellipsize("uses " + ", ".join(names), WIDEST_USES, SMALL)

    def state(self, frame: Frame | None) -> Hashable:
        return self._is_current(frame), *(figure.state(frame) for figure in self.results)

    def _is_current(self, frame: Frame | None) -> bool:
        """Say whether a step is about something inside."""
        if frame is None:
            return False
        return not self._inside.isdisjoint(frame.current)

    def draw(self, frame: Frame | None) -> str:
        top = PAD
        current = self._is_current(frame)
        looks = {"fill": TINT if current else PLATE, "stroke": INK, "stroke_width": 3.6 if current else 1.5}
        border = [rect(shift, shift, self.width - 4, self.height - 4, 8, **looks) for shift in (4.0, 0.0)]
        pieces = [*border, draw_rows(self.rows, self.width / 2, top)]
        top += rows_size(self.rows)[1]
        for figure in self.results:
            place = f"translate({coordinate((self.width - figure.width) / 2)},{coordinate(top)})"
            pieces.append(tag("g", figure.draw(frame), transform=place))
            top += figure.height + GAP
        name, count = ".".join(self.item.title), self.item.operations
        return tag("g", *pieces, data_scope=name, data_operations=count, data_current="true" if current else None)


def _inventory(item: Item, frames: Frames | None) -> list[str]:
    lines = [f"{item.operations:,} operations"]
    if item.scopes > 1:
        lines = [f"{item.scopes} alike, {lines[0]}"]
    if item.operations == 1:
        lines = operation_notes(item.inside[0]) or [symbol(item.inside[0])]
    else:
        lines += [title for operation in item.inside if (title := loop_title(operation, frames))]
    bypasses = count_bypasses(item.inside) if item.scopes == 1 else 0
    if bypasses:
        lines.append("skip connection" if bypasses == 1 else f"{bypasses} skip connections")
    if item.parameters:
        sizes = [v.size for v in item.parameters]
        total = sum(size for size in sizes if isinstance(size, int))
        lines.append(f"{len(sizes)} parameter{'s' if len(sizes) != 1 else ''} ({total:,})")
    return lines


class TurnFigure(Figure):
    """The room in which wires of a loop turn back; nothing is drawn there."""

    def __init__(self, item: Item) -> None:
        self.width, self.height = 2.0, 20.0 * item.operations + 16

    def draw(self, frame: Frame | None) -> str:
        return ""


class GapFigure(Figure):
    """What was left out."""

    def __init__(self, item: Item) -> None:
        self.item = item
        self.label = f"… {item.operations:,} more operations …"
        self.width, self.height = ink.measure(self.label, 17.0) + 30, 44.0

    def draw(self, frame: Frame | None) -> str:
        border = rect(
            0, 0, self.width, self.height, 8, fill=PLATE, stroke=ink.GREY, stroke_width=1.5, stroke_dasharray="2 5"
        )
        label = text(self.label, self.width / 2, self.height / 2 + 6, 17)
        return tag("g", border, label, data_gap=self.item.operations)
