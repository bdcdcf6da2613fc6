"""Why a number is not finite, and what helps: rules by primitive, tried in order.

A rule is asked about one element (`Place`) of which no input is NaN. It returns a cause and a cure, or None.
"""

from __future__ import annotations

import math
from collections import deque

import numpy as np

from graph_engine.node import Operation, Variable
from graph_engine.spec import NUMPY_DTYPES
from graph_engine_viz.debugger.origins.cures import for_argument, for_exp, for_log_of_zero, for_root, small
from graph_engine_viz.debugger.origins.elements import link, not_finite_before
from graph_engine_viz.debugger.origins.reading import Place
from graph_engine_viz.debugger.origins.report import Cause
from graph_engine_viz.debugger.origins.tensors import OF_TENSORS, Rule, explain_rest, infinite_inputs
from graph_engine_viz.summary import short

__all__ = ["at", "find_cause", "not_taken"]


def find_cause(place: Place) -> Cause:
    """Say why an element is NaN or infinite although what it was computed from is not NaN."""
    rules: list[Rule] = []
    if place.owner is not None:
        rules += [not_taken, *OF_RULES.get(place.owner.primitive.name, ())]
    name = place.primitive
    rules += [*OF_PRIMITIVES.get(name, ()), *OF_TENSORS.get(name, ())]
    for rule in rules:
        cause = rule(place)
        if cause is not None:
            return cause
    bad = not_finite_before(place)
    return infinite_inputs(place, bad) if bad else _overflow(place) or explain_rest(place)


# ---- forward, and any operation --------------------------------------------------------------------------------


def _log(place: Place) -> Cause | None:
    (x,) = place.inputs
    if x is None or x > 0:
        return None
    if x < 0:
        return Cause(f"the logarithm of a negative number, {short(x)}", "take the logarithm of what is positive")
    return Cause(
        f"the logarithm of 0{_underflowed(place)}",
        for_log_of_zero(place, place.operation.inputs[0]),
    )


def _log1p(place: Place) -> Cause | None:
    (x,) = place.inputs
    if x is None or x > -1:
        return None
    what = "0" if x == -1 else "a negative number"
    return Cause(f"log1p({short(x)}) is the logarithm of {what}", "keep its argument above -1")


def _sqrt(place: Place) -> Cause | None:
    (x,) = place.inputs
    if x is None or not x < 0:
        return None
    if place.operation.phase == "update":
        text = f"the root of a negative number, {short(x)}; the mean of squares that is kept is never negative"
        return Cause(text, "it was set, loaded or changed from outside; begin with the optimiser's own state")
    return Cause(f"the root of a negative number, {short(x)}", for_root(place))


def _divide(place: Place) -> Cause | None:
    above, below = place.inputs[0], place.inputs[-1]
    if place.primitive == "reciprocal":
        above = 1.0
    away = f"keep the divisor away from 0: x / (y + {small(place, 1e-8)})"
    cure = f"{away}, or ge.where on the divisor, before the division"
    if place.operation.phase == "update":
        cure = "an optimiser's eps keeps it away from 0; what it keeps, as its count, begins as it made it"
    if below != 0:
        if above is None or below is None or abs(below) >= 1 or not math.isinf(place.value) or math.isinf(above):
            return None
        text = f"{short(above)} divided by as little as {short(below)} is more than {place.dtype} can hold"
        return Cause(f"{text}: at most {_most(place.dtype)}", cure)
    if above == 0:
        return Cause(f"0 / 0{_underflowed(place)}", cure)
    number = "a number" if above is None else short(above)
    return Cause(f"{number} divided by 0{_underflowed(place)}", cure)


def _pow(place: Place) -> Cause | None:
    base, exponent = (*place.inputs, None)[:2]
    exponent = exponent if exponent is not None else getattr(place.operation.primitive, "exponent", None)
    if base is None or exponent is None:
        return None
    if base < 0 and exponent != int(exponent):
        text = f"a negative number, {short(base)}, to a power that is not whole, {short(exponent)}"
        return Cause(text, "take the power of a magnitude: ge.abs(x) ** p")
    if base == 0 and exponent < 0:
        cure = f"keep the base away from 0: (x + {small(place, 1e-8)}) ** p"
        return Cause(f"0 to the power of {short(exponent)}: a division by 0", cure)
    return None


def _exp(place: Place) -> Cause | None:
    (x,) = place.inputs
    if x is None or not math.isfinite(x) or math.isfinite(place.value):
        return None
    largest = _largest(place.dtype)
    return Cause(
        f"exp({short(x)}) is more than {place.dtype} can hold: at most exp({short(math.log(largest))})",
        for_exp(place),
    )


def _overflow(place: Place) -> Cause | None:
    if not math.isinf(place.value):
        return None
    text = f"{_too_large(place)} is more than {place.dtype} can hold: at most {_most(place.dtype)}"
    if place.dtype == "float16":
        less = "scale the loss by less" if place.operation.phase == "backward" else "make the numbers smaller before it"
        return Cause(text, f"compute this part in float32, or {less}")
    return Cause(text, "where numbers grow step by step: a smaller learning rate, clipped gradients, smaller weights")


def _too_large(place: Place) -> str:
    """Say what it is that a dtype cannot hold: the result, or, as in a sum, what is computed on the way to it."""
    if place.operation.primitive.elementwise and not math.isfinite(place.exact):
        return "the result"
    if not math.isfinite(place.exact):
        return "the result, or a number on the way to it,"
    held = abs(place.exact) <= _largest(place.dtype)
    return f"on the way to the result, {short(place.exact)}, a number" if held else f"the result, {short(place.exact)},"


# ---- backward rules --------------------------------------------------------------------------------------------


def not_taken(place: Place) -> Cause | None:
    """See a gradient of 0 meet an infinite derivative behind a `where` that does not take this element."""
    owner = place.owner
    if owner is None or not math.isnan(place.value):
        return None
    upstream = [(v, place.reader.gradient(v)) for v in owner.outputs]
    zero = [v for v, gradient in upstream if gradient is not None and place.element_of(gradient) == 0]
    masked = next((choice for v in zero if (choice := _where_after(place, v)) is not None), None)
    if masked is None:
        return None
    return Cause(
        f"0 × Inf: `where` ({at(masked)}) does not take this element, so that the gradient 0 comes back to "
        f"{owner.primitive.name}, whose derivative is infinite or NaN there",
        f"make the argument harmless before the function: {for_argument(owner)}; and choose with where after it, too",
    )


def _root_at_zero(place: Place) -> Cause | None:
    owner = place.owner
    assert owner is not None
    x = place.element_of(owner.inputs[0])
    if x != 0:
        return None
    return Cause(
        f"the derivative of {owner.primitive.name} is infinite at 0, though its value is finite",
        f"keep the argument away from 0: ge.sqrt(x + {small(place, 1e-12)})",
    )


def _logarithm_at_zero(place: Place) -> Cause | None:
    owner = place.owner
    assert owner is not None
    x = place.element_of(owner.inputs[0])
    if owner.primitive.name == "log" and place.primitive == "divide" and x and x > 0 and math.isinf(place.value):
        text = f"the derivative of log, 1 / x, where x is as small as {short(x)}, is more than {place.dtype} can hold"
        return Cause(text, for_log_of_zero(place, owner.inputs[0]))
    if x != (0 if owner.primitive.name == "log" else -1):
        return None
    harm = ", and 0 × Inf is NaN" if math.isnan(place.value) else ""
    return Cause(
        f"the derivative of {owner.primitive.name} is infinite where its argument is {short(x)}{harm}",
        f"keep the argument away from there: ge.log(ge.maximum(x, {small(place, 1e-12)})); log_softmax of logits",
    )


def _exponent_of_negative(place: Place) -> Cause | None:
    if place.primitive != "log" or not (place.inputs[0] or 0) < 0:
        return None
    return Cause(
        "the gradient of an exponent is the power times the logarithm of the base, which is negative here",
        "keep the base positive: ge.maximum(x, 1e-6) ** p; or the exponent out of the gradient: ge.stop_gradient(p)",
    )


def _power_at_zero(place: Place) -> Cause | None:
    owner = place.owner
    assert owner is not None
    x = place.element_of(owner.inputs[0])
    if x != 0:
        return None
    cure = f"keep the base away from 0: (x + {small(place, 1e-12)}) ** p"
    return Cause("the derivative of this power is infinite at 0", cure)


OF_PRIMITIVES: dict[str, tuple[Rule, ...]] = {
    "log": (_log,),
    "log1p": (_log1p,),
    "sqrt": (_sqrt,),
    "divide": (_divide,),
    "reciprocal": (_divide,),
    "pow": (_pow,),
    "exp": (_exp,),
    "expm1": (_exp,),
}
"""By what was computed."""

OF_RULES: dict[str, tuple[Rule, ...]] = {
    "sqrt": (_root_at_zero,),
    "pow": (_exponent_of_negative, _power_at_zero),
    "log": (_logarithm_at_zero,),
    "log1p": (_logarithm_at_zero,),
}
"""By the forward operation whose backward rule it was computed in."""


# ---- what rules ask --------------------------------------------------------------------------------------------


def _largest(dtype: str) -> float:
    return float(np.finfo(NUMPY_DTYPES[dtype]).max)


def _most(dtype: str) -> str:
    largest = _largest(dtype)
    return short(int(largest) if largest < 1e6 else largest)


def _underflowed(place: Place, depth: int = 4) -> str:
    """Say where a zero comes from, if it is a number too small for its dtype."""
    for variable, value in zip(place.operation.inputs, place.inputs, strict=True):
        before = _maker_of_zero(place, variable, value)
        if before is None:
            continue
        smallest = float(np.finfo(NUMPY_DTYPES[before.dtype]).smallest_subnormal)
        if 0 < abs(before.exact) < smallest:
            maker = before.operation
            return f": {short(before.exact)} from {maker.primitive.name} ({at(maker)}) is too small for {before.dtype}"
        further = _underflowed(before, depth - 1) if depth and before.exact == 0 else ""
        if further:
            return further
    return ""


def _maker_of_zero(place: Place, variable: Variable, value: float | None) -> Place | None:
    """Return the place at which a zero was computed; of a tensor of zeros, where it should be furthest from 0."""
    maker, shape = variable.operation, place.reader.shape(variable)
    if maker is None or not variable.spec.is_float:
        return None
    if value == 0 and shape in (place.reader.shape(place.output), ()):
        return Place(place.reader, maker, variable, place.index if shape else ())
    if not place.reader.all_zero(variable) or not place.reader.size(variable):
        return None
    exact = np.abs(Place(place.reader, maker, variable, (0,) * len(shape)).exactly)
    return Place(place.reader, maker, variable, tuple(map(int, np.unravel_index(int(np.argmax(exact)), shape))))


def _where_after(place: Place, output: Variable, most: int = 200) -> Operation | None:
    """Find a `where` that does not take what becomes of the element of an output that belongs to a place."""
    reader, mark = place.reader, np.zeros(place.reader.shape(output), dtype=bool)
    index = place.index_in(mark.shape)
    if index is None:
        return None
    mark[index] = True
    marks, queue = {output: mark}, deque([output])
    while queue and len(marks) < most:
        current = queue.popleft()
        for user, position in reader.trace.graph.consumers.get(current, ()):
            floats = [v for v in user.outputs if user.phase == "forward" and v.spec.is_float and reader.has(v)]
            fresh = {v: link(reader, v, position).forward(marks[current]) for v in floats if v not in marks}
            if user.primitive.name == "where" and fresh and not any(reached.any() for reached in fresh.values()):
                return user
            marks |= fresh
            queue += (v for v, reached in fresh.items() if reached.any())
    return None


def at(operation: Operation) -> str:
    """Say briefly where an operation was declared."""
    line = operation.line
    if line is None:
        return "its line is not known"
    return f"{line.file.replace(chr(92), '/').rpartition('/')[2]}:{line.line}"
