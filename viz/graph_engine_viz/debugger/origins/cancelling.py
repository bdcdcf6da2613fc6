"""Gradients that cancel: the terms that come back add up to nothing, or to what rounding leaves of it."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from graph_engine.node import Operation, Variable
from graph_engine.spec import NUMPY_DTYPES
from graph_engine_viz.debugger.origins.elements import SOFTMAXES
from graph_engine_viz.debugger.origins.reading import Array, Reader
from graph_engine_viz.debugger.origins.report import Cause, Factor, Finding, found_at
from graph_engine_viz.debugger.quantities import measure
from graph_engine_viz.summary import short

__all__ = ["cancelled", "carrying", "find_cancelled", "freed", "of_rule", "terms_cancel"]

SHARING = SOFTMAXES - {"log_softmax"}
ROUNDING = 100
"""How many times the smallest step of a dtype from 1 is taken for rounding."""

LEAST_LEFT = 1e-3
"""What is left of more than this share is not taken for rounding, however coarse a dtype is."""


def cancelled(reader: Reader, operation: Operation, position: int) -> Cause:
    """Tell of what comes back to one input of an operation and cancels."""
    return _shared_evenly(reader, operation, position) or Cause(
        f"{operation.primitive.name} would hand down other gradients; those that come back to it cancel",
        "look at what undoes it later, as a normalisation undoes a bias in front of it (bias=False); at a minimum it "
        "is right",
    )


def freed(reader: Reader, operation: Operation, term: Variable) -> Array:
    """Compute what an operation would hand down, if what arrived were positive, and as large, but not as it is.

    What is not zero here and is in the run cancels there: it is not cut. It is zero of what cannot be computed again.
    """
    upstream = reader.arrived(operation)
    random, held = np.random.default_rng(0), dict[Variable, Array]()
    for gradient in upstream:
        array = reader.array(gradient)
        held[gradient] = (np.abs(array) * random.uniform(1, 2, array.shape)).astype(array.dtype)
    computed = sorted(carrying(reader, operation, upstream) - held.keys(), key=lambda v: v.index)
    for rule in dict.fromkeys(v.operation for v in computed):
        if rule is None or not all(v in held or reader.has(v) for v in rule.inputs):
            break
        results = reader.compute(rule, [held[v] if v in held else reader.array(v) for v in rule.inputs])
        held.update(zip(rule.outputs, results, strict=False))
    found = held.get(term)
    return np.zeros(reader.shape(term)) if found is None else np.where(np.isfinite(found), found, 0)


def carrying(reader: Reader, operation: Operation, upstream: Iterable[Variable]) -> set[Variable]:
    """Find what an operation's rule computed from the gradients that arrived."""
    stack = list(upstream)
    seen = set(stack)
    while stack:
        users = [user for user, _ in reader.trace.graph.consumers.get(stack.pop(), ()) if of_rule(user, operation)]
        fresh = {v for user in users for v in user.outputs} - seen
        stack += fresh
        seen |= fresh
    return seen


def of_rule(maker: Operation, operation: Operation) -> bool:
    """Return whether an operation is a part of the backward rule of another one."""
    return maker.phase == "backward" and maker.owner is operation


def find_cancelled(reader: Reader, found: tuple[Factor, ...]) -> tuple[Finding, ...]:
    """Find where so little is left of a gradient that it is rounding: what it is the sum of cancelled."""
    passed = [factor.operation.inputs[factor.position] for factor in reversed(found)]
    several = next((finding for v in passed if (finding := terms_cancel(reader, v)) is not None), None)
    if several is not None:
        return (several,)
    for factor in found:
        operation = factor.operation
        variable = operation.inputs[factor.position]
        term = reader.terms.get((operation, factor.position))
        if term is None or not factor.factor < LEAST_LEFT or not all(map(reader.has, operation.outputs)):
            continue  # as of a loss that was scaled: only its gradient was computed
        size = measure(np, freed(reader, operation, term), ["rms"])["rms"]
        if factor.left < min(ROUNDING * float(np.finfo(NUMPY_DTYPES[variable.dtype]).eps), LEAST_LEFT) * size:
            cause = cancelled(reader, operation, factor.position)
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
    if not math.isfinite(largest) or not largest or reader.rms(gradient) > min(rounding, LEAST_LEFT) * largest:
        return None
    names = ", ".join(dict.fromkeys(reader.name(use) for use, _, _ in terms))
    left = "nothing" if reader.all_zero(gradient) else "nothing but rounding"
    text = f"what comes back from its uses, {names}, has RMS {short(largest, 3)} and cancels: {left} is left"
    cure = "the loss does not change with it, as it stands; look at whether one of these uses undoes the other"
    what = "zero" if left == "nothing" else left
    return found_at(what, maker, variable, reader.name(maker), Cause(text, cure))


def _shared_evenly(reader: Reader, operation: Operation, position: int) -> Cause | None:
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
