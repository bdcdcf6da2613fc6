"""A gradient of which a part is zero: the operations on its way from the loss that took something away."""

from __future__ import annotations

from graph_engine.node import Operation, Variable
from graph_engine_viz.debugger.origins.cancelling import cancelled
from graph_engine_viz.debugger.origins.cause import Cause
from graph_engine_viz.debugger.origins.families import DEAD, FAMILIES
from graph_engine_viz.debugger.origins.parts import zero_slices
from graph_engine_viz.debugger.origins.reading import Reader
from graph_engine_viz.debugger.origins.report import Finding, words

__all__ = ["find_thinning"]

LEAST = 0.01
"""Operations that take away a smaller share than this are not told of."""

MOST_FINDINGS = 5


def find_thinning(reader: Reader, variable: Variable) -> tuple[Finding, ...]:
    """Go from a variable towards the loss, along the largest contributions, for as long as a part of them is zero."""
    terms, names = reader.terms, [f"grad({reader.name(variable)})"]
    units: list[Finding] = []
    found: list[Finding] = []
    current, share = variable, reader.zeros(reader.trace.gradients[variable])
    while share > LEAST:
        uses = [
            (op, i) for op, i in reader.trace.graph.consumers.get(current, ()) if _known(reader, terms.get((op, i)))
        ]
        if not uses:
            break
        operation, position = max(uses, key=lambda use: reader.rms(terms[use]))
        upstream = [g for v in operation.outputs if (g := reader.gradient(v)) is not None]
        arrived = max(upstream, key=reader.rms, default=None)
        if arrived is None or arrived.gradient is None:
            break
        term, before = terms[operation, position], reader.zeros(arrived)
        left, dead = reader.zeros(term), _dead_units(reader, operation)
        if dead is not None:
            units.append(_finding(reader, operation, current, dead, term, names))
        elif left > before + LEAST:
            cause = _cause(reader, operation, position, term, arrived)
            found.append(_finding(reader, operation, current, cause, term, names))
        current, share = arrived.gradient.variable, min(before, left)
        names.append(f"grad({reader.name(current)})")
    return (*units, *found)[:MOST_FINDINGS]


def _known(reader: Reader, term: Variable | None) -> bool:
    return term is not None and reader.has(term)


def _finding(
    reader: Reader, operation: Operation, variable: Variable, cause: Cause, term: Variable, names: list[str]
) -> Finding:
    where, size = words(operation, reader.name(operation)), reader.array(term).size
    count = round(reader.zeros(term) * size)
    path = tuple(reversed(names))
    return Finding("zero", operation, variable, "backward", operation.line, where, cause, (), count, size, path)


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


def _cause(reader: Reader, operation: Operation, position: int, term: Variable, arrived: Variable) -> Cause:
    alike = cancelled(reader, operation, position)
    if alike is not None:
        return alike
    name = operation.primitive.name
    left, before = reader.zeros(term), reader.zeros(arrived)
    slices = zero_slices(reader.array(term), reader.array(arrived))
    general = Cause(f"the derivative of {name} is 0 there", "see session.explain() at this step")
    text, cure = FAMILIES[name].part if name in FAMILIES else general
    whole = f", all of {slices}" if slices else ""
    return Cause(
        f"{name} hands down 0 to {left:.0%} of {reader.name(operation.inputs[position])}{whole}; of what arrived "
        f"{before:.0%} was 0: {text}",
        cure,
    )
