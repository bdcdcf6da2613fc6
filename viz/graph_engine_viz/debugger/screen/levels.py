"""What the graph pane shows: the inside of one scope, with the scopes in it folded.

A level that fits on the screen is shown whole. Of a larger one, each scope in it is one node, and where that is still
too much, blocks of consecutive operations are, and blocks of blocks.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from functools import cached_property

from graph_engine.errors import LookupFailed
from graph_engine.node import Operation, Variable
from graph_engine.trace import Step
from graph_engine_viz.calls import paths_of
from graph_engine_viz.debugger.stops import Place as Standing
from graph_engine_viz.places import Place
from graph_engine_viz.timeline import Timeline

__all__ = ["Levels", "Path"]

Path = tuple[str, ...]

WHOLE = 30
"""A level of so many operations is shown with everything open."""

MOST_PARTS = 20
"""A level of more parts is cut into blocks."""

MOST_OUTPUTS = 6
"""An operation with more results is drawn as a folded scope is."""

_BLOCK = "…"


class Levels:
    """The levels of a run's graph.

    Parameters
    ----------
    timeline : Timeline
        It says what is drawn.

    Attributes
    ----------
    paths : dict of Operation to tuple of str
        The levels around each operation: its scopes, the calls that it is a part of, blocks.
    """

    def __init__(self, timeline: Timeline) -> None:
        self.timeline = timeline
        self.paths: dict[Operation, Path] = {}
        self._members: dict[Path, list[Operation]] = {}
        self._split((), paths_of(timeline.operations))

    def _split(self, first: Path, first_members: dict[Operation, Path]) -> None:
        """Give each operation its path: level by level, what is too much cut into blocks."""
        waiting = [(first, first_members)]
        while waiting:
            level, members = waiting.pop()
            self._members[level] = list(members)
            if len(members) <= WHOLE:
                self.paths.update({op: (*level, *rest) for op, rest in members.items()})
                continue
            parts = _parts(members)
            for number, part in enumerate(_blocks(parts)):
                inner = {op: members[op] for ops in part.values() for op in ops}
                if part is parts:
                    waiting += [(( *level, name), {op: members[op][1:] for op in ops})
                                for name, ops in parts.items() if members[ops[0]]]  # fmt: skip
                    self.paths.update({op: level for op in inner if not members[op]})
                else:
                    waiting.append(((*level, _block_name(part, number)), inner))

    @property
    def all(self) -> list[Path]:
        """All levels."""
        return list(self._members)

    def path_of(self, step: Step) -> Path:
        """Return the levels around what a step is about."""
        drawn = self._drawn(step)
        return () if drawn is None else self.paths.get(drawn, ())

    def find(self, path: Sequence[str]) -> Path:
        """Return a level, if there is such a one."""
        found = tuple(path)
        if found not in self._members:
            raise LookupFailed(f"there is no part of this run called {'.'.join(found)!r}")
        return found

    def inside(self, level: Path) -> list[Operation]:
        """Return the operations of a level, and of those in it."""
        return self._members[level]

    def places(self, level: Path) -> list[Place]:
        """Say where each operation of a level is drawn."""
        operations = self._members[level]
        if len(operations) <= WHOLE:
            around = len(_common([op.scope for op in operations])) if level else 0
            return [_alone(n, op, op.scope[around:]) for n, op in enumerate(operations)]
        numbers: dict[str, int] = {}
        places = []
        for n, operation in enumerate(operations):
            rest = self.paths[operation][len(level) :]
            if rest and (*level, rest[0]) in self._members:
                places.append(Place(f"s{numbers.setdefault(rest[0], len(numbers))}", "scope", (), (rest[0],)))
            else:
                places.append(_alone(n, operation))
        return places

    def results(self, level: Path, asked: Collection[Variable]) -> frozenset[Variable]:
        """Return what a level gives to others, and what was asked for."""
        own = set(self._members[level])
        made = {v for op in own for v in op.outputs}
        used = {v for op in self.timeline.operations if op not in own for v in op.inputs}
        return frozenset(made & (used | set(asked)))

    def around(self, step: Step, place: Standing) -> Path:
        """Return the level that shows where a session stands: of what is folded, the one that it is folded in."""
        path = self.path_of(step)
        for depth in range(len(path) + 1):
            level = path[:depth]
            if level not in self._members or len(self._members[level]) <= WHOLE or level == path:
                return level if level in self._members else level[:-1]
            if place.scope is not None and _scopes_in(path[: depth + 1]) == place.scope:
                return level
        return path

    def _drawn(self, step: Step) -> Operation | None:
        """Return the operation in the picture that a step is about; of an update, the first that uses the parameter."""
        if step.variable is None:
            return step.operation
        return self._first_uses.get(step.variable, step.variable.operation)

    @cached_property
    def _first_uses(self) -> dict[Variable, Operation]:
        found: dict[Variable, Operation] = {}
        for operation in self.timeline.operations:
            for variable in operation.inputs:
                found.setdefault(variable, operation)
        return found


def _alone(number: int, operation: Operation, scope: Path = ()) -> Place:
    if len(operation.outputs) > MOST_OUTPUTS:
        return Place(f"o{number}", "scope", scope, (operation.name.rpartition(".")[2],))
    return Place(f"o{number}", "operation", scope)


def _scopes_in(path: Path) -> Path:
    return tuple(name for name in path if not name.startswith(_BLOCK))


def _parts(members: dict[Operation, Path]) -> dict[str, list[Operation]]:
    """Group a level's operations into the parts that are one node each."""
    parts: dict[str, list[Operation]] = {}
    for number, (operation, rest) in enumerate(members.items()):
        parts.setdefault(rest[0] if rest else f"\0{number}", []).append(operation)
    return parts


def _blocks(parts: dict[str, list[Operation]]) -> Iterator[dict[str, list[Operation]]]:
    """Cut what is too much into as many blocks as there may be; blocks are cut again where they are shown."""
    if len(parts) <= MOST_PARTS:
        yield parts
        return
    names = list(parts)
    size = MOST_PARTS
    while size * MOST_PARTS < len(names):
        size *= MOST_PARTS
    for start in range(0, len(names), size):
        yield {name: parts[name] for name in names[start : start + size]}


def _block_name(part: dict[str, list[Operation]], number: int) -> str:
    ends = [next(iter(part)), next(reversed(part))]
    if any(name.startswith("\0") for name in ends):
        return f"{_BLOCK} block {number + 1}"
    return f"{_BLOCK} {ends[0]} – {ends[1]}"


def _common(scopes: list[Path]) -> Path:
    low, high = min(scopes), max(scopes)
    depth = next((n for n, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), min(len(low), len(high)))
    return low[:depth]
