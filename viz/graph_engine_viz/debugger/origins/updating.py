"""Why a parameter is what it is after an update: why it did not change, and by how much it did."""

from __future__ import annotations

import numpy as np

from graph_engine.node import Operation, Variable
from graph_engine_viz.debugger.origins.nonfinite import find_origins
from graph_engine_viz.debugger.origins.reading import Array, Place, Reader
from graph_engine_viz.debugger.origins.report import Answer, Cause, Finding, found_at
from graph_engine_viz.debugger.origins.zeros import find_cuts
from graph_engine_viz.debugger.quantities import measure
from graph_engine_viz.summary import short

__all__ = ["explain_update"]


def explain_update(reader: Reader, parameter: Variable, new: Variable) -> Answer:
    """Answer about a new value that is finite."""
    name = f"the new value of {reader.name(parameter)}"
    old, now = reader.array(parameter).astype(np.float64), reader.array(new).astype(np.float64)
    if not np.array_equal(old, now):
        change, size = (measure(np, array, ["rms"])["rms"] for array in (now - old, old))
        ratio = f", {short(change / size, 3)} of its own RMS" if size else ""
        still = float(np.mean(old == now))
        stayed = f"; {still:.0%} of it did not change" if still else ""
        return Answer(f"{name} is finite; it changed by RMS {short(change, 3)}{ratio}{stayed}")
    if not old.size:
        return Answer(f"{name} has no elements")
    gradient = reader.gradient(parameter)
    if gradient is not None and reader.all_zero(gradient):
        return Answer(f"{name} is the old one: its gradient is zero", find_cuts(reader, parameter))
    return Answer(f"{name} is the old one, though its gradient is not zero", _standing(reader, parameter, new))


def _standing(reader: Reader, parameter: Variable, new: Variable) -> tuple[Finding, ...]:
    """Go back from the new value to what made the change nothing."""
    operation, old = new.operation, reader.array(parameter)
    if operation is None:
        return ()
    wide = operation.inputs[0]
    if operation.primitive.name == "astype" and not _same(reader, wide, old):
        return (_lost(reader, operation, parameter, reader.array(wide) - old.astype(wide.dtype)),)
    steps = [v for v in operation.inputs if v.spec.is_float and not _same(reader, v, old)]
    if operation.primitive.name not in ("add", "subtract") or len(steps) != 1:
        cause = Cause(f"{operation.primitive.name} gives back what was there", "look at what it is computed from")
        return (_finding(reader, operation, parameter, cause),)
    if not reader.all_zero(steps[0]):
        return (_lost(reader, operation, parameter, reader.array(steps[0])),)
    return _of_zero(reader, steps[0], parameter)


def _lost(reader: Reader, operation: Operation, parameter: Variable, change: Array) -> Finding:
    """Tell of a change that is less than the spacing of the numbers it is added to."""
    largest = float(np.max(np.abs(change)))
    spacing = float(np.min(np.spacing(np.abs(reader.array(parameter)))))
    cause = Cause(
        f"the change, at most {short(largest)}, is lost in rounding: {parameter.dtype} numbers of this size lie "
        f"{short(spacing)} apart or more",
        "a larger learning rate, or keep the parameter in a wider dtype",
    )
    return _finding(reader, operation, parameter, cause)


def _of_zero(reader: Reader, change: Variable, parameter: Variable) -> tuple[Finding, ...]:
    """Go back from a change of zero to the factor that is, or to the infinity that something was divided by."""
    operation = change.operation
    while operation is not None:
        infinite = next((v for v in operation.inputs if reader.non_finite(v)), None)
        if infinite is not None:
            text = f"{operation.primitive.name} by {reader.name(infinite)}, which is not finite, gives 0"
            cause = Cause(text, "mend where that comes from")
            return (_finding(reader, operation, parameter, cause), *find_origins(reader, infinite))
        zero = [v for v in operation.inputs if v.spec.is_float and reader.all_zero(v)]
        inner = next((v for v in zero if v.operation is not None and v.operation.phase == "update"), None)
        if inner is None:
            return (_finding(reader, operation, parameter, _nothing(reader, operation, zero)),)
        operation = inner.operation
    given = Finding("zero", None, change, "update", change.line, f"in {change.name}", Cause("it is 0", "look at it"))
    return (given,)


def _nothing(reader: Reader, operation: Operation, zero: list[Variable]) -> Cause:
    if not zero:
        output, name = operation.outputs[0], operation.primitive.name
        if np.any(Place(reader, operation, output, (0,) * len(reader.shape(output))).exactly):
            text = f"the result of {name} is too small for {output.dtype}"
            return Cause(text, "a larger learning rate, or a wider dtype")
        return Cause(f"{name} of what it is given is 0", "look at what the change is computed from")
    names = ", ".join(f"{reader.name(v)} ({v.kind})" for v in zero)
    return Cause(
        f"{operation.primitive.name} of what is 0: {names}",
        "look at the learning rate and its schedule, and at what gradients are clipped to",
    )


def _finding(reader: Reader, operation: Operation, parameter: Variable, cause: Cause) -> Finding:
    return found_at("a change of zero", operation, parameter, reader.name(operation), cause, phase=operation.phase)


def _same(reader: Reader, variable: Variable, old: Array) -> bool:
    return np.array_equal(reader.array(variable), old)
