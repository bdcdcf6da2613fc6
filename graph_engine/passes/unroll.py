"""Loops written out, so that every step of them can be seen."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from graph_engine.context import Context, current_context
from graph_engine.dims import Dim
from graph_engine.errors import DeclarationError
from graph_engine.graph import Graph
from graph_engine.node import Operation, Variable
from graph_engine.passes.rewrite import Rewrite, Rewritten
from graph_engine.primitives.joining import stack, unstack
from graph_engine.primitives.scanning import Scan
from graph_engine.primitives.structure import full, pass_on


def unroll(graph: Graph) -> Rewritten:
    """Replace each scan by its steps, in scopes `t0`, `t1`, ...; values and gradients stay what they are.

    Unroll first and differentiate then, and each step of the backward pass belongs to one operation of one step.

    Raises
    ------
    DeclarationError
        Where the number of steps is known only when the graph runs.

    Examples
    --------
    >>> import graph_engine as ge
    >>> from graph_engine.passes import unroll
    >>> last, _ = ge.scan(lambda h, x: (ge.tanh(h + x), None), 0.0, ge.input("xs", 2))
    >>> print(unroll(ge.Graph(last)).graph)
    graph of 6 operations, 9 variables
      input     xs: float32(2,)
      t0.x, t1.x = unstack(xs)  float32(), float32()
      t0.add = add(0.0, t0.x)  float32()
      t0.tanh = tanh(t0.add)  float32()
      t1.add = add(t0.tanh, t1.x)  float32()
      t1.tanh = tanh(t1.add)  float32()
      last = pass_on(t1.tanh)  float32()
      outputs   last
    """
    return Unroll()(graph)


class Unroll(Rewrite):
    """The pass behind `unroll`."""

    def declare(self, operation: Operation, inputs: tuple[Variable, ...]) -> Sequence[Variable]:
        """Declare the steps of a scan one after the other."""
        scan = operation.primitive
        if not isinstance(scan, Scan):
            return super().declare(operation, inputs)
        n, steps = scan.carries, range(_known_length(operation))
        elements = [_elements(x, v.name) for x, v in zip(inputs[n:], scan.body.inputs[n : n + scan.sequences])]
        carries, results, shared = list(inputs[:n]), {}, inputs[n + scan.sequences :]
        for t in reversed(steps) if scan.reverse else steps:
            values = [*carries, *[element[t] for element in elements], *shared]
            outputs = scan.body.declare(values, partial(_context_of_step, current_context(), t), self._inside)
            carries, results[t] = outputs[:n], outputs[n:]
        rows = [_stacked([results[t][k] for t in steps], v) for k, v in enumerate(operation.outputs[n:])]
        last = [_handed_out(old, new, inputs) for old, new in zip(operation.outputs, carries)]
        for old, new in zip(operation.outputs, [*last, *rows], strict=True):
            _take_name(old, new)
        return [*last, *rows]

    def _inside(self, operation: Operation, inputs: tuple[Variable, ...]) -> Sequence[Variable]:
        """Declare an operation of a step; what has a name is called after its step."""
        outputs = self.declare(operation, inputs)
        for old, new in zip(operation.outputs, outputs, strict=True):
            _take_name(old, new, current_context().scope)
        return outputs

    def _describe(self, old: Variable, new: Variable) -> None:
        super()._describe(old, new)
        record, use = new.gradient, old.gradient and old.gradient.operation
        if record is not None and use is not None and isinstance(use.primitive, Scan):
            # there is no one operation any more that it came back through
            new.gradient = None if record.partial else record._replace(operation=None, input_index=None)


def _known_length(operation: Operation) -> int:
    length = operation.primitive.steps([v.spec for v in operation.inputs])  # type: ignore[attr-defined]
    if isinstance(length, Dim):
        raise DeclarationError(
            f"{operation.name} takes {length} steps, which is known only when the graph runs",
            f"to unroll it, declare its inputs with a number in the place of {str(length)!r}",
        ).located("declared at", operation.line)
    return int(length)


def _context_of_step(outside: Context, t: int, operation: Operation, became: Mapping[Any, Any]) -> Context:
    """Put an operation of the body into the scope of its step; what undoes a scan goes on to belong to its rule."""
    scope = (*outside.scope, f"t{t}", *operation.scope)
    if outside.phase != "forward":
        return dataclasses.replace(outside, scope=scope, source=operation.source)
    return Context(scope, operation.phase, became.get(operation.owner), operation.source)


def _elements(sequence: Variable, name: str) -> Sequence[Variable]:
    if sequence.shape[0] == 0:
        return ()
    elements: tuple[Variable, ...] = unstack(sequence)
    for t, element in enumerate(elements):
        element.named(".".join((*current_context().scope, f"t{t}", name)))
    return elements


def _stacked(rows: list[Variable], whole: Variable) -> Variable:
    return stack(rows) if rows else full(whole.shape, 0, whole.dtype)


def _handed_out(old: Variable, new: Variable, inputs: Sequence[Variable]) -> Variable:
    """Return a variable that nobody else is, where a last carry has a name, or a record, of its own."""
    named = old.has_given_name or old.source.name(old.output_index) is not None
    result: Variable = pass_on(new) if named or old.gradient is not None or new in inputs else new
    return result


def _take_name(old: Variable, new: Variable, scope: tuple[str, ...] = ()) -> None:
    name = old.name if old.has_given_name else old.source.name(old.output_index)
    if name is not None and not new.has_given_name:
        new.named(".".join((*scope, name)))
