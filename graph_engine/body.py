"""Body: a graph with its inputs in order, which an operation computes inside of itself, once or many times.

A body is closed: it depends on its inputs and on constants of its own, and on nothing else. What a function that
declares it uses from outside (weights, results of earlier operations) becomes a further input.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from graph_engine.context import Context, building
from graph_engine.errors import DeclarationError
from graph_engine.graph import Graph
from graph_engine.node import Operation, Variable
from graph_engine.primitive import Primitive, apply
from graph_engine.spec import Spec

Declare = Callable[[Operation, tuple[Variable, ...]], Sequence[Variable]]
Contexts = Callable[[Operation, Mapping[Any, Any]], Context]  # given what became of each node so far


@dataclass(frozen=True, eq=False, repr=False)
class Body:
    """A graph with its inputs in order; two are equal if they compute the same in the same way.

    Names and lines do not count. The scopes of its operations are relative to that of the operation that owns it.

    Parameters
    ----------
    inputs : tuple of Variable
        Some of which nothing may depend on.
    graph : Graph
        Without parameters, and without other inputs.

    Examples
    --------
    >>> import graph_engine as ge
    >>> x, y = ge.input("x"), ge.input("y")
    >>> Body((x,), ge.Graph(x * 2.0)) == Body((y,), ge.Graph(y * 2.0))
    True
    """

    inputs: tuple[Variable, ...]
    graph: Graph

    def __post_init__(self) -> None:
        if len(set(self.inputs)) != len(self.inputs) or any(v.kind != "input" for v in self.inputs):
            raise DeclarationError("the inputs of a body are inputs, each another one")
        for variable in (*self.graph.inputs, *self.graph.parameters):
            if variable not in self.inputs:
                raise DeclarationError(f"a body is closed, but this one needs {variable.name!r}")

    @property
    def outputs(self) -> tuple[Variable, ...]:
        """What it computes."""
        return self.graph.outputs

    @cached_property
    def digest(self) -> str:
        """What equal bodies have in common, and no others."""
        digest = hashlib.sha256()
        for line in _description(self):
            digest.update(line.encode() + b"\n")
        return digest.hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Body) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        return f"Body({len(self.graph.operations)} operations, {self.digest[:16]})"

    def declare(self, values: Sequence[Variable], contexts: Contexts, declare: Declare | None = None) -> list[Variable]:
        """Declare what it computes on other variables, and return its outputs."""
        became: dict[Any, Any] = dict(zip(self.inputs, values, strict=True))
        _declare_again(self.graph.operations, became, contexts, declare or _the_same)
        return [became.get(v, v) for v in self.outputs]

    def changed(self, leaf: Callable[[Variable], Variable], declare: Declare | None = None) -> Body:
        """Return this body with other leaves, or with other operations."""
        became: dict[Any, Any] = {v: leaf(v) for v in (*self.inputs, *self.graph.constants)}
        _declare_again(self.graph.operations, became, _own_context, declare or _the_same)
        return Body(tuple([became[v] for v in self.inputs]), Graph(*[became[v] for v in self.outputs]))

    def bind(self, names: Mapping[str, int]) -> Body:
        """Replace dimension names by numbers."""
        if not names:
            return self
        leaf = {v: _retyped(v, v.spec.bind(names)) for v in (*self.inputs, *self.graph.constants)}
        return self.changed(leaf.__getitem__, with_primitive(lambda op, _: op.primitive.bind(names)))

    def fitted(self, specs: Sequence[Spec], declare: Declare) -> Body:
        """Return this body for inputs of other specs."""
        leaf = {v: _retyped(v, spec) for v, spec in zip(self.inputs, specs, strict=True)}
        return self.changed(lambda v: leaf.get(v, v), declare)


def close(
    inputs: Sequence[Variable],
    outputs: Sequence[Variable],
    scope: tuple[str, ...],
    constants: Iterable[Variable] = (),
) -> tuple[Body, list[Variable]]:
    """Make a body of what has been declared since some inputs, and find what it uses from outside.

    Parameters
    ----------
    inputs : sequence of Variable
        At least one; everything in the body was declared after the first of them.
    outputs : sequence of Variable
    scope : tuple of str
        Of the operation that will own the body.
    constants : iterable of Variable
        Which older ones are its own.

    Returns
    -------
    Body and list of Variable
        The latter are its further inputs, in creation order.
    """
    operations, found = between(inputs, outputs)
    outer = sorted(found - {*inputs, *constants}, key=lambda v: v.index)
    became: dict[Any, Any] = {}
    for variable in (*inputs, *outer):
        became[variable] = _retyped(variable, variable.spec, _free_name(variable.name, became.values()))
    _declare_again(operations, became, partial(_own_context, outside=scope), _the_same, scope)
    closed = Graph(*[became.get(v, v) for v in outputs])
    return Body(tuple([became[v] for v in (*inputs, *outer)]), closed), outer


def with_primitive(primitive: Callable[[Operation, Sequence[Variable]], Primitive]) -> Declare:
    """Return what declares an operation again with another primitive."""

    def declare(operation: Operation, inputs: tuple[Variable, ...]) -> Sequence[Variable]:
        result = apply(primitive(operation, inputs), inputs)
        return (result,) if isinstance(result, Variable) else tuple(result)

    return declare


_the_same = with_primitive(lambda operation, _: operation.primitive)


def between(inputs: Sequence[Variable], outputs: Sequence[Variable]) -> tuple[list[Operation], set[Variable]]:
    """Find the operations declared since the first input that the outputs need, and what is older or a leaf."""
    since = min(v.index for v in inputs)
    operations: set[Operation] = set()
    outer: set[Variable] = set()
    stack = list(outputs)
    while stack:
        variable = stack.pop()
        operation = variable.operation
        if operation is not None and operation.index > since:
            if operation not in operations:
                operations.add(operation)
                stack += operation.inputs
        elif variable.kind != "constant" or variable.index < since:
            outer.add(variable)
    return sorted(operations, key=lambda op: op.index), outer


def _declare_again(
    operations: Iterable[Operation],
    became: dict[Any, Any],
    contexts: Contexts,
    declare: Declare,
    outside: tuple[str, ...] = (),
) -> None:
    prefix = "".join(f"{name}." for name in outside)
    for operation in operations:
        inputs = tuple([became.get(v, v) for v in operation.inputs])
        with building(contexts(operation, became)):
            outputs = declare(operation, inputs)
        became[operation] = outputs[0].operation
        for old, new in zip(operation.outputs, outputs, strict=True):
            became[old] = new
            if new.operation is not None and new.operation.source.frames == operation.source.frames:
                _describe(old, new, became, prefix)


def _describe(old: Variable, new: Variable, became: Mapping[Any, Any], prefix: str) -> None:
    inner = new.operation is not None and new.operation.source.inner
    new.source = old.source.as_inner() if inner and not old.source.inner else old.source
    new.tex = old.tex
    if old.has_given_name and not new.has_given_name:
        new.named(old.name.removeprefix(prefix))
    record = old.gradient
    if record is None or not {record.variable, record.loss} <= became.keys():
        return
    if record.operation is None:
        new.gradient = record._replace(variable=became[record.variable], loss=became[record.loss])
    elif record.operation in became:
        new.gradient = record._replace(
            variable=became[record.variable], loss=became[record.loss], operation=became[record.operation]
        )


def _own_context(operation: Operation, became: Mapping[Any, Any], outside: tuple[str, ...] = ()) -> Context:
    """Let an operation keep what it was declared in, its scope relative to that of the owner."""
    found, depth = operation.context, len(outside)
    scope = found.scope[depth:] if found.scope[:depth] == outside else found.scope
    return dataclasses.replace(found, scope=scope, owner=became.get(found.owner), source=operation.source)


def _retyped(variable: Variable, spec: Spec, name: str | None = None) -> Variable:
    """Return an input like another variable, of another spec or name; a variable that need not change, itself."""
    if name is None and spec == variable.spec:
        return variable
    new = Variable(spec, "input", variable.source.as_inner(), name=name or variable.name)
    new.tex = variable.tex
    return new


def _free_name(name: str, others: Iterable[Variable]) -> str:
    taken = {v.name for v in others}
    found, number = name, 0
    while found in taken:
        number += 1
        found = f"{name}_{number}"
    return found


def _description(body: Body) -> Iterable[str]:
    number = {v: i for i, v in enumerate(body.inputs)}
    yield f"inputs {[str(v.spec) for v in body.inputs]}"
    for variable in body.graph.variables:
        number.setdefault(variable, len(number))
        if variable.data is not None:
            yield f"{number[variable]} {variable.spec} {hashlib.sha256(variable.data.tobytes()).hexdigest()}"
    for operation in body.graph.operations:
        primitive, cls = operation.primitive, type(operation.primitive)
        attributes = [repr(getattr(primitive, field.name)) for field in dataclasses.fields(primitive)]
        uses, made = ([number[v] for v in side] for side in (operation.inputs, operation.outputs))
        yield f"{made} {cls.__module__}.{cls.__qualname__}{attributes} {uses}"
    yield f"outputs {[number[v] for v in body.outputs]}"
