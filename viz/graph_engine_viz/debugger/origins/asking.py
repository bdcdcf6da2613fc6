"""`why`: asked about a node of a run, it finds what explains its numbers."""

from __future__ import annotations

from typing import Any

from graph_engine.errors import DeclarationError, LookupFailed
from graph_engine.node import Variable
from graph_engine.trace import Trace
from graph_engine_viz.debugger.conditions import SIDES
from graph_engine_viz.debugger.origins.magnitudes import explain_size
from graph_engine_viz.debugger.origins.nonfinite import find_all, find_origins, findings_of, what_is
from graph_engine_viz.debugger.origins.reading import Reader
from graph_engine_viz.debugger.origins.report import MOST_FINDINGS, Answer
from graph_engine_viz.debugger.origins.unreached import explain_failure, explain_missing, is_cut_off
from graph_engine_viz.debugger.origins.updating import explain_update
from graph_engine_viz.debugger.origins.zeros import find_cuts
from graph_engine_viz.summary import short

__all__ = ["explain", "why"]


def why(trace: Trace, node: Variable | str | None = None, of: str | None = None) -> Answer:
    """Say why a number is what it is: where a NaN arose, where a gradient was cut, what made it large or small.

    Parameters
    ----------
    trace : Trace
        What happened; of a run that failed, as far as it got.
    node : Variable or str, optional
        What is asked about; by default the first thing in the run that is not finite.
    of : {"value", "grad", "update"}, optional
        Its value, its gradient, or its new value. By default the first of them that is not finite; where all are, its
        gradient.

    Returns
    -------
    Answer
        `print` it; `.operation`, `.line` and `.findings` are for programs.

    Examples
    --------
    >>> import graph_engine as ge
    >>> x = ge.input("x", 3)
    >>> y = ge.sqrt(x)
    >>> answer = why(ge.Engine("numpy").trace(ge.sum(y), {x: [4, 0, 1]}), "x")
    >>> answer.findings[0].where, answer.findings[0].cause.text
    ('in the backward rule of sqrt, at divide', 'the derivative of sqrt is infinite at 0, though its value is finite')
    """
    if not isinstance(trace, Trace):
        raise DeclarationError(
            f"why asks about a run, a Trace, not about {type(trace).__name__}",
            "trace = step.trace(...) of a compiled step, or engine.trace(loss, feeds); then why(trace)",
        )
    return explain(Reader(trace), node, of)


def explain(reader: Reader, node: Variable | str | None = None, of: str | None = None) -> Answer:
    """Answer as `why` does, of a run that is asked about more than once."""
    trace = reader.trace
    if of is not None and of not in SIDES:
        raise DeclarationError(f"one can ask about {', '.join(SIDES)}, not {of!r}")
    if node is None:
        return _first(reader)
    variable = trace.graph[node]
    if variable not in trace.graph:
        raise LookupFailed(f"{variable.name!r} is not a part of what was run: nothing that was asked for depends on it")
    side = of or _side(reader, variable)
    if side == "value":
        return _about(reader, variable, reader.name(variable))
    if side == "update":
        new = trace.updates.get(variable)
        if trace.error is not None and (new is None or not reader.has(new)):
            return explain_missing(reader, variable, f"the new value of {reader.name(variable)}")
        if new is None:
            cure = "give it to the optimiser: optimizer.minimize(loss, [...])" if trace.updates else "trace a step"
            raise LookupFailed(f"{reader.name(variable)!r} was not updated", cure)
        if reader.non_finite(new):
            return _about(reader, new, f"the new value of {reader.name(variable)}")
        return explain_update(reader, variable, new)
    return _about_gradient(reader, variable)


def _first(reader: Reader) -> Answer:
    found = find_all(reader)
    if not found and reader.trace.error is not None:
        return explain_failure(reader, "the run stopped")
    if not found:
        return Answer("everything in this run is finite", text="ask about a node: why(trace, 'w')")
    (first, mask), findings = next(iter(found.items())), findings_of(reader, found)
    more = f"it arose in {len(found):,} places, of which these are the first" if len(found) > MOST_FINDINGS else ""
    return Answer(f"{reader.name(first)} holds {what_is(reader.array(first)[mask])}", findings, more)


def _side(reader: Reader, variable: Variable) -> str:
    held = {
        "value": variable,
        "grad": reader.gradient(variable),
        "update": reader.trace.updates.get(variable),
    }
    for side, found in held.items():
        if found is not None and reader.has(found) and reader.non_finite(found):
            return side
    if variable.gradient is not None:
        return "value"
    return "grad" if reader.trace.loss is not None or is_cut_off(reader, variable) else "value"


def _about(reader: Reader, variable: Variable, name: str) -> Answer:
    if not reader.has(variable):
        return explain_missing(reader, variable)
    array = reader.array(variable)
    if not reader.non_finite(variable):
        return Answer(f"{name} is finite{_extent(array)}")
    return Answer(f"{name} holds {what_is(array)}", find_origins(reader, variable))


def _about_gradient(reader: Reader, variable: Variable) -> Answer:
    name = f"the gradient of {reader.name(variable)}"
    gradient = reader.gradient(variable)
    if gradient is None:
        return explain_missing(reader, variable, name)
    if reader.non_finite(gradient):
        return _about(reader, gradient, name)
    if reader.all_zero(gradient):
        return Answer(f"{name} is zero", find_cuts(reader, variable))
    return explain_size(reader, variable, gradient)


def _extent(array: Any) -> str:
    if not array.size:
        return ": it has no elements"
    if array.dtype.kind not in "fiu":
        return ""
    largest = max(abs(float(array.min())), abs(float(array.max())))
    return f"; its largest magnitude is {short(largest)}"
