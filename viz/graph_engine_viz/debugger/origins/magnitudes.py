"""What makes a gradient large or small: the factor that each operation contributes on the way back from the loss.

At each variable the way goes on through the use that contributes most.
"""

from __future__ import annotations

import math

from graph_engine.node import Operation, Variable
from graph_engine_viz.debugger.origins.reading import Reader
from graph_engine_viz.debugger.origins.report import Factor
from graph_engine_viz.debugger.origins.zeros import terms_of

__all__ = ["factors", "most_telling"]


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
