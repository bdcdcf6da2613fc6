"""Graph: the immutable DAG that is reachable from some outputs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from graph_engine.errors import DeclarationError, LookupFailed, NameClashError
from graph_engine.node import Operation, Variable
from graph_engine.spec import show_shape

if TYPE_CHECKING:
    import graphviz
    import networkx

_MOST_OUTPUTS = 20
_MOST_PRINTED = 200  # operations; print(graph.text(most=None)) prints all


class Graph:
    """Everything that some outputs depend on, in creation order.

    Creation order is topological, and keeps what was declared together together.

    Parameters
    ----------
    *outputs : Variable

    Attributes
    ----------
    outputs, variables, inputs, parameters, constants : tuple of Variable
    operations : tuple of Operation

    Raises
    ------
    NameClashError
        Where two inputs or parameters have one name.

    Examples
    --------
    >>> import graph_engine as ge
    >>> x, y, z = ge.input("x"), ge.input("y"), ge.input("z")
    >>> w = x + y
    >>> f = w * z
    >>> graph = ge.Graph(f)
    >>> [graph.name_of(v) for v in graph.variables]
    ['x', 'y', 'z', 'w', 'f']
    >>> graph["w"] is w
    True
    """

    def __init__(self, *outputs: Variable) -> None:
        for output in outputs:
            if not isinstance(output, Variable):
                raise DeclarationError(
                    f"a graph is found from variables, not from {output!r}", "ge.Graph(f, g) takes them one by one"
                )
        self.outputs = outputs
        operations, leaves = _reachable(outputs)
        self.operations: tuple[Operation, ...] = tuple(sorted(operations, key=lambda op: op.index))
        found = leaves + [v for operation in self.operations for v in operation.outputs]
        self.variables: tuple[Variable, ...] = tuple(sorted(found, key=lambda v: v.index))
        self.inputs = tuple(v for v in self.variables if v.kind == "input")
        self.parameters = tuple(v for v in self.variables if v.kind == "parameter")
        self.constants = tuple(v for v in self.variables if v.kind == "constant")
        _refuse_clashes(self.inputs + self.parameters)

    # ---- names -------------------------------------------------------------------------------------------------

    @cached_property
    def names(self) -> dict[Variable | Operation, str]:
        """A name for each variable and each operation, unique among its like; repeats get `_1`, `_2`."""
        leaves = [v for v in self.variables if v.kind in ("input", "parameter")]
        given = [v for v in self.variables if v.has_given_name and v.kind not in ("input", "parameter")]
        rest = [v for v in self.variables if not v.has_given_name]
        operations = _unique(self.operations, lambda operation, _: operation.name)
        return _unique([*leaves, *given, *rest], partial(_base_name, operations)) | operations

    def name_of(self, node: Variable | Operation) -> str:
        """Return the name of a variable or operation in this graph."""
        return self.names.get(node) or node.name

    def __getitem__(self, name: str | Variable) -> Variable:
        """Find a variable by name, or by the last part of its name where that is unambiguous; or by itself."""
        if isinstance(name, Variable):
            return name
        found = self._by_name.get(name)
        if found is not None:
            return found
        ending = [v for full, v in self._by_name.items() if full.endswith(f".{name}")]
        if len(ending) == 1:
            return ending[0]
        if ending:
            raise LookupFailed(f"{name!r} is ambiguous: {', '.join(self.names[v] for v in ending[:8])}")
        raise LookupFailed(f"no variable is called {name!r}", self._suggest(name))

    def operation(self, name: str) -> Operation:
        """Find an operation by its name."""
        for operation in self.operations:
            if self.names[operation] == name:
                return operation
        raise LookupFailed(f"no operation is called {name!r}")

    def __contains__(self, node: object) -> bool:
        return node in self._members if not isinstance(node, str) else node in self._by_name

    @cached_property
    def _by_name(self) -> dict[str, Variable]:
        return {self.names[v]: v for v in self.variables}

    @cached_property
    def _members(self) -> frozenset[Variable | Operation]:
        return frozenset((*self.variables, *self.operations))

    def _suggest(self, name: str) -> str:
        import difflib

        close = difflib.get_close_matches(str(name), self._by_name, n=3)
        return f"did you mean {' or '.join(map(repr, close))}?" if close else ""

    @cached_property
    def consumers(self) -> dict[Variable, tuple[tuple[Operation, int], ...]]:
        """Who uses each variable, and as which input."""
        uses: dict[Variable, list[tuple[Operation, int]]] = {v: [] for v in self.variables}
        for operation in self.operations:
            for position, variable in enumerate(operation.inputs):
                uses[variable].append((operation, position))
        return {v: tuple(found) for v, found in uses.items()}

    # ---- as the rest of the world knows it ---------------------------------------------------------------------

    def to_networkx(self) -> networkx.MultiDiGraph:
        """Return the bipartite graph of variables and operations, as networkx knows graphs.

        Nodes are the variables and operations themselves, with their `name`, `kind` (`operation` for those) and, for
        variables, `spec`; an edge into an operation carries the position of the `input`, one out of it of the `output`.
        """
        import networkx

        graph = networkx.MultiDiGraph()
        for variable in self.variables:
            graph.add_node(variable, name=self.names[variable], kind=variable.kind, spec=variable.spec)
        for operation in self.operations:
            graph.add_node(operation, name=self.names[operation], kind="operation", primitive=operation.primitive)
            graph.add_edges_from((v, operation, {"input": i}) for i, v in enumerate(operation.inputs))
            graph.add_edges_from((operation, v, {"output": i}) for i, v in enumerate(operation.outputs))
        return graph

    def to_graphviz(self) -> graphviz.Digraph:
        """Return the graph as DOT: ellipses for variables, boxes for operations."""
        import graphviz

        dot = graphviz.Digraph(graph_attr={"rankdir": "LR"})
        ids = {node: f"n{i}" for i, node in enumerate((*self.variables, *self.operations))}
        for variable in self.variables:
            label = graphviz.escape(f"{self.names[variable]}\n{variable.spec}")
            dot.node(ids[variable], label, shape="ellipse", style="bold" if variable.kind == "parameter" else "")
        for operation in self.operations:
            label = graphviz.escape(operation.primitive.symbol or operation.primitive.name)
            dot.node(ids[operation], label, shape="box")
            for variable in operation.inputs:
                dot.edge(ids[variable], ids[operation])
            for variable in operation.outputs:
                dot.edge(ids[operation], ids[variable])
        return dot

    def to_json(self) -> str:
        """Write the graph as JSON: primitives with versions, attributes, names, lines, initial values."""
        from graph_engine.files import graph_to_json

        return graph_to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> Graph:
        """Read a graph; unknown versions, missing primitives, cycles and damage are refused by name."""
        from graph_engine.files import graph_from_json

        return graph_from_json(text)

    def text(self, most: int | None = None) -> str:
        """Write the graph one operation a line, the first `most` of them."""
        lines = [f"graph of {len(self.operations)} operations, {len(self.variables)} variables"]
        lines += [f"  {v.kind:9} {self.names[v]}: {v.spec}" for v in (*self.inputs, *self.parameters)]
        for operation in self.operations[:most]:
            lines.append("  " + self.describe(operation))
        if most is not None and len(self.operations) > most:
            lines.append(f"  ... {len(self.operations) - most} more operations")
        shown = [self.names[v] for v in self.outputs[:_MOST_OUTPUTS]]
        rest = [f"... {len(self.outputs) - len(shown)} more"] if len(self.outputs) > len(shown) else []
        lines.append(f"  outputs   {', '.join([*shown, *rest])}")
        return "\n".join(lines)

    def describe(self, operation: Operation) -> str:
        """Write one operation as a line: what it computes from what."""
        outputs = ", ".join(self.names[v] for v in operation.outputs)
        inputs = ", ".join(_constant_text(v) or self.names[v] for v in operation.inputs)
        specs = ", ".join(f"{v.dtype}{show_shape(v.shape)}" for v in operation.outputs)
        return f"{outputs} = {operation.primitive.name}({inputs})  {specs}"

    def __str__(self) -> str:
        return self.text(_MOST_PRINTED)

    def __repr__(self) -> str:
        return f"<Graph of {len(self.operations)} operations, {len(self.variables)} variables>"


def _constant_text(variable: Variable) -> str:
    if variable.kind != "constant" or variable.has_given_name or variable.data is None or variable.data.size != 1:
        return ""
    return str(variable.data.reshape(-1)[0])


def _reachable(outputs: Iterable[Variable]) -> tuple[list[Operation], list[Variable]]:
    """Walk back from the outputs, without recursion."""
    seen: set[Operation | Variable] = set()
    operations: list[Operation] = []
    leaves: list[Variable] = []
    stack = list(outputs)
    while stack:
        variable = stack.pop()
        operation = variable.operation
        if operation is None:
            if variable not in seen:
                seen.add(variable)
                leaves.append(variable)
        elif operation not in seen:
            seen.add(operation)
            operations.append(operation)
            stack += operation.inputs
    return operations, leaves


def _base_name(operations: dict[Any, str], variable: Variable, names: dict[Any, str]) -> str:
    """Name a gradient after what this graph calls its variable, and anything else as it calls itself."""
    record = variable.gradient
    if record is None or variable.has_given_name:
        return variable.name
    via = f" via {operations.get(record.operation) or record.operation.name}" if record.partial else ""  # type: ignore[union-attr]
    return f"grad({names.get(record.variable) or record.variable.name}{via})"


def _unique(nodes: Iterable[Any], base_name: Callable[[Any, dict[Any, str]], str]) -> dict[Any, str]:
    """Number repeats, in order; a number that somebody else has as a name is passed over."""
    names: dict[Any, str] = {}
    taken: set[str] = set()
    repeats: Counter[str] = Counter()
    for node in nodes:
        base = name = base_name(node, names)
        while name in taken:
            repeats[base] += 1
            name = f"{base}_{repeats[base]}"
        taken.add(name)
        names[node] = name
    return names


def _refuse_clashes(variables: Iterable[Variable]) -> None:
    first: dict[str, Variable] = {}
    for variable in variables:
        other = first.setdefault(variable.name, variable)
        if other is not variable:
            lines = ((f"{other.kind} declared at", other.line), (f"{variable.kind} declared at", variable.line))
            cure = "give them different names, or declare parameters inside ge.scope(...)"
            raise NameClashError(f"two variables of one graph are called {variable.name!r}", cure, lines)
