"""A session as one page that needs no server: the page with all answers in it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from typing import Any

from graph_engine.errors import GraphEngineError
from graph_engine.files.placing import write_beside
from graph_engine.node import Variable
from graph_engine_viz.debugger.by_hand import rules_at
from graph_engine_viz.debugger.conditions import SIDES
from graph_engine_viz.debugger.html import page_html
from graph_engine_viz.debugger.screen.about import About
from graph_engine_viz.debugger.screen.levels import WHOLE, Levels, Path
from graph_engine_viz.debugger.screen.looking import Looked
from graph_engine_viz.debugger.screen.run import subject_of
from graph_engine_viz.debugger.screen.screen import Screen
from graph_engine_viz.debugger.screen.searching import everything
from graph_engine_viz.debugger.screen.series import numbers_of
from graph_engine_viz.debugger.screen.state import part_text, point_table, rules_of
from graph_engine_viz.debugger.screen.tensor import inspect
from graph_engine_viz.debugger.session import Session
from graph_engine_viz.frames import PHASES

__all__ = ["save_page", "saved_answers"]

Asked = tuple[Variable, str]  # of which the inspector shows one side

MOST_TENSORS = 6_000
MOST_WHYS = 3_000
FEW_TENSORS = 300
SMALL_GRID = 16
"""Of more than a few tensors, grids have so many rows and columns."""

MANY = 10
"""Pictures of so many levels take some seconds."""

MOST_BYTES = 24_000_000
"""Pictures of levels take so much, the outer ones first."""


def save_page(screen: Screen, path: str | os.PathLike[str]) -> None:
    """Write a session as one HTML file, which steps, searches, opens and inspects without a server.

    Parameters
    ----------
    screen : Screen
    path : path
    """
    answers = saved_answers(screen)
    write_beside(path, page_html(answers, answers["run"]["title"]).encode())


def saved_answers(screen: Screen) -> dict[str, Any]:
    """Return what the page needs to answer by itself: all tables, and for each step what it says."""
    session, about = screen.session, screen.about()
    number, last = session.run_number, len(session.runs) - 1
    drawn = _drawn(about.looked)
    inspected = _inspected(about.looked, drawn)
    films = _films(about)
    return {
        "run": about.run(),
        "state": _with_note(screen.answer("state"), len(about.levels.all) - len(films)),
        "points": _points(session),
        "series": about.series(),
        "origins": about.origins(),
        "iterations": screen.answer("iterations"),
        "steps": _steps(session, about.looked),
        "levels": _levels(session, about.levels),
        "films": films,
        "tensors": _tensors(about.looked, inspected),
        "numbers": numbers_of(about.looked, [about.looked.name(v) for v in drawn]),
        "why": _answered(about.why),
        "whys": _whys(about, inspected),
        "compare": _answered(screen.answer, "compare", {"runs": [0, number or last]}) if last else None,
        "search": list(everything(about.looked)),
    }


def _with_note(state: dict[str, Any], missing: int) -> dict[str, Any]:
    """Say what is not in the page, if something is not."""
    said = [state["note"]] if state["note"] else []
    if missing:
        said.append(f"the inside of {missing} part{'s' if missing > 1 else ''} of the graph is not in this page")
    return state | {"note": "; ".join(said)}


def _answered(ask: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any] | None:
    try:
        return ask(*arguments)
    except GraphEngineError:
        return None


def _points(session: Session) -> list[dict[str, Any]]:
    """Return the breakpoints and watchpoints with all the steps at which they stop, and why."""
    steps = range(len(session.steps))
    return [
        point_table(point) | {"reasons": {step: reason for step in steps if (reason := session.reason(point, step))}}
        for point in session.points.values()
    ]


def _steps(session: Session, looked: Looked) -> list[dict[str, Any]]:
    """Return what each step says."""
    count = len(session.steps)
    found = []
    for step in session.steps:
        failed = session.failed_at(step.index)
        rules = [] if failed else rules_of(rules_at(looked.trace, step))
        inner = [subject_of(looked, step, number) for number in range(len(step.substeps))]
        found.append(
            {
                "title": f"{PHASES[step.phase]} · step {step.index + 1} of {count}",
                "rules": rules,
                "explain": [looked.told(str(looked.trace.error))] if failed else [],
                "parts": [part_text(looked, part) for part in step.substeps],
                "inner": [None if v is None else [looked.name(v), side] for v, side in inner],
            }
        )
    return found


def _levels(session: Session, levels: Levels) -> dict[str, Any]:
    """Return at which level of the graph each step is drawn, and the levels that are shown whole."""
    whole = [list(level) for level in levels.all if len(levels.inside(level)) <= WHOLE]
    paths = [list(levels.path_of(step)) for step in session.steps]
    return {"paths": paths, "known": [list(level) for level in levels.all], "whole": whole}


def _films(about: About) -> dict[str, Any]:
    films: dict[str, Any] = {}
    size = 0
    for level in _with_bar(sorted(about.levels.all, key=len)):
        film = about.film(level)
        text = {"picture": film.picture, "changes": film.changes(), "texts": film.texts}
        size += len(film.picture["svg"]) + sum(map(len, film.texts))
        if size > MOST_BYTES and films:
            break
        films[json.dumps(list(level), ensure_ascii=False, separators=(",", ":"))] = text
    return films


def _with_bar(levels: list[Path]) -> Iterable[Path]:
    """Show how far the pictures have come, where they take a while and somebody sits at a terminal."""
    if len(levels) < MANY or sys.stderr is None or not sys.stderr.isatty() or find_spec("tqdm") is None:
        return levels
    from tqdm import tqdm

    bar: Iterable[Path] = tqdm(levels, "pictures of the graph", leave=False)
    return bar


def _drawn(looked: Looked) -> list[Variable]:
    """Return the variables of the forward pass, and what is updated without being a part of it."""
    used = (v for op in looked.timeline.operations for v in (*op.inputs, *op.outputs))
    return list(dict.fromkeys((*used, *looked.trace.updates)))


def _tensors(looked: Looked, wanted: list[Asked]) -> dict[str, Any]:
    """Return the inspector's answers: of what is drawn, and where there is room of everything."""
    found = {}
    most = 64 if len(wanted) <= FEW_TENSORS else SMALL_GRID
    for variable, side in wanted:
        name = looked.name(variable)
        try:
            found[f"{name}|{side}"] = inspect(looked, name, side, "", most)
        except GraphEngineError as error:
            found[f"{name}|{side}"] = {"error": str(error)}
    return found


def _whys(about: About, wanted: list[Asked]) -> dict[str, Any]:
    """Return why each value and gradient is as it is, where they are few."""
    if len(wanted) > MOST_WHYS:
        return {}
    named: list[tuple[str, str | None]] = [(about.looked.name(variable), side) for variable, side in wanted]
    named += [(name, None) for name in dict.fromkeys(name for name, _ in named)]  # where no side is known yet
    return {f"{name}|{side or ''}": _answered(about.why, name, side) for name, side in named}


def _inspected(looked: Looked, drawn: list[Variable]) -> list[Asked]:
    """Return what the inspector can show: what is drawn, and then what is inside of rules."""
    known = set(drawn)
    inner = [v for v in looked.trace.graph.variables if v not in known and v.kind != "constant"]
    wanted = [(v, side) for v in drawn for side in SIDES] + [(v, "value") for v in inner]
    return [(v, side) for v, side in wanted if looked.moment(looked.holder(v, side)) is not None][:MOST_TENSORS]
