"""A picture in the making: figures for what is shown, places for them, wires between them; one for all steps."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import replace
from functools import cached_property, partial
from typing import Literal, NamedTuple, cast, get_args

from graph_engine.errors import LookupFailed
from graph_engine_viz import ink
from graph_engine_viz.content import Content
from graph_engine_viz.curves import direction, offset
from graph_engine_viz.ends import Ends
from graph_engine_viz.figure import LIFT, Figure
from graph_engine_viz.figures import GapFigure, ScopeFigure, TurnFigure, VariableFigure, WireFigure
from graph_engine_viz.fold import SLIDE, Folded, fold
from graph_engine_viz.frames import Frame, Frames
from graph_engine_viz.gates import OperationFigure
from graph_engine_viz.geometry import Box, Link, Placement, Point, Route, Spacing, coordinate, line, route_path
from graph_engine_viz.ink import arrow_head, rect, tag, text
from graph_engine_viz.layout import place
from graph_engine_viz.loops import loop_figure
from graph_engine_viz.rules import rule_lines
from graph_engine_viz.view import Item, View, Wire
from graph_engine_viz.wording import Line, Words

__all__ = ["Engine", "Scene", "Style", "check_engine", "check_style"]

Style = Literal["nodes", "circuit"]
STYLES = get_args(Style)
Engine = Literal["auto", "builtin", "dot"]

MARGIN = 8.0
SPACINGS = {"nodes": Spacing(rank=30.0, box=12.0, wire=16.0, group=10.0, title=20.0)}
SPACINGS["circuit"] = replace(SPACINGS["nodes"], rank=34.0, box=16.0)
HEAD = 10.0
MOST_MEASURED = 300
LOOP = (1000.0, 420.0)
"""The room of a loop's body."""


def check_style(style: str) -> Style:
    """Return a style, if it is one."""
    if style in STYLES:
        return cast(Style, style)
    known = f"styles are {' and '.join(map(repr, STYLES))}, and 'neurons' for a network of layers"
    raise LookupFailed(f"there is no style {style!r}", known)


def check_engine(engine: str) -> Engine:
    """Return what places the boxes, if there is such a thing."""
    if engine in get_args(Engine):
        return cast(Engine, engine)
    raise LookupFailed(f"there is no layout {engine!r}", f"layouts are {', '.join(map(repr, get_args(Engine)))}")


class WireState(NamedTuple):
    """What a wire looks like at a step."""

    known: bool
    strong: bool
    flowed: bool
    flowing: bool


class Scene:
    """Everything that all pictures of a run have in common.

    Parameters
    ----------
    view : View
    frames : Frames or None
        None for a graph that was not run.
    style : {"nodes", "circuit"}
    engine : {"auto", "builtin", "dot"}
        What places the boxes.
    room : (width, height)
        Where it is shown; the picture is folded so that it is largest there.
    inside : tuple of str
        The scopes around all of it.

    Attributes
    ----------
    width, height : float
        Of the graph, with a margin.
    """

    has_arrows = True

    def __init__(
        self,
        view: View,
        frames: Frames | None,
        style: Style = "nodes",
        engine: Engine = "auto",
        room: Point = SLIDE,
        inside: tuple[str, ...] = (),
    ) -> None:
        self.room = room
        self.view = view
        self.frames = frames
        self.style = style
        self.words = Words(view.graph, inside=inside)
        self._looks: dict[tuple[str, Hashable], str] = {}
        self.sources = {wire.source for wire in view.wires}
        self.targets = {wire.target for wire in view.wires}
        self.figures = {item.key: self._figure(item) for item in view.items}
        self.host = self._hosts()
        self.sizes = self._sizes()
        self.placement = self._place(engine)
        self.folded = self._fold()
        self.positions = self._positions()
        self.width = self.folded.width + 2 * MARGIN
        self.height = self.folded.height + 2 * MARGIN

    def _figure(self, item: Item) -> Figure:
        if item.operation is not None:
            loop = loop_figure(item.operation, self.words, self.frames, self._of_body)
            wired = {use.position for wire in self.view.wires if wire.target == item.key for use in wire.uses}
            return loop or OperationFigure(item.operation, self.words, self.frames, wired)
        if item.variable is not None:
            content = Content(item.variable, self.words, self.frames, item.scope, uses=item.uses)
            if self.style == "circuit" and not content.is_bare_number:
                uses = [use for wire in self.view.wires if wire.source == item.key for use in wire.uses]
                return WireFigure(content, item.key in self.targets, item.key in self.sources, uses)
            return VariableFigure(content)
        if item.kind == "scope":
            return ScopeFigure(item, self.words, self.frames)
        return TurnFigure(item) if item.kind == "turn" else GapFigure(item)

    def _of_body(self, view: View, inside: tuple[str, ...]) -> Scene:
        """Return the scene of a loop's body, without numbers: each step has others."""
        return Scene(view, None, self.style, "builtin", LOOP, inside)

    @property
    def scale(self) -> float:
        """How large the picture is shown in its room, 1 at most."""
        return min(self.folded.scale, 1.0)

    # ---- places ------------------------------------------------------------------------------------------------

    def _hosts(self) -> dict[str, str]:
        """Say in whose box each item is placed: an operation and its only result stand together."""
        operations = {item.key for item in self.view.items if item.operation and len(item.operation.outputs) == 1}
        made = {wire.target: wire.source for wire in self.view.wires if not wire.uses and wire.source in operations}
        return {item.key: made.get(item.key, item.key) for item in self.view.items}

    def _sizes(self) -> dict[str, Point]:
        """Return the size of each box that is placed."""
        sizes: dict[str, Point] = {}
        for item in self.view.items:
            figure, host = self.figures[item.key], self.host[item.key]
            if host in sizes:
                width, height = sizes[host]
                sizes[host] = width + self._join + figure.width, max(height, figure.height)
            else:
                sizes[host] = figure.width, figure.height
        return sizes

    @property
    def _join(self) -> float:
        return 14.0 if self.style == "circuit" else 30.0

    def _place(self, engine: Engine) -> Placement:
        scopes = {item.key: item.scope for item in self.view.items}
        boxes = [Box(key, width, height, scopes[key]) for key, (width, height) in self.sizes.items()]
        links = [Link(self.host[wire.source], self.host[wire.target]) for wire in self._outer]
        return place(boxes, links, "right", engine, SPACINGS[self.style])

    @cached_property
    def _outer(self) -> list[Wire]:
        """The wires between boxes; the others are inside of one."""
        return [wire for wire in self.view.wires if self.host[wire.source] != self.host[wire.target]]

    def _fold(self) -> Folded:
        ends = Ends(self._outer, self.figures, self.host, self.sizes, self.placement)
        routes = [ends.lead(number) for number in range(len(self._outer))]
        scopes = {item.key: item.scope for item in self.view.items if item.key in self.sizes}
        return fold(self.placement, routes, self.sizes, scopes, self.room)

    def _positions(self) -> dict[str, Point]:
        """Return the middle of each item: an operation at the left of its box, its result at the right."""
        positions: dict[str, Point] = {}
        for item in self.view.items:
            x, y = self.folded.positions[self.host[item.key]]
            spare = (self.sizes[self.host[item.key]][0] - self.figures[item.key].width) / 2
            positions[item.key] = (x + (spare if self.host[item.key] != item.key else -spare), y)
        return positions

    @cached_property
    def routes(self) -> list[Route]:
        """The way of each wire."""
        outer = iter(self.folded.routes)
        return [self._inner(wire) if self.host[wire.source] == self.host[wire.target] else next(outer)
                for wire in self.view.wires]  # fmt: skip

    def _inner(self, wire: Wire) -> Route:
        """Lead an operation's wire to its result, straight."""
        (x, y), (to_x, _) = self.positions[wire.source], self.positions[wire.target]
        start = (x + self.figures[wire.source].width / 2, y)
        return (start, *line(start, (to_x - self.figures[wire.target].width / 2, y)))

    # ---- drawing -----------------------------------------------------------------------------------------------

    @cached_property
    def rules(self) -> list[tuple[Line, ...]]:
        """The formulas of all steps, of very many of the first ones: pictures have room for the longest."""
        if self.frames is None:
            return []
        trace = self.frames.trace
        steps = [step for step in trace.steps[:MOST_MEASURED] if not trace.failed or step.operation is not trace.failed]
        return [rule_lines(trace, step) for step in steps]

    def parts(self, frame: Frame | None) -> Iterator[tuple[str, str]]:
        """Write the picture's parts at one step, each with a key that is the same at all steps; the lowest first."""
        yield "frames", self._once("frames", None, lambda: tag("g", *self._scopes()))
        for item in self.view.items:
            figure = self.figures[item.key]
            yield item.key, self._once(item.key, figure.state(frame), partial(self._item, item, figure, frame))
        for number, wire in enumerate(self.view.wires):
            key, state = f"w{number}", self._wire_state(wire, frame)
            yield key, self._once(key, state, partial(self._wire, wire, self.routes[number], state))

    def _once(self, key: str, state: Hashable, write: Callable[[], str]) -> str:
        """Write each look of a part once: it depends on the part's state alone."""
        if (key, state) not in self._looks:
            self._looks[key, state] = write()
        return self._looks[key, state]

    def _item(self, item: Item, figure: Figure, frame: Frame | None) -> str:
        x, y = self.positions[item.key]
        left, top = x - figure.width / 2 + MARGIN, y - figure.height / 2 + MARGIN
        return tag("g", figure.draw(frame), transform=f"translate({coordinate(left)},{coordinate(top)})")

    def _scopes(self) -> Iterator[str]:
        for scope, (x, y, width, height) in self.folded.frames:
            border = rect(x + MARGIN, y + MARGIN, width, height, 10, fill=ink.PLATE, stroke=ink.PALE, stroke_width=1.2)
            label = text(scope[-1], x + MARGIN + 12, y + MARGIN + 19, 15, "start", ink.GREY, bold=True)
            yield tag("g", border, label, data_frame=".".join(scope))

    def _wire_state(self, wire: Wire, frame: Frame | None) -> WireState:
        active = self._is_active(wire, frame)
        return WireState(
            known=frame is None or wire.variable in frame.values or wire.variable.kind == "constant",
            strong=active and frame is not None and frame.phase == "forward",
            flowed=frame is not None and self._has_flowed(wire, frame),
            flowing=active and frame is not None and frame.phase == "backward",
        )

    def _wire(self, wire: Wire, route: Route, state: WireState) -> str:
        source, target = self.figures[wire.source], self.figures[wire.target]
        shift = LIFT if self._carries_gradient(wire) else 0.0
        path = _moved(offset(route, shift))
        color, width = ink.INK if state.known else ink.PALE, 3.0 if state.strong else 1.7
        pieces = [tag("path", d=route_path(path), fill="none", stroke=color, stroke_width=width, class_="wire")]
        if not target.open_left:
            pieces.append(arrow_head(path[-1], direction(path), HEAD + (2 if state.strong else 0), fill=color))
        if state.flowed:
            path, width = _moved(offset(route, -shift))[::-1], 3.2 if state.flowing else 1.9
            dashes = {"stroke": ink.VERMILION, "stroke_width": width, "stroke_dasharray": "7 4", "class_": "wire"}
            pieces.append(tag("path", d=route_path(path), fill="none", **dashes))
            if not source.open_right:
                pieces.append(arrow_head(path[-1], direction(path), HEAD, fill=ink.VERMILION))
        return tag("g", *pieces)

    def _carries_gradient(self, wire: Wire) -> bool:
        if self.frames is None:
            return False
        if wire.uses:
            return any(self.frames.timeline.will_flow(use) for use in wire.uses)
        return wire.variable in self.frames.trace.gradients

    def _is_active(self, wire: Wire, frame: Frame | None) -> bool:
        if frame is None:
            return False
        if wire.uses:
            return any(use in frame.active for use in wire.uses)
        if self.style == "circuit" and frame.phase == "backward" and self.frames is not None:
            return self.frames.timeline.gradient(wire.variable) == frame.index
        return wire.variable.operation in frame.active

    def _has_flowed(self, wire: Wire, frame: Frame) -> bool:
        if wire.uses:
            return any(use in frame.flowed for use in wire.uses)
        known = wire.variable in frame.gradients
        return known and (self.style == "circuit" or wire.variable.operation in frame.passed)


def _moved(route: Route) -> Route:
    return tuple((x + MARGIN, y + MARGIN) for x, y in route)
