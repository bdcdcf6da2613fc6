"""A gradient of which a part is zero: the operations on its way from the loss that took something away.

Most of this is as it should be: half of a ReLU's inputs are below 0, a pool chooses, a batch looks up a few rows. So it
is only told of; a finding is made of it where all of a unit is taken away, or almost all that arrived.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from graph_engine.node import Operation, Variable
from graph_engine_viz.debugger.origins.cancelling import cancelled
from graph_engine_viz.debugger.origins.cause import Cause
from graph_engine_viz.debugger.origins.elements import link
from graph_engine_viz.debugger.origins.families import DEAD, FAMILIES, UNITS, WINDOWS
from graph_engine_viz.debugger.origins.parts import zero_slices
from graph_engine_viz.debugger.origins.reading import Array, Reader, Use
from graph_engine_viz.debugger.origins.report import Finding, found_at

__all__ = ["Thinned", "find_thinning"]

LEAST = 0.01
"""Operations that take away a smaller share than this are not told of."""

MOST = 0.95
"""Where a share of what arrived larger than this is taken away, something may be wrong."""

CHANCE = 4
"""Units are called dead where there are this many times more than are to be expected, if each is 0 half of the time."""

MOST_FINDINGS = 5


class Thinned(NamedTuple):
    """What is to be said of a gradient that is zero in part.

    Attributes
    ----------
    findings : tuple of Finding
        Units of which all is taken away, and operations that take away almost all.
    lines : tuple of str
        What other operations take away.
    """

    findings: tuple[Finding, ...]
    lines: tuple[str, ...]


def find_thinning(reader: Reader, variable: Variable) -> Thinned:
    """Go from a variable towards the loss, along the largest contributions, for as long as a part of them is zero."""
    names = [f"grad({reader.name(variable)})"]
    findings: list[Finding] = []
    lines: list[str] = []
    use, share = reader.largest_use(variable), reader.zeros(reader.trace.gradients[variable])
    while use is not None and share > LEAST and len(findings) < MOST_FINDINGS:
        known = all(map(reader.has, (*use.operation.inputs, *use.operation.outputs)))
        finding = _wrong(reader, use, names) if known else None
        if finding is not None:
            findings.append(finding)
        elif known and len(lines) < MOST_FINDINGS:
            lines += _told(reader, use)
        names.append(f"grad({reader.name(use.output)})")
        share = min(reader.zeros(use.arrived), reader.zeros(use.term))
        use = reader.largest_use(use.output)
    return Thinned(tuple(findings), tuple(lines))


def _wrong(reader: Reader, use: Use, names: list[str]) -> Finding | None:
    """See an operation take away all of a unit, or almost all that arrives."""
    found = _units(reader, use) or _almost_all(reader, use) or _gaps(reader, use)
    if found is None:
        return None
    cause, count = found
    operation, size = use.operation, reader.array(use.term).size
    variable, path = operation.inputs[use.position], tuple(reversed(names))
    return found_at("zero", operation, variable, reader.name(operation), cause, count=count, size=size, path=path)


def _units(reader: Reader, use: Use) -> tuple[Cause, int] | None:
    """See units that hand down nothing to any sample."""
    operation, family = use.operation, FAMILIES.get(use.operation.primitive.name)
    if family not in UNITS or use.position:
        return None
    dead = family is DEAD
    array = reader.array(operation.outputs[0] if dead else use.term)
    slices, count = zero_slices(array, None if dead else reader.array(use.arrived), 1, 2 if array.ndim > 3 else None)
    expected = array.size / count.each * 2.0**-count.each
    if not slices or count.all / count.each <= CHANCE * expected:
        return None
    name = operation.primitive.name
    text = f"{name} hands down 0 to all of {slices}: {family.part.text}"
    if dead:
        text = f"dead units: {name} gives 0 in all of {slices}, where all {count.each:,} inputs of each are at most 0"
    return Cause(text, family.part.cure), count.all


def _almost_all(reader: Reader, use: Use) -> tuple[Cause, int] | None:
    family, name = FAMILIES.get(use.operation.primitive.name), use.operation.primitive.name
    cut = _cut(reader, use)
    arrived = np.count_nonzero(reader.array(use.arrived))
    if family not in UNITS or cut is None or cut.sum() <= MOST * arrived:
        return None
    text = f"{name} hands down 0 in {cut.sum():,} of the {arrived:,} places at which something arrives"
    return Cause(f"{text}: {family.part.text}", family.part.cure), int(cut.sum())


def _gaps(reader: Reader, use: Use) -> tuple[Cause, int] | None:
    """See elements that no window reaches."""
    operation, family = use.operation, FAMILIES.get(use.operation.primitive.name)
    if family not in WINDOWS:
        return None
    zero = reader.array(use.term) == 0
    primitive = operation.primitive.bind(reader.trace.names)
    slices, _ = zero_slices(~zero)
    if not zero.any() or np.any(primitive.kernel(np, zero.astype(np.float64))):
        return None
    whole = f", all of {slices}" if slices else ""
    text = f"{operation.primitive.name} hands down 0 to {zero.mean():.0%} of {reader.name(operation.inputs[0])}{whole}"
    return Cause(f"{text}: {family.part.text}", family.part.cure), int(zero.sum())


def _cut(reader: Reader, use: Use) -> Array | None:
    """Mark where nothing is handed down though something arrived, of an operation on each number by itself."""
    if not use.operation.primitive.elementwise:
        return None
    arrived, term = reader.array(use.arrived) != 0, reader.array(use.term) == 0
    return np.asarray(link(reader, use.output, use.position).back(arrived) & term)


def _told(reader: Reader, use: Use) -> list[str]:
    """Say what an operation takes away, if it is more than a little."""
    operation, position = use.operation, use.position
    term, name = reader.array(use.term), reader.name(operation)
    given = reader.name(operation.inputs[position])
    cut = _cut(reader, use)
    if cut is not None:
        if cut.mean() <= LEAST:
            return []
        text = f"{name} hands down 0 to {cut.sum():,} of {cut.size:,} elements of {given} at which something arrives"
        return [f"{text}: {_why(reader, operation, position)}"]
    left, before = reader.zeros(use.term), reader.zeros(use.arrived)
    if left <= before + LEAST:
        return []
    slices, _ = zero_slices(term, reader.array(use.arrived))
    whole = f", all of {slices}" if slices else ""
    text = f"{name} hands down 0 to {left:.0%} of {given}{whole}; of what arrived {before:.0%} was 0"
    return [f"{text}: {_why(reader, operation, position)}"]


def _why(reader: Reader, operation: Operation, position: int) -> str:
    alike, family = cancelled(reader, operation, position), FAMILIES.get(operation.primitive.name)
    if alike is not None:
        return alike.text
    return "its derivative is 0 there, or what comes back cancels" if family is None else family.part.text
