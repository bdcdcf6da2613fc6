"""What a page is told once of a run: its steps, scopes, variables and source lines."""

from __future__ import annotations

import linecache
import os
from typing import Any

from graph_engine.node import Variable
from graph_engine.replay import show_bytes
from graph_engine.spec import show_shape
from graph_engine.trace import Step
from graph_engine_viz.debugger.meaning import Scope, scope_of
from graph_engine_viz.debugger.screen.looking import Looked

__all__ = ["run_table", "subject_of"]

LONGEST_FILE = 5_000
AROUND = 4
"""Of a longer file, so many lines around those that occur."""


def run_table(looked: Looked) -> dict[str, Any]:
    """Return the tables of a run.

    Returns
    -------
    dict
        `steps`: for each its phase, name, scope, file and line, and the variable that it is about; `scopes`: each with
        its steps; `variables`: shape, dtype, kind, and when value, gradient and new value are known; `files`.
    """
    trace = looked.trace
    used = {v for operation in looked.timeline.operations for v in operation.inputs}
    scopes: dict[Scope, int] = {(): 0}
    files: dict[str, int] = {}
    lines: list[set[int]] = []
    steps = []
    for step in trace.steps:
        scope = scope_of(step)
        for depth in range(1, len(scope) + 1):
            scopes.setdefault(scope[:depth], len(scopes))
        file = number = None
        if step.line is not None:
            file = files.setdefault(step.line.file, len(files))
            number = step.line.line
            if file == len(lines):
                lines.append(set())
            lines[file].add(number)
        variable, side = subject_of(looked, step)
        about = [looked.name(variable), side] if variable is not None else [None, "value"]
        steps.append([step.phase[0], _name(looked, step), scopes[scope], file, number, *about])
    return {
        "steps": steps,
        "scopes": [list(scope) for scope in scopes],
        "results": _results(looked, list(scopes)),
        "substeps": {step.index: len(step.substeps) for step in trace.steps if len(step.substeps) > 1},
        "variables": {looked.name(v): _variable(looked, v, v in used) for v in trace.graph.variables},
        "files": [_file(path, lines[number]) for path, number in files.items()],
        "failure": _failure(looked),
        "retention": _retention(looked),
        "loss": None if trace.loss is None else looked.name(trace.loss),
    }


def subject_of(looked: Looked, step: Step, substep: int | None = None) -> tuple[Variable | None, str]:
    """Return the variable that a step is about, and which side of it."""
    if substep is not None and step.substeps:
        outputs = step.substeps[substep].outputs
        return (outputs[0], "value") if outputs else (None, "value")
    if step.phase == "update":
        return step.variable, "update"
    if step.phase == "forward":
        return (step.outputs[0], "value") if step.outputs else (None, "value")
    about = [v.gradient.variable for v in step.outputs if v.gradient is not None]
    known = [v for v in about if looked.moments.get(looked.trace.gradients.get(v, v), [0])[0] == step.index]
    return next(iter(known or about), step.variable), "grad"


def _name(looked: Looked, step: Step) -> str:
    if step.phase == "update" and step.variable is not None:
        return looked.name(step.variable)
    return looked.trace.graph.name_of(step.operation) if step.operation is not None else ""


def _variable(looked: Looked, variable: Variable, used: bool) -> list[Any]:
    """Return a variable's row; what an optimiser keeps is no parameter of the model, but its state."""
    trace = looked.trace
    kind = "state" if variable.kind == "parameter" and not used else variable.kind
    known = trace.arrays.get(variable)
    shape = show_shape(variable.shape if known is None else tuple(known.shape))
    moments = [looked.moment(looked.holder(variable, side)) for side in ("value", "grad", "update")]
    return [shape, variable.dtype, kind, *moments]


def _results(looked: Looked, scopes: list[Scope]) -> list[str | None]:
    """Return for each scope the last number that it computes: what comes out of it."""
    found: dict[Scope, Variable] = {}
    for step in looked.trace.steps:
        if step.phase != "forward":
            continue
        floats = [v for v in step.outputs if v.spec.is_float]
        if floats:
            scope = scope_of(step)
            found.update(dict.fromkeys((scope[:depth] for depth in range(len(scope) + 1)), floats[0]))
    return [looked.name(found[scope]) if scope in found else None for scope in scopes]


def _file(path: str, used: set[int]) -> dict[str, Any]:
    text = linecache.getlines(path)
    if len(text) <= LONGEST_FILE:
        numbers = range(1, len(text) + 1)
    else:
        wanted = {near for line in used for near in range(line - AROUND, line + AROUND + 1)}
        numbers = sorted(number for number in wanted if 1 <= number <= len(text))  # type: ignore[assignment]
    lines = [[number, text[number - 1].rstrip("\n")] for number in numbers]
    if not lines:
        lines = [[number, ""] for number in sorted(used)]
    return {"name": os.path.basename(path), "lines": lines, "used": sorted(used)}


def _failure(looked: Looked) -> dict[str, Any] | None:
    trace = looked.trace
    if trace.failed is None and trace.error is None:
        return None
    return {"step": len(trace.steps) - 1, "text": looked.told(str(trace.error or "the run failed here"))}


def _retention(looked: Looked) -> str:
    kept = looked.trace.kept
    if kept is None or kept.kept_bytes >= kept.total_bytes:
        return ""
    sizes = f"{show_bytes(kept.kept_bytes)} of {show_bytes(kept.total_bytes)}"
    return f"kept {sizes}; the rest is computed again when it is looked at"
