"""The numbers that watchpoints ask for, of what each step makes known."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from graph_engine.backend import Backend
from graph_engine.graph import Graph
from graph_engine.node import Variable
from graph_engine.trace import Step, Trace
from graph_engine_viz.debugger.conditions import SIDES, Condition
from graph_engine_viz.debugger.meaning import results_of
from graph_engine_viz.debugger.quantities import measure_all

__all__ = ["Known", "Watching", "is_asked_of", "words"]

_WORDS = {"grad": "gradient", "update": "update"}


class Known(NamedTuple):
    """Something that a step makes known.

    Attributes
    ----------
    variable : Variable
        Whose value, gradient or update it is.
    side : {"value", "grad", "update"}
    """

    variable: Variable
    side: str


class Watching:
    """Evaluates watchpoints on one run; each quantity is computed once.

    Parameters
    ----------
    trace : Trace
    backend : Backend
        The one whose arrays the trace holds.
    """

    def __init__(self, trace: Trace, backend: Backend) -> None:
        self.trace = trace
        self._backend = backend
        self._numbers: dict[tuple[Known, str], float] = {}
        self._of_gradient = {gradient: variable for variable, gradient in trace.gradients.items()}
        self._of_update = {new: variable for variable, new in trace.updates.items()}

    def hits(self, condition: Condition, watched: Collection[Variable] | None, step: Step) -> list[Known]:
        """Return what a step makes known, of the variables watched, for which a condition holds."""
        known = self._asked(condition, watched, step)
        self._measure([(one, condition) for one in known])
        return [one for one in known if self._holds(condition, one)]

    def prepare(self, asked: Iterable[tuple[Condition, Collection[Variable] | None]], step: Step) -> None:
        """Compute what several conditions ask for at a step, so that the device is waited for once."""
        self._measure([(known, c) for c, watched in asked for known in self._asked(c, watched, step)])

    def made_known(self, step: Step) -> Iterator[Known]:
        """Say which values, gradients and updates a step makes known; real numbers only."""
        for variable in results_of(step):
            if variable not in self.trace.arrays or not variable.spec.is_float:
                continue
            if step.phase == "forward":
                yield Known(variable, "value")
            if variable in self._of_gradient:
                yield Known(self._of_gradient[variable], "grad")
            if variable in self._of_update:
                yield Known(self._of_update[variable], "update")

    def _asked(self, condition: Condition, watched: Collection[Variable] | None, step: Step) -> list[Known]:
        made = self.made_known(step)
        return [k for k in made if (watched is None or k.variable in watched) and is_asked_of(condition, k)]

    def _measure(self, wanted: Iterable[tuple[Known, Condition]]) -> None:
        missing: dict[Known, list[str]] = {}
        for known, condition in wanted:
            for side, quantity in condition.needed:
                one = known._replace(side=side or known.side)
                if (one, quantity) not in self._numbers and quantity not in missing.get(one, ()):
                    missing.setdefault(one, []).append(quantity)
        if missing:
            self._compute(missing)

    def _compute(self, wanted: Mapping[Known, list[str]]) -> None:
        arrays = {known: self._array(known) for known in wanted}
        there = [(known, quantities) for known, quantities in wanted.items() if arrays[known] is not None]
        self._numbers |= {(k, q): math.nan for k, quantities in wanted.items() for q in quantities}
        found = measure_all(self._backend.xp, [(arrays[k], names) for k, names in there], self._backend.to_numpy)
        for (known, _), numbers in zip(there, found, strict=True):
            self._numbers |= {(known, quantity): number for quantity, number in numbers.items()}

    def _holds(self, condition: Condition, known: Known) -> bool:
        return condition.holds(lambda side, quantity: self._numbers[known._replace(side=side or known.side), quantity])

    def _array(self, known: Known) -> object:
        trace, variable = self.trace, known.variable
        if known.side == "update":
            new = trace.updates.get(variable)
            return None if new is None else trace.arrays[new] - trace.arrays[variable]
        found = trace.gradients.get(variable) if known.side == "grad" else variable
        return None if found is None or found not in trace.arrays else trace.arrays[found]


def is_asked_of(condition: Condition, known: Known) -> bool:
    """Say whether a condition is asked about this: once, when the last of what it names has become known."""
    return not condition.sides or known.side == max(condition.sides, key=SIDES.index)


def words(graph: Graph, known: Known) -> str:
    """Say what is known."""
    name = graph.name_of(known.variable)
    return name if known.side == "value" else f"the {_WORDS[known.side]} of {name}"
