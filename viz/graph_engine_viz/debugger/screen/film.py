"""The graph pane's picture: one level of the graph, drawn once, and the looks that its parts have at a step.

A part of the picture has few looks over a whole run. They are numbered as they come up, so that a page is sent each
of them once, and for a step the numbers only.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from functools import cached_property
from typing import Any

from graph_engine.node import Operation, Variable
from graph_engine.trace import Step
from graph_engine_viz.debugger.screen.levels import Levels, Path
from graph_engine_viz.debugger.screen.looking import Looked
from graph_engine_viz.frames import Frames, Told, tell_summary
from graph_engine_viz.picture import graph_svg_of
from graph_engine_viz.scene import Scene
from graph_engine_viz.view import View, Wire, view_of
from graph_engine_viz.wording import Line

__all__ = ["Film"]

ROOM = (900.0, 580.0)
"""What the picture is folded for; the pane's shape on usual screens."""

MOST_PARALLEL = 3
"""More wires from one folded scope to another are drawn as one."""


class _Quiet(Frames):
    """Frames without formulas, with summaries that are made where the numbers live."""

    looked: Looked

    def told(self, variable: Variable) -> Told:
        if variable not in self._told:
            self._told[variable] = tell_summary(self.looked.summary(variable))
        return self._told[variable]

    def _rules(self, step: Step) -> tuple[Line, ...]:
        return ()


class Film:
    """One level of a run's graph, over all steps.

    Parameters
    ----------
    looked : Looked
    levels : Levels
    level : tuple of str
    """

    def __init__(self, looked: Looked, levels: Levels, level: Path) -> None:
        self.looked = looked
        self.level = level
        self.operations = levels.inside(level)
        results = levels.results(level, looked.trace.outputs)
        self.view = _merged(view_of(looked.timeline.graph, self.operations, levels.places(level), results))
        frames = _Quiet(looked.trace, self.view.variables, self.view.operations, looked.timeline, self.view.uses)
        frames.looked = looked
        self.frames = frames
        self.scene = Scene(self.view, frames, "nodes", "builtin", ROOM, level)
        self._looks: dict[tuple[str, str], int] = {}
        self._texts: list[str] = []
        self._at: dict[int, dict[str, int]] = {}

    @cached_property
    def picture(self) -> dict[str, Any]:
        """The picture at the first step, and what can be opened in it."""
        parts = [f'<g data-part="{key}">{self._texts[look]}</g>' for key, look in self.looks(0).items()]
        return {
            "focus": list(self.level),
            "svg": graph_svg_of(self.scene, self.frames[0], parts),
            "size": [self.scene.width, self.scene.height],
            "folded": {item.key: [*self.level, item.title[0]] for item in self.view.items if item.key.startswith("s")},
            "current": self.current,
            "operations": len(self.operations),
        }

    def looks(self, step: int) -> dict[str, int]:
        """Return the number of the look that each part has at a step."""
        step = self._before[step]
        if step not in self._at:
            found = {key: (key, svg) for key, svg in self.scene.parts(self.frames[step])}
            for look in found.values():
                if look not in self._looks:
                    self._looks[look] = len(self._texts)
                    self._texts.append(look[1])
            self._at[step] = {key: self._looks[look] for key, look in found.items()}
        return self._at[step]

    def shown(self, step: int, have: int) -> dict[str, Any]:
        """Return the looks at a step as a page takes them: those that it has not been sent yet, and their numbers."""
        return {"at": self.looks(step), "texts": self._texts[have:], "from": min(have, len(self._texts))}

    @property
    def texts(self) -> list[str]:
        """The looks that have come up so far."""
        return self._texts

    def changes(self) -> dict[str, list[list[int]]]:
        """Return for each part the steps from which it has another look, with the number of that."""
        found: dict[str, list[list[int]]] = {}
        for step in self.changing:
            for key, look in self.looks(step).items():
                history = found.setdefault(key, [])
                if not history or history[-1][1] != look:
                    history.append([step, look])
        return found

    @cached_property
    def changing(self) -> list[int]:
        """The steps at which something visible may look different from the step before."""
        timeline, count = self.looked.timeline, self.looked.timeline.count
        at = {0, count - 1}
        for variable in self.view.variables:
            at |= {timeline.value(variable), timeline.gradient(variable), timeline.update(variable)}
        brief = {*self.view.operations, *(use.operation for use in self.view.uses)}
        brief |= {v.operation for v in self.view.variables if v.operation is not None}
        for operation in brief:
            for step in (timeline.computed(operation), timeline.rule(operation)):
                at |= {step, step + 1}
        at |= {timeline.flow(use) for use in self.view.uses} | {step for step, _ in self.current}
        return sorted(step for step in at if 0 <= step < count)

    @cached_property
    def _before(self) -> list[int]:
        """For each step, the last one up to it at which something changed."""
        changing: set[int] = set(self.changing)
        found: list[int] = []
        for step in range(self.looked.timeline.count):
            found.append(step if step in changing else found[-1])
        return found

    @cached_property
    def current(self) -> list[list[Any]]:
        """Which part of the picture the steps are about: from which step on, and its key or nothing."""
        members = _members(self.view)
        found: list[list[Any]] = []
        for step in self.looked.trace.steps:
            key = next((members[node] for node in _about(step) if node in members), None)
            if not found or found[-1][1] != key:
                found.append([step.index, key])
        return found


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


def _merged(view: View) -> View:
    """Draw many wires from one folded scope to another as one."""
    folded = {item.key for item in view.items if item.kind == "scope"}
    between: dict[tuple[str, str], list[Wire]] = defaultdict(list)
    for wire in view.wires:
        if wire.source in folded and wire.target in folded:
            between[wire.source, wire.target].append(wire)
    spare: set[int] = set()
    for wires in between.values():
        if len(wires) > MOST_PARALLEL:
            wires[0].uses = [use for wire in wires for use in wire.uses]
            spare |= {id(wire) for wire in wires[1:]}
    return replace(view, wires=tuple(wire for wire in view.wires if id(wire) not in spare))
