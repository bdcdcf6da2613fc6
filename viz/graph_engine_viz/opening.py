"""Which scopes a picture opens, and which it folds into one node each.

Small graphs are shown whole. Of big ones, scopes are opened from the outside inwards as long as there is room: small
ones before big ones, what is numbered (`stage1`, `stage2`, ...) together, so that repeated parts of a model look alike,
and layers only when all that has scopes inside is open: a model's first layer tells less than its stages. Of many
folded ones that are alike, such as the steps of a recurrent network, those in the middle can stand together.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from heapq import heapify, heappop, heappush
from itertools import groupby
from typing import TypeAlias

from graph_engine.errors import LookupFailed
from graph_engine.node import Operation, Variable

__all__ = ["RANDOM", "Scope", "choose_folded", "find_scopes", "makes_keys", "runs_of"]

Scope: TypeAlias = tuple[str, ...]
Paths: TypeAlias = Mapping[Operation, Scope]
"""The scopes around each operation, in order (`calls` finds them)."""

RANDOM = "random"
"""What the operations that only make keys of random numbers are folded into; a scope of that name opens them."""

NUMBER = re.compile(r"\d+")
MOST_ALIKE = 8
FIRST, LAST = 3, 2
"""Of more scopes that are alike, so many stand alone, at the beginning and at the end."""
LISTED = 12


def find_scopes(names: Collection[str], paths: Paths) -> frozenset[Scope]:
    """Return the scopes of these names, or refuse what is none."""
    names = [names] if isinstance(names, str) else list(names)
    if not names:
        return frozenset()
    known = {path[:depth] for path in paths.values() for depth in range(1, len(path) + 1)}
    known |= {(RANDOM,)} if makes_keys(paths) else set()
    called = {".".join(scope): scope for scope in known}
    missing = [name for name in names if name not in called]
    if missing:
        near = get_close_matches(missing[0], called, LISTED)
        listed = near or sorted(called, key=lambda name: (name.count("."), name))[:LISTED]
        known_names = "the scopes of this graph are" if len(listed) == len(called) else "scopes of this graph are"
        raise LookupFailed(f"no scope is called {missing[0]!r}", f"{known_names}: {', '.join(listed) or 'none'}")
    return frozenset(called[name] for name in names)


def makes_keys(operations: Iterable[Operation]) -> frozenset[Operation]:
    """Return the operations that make keys of random numbers, bits, and masks of them, if there are several."""
    found = [
        operation
        for operation in operations
        if operation.primitive.name == "random_mask" or all(v.dtype == "uint32" for v in operation.outputs)
    ]
    return frozenset(found if len(found) > 1 else ())


def choose_folded(
    paths: Paths,
    expand: Collection[Scope],
    collapse: Collection[Scope],
    most: int,
    with_parameters: bool = False,
) -> frozenset[Scope]:
    """Choose the scopes that are folded: all where there is too much, then opened again while there is room.

    Parameters
    ----------
    paths : mapping of Operation to scope
    expand, collapse : collection of scope
        What is opened, or folded, in any case.
    most : int
        So much may be shown.
    with_parameters : bool
        Parameters take room too; otherwise operations and folded scopes are counted.
    """
    weights = _weights(paths, with_parameters)
    if sum(weights.values()) <= most:
        return frozenset(collapse)
    return _Opener(paths, weights, frozenset(expand), frozenset(collapse), most).fold()


def _weights(operations: Iterable[Operation], with_parameters: bool) -> dict[Operation, int]:
    seen: set[Variable] = set()
    weights = {}
    for operation in operations:
        own = {v for v in operation.inputs if v.kind == "parameter"} - seen if with_parameters else set()
        weights[operation] = 1 + len(own) + sum(len(body.operations) for body in operation.bodies)
        seen |= own
    return weights


def runs_of(order: Iterable[Scope]) -> dict[Scope, tuple[Scope, ...]]:
    """Say which folded scopes stand together, in the middle of many that are alike and follow each other.

    Parameters
    ----------
    order : iterable of scope
        The folded scope that each operation is in; an empty one for those in none.

    Examples
    --------
    >>> runs = runs_of([("net", f"t{number}") for number in range(20)])
    >>> len(runs), {(run[0][-1], run[-1][-1]) for run in runs.values()}
    (15, {('t3', 't17')})
    """
    runs: dict[Scope, tuple[Scope, ...]] = {}
    folded = [scope for scope, _ in groupby(order)]
    for kind, group in groupby(folded, key=lambda scope: (*scope[:-1], NUMBER.sub("#", "".join(scope[-1:])))):
        alike = tuple(dict.fromkeys(group)) if any(kind) else ()
        if len(alike) > MOST_ALIKE:
            runs |= dict.fromkeys(alike[FIRST:-LAST], alike[FIRST:-LAST])
    return runs


class _Opener:
    """Opens scopes while there is room."""

    def __init__(
        self,
        paths: Paths,
        weights: dict[Operation, int],
        expand: frozenset[Scope],
        collapse: frozenset[Scope],
        most: int,
    ) -> None:
        self.paths = paths
        self.collapse = collapse
        self.most = most
        self.forced = {scope[:depth] for scope in expand for depth in range(1, len(scope) + 1)}
        self.shown: dict[Scope, dict[Scope, int]] = {}  # what opening a scope shows, and how much room that takes
        self.sizes: dict[Scope, int] = {}
        for operation, scope in paths.items():
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
        too_big = False
        while waiting:
            (is_layer, *_), family = heappop(waiting)
            free = [scope for scope in family if scope not in self.collapse]
            fits = self.room + sum(self._cost(scope) - 1 for scope in free) <= self.most
            fits = fits and not (is_layer and too_big)
            too_big = too_big or not fits
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

    def _rank(self, family: tuple[Scope, ...]) -> tuple[bool, int, int, int]:
        is_layer = not any(child in self.shown for scope in family for child in self.shown[scope])
        return is_layer, len(family[0]), sum(self.sizes[scope] for scope in family), self.order[family[0]]

    def _returns(self, scope: Scope) -> bool:
        """Say whether something outside comes between its operations: one node for all would be before and after it."""
        inside: set[Variable] = set()
        between: set[Variable] = set()
        for operation, path in self.paths.items():
            if path[: len(scope)] == scope:
                if not between.isdisjoint(operation.inputs):
                    return True
                inside.update(operation.outputs)
            elif not (between.isdisjoint(operation.inputs) and inside.isdisjoint(operation.inputs)):
                between.update(operation.outputs)
        return False
