"""Post-mortem: what is left of a run that failed, or of a graph that could not be declared to its end."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from graph_engine.context import Context
from graph_engine.errors import DeclarationError, GraphEngineError, Undeclared
from graph_engine.graph import Graph
from graph_engine.node import Operation
from graph_engine.primitive import Primitive
from graph_engine.spec import Spec
from graph_engine.trace import Trace

__all__ = ["causes", "current_error", "declared_so_far", "trace_of_error"]


def current_error() -> BaseException:
    """Return the exception that is being handled, or the last one that ended a line at the prompt.

    Raises
    ------
    DeclarationError
        Where there is none.
    """
    found = sys.exception() or getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)
    if found is None:
        cure = "debug(engine, outputs, feeds), debug(trace), debug(path), debug(step); or debug() in an except block"
        raise DeclarationError("there is no error to look at, and nothing else was given", cure)
    return found


def trace_of_error(error: BaseException) -> Trace | None:
    """Return what an error left behind: what had been computed, or what had been declared; None where nothing was."""
    for found in causes(error):
        if isinstance(found, GraphEngineError) and isinstance(found.trace, Trace):
            return found.trace
        if isinstance(found, GraphEngineError) and found.undeclared is not None and found.undeclared.inputs:
            return declared_so_far(found, found.undeclared)
    return None


def declared_so_far(error: GraphEngineError, wanted: Undeclared) -> Trace:
    """Return the graph that some operation was to be put on, with that one at its end; nothing of it has run.

    Parameters
    ----------
    error : GraphEngineError
        Why it could not be declared.
    wanted : Undeclared
    """
    operation = Operation(Missing(wanted.name), wanted.inputs, Context(scope=wanted.scope), wanted.source)
    operation.give(Spec((), "float32"))
    graph = Graph(*operation.outputs)
    given = {v: np.asarray(v.data) for v in (*graph.parameters, *graph.constants) if v.data is not None}
    return Trace(graph, operation.outputs, None, {}, {}, given, error=error, failed=operation)


@dataclass(frozen=True, eq=False)
class Missing(Primitive):
    """Stands where an operation was refused, so that it can be seen what it was to be put on.

    Attributes
    ----------
    wanted : str
        The name of what was refused.
    """

    wanted: str = ""

    @property
    def name(self) -> str:  # type: ignore[override]
        """What was refused."""
        return f"{self.wanted}: refused"

    @property
    def symbol(self) -> str:  # type: ignore[override]
        """What a picture writes into it."""
        return f"{self.wanted}?"

    def infer(self, *specs: Any, **_: Any) -> Spec:
        """Return some spec: there is none."""
        return Spec((), "float32")


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """Go through an error and what led to it."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
