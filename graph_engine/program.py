"""Program: some outputs on one backend, prepared once and run many times."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from graph_engine.backend import Backend
from graph_engine.collector import paused_collection
from graph_engine.errors import BackendError, DeclarationError
from graph_engine.feeds import Fed, bind_feeds
from graph_engine.graph import Graph
from graph_engine.lowering import FastPlan
from graph_engine.node import Variable
from graph_engine.plan import Plan
from graph_engine.recent import Recent

_KEPT_PLANS = 16


class Program:
    """Some outputs on one backend: one plan for each set of feed shapes."""

    def __init__(self, backend: Backend, graph: Graph, guards: bool = False) -> None:
        _check_dtypes(backend, graph.variables)
        self.backend = backend
        self.graph = graph
        self.guards = guards
        self._plans: Recent[tuple[Any, ...], Plan] = Recent(_KEPT_PLANS)
        self._fast: Recent[tuple[Any, ...], FastPlan] = Recent(_KEPT_PLANS)

    @cached_property
    def reproducible(self) -> Program:
        """The same on kernels that give the same bits each time; itself, where it does so already."""
        backend = self.backend.reproducible()
        return self if backend is self.backend else Program(backend, self.graph, self.guards)

    def plan(self, arrays: Sequence[Any], others: tuple[Fed, ...] = ()) -> Plan:
        """Return the plan for feeds of these shapes."""
        key = _shapes(arrays, others)
        plan = self._plans.get(key)
        if plan is None:
            names = bind_feeds(self.graph, arrays, others)
            with paused_collection():
                plan = self._plans.put(key, Plan(self.graph, self.backend, names))
        return plan

    def fast(self, arrays: Sequence[Any], others: tuple[Fed, ...] = ()) -> FastPlan:
        """Return the generated code for feeds of these shapes."""
        key = _shapes(arrays, others)
        fast = self._fast.get(key)
        if fast is None:
            with paused_collection():
                fast = self._fast.put(key, FastPlan(self.plan(arrays, others), self.guards))
        return fast


def _shapes(arrays: Sequence[Any], others: tuple[Fed, ...]) -> tuple[Any, ...]:
    return (*[array.shape for array in arrays], *others)


def as_outputs(outputs: Variable | Sequence[Variable]) -> tuple[Variable, ...]:
    """Read one variable, or several, as several."""
    found = (outputs,) if isinstance(outputs, Variable) else outputs
    if not isinstance(found, (list, tuple)):
        raise DeclarationError(f"{outputs!r} is no variable of a graph", "run(f, feeds) or run([f, g], feeds)")
    for output in found:
        if not isinstance(output, Variable):
            raise DeclarationError(f"{output!r} is no variable of a graph", "run(f, feeds) or run([f, g], feeds)")
    return tuple(found)


def _check_dtypes(backend: Backend, variables: Sequence[Variable]) -> None:
    """Refuse dtypes that the backend does not have."""
    for dtype in {variable.dtype for variable in variables}:
        if not hasattr(backend.xp, dtype):
            first = next(variable for variable in variables if variable.dtype == dtype)
            raise BackendError(
                f"the backend {backend.name!r} has no {dtype}, which {first.name!r} is", "declare it with another dtype"
            ).located("declared at", first.line)
