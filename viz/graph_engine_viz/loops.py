"""Loops as they are drawn: one step inside of a frame, and edges from what a step hands on to where the next begins."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from graph_engine.node import Operation
from graph_engine.primitives.scanning import Scan
from graph_engine_viz import ink
from graph_engine_viz.curves import direction, rounded
from graph_engine_viz.frames import Frame, Frames
from graph_engine_viz.gates import OperationFigure, Port
from graph_engine_viz.geometry import coordinate, route_path
from graph_engine_viz.ink import INK, PAPER, SMALL, TINT, arrow_head, rect, tag, text
from graph_engine_viz.view import Item, View, Wire, make_view
from graph_engine_viz.wording import Words

if TYPE_CHECKING:
    from graph_engine_viz.scene import Scene

__all__ = ["LoopFigure", "loop_figure", "loop_title"]

MOST_PARTS = 40
"""A body of more operations and scopes is not drawn."""

TITLE = 17.0
LANE, ROW = 14.0, 22.0
HEAD = 30.0
"""The room for the title."""


def loop_figure(
    operation: Operation, words: Words, frames: Frames | None, make_scene: Callable[..., Scene]
) -> LoopFigure | None:
    """Return the figure of a loop; None for what is no loop, and for one whose body would be too big.

    Parameters
    ----------
    operation : Operation
    words : Words
    frames : Frames or None
    make_scene : callable
        From the view of the body, and the scopes around it.
    """
    if not isinstance(operation.primitive, Scan):
        return None
    body = operation.primitive.body.graph
    view = make_view(body, body.operations, body.outputs, most=MOST_PARTS)
    if not view.operations or len(view.parts) > MOST_PARTS:
        return None
    carries = _carries(operation.primitive, view)
    scene = make_scene(_with_turns(view, carries), operation.scope)
    return LoopFigure(operation, words, frames, scene, len(carries))


def _carries(scan: Scan, view: View) -> list[tuple[Item, Item]]:
    """Return, for each carry that the body changes, where it comes out and where it goes in."""
    items = {item.variable: item for item in view.items if item.variable is not None}
    pairs = zip(scan.body.outputs[: scan.carries], scan.body.inputs[: scan.carries], strict=True)
    return [(items[o], items[i]) for o, i in pairs if o in items and i in items and o is not i]


def _with_turns(view: View, carries: Sequence[tuple[Item, Item]]) -> View:
    """Add to a body where its loops turn, so that there is room for the wires there: behind all of it, and before."""
    end, begin = (Item(key, "turn", operations=len(carries)) for key in ("end", "begin"))
    wires = [Wire(out.key, end.key, out.variable) for out, _ in carries if out.variable is not None]
    wires += [Wire(begin.key, into.key, into.variable) for _, into in carries if into.variable is not None]
    return replace(view, items=(begin, *view.items, end), wires=(*view.wires, *wires)) if carries else view


class LoopFigure(OperationFigure):
    """A loop: its body once, inside of a frame, with an edge for each carry from the end of a step to the next."""

    def __init__(
        self, operation: Operation, words: Words, frames: Frames | None, scene: Scene, carries: int
    ) -> None:
        super().__init__(operation, words, frames)
        assert isinstance(operation.primitive, Scan)
        names = [scene.words.short_name(v) for v in operation.primitive.body.inputs]
        self.labels = dict(enumerate(names))
        self.ports = {position: Port(()) for position in self.labels}
        self.order, self.tab = list(self.ports), 0.0
        self.scene, self.carries = scene, carries
        self.title = loop_title(operation, frames)
        self.lanes = LANE * carries + 6
        self.left = max(ink.measure(name, SMALL) for name in names) + 16 + self.lanes
        self.width = max(self.left + scene.width + self.lanes, ink.measure(self.title, TITLE, bold=True) + 40)
        rows = HEAD + ROW * len(names) + 8
        self.height = max(HEAD + scene.height + LANE * carries + (16 if carries else 8), rows)

    def port_offset(self, position: int) -> float | None:
        """Return how far from the middle the row of an input is."""
        return HEAD + (self.order.index(position) + 0.5) * ROW - self.height / 2 if position in self.order else None

    def inset(self, position: int) -> float:
        return 0.0

    def state(self, frame: Frame | None) -> Hashable:
        return None if frame is None else (frame.states.get(self.operation), frame.failed is self.operation)

    def draw(self, frame: Frame | None) -> str:
        state = frame.states.get(self.operation, "todo") if frame is not None else "todo"
        current = state == "current"
        looks: dict[str, object] = {"fill": TINT if current else PAPER, "stroke": INK}
        looks["stroke_width"] = 3.6 if current else 1.5
        if self.operation.phase == "backward":
            looks["stroke_dasharray"] = "5 3"
        turns = {f"w{number}" for number in self._turns()}
        body = [part for key, part in self.scene.parts(None) if key not in turns]
        labels = [
            text(self.labels[position], 8, HEAD + (row + 0.5) * ROW + 4, SMALL, "start", ink.GREY)
            for row, position in enumerate(self.order)
        ]
        pieces = [
            self._hover(),
            rect(0, 0, self.width, self.height, 12, **looks),
            text(self.title, 14, 21, TITLE, "start", INK, bold=True),
            *labels,
            tag("g", *body, transform=f"translate({coordinate(self.left)},{coordinate(HEAD)})"),
            *self._edges(),
        ]
        failed = frame is not None and frame.failed is self.operation
        return tag(
            "g", *pieces, data_operation=self.words.graph.name_of(self.operation),
            data_primitive=self.operation.primitive.name, data_state=state, data_failed="true" if failed else None,
            data_loop=self.title,
        )  # fmt: skip

    def _turns(self) -> range:
        """Return the numbers of the body's last wires: of each carry to the end, then of each from the beginning."""
        count = len(self.scene.view.wires)
        return range(count - 2 * self.carries, count)

    def _edges(self) -> Iterator[str]:
        """Lead each carry around the body, from its end to its beginning."""
        turns = self._turns()
        margin = (self.scene.width - self.scene.folded.width) / 2
        routes = [
            tuple((x + margin + self.left, y + margin + HEAD) for x, y in self.scene.routes[number]) for number in turns
        ]
        outs, ins = routes[: self.carries], routes[self.carries :]
        heights = sorted(range(self.carries), key=lambda number: -outs[number][-1][1])
        for number, (out, into) in enumerate(zip(outs, ins, strict=True)):
            lane = LANE * (heights.index(number) + 0.5)
            right, low = self.left + self.scene.width + lane, HEAD + self.scene.height + lane
            back = self.left - lane
            around = rounded([out[-1], (right, out[-1][1]), (right, low), (back, low), (back, into[0][1]), into[0]])
            route = (*out, *around[1:], *into[1:])
            yield tag("path", d=route_path(route), fill="none", stroke=INK, stroke_width=2.4, class_="wire")
            yield arrow_head(route[-1], direction(route), 10, fill=INK)
        if self.carries:
            yield text("to the next step", self.width / 2, self.height - 5, SMALL, "middle", ink.GREY)


def loop_title(operation: Operation, frames: Frames | None) -> str:
    """Say how many steps a loop has; nothing of what is no loop."""
    scan = operation.primitive
    if not isinstance(scan, Scan):
        return ""
    steps: Any = scan.steps([v.spec for v in operation.inputs])
    known = frames.trace.arrays if frames is not None else {}
    first = operation.inputs[scan.carries] if scan.sequences else None
    if first is not None and first in known:
        steps = np.shape(known[first])[0]
    return f"scan, {steps} steps{', from the last to the first' if scan.reverse else ''}"
