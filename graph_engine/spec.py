"""Spec: the shape and dtype of a value, known before anything runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from graph_engine.dims import Dim, dimension, evaluate, product
from graph_engine.errors import DeclarationError, DTypeError, FeedError, ShapeError

Shape = tuple[int | Dim, ...]

FLOATS = ("float16", "float32", "float64")
SIGNED = ("int8", "int16", "int32", "int64")
UNSIGNED = ("uint8", "uint16", "uint32", "uint64")
DTYPES = ("bool", *SIGNED, *UNSIGNED, *FLOATS)
DEFAULT_FLOAT = "float32"
DEFAULT_INTEGER = "int64"
NUMPY_DTYPES = {name: np.dtype(name) for name in DTYPES}
NUMBER_KINDS = ("bool", "integer", "float")  # each goes into those behind it
_KIND_OF = {"bool": "bool"} | dict.fromkeys(SIGNED + UNSIGNED, "integer") | dict.fromkeys(FLOATS, "float")
_OF_PYTHON: dict[type, str] = {bool: "bool", int: DEFAULT_INTEGER, float: DEFAULT_FLOAT}


@dataclass(frozen=True, slots=True)
class Spec:
    """Shape and dtype of a value.

    Parameters
    ----------
    shape : tuple of int or str
        A string is a name (`"batch"`) or an integer expression in names (`"2*batch"`).
    dtype : str
        One of `bool`, `int8` ... `uint64`, `float16`, `float32`, `float64`.

    Examples
    --------
    >>> Spec.of(("batch", 784))
    Spec(shape=('batch', 784), dtype='float32')
    """

    shape: Shape = ()
    dtype: str = DEFAULT_FLOAT

    @classmethod
    def of(cls, shape: Any = (), dtype: Any = DEFAULT_FLOAT) -> Spec:
        """Make a spec from what a user writes."""
        return cls(as_shape(shape), as_dtype(dtype))

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self.shape)

    @property
    def size(self) -> int | Dim:
        """The number of elements."""
        return product(self.shape)

    @property
    def is_float(self) -> bool:
        """Whether this is a real number, which has derivatives."""
        return self.dtype in FLOATS

    def with_shape(self, shape: Iterable[int | Dim]) -> Spec:
        """Return the spec of this dtype and another shape."""
        return Spec(tuple(shape), self.dtype)

    def with_dtype(self, dtype: str) -> Spec:
        """Return the spec of this shape and another dtype."""
        return Spec(self.shape, dtype)

    def bind(self, names: Mapping[str, int]) -> Spec:
        """Replace names by numbers."""
        return Spec(bind_shape(self.shape, names), self.dtype)

    def __str__(self) -> str:
        return f"{self.dtype}{show_shape(self.shape)}"


# ---- dtypes ----------------------------------------------------------------------------------------------------


def kind(dtype: str) -> str:
    """Return `bool`, `integer` or `float`.

    >>> kind("uint8")
    'integer'
    """
    return _KIND_OF[dtype]


def as_dtype(dtype: Any) -> str:
    """Read a dtype: its name, a NumPy dtype, or Python's `bool`, `int`, `float`."""
    if isinstance(dtype, type) and dtype in _OF_PYTHON:
        return _OF_PYTHON[dtype]
    try:
        name = dtype if dtype in DTYPES or dtype is None else np.dtype(dtype).name
    except (TypeError, ValueError):
        name = str(dtype)
    if name not in DTYPES:
        raise DTypeError(f"{dtype!r} is no dtype of this engine", f"choose one of {', '.join(DTYPES)}")
    return str(name)


def promote(*dtypes: str) -> str:
    """Return the dtype that holds both: integer with float gives the float's, two floats the wider.

    >>> promote("int64", "float32"), promote("float32", "float64"), promote("uint8", "int8")
    ('float32', 'float64', 'int16')
    """
    result = dtypes[0]
    for dtype in dtypes[1:]:
        result = _promote_two(result, dtype)
    return result


def _promote_two(left: str, right: str) -> str:
    if left == right or right == "bool":
        return left
    if left == "bool":
        return right
    if kind(left) != kind(right):
        return left if left in FLOATS else right
    for family in (FLOATS, SIGNED, UNSIGNED):
        if left in family and right in family:
            return max(left, right, key=family.index)
    unsigned, signed = (left, right) if left in UNSIGNED else (right, left)
    wanted = max(UNSIGNED.index(unsigned) + 1, SIGNED.index(signed))
    if wanted == len(SIGNED):
        raise DTypeError(f"no integer dtype holds both {left} and {right}", "convert one of them with ge.astype")
    return SIGNED[wanted]


# ---- shapes ----------------------------------------------------------------------------------------------------


def as_shape(shape: Any) -> Shape:
    """Read a shape: a dimension, or a sequence of them."""
    if isinstance(shape, str) or hasattr(shape, "__index__"):
        shape = (shape,)
    if not isinstance(shape, Iterable):
        raise DeclarationError(f"a shape is a tuple of dimensions, not {shape!r}")
    return tuple(dimension(item) for item in shape)


def show_shape(shape: Iterable[object]) -> str:
    """Write a shape as a tuple, names without quotes.

    >>> show_shape((Dim("batch"), 3)), show_shape((2,))
    ('(batch, 3)', '(2,)')
    """
    items = [str(item) for item in shape]
    return f"({items[0]},)" if len(items) == 1 else f"({', '.join(items)})"


def bind_shape(shape: Shape, names: Mapping[str, int]) -> tuple[int, ...]:
    """Replace names by numbers."""
    return tuple(dim if isinstance(dim, int) else evaluate(dim, names) for dim in shape)


def broadcast_shapes(*shapes: Shape) -> Shape:
    """Broadcast shapes as the array API does; a name goes only with itself and 1.

    >>> broadcast_shapes((Dim("n"), 1), (3,))
    ('n', 3)
    """
    if all(shape == shapes[0] for shape in shapes):
        return shapes[0]
    rank = max(map(len, shapes))
    padded = [(1,) * (rank - len(shape)) + shape for shape in shapes]
    return tuple(_broadcast_dims(dims, shapes) for dims in zip(*padded, strict=True))


def _broadcast_dims(dims: tuple[int | Dim, ...], shapes: tuple[Shape, ...]) -> int | Dim:
    different = [dim for dim in dict.fromkeys(dims) if dim != 1]
    if len(different) > 1:
        shown = " and ".join(map(show_shape, shapes))
        raise ShapeError(f"shapes {shown} do not broadcast: {different[0]} against {different[1]}")
    return different[0] if different else 1


def normalize_axis(axis: int, ndim: int) -> int:
    """Count an axis from the front, as in NumPy.

    >>> normalize_axis(-1, 3)
    2
    """
    if isinstance(axis, bool) or not hasattr(axis, "__index__"):
        raise DeclarationError(f"an axis is an integer, not {axis!r}")
    position = int(axis.__index__())
    if not -ndim <= position < ndim:
        raise ShapeError(f"axis {position} is out of range for {ndim} dimension{'s' * (ndim != 1)}")
    return position % ndim


def normalize_axes(axis: Any, ndim: int) -> tuple[int, ...]:
    """Read `axis=None | int | tuple` as a sorted tuple of axes."""
    if axis is None:
        return tuple(range(ndim))
    items = tuple(axis) if isinstance(axis, (tuple, list)) else (axis,)
    axes = [normalize_axis(item, ndim) for item in items]
    if len(set(axes)) != len(axes):
        raise ShapeError(f"axis {axis} names a dimension twice")
    return tuple(sorted(axes))


def bind_names(fed: Iterable[tuple[str, Shape, tuple[int, ...]]]) -> dict[str, int]:
    """Find what each dimension name stands for, and check that all inputs agree.

    Parameters
    ----------
    fed : iterable of (name, declared shape, shape of the array)

    Raises
    ------
    FeedError
        Where a shape does not fit its declaration, or two inputs disagree on a name.
    """
    fed = list(fed)
    names: dict[str, int] = {}
    said_by: dict[str, str] = {}
    for name, declared, actual in fed:
        if len(declared) != len(actual):
            raise _misfit(name, declared, actual)
        for dim, number in zip(declared, actual, strict=True):
            if not (isinstance(dim, Dim) and dim.is_name):
                continue
            said_by.setdefault(dim, name)
            if names.setdefault(dim, number) != number:
                raise FeedError(
                    f"the dimension {str(dim)!r} is {names[dim]} in {said_by[dim]!r}, but {number} in {name!r}",
                    "inputs that share a dimension's name must agree on it",
                )
    for name, declared, actual in fed:
        if bind_shape(declared, names) != actual:
            raise _misfit(name, declared, actual)
    return names


def _misfit(name: str, declared: Shape, actual: tuple[int, ...]) -> FeedError:
    return FeedError(f"{name!r} is declared with shape {show_shape(declared)}, but was fed {show_shape(actual)}")
