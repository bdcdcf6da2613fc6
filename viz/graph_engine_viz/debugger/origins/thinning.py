"""A gradient of which a part is zero: the operations on its way from the loss that took something away.

Most of this is as it should be: half of a ReLU's inputs are below 0, a pool chooses, a batch looks up a few rows. So it
is only told of; a finding is made of it where all of a unit is taken away, or almost all that arrived.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from graph_engine.node import Variable
from graph_engine_viz.debugger.origins.cancelling import cancelled, freed
from graph_engine_viz.debugger.origins.elements import link
from graph_engine_viz.debugger.origins.families import DEAD, FAMILIES, UNITS, WINDOWS
from graph_engine_viz.debugger.origins.reading import Array, Reader, Use
from graph_engine_viz.debugger.origins.report import MOST_FINDINGS, Cause, Finding, found_at

__all__ = ["Thinned", "find_thinning"]

LEAST = 0.01
"""Operations that take away a smaller share than this are not told of."""

MOST = 0.95
"""Where a share of what arrived larger than this is taken away, something may be wrong."""

CHANCE = 4
"""Units are called dead where there are this many times more than are to be expected, if each is 0 half of the time."""


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
    operation, size = use.operation, reader.size(use.term)
    variable, path = operation.inputs[use.position], tuple(reversed(names))
    return found_at("zero", operation, variable, reader.name(operation), cause, count=count, size=size, path=path)


def _units(reader: Reader, use: Use) -> tuple[Cause, int] | None:
    """See units that hand down nothing to any sample."""
    operation, family = use.operation, FAMILIES.get(use.operation.primitive.name)
    if family not in UNITS or use.position:
        return None
    dead = family is DEAD
    array = reader.array(operation.outputs[0] if dead else use.term)
    slices, count = _zero_slices(array, None if dead else reader.array(use.arrived), 1, 2 if array.ndim > 3 else None)
    expected = array.size / count.each * 2.0**-count.each
    if not slices or count.all / count.each <= CHANCE * expected:
        return None
    name = operation.primitive.name
    text = f"{name} hands down 0 to all of {slices}: {family.part.text}"
    if dead:
        text = f"dead units: {name} gives 0 in all of {slices}, where all {count.each:,} inputs of each are at most 0"
    return Cause(text, family.part.cure), count.all


def _almost_all(reader: Reader, use: Use) -> tuple[Cause, int] | None:
    name = use.operation.primitive.name
    family = FAMILIES.get(name)
    cut = _cut(reader, use) if family in UNITS else None
    arrived = np.count_nonzero(reader.array(use.arrived))
    if family is None or cut is None or cut.sum() <= MOST * arrived:
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
    slices, _ = _zero_slices(~zero)
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
        return [f"{text}: {_why(reader, use)}"]
    left, before = reader.zeros(use.term), reader.zeros(use.arrived)
    if left <= before + LEAST:
        return []
    slices, _ = _zero_slices(term, reader.array(use.arrived))
    whole = f", all of {slices}" if slices else ""
    text = f"{name} hands down 0 to {left:.0%} of {given}{whole}; of what arrived {before:.0%} was 0"
    return [f"{text}: {_why(reader, use)}"]


def _why(reader: Reader, use: Use) -> str:
    operation, zero = use.operation, reader.array(use.term) == 0
    if np.all(freed(reader, operation, use.term)[zero]):
        return cancelled(reader, operation, use.position).text
    family = FAMILIES.get(operation.primitive.name)
    return "its derivative is 0 there, or what comes back cancels" if family is None else family.part.text


# ---- slices that are zero as a whole ---------------------------------------------------------------------------


class _Sliced(NamedTuple):
    """How many elements slices have.

    Attributes
    ----------
    all, each : int
        All of them together, and one.
    """

    all: int
    each: int


def _zero_slices(
    array: Array, before: Array | None = None, first: int = 0, stop: int | None = None, most: int = 8
) -> tuple[str, _Sliced]:
    """Name the slices of a tensor that are zero as a whole, along the dimension that has the most of them.

    Those that were zero before are left out, where a tensor of this shape is given, and dimensions out of a range.

    Examples
    --------
    >>> import numpy as np
    >>> _zero_slices(np.array([[1, 0, 0], [2, 0, 3]]))
    ('[:, 1]', _Sliced(all=2, each=2))
    """
    known = before if before is not None and before.shape == array.shape else np.ones(array.shape)
    best: tuple[float, str, _Sliced] = (0.0, "", _Sliced(0, 1))
    for axis in range(array.ndim)[first:stop]:
        others = tuple(i for i in range(array.ndim) if i != axis)
        zero = np.flatnonzero(~np.any(array, axis=others) & np.any(known, axis=others))
        share = len(zero) / max(array.shape[axis], 1)
        if 0 < share < 1 and share > best[0]:
            shown = _ranges(zero, most)
            each = array.size // array.shape[axis]
            text = f"[{', '.join(shown if i == axis else ':' for i in range(array.ndim))}]"
            best = share, text, _Sliced(each * len(zero), each)
    return best[1:]


def _ranges(numbers: Any, most: int) -> str:
    groups = np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1)
    shown = [str(g[0]) if len(g) == 1 else f"{g[0]} to {g[-1]}" for g in groups[:most]]
    more = sum(len(g) for g in groups[most:])
    return " and ".join(shown) + (f" and {more} more" if more else "")
