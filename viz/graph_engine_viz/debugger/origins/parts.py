"""A gradient that is zero in part: which parts, and where what arrived was not.

What joins tensors hands to each the part that is its own. To see where such a part was cut, it is followed through
what only moves numbers, and through what treats each number by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from graph_engine.node import Operation
from graph_engine_viz.debugger.origins.reading import Array, Reader

__all__ = ["MOVING", "Sliced", "places_of_cut", "zero_slices"]

MOVING = frozenset(
    {
        "concat", "stack", "pad", "reshape", "permute_dims", "matrix_transpose", "flip", "roll", "broadcast_to",
        "pass_on", "pad_border", "checked",
    }
)  # fmt: skip
"""Operations that put numbers somewhere else and do nothing to them."""


def places_of_cut(reader: Reader, operation: Operation, position: int) -> Iterator[tuple[Operation, int]]:
    """Find the uses at which the part of a joined tensor that one input makes up was cut.

    Parameters
    ----------
    reader : Reader
    operation : Operation
        One of `MOVING`, to which something arrives that is zero where this input went.
    position : int
        Which of its inputs it is.

    Yields
    ------
    Operation, int
        Something arrives there, and nothing leaves it for this part.
    """
    stack = [(operation, position, np.ones(reader.array(operation.inputs[position]).shape, dtype=bool))]
    parts: dict[tuple[tuple[int, ...], bytes], Array] = {}
    seen: set[tuple[Operation, int, int]] = set()
    while stack:
        current, place, part = stack.pop()
        if current.primitive.name in MOVING:
            part = _moved(reader, current, place, part)
            part = parts.setdefault((part.shape, part.tobytes()), part)  # of those that are alike the same object
        for user, at in reader.trace.graph.consumers.get(current.outputs[0], ()):
            if user.phase != "forward" or len(user.outputs) != 1 or (user, at, id(part)) in seen:
                continue
            seen.add((user, at, id(part)))
            upstream = reader.gradient(user.outputs[0])
            if upstream is None or reader.all_zero(upstream):
                continue
            arrived = reader.array(upstream)
            moves, term = user.primitive.name in MOVING, reader.terms.get((user, at))
            by_itself = user.primitive.elementwise and arrived.shape == part.shape
            if moves or (by_itself and not np.any(arrived[part])):
                stack.append((user, at, part))
            elif term is not None and not np.any(reader.array(term)[part]):
                yield user, at


def _moved(reader: Reader, operation: Operation, position: int, part: Array) -> Array:
    """Say where a part of an input is in the result."""
    marks = [np.zeros(reader.array(v).shape) for v in operation.inputs]
    marks[position] = part.astype(np.float64)
    primitive = operation.primitive.bind(reader.trace.names)
    moved: Array = np.asarray(primitive.kernel(np, *marks)) != 0
    return moved


class Sliced(NamedTuple):
    """How many elements slices have.

    Attributes
    ----------
    all, each : int
        All of them together, and one.
    """

    all: int
    each: int


def zero_slices(
    array: Array, before: Array | None = None, first: int = 0, stop: int | None = None, most: int = 8
) -> tuple[str, Sliced]:
    """Name the slices of a tensor that are zero as a whole, along the dimension that has the most of them.

    Those that were zero before are left out, where a tensor of this shape is given, and dimensions out of a range.

    Examples
    --------
    >>> import numpy as np
    >>> zero_slices(np.array([[1, 0, 0], [2, 0, 3]]))
    ('[:, 1]', Sliced(all=2, each=2))
    """
    known = before if before is not None and before.shape == array.shape else np.ones(array.shape)
    best: tuple[float, str, Sliced] = (0.0, "", Sliced(0, 1))
    for axis in range(array.ndim)[first:stop]:
        others = tuple(i for i in range(array.ndim) if i != axis)
        zero = np.flatnonzero(~np.any(array, axis=others) & np.any(known, axis=others))
        share = len(zero) / max(array.shape[axis], 1)
        if 0 < share < 1 and share > best[0]:
            shown = _ranges(zero, most)
            each = array.size // array.shape[axis]
            text = f"[{', '.join(shown if i == axis else ':' for i in range(array.ndim))}]"
            best = share, text, Sliced(each * len(zero), each)
    return best[1:]


def _ranges(numbers: Any, most: int) -> str:
    groups = np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1)
    shown = [str(g[0]) if len(g) == 1 else f"{g[0]} to {g[-1]}" for g in groups[:most]]
    more = sum(len(g) for g in groups[most:])
    return " and ".join(shown) + (f" and {more} more" if more else "")
