"""Calls of functions that consist of several operations, such as losses: scopes that nobody had to open."""

from __future__ import annotations

import linecache
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import islice
from types import CodeType

from graph_engine.node import Operation
from graph_engine.source import Frames

__all__ = ["paths_of"]

CALLED = re.compile(r"[\w.]*?(\w+)\s*\(")


def paths_of(operations: Sequence[Operation]) -> dict[Operation, tuple[str, ...]]:
    """Return the scopes around each operation; the call that it is a part of, with others, is the innermost.

    Examples
    --------
    >>> import graph_engine as ge
    >>> x = ge.input("x")
    >>> loss = ge.nn.mse_loss(x, 1.0)
    >>> [".".join(path) for path in paths_of(ge.Graph(loss).operations).values()]
    ['mse_loss', 'mse_loss', 'mse_loss']
    """
    paths = {operation: operation.scope for operation in operations}
    calls: dict[tuple[tuple[str, ...], Frames], list[Operation]] = defaultdict(list)
    for operation in operations:
        if operation.source.inner and operation.source.frames and operation.phase == "forward":
            calls[operation.scope, operation.source.frames].append(operation)
    whole = Counter(operation.scope for operation in operations)
    taken = Counter(scope[:depth] for scope in set(paths.values()) for depth in range(len(scope) + 1))
    for (scope, frames), members in calls.items():
        if len(members) < 2 or scope and len(members) == whole[scope]:  # a layer's scope is there already
            continue
        path = (*scope, _called(frames[0], frames[1]) or members[-1].primitive.name)
        taken[path] += 1
        numbered = path if taken[path] == 1 else (*scope, f"{path[-1]}_{taken[path]}")
        paths |= dict.fromkeys(members, numbered)
    return paths


def _called(code: CodeType, offset: int) -> str | None:
    """Read the name of the function that is called at an instruction."""
    line, _, column, _ = next(islice(code.co_positions(), offset // 2, None), (None,) * 4)
    if line is None or column is None:
        return None
    text = linecache.getline(code.co_filename, line).encode()[column:].decode(errors="replace")
    match = CALLED.match(text)
    return match[1] if match else None
