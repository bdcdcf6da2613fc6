"""Skip connections inside of a folded scope: what it adds or joins to something that was made of it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from graph_engine.node import Operation, Variable

__all__ = ["count_bypasses"]

MERGES = ("add", "concat")
SHORT = 2
"""A bypass may have so many operations, such as a convolution that changes the shape; the other way has more."""

GATE = "multiply"
"""What was multiplied by something else did not go around it."""

MOST_INSIDE = 400


def count_bypasses(operations: Sequence[Operation]) -> int:
    """Count the sums and concatenations of something with what is made of it, by way of some operations more.

    Examples
    --------
    >>> import graph_engine as ge
    >>> x = ge.input("x")
    >>> h = x + ge.tanh(ge.sin(ge.exp(x)))
    >>> count_bypasses(ge.Graph(h).operations), count_bypasses(ge.Graph(ge.tanh(x) + ge.sin(x)).operations)
    (1, 0)
    """
    if len(operations) > MOST_INSIDE:
        return 0
    inside = frozenset(operations)
    return sum(operation.primitive.name in MERGES and _is_bypassed(operation, inside) for operation in operations)


def _is_bypassed(merge: Operation, inside: frozenset[Operation]) -> bool:
    for short in merge.inputs:
        begins = dict(_behind(short, [op for op in inside if op.primitive.name != GATE], SHORT))
        for long in merge.inputs:
            if long is not short and any(
                variable in begins and distance > begins[variable] + SHORT - 1
                for variable, distance in _behind(long, inside, MOST_INSIDE)
            ):
                return True
    return False


def _behind(variable: Variable, inside: Collection[Operation], far: int) -> Iterator[tuple[Variable, int]]:
    """Go through what a variable is made of, the nearest first, each with its distance."""
    seen, ring, distance = {variable}, [variable], 0
    while ring and distance <= far:
        yield from ((found, distance) for found in ring)
        makers = {v.operation for v in ring if v.operation is not None and v.operation in inside}
        made_of = {v for maker in makers for v in maker.inputs if v.kind in ("input", "result")}
        ring = sorted(made_of - seen, key=lambda v: v.index)
        seen.update(ring)
        distance += 1
