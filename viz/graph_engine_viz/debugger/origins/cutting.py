"""Why nothing is handed down through a use of a variable although something arrived."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from graph_engine.node import Operation, Variable
from graph_engine.spec import NUMPY_DTYPES
from graph_engine_viz.debugger.origins.cancelling import cancelled, carrying, freed, of_rule
from graph_engine_viz.debugger.origins.causes import at
from graph_engine_viz.debugger.origins.families import DEAD, FAMILIES
from graph_engine_viz.debugger.origins.magnitudes import factors
from graph_engine_viz.debugger.origins.reading import Array, Place, Reader
from graph_engine_viz.debugger.origins.reasons import FOR_DEAD, factor, flat, multiplied
from graph_engine_viz.debugger.origins.report import Cause
from graph_engine_viz.debugger.origins.trends import main_trend
from graph_engine_viz.summary import short

__all__ = ["dead_before", "why_cut"]


def why_cut(reader: Reader, operation: Operation, position: int, part: Array | None = None) -> Cause:
    """Say why nothing is handed down through a use although something arrived.

    Parameters
    ----------
    reader : Reader
    operation : Operation
    position : int
        Which of its inputs is looked at.
    part : array, optional
        Marks the elements of it that are looked at; by default all.
    """
    term, family = reader.terms[operation, position], FAMILIES.get(operation.primitive.name)
    if not reader.size(operation.inputs[position]):
        cure = "an empty batch, or an empty selection: look at where it comes from"
        return Cause(f"{reader.name(operation.inputs[position])} has no elements", cure)
    underflowed = _underflowed(reader, operation, term)
    if underflowed is not None:
        return underflowed
    if np.any(freed(reader, operation, term)[... if part is None else part]):
        return cancelled(reader, operation, position)
    return (
        (None if family is None else family.whole(reader, operation, position))
        or _lost_on_the_way(reader, operation, term)
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
    if not variable.spec.is_float or not reader.has(variable) or not reader.all_zero(variable):
        return None
    found = variable.operation
    while found is not None:
        zero = (v.operation for v in found.inputs if v.spec.is_float and reader.all_zero(v))
        further = next((maker for maker in zero if maker is not None), None)
        if further is None:
            break
        found = further
    if found is None or FAMILIES.get(found.primitive.name) is not DEAD or reader.all_zero(found.inputs[0]):
        return None
    return found


def _underflowed(reader: Reader, operation: Operation, term: Variable) -> Cause | None:
    """See a product that is not zero become too small for its dtype."""
    upstream = reader.arrived(operation)
    exact = _too_small(reader, operation, term, upstream, carrying(reader, operation, upstream))
    if exact is None:
        return None
    smallest = float(np.finfo(NUMPY_DTYPES[term.dtype]).smallest_subnormal)
    text = f"what is handed down, {short(exact)}, is too small for {term.dtype}: at least {short(smallest)}"
    trend = main_trend(factors(reader, operation.outputs[0]))
    if trend is not None:
        return Cause(f"{text}; it shrank on its way: {trend.cause.text}", trend.cause.cure)
    largest = max(float(np.max(np.abs(reader.array(g)), initial=0.0)) for g in upstream)
    return Cause(
        f"{text}; the gradient that arrived was at most {short(largest)}",
        "scale the loss and divide the gradients by the same number, or compute this part in a wider dtype",
    )


def _lost_on_the_way(reader: Reader, operation: Operation, term: Variable) -> Cause | None:
    """See a part of a derivative, as the square in that of a cube, become too small for its dtype."""
    exact = _too_small(reader, operation, term, reader.arrived(operation))
    if exact is None:
        return None
    text = f"the derivative of {operation.primitive.name} is not 0, but {short(exact)}, on the way to it, is too small"
    return Cause(f"{text} for {term.dtype}", "compute this part in a wider dtype")


def _too_small(
    reader: Reader,
    operation: Operation,
    term: Variable,
    upstream: list[Variable],
    among: Collection[Variable] | None = None,
) -> float | None:
    """Go back through a rule, from a zero to where a number became too small, and return what it should be.

    Parameters
    ----------
    among : collection of Variable, optional
        The zeros that are gone back to; by default all.
    """
    stack, seen = [term], set(upstream)
    while stack:
        zero = stack.pop()
        maker = zero.operation
        if zero in seen or maker is None or not of_rule(maker, operation) or not reader.size(zero):
            continue
        seen.add(zero)
        exact = _largest_exactly(reader, maker, zero)
        if exact > 0:
            if exact < float(np.finfo(NUMPY_DTYPES[zero.dtype]).smallest_subnormal):
                return exact
            continue
        looked_at = [v for v in maker.inputs if among is None or v in among]
        zeros = [v for v in looked_at if v.spec.is_float and reader.has(v) and reader.all_zero(v)]
        stack += reversed(zeros)
    return None


def _largest_exactly(reader: Reader, maker: Operation, zero: Variable) -> float:
    """Return how large a zero would be in double precision; 0 where what it was computed from is not known."""
    if not all(reader.has(v) for v in maker.inputs):
        return 0.0
    exact = np.abs(Place(reader, maker, zero, (0,) * len(reader.shape(zero))).exactly)
    return float(np.nanmax(exact, initial=0.0))
