"""Where a NaN or an infinity came from: back through the operations that computed it, forward, backward or update.

The backward pass and the updates are graph too, so that one walk (`following`) serves all three.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from graph_engine.node import Operation, Variable
from graph_engine_viz.debugger.origins.causes import find_cause
from graph_engine_viz.debugger.origins.elements import ALONG, MOVING
from graph_engine_viz.debugger.origins.following import Marks, all_behind, find_meant, follow, is_bad
from graph_engine_viz.debugger.origins.inside import find_bad_step, within
from graph_engine_viz.debugger.origins.reading import Array, Element, Place, Reader
from graph_engine_viz.debugger.origins.report import MOST_FINDINGS, Cause, Finding, found_at, passed

__all__ = ["find_all", "find_harm", "find_origins", "findings_of", "what_is"]

MOST_ELEMENTS = 3


def find_all(reader: Reader) -> dict[Variable, Array]:
    """Find where in a run something arose that is not finite: the elements, in the order of computation.

    Infinities that were declared, as in masks, are left aside, and so are those that were fed if they do no harm.
    """
    bad = [v for v in reader.trace.graph.variables if reader.has(v) and reader.non_finite(v)]
    kept = find_meant(reader, bad, fed=True)
    asked = {v: mask for v in bad if (mask := _but(is_bad(reader, v), kept.get(v))).any()}
    if asked:
        return follow(reader, asked, find_meant(reader, bad)).found
    fed = next((v for v in bad if v.kind == "input"), None)
    numbers = (v for v in reader.trace.outputs if reader.has(v) and reader.size(v) == 1)
    ends = (*numbers, *reader.trace.gradients.values(), *reader.trace.updates.values())
    harmed = next((v for v in ends if reader.non_finite(v)), None)
    if harmed is None:
        return {}
    return dict(_through(reader, harmed)[0]) if fed is None else {fed: is_bad(reader, fed)}


def find_origins(reader: Reader, variable: Variable, most: int = MOST_FINDINGS) -> tuple[Finding, ...]:
    """Find where what is not finite in a variable came from; the earliest first."""
    return find_harm(reader, variable, most) or _findings(reader, *_through(reader, variable), most)


def find_harm(reader: Reader, variable: Variable, most: int = MOST_FINDINGS) -> tuple[Finding, ...]:
    """Find the same; nothing where infinities that are meant come through."""
    meant = find_meant(reader, all_behind(reader, [variable]))
    mask = _but(is_bad(reader, variable), meant.get(variable))
    return _findings(reader, *follow(reader, {variable: mask}, meant), most) if mask.any() else ()


def findings_of(reader: Reader, found: Marks, most: int = MOST_FINDINGS) -> tuple[Finding, ...]:
    """Tell of places at which something arose."""
    return _findings(reader, found, {}, most)


def _but(mask: Array, without: Array | None) -> Array:
    return mask if without is None else mask & ~without


def _findings(
    reader: Reader, found: Marks, towards: Mapping[Variable, Variable | None], most: int
) -> tuple[Finding, ...]:
    few = list(found.items())[:most]
    told = [_looked_inside(reader, _finding(reader, v, own, passed(towards, v, reader.name))) for v, own in few]
    return tuple({(f.operation, f.variable if f.operation is None else f.where): f for f in told}.values())


def _through(reader: Reader, variable: Variable) -> tuple[Marks, Mapping[Variable, Variable | None]]:
    """Find what was fed, or else where infinities that were declared first get out of their places."""
    found, towards = follow(reader, {variable: is_bad(reader, variable)}, {})
    fed = {v: mask for v, mask in found.items() if v.kind == "input"}
    if fed:
        return fed, towards
    behind = [v for v in all_behind(reader, [variable]) if v in towards and v not in found]
    mixing = [v for v in behind if v.operation is not None and not _keeps_places(v.operation)][:1]
    return {v: is_bad(reader, v) for v in mixing or [variable]}, towards


def _keeps_places(operation: Operation) -> bool:
    name = operation.primitive.name
    return operation.primitive.elementwise or name in MOVING or name in ALONG


def _looked_inside(reader: Reader, finding: Finding) -> Finding:
    """Replace a loop in which something arose by the operation of its body, and its step."""
    step = find_bad_step(reader, finding.variable, _arises)
    if step is None:
        return finding
    found = find_origins(step.reader, step.variable)
    return within(next((f for f in found if f.operation is not None), found[0]), finding, step.text)


def _arises(reader: Reader, variable: Variable) -> bool:
    return any(finding.operation is not None for finding in find_origins(reader, variable))


def _finding(reader: Reader, variable: Variable, own: Array, path: tuple[str, ...]) -> Finding:
    array = reader.array(variable)
    what = what_is(array[own])
    operation = variable.operation
    kinds = [np.argwhere(own & kind(array))[:MOST_ELEMENTS] for kind in (np.isnan, np.isinf)]
    few = MOST_ELEMENTS - 1 if all(map(len, kinds)) else MOST_ELEMENTS  # there is room for one of the other kind
    indices = [tuple(map(int, index)) for index in (*kinds[0][:few], *kinds[1])][:MOST_ELEMENTS]
    count, size = int(own.sum()), array.size
    if operation is None:
        where, cause = _given(variable, what)
        elements = tuple(Element(index, float(array[index])) for index in indices)
        return Finding(what, None, variable, "given", variable.line, where, cause, elements, count, size, path)
    places = [Place(reader, operation, variable, index) for index in indices]
    elements = tuple(place.element() for place in places)
    told, last = find_cause(places[0]), find_cause(places[-1])
    if what == "NaN and Inf" and last.text != told.text:
        cures = told.cure if last.cure in ("", told.cure) else f"{told.cure}; {last.cure}"
        told = Cause(f"{told.text}; and where it is Inf, {last.text}", cures)
    return found_at(
        what, operation, variable, reader.name(variable), told,
        phase=operation.phase, elements=elements, count=count, size=size, path=path,
    )  # fmt: skip


def what_is(numbers: Array) -> str:
    """Say what is among numbers that are not finite."""
    nan, infinite = bool(np.isnan(numbers).any()), bool(np.isinf(numbers).any())
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
