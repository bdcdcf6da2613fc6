"""The numbers that watchpoints ask for, of what each step makes known."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

from graph_engine.backend import Backend
from graph_engine.graph import Graph
from graph_engine.node import Variable
from graph_engine.trace import Step, Trace
from graph_engine_viz.debugger.conditions import SIDES, Condition
from graph_engine_viz.debugger.quantities import measure

__all__ = ["Known", "Watching", "asked", "words"]

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
        made = [known for known in self.made_known(step) if watched is None or known.variable in watched]
        return [known for known in made if self._holds(condition, known)]

    def words(self, known: Known) -> str:
        """Say what is known."""
        return words(self.trace.graph, known)

    def made_known(self, step: Step) -> Iterator[Known]:
        """Say which values, gradients and updates a step makes known; real numbers only."""
        made = dict.fromkeys((*step.outputs, *(v for substep in step.substeps for v in substep.outputs)))
        for variable in made:
            if variable not in self.trace.arrays or not variable.spec.is_float:
                continue
            if step.phase == "forward":
                yield Known(variable, "value")
            if variable in self._of_gradient:
                yield Known(self._of_gradient[variable], "grad")
            if variable in self._of_update:
                yield Known(self._of_update[variable], "update")

    def number(self, known: Known, quantity: str) -> float:
        """Return a quantity of something that is known, NaN where there is no such thing."""
        key = known, quantity
        if key not in self._numbers:
            array = self._array(known)
            if array is None:
                return float("nan")
            self._numbers[key] = measure(self._backend.xp, array, [quantity])[quantity]
        return self._numbers[key]

    def _holds(self, condition: Condition, known: Known) -> bool:
        return asked(condition, known) and condition.holds(
            lambda side, quantity: self.number(known._replace(side=side or known.side), quantity)
        )

    def _array(self, known: Known) -> object:
        trace, variable = self.trace, known.variable
        if known.side == "update":
            new = trace.updates.get(variable)
            return None if new is None else trace.arrays[new] - trace.arrays[variable]
        found = trace.gradients.get(variable) if known.side == "grad" else variable
        return None if found is None or found not in trace.arrays else trace.arrays[found]


def asked(condition: Condition, known: Known) -> bool:
    """Say whether a condition is asked about this: once, when the last of what it names has become known."""
    return not condition.sides or known.side == max(condition.sides, key=SIDES.index)


def words(graph: Graph, known: Known) -> str:
    """Say what is known."""
    name = graph.name_of(known.variable)
    return name if known.side == "value" else f"the {_WORDS[known.side]} of {name}"
