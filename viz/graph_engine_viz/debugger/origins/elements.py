"""Which elements of a result were computed from which elements of an input, where that is known of an operation.

Where it is known roughly, as of a convolution, all elements that may be concerned are taken; of operations of which
nothing is known, all.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from graph_engine.node import Operation, Variable
from graph_engine_viz.debugger.origins.reading import Array, Place, Reader

__all__ = ["ALONG", "MOVING", "SOFTMAXES", "Link", "link", "not_finite_before"]


class Link(NamedTuple):
    """How the elements of an input and those of a result belong together; both take marks and return marks.

    Attributes
    ----------
    forward : callable
        From marked elements of the input to those of the result that were computed from one of them.
    back : callable
        From marked elements of the result to those of the input that one of them was computed from.
    """

    forward: Callable[[Array], Array]
    back: Callable[[Array], Array]


def link(reader: Reader, output: Variable, position: int) -> Link:
    """Say how the elements of a result belong to those of an input of its operation."""
    operation = output.operation
    assert operation is not None
    before, after = reader.shape(operation.inputs[position]), reader.shape(output)
    if operation.primitive.elementwise:
        return _by_itself(reader, operation, position, before, after)
    rule = RULES.get((operation.primitive.name, position)) or RULES.get((operation.primitive.name, None))
    found = None if rule is None else rule(reader, output, position)
    return found or _whole(before, after)


def not_finite_before(place: Place) -> list[Variable]:
    """Return the inputs that hold something not finite among what an element was computed from."""
    bad = [(i, v) for i, v in enumerate(place.operation.inputs) if place.reader.non_finite(v)]
    mark = np.zeros(place.reader.shape(place.output), dtype=bool)
    mark[place.index] = True
    return [
        v
        for i, v in bad
        if np.any(link(place.reader, place.output, i).back(mark) & ~np.isfinite(place.reader.array(v)))
    ]


def _whole(before: tuple[int, ...], after: tuple[int, ...]) -> Link:
    return Link(lambda x: np.full(after, x.any()), lambda y: np.full(before, y.any()))


def _spread(before: tuple[int, ...], after: tuple[int, ...]) -> Link:
    """Belong together by broadcasting."""
    return Link(lambda x: np.array(np.broadcast_to(x, after)), lambda y: _summed(y, before))


def _by_itself(
    reader: Reader, operation: Operation, position: int, before: tuple[int, ...], after: tuple[int, ...]
) -> Link:
    """Belong together one by one; of a choice, where it took this input."""
    spread = _spread(before, after)
    if operation.primitive.name != "where" or not position:
        return spread
    mask = np.broadcast_to(reader.array(operation.inputs[0]), after)
    taken = mask if position == 1 else ~mask
    return Link(lambda x: spread.forward(x) & taken, lambda y: spread.back(y & taken))


def _summed(marks: Array, shape: tuple[int, ...]) -> Array:
    """Undo a broadcasting: an element is marked where one of its copies is."""
    more = marks.ndim - len(shape)
    axes = (*range(more), *(more + i for i, n in enumerate(shape) if n == 1))
    return np.asarray(marks.any(axis=axes)).reshape(shape)


def _shapes(reader: Reader, output: Variable, position: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    assert output.operation is not None
    return reader.shape(output.operation.inputs[position]), reader.shape(output)


def _axes(output: Variable, ndim: int) -> tuple[int, ...]:
    assert output.operation is not None
    primitive: Any = output.operation.primitive
    given = primitive.axes if hasattr(primitive, "axes") else getattr(primitive, "axis", -1)
    axes = range(ndim) if given is None else (given,) if isinstance(given, int) else given
    return tuple(axis % ndim for axis in axes)


def _reduced(reader: Reader, output: Variable, position: int) -> Link:
    """All along some dimensions becomes one number."""
    before, after = _shapes(reader, output, position)
    axes = _axes(output, len(before))
    kept = tuple(1 if i in axes else n for i, n in enumerate(before))
    return Link(
        lambda x: np.asarray(x.any(axis=axes)).reshape(after),
        lambda y: np.array(np.broadcast_to(y.reshape(kept), before)),
    )


def _along(reader: Reader, output: Variable, position: int) -> Link | None:
    """All along some dimensions depends on all there."""
    before, after = _shapes(reader, output, position)
    if len(before) != len(after):
        return None
    axes = _axes(output, len(after))

    def forward(x: Array) -> Array:
        return np.array(np.broadcast_to(x.any(axis=axes, keepdims=True), after))

    return Link(forward, lambda y: _summed(forward(y), before))


def _samples(reader: Reader, output: Variable, position: int) -> Link | None:
    """Each sample depends on itself alone."""
    before, after = _shapes(reader, output, position)
    if not before or not after or before[0] != after[0]:
        return None

    def spread(x: Array, shape: tuple[int, ...]) -> Array:
        rows = x.reshape(len(x), -1).any(axis=1)
        return np.array(np.broadcast_to(rows.reshape(-1, *[1] * (len(shape) - 1)), shape))

    return Link(lambda x: spread(x, after), lambda y: spread(y, before))


def _added_up(reader: Reader, output: Variable, position: int) -> Link:
    """Undo a broadcasting."""
    spread = _spread(*reversed(_shapes(reader, output, position)))
    return Link(spread.back, spread.forward)


def _product(reader: Reader, output: Variable, position: int) -> Link | None:
    """A row of the result depends on a row of the first factor, a column on a column of the second one."""
    before, after = _shapes(reader, output, position)
    assert output.operation is not None
    if any(len(reader.shape(v)) < 2 for v in output.operation.inputs[:2]):
        return None
    axis = -2 if position else -1
    shape = tuple(1 if i == len(before) + axis else n for i, n in enumerate(before))
    spread = _spread(shape, after)
    return Link(
        lambda x: spread.forward(np.asarray(x.any(axis=axis, keepdims=True))),
        lambda y: np.array(np.broadcast_to(spread.back(y), before)),
    )


def _weight(reader: Reader, output: Variable, position: int) -> Link:
    """A row of weights, as an element of a bias, makes up an element of each sample."""
    before, after = _shapes(reader, output, position)
    spread = _spread(before[:1], after)
    return Link(
        lambda x: spread.forward(np.asarray(x.reshape(before[0], -1).any(axis=1))),
        lambda y: np.array(np.broadcast_to(spread.back(y).reshape(-1, *[1] * (len(before) - 1)), before)),
    )


def _moved(reader: Reader, output: Variable, position: int) -> Link | None:
    """Follow numbers that are only put somewhere else, each to one place or several; each place takes one at most."""
    operation = output.operation
    assert operation is not None
    before, size = reader.shape(operation.inputs[position]), reader.size(operation.inputs[position])
    places = _places(reader, operation, position)[output.output_index]
    if places is None:
        return None
    known = places >= 0
    taken = np.where(known, places, 0)

    def back(marks: Array) -> Array:
        found = np.zeros(size, dtype=bool)
        found[taken[marks & known]] = True
        return found.reshape(before)

    return Link(lambda x: x.reshape(-1)[taken] & known if size else known, back)


def _places(reader: Reader, operation: Operation, position: int) -> list[Array | None]:
    """Say of each place of each result which element of an input is there, or -1; None where some were added up."""
    if (operation, position) in reader.places:
        return reader.places[operation, position]
    arrays = [np.zeros(x.shape) if x.dtype.kind == "f" else x for x in map(reader.array, operation.inputs)]
    primitive = operation.primitive.bind(reader.trace.names)

    def move(numbers: Array) -> tuple[Array, ...]:
        results = primitive.kernel(np, *arrays[:position], numbers, *arrays[position + 1 :])
        return results if isinstance(results, tuple) else (results,)

    shape = arrays[position].shape
    size = math.prod(shape)
    numbered = move(FIRST + np.arange(size, dtype=np.float64).reshape(shape))
    found: list[Array | None] = []
    for number, one, none in zip(numbered, move(np.ones(shape)), move(np.zeros(shape)), strict=True):
        known = (number >= FIRST) & (number < FIRST + size)
        alone = np.array_equal(known, one != none) and np.all(one[known] == 1)
        found.append(np.where(known, number - FIRST, -1).astype(np.int64) if alone else None)
    if len(found) > 1:  # of many results all are asked for
        reader.places[operation, position] = found
    return found


FIRST = 2.0**40
"""The elements are counted from here, where no attribute of an operation is."""

MOVING = frozenset(
    {
        "concat", "stack", "pad", "reshape", "permute_dims", "matrix_transpose", "flip", "roll", "broadcast_to",
        "pass_on", "pad_border", "checked",
    }
)  # fmt: skip
"""Operations that put numbers somewhere else and do nothing to them."""

SOFTMAXES = frozenset({"softmax", "log_softmax", "masked_softmax"})

ALONG = SOFTMAXES | {"standardize", "standardize_gradient", "cumulative_sum"}
"""Operations of which each element depends on all that lie with it along a dimension."""

_Rule = Callable[[Reader, Variable, int], Link | None]
RULES: dict[tuple[str, int | None], _Rule] = {
    **{(name, None): _moved for name in MOVING},
    **{(name, None): _moved for name in ("index", "unindex", "split", "unstack", "take", "take_along_axis")},
    **{(name, None): _moved for name in ("embedding", "scatter_add", "add_along_axis")},
    **{(name, None): _reduced for name in ("sum", "mean", "max", "min", "prod", "std", "var", "logsumexp")},
    **{(name, None): _along for name in ALONG},
    ("sum_to", None): _added_up,
    ("broadcast_to", None): lambda reader, output, position: _spread(*_shapes(reader, output, position)),
    ("dropout", 0): lambda reader, output, position: _spread(*_shapes(reader, output, position)),
    ("batch_norm", 0): lambda reader, output, position: _spread(*_shapes(reader, output, position)),
    ("matmul", None): _product,
    ("linear", 0): _product,
    ("linear", 1): _weight,
    ("linear", 2): _weight,
    **{(name, 0): _samples for name in ("convolution", "convolution_transpose", "softmax_cross_entropy", "resize")},
    **{(name, 0): _samples for name in ("max_pool", "avg_pool", "adaptive_max_pool", "unfold", "fold")},
}
"""By primitive, and which of its inputs it is, where that makes a difference."""
