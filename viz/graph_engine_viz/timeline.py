"""When each thing of a run is computed: the number of its step.

A picture at step n shows what was computed at a step <= n. So a picture depends on its step alone, and not on the
way that led there.
"""

from __future__ import annotations

import sys
from collections import Counter
from typing import NamedTuple

from graph_engine.graph import Graph
from graph_engine.node import Operation, Variable
from graph_engine.trace import Trace

BEFORE = -1
NEVER = sys.maxsize


class Use(NamedTuple):
    """One use of a variable: by which operation, and as which of its inputs."""

    operation: Operation
    position: int


class Timeline:
    """The steps at which values, gradients and terms of gradients become known.

    Parameters
    ----------
    trace : Trace

    Attributes
    ----------
    operations : tuple of Operation
        Those that a picture draws: what was asked for. Backward and update operations are steps on these, unless
        what was asked for is itself a gradient.
    graph : Graph
        The graph of what was asked for, or where nothing was, of everything.
    """

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.graph, self.operations = _drawn(trace)
        self.count = len(trace.steps)
        self._computed: dict[Operation, int] = {}
        self._rule: dict[Operation, int] = {}
        self._updated: dict[Variable, int] = {}
        self._made: dict[Variable, int] = {}  # new values
        for step in trace.steps:
            self._read(step.index)
        self._terms = {
            Use(record.operation, record.input_index): variable
            for variable in trace.graph.variables
            if (record := variable.gradient) is not None
            and record.loss is trace.loss
            and record.operation is not None
            and record.input_index is not None
        }
        self._branches = Counter(use.operation.inputs[use.position] for use in self._terms)

    def _read(self, index: int) -> None:
        step = self.trace.steps[index]
        if step.phase == "forward" and step.operation is not None:
            self._computed[step.operation] = index
        for substep in step.substeps:
            if substep.operation is not None:
                self._computed.setdefault(substep.operation, index)
        if step.phase == "backward" and step.variable is None and step.operation is not None:
            self._rule.setdefault(step.operation, index)
        if step.phase == "update" and step.variable is not None:
            self._updated[step.variable] = index
            self._made.update(dict.fromkeys(step.outputs, index))

    def value(self, variable: Variable) -> int:
        """Return the step that computes a variable: `BEFORE` all what is given, `NEVER` what was not reached."""
        if variable not in self.trace.arrays:
            return NEVER
        return BEFORE if variable.operation is None else self._computed.get(variable.operation, NEVER)

    def gradient(self, variable: Variable) -> int:
        """Return the step that completes the gradient of a variable."""
        gradient = self.trace.gradients.get(variable)
        return NEVER if gradient is None else self.value(gradient)

    def update(self, variable: Variable) -> int:
        """Return the step that gives a parameter its new value."""
        new = self.trace.updates.get(variable)
        if new is None or new not in self.trace.arrays:
            return NEVER
        return self._updated.get(variable, self._made.get(new, NEVER))  # an optimiser's states have no own step

    def flow(self, use: Use) -> int:
        """Return the step that sends a gradient back through one use of a variable."""
        term = self._terms.get(use)
        return NEVER if term is None else self.value(term)

    def term(self, use: Use) -> Variable | None:
        """Return what is sent back through a use: one term of the variable's gradient."""
        return self._terms.get(use)

    def is_branch(self, use: Use) -> bool:
        """Say whether the gradient of what is used is a sum, and this use gives one of its terms."""
        return use in self._terms and self._branches[use.operation.inputs[use.position]] > 1

    def will_flow(self, use: Use) -> bool:
        """Say whether a gradient is sent back through a use, if the run gets so far."""
        return use in self._terms

    def rule(self, operation: Operation) -> int:
        """Return the step that sends gradients back through an operation."""
        return self._rule.get(operation, NEVER)

    def computed(self, operation: Operation) -> int:
        """Return the step that computes an operation."""
        return self._computed.get(operation, NEVER)


def _drawn(trace: Trace) -> tuple[Graph, tuple[Operation, ...]]:
    asked = Graph(*trace.outputs)
    if any(operation.phase != "forward" for operation in asked.operations):
        return asked, asked.operations
    wanted = set(asked.operations) if trace.outputs else set(trace.graph.operations)
    drawn: dict[Operation, None] = {}
    for operation in trace.graph.operations:
        # A user's own update rule is of the forward phase too, but computes with gradients.
        known = all(v.operation is None or v.operation in drawn for v in operation.inputs)
        if operation.phase == "forward" and operation in wanted and known:
            drawn[operation] = None
    return trace.graph, tuple(drawn)
