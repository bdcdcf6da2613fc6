"""Which parts of a graph a picture shows, and which it folds into one node each.

Scopes are folded (`opening` chooses which), and so is what only makes random keys; what is still too much without
scopes is left out in the middle. Of wires that many folded scopes share, one stands for all (`thinning`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from graph_engine.graph import Graph
from graph_engine.node import Operation, Variable
from graph_engine_viz.calls import paths_of
from graph_engine_viz.opening import RANDOM, Scope, choose_folded, find_scopes, makes_keys
from graph_engine_viz.places import Kind, Place, places_of, without_middle
from graph_engine_viz.thinning import thin
from graph_engine_viz.timeline import Use

__all__ = ["Item", "View", "Wire", "make_view", "view_of"]

MOST_OPERATIONS = 60
MOST_RESULTS = 3


@dataclass
class Item:
    """One thing that is drawn.

    Attributes
    ----------
    key : str
        Unique in the picture.
    kind : {"variable", "operation", "scope", "gap", "turn"}
        A scope or a gap stands for many operations; at a turn, wires of a loop turn back.
    scope : tuple of str
        The scopes whose frames are around it; of a folded scope, those around that.
    variable, operation
        What it stands for.
    title : tuple of str
        A folded scope's own name.
    scopes : int
        How many scopes that are alike it stands for.
    operations : int
        How many operations it stands for; of a turn, how many wires turn there.
    place : tuple of int
        Where it comes: what an operation needs before it, results after it, in the order of inputs and outputs.
    results : list of Variable
        What a folded scope gives to others.
    parameters : list of Variable
        Those inside of a folded scope.
    inputs : list of Variable
        What a folded scope computes with, without parameters and constants.
    shared : list of Variable
        What a folded scope computes with, that is drawn with another one only.
    uses : int
        How many operations use a variable.
    inside : list of Operation
        What it stands for.
    """

    key: str
    kind: Kind
    scope: Scope = ()
    variable: Variable | None = None
    operation: Operation | None = None
    title: Scope = ()
    scopes: int = 1
    operations: int = 0
    place: tuple[int, int, int] = (0, 0, 0)
    results: list[Variable] = field(default_factory=list)
    parameters: list[Variable] = field(default_factory=list)
    inputs: list[Variable] = field(default_factory=list)
    shared: list[Variable] = field(default_factory=list)
    uses: int = 0
    inside: list[Operation] = field(default_factory=list)


@dataclass
class Wire:
    """A connection between two items: a variable into operations, or an operation's result into its variable.

    Attributes
    ----------
    source, target : str
        Keys of items.
    variable : Variable
        What flows through it.
    uses : list of Use
        Empty for the wire from an operation to its result.
    """

    source: str
    target: str
    variable: Variable
    uses: list[Use] = field(default_factory=list)


@dataclass(frozen=True)
class View:
    """What a picture shows."""

    graph: Graph
    items: tuple[Item, ...]
    wires: tuple[Wire, ...]

    @property
    def variables(self) -> tuple[Variable, ...]:
        """The variables that are drawn, as nodes or in a folded scope."""
        own = [v for item in self.items for v in ([item.variable] if item.variable is not None else item.results)]
        return tuple(dict.fromkeys(own))

    @property
    def operations(self) -> tuple[Operation, ...]:
        """The operations that are drawn."""
        return tuple(item.operation for item in self.items if item.operation is not None)

    @property
    def parts(self) -> tuple[Item, ...]:
        """The operations, and what stands for several of them."""
        return tuple(item for item in self.items if item.kind != "variable")

    @property
    def uses(self) -> tuple[Use, ...]:
        """The uses that some wire stands for."""
        return tuple(use for wire in self.wires for use in wire.uses)


def make_view(
    graph: Graph,
    operations: Sequence[Operation],
    outputs: Iterable[Variable],
    expand: Collection[str] = (),
    collapse: Collection[str] = (),
    most: int = MOST_OPERATIONS,
    brief: bool = False,
) -> View:
    """Choose what is shown.

    Parameters
    ----------
    graph : Graph
    operations : sequence of Operation
        What could be drawn, in order.
    outputs : iterable of Variable
        What was asked for; it is drawn even where nothing follows.
    expand, collapse : collection of str
        Scopes (`"encoder.fc1"`) that are opened or folded in any case.
    most : int
        With more operations, scopes are folded.
    brief : bool
        Parameters are counted too, and many folded scopes that are alike stand together.
    """
    paths = paths_of(operations)
    opened = find_scopes(expand, paths)
    folded = choose_folded(paths, opened, find_scopes(collapse, paths), most, brief)
    quiet = () if (RANDOM,) in opened else makes_keys(operations)
    places = places_of(paths, folded, quiet, brief)
    if len({place.key for place in places}) > max(most, MOST_OPERATIONS):
        places = places_of(paths, folded, quiet, brief=True)
    if not expand:
        places = without_middle(places, max(most, MOST_OPERATIONS))
    return view_of(graph, operations, places, outputs)


def view_of(graph: Graph, operations: Sequence[Operation], places: list[Place], outputs: Iterable[Variable]) -> View:
    """Show operations in places that are chosen already, with their variables and wires."""
    return thin(_Builder(graph, operations, places, frozenset(outputs)).view())


class _Builder:
    """Puts variables to the operations that are shown, and connects them."""

    def __init__(
        self, graph: Graph, operations: Sequence[Operation], places: list[Place], outputs: frozenset[Variable]
    ) -> None:
        self.graph = graph
        self.operations = operations
        self.places = dict(zip(operations, places, strict=True))
        self.outputs = outputs
        self.items: dict[str, Item] = {}
        self.wires: dict[tuple[str, str, Variable], Wire] = {}
        self.consumers: dict[Variable, list[Use]] = {}
        for operation in operations:
            for position, variable in enumerate(operation.inputs):
                self.consumers.setdefault(variable, []).append(Use(operation, position))

    def view(self) -> View:
        for operation in self.operations:
            self._add_operation(operation)
        results = [v for operation in self.operations for v in operation.outputs]
        alone = [v for v in self.outputs if v not in self.consumers and v not in set(results)]
        variables = sorted({*self.consumers, *results, *alone}, key=lambda v: v.index)
        for number, variable in enumerate(variables):
            self._add_variable(variable, f"v{number}")
        items = sorted(self.items.values(), key=lambda item: item.place)
        return View(self.graph, tuple(items), tuple(self.wires.values()))

    def _add_operation(self, operation: Operation) -> None:
        place = self.places[operation]
        item = self.items.get(place.key)
        if item is None:
            order = (operation.index, 0, 0)
            item = Item(place.key, place.kind, place.scope, title=place.title, scopes=place.scopes, place=order)
            self.items[place.key] = item
        item.operations += 1
        if place.kind == "operation":
            item.operation = operation
        item.inside.append(operation)

    def _add_variable(self, variable: Variable, key: str) -> None:
        uses = self.consumers.get(variable, [])
        if self._is_spare(variable):
            return
        producer = self.places.get(variable.operation) if variable.operation is not None else None
        ends = {self.places[use.operation].key for use in uses}
        if producer is None and len(ends) == 1 and variable.kind != "input":
            (end,) = ends
            if self.items[end].kind != "operation":
                if variable.kind == "parameter":
                    self.items[end].parameters.append(variable)
                return
        if producer is not None and producer.kind != "operation":
            outside = ends - {producer.key}
            if outside or variable in self.outputs:
                self.items[producer.key].results.append(variable)
            source = producer.key
        else:
            scope = self._scope_of(variable, uses)
            item = Item(key, "variable", scope, variable=variable, place=_place_of(variable, uses), uses=len(uses))
            self.items[key] = item
            if producer is not None:
                self._connect(producer.key, key, variable)
            source = key
        for use in uses:
            target = self.places[use.operation].key
            if target != source:
                self._connect(source, target, variable, use)
                item = self.items[target]
                if item.kind == "scope" and variable.kind not in ("parameter", "constant"):
                    item.inputs += [variable] if variable not in item.inputs else []

    def _is_spare(self, variable: Variable) -> bool:
        """Say whether it is one of several results, and nobody wants it."""
        if variable.operation is None or variable in self.consumers or variable in self.outputs:
            return False
        return any(v in self.consumers or v in self.outputs for v in variable.operation.outputs)

    def _scope_of(self, variable: Variable, uses: list[Use]) -> Scope:
        """Draw a parameter beside its layer, and a result with what computes it."""
        if variable.operation in self.places:
            return self.places[variable.operation].scope
        if variable.operation is not None or variable.kind == "input" or not uses:
            return ()
        return self.places[uses[0].operation].scope

    def _connect(self, source: str, target: str, variable: Variable, use: Use | None = None) -> None:
        port = f"{target}.{use.position}" if use is not None and self.items[target].kind == "operation" else target
        merged = self.items[source].kind == "gap" or self.items[target].kind == "gap"
        wire = self.wires.setdefault(
            (source, port, self.graph.variables[0] if merged else variable), Wire(source, target, variable)
        )
        if use is not None:
            wire.uses.append(use)


def _place_of(variable: Variable, uses: list[Use]) -> tuple[int, int, int]:
    if variable.operation is not None:
        return variable.operation.index, 1, variable.output_index
    return (uses[0].operation.index, -1, uses[0].position) if uses else (variable.index, -1, 0)
