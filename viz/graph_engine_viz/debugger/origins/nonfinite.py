"""Where a NaN or an infinity came from: back through the operations that computed it, forward, backward or update.

The backward pass and the updates are graph too, so that one walk serves all three. It follows what is NaN as long as
there is a NaN among an operation's inputs, and then what is infinite; an infinity that was computed is the origin of
the NaN that came of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import fields, is_dataclass

import numpy as np

from graph_engine.node import Operation, Variable
from graph_engine_viz.debugger.origins.causes import Cause, find_cause, not_taken
from graph_engine_viz.debugger.origins.inside import find_bad_step, within
from graph_engine_viz.debugger.origins.parts import MOVING
from graph_engine_viz.debugger.origins.reading import Array, Element, Place, Reader
from graph_engine_viz.debugger.origins.report import Finding, words
from graph_engine_viz.debugger.origins.tensors import SOFTMAXES

__all__ = ["find_origins", "first_bad"]

MOST_ELEMENTS = 3
MOST_FINDINGS = 5


def first_bad(reader: Reader) -> Variable | None:
    """Return the first variable of a run that is not finite, in the order of computation.

    Infinities that were declared, as in masks, are left aside, and so are those that were fed if they do no harm.
    """
    meant: set[Variable] = set()
    fed: Variable | None = None
    for variable in reader.trace.graph.variables:
        if not reader.has(variable) or not reader.non_finite(variable):
            continue
        if not reader.has_nan(variable) and variable.kind == "input":
            fed = variable if fed is None else fed
            meant.add(variable)
        elif _is_meant(reader, variable, _bad_inputs(reader, variable), meant):
            meant.add(variable)
        else:
            return variable
    numbers = (v for v in reader.trace.outputs if reader.has(v) and reader.array(v).size == 1)
    asked = (*numbers, *reader.trace.gradients.values(), *reader.trace.updates.values())
    harmed = next((v for v in asked if reader.non_finite(v)), None)
    return harmed if fed is None or harmed is None else fed


def find_origins(reader: Reader, variable: Variable) -> tuple[Finding, ...]:
    """Find where what is not finite in a variable came from; the earliest first."""
    causes, towards = _walk(reader, variable)
    meant = _deliberate(reader, causes)
    sources = [v for v, behind in causes.items() if v not in meant and all(cause in meant for cause in behind)]
    sources = sorted(sources or _through(causes) or [variable], key=lambda v: v.index)
    found = (_looked_inside(reader, _finding(reader, v, _path(reader, v, towards))) for v in sources[:MOST_FINDINGS])
    return tuple({(f.operation, f.variable if f.operation is None else f.where): f for f in found}.values())


def _through(causes: dict[Variable, list[Variable]]) -> list[Variable]:
    """Find what was fed, or else where infinities that were declared first get out of their places."""
    fed = [v for v in causes if v.kind == "input"]
    mixing = [v for v in causes if v.operation is not None and causes[v] and not _keeps_places(v.operation)]
    return fed or sorted(mixing, key=lambda v: v.index)[:1]


def _keeps_places(operation: Operation) -> bool:
    name = operation.primitive.name
    return operation.primitive.elementwise or name in MOVING or name in SOFTMAXES


def _looked_inside(reader: Reader, finding: Finding) -> Finding:
    """Replace a loop in which something arose by the operation of its body, and its step."""
    step = None if finding.operation is None else find_bad_step(reader, finding.operation)
    if step is None:
        return finding
    return within(find_origins(step.reader, step.variable)[0], finding, step.text)


def _walk(reader: Reader, variable: Variable) -> tuple[dict[Variable, list[Variable]], dict[Variable, Variable | None]]:
    """Find all that is not finite behind a variable: what made it so, and the way from there."""
    causes: dict[Variable, list[Variable]] = {}
    towards: dict[Variable, Variable | None] = {variable: None}
    stack = [variable]
    while stack:
        current = stack.pop()
        causes[current] = _bad_inputs(reader, current)
        for cause in causes[current]:
            if cause not in towards:
                towards[cause] = current
                stack.append(cause)
    return causes, towards


def _bad_inputs(reader: Reader, variable: Variable) -> list[Variable]:
    """Return the inputs that made a variable NaN or infinite, if any."""
    operation = variable.operation
    bad = [] if operation is None else [v for v in dict.fromkeys(operation.inputs) if reader.non_finite(v)]
    if not bad or operation is None:
        return []
    if operation.primitive.elementwise and _arises_here(reader, operation, variable):
        return []
    nan = [v for v in bad if reader.has_nan(v)] if reader.has_nan(variable) else []
    if not nan and reader.has_nan(variable) and not_taken(_first_place(reader, variable, np.isnan)) is not None:
        return []  # the infinity behind it does no harm in the forward pass
    return nan or bad


def _first_place(reader: Reader, variable: Variable, test: Callable[[Array], Array]) -> Place:
    index = np.argwhere(test(reader.array(variable)))[0]
    assert variable.operation is not None
    return Place(reader, variable.operation, variable, tuple(map(int, index)))


def _deliberate(reader: Reader, causes: dict[Variable, list[Variable]]) -> set[Variable]:
    """Find the infinities that were declared, as in masks, and what only hands them on."""
    meant: set[Variable] = set()
    for variable in sorted(causes, key=lambda v: v.index):
        if _is_meant(reader, variable, causes[variable], meant):
            meant.add(variable)
    return meant


def _is_meant(reader: Reader, variable: Variable, behind: list[Variable], meant: set[Variable]) -> bool:
    """Return whether what is infinite was declared so, or computed from nothing but such."""
    if reader.has_nan(variable):
        return False
    if variable.kind == "input":
        return _is_mask(reader.array(variable))
    if variable.operation is None or not behind:
        return variable.kind == "constant" or (variable.operation is not None and _holds_infinity(variable.operation))
    return all(cause in meant for cause in behind)


def _is_mask(array: Array) -> bool:
    """Return whether what was fed holds nothing but -Inf and zeros, as what is added to scores does."""
    return array.ndim > 0 and bool(np.all((array == 0) | np.isneginf(array)))


def _holds_infinity(operation: Operation) -> bool:
    """Return whether an attribute is an infinity, as that of `full` or of a padding."""
    primitive = operation.primitive
    attributes = (getattr(primitive, field.name) for field in fields(primitive)) if is_dataclass(primitive) else ()
    return any(isinstance(value, float) and math.isinf(value) for value in attributes)


def _arises_here(reader: Reader, operation: Operation, variable: Variable) -> bool:
    """Return whether no element that is not finite had such an element among its inputs."""
    result = reader.array(variable)
    touched = np.zeros(result.shape, dtype=bool)
    for v in operation.inputs:
        if v.spec.is_float:
            touched |= ~np.isfinite(reader.array(v))
    return not np.any(~np.isfinite(result) & touched)


def _path(reader: Reader, variable: Variable, parents: dict[Variable, Variable | None]) -> tuple[str, ...]:
    names, current = [], variable
    while current is not None:
        names.append(reader.name(current))
        current = parents[current]  # type: ignore[assignment]
    return tuple(names)


def _finding(reader: Reader, variable: Variable, path: tuple[str, ...]) -> Finding:
    array = reader.array(variable)
    own = _own(reader, variable)
    what = _what(array[own])
    operation = variable.operation
    looked_at = own & np.isnan(array) if what != "Inf" else own
    indices = [tuple(map(int, index)) for index in np.argwhere(looked_at)[:MOST_ELEMENTS]]
    count, size = int(own.sum()), array.size
    name = reader.name(variable)
    if operation is None:
        where, cause = _given(variable, what)
        elements = tuple(Element(index, float(array[index])) for index in indices)
        return Finding(what, None, variable, "given", variable.line, where, cause, elements, count, size, path)
    places = [Place(reader, operation, variable, index) for index in indices]
    cause = find_cause(places[0])
    owner = operation.owner
    line = owner.line if isinstance(owner, Operation) else operation.line
    where = words(operation, name)
    elements = tuple(place.element() for place in places)
    return Finding(what, operation, variable, operation.phase, line, where, cause, elements, count, size, path)


def _own(reader: Reader, variable: Variable) -> Array:
    """Choose the elements that are not finite, and arose here: what came in as it was is left out."""
    operation, array = variable.operation, reader.array(variable)
    bad: Array = ~np.isfinite(array)
    if operation is None or not operation.primitive.elementwise:
        return bad
    nan, infinite = np.zeros(bad.shape, dtype=bool), np.zeros(bad.shape, dtype=bool)
    for v in operation.inputs:
        if v.spec.is_float and reader.non_finite(v):
            nan |= np.isnan(reader.array(v))
            infinite |= np.isinf(reader.array(v))
    own = bad & ~nan & (np.isnan(array) | ~infinite)
    return own if np.any(own) else bad


def _what(array: Array) -> str:
    nan, infinite = bool(np.isnan(array).any()), bool(np.isinf(array).any())
    return "NaN and Inf" if nan and infinite else "NaN" if nan else "Inf"


def _given(variable: Variable, what: str) -> tuple[str, Cause]:
    said = {
        "input": ("in what was fed", Cause(f"the data hold {what}", "look at the data: np.isfinite(array).all()")),
        "parameter": (
            "before this step",
            Cause(f"the parameter already was {what} when the step began", "look at the steps before: viz.debug(step)"),
        ),
        "constant": ("in a constant", Cause(f"it was declared as {what}", "declare it with finite numbers")),
    }
    where, cause = said.get(variable.kind, ("", Cause("")))
    return f"{where}: {variable.kind} {variable.name}", cause
