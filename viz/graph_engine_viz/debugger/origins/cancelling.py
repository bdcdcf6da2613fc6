"""Gradients that cancel: the terms that come back add up to nothing, or to what rounding leaves of it."""

from __future__ import annotations

import math

import numpy as np

from graph_engine.node import Operation, Variable
from graph_engine.spec import NUMPY_DTYPES
from graph_engine_viz.debugger.origins.cause import Cause
from graph_engine_viz.debugger.origins.reading import Array, Reader
from graph_engine_viz.debugger.origins.reasons import WITH_BIAS
from graph_engine_viz.debugger.origins.report import Factor, Finding, found_at
from graph_engine_viz.summary import short

__all__ = ["cancelled", "find_cancelled", "shared_evenly", "spread_and_summed", "terms_cancel"]

ADDING = ("add", "subtract", "broadcast_to")
SHARING = ("softmax", "masked_softmax")
ROUNDING = 100
"""How many times the smallest step of a dtype from 1 is taken for rounding."""


def cancelled(reader: Reader, operation: Operation, position: int) -> Cause | None:
    """See what comes back to one input of an operation cancel."""
    return spread_and_summed(reader, operation, position) or shared_evenly(reader, operation, position)


def find_cancelled(reader: Reader, found: tuple[Factor, ...]) -> tuple[Finding, ...]:
    """Find where so little is left of a gradient that it is rounding: what it is the sum of cancelled."""
    passed = [factor.operation.inputs[factor.position] for factor in reversed(found)]
    several = next((finding for v in passed if (finding := terms_cancel(reader, v)) is not None), None)
    if several is not None:
        return (several,)
    for factor in found:
        operation = factor.operation
        variable = operation.inputs[factor.position]
        if not all(map(reader.has, (*operation.inputs, *operation.outputs))):
            continue  # as of a loss that was scaled: only its gradient was computed
        terms = reader.array(operation.outputs[0]).size / max(reader.array(variable).size, 1)
        smallest = max(ROUNDING, 10 * math.sqrt(terms)) * float(np.finfo(NUMPY_DTYPES[variable.dtype]).eps)
        cause = cancelled(reader, operation, factor.position) if factor.factor < min(smallest, 1e-3) else None
        if cause is not None:
            told = Cause(f"{cause.text}; what is left is rounding", cause.cure)
            return (found_at("nothing but rounding", operation, variable, factor.name, told),)
    return ()


def terms_cancel(reader: Reader, variable: Variable) -> Finding | None:
    """See what comes back from several uses of a variable add up to nothing, or to rounding."""
    gradient = reader.gradient(variable)
    maker = None if gradient is None else gradient.operation
    if gradient is None or maker is None or maker.primitive.name != "accumulate":
        return None
    terms = reader.trace.terms(variable)
    largest = max((reader.rms(term) for _, _, term in terms), default=0.0)
    rounding = ROUNDING / 5 * float(np.finfo(NUMPY_DTYPES[variable.dtype]).eps)
    if not math.isfinite(largest) or not largest or reader.rms(gradient) > min(rounding, 1e-3) * largest:
        return None
    names = ", ".join(dict.fromkeys(reader.name(use) for use, _, _ in terms))
    left = "nothing" if reader.all_zero(gradient) else "nothing but rounding"
    text = f"what comes back from its uses, {names}, has RMS {short(largest, 3)} and cancels: {left} is left"
    cure = "the loss does not change with it, as it stands; look at whether one of these uses undoes the other"
    what = "zero" if left == "nothing" else left
    return found_at(what, maker, variable, reader.name(maker), Cause(text, cure))


def spread_and_summed(reader: Reader, operation: Operation, position: int) -> Cause | None:
    """See contributions of one number to many add up to nothing."""
    name, x, y = operation.primitive.name, operation.inputs[position], operation.outputs[0]
    added = name in ADDING or (name in WITH_BIAS and position == 2)
    if not added or reader.array(x).size >= reader.array(y).size:
        return None
    return Cause(
        f"it is added to {reader.array(y).size:,} numbers, and the gradients that come back from there cancel",
        "a bias in front of a normalisation has no effect: bias=False; otherwise look at what undoes it later",
    )


def shared_evenly(reader: Reader, operation: Operation, position: int) -> Cause | None:
    """See the same gradient arrive at all of a group whose sum never changes."""
    primitive, name = operation.primitive, operation.primitive.name
    upstream = reader.gradient(operation.outputs[0])
    if position or upstream is None:
        return None
    arrived, taking_part = reader.array(upstream), np.ones((), dtype=bool)
    if name in SHARING:
        taking_part, axes = reader.array(operation.outputs[0]) != 0, (getattr(primitive, "axis", -1),)
    elif getattr(primitive, "centred", False):
        arrived = arrived * reader.array(operation.inputs[1]) if len(operation.inputs) > 1 else arrived
        axes = tuple(getattr(primitive, "axes", ()))
    else:
        return None
    if not _same_along(arrived, taking_part, axes):
        return None
    return Cause(
        f"the same gradient arrives at all that {name} takes together, and their sum is always the same",
        "the loss must tell them apart: it depends on nothing but their sum or mean",
    )


def _same_along(array: Array, mask: Array, axes: tuple[int, ...]) -> bool:
    """Return whether all numbers for which a mask holds are the same along some dimensions."""
    if not array.size or not np.isfinite(array).all():
        return False
    largest = np.where(mask, array, -np.inf).max(axis=axes)
    smallest = np.where(mask, array, np.inf).min(axis=axes)
    return bool(np.all(largest <= smallest))
