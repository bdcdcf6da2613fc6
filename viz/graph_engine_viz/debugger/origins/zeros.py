"""Where a gradient became zero: forward from a variable along its uses, to where something arrived and nothing left.

At each use the gradient that comes back from above is compared with the term that is handed down. Where the first is
not zero and the second is, there it was cut; where both are zero the cut is further on, towards the loss.

What joins tensors hands to each the part that is its own. To see where such a part was cut, it is followed through
what only moves numbers, and through what treats each number by itself.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import numpy as np

from graph_engine.node import Operation, Variable
from graph_engine.primitives.scanning import Scan
from graph_engine_viz.debugger.origins.cancelling import terms_cancel
from graph_engine_viz.debugger.origins.cutting import dead_before, why_cut
from graph_engine_viz.debugger.origins.elements import MOVING, link
from graph_engine_viz.debugger.origins.families import HANDING_NOTHING
from graph_engine_viz.debugger.origins.inside import within, written_out
from graph_engine_viz.debugger.origins.nonfinite import find_harm
from graph_engine_viz.debugger.origins.reading import Array, Reader
from graph_engine_viz.debugger.origins.report import MOST_FINDINGS, Cause, Finding, found_at, passed

__all__ = ["find_cuts"]


def find_cuts(reader: Reader, variable: Variable) -> tuple[Finding, ...]:
    """Find where the gradient of a variable was cut off; those nearest to it first."""
    towards: dict[Variable, Variable | None] = {variable: None}

    def called(v: Variable) -> str:
        return f"grad({reader.name(v)})"

    queue = deque([variable])
    found: list[Finding] = []
    while queue and len(found) < MOST_FINDINGS:
        current = queue.popleft()
        if (cancelled := terms_cancel(reader, current)) is not None:
            found.append(replace(cancelled, path=passed(towards, current, called)))
            continue
        for operation, position in reader.trace.graph.consumers.get(current, ()):
            if operation.phase != "forward" or len(found) >= MOST_FINDINGS:
                continue
            if _is_cut(reader, operation, position):
                found += _found(reader, operation, position, passed(towards, current, called))
                continue
            for output in operation.outputs:
                if output not in towards and output.spec.is_float:
                    towards[output] = current
                    queue.append(output)
    return tuple({finding.operation: finding for finding in reversed(found)}.values())[::-1][:MOST_FINDINGS]


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
        uses = islice(_places_of_cut(reader, operation, position), MOST_FINDINGS)
        cuts = [_finding(reader, user, at, why_cut(reader, user, at, part), path) for user, at, part in uses]
        if cuts:
            return cuts
    harmed = _harmed(reader, operation, position, path)
    if harmed:
        return harmed
    before = dead_before(reader, operation, position)
    if before is not None:
        return [_finding(reader, before[0], 0, before[1], path)]
    return [_finding(reader, operation, position, _cause(reader, operation, position), path)]


def _places_of_cut(reader: Reader, operation: Operation, position: int) -> Iterator[tuple[Operation, int, Array]]:
    """Find the uses at which the part of a joined tensor that one input makes up was cut.

    Parameters
    ----------
    reader : Reader
    operation : Operation
        One of `MOVING`, to which something arrives that is zero where this input went.
    position : int
        Which of its inputs it is.

    Yields
    ------
    Operation, int, array
        Something arrives there, and nothing leaves it for this part of the input, which is marked.
    """
    queue = deque([(operation, position, np.ones(reader.shape(operation.inputs[position]), dtype=bool))])
    parts: dict[tuple[tuple[int, ...], bytes], Array] = {}
    seen: set[tuple[Operation, int, int]] = set()
    while queue:
        current, place, part = queue.popleft()
        if current.primitive.name in MOVING:
            part = link(reader, current.outputs[0], place).forward(part)
            part = parts.setdefault((part.shape, part.tobytes()), part)  # of those that are alike the same object
        for user, at in reader.trace.graph.consumers.get(current.outputs[0], ()):
            if user.phase != "forward" or len(user.outputs) != 1 or (user, at, id(part)) in seen:
                continue
            seen.add((user, at, id(part)))
            upstream = reader.gradient(user.outputs[0])
            if upstream is None or reader.all_zero(upstream):
                continue
            arrived = reader.array(upstream)
            moves, term = user.primitive.name in MOVING, reader.terms.get((user, at))
            by_itself = user.primitive.elementwise and arrived.shape == part.shape
            if moves or (by_itself and not np.any(arrived[part])):
                queue.append((user, at, part))
            elif term is not None and not np.any(reader.array(term)[part]):
                yield user, at, part


def _harmed(reader: Reader, operation: Operation, position: int, path: tuple[str, ...]) -> list[Finding]:
    """See nothing handed down because of an infinity, as of what is divided by one."""
    if _by_nature(operation) is not None:
        return []
    for at, variable in enumerate(operation.inputs):
        harm = find_harm(reader, variable) if _meets_infinity(reader, operation, at) else ()
        if harm:
            text = f"{operation.primitive.name} of {reader.name(variable)}, which is not finite, hands down 0"
            return [_finding(reader, operation, position, Cause(text, "mend where that comes from"), path), *harm]
    return []


def _meets_infinity(reader: Reader, operation: Operation, position: int) -> bool:
    """Return whether an input is not finite at a place for which something arrived."""
    variable = operation.inputs[position]
    if not reader.non_finite(variable):
        return False
    upstream = [(v, gradient) for v in operation.outputs if (gradient := reader.gradient(v)) is not None]
    marks = [link(reader, v, position).back(reader.array(gradient) != 0) for v, gradient in upstream]
    return any(np.any(mark & ~np.isfinite(reader.array(variable))) for mark in marks)


def _inside(reader: Reader, operation: Operation, position: int, path: tuple[str, ...]) -> list[Finding]:
    """Find where it was cut inside of a loop."""
    loop = written_out(reader, operation, backward=True)
    if loop is None or loop.inputs[position] not in loop.reader.trace.graph:
        return []
    found = find_cuts(loop.reader, loop.inputs[position])
    outer = _finding(reader, operation, position, Cause(""), path)
    return [within(finding, outer, f"inside of {reader.name(operation)}") for finding in found]
