"""Why something has no value or no gradient in a run: it was not reached, or no path leads there."""

from __future__ import annotations

from graph_engine.node import Variable
from graph_engine_viz.debugger.origins.cause import Cause
from graph_engine_viz.debugger.origins.reading import Reader
from graph_engine_viz.debugger.origins.report import Answer, Finding
from graph_engine_viz.debugger.origins.zeros import find_cuts

__all__ = ["explain_missing"]


def explain_missing(reader: Reader, variable: Variable) -> Answer:
    """Say why a variable has no value, or no gradient."""
    trace, name = reader.trace, reader.name(variable)
    if trace.error is not None:
        operation = trace.failed
        where = "" if operation is None else f"at {reader.name(operation)}"
        line = None if operation is None else operation.line
        text = str(trace.error).splitlines()[0]
        outputs = operation.outputs if operation is not None else (variable,)
        failure = Finding("the failure", operation, outputs[0], "forward", line, where, Cause(text))
        return Answer(f"the run stopped before {name} was reached", (failure,))
    if trace.loss is None:
        return Answer(f"{name} has no gradient: no backward pass was run", text="trace one number: ge.sum(...)")
    loss = reader.name(trace.loss)
    if not variable.spec.is_float:
        return Answer(f"{name} has no gradient: it holds {variable.dtype}, and only floats have gradients")
    cuts = find_cuts(reader, variable)
    if cuts:
        return Answer(f"{name} has no gradient: every path from it to {loss} is cut", cuts)
    return Answer(f"{name} has no gradient: {loss} does not depend on it")
