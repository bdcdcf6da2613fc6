"""The stepping page: one file that needs nothing else, and asks nobody for anything.

The picture is written once, with its parts as they are at the first step; each other look that a part has at some
step travels beside it, together with the steps at which it changes. Texts of a step are ready-made.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files
from itertools import groupby
from typing import Any

from graph_engine.errors import DeclarationError
from graph_engine.trace import Step, Trace
from graph_engine_viz.frames import Caption, Frame, Frames
from graph_engine_viz.ink import as_drawn
from graph_engine_viz.lines import Grid, grid_for
from graph_engine_viz.picture import Pictured, graph_svg_of, marks_of, state_attributes
from graph_engine_viz.typeset import Run
from graph_engine_viz.wording import Line

__all__ = ["STAGE", "as_json", "filled", "in_a_frame", "line_html", "page"]

MOST_STEPS = 5_000
LEAST_SEGMENT = 0.07
"""A smaller part of the timeline has no room for its name."""
STAGE = (1240.0, 500.0)
"""The room that a page of 1280 × 720 pixels gives the picture."""

ROOM = 103.0
"""The width of its formulas, in font sizes."""


def page(scene: Pictured, frames: Frames, title: str | None = None) -> str:
    """Write the page.

    Parameters
    ----------
    scene : Scene or NeuronScene
    frames : Frames
        At least one.
    title : str, optional
        Stands in the window's title; the page's own heading says the step.
    """
    if not len(frames):
        raise DeclarationError("this trace has no steps to show", "trace something that computes")
    if len(frames) > MOST_STEPS:
        cure = "draw single steps: viz.draw(trace, step=k)"
        raise DeclarationError(f"the trace has {len(frames):,} steps; a page takes {MOST_STEPS:,} at most", cure)
    shown = list(frames)
    parts, changing = _parts(scene, shown)
    grid = grid_for((frame.rules for frame in shown), ROOM)
    film = {"start": 0, "parts": changing, "steps": [_texts(frames, frame, grid) for frame in shown]}
    script = _web("steps.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    state = " ".join(f'{key.replace("_", "-")}="{value}"' for key, value in state_attributes(shown[0]).items())
    gradients = "gradient" in marks_of(frames, shown[0])
    legend = {"FORWARD": scene.has_arrows, "GRADIENT": gradients, "BACKWARD": scene.has_arrows and gradients}
    return filled(
        _web("steps.html"),
        HASH=f"sha256-{digest}",
        TITLE=escape(title or str(shown[0].caption.title)),
        STYLE=_web("steps.css").strip(),
        STATE=state,
        PICTURE=graph_svg_of(scene, shown[0], parts),
        PHASES=_phases(shown),
        ROWS=str(grid.rows or 1),
        WIDEST=f"{grid.width or 1:.4g}",
        LAST=str(len(shown) - 1),
        **{mark: "" if there else " hidden" for mark, there in legend.items()},
        FILM=as_json(film),
        SCRIPT=script,
    )


def in_a_frame(html: str, scene: Pictured) -> str:
    """Write a page as a frame inside of another page."""
    height = round(min(max(scene.height * 900 / max(scene.width, 1), 260), 620)) + 230
    looks = f"width:100%;height:{height}px;border:1px solid #d8d8da"
    return f'<iframe title="steps of a run" style="{looks}" srcdoc="{escape(html)}"></iframe>'


def _parts(scene: Pictured, frames: list[Frame]) -> tuple[list[str], dict[str, Any]]:
    """Write each part's looks, and when it changes from one to another; parts that never do are only in the picture."""
    looks: dict[str, dict[str, int]] = {}
    changes: dict[str, list[list[int]]] = {}
    for step, frame in enumerate(frames):
        for key, svg in scene.parts(frame):
            known = looks.setdefault(key, {})
            look = known.setdefault(svg, len(known))
            history = changes.setdefault(key, [])
            if not history or history[-1][1] != look:
                history.append([step, look])
    parts = [f'<g data-part="{key}">{next(iter(known))}</g>' for key, known in looks.items()]
    changing = {
        key: {"looks": list(known), "changes": changes[key]} for key, known in looks.items() if len(known) > 1
    }
    return parts, changing


def _texts(frames: Frames, frame: Frame, grid: Grid) -> dict[str, Any]:
    step = frames.trace.steps[frame.index]
    return {
        "phase": frame.phase,
        "title": frame.caption.title,
        "label": str(frame.caption),
        "caption": _caption(frame.caption),
        "rule": _rule(grid, frame.rules),
        "substeps": _substeps(frames.trace, step),
    }


def _caption(caption: Caption) -> str:
    if caption.trouble:
        return f'<span class="trouble">✗ {escape(caption.trouble)}</span>'
    return f'<code>{escape(caption.text)}</code><code class="place">{escape(caption.place)}</code>'


def _rule(grid: Grid, lines: Sequence[Line]) -> str:
    """Write the formulas of a step, with the room that they need: where it is little, they are written larger."""
    rows, widths = grid.room(lines)
    columns = " ".join(f"{width:.4g}fr" for width in widths)
    inner = "".join(
        f'<p style="grid-area:{row + 1}/{column + 1}">{line_html(line)}</p>' for line, row, column in grid.cells(lines)
    )
    return f'<div style="--tall:{rows};--wide:{sum(widths):.4g};--columns:{columns}">{inner}</div>'


def line_html(line: Line) -> str:
    """Write a formula as HTML: values and gradients are spans of these classes."""
    return "".join(_styled(piece.role, "".join(map(_run, as_drawn(piece.runs)))) for piece in line)


def _styled(role: str, inner: str) -> str:
    return inner if role in ("plain", "index") else f'<span class="{role}">{inner}</span>'


def _run(run: Run) -> str:
    text = escape(run.text)
    if run.style != "normal":
        text = f"<i>{text}</i>" if run.style == "italic" else f"<b>{text}</b>"
    return {0: text, 1: f"<sup>{text}</sup>", -1: f"<sub>{text}</sub>"}[run.shift]


def _substeps(trace: Trace, step: Step) -> list[str]:
    return [escape(trace.graph.describe(sub.operation)) for sub in step.substeps if sub.operation is not None]


def _phases(frames: Iterable[Frame]) -> str:
    """Write the segments over the timeline, as wide as they have steps."""
    counted = [(phase, len(list(group))) for phase, group in groupby(frame.phase for frame in frames)]
    whole = sum(count for _, count in counted)
    return "".join(
        f'<span class="{phase}" style="flex:{count}">{phase if count / whole > LEAST_SEGMENT else "&nbsp;"}</span>'
        for phase, count in counted
    )


def as_json(data: object) -> str:
    """Write JSON that can stand in a page: nothing in it ends the script or begins a comment."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def filled(template: str, **values: str) -> str:
    """Put the values in their places, in one pass: what is put in is not looked at again."""
    pieces = template.split("@")
    return "".join(piece if number % 2 == 0 else values[piece] for number, piece in enumerate(pieces))


def _web(name: str) -> str:
    return files("graph_engine_viz").joinpath("web", name).read_text(encoding="utf-8")
