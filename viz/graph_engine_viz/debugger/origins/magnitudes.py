"""What makes a gradient large or small: the factor that each operation contributes on the way back from the loss.

At each variable the way goes on through the use that contributes most.
"""

from __future__ import annotations

import math

from graph_engine.node import Operation, Variable
from graph_engine.primitives.scanning import Scan
from graph_engine_viz.debugger.origins.inside import unrolled
from graph_engine_viz.debugger.origins.reading import Reader
from graph_engine_viz.debugger.origins.report import Factor
from graph_engine_viz.debugger.origins.trends import find_trends
from graph_engine_viz.summary import short

__all__ = ["factors", "in_loop", "inside_of", "most_telling"]


def factors(reader: Reader, variable: Variable) -> tuple[Factor, ...]:
    """Follow the gradient of a variable up to the loss; the first is the operation next to the loss."""
    found: list[Factor] = []
    use = reader.largest_use(variable)
    while use is not None:
        operation, sizes = use.operation, (reader.rms(use.arrived), reader.rms(use.term))
        found.append(Factor(operation, reader.name(operation), *sizes, operation.line, use.position))
        use = reader.largest_use(use.output)
    return tuple(reversed(found))


def most_telling(found: tuple[Factor, ...]) -> Factor | None:
    """Return the factor that is furthest from 1."""
    return max((f for f in found if math.isfinite(f.log)), key=lambda f: abs(f.log), default=None)


def inside_of(reader: Reader, operation: Operation) -> tuple[Factor, ...]:
    """Follow the gradient of what a scan begins with, from its last step back to its first; nothing of what is none."""
    loop = unrolled(reader, operation) if isinstance(operation.primitive, Scan) else None
    if loop is None or loop.reader.gradient(loop.inputs[0]) is None:
        return ()
    return tuple(factor for factor in factors(loop.reader, loop.inputs[0]) if factor.operation not in loop.seeding)


def in_loop(name: str, found: tuple[Factor, ...]) -> list[str]:
    """Say what becomes of a gradient inside of a loop of this name."""
    if not found:
        return []
    sizes = [found[0].arrived, *(factor.left for factor in found)]
    text = f"inside of {name}, from its last step back to its first, RMS {short(max(sizes), 3)} at most"
    return [f"{text}, {short(sizes[-1], 3)} at the end", *(f"  {trend}" for trend in find_trends(found))]
