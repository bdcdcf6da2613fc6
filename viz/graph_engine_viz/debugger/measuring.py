"""What watchpoints ask of a compiled step, as one more output of it: a vector of numbers, so that they come at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from graph_engine.backend import Backend
from graph_engine.compiled import CompiledStep
from graph_engine.errors import DeclarationError
from graph_engine.node import Variable
from graph_engine.operands import constant
from graph_engine.primitive import Primitive
from graph_engine.spec import Spec
from graph_engine.trace import Trace
from graph_engine_viz.debugger.conditions import SIDES, Condition, Needed
from graph_engine_viz.debugger.meaning import find_watched
from graph_engine_viz.debugger.quantities import joined, reduced
from graph_engine_viz.debugger.watching import Known, is_asked_of

__all__ = ["Measured", "Questions"]

Array = np.ndarray[Any, Any]
Terms = tuple[Variable, ...]  # one, or what to subtract from what; empty where there is no such thing
_UNKNOWN = np.array([np.nan])
_HAVE = "only real numbers are watched; what the loss depends on has a gradient, and what the step changes an update"


class Questions:
    """What is asked each time a step has run: where conditions hold, and if a guard wants it, whether all is finite.

    Parameters
    ----------
    step : CompiledStep
    conditions : sequence of Condition
    of : Variable, str, or several; or None
        As in `attach`.

    Attributes
    ----------
    numbers : Variable
        All that has to be known: `float64[n]`.
    """

    def __init__(self, step: CompiledStep, conditions: Sequence[Condition], of: Any) -> None:
        _, self._gradients = step.main_gradients()
        self._step = step
        knowns = self._watched(of)
        of_each = [(c, [known for known in knowns if is_asked_of(c, known)]) for c in conditions]
        for condition, those in of_each:
            if of is not None and not those:
                raise DeclarationError(f"{condition.text!r} can hold for nothing that is watched", _HAVE)
        wanted = [self._sought(known, *one) for c, those in of_each for known in those for one in c.needed]
        real = [v for v in (*step.outputs, *step.updates.values()) if v.spec.is_float and "finite" in step.guards]
        guarded: list[tuple[Terms, str]] = [((v,), "isfinite") for v in real]
        self.numbers, places = _declare([*wanted, *guarded])

        def find(sought: Sequence[tuple[Terms, str]]) -> Array:
            return np.array([places.get(one, -1) for one in sought], np.intp)

        self._guarded = find(guarded)
        self._placed = [
            Placed(c, those, {one: find([self._sought(known, *one) for known in those]) for one in c.needed})
            for c, those in of_each
        ]

    def holding(self, numbers: Array) -> list[tuple[Condition, Known]]:
        """Return which conditions hold, and for what."""
        found = np.concatenate((numbers, _UNKNOWN))  # at -1, for what there is not
        return [pair for placed in self._placed for pair in placed.holding(found)]

    def finite(self, numbers: Array) -> bool:
        """Whether all is finite that a guard looks at."""
        return not self._guarded.size or bool(numbers[self._guarded].all())

    def _watched(self, of: Any) -> list[Known]:
        step, gradients = self._step, self._gradients
        found, _ = find_watched(Trace(step.graph, step.outputs, None, gradients, step.updates, {}), of)
        if found is None:
            found = frozenset((*step.outputs, *(p for p in step.updates if p in gradients)))
        real = sorted((v for v in found if v.spec.is_float), key=lambda v: v.index)
        return [Known(v, side) for v in real for side in SIDES if self._terms(v, side)]

    def _terms(self, variable: Variable, side: str) -> Terms:
        if side == "value":
            return (variable,)
        there = self._gradients if side == "grad" else self._step.updates
        if variable not in there:
            return ()
        return (there[variable],) if side == "grad" else (there[variable], variable)

    def _sought(self, known: Known, side: str, quantity: str) -> tuple[Terms, str]:
        return self._terms(known.variable, side or known.side), quantity


@dataclass(frozen=True)
class Placed:
    """A condition, of what it is asked, and the places of the numbers that it needs of each."""

    condition: Condition
    knowns: list[Known]
    places: Mapping[Needed, Array]

    def holding(self, numbers: Array) -> list[tuple[Condition, Known]]:
        """Return for what it holds."""
        held = self.condition.holding(lambda side, quantity: numbers[self.places[side, quantity]])
        return [(self.condition, self.knowns[i]) for i in held.nonzero()[0]]


def _declare(sought: Sequence[tuple[Terms, str]]) -> tuple[Variable, dict[tuple[Terms, str], int]]:
    """Declare a vector of quantities, and say at which place each of them is."""
    names: dict[Terms, dict[str, None]] = {}
    for terms, quantity in sought:
        if terms:
            names.setdefault(terms, {})[quantity] = None
    inputs = {v: i for i, v in enumerate(dict.fromkeys(v for terms in names for v in terms))}
    measured = Measured(tuple((tuple(inputs[v] for v in terms), tuple(names[terms])) for terms in names))
    numbers = measured(*inputs) if inputs else constant(np.zeros(0))
    order = [(terms, quantity) for terms in names for quantity in names[terms]]
    return numbers, {one: place for place, one in enumerate(order)}


@dataclass(frozen=True, eq=False)
class Measured(Primitive):
    """Quantities of arrays, and of differences of two, as one vector.

    Attributes
    ----------
    reductions : tuple of (tuple of int, tuple of str)
        Of which input, or of which less which other, and what.
    """

    name = "measured"
    may_view = False
    reductions: tuple[tuple[tuple[int, ...], tuple[str, ...]], ...] = ()

    def infer(self, *xs: Spec) -> Spec:
        """Return the spec of the vector."""
        return Spec((sum(len(names) for _, names in self.reductions),), "float64")

    def kernel(self, xp: Any, *xs: Any) -> Any:
        """Reduce each array where it lives."""
        return joined(xp, [number for array, names in self._arrays(xs) for number in reduced(xp, array, names)])

    def lowered(self, backend: Backend) -> Callable[..., Any]:
        """Return what computes it: of NumPy's arrays it can be asked at once whether they are finite."""
        return partial(self._here, backend) if backend.xp is np else super().lowered(backend)

    def _here(self, backend: Backend, *xs: Any) -> Any:
        found: list[Any] = []
        for array, names in self._arrays(xs):
            quick = names == ("isfinite",)
            found += [backend.all_finite([array])] if quick else reduced(np, array, names)
        return np.asarray(found, np.float64)

    def _arrays(self, xs: Sequence[Any]) -> Iterator[tuple[Any, tuple[str, ...]]]:
        for places, names in self.reductions:
            yield xs[places[0]] if len(places) == 1 else xs[places[0]] - xs[places[1]], names
