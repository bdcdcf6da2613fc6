"""A gradient of which a part is zero: the operations on its way from the loss that took something away."""

from __future__ import annotations

from graph_engine.node import Operation, Variable
from graph_engine_viz.debugger.origins.cancelling import cancelled
from graph_engine_viz.debugger.origins.cause import Cause
from graph_engine_viz.debugger.origins.families import DEAD, FAMILIES
from graph_engine_viz.debugger.origins.parts import zero_slices
from graph_engine_viz.debugger.origins.reading import Reader, Use
from graph_engine_viz.debugger.origins.report import Finding, found_at

__all__ = ["find_thinning"]

LEAST = 0.01
"""Operations that take away a smaller share than this are not told of."""

MOST_FINDINGS = 5


def find_thinning(reader: Reader, variable: Variable) -> tuple[Finding, ...]:
    """Go from a variable towards the loss, along the largest contributions, for as long as a part of them is zero."""
    names = [f"grad({reader.name(variable)})"]
    units: list[Finding] = []
    found: list[Finding] = []
    use, share = reader.largest_use(variable), reader.zeros(reader.trace.gradients[variable])
    while use is not None and share > LEAST and len(units) < MOST_FINDINGS:
        before, left = reader.zeros(use.arrived), reader.zeros(use.term)
        dead = _dead_units(reader, use.operation)
        if dead is not None:
            units.append(_finding(reader, use, dead, names))
        elif left > before + LEAST and len(found) < MOST_FINDINGS:
            found.append(_finding(reader, use, _cause(reader, use), names))
        names.append(f"grad({reader.name(use.output)})")
        use, share = reader.largest_use(use.output), min(before, left)
    return (*units, *found)[:MOST_FINDINGS]


def _finding(reader: Reader, use: Use, cause: Cause, names: list[str]) -> Finding:
    operation, size = use.operation, reader.array(use.term).size
    variable, count = operation.inputs[use.position], round(reader.zeros(use.term) * size)
    path = tuple(reversed(names))
    return found_at("zero", operation, variable, reader.name(operation), cause, count=count, size=size, path=path)


def _dead_units(reader: Reader, operation: Operation) -> Cause | None:
    """See units that give 0 to all samples."""
    if FAMILIES.get(operation.primitive.name) is not DEAD:
        return None
    y = reader.array(operation.outputs[0])
    slices = zero_slices(y, first=1)
    if not slices:
        return None
    text = f"dead units: {operation.primitive.name} gives 0 in all of {slices}, where its inputs are at most 0"
    return Cause(text, DEAD.part.cure)


def _cause(reader: Reader, use: Use) -> Cause:
    operation, position = use.operation, use.position
    alike = cancelled(reader, operation, position)
    if alike is not None:
        return alike
    name = operation.primitive.name
    left, before = reader.zeros(use.term), reader.zeros(use.arrived)
    slices = zero_slices(reader.array(use.term), reader.array(use.arrived))
    general = Cause(f"the derivative of {name} is 0 there", "see session.explain() at this step")
    text, cure = FAMILIES[name].part if name in FAMILIES else general
    whole = f", all of {slices}" if slices else ""
    return Cause(
        f"{name} hands down 0 to {left:.0%} of {reader.name(operation.inputs[position])}{whole}; of what arrived "
        f"{before:.0%} was 0: {text}",
        cure,
    )
