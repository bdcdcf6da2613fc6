"""The same elements in another shape or with their dimensions in another order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graph_engine.declaring import located
from graph_engine.dims import Dim, divide_exactly, product
from graph_engine.errors import ShapeError
from graph_engine.node import Operand, Operation, Variable
from graph_engine.primitive import Cotangents, Primitive, Sample
from graph_engine.primitives.common import Axis, as_axes, as_variable
from graph_engine.spec import Shape, Spec, as_shape, normalize_axes, normalize_axis, show_shape

_GRID = np.linspace(-1, 1, 24).reshape(2, 3, 4)


# ---- one to one ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Reshape(Primitive):
    """The same elements, in the same order, in another shape."""

    name, symbol, formula = "reshape", "reshape", "reshape({x})"
    shape: Shape = ()

    def infer(self, x: Spec) -> Spec:
        if x.size != product(self.shape):
            raise ShapeError(
                f"{x.size} elements of shape {show_shape(x.shape)} do not fill shape {show_shape(self.shape)}, "
                f"which has {product(self.shape)}",
                "leave one dimension open with -1" if -1 not in self.shape else "",
            )
        return x.with_shape(self.shape)

    def kernel(self, xp: Any, x: Any) -> Any:
        return xp.reshape(x, self.shape)

    def vjp(self, operation: Operation, cotangents: Cotangents, wanted: Sequence[bool]) -> Cotangents:
        (c,) = cotangents
        return (None if c is None else reshape(c, operation.inputs[0].shape),)

    def local_derivatives(self, operation: Operation) -> Sequence[str]:
        return ("reshape({d})",)

    def samples(self) -> Sequence[Sample]:
        return (
            Sample(_GRID, use=Reshape((6, 4))),
            Sample(_GRID[:1, :1, 0], use=Reshape(())),
            Sample(2.0, use=Reshape((1, 1))),
            Sample(_GRID[:, :0], use=Reshape((0, 5))),
            Sample(_GRID.T[::2], use=Reshape((12,))),
            Sample(_GRID, use=Reshape((5, 4)), raises=ShapeError),
        )


@dataclass(frozen=True)
class PermuteDims(Primitive):
    """The dimensions in another order."""

    name, symbol, formula = "permute_dims", "permute", "permute({x})"
    axes: tuple[int, ...] = ()

    def infer(self, x: Spec) -> Spec:
        if sorted(self._normal(x.ndim)) != list(range(x.ndim)):
            raise ShapeError(f"axes {self.axes} do not name each of the {x.ndim} dimensions once")
        return x.with_shape(x.shape[axis] for axis in self._normal(x.ndim))

    def _normal(self, ndim: int) -> list[int]:
        return [normalize_axis(axis, ndim) for axis in self.axes]

    def kernel(self, xp: Any, x: Any) -> Any:
        return xp.permute_dims(x, self.axes)

    def vjp(self, operation: Operation, cotangents: Cotangents, wanted: Sequence[bool]) -> Cotangents:
        (c,), axes = cotangents, self._normal(operation.inputs[0].ndim)
        return (None if c is None else permute_dims(c, [axes.index(i) for i in range(len(axes))]),)

    def local_derivatives(self, operation: Operation) -> Sequence[str]:
        return ("permute({d})",)

    def samples(self) -> Sequence[Sample]:
        return (
            Sample(_GRID, use=PermuteDims((2, 0, 1))),
            Sample(_GRID.T[::2], use=PermuteDims((-1, 0, 1))),
            Sample(_GRID[:, :0], use=PermuteDims((1, 2, 0))),
            Sample(2.0),
            Sample(_GRID, use=PermuteDims((0, 1)), raises=ShapeError),
            Sample(_GRID, use=PermuteDims((0, 1, 1)), raises=ShapeError),
        )


class MatrixTranspose(Primitive):
    """Rows and columns exchanged: the last two dimensions."""

    name, symbol, formula = "matrix_transpose", "ᵀ", "{x}ᵀ"

    def infer(self, x: Spec) -> Spec:
        if x.ndim < 2:
            raise ShapeError(f"shape {show_shape(x.shape)} has no rows and columns")
        return x.with_shape((*x.shape[:-2], x.shape[-1], x.shape[-2]))

    def kernel(self, xp: Any, x: Any) -> Any:
        return xp.matrix_transpose(x)

    def vjp(self, operation: Operation, cotangents: Cotangents, wanted: Sequence[bool]) -> Cotangents:
        (c,) = cotangents
        return (None if c is None else matrix_transpose(c),)

    def local_derivatives(self, operation: Operation) -> Sequence[str]:
        return ("{d}ᵀ",)

    def samples(self) -> Sequence[Sample]:
        return (Sample(_GRID), Sample(_GRID[0, ::2]), Sample(_GRID[:, :0]), Sample(_GRID[0, 0], raises=ShapeError))


# ---- functions -------------------------------------------------------------------------------------------------


@located
def reshape(x: Operand, shape: Any) -> Variable:
    """Put the elements, in their order, into another shape.

    Parameters
    ----------
    x : Variable or array_like
    shape : int, str or tuple
        One dimension may be -1: whatever is left.

    Examples
    --------
    >>> import graph_engine as ge
    >>> images = ge.input("images", ("batch", 28, 28))
    >>> ge.reshape(images, ("batch", -1)).shape
    ('batch', 784)
    """
    x = as_variable(x)
    shape = _completed(shape, x.size)
    result: Variable = x if x.shape == shape else Reshape(shape)(x)
    return result


def _completed(shape: Any, size: int | Dim) -> Shape:
    """Replace -1 by the dimension that is left."""
    items = list(shape) if isinstance(shape, (tuple, list)) else [shape]
    unknown = [i for i, item in enumerate(items) if not isinstance(item, str) and item == -1]
    if not unknown:
        return as_shape(items)
    if len(unknown) > 1:
        raise ShapeError(f"a shape leaves at most one dimension open (-1): {tuple(items)}")
    known = as_shape(items[: unknown[0]] + items[unknown[0] + 1 :])
    rest = divide_exactly(size, product(known))
    if rest is None:
        raise ShapeError(f"{size} elements cannot be divided evenly into {show_shape(items)}")
    return (*known[: unknown[0]], rest, *known[unknown[0] :])


@located
def flatten(x: Operand, start: int = 0) -> Variable:
    """Make one dimension of all from `start` on.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.flatten(ge.input("images", ("batch", 28, 28)), start=1).shape
    ('batch', 784)
    """
    x = as_variable(x)
    start = normalize_axis(start, x.ndim) if start else 0
    return reshape(x, (*x.shape[:start], product(x.shape[start:])))


@located
def permute_dims(x: Operand, axes: Sequence[int]) -> Variable:
    """Put the dimensions into another order.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.permute_dims(ge.input("x", (2, 3, 4)), (2, 0, 1)).shape
    (4, 2, 3)
    """
    x = as_variable(x)
    order = as_axes(axes) or ()
    result: Variable = x if order == tuple(range(x.ndim)) else PermuteDims(order)(x)
    return result


def matrix_transpose(x: Operand) -> Variable:
    """Exchange the last two dimensions; `x.T` for a matrix.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.matrix_transpose(ge.input("x", (5, 2, 3))).shape
    (5, 3, 2)
    """
    result: Variable = MatrixTranspose()(x)
    return result


@located
def transpose(x: Variable) -> Variable:
    """`x.T`, which the array API defines for matrices only."""
    if x.ndim != 2:
        raise ShapeError(
            f".T is for matrices, and this has {x.ndim} dimensions", "use ge.matrix_transpose or ge.permute_dims"
        )
    return matrix_transpose(x)


@located
def moveaxis(x: Operand, source: Axis, destination: Axis) -> Variable:
    """Move dimensions to other places; the others keep their order.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.moveaxis(ge.input("x", (2, 3, 4)), 0, -1).shape
    (3, 4, 2)
    """
    x = as_variable(x)
    sources = [normalize_axis(axis, x.ndim) for axis in as_axes(source) or ()]
    places = [normalize_axis(axis, x.ndim) for axis in as_axes(destination) or ()]
    if len(set(sources)) != len(places) or len(set(places)) != len(sources):
        raise ShapeError(f"{source} and {destination} do not pair distinct dimensions")
    order = [axis for axis in range(x.ndim) if axis not in sources]
    for place, axis in sorted(zip(places, sources, strict=True)):
        order.insert(place, axis)
    return permute_dims(x, order)


@located
def expand_dims(x: Operand, axis: int | tuple[int, ...] = 0) -> Variable:
    """Insert dimensions of size 1 at these places of the result.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.expand_dims(ge.input("x", ("n", 3)), -1).shape
    ('n', 3, 1)
    """
    x = as_variable(x)
    axes = as_axes(axis) or ()
    axes = normalize_axes(axes, x.ndim + len(axes))
    rest = iter(x.shape)
    return reshape(x, tuple(1 if i in axes else next(rest) for i in range(x.ndim + len(axes))))


@located
def squeeze(x: Operand, axis: Axis = None) -> Variable:
    """Remove dimensions of size 1: these, or all that are known to be.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.squeeze(ge.input("x", ("n", 1, 3)), 1).shape
    ('n', 3)
    """
    x = as_variable(x)
    axes = [i for i, dim in enumerate(x.shape) if dim == 1] if axis is None else normalize_axes(axis, x.ndim)
    for i in axes:
        if x.shape[i] != 1:
            raise ShapeError(f"axis {i} is {x.shape[i]}, and only 1 can be removed")
    return reshape(x, tuple(dim for i, dim in enumerate(x.shape) if i not in axes))


PRIMITIVES: tuple[type[Primitive], ...] = (Reshape, PermuteDims, MatrixTranspose)
