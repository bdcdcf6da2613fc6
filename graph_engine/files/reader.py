"""A graph from JSON, everything in it checked before it is used.

Variables are made in the order of the file, each operation when its first result is due, so creation order is that of
the file. References go backwards only, which is what keeps a graph free of cycles.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from graph_engine.collector import paused_collection
from graph_engine.context import Context, Phase
from graph_engine.errors import FileError, GraphEngineError
from graph_engine.files.applied import infer_specs, read_primitive, spec_words, vocabulary
from graph_engine.files.cycles import refuse_order
from graph_engine.files.sources import SavedSources
from graph_engine.files.text import (
    Item,
    as_text,
    check_keys,
    parse,
    shown,
    take,
    take_items,
    take_number,
    take_numbers,
    take_text,
)
from graph_engine.files.values import Array, decode_data, decode_spec, fixed_shape
from graph_engine.files.writer import FORMAT, VERSION
from graph_engine.graph import Graph
from graph_engine.node import GradientOf, Kind, Operation, Variable
from graph_engine.spec import Spec

_GRAPH = frozenset({"format", "version", "variables", "operations", "outputs", "sources", "lines"})
_VARIABLE = frozenset(
    {"kind", "dtype", "shape", "name", "tex", "assigned", "trainable", "gradient", "source", "data"}
)
_OPERATION = frozenset({"primitive", "version", "attributes", "inputs", "outputs", "scope", "phase", "owner", "source"})
_GRADIENT = frozenset({"variable", "loss", "operation", "input", "partial"})
_KINDS = get_args(Kind)
_PHASES = get_args(Phase)


def graph_from_json(text: str | bytes) -> Graph:
    """Read a graph that `graph_to_json` wrote, or a person by hand.

    Raises
    ------
    FileError
        Where it is damaged, of another version, needs a plugin that is not here, or contradicts itself.

    Examples
    --------
    >>> import graph_engine as ge
    >>> x = ge.input("x")
    >>> y = x * 2
    >>> print(graph_from_json(ge.Graph(y).to_json()))
    graph of 1 operations, 3 variables
      input     x: float32()
      y = multiply(x, 2.0)  float32()
      outputs   y
    """
    return GraphReader(parse(text, FORMAT, VERSION)).graph


class GraphReader:
    """The nodes that a document describes.

    Parameters
    ----------
    document : dict
    arrays : mapping of int to array
        The values of constants and parameters that do not stand in the document, by number.
    depth : int
        How many bodies it stands in.

    Attributes
    ----------
    graph : Graph
    variables, operations : list
        By number.
    """

    def __init__(self, document: Item, arrays: Mapping[int, Array] | None = None, depth: int = 0) -> None:
        check_keys(document, _GRAPH, "the graph")
        self._arrays = arrays or {}
        self._depth = depth
        self._variable_items = take_items(document, "variables", dict, "the graph")
        self._operation_items = take_items(document, "operations", dict, "the graph")
        self._sources = SavedSources(document)
        self._classes = vocabulary()
        self._words = [f"operation {i} ({shown(op.get('primitive'))})" for i, op in enumerate(self._operation_items)]
        self.variables: list[Variable] = []
        self.operations: list[Operation] = []
        with paused_collection():
            self._read_wiring()
            for number in range(len(self._variable_items)):
                self._read_variable(number)
            outputs = take_numbers(document, "outputs", len(self.variables), "variable", "the graph")
            self.graph = self._make_graph(outputs)

    def _make_graph(self, outputs: list[int]) -> Graph:
        try:
            return Graph(*[self.variables[number] for number in outputs])
        except GraphEngineError as error:
            raise FileError(error.message, lines=error.lines) from None

    # ---- what is joined to what --------------------------------------------------------------------------------

    def _read_wiring(self) -> None:
        count = len(self._variable_items)
        self._inputs: list[list[int]] = []
        self._outputs: list[list[int]] = []
        self._maker: dict[int, int] = {}
        for number, item in enumerate(self._operation_items):
            where = self._words[number]
            self._inputs.append(take_numbers(item, "inputs", count, "variable", where))
            outputs = take_numbers(item, "outputs", count, "variable", where)
            if not outputs or outputs != list(range(outputs[0], outputs[0] + len(outputs))):
                raise FileError(f"{where}: its outputs are {outputs[:8]}, not one or several variables in a row")
            for output in outputs:
                if self._maker.setdefault(output, number) != number:
                    raise FileError(f"{where}: variable {output} is computed by operation {self._maker[output]} too")
            self._outputs.append(outputs)
        self._check_order()

    def _check_order(self) -> None:
        newest = -1
        for number, (inputs, outputs) in enumerate(zip(self._inputs, self._outputs, strict=True)):
            if outputs[0] <= newest or max(inputs, default=-1) >= outputs[0]:
                refuse_order(self._words, self._inputs, self._outputs, self._maker, number)
            newest = outputs[-1]

    # ---- variables ---------------------------------------------------------------------------------------------

    def _read_variable(self, number: int) -> None:
        item, where = self._variable_items[number], f"variable {number}"
        check_keys(item, _VARIABLE, where)
        kind = take(item, "kind", str, where)
        if kind not in _KINDS:
            raise FileError(f"{where}: its kind is {shown(kind)}", f"kinds: {', '.join(_KINDS)}")
        if (kind == "result") != (number in self._maker):
            computed = "no operation computes it" if kind == "result" else "an operation computes it"
            raise FileError(f"{where} is {kind}, but {computed}")
        spec = decode_spec(take(item, "shape", list, where), take(item, "dtype", str, where), where)
        if kind == "result":
            self._read_result(number, item, spec, where)
        else:
            self._read_leaf(number, item, kind, spec, where)
        variable = self.variables[number]
        variable.tex = take_text(item, "tex", where, "")
        if "gradient" in item:
            variable.gradient = self._read_gradient(number, take(item, "gradient", dict, where), where)

    def _read_leaf(self, number: int, item: Item, kind: Any, spec: Spec, where: str) -> None:
        name = take_text(item, "name", where, None)
        if name is not None and not name.strip() or name is None and kind != "constant":
            raise FileError(f"{where} ({kind}) needs a name")
        trainable = take(item, "trainable", bool, where, False)
        data = None if kind == "input" else self._read_data(number, item, spec, where)
        source = self._sources.of(item, where, take_text(item, "assigned", where, None), 0)
        self.variables.append(Variable(spec, kind, source, name=name, data=data, trainable=trainable))

    def _read_data(self, number: int, item: Item, spec: Spec, where: str) -> Array:
        stored = self._arrays.get(number)
        if stored is None:
            return decode_data(take(item, "data", str, where), spec, where)
        if stored.dtype.name != spec.dtype or stored.shape != fixed_shape(spec, where):
            raise FileError(f"{where} is {spec}, but its value is {stored.dtype}{stored.shape}")
        stored.flags.writeable = False
        return stored

    def _read_result(self, number: int, item: Item, spec: Spec, where: str) -> None:
        maker = self._maker[number]
        if number == self._outputs[maker][0]:
            self._read_operation(maker)
        operation = self.operations[maker]
        position = number - self._outputs[maker][0]
        found = operation.outputs[position].spec
        if found != spec:
            raise FileError(f"{where} is {spec}, but {spec_words(found)} comes out of {self._words[maker]}")
        name, assigned = take_text(item, "name", where, None), take_text(item, "assigned", where, None)
        variable = self.variables[number]
        if name is not None:
            if not name.strip():
                raise FileError(f"{where}: its name is empty")
            variable.named(name)
        source = item if "source" in item else self._operation_items[maker]
        variable.source = self._sources.of(source, where, assigned, position)

    # ---- operations --------------------------------------------------------------------------------------------

    def _read_operation(self, number: int) -> None:
        item, where = self._operation_items[number], self._words[number]
        check_keys(item, _OPERATION, where)
        primitive = read_primitive(item, self._classes, where, self._depth)
        inputs = tuple([self.variables[n] for n in self._inputs[number]])
        specs = infer_specs(primitive, inputs, where)
        count = 1 if isinstance(specs, Spec) else len(specs)
        if count != len(self._outputs[number]):
            raise FileError(f"{where} has {len(self._outputs[number])} outputs, but {count} come out of it")
        phase = take(item, "phase", str, where, "forward")
        if phase not in _PHASES:
            raise FileError(f"{where}: its phase is {shown(phase)}", f"phases: {', '.join(_PHASES)}")
        scope = tuple([as_text(name, where) for name in take_items(item, "scope", str, where, [])])
        source = self._sources.of(item, where)
        context = Context(scope, phase, self._read_owner(number, item, where), source)
        operation = Operation(primitive, inputs, context, source)
        operation.give(specs)
        self.operations.append(operation)
        self.variables += operation.outputs

    def _read_owner(self, number: int, item: Item, where: str) -> Operation | Variable | None:
        owner = take(item, "owner", dict, where, None)
        if owner is None:
            return None
        if list(owner) == ["operation"]:
            rule: int = take_number(owner, "operation", number, "operation", f"{where}: its owner")
            return self.operations[rule]
        if list(owner) == ["variable"]:
            first = self._outputs[number][0]
            variable: int = take_number(owner, "variable", first, "variable", f"{where}: its owner")
            return self.variables[variable]
        raise FileError(f"{where}: its owner is neither one operation nor one variable")

    def _read_gradient(self, number: int, item: Item, where: str) -> GradientOf:
        where = f"{where}: its gradient record"
        check_keys(item, _GRADIENT, where)
        variable = self.variables[take_number(item, "variable", number, "variable", where)]
        loss = self.variables[take_number(item, "loss", number, "variable", where)]
        if variable.spec != self.variables[number].spec:
            raise FileError(f"{where}: {self.variables[number].spec} is no gradient of {variable.spec}")
        partial = take(item, "partial", bool, where, False)
        limit = self._maker.get(number, len(self.operations))
        use = take_number(item, "operation", limit, "operation", where, None)
        if use is None:
            return GradientOf(variable, loss, None, None, partial)
        operation = self.operations[use]
        position = take_number(item, "input", len(operation.inputs), "input", where)
        if operation.inputs[position] is not variable:
            raise FileError(f"{where}: input {position} of {self._words[use]} is another variable")
        return GradientOf(variable, loss, operation, position, partial)
