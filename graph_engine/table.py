"""A trace as a table of text: one line a step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from graph_engine.spec import show_shape

if TYPE_CHECKING:
    from graph_engine.node import Variable
    from graph_engine.trace import Step, Trace

_MOST_STEPS = 200


def trace_table(trace: Trace) -> str:
    """Write a trace as a table: step, phase, what was done, what came out.

    Examples
    --------
    >>> import graph_engine as ge
    >>> x = ge.input("x")
    >>> y = x * x
    >>> print(ge.Engine("numpy").trace(y, {x: 3}))
    step  phase     operation  result
       1  forward   multiply   y = 9
       2  backward  full       grad(y) = 1
       3  backward  multiply   grad(x via multiply) = 3, grad(x via multiply)_1 = 3, grad(x) = 6
    """
    rows = [("step", "phase", "operation", "result")]
    rows += [_row(trace, step) for step in trace.steps[:_MOST_STEPS]]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [f"{a:>{widths[0]}}  {b:<{max(widths[1], 8)}}  {c:<{widths[2]}}  {d}".rstrip() for a, b, c, d in rows]
    if len(trace.steps) > _MOST_STEPS:
        lines.append(f"... {len(trace.steps) - _MOST_STEPS} more steps")
    return "\n".join(lines)


def _row(trace: Trace, step: Step) -> tuple[str, str, str, str]:
    name = trace.graph.name_of(step.operation) if step.operation is not None else ""
    if step.phase == "update" and step.variable is not None:
        new = step.outputs[0]
        result = f"{trace.graph.name_of(step.variable)}: {_shown(trace, step.variable)} -> {_shown(trace, new)}"
        return str(step.index + 1), step.phase, name, result
    results = [f"{trace.graph.name_of(v)} = {_shown(trace, v)}" for v in step.outputs]
    return str(step.index + 1), step.phase, name, ", ".join(results)


def _shown(trace: Trace, variable: Variable) -> str:
    if not trace.has_value(variable):
        return "not computed"
    return show_array(trace.value(variable))


def show_array(array: np.ndarray[Any, Any]) -> str:
    """Write an array shortly: its numbers where there are few, else shape, mean and range."""
    if array.size <= 6:
        text: str = np.array2string(array, precision=4, separator=", ", floatmode="maxprec")
        return text.replace("\n", "").rstrip(".")
    if not np.issubdtype(array.dtype, np.number):
        return f"{array.dtype}{show_shape(array.shape)}"
    with np.errstate(all="ignore"):
        wide = array.astype(np.float64)
        return f"{array.dtype}{show_shape(array.shape)} mean {wide.mean():.4g} std {wide.std():.4g}"
