"""What a user means who names a place: which steps, which variables."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from graph_engine.errors import LookupFailed
from graph_engine.node import Operation, Variable
from graph_engine.trace import Step, Trace

__all__ = ["KINDS", "Scope", "all_scopes", "find_steps", "find_watched", "moments_of", "results_of", "scope_of"]

Scope = tuple[str, ...]
_PHASES = ("forward", "backward", "update")
_LINE = re.compile(r"(?:(?P<file>.+):)?(?P<line>\d{1,9})")


def find_steps(trace: Trace, what: Any, kind: str | None = None) -> tuple[str, str, frozenset[int]]:
    """Find the steps that a breakpoint means.

    Parameters
    ----------
    trace : Trace
    what : Operation, Variable, int or str
        An int is a line of the user's; a str is tried as each of `KINDS` in turn.
    kind : str, optional
        Which of them it is.

    Returns
    -------
    kind, text : str
    steps : frozenset of int

    Raises
    ------
    LookupFailed
        Where nothing answers to it.
    """
    if kind is not None and kind not in KINDS:
        raise LookupFailed(f"there is no breakpoint on a {kind!r}", f"kinds are {', '.join(KINDS)}")
    if isinstance(what, Operation):
        return "operation", trace.graph.name_of(what), _of_operation(trace, what)
    if isinstance(what, Variable):
        return "variable", trace.graph.name_of(what), _of_variable(trace, what)
    text = str(what).strip()
    for name in [kind] if kind else KINDS:
        steps = KINDS[name](trace, text)
        if steps is not None:
            return name, text, steps
    raise LookupFailed(
        f"nothing in this run is called {text!r}" + (f" as a {kind}" if kind else ""),
        f"give a variable, an operation, or the name of one; a scope, a primitive, file.py:12, or {', '.join(_PHASES)}",
    )


def scope_of(step: Step) -> Scope:
    """Return the scope that a step belongs to; updates are in that of their parameter's name."""
    if step.phase == "update" and step.variable is not None:
        return tuple(step.variable.name.split(".")[:-1])
    return step.operation.scope if step.operation is not None else ()


def _of_operation(trace: Trace, operation: Operation) -> frozenset[int]:
    return _steps(trace, lambda step: operation in _operations(step))


def _of_variable(trace: Trace, variable: Variable) -> frozenset[int]:
    made = {variable, trace.gradients.get(variable), trace.updates.get(variable)}
    return _steps(trace, lambda step: not made.isdisjoint(results_of(step)))


def _named_operation(trace: Trace, text: str) -> frozenset[int] | None:
    found = [op for op in trace.graph.operations if trace.graph.name_of(op) == text]
    return _of_operation(trace, found[0]) if found else None


def _named_variable(trace: Trace, text: str) -> frozenset[int] | None:
    try:
        return _of_variable(trace, trace.graph[text])
    except LookupFailed:
        return None


def _phase(trace: Trace, text: str) -> frozenset[int] | None:
    return _entering(trace, lambda step: step.phase == text) if text in _PHASES else None


def _line(trace: Trace, text: str) -> frozenset[int] | None:
    found = _LINE.fullmatch(text)
    if found is None:
        return None
    file, number = found["file"], int(found["line"])

    def here(step: Step) -> bool:
        line = step.line
        return line is not None and line.line == number and (not file or _same_file(line.file, file))

    return _entering(trace, here) or None


def _scope(trace: Trace, text: str) -> frozenset[int] | None:
    wanted = tuple(text.split("."))
    return _entering(trace, lambda step: ".".join(scope_of(step)[: len(wanted)]) == text) or None


def _primitive(trace: Trace, text: str) -> frozenset[int] | None:
    return _steps(trace, lambda step: any(op.primitive.name == text for op in _operations(step)[:1])) or None


KINDS: Mapping[str, Callable[[Trace, str], frozenset[int] | None]] = {
    "phase": _phase,
    "line": _line,
    "scope": _scope,
    "primitive": _primitive,
    "variable": _named_variable,
    "operation": _named_operation,
}
"""What a text may mean to a breakpoint, in the order in which it is tried."""


def _steps(trace: Trace, holds: Callable[[Step], bool]) -> frozenset[int]:
    return frozenset(step.index for step in trace.steps if holds(step))


def _entering(trace: Trace, holds: Callable[[Step], bool]) -> frozenset[int]:
    """Find the steps at which something begins to hold; a pass that begins is entered anew."""
    found, before, phase = set(), False, ""
    for step in trace.steps:
        now = holds(step)
        if now and not (before and step.phase == phase):
            found.add(step.index)
        before, phase = now, step.phase
    return frozenset(found)


def _operations(step: Step) -> list[Operation]:
    """Return what a step is of, and then what it is made of."""
    parts = [step.operation, *(substep.operation for substep in step.substeps)]
    return [operation for operation in parts if operation is not None]


def results_of(step: Step) -> list[Variable]:
    """Return what a step computes, and then what the primitives that it is made of do; each once."""
    return list(dict.fromkeys((*step.outputs, *(v for substep in step.substeps for v in substep.outputs))))


def moments_of(steps: Iterable[Step]) -> dict[Variable, tuple[int, int]]:
    """Return when each result is computed: the step, and which of its primitives; what is given has no moment."""
    found: dict[Variable, tuple[int, int]] = {}
    for step in steps:
        for position, part in enumerate(step.substeps or (step,)):
            found.update((v, (step.index, position)) for v in part.outputs)
    return found


def _same_file(path: str, wanted: str) -> bool:
    return path == wanted or os.path.basename(path) == wanted or path.endswith(os.sep + wanted)


def find_watched(trace: Trace, of: Any) -> tuple[frozenset[Variable] | None, str]:
    """Find the variables that a watchpoint means, and say which they are; None is all of them.

    Parameters
    ----------
    trace : Trace
        Of a run, or of a step that has not run.
    of : Variable, str, or several; or None
        A name is that of a scope, or of a variable; a scope is what is computed in it, and its parameters.

    Raises
    ------
    LookupFailed
        Where nothing answers to it.
    """
    if of is None:
        return None, "everything"
    scopes = all_scopes(trace)
    several = isinstance(of, Iterable) and not isinstance(of, (str, Variable))
    found = [_meant(trace, scopes, one) for one in (of if several else [of])]
    return frozenset(v for variables, _ in found for v in variables), ", ".join(text for _, text in found)


def _meant(trace: Trace, scopes: set[Scope], what: Any) -> tuple[list[Variable], str]:
    graph = trace.graph
    if isinstance(what, str) and tuple(what.split(".")) in scopes:
        computed = [op for op in graph.operations if f"{'.'.join(op.scope)}.".startswith(f"{what}.")]
        results = [v for op in computed for v in op.outputs if op.phase == "forward" or v in trace.gradients]
        return results + [p for p in graph.parameters if p.name.startswith(f"{what}.")], what
    if isinstance(what, Variable) and what not in graph:
        raise LookupFailed(f"{what.name!r} is no variable of this run", "watch what is computed in it")
    if not isinstance(what, (str, Variable)):
        raise LookupFailed(f"{what!r} is no variable", "give a variable, the name of one, a scope, or a list of them")
    try:
        return [graph[what]], graph.name_of(graph[what])
    except LookupFailed as error:
        close = get_close_matches(str(what), [".".join(scope) for scope in scopes], n=3)
        if not close:
            raise
        raise LookupFailed(error.message, f"scopes are called {', '.join(map(repr, close))}") from None


def all_scopes(trace: Trace) -> set[Scope]:
    """Return all scopes of a run's steps, and those around them."""
    scopes = {scope_of(step) for step in trace.steps}
    return {scope[:depth] for scope in scopes for depth in range(1, len(scope) + 1)}
