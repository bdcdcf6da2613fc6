"""What makes a gradient large or small: the factor that each operation contributes on the way back from the loss.

At each variable the way goes on through the use that contributes most.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from graph_engine.node import Operation, Variable
from graph_engine_viz.debugger.origins.cancelling import find_cancelled
from graph_engine_viz.debugger.origins.inside import written_out
from graph_engine_viz.debugger.origins.nonfinite import find_origins
from graph_engine_viz.debugger.origins.reading import Reader
from graph_engine_viz.debugger.origins.report import Answer, Factor, Finding
from graph_engine_viz.debugger.origins.thinning import find_thinning
from graph_engine_viz.debugger.origins.trends import find_trends, is_extreme, told_extremes, told_trends
from graph_engine_viz.summary import short

__all__ = ["explain_size", "factors"]

MOST_FACTORS = 60


def factors(reader: Reader, variable: Variable) -> tuple[Factor, ...]:
    """Follow the gradient of a variable up to the loss; the first is the operation next to the loss."""
    found: list[Factor] = []
    use = reader.largest_use(variable)
    while use is not None:
        operation, sizes = use.operation, (reader.rms(use.arrived), reader.rms(use.term))
        found.append(Factor(operation, reader.name(operation), *sizes, operation.line, use.position))
        use = reader.largest_use(use.output)
    return tuple(reversed(found))


def explain_size(reader: Reader, variable: Variable, gradient: Variable) -> Answer:
    """Answer about a gradient that is finite and not zero."""
    found = factors(reader, variable)
    lines = [f"  {factor}" for factor in found] if len(found) <= MOST_FACTORS else _shortened(found)
    lines += [f"together: {trend}" for trend in find_trends(found)]
    loops = {factor: inside for factor in found if (inside := _inside_of(reader, factor.operation))}
    lines += [line for loop, inside in loops.items() for line in _in_loop(loop.name, inside)]
    worst, origins = _most_telling(found), tuple[Finding, ...]()
    broken = next((f for f in found if not math.isfinite(f.left)), None)
    if broken is not None:
        lines.append(f"it is not finite all the way: what {broken.name} hands down is not")
        origins = find_origins(reader, reader.terms[broken.operation, broken.position])
    elif worst is not None:
        at = f"  {worst.line}" if worst.line else ""
        lines += [f"the factor furthest from 1 is {short(worst.factor, 3)}, at {worst.name}", at]
    thinned, zeros = find_thinning(reader, variable), reader.zeros(gradient)
    lines += [*_coarse(reader.array(gradient)), *thinned.lines]
    findings = _of_size(reader, variable, found, loops, thinned.findings)
    size = f"{short(reader.rms(gradient), 3)}{f', {zeros:.0%} of it zero' if zeros else ''}"
    way = "; on its way back from the loss:" if found else ": the backward pass begins here" if not lines else ""
    question = f"the gradient of {reader.name(variable)} has RMS {size}{way}"
    return Answer(question, (*origins, *findings), "\n".join(lines), found)


def _coarse(array: Any) -> list[str]:
    """See numbers so small that their dtype holds them with fewer digits."""
    smallest, present = float(np.finfo(array.dtype).tiny), np.abs(array[array != 0])
    if not present.size or not np.median(present) < smallest:
        return []
    few = f"most of its numbers are below {short(smallest)}, where {array.dtype} holds fewer and fewer digits"
    return [f"{few}: scale the loss, or compute in a wider dtype"]


def _of_size(
    reader: Reader,
    variable: Variable,
    found: tuple[Factor, ...],
    loops: dict[Factor, tuple[Factor, ...]],
    thin: tuple[Finding, ...],
) -> tuple[Finding, ...]:
    """Find what makes a gradient zero in part, or so small or large."""
    taken = {finding.operation for finding in thin}
    rounding = tuple(finding for finding in find_cancelled(reader, found) if finding.operation not in taken)
    explained = {finding.operation for finding in rounding}
    rest = tuple(factor for factor in found if factor.operation not in explained)
    trends = told_trends(rest)
    inner = tuple(
        replace(finding, variable=variable, where=f"inside of {loop.name}: {finding.where}")
        for loop, inside in loops.items()
        if is_extreme(loop)
        for finding in told_trends(inside)
    )
    told = [*trends, *inner]
    alone = told_extremes(reader, [factor for factor in rest if not inner or factor not in loops])
    kinds = {finding.operation.primitive.name for finding in told if finding.operation is not None}
    extremes = [f for f in alone if f.operation is not None and f.operation.primitive.name not in kinds]
    return (*rounding, *told, *extremes, *thin)


def _shortened(found: tuple[Factor, ...]) -> list[str]:
    half = MOST_FACTORS // 2
    between = f"  ... {len(found) - 2 * half:,} more ..."
    return [*(f"  {factor}" for factor in found[:half]), between, *(f"  {factor}" for factor in found[-half:])]


def _most_telling(found: tuple[Factor, ...]) -> Factor | None:
    """Return the factor that is furthest from 1."""
    return max((f for f in found if math.isfinite(f.log)), key=lambda f: abs(f.log), default=None)


def _inside_of(reader: Reader, operation: Operation) -> tuple[Factor, ...]:
    """Follow the gradient of what a scan begins with, from its last step back to its first; nothing of what is none."""
    loop = written_out(reader, operation, backward=True)
    if loop is None or loop.reader.gradient(loop.inputs[0]) is None:
        return ()
    return tuple(factor for factor in factors(loop.reader, loop.inputs[0]) if factor.operation not in loop.seeding)


def _in_loop(name: str, found: tuple[Factor, ...]) -> list[str]:
    """Say what becomes of a gradient inside of a loop of this name."""
    if not found:
        return []
    sizes = [found[0].arrived, *(factor.left for factor in found)]
    text = f"inside of {name}, from its last step back to its first, RMS {short(max(sizes), 3)} at most"
    return [f"{text}, {short(sizes[-1], 3)} at the end", *(f"  {trend}" for trend in find_trends(found))]
