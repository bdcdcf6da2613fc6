"""A scene at one step, as SVG: the graph, a caption over it, the chain rule under it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol
from xml.sax.saxutils import escape

from graph_engine_viz import ink
from graph_engine_viz.cells import back_mark
from graph_engine_viz.frames import Caption, Frame, Frames
from graph_engine_viz.geometry import coordinate
from graph_engine_viz.ink import GREY, INK, rect, tag, text, title
from graph_engine_viz.lines import Grid, draw_line, grid_for
from graph_engine_viz.timeline import NEVER
from graph_engine_viz.typeset import ellipsize
from graph_engine_viz.view import View
from graph_engine_viz.wording import Line, line_text

__all__ = ["Pictured", "graph_svg_of", "marks_of", "picture", "state_attributes"]

TITLE, SOURCE, RULE = 24.0, 16.0, 19.0
EDGE = 18.0
LEAST, SLIDE_WIDTH = 720.0, 1280.0
"""The least width: a caption needs it; and the width that it is as large as written here for."""


class Pictured(Protocol):
    """What a picture is made of, whatever its style: `scene.Scene` and `neurons.NeuronScene` are such."""

    view: View
    width: float
    height: float
    has_arrows: bool
    """Whether wires have heads, forward and backward."""

    @property
    def frames(self) -> Frames | None:
        """The steps of the run; None for a graph that was not run."""

    @property
    def rules(self) -> list[tuple[Line, ...]]:
        """The formulas of all steps."""

    def parts(self, frame: Frame | None) -> Iterator[tuple[str, str]]:
        """Write the parts at one step, each with a key that is the same at all steps; the lowest first."""


def state_attributes(frame: Frame | None) -> dict[str, object]:
    """Return which step a picture shows, for programs."""
    if frame is None:
        return {}
    return {"data_step": frame.index, "data_steps": frame.count, "data_phase": frame.phase}


def _svg(width: float, height: float, name: str, body: str, frame: Frame | None, **looks: str) -> str:
    return tag(
        "svg", body,
        xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {coordinate(width)} {coordinate(height)}",
        width=float(width), height=float(height), role="img", aria_label=name,
        font_family="sans-serif", **looks, **state_attributes(frame),
    )  # fmt: skip


def graph_svg_of(scene: Pictured, frame: Frame, parts: Iterable[str]) -> str:
    """Write the graph alone, of parts that are written already."""
    return _svg(scene.width, scene.height, _name(scene, frame), "".join(parts), frame)


def _name(scene: Pictured, frame: Frame | None) -> str:
    if frame is not None:
        return str(frame.caption)
    graph = scene.view.graph
    return f"graph of {', '.join(graph.name_of(v) for v in graph.outputs[:4])}"


def picture(scene: Pictured, frame: Frame | None, name: str | None = None) -> str:
    """Write a whole picture: caption, graph, chain rule, legend; of one size at all steps.

    What is wider than a slide will be shown smaller, so what stands around the graph is larger there.
    """
    scale = max(scene.width / SLIDE_WIDTH, 1.0)
    shown = [rules for rules in (frame.rules if frame is not None else (), *scene.rules) if rules]
    stepping = frame is not None and bool(frame.current)
    least = max(scene.width / scale + 2 * EDGE, LEAST)
    grid = grid_for(shown if stepping else (), (least - 2 * EDGE - 28) / RULE)
    width = max(least, grid.width * RULE + 2 * EDGE + 24)
    top = (14 + TITLE * 1.3 + SOURCE * 1.5) if frame is not None or name else EDGE
    under = top + scene.height / scale
    panel = grid.rows * RULE * 1.55 + 22 if grid.rows else 0.0
    height = under + (panel + 10 if panel else 0) + (32 if scene.frames is not None else EDGE)
    pieces = _caption(frame.caption if frame is not None else Caption(name or ""), width)
    if panel:
        pieces += _panel(frame.rules if frame is not None else (), grid, width, under + 4, panel)
    if scene.frames is not None:
        pieces.append(_legend(marks_of(scene.frames, frame), scene.has_arrows, height - 12))
    if scale > 1:
        pieces = [tag("g", *pieces, transform=f"scale({scale:.4g})")]
    shift = f"translate({coordinate((width * scale - scene.width) / 2)},{coordinate(top * scale)})"
    graph = tag("g", *(part for _, part in scene.parts(frame)), transform=shift)
    told = "\n".join([str(frame.caption), *map(line_text, frame.rules)] if frame is not None else [])
    called = name or _name(scene, frame)
    width, height = width * scale, height * scale
    paper = rect(0, 0, width, height, 0, fill=ink.PAPER)
    body = "".join([title(called), tag("desc", escape(told)) if told else "", paper, graph, *pieces])
    return _svg(width, height, called, body, frame, style="max-width:100%;height:auto")


def _caption(caption: Caption, width: float) -> list[str]:
    pieces = [text(caption.title, EDGE, 14 + TITLE * 0.95, TITLE, "start", INK, bold=True)]
    base = 14 + TITLE * 1.3 + SOURCE
    if caption.trouble:
        shown = ellipsize(f"✗ {caption.trouble}", width - 2 * EDGE, SOURCE, bold=True)
        return [*pieces, text(shown, EDGE, base, SOURCE, "start", ink.VERMILION, bold=True)]
    place = f"  {caption.place}" if caption.place else ""
    room = width - 2 * EDGE - ink.measure(place, SOURCE, mono=True)
    code = ellipsize(caption.text, room, SOURCE, mono=True)
    pieces.append(ink.source(code, EDGE, base, SOURCE))
    pieces.append(text(caption.place, width - EDGE, base, SOURCE, "end", GREY, mono=True))
    return pieces


def _panel(rules: Sequence[Line], grid: Grid, width: float, top: float, height: float) -> list[str]:
    """Draw what this step computes, in a box under the graph."""
    border = rect(EDGE, top, width - 2 * EDGE, height, 8, fill=ink.PLATE, stroke=ink.PALE, stroke_width=1)
    step, lefts = RULE * 1.55, [EDGE + 14, EDGE + 14 + grid.widths[0] * RULE]
    cells = grid.cells(rules)
    start = top + (height - step * (max((cell.row for cell in cells), default=0) + 1)) / 2 + step * 0.68
    return [border, *(
        draw_line(line, lefts[column], start + row * step, RULE) for line, row, column in cells
    )]  # fmt: skip


def marks_of(frames: Frames, frame: Frame | None) -> list[str]:
    """List the marks that can occur in a picture; those of the steps of one run have the same."""
    trace, timeline = frames.trace, frames.timeline
    marks = ["value"]
    if any(timeline.gradient(v) != NEVER for v in frames.variables):
        marks.append("gradient")
    if frame is None or frame.current:
        return [*marks, "not computed yet", "this step"]
    missing = any(v.kind != "constant" and v not in frame.values for v in frames.variables)
    missing |= any(v in trace.gradients and v not in frame.gradients for v in frames.variables)
    if missing or "todo" in frame.states.values():
        marks.append("not computed yet")
    return marks


def _legend(marks: Iterable[str], arrows: bool, base: float) -> str:
    """Say what the marks mean."""
    pieces: list[str] = []
    left = 0
    for mark in marks:
        more, room = _explained(mark, left, arrows)
        pieces += more
        left += room
    return tag("g", *pieces, transform=f"translate({coordinate(EDGE)},{coordinate(base)})")


def _explained(mark: str, left: int, arrows: bool) -> tuple[list[str], int]:
    """Draw a mark with its meaning, and return how much room both take."""
    if mark == "value":
        name = text("value", left, 0, 14, "start", ink.BLUE, bold=True)
        arrow = tag("path", d=f"M{left + 52},{-5}H{left + 88}", stroke=INK, stroke_width=1.7)
        head = ink.arrow_head((left + 90, -5), (left + 52, -5), 9, fill=INK)
        return ([name, arrow, head], 130) if arrows else ([name], 70)
    if mark == "gradient":
        line, looks = f"M{left + 124},{-5}H{left + 88}", {"stroke": ink.VERMILION, "stroke_width": 1.9}
        name = text("gradient", left + 12, 0, 14, "start", ink.VERMILION, italic=True)
        head = ink.arrow_head((left + 84, -5), (left + 124, -5), 9, fill=ink.VERMILION)
        arrow = tag("path", d=line, **looks, stroke_dasharray="7 4")
        return ([back_mark(left, 0, 15), name, arrow, head], 166) if arrows else ([back_mark(left, 0, 15), name], 106)
    if mark == "not computed yet":
        return [ink.circle(left + 4, -5, 3.6, fill=ink.PALE), text(mark, left + 14, 0, 14, "start", GREY)], 150
    sample = rect(left + 4, -13, 24, 16, 5, fill=ink.TINT, stroke=INK, stroke_width=2.6)
    return [sample, text(mark, left + 35, 0, 14, "start", GREY)], 120
