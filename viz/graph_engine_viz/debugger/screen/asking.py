"""What is asked for by a key: why a number is as it is, where runs differ, whether a gradient is right, the time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from graph_engine.errors import DeclarationError, GraphEngineError, LookupFailed
from graph_engine.executing import execute
from graph_engine.node import Operation, Variable
from graph_engine.plan import Plan
from graph_engine.plugins import find_backend
from graph_engine.trace import Trace
from graph_engine_viz.debugger.by_hand import with_edits
from graph_engine_viz.debugger.compare import compare
from graph_engine_viz.debugger.meaning import results_of
from graph_engine_viz.debugger.origins.asking import explain
from graph_engine_viz.debugger.origins.nonfinite import find_all, what_is
from graph_engine_viz.debugger.origins.report import Finding
from graph_engine_viz.debugger.screen.looking import Looked, Moment
from graph_engine_viz.debugger.screen.plain import number
from graph_engine_viz.timeline import NEVER

__all__ = ["answer_why", "check", "compared", "origins", "timed"]

MOST_TRIED = 4
MOST_ORIGINS = 20
TOLERANCE = 1e-3
_RANK = {"equal": 0, "rounding": 1, "inherited": 2, "unknown": 3, "diverged": 4}
REPEATS = 5


def answer_why(looked: Looked, name: str | None, of: str | None) -> dict[str, Any]:
    """Answer why a number is as it is, with the steps of what was found."""
    answer = with_edits(explain(looked.reader, name, of), looked.trace)
    findings = [
        {
            "text": looked.told(str(finding)),
            "at": _at(looked, finding),
            "name": looked.name(finding.variable),
            "line": looked.told(str(finding.line)) if finding.line is not None else "",
        }
        for finding in answer.findings
    ]
    factors = [
        {"name": factor.name, "factor": number(factor.factor, 3), "left": number(factor.left, 3)}
        for factor in answer.factors
    ]
    return {"question": answer.question, "text": looked.told(answer.text), "findings": findings, "factors": factors}


def _at(looked: Looked, finding: Finding) -> Moment:
    """Return when something came about: of what a rule cuts off, at that rule."""
    operation, timeline = finding.operation, looked.timeline
    step = NEVER
    if finding.phase == "update":
        step = timeline.update(finding.variable)
    elif finding.phase == "backward" and operation is not None and operation.phase == "forward":
        step = timeline.rule(operation)
    return looked.computed(finding.variable) if step == NEVER else [step, 0]


def origins(looked: Looked) -> dict[str, Any]:
    """Return the places at which something that is not finite arose, in the order of computation."""
    reader = looked.reader
    found = [
        {"name": looked.name(v), "what": what_is(reader.array(v)[own]), "at": looked.computed(v)}
        for v, own in list(find_all(reader).items())[:MOST_ORIGINS]
    ]
    return {"origins": sorted(found, key=lambda origin: origin["at"])}


def compared(looked: Looked, one: Trace, other: Trace) -> dict[str, Any]:
    """Compare two runs: for each step the worst verdict and the largest relative error of what it computes."""
    comparison = compare(one, other)
    steps: list[list[Any]] = []
    for step in one.steps:
        found = [comparison.of(v) for v in results_of(step) if v in comparison.pairs]
        if found:
            worst = max(found, key=lambda difference: (_RANK[difference.verdict], difference.relative))
            numbers = [number(worst.relative, 3), *(number(value, 8) for value in worst.values)]
            steps.append([worst.verdict, worst.name, *numbers])
        else:
            steps.append(["missing", "", None, None, None])
    first = comparison.first
    at = None if first is None else looked.computed(first.variable)
    return {"text": str(comparison), "steps": steps, "first": at, "name": None if first is None else first.name}


def check(looked: Looked, name: str) -> dict[str, Any]:
    """Compare a few elements of a gradient with central differences of the run, computed in float64.

    Parameters
    ----------
    looked : Looked
    name : str
        An input, a parameter or a result.
    """
    trace = looked.trace
    variable = trace.graph[name]
    if trace.loss is None or not trace.has_grad(variable):
        raise LookupFailed(f"{name!r} has no gradient in this run")
    value, gradient = trace.value(variable).astype(np.float64), trace.grad(variable).astype(np.float64)
    if not np.isfinite(gradient).all() or not np.isfinite(value).all():
        raise DeclarationError(f"{name!r} or its gradient is not finite: no difference can be taken", "ask why with y")
    behind = _behind(trace, variable)
    flat = np.argsort(-np.abs(np.nan_to_num(gradient.ravel())), kind="stable")
    rows, scale = [], float(np.max(np.abs(gradient), initial=0.0))
    for position in map(int, flat[:MOST_TRIED]):
        index = tuple(map(int, np.unravel_index(position, value.shape)))
        with _running(name), np.errstate(all="ignore"):
            slope = _slope(trace, behind, variable, value, index)
        mine = float(gradient[index])
        error = abs(mine - slope) / max(abs(mine), abs(slope), 1e-3 * scale, 1e-12)
        place, right = ", ".join(map(str, index)), bool(error <= TOLERANCE)
        rows.append([place, number(mine), number(slope), number(error, 2), right])
    return {"name": name, "rows": rows, "ok": all(row[-1] for row in rows), "of": int(value.size)}


@contextmanager
def _running(name: str) -> Iterator[None]:
    """Say that something cannot be run again, where it failed."""
    try:
        yield
    except GraphEngineError:
        raise
    except Exception as error:
        raise DeclarationError(f"{name!r} cannot be run again: {type(error).__name__}: {error}") from error


def _slope(
    trace: Trace, behind: list[Operation], variable: Variable, value: np.ndarray[Any, Any], index: tuple[int, ...]
) -> float:
    size = 1e-5 * max(1.0, abs(float(value[index])))
    ends = []
    for sign in (1.0, -1.0):
        moved = value.copy()
        moved[index] += sign * size
        ends.append(_loss_at(trace, behind, variable, moved))
    return (ends[0] - ends[1]) / (2 * size)


def _behind(trace: Trace, variable: Variable) -> list[Operation]:
    """Return the forward operations through which the loss depends on a variable."""
    reached, found = {variable}, []
    for operation in trace.graph.operations:
        if operation.phase == "forward" and not reached.isdisjoint(operation.inputs):
            reached.update(operation.outputs)
            found.append(operation)
    return [operation for operation in found if variable not in operation.outputs]


def _loss_at(trace: Trace, behind: list[Operation], variable: Variable, value: np.ndarray[Any, Any]) -> float:
    """Compute the loss with another value of a variable, in float64."""
    values: dict[Variable, Any] = {variable: value}
    backend = find_backend("numpy")

    def wide(v: Variable) -> Any:
        if v not in values:
            array = trace.value(v)
            values[v] = array.astype(np.float64) if array.dtype.kind == "f" else array
        return values[v]

    assert trace.loss is not None
    for operation in behind:
        results = operation.primitive.bind(trace.names).lowered(backend)(*[wide(v) for v in operation.inputs])
        results = results if isinstance(results, tuple) else (results,)
        values.update((v, x) for v, x in zip(operation.outputs, results, strict=True) if v is not variable)
        if trace.loss in values:
            break
    return float(np.asarray(wide(trace.loss)).reshape(()))


def timed(looked: Looked, name: str) -> dict[str, Any]:
    """Run the operation that computes a variable a few times on the values of the run, and take the time."""
    trace = looked.trace
    variable = trace.graph[name]
    operation = variable.operation
    if operation is None or any(v not in trace.arrays for v in operation.inputs):
        raise DeclarationError(f"{name!r} is not computed in this run: there is nothing to time")
    plan = Plan(trace.graph, looked.backend, trace.names, fold=False)
    instruction = next(found for found in plan.instructions if found.operation is operation)
    arrays = [trace.arrays[v] for v in operation.inputs]
    times = []
    with looked.backend.running(), _running(name):
        for _ in range(REPEATS):
            begin = time.perf_counter()
            results = execute(plan, instruction, arrays)
            trace.to_numpy(results[0])
            times.append(time.perf_counter() - begin)
    middle = sorted(times)[REPEATS // 2] * 1e6
    return {"name": looked.name(variable), "microseconds": number(middle, 3), "repeats": REPEATS}
