"""Why something has no value or no gradient in a run: it was not reached, or no path leads there."""

from __future__ import annotations

from graph_engine.backward_pass import backward
from graph_engine.errors import GraphEngineError
from graph_engine.node import Variable
from graph_engine_viz.debugger.origins.reading import Reader
from graph_engine_viz.debugger.origins.report import Answer, Cause, found_at
from graph_engine_viz.debugger.origins.zeros import find_cuts

__all__ = ["explain_failure", "explain_missing", "is_cut_off"]


def explain_failure(reader: Reader, question: str) -> Answer:
    """Say where a run failed."""
    operation, error = reader.trace.failed, reader.trace.error
    if operation is None or error is None:
        return Answer(question, text=str(error))
    text, *more = str(error).splitlines()
    cause = Cause(text, next((line.strip() for line in reversed(more) if "declared at" not in line), ""))
    variable, name = operation.outputs[0], reader.name(operation)
    return Answer(question, (found_at("the failure", operation, variable, name, cause, phase=operation.phase),))


def explain_missing(reader: Reader, variable: Variable, what: str = "") -> Answer:
    """Say why a variable has no value, or no gradient; of a run that failed, where it did.

    Parameters
    ----------
    reader : Reader
    variable : Variable
    what : str
        What was asked about, where it is not its value.
    """
    trace, name = reader.trace, reader.name(variable)
    if trace.error is not None:
        return explain_failure(reader, f"the run stopped before {what or name} was reached")
    if not variable.spec.is_float:
        return Answer(f"{name} has no gradient: it holds {variable.dtype}, and only floats have gradients")
    loss = trace.outputs[0] if trace.loss is None else trace.loss
    if trace.loss is None and (loss.size != 1 or _has_one(reader, variable, loss)):
        return Answer(f"{name} has no gradient: no backward pass was run", text="trace one number: ge.sum(...)")
    if trace.loss is not None and _has_one(reader, variable, trace.loss):
        kind = "a parameter with trainable=False" if variable.kind == "parameter" else f"an {variable.kind}"
        which = f", {kind}," if variable.kind in ("parameter", "input") else ""
        return Answer(
            f"{name} has no gradient in this run: it was not computed, as {name}{which} is not among what is trained",
            text="engine.trace(loss, feeds) computes every gradient there is",
        )
    cuts = find_cuts(reader, variable)
    if cuts:
        return Answer(f"{name} has no gradient: every path from it to {reader.name(loss)} is cut", cuts)
    return Answer(
        f"{name} has no gradient: {reader.name(loss)} does not depend on it",
        text="if it should be trained, use it in what is minimised; otherwise: trainable=False",
    )


def is_cut_off(reader: Reader, variable: Variable) -> bool:
    """Return whether all ways from a variable to the one number that was asked for are cut by their nature."""
    outputs = reader.trace.outputs
    one = len(outputs) == 1 and outputs[0].size == 1 and outputs[0].spec.is_float and variable.spec.is_float
    return one and variable is not outputs[0] and not _has_one(reader, variable, outputs[0])


def _has_one(reader: Reader, variable: Variable, loss: Variable) -> bool:
    """Return whether there would be a gradient, if it were asked for."""
    if (variable, loss) not in reader.depending:
        try:
            reader.depending[variable, loss] = variable in backward(loss, [variable])
        except GraphEngineError:
            reader.depending[variable, loss] = False
    return reader.depending[variable, loss]
