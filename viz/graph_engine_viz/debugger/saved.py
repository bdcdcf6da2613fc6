"""A session as one page that needs no server: the page with all answers in it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

from graph_engine.errors import GraphEngineError
from graph_engine.node import Variable
from graph_engine_viz.debugger.html import page_html
from graph_engine_viz.debugger.screen.levels import WHOLE
from graph_engine_viz.debugger.screen.run import subject_of
from graph_engine_viz.debugger.screen.screen import Screen
from graph_engine_viz.debugger.screen.searching import everything
from graph_engine_viz.debugger.screen.state import part_text, rules_of
from graph_engine_viz.debugger.screen.tensor import inspect
from graph_engine_viz.export import write_atomic
from graph_engine_viz.frames import PHASES
from graph_engine_viz.rules import rule_lines

__all__ = ["save_page", "saved_answers"]

MOST_TENSORS = 3_000
FEW_TENSORS = 300
SMALL_GRID = 16
"""Of more than a few tensors, grids have so many rows and columns."""

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
    write_atomic(path, page_html(answers, answers["run"]["title"]).encode())


def saved_answers(screen: Screen) -> dict[str, Any]:
    """Return what the page needs to answer by itself: all tables, and for each step what it says."""
    looked = screen.looked
    runs = list(range(len(screen.session.runs)))
    number = screen.session.run_number
    other = 0 if number else runs[-1]
    return {
        "run": screen.answer("run"),
        "state": screen.answer("state"),
        "series": screen.answer("series"),
        "origins": screen.answer("origins"),
        "iterations": screen.answer("iterations"),
        "steps": _steps(screen),
        "levels": _levels(screen),
        "films": _films(screen),
        "tensors": _tensors(screen),
        "numbers": screen.numbers([looked.name(v) for v in _told(screen)]),
        "why": _answered(screen, "why", {}),
        "whys": _whys(screen),
        "compare": _answered(screen, "compare", {"runs": [0, number or other]}) if len(runs) > 1 else None,
        "search": list(everything(looked)),
    }


def _answered(screen: Screen, what: str, arguments: dict[str, Any]) -> dict[str, Any] | None:
    try:
        return screen.answer(what, arguments)
    except GraphEngineError:
        return None


def _steps(screen: Screen) -> list[dict[str, Any]]:
    """Return what each step says."""
    session, looked = screen.session, screen.looked
    count = len(session.steps)
    found = []
    for step in session.steps:
        failed = step.index == count - 1 and looked.trace.failed is not None
        rules = [] if failed else rules_of(rule_lines(looked.trace, step))
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


def _levels(screen: Screen) -> dict[str, Any]:
    """Return at which level of the graph each step is drawn, and the levels that are shown whole."""
    levels = screen.levels
    whole = [list(level) for level in levels.all if len(levels.inside(level)) <= WHOLE]
    paths = [list(levels.path_of(step)) for step in screen.session.steps]
    return {"paths": paths, "known": [list(level) for level in levels.all], "whole": whole}


def _films(screen: Screen) -> dict[str, Any]:
    films: dict[str, Any] = {}
    size = 0
    for level in sorted(screen.levels.all, key=len):
        film = screen.film(level)
        text = {"picture": film.picture, "changes": film.changes(), "texts": film.texts}
        size += len(json.dumps(text))
        if size > MOST_BYTES and films:
            break
        films[json.dumps(list(level), ensure_ascii=False, separators=(",", ":"))] = text
    return films


def _told(screen: Screen) -> Iterator[Variable]:
    """Yield the variables of the forward pass, and what is updated without being a part of it."""
    looked = screen.looked
    drawn = (v for op in looked.timeline.operations for v in (*op.inputs, *op.outputs))
    yield from dict.fromkeys((*drawn, *looked.trace.updates))


def _tensors(screen: Screen) -> dict[str, Any]:
    """Return the inspector's answers: of what is drawn, and where there is room of everything."""
    found = {}
    wanted = _inspected(screen)
    most = 64 if len(wanted) <= FEW_TENSORS else SMALL_GRID
    for variable, side in wanted:
        name = screen.looked.name(variable)
        try:
            found[f"{name}|{side}"] = inspect(screen.looked, name, side, "", most)
        except GraphEngineError as error:
            found[f"{name}|{side}"] = {"error": str(error)}
    return found


def _whys(screen: Screen) -> dict[str, Any]:
    """Return why each value and gradient is as it is, where they are few."""
    wanted = [(screen.looked.name(variable), side) for variable, side in _inspected(screen)]
    if len(wanted) > FEW_TENSORS:
        return {}
    return {f"{name}|{side}": _answered(screen, "why", {"node": name, "of": side}) for name, side in wanted}


def _inspected(screen: Screen) -> list[tuple[Variable, str]]:
    """Return what the inspector can show: what is drawn, and then what is inside of rules."""
    looked = screen.looked
    variables = dict.fromkeys(_told(screen))
    inner = [v for v in looked.trace.graph.variables if v not in variables and v.kind != "constant"]
    wanted = [(v, side) for v in variables for side in ("value", "grad", "update")] + [(v, "value") for v in inner]
    return [(v, side) for v, side in wanted if looked.moment(looked.holder(v, side)) is not None][:MOST_TENSORS]
