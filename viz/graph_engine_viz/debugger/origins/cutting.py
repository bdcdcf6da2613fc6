"""Why nothing is handed down through a use of a variable although something arrived."""

from __future__ import annotations

import numpy as np

from graph_engine.node import Operation, Variable
from graph_engine.spec import NUMPY_DTYPES
from graph_engine_viz.debugger.origins.cancelling import shared_evenly, spread_and_summed
from graph_engine_viz.debugger.origins.cause import Cause
from graph_engine_viz.debugger.origins.causes import at
from graph_engine_viz.debugger.origins.families import DEAD, FAMILIES
from graph_engine_viz.debugger.origins.magnitudes import factors
from graph_engine_viz.debugger.origins.reading import Place, Reader
from graph_engine_viz.debugger.origins.reasons import FOR_DEAD, factor, flat, multiplied
from graph_engine_viz.debugger.origins.trends import telling
from graph_engine_viz.summary import short

__all__ = ["dead_before", "why_cut"]


def why_cut(reader: Reader, operation: Operation, position: int, term: Variable) -> Cause:
    """Say why nothing is handed down through a use although something arrived.

    Parameters
    ----------
    reader : Reader
    operation : Operation
    position : int
        Which of its inputs is looked at.
    term : Variable
        What was handed down to it.
    """
    family = FAMILIES.get(operation.primitive.name)
    return (
        _underflowed(reader, operation, term)
        or spread_and_summed(reader, operation, position)
        or (None if family is None else family.whole(reader, operation, position))
        or shared_evenly(reader, operation, position)
        or flat(reader, operation, position)
    )


def dead_before(reader: Reader, operation: Operation, position: int) -> tuple[Operation, Cause] | None:
    """Find a dead unit further back that left only zeros to an operation, which hands nothing down because of them.

    It is before the input that is looked at, where the derivative at 0 is 0, or before what that is multiplied by.
    """
    own, family = operation.inputs[position], FAMILIES.get(operation.primitive.name)
    others = multiplied(operation) if family is not None and family.whole is factor else ()
    for variable in (own, *others):
        found = _dead(reader, variable)
        if found is None:
            continue
        name, largest = found.primitive.name, reader.array(found.inputs[0]).max()
        here = f"{operation.primitive.name} ({at(operation)})"
        after = f"{here}, whose derivative at 0 is taken as 0" if variable is own else f"{here}, which multiplies by it"
        text = (
            f"dead {name}: all its inputs are at most 0 (the largest is {short(largest)}), so that it gives nothing "
            f"but 0; so does what follows, up to {after}"
        )
        return found, Cause(text, FOR_DEAD)
    return None


def _dead(reader: Reader, variable: Variable) -> Operation | None:
    """Find the dead unit because of which a variable is zero."""
    found = None
    if not variable.spec.is_float or not reader.has(variable) or not reader.all_zero(variable):
        return None
    while variable.operation is not None and variable.operation is not found:
        found = variable.operation
        zero = (v for v in found.inputs if v.operation is not None and v.spec.is_float and reader.all_zero(v))
        variable = next(zero, variable)
    if found is None or FAMILIES.get(found.primitive.name) is not DEAD or reader.all_zero(found.inputs[0]):
        return None
    return found


def _underflowed(reader: Reader, operation: Operation, term: Variable) -> Cause | None:
    """See a product that is not zero become too small for its dtype."""
    upstream = [g for v in operation.outputs if (g := reader.gradient(v)) is not None]
    exact = _too_small(reader, operation, term, upstream)
    if exact is None:
        return None
    smallest = float(np.finfo(NUMPY_DTYPES[term.dtype]).smallest_subnormal)
    text = f"what is handed down, {short(exact)}, is too small for {term.dtype}: at least {short(smallest)}"
    trend = telling(factors(reader, operation.outputs[0]))
    if trend is not None:
        return Cause(f"{text}; it shrank on its way: {trend.cause.text}", trend.cause.cure)
    largest = max(float(np.max(np.abs(reader.array(g)), initial=0.0)) for g in upstream)
    return Cause(
        f"{text}; the gradient that arrived was at most {short(largest)}",
        "scale the loss and divide the gradients by the same number, or compute this part in a wider dtype",
    )


def _too_small(reader: Reader, operation: Operation, zero: Variable, upstream: list[Variable]) -> float | None:
    """Go back through a rule, from a zero to where a gradient became too small, and return what it should be."""
    maker = zero.operation
    if zero in upstream or maker is None or not _of_rule(maker, operation) or not reader.array(zero).size:
        return None
    if all(reader.has(v) for v in maker.inputs):
        exact = np.abs(Place(reader, maker, zero, (0,) * reader.array(zero).ndim).exactly)
        largest = float(np.nanmax(exact, initial=0.0))
        if largest > 0:
            return largest if largest < float(np.finfo(NUMPY_DTYPES[zero.dtype]).smallest_subnormal) else None
    zeros = (v for v in maker.inputs if v.spec.is_float and reader.has(v) and reader.all_zero(v))
    deeper = (_too_small(reader, operation, v, upstream) for v in zeros if _comes_of(v, operation, upstream))
    return next((found for found in deeper if found is not None), None)


def _comes_of(variable: Variable, operation: Operation, upstream: list[Variable]) -> bool:
    """Return whether a part of an operation's rule was computed from the gradient that arrived."""
    maker = variable.operation
    if maker is None or not _of_rule(maker, operation):
        return variable in upstream
    return variable in upstream or any(_comes_of(v, operation, upstream) for v in maker.inputs)


def _of_rule(maker: Operation, operation: Operation) -> bool:
    return maker.phase == "backward" and maker.owner is operation
