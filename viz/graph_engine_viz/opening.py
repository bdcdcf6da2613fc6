"""Which scopes a picture opens, and which it folds into one node each.

Small graphs are shown whole. Of big ones, scopes are opened from the outside inwards as long as there is room: those
with other scopes inside before layers, small ones before big ones, and what is numbered (`stage1`, `stage2`, ...)
together, so that repeated parts of a model look alike.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from heapq import heapify, heappop, heappush
from typing import TypeAlias

from graph_engine.errors import LookupFailed
from graph_engine.node import Operation, Variable

__all__ = ["RANDOM", "Scope", "choose_folded", "find_scopes", "makes_keys"]

Scope: TypeAlias = tuple[str, ...]

RANDOM = "random"
"""What the operations that only make keys of random numbers are folded into; a scope of that name opens them."""

NUMBER = re.compile(r"\d+")


def find_scopes(names: Collection[str], operations: Sequence[Operation]) -> frozenset[Scope]:
    """Return the scopes of these names, or refuse what is none."""
    names = [names] if isinstance(names, str) else list(names)
    known = {op.scope[:depth] for op in operations for depth in range(1, len(op.scope) + 1)} if names else set()
    known |= {(RANDOM,)} if makes_keys(operations) else set()
    chosen = {scope for scope in known if ".".join(scope) in names}
    missing = [name for name in names if tuple(name.split(".")) not in {tuple(".".join(s).split(".")) for s in chosen}]
    if missing:
        listed = ", ".join(sorted(".".join(scope) for scope in known)[:12]) or "none"
        raise LookupFailed(f"no scope is called {missing[0]!r}", f"the scopes of this graph are: {listed}")
    return frozenset(chosen)


def makes_keys(operations: Sequence[Operation]) -> frozenset[Operation]:
    """Return the operations that make keys of random numbers, bits, and masks of them, if there are several."""
    found = [
        operation
        for operation in operations
        if operation.primitive.name == "random_mask" or all(v.dtype == "uint32" for v in operation.outputs)
    ]
    return frozenset(found if len(found) > 1 else ())


def choose_folded(
    operations: Sequence[Operation],
    expand: Collection[Scope],
    collapse: Collection[Scope],
    most: int,
    with_parameters: bool = False,
) -> frozenset[Scope]:
    """Choose the scopes that are folded: all where there is too much, then opened again while there is room.

    Parameters
    ----------
    operations : sequence of Operation
    expand, collapse : collection of scope
        What is opened, or folded, in any case.
    most : int
        So much may be shown.
    with_parameters : bool
        Parameters take room too; otherwise operations and folded scopes are counted.
    """
    weights = _weights(operations, with_parameters)
    if sum(weights.values()) <= most:
        return frozenset(collapse)
    return _Opener(operations, weights, frozenset(expand), frozenset(collapse), most).fold()


def _weights(operations: Iterable[Operation], with_parameters: bool) -> dict[Operation, int]:
    seen: set[Variable] = set()
    weights = {}
    for operation in operations:
        own = {v for v in operation.inputs if v.kind == "parameter"} - seen if with_parameters else set()
        weights[operation] = 1 + len(own) + sum(len(body.operations) for body in operation.bodies)
        seen |= own
    return weights


class _Opener:
    """Opens scopes while there is room."""

    def __init__(
        self,
        operations: Sequence[Operation],
        weights: dict[Operation, int],
        expand: frozenset[Scope],
        collapse: frozenset[Scope],
        most: int,
    ) -> None:
        self.operations = operations
        self.collapse = collapse
        self.most = most
        self.forced = {scope[:depth] for scope in expand for depth in range(1, len(scope) + 1)}
        self.shown: dict[Scope, dict[Scope, int]] = {}  # what opening a scope shows, and how much room that takes
        self.sizes: dict[Scope, int] = {}
        for operation in operations:
            scope = operation.scope
            for depth in range(len(scope) + 1):
                inner = depth < len(scope)
                child = scope[: depth + 1] if inner else (*scope, str(operation.index), "")
                self.shown.setdefault(scope[:depth], {})[child] = 1 if inner else weights[operation]
                self.sizes[scope[:depth]] = self.sizes.get(scope[:depth], 0) + weights[operation]
        self.order = {scope: number for number, scope in enumerate(self.shown)}
        self.opened: set[Scope] = {()}
        self.room = self._cost(())

    def _cost(self, scope: Scope) -> int:
        return sum(self.shown[scope].values()) if scope in self.shown else 0

    def fold(self) -> frozenset[Scope]:
        """Open what there is room for, and return the rest."""
        waiting = [(self._rank(family), family) for family in self._families(())]
        heapify(waiting)
        while waiting:
            _, family = heappop(waiting)
            free = [scope for scope in family if scope not in self.collapse]
            fits = self.room + sum(self._cost(scope) - 1 for scope in free) <= self.most
            for scope in free:
                if fits or scope in self.forced or self._returns(scope):
                    self.opened.add(scope)
                    self.room += self._cost(scope) - 1
                    for inner in self._families(scope):
                        heappush(waiting, (self._rank(inner), inner))
        return frozenset(scope for scope in self.shown if scope not in self.opened) | self.collapse

    def _families(self, scope: Scope) -> list[tuple[Scope, ...]]:
        """Return the scopes in a scope, those together that differ by a number only."""
        families: dict[str, list[Scope]] = {}
        for child in self.shown.get(scope, ()):
            if child in self.shown:
                families.setdefault(NUMBER.sub("#", child[-1]), []).append(child)
        return [tuple(family) for family in families.values()]

    def _rank(self, family: tuple[Scope, ...]) -> tuple[int, bool, int, int]:
        is_layer = not any(child in self.shown for scope in family for child in self.shown[scope])
        return len(family[0]), is_layer, sum(self.sizes[scope] for scope in family), self.order[family[0]]

    def _returns(self, scope: Scope) -> bool:
        """Say whether something outside comes between its operations: one node for all would be before and after it."""
        inside: set[Variable] = set()
        between: set[Variable] = set()
        for operation in self.operations:
            if operation.scope[: len(scope)] == scope:
                if not between.isdisjoint(operation.inputs):
                    return True
                inside.update(operation.outputs)
            elif not (between.isdisjoint(operation.inputs) and inside.isdisjoint(operation.inputs)):
                between.update(operation.outputs)
        return False
