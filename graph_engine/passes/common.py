"""What is computed twice is computed once."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from graph_engine.graph import Graph
from graph_engine.node import Operation, Variable
from graph_engine.passes.rewrite import Rewrite, Rewritten


def merge_common(graph: Graph) -> Rewritten:
    """Merge operations that apply one primitive to the same variables, and constants that are equal.

    The bits do not change. What has a name of its own, and what is the gradient of something, is kept, so that traces
    of the new graph still say what belongs to what.

    Examples
    --------
    >>> import graph_engine as ge
    >>> x = ge.input("x")
    >>> print(merge_common(ge.Graph(ge.exp(x * 2) + ge.exp(x * 2))).graph)
    graph of 3 operations, 5 variables
      input     x: float32()
      multiply = multiply(x, 2.0)  float32()
      exp = exp(multiply)  float32()
      add = add(exp, exp)  float32()
      outputs   add
    """
    return MergeCommon()(graph)


class MergeCommon(Rewrite):
    """The pass behind `merge_common`."""

    def __call__(self, graph: Graph) -> Rewritten:
        """Return the smaller graph, and what became of each node."""
        self._made: dict[Any, Sequence[Variable]] = {}
        self._constants: dict[Any, Variable] = {}
        return super().__call__(graph)

    def leaf(self, variable: Variable) -> Variable:
        """Return the first constant of this value."""
        data = variable.data
        if variable.kind != "constant" or data is None or variable.has_given_name:
            return variable
        return self._constants.setdefault((data.dtype.name, data.shape, data.tobytes()), variable)

    def declare(self, operation: Operation, inputs: tuple[Variable, ...]) -> Sequence[Variable]:
        """Return the outputs of the first operation that does this."""
        if any(v.has_given_name or v.gradient is not None for v in operation.outputs):
            return super().declare(operation, inputs)
        primitive = operation.primitive
        # by their texts, as 1 == 1.0 == True and 0.0 == -0.0
        attributes = repr([getattr(primitive, field.name) for field in dataclasses.fields(primitive)])
        key = (type(primitive), attributes, inputs)
        found = self._made.get(key)
        if found is None:
            found = self._made[key] = super().declare(operation, inputs)
        return found
