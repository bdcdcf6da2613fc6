"""Where each operation of a graph is drawn: as itself, or with others in one node."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from graph_engine.node import Operation
from graph_engine_viz.opening import RANDOM, Scope, runs_of

__all__ = ["Kind", "Place", "places_of", "without_middle"]

Kind: TypeAlias = Literal["variable", "operation", "scope", "gap", "turn"]


@dataclass(frozen=True)
class Place:
    """Where an operation is drawn: as itself, in a folded scope, or left out."""

    key: str
    kind: Kind
    scope: Scope = ()
    title: Scope = ()
    scopes: int = 1


def places_of(
    paths: Mapping[Operation, Scope], folded: frozenset[Scope], quiet: Collection[Operation], brief: bool
) -> list[Place]:
    """Say where each operation is drawn; `brief`: many folded scopes that are alike stand together."""
    around = {operation: _fold_around(operation, path, folded, quiet) for operation, path in paths.items()}
    runs = runs_of(scope or () for scope in around.values()) if brief else {}
    numbers: dict[Scope, int] = {}
    places: list[Place] = []
    for number, operation in enumerate(paths):
        outer = around[operation]
        if outer is None:
            places.append(Place(f"o{number}", "operation", operation.scope))
            continue
        run = runs.get(outer, (outer,))
        key = f"s{numbers.setdefault(run[0], len(numbers))}"
        title = (*outer[:-1], f"{run[0][-1]} … {run[-1][-1]}") if len(run) > 1 else outer
        places.append(Place(key, "scope", outer[:-1], title, len(run)))
    return places


def _fold_around(
    operation: Operation, path: Scope, folded: frozenset[Scope], quiet: Collection[Operation]
) -> Scope | None:
    """Return the folded scope that an operation is drawn in, if it is in one."""
    for depth in range(1, len(path) + 1):
        if path[:depth] in folded:
            return path[:depth]
    return (*operation.scope, RANDOM) if operation in quiet else None


def without_middle(places: list[Place], most: int) -> list[Place]:
    """Leave out the middle of what is still too much."""
    shown = list(dict.fromkeys(place.key for place in places))
    if len(shown) <= most:
        return places
    left_out = set(shown[most // 3 : -(most // 3)])
    return [Place("gap", "gap") if place.key in left_out else place for place in places]
