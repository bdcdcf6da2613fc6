"""A graph as JSON.

Variables and operations are numbered in creation order. Besides what has to be computed, the file holds what gradients
are gradients of and whose rules operations belong to.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Container, Iterable
from typing import Any

from graph_engine.body import Body
from graph_engine.collector import paused_collection
from graph_engine.errors import FileError
from graph_engine.files.bodies import encode_body
from graph_engine.files.text import Item
from graph_engine.files.values import encode_data, encode_shape, encode_value
from graph_engine.graph import Graph
from graph_engine.node import Operation, Variable
from graph_engine.passes.linked import linked
from graph_engine.primitive import Primitive
from graph_engine.source import Source, SourceLine

FORMAT = "graph_engine.graph"
VERSION = 1


def graph_to_json(graph: Graph) -> str:
    """Write a graph as JSON, one node a line.

    Examples
    --------
    >>> import graph_engine as ge
    >>> text = graph_to_json(ge.Graph(ge.input("x") + 1))
    >>> print(text.splitlines()[0])
    {"format": "graph_engine.graph",
    """
    with paused_collection():
        return _one_item_a_line(GraphWriter(graph).document())


class GraphWriter:
    """The numbers of a graph's nodes, and the document that they make.

    Parameters
    ----------
    graph : Graph
    more : iterable of Variable
        What is written besides.
    stored : container of Variable
        Whose values stand elsewhere.
    """

    def __init__(self, graph: Graph, more: Iterable[Variable] = (), stored: Container[Variable] = ()) -> None:
        self.graph = graph
        self.stored = stored
        self.variables, self.operations = linked([*graph.outputs, *graph.variables, *more])
        self.number: dict[Variable, int] = {v: i for i, v in enumerate(self.variables)}
        self.operation_number: dict[Operation, int] = {op: i for i, op in enumerate(self.operations)}
        self._lines: dict[SourceLine, int] = {}
        self._sources: dict[tuple[int, ...], int] = {}
        self._known: dict[Any, int] = {}

    def document(self) -> Item:
        """Return the whole as JSON writes it."""
        variables = [self._variable(v) for v in self.variables]
        operations = [self._operation(op) for op in self.operations]
        return {
            "format": FORMAT,
            "version": VERSION,
            "variables": variables,
            "operations": operations,
            "outputs": [self.number[v] for v in self.graph.outputs],
            "sources": list(self._sources),
            "lines": [[line.file, line.line, line.text, line.function] for line in self._lines],
        }

    def _variable(self, variable: Variable) -> Item:
        item: Item = {"kind": variable.kind, "dtype": variable.dtype, "shape": encode_shape(variable.spec)}
        if variable.has_given_name:
            item["name"] = variable.name
        if variable.tex:
            item["tex"] = variable.tex
        assigned = variable.source.name(variable.output_index)
        if assigned is not None:
            item["assigned"] = assigned
        if variable.trainable:
            item["trainable"] = True
        if variable.gradient is not None:
            item["gradient"] = self._gradient(variable)
        source = self._source(variable.source)
        if variable.operation is None or source != self._source(variable.operation.source):
            item["source"] = source
        if variable.data is not None and variable not in self.stored:
            item["data"] = encode_data(variable.data)
        return item

    def _gradient(self, variable: Variable) -> Item:
        record = variable.gradient
        assert record is not None
        item: Item = {"variable": self.number[record.variable], "loss": self.number[record.loss]}
        if record.operation is not None:
            item |= {"operation": self.operation_number[record.operation], "input": record.input_index}
        return item | {"partial": True} if record.partial else item

    def _operation(self, operation: Operation) -> Item:
        item: Item = {
            "primitive": operation.primitive.name,
            "inputs": [self.number[v] for v in operation.inputs],
            "outputs": [self.number[v] for v in operation.outputs],
            "version": operation.primitive.version,
        }
        attributes = encode_attributes(operation.primitive)
        if attributes:
            item["attributes"] = attributes
        if operation.scope:
            item["scope"] = list(operation.scope)
        if operation.phase != "forward":
            item["phase"] = operation.phase
        if isinstance(operation.owner, Operation):
            item["owner"] = {"operation": self.operation_number[operation.owner]}
        elif operation.owner is not None:
            item["owner"] = {"variable": self.number[operation.owner]}
        item["source"] = self._source(operation.source)
        return item

    def _source(self, source: Source) -> int:
        number = self._known.get(source.frames)
        if number is None:
            key = tuple([self._lines.setdefault(line, len(self._lines)) for line in source.lines])
            number = self._known[source.frames] = self._sources.setdefault(key, len(self._sources))
        return number


def encode_attributes(primitive: Primitive) -> Item:
    """Write what a primitive is set to."""
    if not primitive.name:
        raise FileError(f"{type(primitive).__name__} has no name, so a file cannot say what it is")
    return {
        field.name: _attribute(getattr(primitive, field.name), f"{primitive.name}: the attribute {field.name!r}")
        for field in dataclasses.fields(primitive)
        if field.init
    }


def _attribute(value: Any, where: str) -> Any:
    return encode_body(value) if isinstance(value, Body) else encode_value(value, where)


def _one_item_a_line(document: Item) -> str:
    parts = []
    for key, value in document.items():
        if isinstance(value, list) and value and isinstance(value[0], dict | list | tuple):
            items = ",\n".join([json.dumps(item) for item in value])
            parts.append(f"{json.dumps(key)}: [\n{items}\n]")
        else:
            parts.append(f"{json.dumps(key)}: {json.dumps(value)}")
    return "{" + ",\n".join(parts) + "}\n"
