"""What makes a gradient large or small: the factor that each operation contributes on the way back from the loss.

At each variable the way goes on through the use that contributes most.
"""

from __future__ import annotations

import math
from collections import defaultdict

from graph_engine.node import Operation, Variable
from graph_engine.primitives.scanning import Scan
from graph_engine_viz.debugger.origins.inside import unrolled
from graph_engine_viz.debugger.origins.reading import Reader
from graph_engine_viz.debugger.origins.report import Factor
from graph_engine_viz.debugger.origins.zeros import terms_of
from graph_engine_viz.summary import short

__all__ = ["by_primitive", "factors", "in_loop", "most_telling"]


def factors(reader: Reader, variable: Variable) -> tuple[Factor, ...]:
    """Follow the gradient of a variable up to the loss; the first is the operation next to the loss."""
    uses = terms_of(reader)
    by_variable: dict[Variable, list[tuple[Operation, Variable]]] = {}
    for (operation, position), term in uses.items():
        if reader.has(term):
            by_variable.setdefault(operation.inputs[position], []).append((operation, term))
    found: list[Factor] = []
    current = variable
    while by_variable.get(current):
        operation, term = max(by_variable[current], key=lambda use: reader.rms(use[1]))
        upstream = [g for v in operation.outputs if (g := reader.gradient(v)) is not None]
        output = max(upstream, key=reader.rms) if upstream else None
        if output is None or output.gradient is None:
            break
        found.append(Factor(operation, reader.name(operation), reader.rms(output), reader.rms(term), operation.line))
        current = output.gradient.variable
    return tuple(reversed(found))


def most_telling(found: tuple[Factor, ...]) -> Factor | None:
    """Return the factor that is furthest from 1."""
    known = [f for f in found if f.factor > 0 and math.isfinite(f.factor)]
    return max(known, key=lambda f: abs(math.log(f.factor)), default=None)


def by_primitive(found: tuple[Factor, ...]) -> list[str]:
    """Say what operations of one kind contribute together, where there are several; those that matter most first."""
    kinds: dict[str, list[float]] = defaultdict(list)
    for factor in found:
        if factor.factor > 0 and math.isfinite(factor.factor):
            kinds[factor.operation.primitive.name].append(math.log10(factor.factor))
    several = {name: logs for name, logs in kinds.items() if len(logs) > 1 and abs(sum(logs)) >= 1}
    return [
        f"{len(logs)} times {name}: × {_power(sum(logs))}, {short(10 ** (sum(logs) / len(logs)), 3)} each on average"
        for name, logs in sorted(several.items(), key=lambda item: -abs(sum(item[1])))
    ]


def _power(log: float) -> str:
    return short(10**log, 3) if abs(log) < 300 else f"1e{log:.0f}"


def in_loop(reader: Reader, operation: Operation) -> list[str]:
    """Say what becomes of a gradient inside of a scan, from its last step back to where it began."""
    if not isinstance(operation.primitive, Scan):
        return []
    loop = unrolled(reader, operation)
    start = None if loop is None else loop.inputs[0]
    if loop is None or start is None or loop.reader.gradient(start) is None:
        return []
    found = factors(loop.reader, start)
    sizes = [factor.left for factor in found]
    if not sizes:
        return []
    text = f"inside of {reader.name(operation)}, from its last step back to its first, RMS {short(max(sizes), 3)}"
    return [f"{text} at most, {short(sizes[-1], 3)} at the end", *(f"  {line}" for line in by_primitive(found))]
