"""The graph pane's picture: one level of the graph, drawn once, with the looks that its parts have over the steps."""

from __future__ import annotations

from typing import Any

from graph_engine.node import Operation, Variable
from graph_engine.trace import Step
from graph_engine_viz.debugger.screen.levels import Levels, Path
from graph_engine_viz.debugger.screen.looking import Looked
from graph_engine_viz.frames import Frames, Told, tell_summary
from graph_engine_viz.picture import graph_svg_of
from graph_engine_viz.scene import Scene
from graph_engine_viz.view import View, view_of
from graph_engine_viz.wording import Line

__all__ = ["picture_of"]

ROOM = (960.0, 560.0)
"""What the picture is folded for; the pane's shape on usual screens."""


class _Quiet(Frames):
    """Frames without formulas, with summaries that are made where the numbers live."""

    looked: Looked

    def told(self, variable: Variable) -> Told:
        if variable not in self._told:
            self._told[variable] = tell_summary(self.looked.summary(variable))
        return self._told[variable]

    def _rules(self, step: Step) -> tuple[Line, ...]:
        return ()


def picture_of(looked: Looked, levels: Levels, level: Path) -> dict[str, Any]:
    """Draw a level of a run.

    Returns
    -------
    dict
        `svg` at the first step; `parts` that change: their looks, and the steps from which each is shown; `folded`:
        the parts that can be opened; `crumbs`: the levels around it.
    """
    operations = levels.inside(level)
    places = levels.places(level)
    view = view_of(looked.timeline.graph, operations, places, levels.results(level, looked.trace.outputs))
    frames = _Quiet(looked.trace, view.variables, view.operations, looked.timeline, view.uses)
    frames.looked = looked
    scene = Scene(view, frames, "nodes", "builtin", ROOM, level)
    looks: dict[str, dict[str, int]] = {}
    changes: dict[str, list[list[int]]] = {}
    first = None
    for step in _changing_steps(looked, view):
        frame = frames[step]
        first = first or frame
        for key, svg in scene.parts(frame):
            known = looks.setdefault(key, {})
            look = known.setdefault(svg, len(known))
            history = changes.setdefault(key, [])
            if not history or history[-1][1] != look:
                history.append([step, look])
    assert first is not None
    parts = [f'<g data-part="{key}">{next(iter(known))}</g>' for key, known in looks.items()]
    changing = {k: {"looks": list(known), "changes": changes[k]} for k, known in looks.items() if len(known) > 1}
    return {
        "focus": list(level),
        "svg": graph_svg_of(scene, first, parts),
        "size": [scene.width, scene.height],
        "parts": changing,
        "folded": {item.key: [*level, item.title[0]] for item in view.items if item.kind == "scope"},
        "current": _current(looked, view),
        "crumbs": [list(level[:depth]) for depth in range(len(level) + 1)],
        "operations": len(operations),
    }


def _members(view: View) -> dict[Operation | Variable, str]:
    """Say in which part of the picture each operation and each parameter is drawn."""
    found: dict[Operation | Variable, str] = {}
    for item in view.items:
        inside = [item.operation] if item.operation is not None else item.inside
        found.update(dict.fromkeys([*inside, *item.parameters], item.key))
        if item.variable is not None:
            found.setdefault(item.variable, item.key)
    return found


def _about(step: Step) -> list[Operation | Variable]:
    """Return what a step marks as current."""
    if step.variable is not None:
        return [step.variable]
    parts = (step.operation, *(substep.operation for substep in step.substeps))
    return [operation for operation in parts if operation is not None]


def _current(looked: Looked, view: View) -> list[list[Any]]:
    """Say which part of the picture the steps are about: from which step on, and its key or nothing."""
    members = _members(view)
    found: list[list[Any]] = []
    for step in looked.trace.steps:
        key = next((members[node] for node in _about(step) if node in members), None)
        if not found or found[-1][1] != key:
            found.append([step.index, key])
    return found


def _changing_steps(looked: Looked, view: View) -> list[int]:
    """Return the steps at which something visible may look different from the step before."""
    timeline, count = looked.timeline, looked.timeline.count
    at = {0, count - 1}
    for variable in view.variables:
        at |= {timeline.value(variable), timeline.gradient(variable), timeline.update(variable)}
    brief = {*view.operations, *(use.operation for use in view.uses)}
    brief |= {v.operation for v in view.variables if v.operation is not None}
    for operation in brief:
        for step in (timeline.computed(operation), timeline.rule(operation)):
            at |= {step, step + 1}
    at |= {timeline.flow(use) for use in view.uses}
    at |= {step for step, _ in _current(looked, view)}
    return sorted(step for step in at if 0 <= step < count)
