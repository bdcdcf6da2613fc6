"""Where a gradient became zero: forward from a variable along its uses, to where something arrived and nothing left.

At each use the gradient that comes back from above is compared with the term that is handed down. Where the first is
not zero and the second is, there it was cut; where both are zero the cut is further on, towards the loss.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from graph_engine.node import Operation, Variable
from graph_engine.primitives.scanning import Scan
from graph_engine_viz.debugger.origins.cancelling import terms_cancel
from graph_engine_viz.debugger.origins.cause import Cause
from graph_engine_viz.debugger.origins.cutting import dead_before, why_cut
from graph_engine_viz.debugger.origins.families import HANDING_NOTHING
from graph_engine_viz.debugger.origins.inside import unrolled, within
from graph_engine_viz.debugger.origins.nonfinite import find_harm
from graph_engine_viz.debugger.origins.parts import MOVING, places_of_cut
from graph_engine_viz.debugger.origins.reading import Reader
from graph_engine_viz.debugger.origins.report import Finding, found_at

__all__ = ["find_cuts", "reaches"]

MOST_FINDINGS = 5


def find_cuts(reader: Reader, variable: Variable) -> tuple[Finding, ...]:
    """Find where the gradient of a variable was cut off; those nearest to it first."""
    towards: dict[Variable, Variable | None] = {variable: None}
    queue = deque([variable])
    found: list[Finding] = []
    while queue and len(found) < MOST_FINDINGS:
        current = queue.popleft()
        if (cancelled := terms_cancel(reader, current)) is not None:
            found.append(replace(cancelled, path=_path(reader, current, towards)))
            continue
        for operation, position in reader.trace.graph.consumers.get(current, ()):
            if operation.phase != "forward" or len(found) >= MOST_FINDINGS:
                continue
            if _is_cut(reader, operation, position):
                found += _found(reader, operation, position, _path(reader, current, towards))
                continue
            for output in operation.outputs:
                if output not in towards and output.spec.is_float:
                    towards[output] = current
                    queue.append(output)
    return tuple({finding.operation: finding for finding in reversed(found)}.values())[::-1]


def reaches(reader: Reader, variable: Variable, output: Variable) -> bool:
    """Return whether gradients can come from an output back to a variable, whatever the numbers."""
    queue, seen = [variable], {variable}
    while queue:
        for operation, _ in reader.trace.graph.consumers.get(queue.pop(), ()):
            fresh = [v for v in operation.outputs if v not in seen and v.spec.is_float]
            if operation.phase == "forward" and _by_nature(operation) is None:
                queue += fresh
                seen.update(fresh)
    return output in seen


def _is_cut(reader: Reader, operation: Operation, position: int) -> bool:
    """Return whether nothing is handed down through a use although something arrived, or whatever arrives."""
    if _by_nature(operation) is not None:
        return True
    term = reader.terms.get((operation, position))
    nothing = term is None or not reader.has(term) or reader.all_zero(term)
    return nothing and not all(reader.all_zero(gradient) for gradient in reader.arrived(operation))


def _cause(reader: Reader, operation: Operation, position: int) -> Cause:
    """Say why nothing is handed down through a use."""
    nature = _by_nature(operation)
    if nature is not None:
        return nature
    term = reader.terms.get((operation, position))
    if term is None or not reader.has(term):
        name = operation.primitive.name
        return Cause(f"{name} hands no gradient down to this input", "its derivative with respect to it is zero")
    return why_cut(reader, operation, position)


def _by_nature(operation: Operation) -> Cause | None:
    """See an operation that hands nothing down whatever arrives."""
    name = operation.primitive.name
    if name == "astype" and not operation.outputs[0].spec.is_float:
        return Cause("a conversion to whole numbers has no gradient", "convert after what is trained")
    return HANDING_NOTHING.get(name)


def _finding(reader: Reader, operation: Operation, position: int, cause: Cause, path: tuple[str, ...]) -> Finding:
    return found_at("zero", operation, operation.inputs[position], reader.name(operation), cause, path=path)


def _found(reader: Reader, operation: Operation, position: int, path: tuple[str, ...]) -> list[Finding]:
    """Tell of a cut: inside of a loop, or further on where the part that was joined to others was cut."""
    if isinstance(operation.primitive, Scan):
        inside = _inside(reader, operation, position, path)
        if inside:
            return inside
    if operation.primitive.name in MOVING and len(operation.inputs) > 1:
        uses = places_of_cut(reader, operation, position)
        cuts = [_finding(reader, user, at, why_cut(reader, user, at), path) for user, at in uses]
        if cuts:
            return cuts
    harmed = _harmed(reader, operation, position, path)
    if harmed:
        return harmed
    before = dead_before(reader, operation, position)
    if before is not None:
        return [_finding(reader, before[0], 0, before[1], path)]
    return [_finding(reader, operation, position, _cause(reader, operation, position), path)]


def _harmed(reader: Reader, operation: Operation, position: int, path: tuple[str, ...]) -> list[Finding]:
    """See nothing handed down because of an infinity, as of what is divided by one."""
    if _by_nature(operation) is not None:
        return []
    for variable in operation.inputs:
        harm = find_harm(reader, variable) if reader.non_finite(variable) else ()
        if harm:
            text = f"{operation.primitive.name} of {reader.name(variable)}, which is not finite, hands down 0"
            return [_finding(reader, operation, position, Cause(text, "mend where that comes from"), path), *harm]
    return []


def _inside(reader: Reader, operation: Operation, position: int, path: tuple[str, ...]) -> list[Finding]:
    """Find where it was cut inside of a loop."""
    loop = unrolled(reader, operation)
    if loop is None or loop.inputs[position] not in loop.reader.trace.graph:
        return []
    found = find_cuts(loop.reader, loop.inputs[position])
    outer = _finding(reader, operation, position, Cause(""), path)
    return [within(finding, outer, f"inside of {reader.name(operation)}") for finding in found]


def _path(reader: Reader, variable: Variable, towards: dict[Variable, Variable | None]) -> tuple[str, ...]:
    names, current = [], variable
    while current is not None:
        names.append(f"grad({reader.name(current)})")
        current = towards[current]  # type: ignore[assignment]
    return tuple(names)
