"""Trace: everything that happened in one run, step by step.

A step is what a person calls one: forward, one operation; backward, the seed dL/dL = 1 and then one forward
operation's whole rule; update, one parameter. The primitives that a rule or an update is made of are its substeps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from typing import Any

import numpy as np

from graph_engine.collector import paused_collection
from graph_engine.context import Context, Phase, building
from graph_engine.errors import LookupFailed
from graph_engine.graph import Graph
from graph_engine.node import Operation, Variable
from graph_engine.replay import Retention
from graph_engine.source import SourceLine

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Step:
    """One step of a run.

    Attributes
    ----------
    index : int
        Counted from 0.
    phase : {"forward", "backward", "update"}
    operation : Operation or None
        Forward: what was computed. Backward: the forward operation whose rule this is, or the seed. Update: the
        operation that computes the new value, if any.
    inputs, outputs : tuple of Variable
        What the step read, and what it computed. Backward: upstream gradients and values read; the gradients, or terms
        of gradients, of the operation's inputs. Update: the parameter's new value, and then those of what the
        optimiser keeps for it.
    substeps : tuple of Step
        The primitives of a backward rule or an update, one each.
    line : SourceLine or None
        The user's line.
    variable : Variable or None
        The parameter of an update, the loss of a seed.
    """

    index: int
    phase: Phase
    operation: Operation | None
    inputs: tuple[Variable, ...]
    outputs: tuple[Variable, ...]
    substeps: tuple[Step, ...] = ()
    line: SourceLine | None = None
    variable: Variable | None = None


@dataclass
class Trace:
    """Everything that happened in one run.

    Attributes
    ----------
    graph : Graph
        What was run: forward, backward and update.
    outputs : tuple of Variable
        What was asked for.
    loss : Variable or None
        What the gradients are of.
    steps : tuple of Step
    gradients : dict of Variable to Variable
        The gradient of each variable that the loss depends on.
    updates : dict of Variable to Variable
        The new value of each updated parameter.
    arrays : mapping of Variable to array
        The value of each variable that the run reached, as the backend's own; `value` gives copies.
    to_numpy : callable
        Turns one of those arrays into a NumPy array.
    names : dict of str to int
        What the dimension names stood for.
    error, failed : Exception, Operation, or None
        What stopped the run, and where.
    kept : Retention or None
        Which values are kept and which are computed again, where the run was given a memory budget.

    Examples
    --------
    >>> import graph_engine as ge
    >>> x, y, z = ge.input("x"), ge.input("y"), ge.input("z")
    >>> w = x + y
    >>> f = w * z
    >>> trace = ge.Engine("numpy").trace(f, {x: -2, y: 5, z: -4})
    >>> float(trace.value("w")), float(trace.grad("x"))
    (3.0, -4.0)
    >>> [(step.phase, step.operation.name) for step in trace.steps]
    [('forward', 'add'), ('forward', 'multiply'), ('backward', 'full'), ('backward', 'multiply'), ('backward', 'add')]
    """

    graph: Graph
    outputs: tuple[Variable, ...]
    loss: Variable | None
    gradients: dict[Variable, Variable]
    updates: dict[Variable, Variable]
    arrays: Mapping[Variable, Any] = field(repr=False)
    to_numpy: Callable[[Any], Array] = field(default=np.asarray, repr=False)
    names: Mapping[str, int] = field(default_factory=dict)
    error: Exception | None = None
    failed: Operation | None = None
    kept: Retention | None = field(default=None, repr=False)

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """What was done, up to where the run stopped."""
        with paused_collection():
            return group_steps(self.graph, self.updates, self.failed)

    def value(self, variable: Variable | str) -> Array:
        """Return the value of a variable, by itself or by name, as a NumPy array of your own.

        A parameter's is the one that the run began with; see `updated`.
        """
        variable = self._find(variable)
        if variable not in self.arrays:
            reason = f": the run stopped at {self.graph.name_of(self.failed)}" if self.failed else ""
            raise LookupFailed(f"{self.graph.name_of(variable)!r} has not been computed{reason}")
        return np.array(self.to_numpy(self.arrays[variable]))

    def grad(self, variable: Variable | str) -> Array:
        """Return d loss / d variable as a NumPy array of your own."""
        return self.value(self.gradient_variable(variable))

    def gradient_variable(self, variable: Variable | str) -> Variable:
        """Return the variable that holds the gradient of another one."""
        variable = self._find(variable)
        if variable in self.gradients:
            return self.gradients[variable]
        name = self.graph.name_of(variable)
        if self.loss is None:
            shown = ", ".join(f"{self.graph.name_of(v)!r} ({v.spec})" for v in self.outputs)
            raise LookupFailed(
                f"{name!r} has no gradient: no backward pass was run, because what was traced is {shown}",
                "trace one number, a float: ge.sum or ge.mean of it",
            )
        loss = self.graph.name_of(self.loss)
        raise LookupFailed(
            f"{name!r} has no gradient in this run: {loss!r} does not depend on it smoothly, or it was not asked for",
            "a step computes the gradients of what it trains; engine.trace(loss, feeds) computes all there are",
        )

    def has_value(self, variable: Variable | str) -> bool:
        """Return whether the run got as far as this variable."""
        return self._find(variable) in self.arrays

    def has_grad(self, variable: Variable | str) -> bool:
        """Return whether the run got as far as this variable's gradient."""
        return self.gradients.get(self._find(variable)) in self.arrays

    def updated(self, parameter: Variable | str) -> Array:
        """Return the value that the update gave a parameter."""
        parameter = self._find(parameter)
        if parameter not in self.updates:
            raise LookupFailed(f"{self.graph.name_of(parameter)!r} was not updated")
        return self.value(self.updates[parameter])

    def contributions(self, variable: Variable | str) -> list[tuple[Operation, int, Array]]:
        """Return the terms whose sum is the gradient of a variable: one for each use.

        Returns
        -------
        list of (Operation, int, numpy.ndarray)
            The operation that used it, as which of its inputs, and what came back from there.
        """
        return [(operation, position, self.value(term)) for operation, position, term in self.terms(variable)]

    def terms(self, variable: Variable | str) -> list[tuple[Operation, int, Variable]]:
        """Return the variables that hold what `contributions` returns: nothing is copied.

        Returns
        -------
        list of (Operation, int, Variable)
        """
        total = self.gradient_variable(variable)
        record = total.gradient
        found: tuple[Variable, ...] = (total,)
        if record and record.operation is None and total.operation and total.operation.primitive.name == "accumulate":
            found = total.operation.inputs
        return [
            (term.gradient.operation, term.gradient.input_index, term)
            for term in found
            if term.gradient and term.gradient.operation is not None and term.gradient.input_index is not None
        ]

    def local_derivatives(self, operation: Operation) -> tuple[Array | None, ...]:
        """Return the number that each local derivative is, where it has the shape of its input.

        That is so for elementwise operations and those with one number as their result: the rule, given 1 from above.
        """
        single = len(operation.outputs) == 1 and operation.outputs[0].spec.is_float
        shapes = {v: np.shape(self.arrays[v]) for v in (*operation.inputs, *operation.outputs) if v in self.arrays}
        if not single or len(shapes) < len({*operation.inputs, *operation.outputs}):
            return (None,) * len(operation.inputs)
        shape = shapes[operation.outputs[0]]
        usable = [
            v.spec.is_float and (shape == () or (operation.primitive.elementwise and shapes[v] == shape))
            for v in operation.inputs
        ]
        if not any(usable):
            return (None,) * len(usable)
        return _evaluate_rule(operation, usable, self)

    def _find(self, variable: Variable | str) -> Variable:
        if isinstance(variable, Variable) and variable not in self.graph:
            raise LookupFailed(f"{variable.name!r} is not a part of what was run")
        return self.graph[variable]

    def __str__(self) -> str:
        from graph_engine.table import trace_table

        return trace_table(self)

    def save(self, path: Any) -> None:
        """Write the trace to a file that `Trace.load` and the command line open (safetensors)."""
        from graph_engine.files import save_trace

        save_trace(self, path)

    @classmethod
    def load(cls, path: Any) -> Trace:
        """Read a saved trace; what is no trace, damaged, or of an unknown version is refused."""
        from graph_engine.files import load_trace

        return load_trace(path)


def group_steps(
    graph: Graph, updates: Mapping[Variable, Variable], failed: Operation | None = None
) -> tuple[Step, ...]:
    """Group a graph's operations, in creation order, into steps.

    A sum of gradient terms belongs to the rule that completed it, so it joins the step before it. Updates are ordered
    by parameter, in the order of `updates`; what an optimiser keeps for a parameter is updated in the step of that one.
    """
    done = [op for op in graph.operations if failed is None or op.index <= failed.index]
    steps: list[Step] = []
    passes = [op for op in done if op.phase != "update"]
    for _, members in groupby(_with_leader(passes), key=lambda pair: pair[0]):
        group = [operation for _, operation in members]
        steps.append(_pass_step(len(steps), group))
    if failed is None or failed.phase == "update":
        rest = [op for op in done if op.phase == "update"]
        owned: dict[Any, list[Operation]] = {}
        for operation in rest:
            owned.setdefault(operation.owner, []).append(operation)
        for parameter, values in _updates_by_owner(updates).items():
            steps.append(_update_step(len(steps), parameter, values, owned.get(parameter, [])))
    return tuple(steps)


def _updates_by_owner(updates: Mapping[Variable, Variable]) -> dict[Variable, tuple[Variable, ...]]:
    """Find the new values of each step: a parameter's, and those of what an optimiser keeps for it."""
    found: dict[Variable, list[Variable]] = {}
    for parameter, new in updates.items():
        operation = new.operation
        owner = operation.owner if operation is not None and operation.phase == "update" else parameter
        kept = isinstance(owner, Variable) and owner in updates and not parameter.trainable
        found.setdefault(owner if kept else parameter, []).append(new)  # type: ignore[arg-type]
    return {p: tuple(dict.fromkeys((updates[p], *values))) for p, values in found.items()}


def _with_leader(operations: list[Operation]) -> list[tuple[Any, Operation]]:
    """Pair each operation with what it is grouped by: itself, or in the backward pass its rule."""
    pairs: list[tuple[Any, Operation]] = []
    for operation in operations:
        leader: Any = operation
        if operation.phase == "backward" and isinstance(operation.owner, Operation):
            leader = operation.owner
        elif operation.phase == "backward" and operation.primitive.name == "accumulate" and pairs:
            leader = pairs[-1][0]
        pairs.append((leader, operation))
    return pairs


def _pass_step(index: int, group: list[Operation]) -> Step:
    first = group[0]
    if first.phase == "forward":
        return Step(index, "forward", first, first.inputs, first.outputs, (), first.line)
    owner = first.owner
    operation = owner if isinstance(owner, Operation) else first
    variable = owner if isinstance(owner, Variable) else None
    made = {v for op in group for v in op.outputs}
    inputs = tuple(dict.fromkeys(v for op in group for v in op.inputs if v not in made))
    outputs = tuple(v for op in group for v in op.outputs if v.gradient is not None)
    substeps = tuple(
        Step(i, "backward", op, op.inputs, op.outputs, (), op.line, variable) for i, op in enumerate(group)
    )
    return Step(index, "backward", operation, inputs, outputs, substeps, operation.line, variable)


def _update_step(index: int, parameter: Variable, values: tuple[Variable, ...], group: list[Operation]) -> Step:
    made = {v for op in group for v in op.outputs}
    inputs = tuple(dict.fromkeys((parameter, *(v for op in group for v in op.inputs if v not in made))))
    substeps = tuple(Step(i, "update", op, op.inputs, op.outputs, (), op.line, parameter) for i, op in enumerate(group))
    line = group[-1].line if group else parameter.line
    return Step(index, "update", values[0].operation, inputs, values, substeps, line, parameter)


def _evaluate_rule(operation: Operation, usable: list[bool], trace: Trace) -> tuple[Array | None, ...]:
    """Run an operation's rule on the values of the trace, with ones from above."""
    output = operation.outputs[0]
    one = Variable(output.spec, "input", operation.source, name="upstream")
    with building(Context(phase="backward", owner=operation, source=operation.source)):
        terms = operation.primitive.vjp(operation, [one], usable)
    values: dict[Variable, Any] = {one: np.ones(np.shape(trace.arrays[output]), output.dtype)}

    def value_of(variable: Variable) -> Any:
        if variable in values:
            return values[variable]
        return variable.data if variable.kind == "constant" else trace.value(variable)

    wanted = [term if use else None for term, use in zip(terms, usable, strict=True)]
    with np.errstate(all="ignore"):
        for op in _made_since(one, [term for term in wanted if term is not None]):
            results = op.primitive.bind(trace.names).kernel(np, *[value_of(v) for v in op.inputs])
            values.update(zip(op.outputs, results if isinstance(results, tuple) else (results,), strict=True))
    return tuple(None if term is None else np.asarray(value_of(term)) for term in wanted)


def _made_since(first: Variable, outputs: list[Variable]) -> list[Operation]:
    """Find the operations behind some variables that are newer than another one, in order."""
    found: set[Operation] = set()
    stack = [v.operation for v in outputs]
    while stack:
        operation = stack.pop()
        if operation is not None and operation.index > first.index and operation not in found:
            found.add(operation)
            stack += [v.operation for v in operation.inputs]
    return sorted(found, key=lambda op: op.index)
