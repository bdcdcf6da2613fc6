"""Indexing as a user writes it: `x[0, 1:]`, `x[[2, 0]]`, `x[rows, columns]`, `take`, `take_along_axis`, `one_hot`."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import numpy as np

from graph_engine.declaring import located
from graph_engine.dims import Dim, dimension, product
from graph_engine.errors import DeclarationError, ShapeError
from graph_engine.node import Operand, Variable
from graph_engine.operands import as_data, constant
from graph_engine.primitives.common import as_variable, the_axis
from graph_engine.primitives.gathering import OneHot, RavelIndex, Take, TakeAlongAxis
from graph_engine.primitives.shape import permute_dims, reshape
from graph_engine.primitives.slicing import Index, Key, as_key, spelled_out
from graph_engine.primitives.structure import broadcast_to
from graph_engine.source import composite
from graph_engine.spec import as_dtype, broadcast_shapes, normalize_axis


@located
def take(x: Operand, indices: Operand, axis: int | None = None) -> Variable:
    """Choose slices along a dimension.

    Parameters
    ----------
    x : Variable or array_like
    indices : Variable or array_like
        Integers of any shape; those below 0 count from the end, repeated ones are fine.
    axis : int, optional
        May be left out where there is only one dimension.

    Examples
    --------
    >>> import graph_engine as ge
    >>> words, table = ge.input("words", ("batch", 5), "int64"), ge.input("table", (1000, 16))
    >>> ge.take(table, words, axis=0).shape
    ('batch', 5, 16)
    """
    x, places = as_variable(x), as_variable(indices)
    axis = the_axis(axis, x.ndim)
    _check_known(places, x.shape[axis], axis)
    result: Variable = Take(axis)(x, places)
    return result


@composite
@located
def take_along_axis(x: Operand, indices: Operand, axis: int = -1) -> Variable:
    """Choose one element for each place along a dimension; the other dimensions broadcast.

    Examples
    --------
    >>> import graph_engine as ge
    >>> x = ge.constant([[1, 2, 3], [4, 5, 6]])
    >>> ge.Engine("numpy").run(ge.take_along_axis(x, ge.constant([[2], [0]]), axis=1), {}).tolist()
    [[3], [4]]
    """
    x, places = as_variable(x), as_variable(indices)
    if x.ndim != places.ndim:
        raise ShapeError(f"{x.ndim} dimensions, but {places.ndim} of the places")
    axis = normalize_axis(axis, x.ndim)
    _check_known(places, x.shape[axis], axis)
    before = broadcast_shapes(x.shape[:axis], places.shape[:axis])
    after = broadcast_shapes(x.shape[axis + 1 :], places.shape[axis + 1 :])
    x = broadcast_to(x, (*before, x.shape[axis], *after))
    result: Variable = TakeAlongAxis(axis)(x, broadcast_to(places, (*before, places.shape[axis], *after)))
    return result


@located
def one_hot(x: Operand, num_classes: int | str, dtype: Any = "float32") -> Variable:
    """Turn class numbers into rows of 0 with a 1 at the class.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.Engine("numpy").run(ge.one_hot(ge.constant([2, 0]), 3), {}).tolist()
    [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    """
    places = as_variable(x)
    _check_known(places, dimension(num_classes), -1, lowest=0)
    result: Variable = OneHot(dimension(num_classes), as_dtype(dtype))(places)
    return result


def _check_known(places: Variable, size: int | Dim, axis: int, lowest: int | None = None) -> None:
    """Refuse constant places that are out of range, where the size is known, too."""
    if places.data is None or not isinstance(size, int) or places.data.dtype.kind not in "iu" or not places.data.size:
        return
    for value in (int(places.data.min()), int(places.data.max())):
        if not (-size if lowest is None else lowest) <= value < size:
            raise ShapeError(f"index {value} is out of range for axis {axis} of size {size}")


# ---- x[key] ----------------------------------------------------------------------------------------------------


@composite
@located
def getitem(x: Variable, key: Any) -> Variable:
    """Return `x[key]`, as NumPy has it: integers, slices, `...`, `None`, arrays of integers, arrays of bools."""
    lengths: dict[Variable, int] = {}
    written = key if isinstance(key, tuple) else (key,)
    items = spelled_out([item for part in written for item in _expanded(part, lengths)], x.shape)
    axes = _input_axes(items)
    for item, axis in zip(items, axes, strict=True):
        if isinstance(item, Variable):
            _check_array(item, x.shape[axis], axis, lengths.get(item))
    parts = as_key(tuple(slice(None) if isinstance(item, Variable) else item for item in items), x.shape)
    if any(isinstance(item, Variable) for item in items):
        return _gathered(_sliced(x, parts), items)
    result: Variable = Index(parts)(x)
    return result


def _expanded(item: Any, lengths: dict[Variable, int]) -> list[Any]:
    """Return an item of a key with arrays as variables; a mask becomes the places along each of its dimensions."""
    if isinstance(item, Variable) and item.dtype == "bool":
        raise DeclarationError(
            f"how many elements the mask {item.name!r} selects is known only when the graph runs",
            "use ge.where(mask, x, 0), or a NumPy array of bools",
        )
    if not isinstance(item, (list, np.ndarray)):
        return [item]
    data = as_data(item) if np.size(item) else np.zeros(np.shape(item), getattr(item, "dtype", "int64"))
    if data.dtype.kind != "b":
        return [constant(data)]
    places = [constant(array) for array in np.nonzero(np.atleast_1d(data))]
    lengths |= dict(zip(places, data.shape, strict=True))
    return places


def _input_axes(items: list[Any]) -> list[int]:
    """Return for each item of a key which dimension it is about."""
    counts = accumulate(int(item is not None) for item in items)
    return [count - 1 for count in counts]


def _check_array(places: Variable, size: int | Dim, axis: int, length: int | None) -> None:
    if length is not None and length != size:
        raise ShapeError(f"a mask of length {length} does not fit axis {axis} of size {size}")
    _check_known(places, size, axis)


def _sliced(x: Variable, key: Key) -> Variable:
    """Apply the basic part of a key, where there is one."""
    everything = tuple((0, dim, 1) if isinstance(dim, int) else (None, None, 1) for dim in x.shape)
    result: Variable = x if key == everything else Index(key)(x)
    return result


def _gathered(x: Variable, items: list[Any]) -> Variable:
    """Apply the arrays of a key to what the rest of it has left.

    As in NumPy, their dimensions stand where the arrays stood, or first where something stood between them.
    """
    advanced = [i for i, item in enumerate(items) if item is not None and not isinstance(item, slice)]
    together = advanced[-1] - advanced[0] == len(advanced) - 1
    left = [item for item in items if item is None or isinstance(item, (slice, Variable))]
    axes = [axis for axis, item in enumerate(left) if isinstance(item, Variable)]
    others = [axis for axis in range(x.ndim) if axis not in axes]
    first = advanced[0] if together else 0
    moved = permute_dims(x, others[:first] + axes + others[first:])
    sizes = moved.shape[first : first + len(axes)]
    flat = reshape(moved, (*moved.shape[:first], product(sizes), *moved.shape[first + len(axes) :]))
    arrays = [left[axis] for axis in axes]
    places = arrays[0] if len(arrays) == 1 else RavelIndex(sizes)(*arrays)
    result: Variable = Take(first)(flat, places)
    return result
