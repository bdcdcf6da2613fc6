"""A run once more with some values replaced: what does not depend on them is taken over as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graph_engine.backend import Backend
from graph_engine.errors import FeedError
from graph_engine.executing import execute
from graph_engine.failures import run_error
from graph_engine.feeds import upload
from graph_engine.node import Variable
from graph_engine.plan import Plan
from graph_engine.trace import Trace
from graph_engine_viz.debugger.overlay import Overlay

__all__ = ["rerun"]


def rerun(trace: Trace, changes: Mapping[Variable, Any], backend: Backend) -> Trace:
    """Run what depends on some values, with others in their place.

    Parameters
    ----------
    trace : Trace
        Left as it is; the new one shares what has not changed.
    changes : mapping of Variable to array_like
        Of the variables' shapes and kinds.
    backend : Backend
        The one whose arrays the trace holds.

    Returns
    -------
    Trace
        Where the run fails now it ends there, with `error` and `failed`; where it failed before it may go on.

    Raises
    ------
    FeedError
        Where a value does not fit; nothing has run.
    """
    plan = Plan(trace.graph, backend, trace.names, fold=False)
    fitting = {variable: _fitting(plan, variable, value) for variable, value in changes.items()}
    arrays, changed = Overlay.on(trace.arrays, fitting), set(changes)
    result = Trace(
        trace.graph, trace.outputs, trace.loss, trace.gradients, trace.updates, arrays, trace.to_numpy, trace.names
    )
    with backend.running():
        for position, instruction in enumerate(plan.instructions):
            operation = instruction.operation
            asked = any(v not in trace.arrays for v in operation.outputs) or not changed.isdisjoint(operation.inputs)
            if not asked or all(v in changes for v in operation.outputs):
                continue
            try:
                values = execute(plan, instruction, [arrays[v] for v in operation.inputs])
            except Exception as error:
                result.error, result.failed = run_error(plan, instruction, error), operation
                later = (v for rest in plan.instructions[position:] for v in rest.operation.outputs)
                arrays.hidden.update(v for v in later if v not in changes)
                break
            arrays.above.update((v, x) for v, x in zip(operation.outputs, values, strict=True) if v not in changes)
            changed.update(operation.outputs)
            arrays.fixed.difference_update(v for v in operation.outputs if v not in changes)
    return result


def _fitting(plan: Plan, variable: Variable, value: Any) -> Any:
    """Return a value as an array of the backend, of the shape that the variable had in this run."""
    array = upload(plan.backend, variable, value, True)
    wanted = plan.shapes[plan.slots[variable]]
    if tuple(array.shape) != wanted:
        name = plan.graph.name_of(variable)
        raise FeedError(f"{name!r} is {wanted} in this run, and the new value is {tuple(array.shape)}")
    return array
