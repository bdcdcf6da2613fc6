"""Where a session stands, as a page shows it. It depends on the place alone, not on the way there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from graph_engine.trace import Step
from graph_engine_viz.debugger.by_hand import rules_at
from graph_engine_viz.debugger.points import Breakpoint, Watchpoint
from graph_engine_viz.debugger.screen.levels import Levels
from graph_engine_viz.debugger.screen.looking import Looked
from graph_engine_viz.debugger.screen.run import subject_of
from graph_engine_viz.debugger.session import Session
from graph_engine_viz.frames import PHASES
from graph_engine_viz.page import line_html
from graph_engine_viz.wording import Line, Part, part

__all__ = ["part_text", "point_table", "rules_of", "state_of"]

MOST_CALLS = 50
LONGEST = 240
"""Of a formula, in letters."""

MOST_MARKS = 2_000


def state_of(session: Session, looked: Looked, levels: Levels) -> dict[str, Any]:
    """Return where a session stands and what is set in it."""
    place = session.place
    step = session.steps[place.last]
    variable, side = subject_of(looked, step, place.substep)
    rules = _rules(session, looked)
    return {
        "run": session.run_number,
        "runs": len(session.runs),
        "iterations": len(session.iterations),
        "at": place.last,
        "first": place.first,
        "substep": place.substep,
        "scope": None if place.scope is None else list(place.scope),
        "phase": step.phase,
        "title": f"{PHASES[step.phase]} · step {place.last + 1} of {len(session.steps)}",
        "text": session.where().text,
        "subject": None if variable is None else [looked.name(variable), side],
        "note": looked.told(session.note),
        "reasons": _reasons(session),
        "part": "" if place.substep is None else part_text(looked, session.here),
        "rules": rules,
        "explain": [] if rules else [looked.told(line) for line in session.explain()],
        "opened": sorted([".".join(scope) for scope in session.opened]),
        "rules_opened": sorted(session.opened_rules),
        "focus": list(levels.around(step, place)),
        "points": [point_table(point, MOST_MARKS) for point in session.points.values()],
        "calls": _calls(session),
    }


def _reasons(session: Session) -> list[str]:
    """Say which breakpoints and watchpoints stop here, whether or not one came by continuing."""
    return [reason for point in session.points.values() if (reason := session.stops_here(point))]


def _rules(session: Session, looked: Looked) -> list[str]:
    """Write what this step computes, as HTML; nothing at the step where the run failed."""
    if session.failed_at(session.place.last):
        return []
    return rules_of(rules_at(looked.trace, session.steps[session.place.last]))


def rules_of(lines: Iterable[Line]) -> list[str]:
    """Write formulas as HTML, each as long as can be read."""
    return [line_html(_cut(line)) for line in lines]


def _cut(line: Line) -> Line:
    room = LONGEST
    kept: list[Part] = []
    for piece in line:
        room -= len(piece.text)
        if room < 0:
            return (*kept, part("…", "note"))
        kept.append(piece)
    return line


def part_text(looked: Looked, part: Step) -> str:
    """Write one primitive of a rule or an update."""
    return "" if part.operation is None else looked.trace.graph.describe(part.operation)


def point_table(point: Breakpoint | Watchpoint, most: int | None = None) -> dict[str, Any]:
    """Return a breakpoint or a watchpoint as plain data, with the first of the steps at which it stops."""
    if isinstance(point, Breakpoint):
        own = {"kind": "break", "text": f"{point.kind} {point.text}", "steps": sorted(point.steps)[:most]}
    else:
        own = {"kind": "watch", "text": f"{point.condition.text} of {point.text}", "steps": []}
    return own | {"number": point.number, "enabled": point.enabled, "hits": point.hits}


def _calls(session: Session) -> list[str]:
    """Return the calls that lead to where the session stands: those that changed something, and one that goes here."""
    place = session.place
    there = f"session.go({place.last})" if place.scope is None else f"session.go({place.last}, unfold=False)"
    return [*session.changes[-MOST_CALLS:], there]
