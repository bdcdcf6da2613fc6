"""Two graphs of one model, perhaps changed in between: which variable of the first is which of the second.

What is named has its name; the rest is found from there, along the graphs: what computes the same from the same is the
same, forwards from what is given and backwards from what comes out. So nothing moves where something is inserted. The
numbers that a graph gives to what has no name mean nothing; in its order is paired only what is left in the end, where
there is equally much of a kind on both sides. Each of these walks looks at each operation once.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Hashable, Mapping, Sequence

import numpy as np

from graph_engine.graph import Graph
from graph_engine.node import Operation, Variable
from graph_engine.trace import Trace

__all__ = ["Pairing"]

Label = Callable[[Operation], Hashable]
Found = Callable[[Variable], Variable | None]
Kind = Callable[[Operation, Found], Hashable]
_SAMPLE = 1000


class Pairing:
    """Which variable of one run is which of another.

    Parameters
    ----------
    one, other : Trace
    became : mapping of Variable to Variable
        What is known already.

    Attributes
    ----------
    pairs : dict of Variable to Variable
        Several may have become one.
    """

    def __init__(self, one: Trace, other: Trace, became: Mapping[Variable, Variable]) -> None:
        self.pairs: dict[Variable, Variable] = {}
        self._used: set[Variable] = set()
        self._one, self._other = one, other
        self._mine, self._theirs = one.graph.operations, other.graph.operations
        for v in one.graph.variables:
            if (found := became.get(v, v)) in other.graph:
                self._put(v, found)
        self._by_names()
        self._forwards(_exactly)
        self._by_outputs()
        self._along(_exactly)
        self._given()
        self._along(_exactly)
        self._by_kind(_of_given)
        self._along(_exactly)
        self._along(_roughly)
        self._by_kind(_in_place)
        self._along(_roughly)
        self._given()
        self._constants()
        self._without_shares()

    # ---- what is known -----------------------------------------------------------------------------------------

    def _put(self, v: Variable, w: Variable) -> None:
        """Pair two variables, and with them their gradients and their new values."""
        one, other = self._one, self._other
        waiting = [(v, w)]
        while waiting:
            v, w = waiting.pop()
            if v not in self.pairs:
                self.pairs[v] = w
                self._used.add(w)
                sides = (one.gradients, other.gradients), (one.updates, other.updates)
                waiting += [(a[v], b[w]) for a, b in sides if v in a and w in b and b[w] not in self._used]
                if _uncast(v) is not v and _uncast(w) is w:
                    waiting.append((_uncast(v), w))

    def _pair(self, operation: Operation, there: Operation) -> None:
        for v, w in zip(operation.outputs, there.outputs, strict=False):
            self._put(v, w)

    def _there(self, operation: Operation) -> Operation | None:
        """Return what an operation is in the other graph, where it is known to be the same there."""
        found = self.pairs.get(operation.outputs[0])
        there = None if found is None else found.operation
        return there if there is not None and _roughly(there) == _roughly(operation) else None

    # ---- what is said ------------------------------------------------------------------------------------------

    def _by_names(self) -> None:
        """Pair what has one name, that nothing else has."""
        named = _named(self._other.graph)
        for name, v in _named(self._one.graph).items():
            if name in named and named[name] not in self._used:
                self._put(v, named[name])

    def _by_outputs(self) -> None:
        """Pair what was asked for, where it is computed alike."""
        mine, theirs = ([v.operation for v in run.outputs] for run in (self._one, self._other))
        for operation, there in zip(mine, theirs, strict=False) if len(mine) == len(theirs) else ():
            if operation is None or there is None or there.outputs[0] in self._used:
                continue
            if _roughly(operation) == _roughly(there):
                self._pair(operation, there)

    # ---- what follows ------------------------------------------------------------------------------------------

    def _left(self) -> list[Operation]:
        return [operation for operation in self._mine if operation.outputs[0] not in self.pairs]

    def _along(self, label: Label) -> None:
        for walk in (self._forwards, self._backwards):
            if self._left():
                walk(label)

    def _forwards(self, label: Label) -> None:
        """Pair what computes the same from the same."""
        waiting: dict[Hashable, deque[Operation]] = defaultdict(deque)
        for operation in self._theirs:
            waiting[label(operation), _inputs(operation, _uncast)].append(operation)
        for operation in self._left():
            alike = waiting.get((label(operation), _inputs(operation, self._twin)), deque())
            while len(alike) > 1 and alike[0].outputs[0] in self._used:
                alike.popleft()
            if alike and (alike[0].outputs[0] not in self._used or label is _exactly):  # several may have become one
                self._pair(operation, alike[0])
            elif label is _roughly and _is_cast(operation) and operation.inputs[0] in self.pairs:
                self._put(operation.outputs[0], self.pairs[operation.inputs[0]])

    def _twin(self, variable: Variable) -> Variable | None:
        """Return what a variable is in the other graph, before it is cast."""
        found = self.pairs.get(variable)
        return None if found is None else _uncast(found)

    def _backwards(self, label: Label) -> None:
        """Pair what the same is computed from, where that is computed alike."""
        for operation in reversed(self._mine):
            found = self._there(operation)
            for v, w in zip(operation.inputs, found.inputs, strict=True) if found is not None else ():
                made, there = v.operation, w.operation
                if made is None or there is None or v in self.pairs or w in self._used:
                    continue
                if v.output_index == w.output_index and label(made) == label(there):
                    self._pair(made, there)

    def _by_kind(self, kind: Kind) -> None:
        """Pair what is left in its order, where there is equally much of a kind on both sides."""
        mine: dict[Hashable, list[Operation]] = defaultdict(list)
        theirs: dict[Hashable, list[Operation]] = defaultdict(list)
        for operation in self._left():
            mine[kind(operation, self.pairs.get)].append(operation)
        for operation in self._theirs:
            if operation.outputs[0] not in self._used:
                theirs[kind(operation, _itself)].append(operation)
        for found, operations in mine.items():
            if found is not None and len(operations) == len(theirs[found]):
                for operation, there in zip(operations, theirs[found], strict=True):
                    self._pair(operation, there)

    def _given(self) -> None:
        """Pair inputs and parameters that have another name there by what uses them."""
        for operation in self._mine:
            there = self._there(operation)
            for v, w in zip(operation.inputs, there.inputs, strict=True) if there is not None else ():
                given = v.operation is None and v.kind == w.kind != "constant" and v.ndim == w.ndim
                if given and v not in self.pairs and w not in self._used:
                    self._put(v, w)

    def _constants(self) -> None:
        """Pair what is computed from nothing by what uses it."""
        for operation in self._mine:
            there = self._there(operation)
            for v, w in zip(operation.inputs, there.inputs, strict=True) if there is not None else ():
                if _is_constant(v) and _is_constant(w):
                    self._put(v, w)


    def _without_shares(self) -> None:
        """Part the gradients of what is computed more often in one graph than in the other: there they are added up."""
        mine, theirs = _times_computed(self._mine), _times_computed(self._theirs)
        computed = [(v, w) for v, w in self.pairs.items() if v in mine and w in theirs]
        shared = {v for v, w in computed if mine[v] != theirs[w]}
        operations = {v.operation for v in shared}
        for v in list(self.pairs):
            of = v.gradient
            if of is not None and (of.variable in shared or of.operation in operations):
                del self.pairs[v]


def _times_computed(operations: Sequence[Operation]) -> dict[Variable, int]:
    """Return how often each result is computed: by how many operations that do the same with the same."""
    first: dict[Hashable, Variable] = {}
    same: dict[Variable, Variable] = {}
    for operation in operations:
        label = _exactly(operation), _inputs(operation, lambda v: same.get(v, v))
        same.update((v, first.setdefault((label, v.output_index), v)) for v in operation.outputs)
    counts = Counter(same.values())
    return {v: counts[found] for v, found in same.items()}


def _named(graph: Graph) -> dict[str, Variable]:
    """Return what has a name in the user's program, which nothing else has."""
    given = {graph.name_of(v): v for v in (*graph.inputs, *graph.parameters)}
    said = [v for v in graph.variables if v.has_given_name or (v.operation is not None and v.gradient is None)]
    said = [v for v in said if v.operation is None or v.name != v.operation.name]
    counts = Counter(v.name for v in said)
    return {v.name: v for v in said if counts[v.name] == 1} | given


# ---- of which kind an operation is -----------------------------------------------------------------------------


def _exactly(operation: Operation) -> Hashable:
    return operation.primitive, operation.phase, tuple([_content(v) for v in operation.inputs])


def _roughly(operation: Operation) -> Hashable:
    attributes = vars(operation.primitive).items() if not operation.inputs else ()  # then nothing else tells it apart
    said = tuple([(name, value) for name, value in attributes if not name.endswith("dtype")])
    return operation.primitive.name, operation.phase, len(operation.inputs), said


def _of_given(operation: Operation, found: Found) -> Hashable:
    """Return which weights and inputs it uses, if it does."""
    given = tuple([found(v) if v.operation is None and v.kind != "constant" else None for v in operation.inputs])
    return (_roughly(operation), given) if any(v is not None for v in given) else None


def _in_place(operation: Operation, _: Found) -> Hashable:
    return _roughly(operation), operation.scope, tuple([v.shape for v in operation.outputs])


def _inputs(operation: Operation, found: Found) -> Hashable:
    return tuple(["constant" if v.kind == "constant" else found(v) for v in operation.inputs])


def _content(variable: Variable) -> Hashable:
    """Return what a constant holds, of a large one a sample."""
    if variable.kind != "constant" or variable.data is None:
        return None
    data = variable.data.reshape(-1)
    return variable.data.shape, data[:: max(1, data.size // _SAMPLE)].astype(np.float64).tobytes()


def _itself(variable: Variable) -> Variable:
    return variable


def _is_constant(variable: Variable) -> bool:
    return variable.kind == "constant" or (variable.operation is not None and not variable.operation.inputs)


def _is_cast(operation: Operation) -> bool:
    """Whether it changes nothing but the precision: one side may do that where the other has no need to."""
    real = [v.spec.is_float for v in (*operation.inputs, *operation.outputs)]
    return operation.primitive.name == "astype" and all(real)


def _uncast(variable: Variable) -> Variable:
    while variable.operation is not None and _is_cast(variable.operation):
        variable = variable.operation.inputs[0]
    return variable
