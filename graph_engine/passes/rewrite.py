"""What passes are made of: declare a graph again, in order, and let a subclass change what it wants on the way."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from graph_engine.collector import paused_collection
from graph_engine.context import building
from graph_engine.graph import Graph
from graph_engine.node import Operation, Variable
from graph_engine.passes.linked import linked
from graph_engine.primitive import Primitive, apply

Node = Variable | Operation


@dataclass(frozen=True)
class Rewritten:
    """A graph that a pass made.

    Attributes
    ----------
    graph : Graph
    origin : dict
        The variable or operation that each new one came from (the first, where several became one).
    became : dict
        What each old variable or operation became.
    """

    graph: Graph
    origin: dict[Any, Any] = field(repr=False)
    became: dict[Any, Any] = field(repr=False)


class Rewrite:
    """Declare a graph again; subclasses change `leaf`, `primitive` or `declare`.

    Each operation keeps its line, scope and phase, and whose rule it belongs to; each variable its name and what it is
    the gradient of. Inputs, parameters and constants stay the same objects unless `leaf` replaces them, so feeds and
    the values in an engine go on to fit.

    Examples
    --------
    >>> import graph_engine as ge
    >>> class Hyperbolic(Rewrite):
    ...     def primitive(self, operation):
    ...         return ge.tanh if operation.primitive.name == "sin" else operation.primitive
    >>> y = ge.sin(ge.input("x"))
    >>> print(Hyperbolic()(ge.Graph(y)).graph)
    graph of 1 operations, 2 variables
      input     x: float32()
      y = tanh(x)  float32()
      outputs   y
    """

    def __call__(self, graph: Graph) -> Rewritten:
        """Return the new graph, and what became of each node."""
        self.became: dict[Any, Any] = {}
        variables, _ = linked(graph.variables)
        with paused_collection():
            for variable in variables:
                if variable.operation is None:
                    self.became[variable] = self.leaf(variable)
                elif variable not in self.became:
                    self._again(variable.operation)
        origin: dict[Any, Any] = {}
        for old, new in self.became.items():
            origin.setdefault(new, old)
        return Rewritten(Graph(*[self.became[v] for v in graph.outputs]), origin, self.became)

    # ---- what a pass says --------------------------------------------------------------------------------------

    def leaf(self, variable: Variable) -> Variable:
        """Return what stands for an input, a parameter or a constant."""
        return variable

    def primitive(self, operation: Operation) -> Primitive:
        """Return the primitive of the new operation."""
        return operation.primitive

    def declare(self, operation: Operation, inputs: tuple[Variable, ...]) -> Sequence[Variable]:
        """Return the new outputs, given the new inputs; variables that exist already can stand for them."""
        result = apply(self.primitive(operation), inputs)
        return (result,) if isinstance(result, Variable) else tuple(result)

    # ---- how it is done ----------------------------------------------------------------------------------------

    def _again(self, operation: Operation) -> None:
        context = operation.context
        owner = self.became[context.owner] if context.owner is not None else None
        with building(dataclasses.replace(context, owner=owner, source=operation.source)):
            outputs = self.declare(operation, tuple([self.became[v] for v in operation.inputs]))
        self.became[operation] = outputs[0].operation
        for old, new in zip(operation.outputs, outputs, strict=True):
            self.became[old] = new
            if new.operation is not None and new.operation.source is operation.source:
                self._describe(old, new)

    def _describe(self, old: Variable, new: Variable) -> None:
        new.source, new.tex = old.source, old.tex
        if old.has_given_name and not new.has_given_name:
            new.named(old.name)
        record = old.gradient
        if record is not None and new.gradient is None:
            new.gradient = record._replace(
                variable=self.became[record.variable],
                loss=self.became[record.loss],
                operation=None if record.operation is None else self.became[record.operation],
            )
