"""Products of vectors, matrices and tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graph_engine.declaring import located
from graph_engine.dims import product
from graph_engine.errors import DTypeError, ShapeError
from graph_engine.node import Operand, Operation, Variable
from graph_engine.primitive import Cotangents, Primitive, Sample, apply
from graph_engine.primitives.arrays import cast, widened
from graph_engine.primitives.common import as_one_dtype
from graph_engine.primitives.elementwise import multiply
from graph_engine.primitives.reduction import sum
from graph_engine.primitives.shape import expand_dims, matrix_transpose, permute_dims, reshape
from graph_engine.primitives.structure import sum_to
from graph_engine.source import composite
from graph_engine.spec import Spec, broadcast_shapes, normalize_axis, show_shape


class MatMul(Primitive):
    """The product of matrices, or of stacks of them that broadcast; a vector counts as one row or one column."""

    name, symbol, formula, may_view = "matmul", "@", "{x1} @ {x2}", False

    def __call__(self, *inputs: Operand) -> Variable:
        """Declare one operation, on operands brought to one dtype."""
        result: Variable = apply(self, as_one_dtype(inputs))
        return result

    def infer(self, x1: Spec, x2: Spec) -> Spec:
        if x1.dtype != x2.dtype or x1.dtype == "bool":
            raise DTypeError(f"it multiplies numbers of one dtype, not {x1.dtype} and {x2.dtype}")
        if x1.ndim == 0 or x2.ndim == 0:
            raise ShapeError("a number is no matrix", "multiply by a number with *")
        inner1, inner2 = x1.shape[-1], x2.shape[-2 if x2.ndim > 1 else 0]
        if inner1 != inner2:
            raise ShapeError(
                f"the inner dimensions differ: {show_shape(x1.shape)} has {inner1} columns, "
                f"{show_shape(x2.shape)} has {inner2} rows"
            )
        stacks = broadcast_shapes(x1.shape[:-2], x2.shape[:-2])
        return x1.with_shape((*stacks, *x1.shape[:-1][-1:], *(x2.shape[-1:] if x2.ndim > 1 else ())))

    def kernel(self, xp: Any, x1: Any, x2: Any) -> Any:
        return cast(xp, xp.matmul(widened(xp, x1), widened(xp, x2)), x1.dtype)

    def vjp(self, operation: Operation, cotangents: Cotangents, wanted: Sequence[bool]) -> Cotangents:
        (c,), (x1, x2) = cotangents, operation.inputs
        if c is None:
            return (None, None)
        rows = expand_dims(x1, 0) if x1.ndim == 1 else x1
        columns = expand_dims(x2, -1) if x2.ndim == 1 else x2
        stacks = broadcast_shapes(rows.shape[:-2], columns.shape[:-2])
        c = reshape(c, (*stacks, rows.shape[-2], columns.shape[-1]))
        return (
            reshape(_left(c, rows, columns), x1.shape) if wanted[0] else None,
            reshape(_right(c, rows, columns), x2.shape) if wanted[1] else None,
        )

    def local_derivatives(self, operation: Operation) -> Sequence[str]:
        return ("{d} {x2}ᵀ", "{x1}ᵀ {d}")

    def samples(self) -> Sequence[Sample]:
        a, b = np.linspace(-1, 1, 24).reshape(2, 3, 4), np.cos(np.arange(40.0)).reshape(2, 4, 5)
        return (
            Sample(a[0], b[0]),
            Sample(a, b),
            Sample(a, b[0]),
            Sample(a[0], b),
            Sample(a[:, None], b[:1]),
            Sample(a[0, 0], b[0, :, 0]),
            Sample(a[0, 0], b),
            Sample(a, b[0, :, 0]),
            Sample(a[..., ::2], b[:, ::2]),
            Sample(a[:, :0], b),
            Sample(a[..., :0], b[:, :0]),
            Sample(a, a, raises=ShapeError),
            Sample(a, 2.0, raises=ShapeError),
            Sample(a > 0, b > 0, raises=DTypeError),
        )


def _left(c: Variable, x1: Variable, x2: Variable) -> Variable:
    return sum_to(matmul(c, matrix_transpose(x2)), x1.shape)


def _right(c: Variable, x1: Variable, x2: Variable) -> Variable:
    if x2.ndim == 2 < x1.ndim:  # one matrix for all of a stack: sum over the stack inside of the product
        rows = product(x1.shape[:-1])
        x1, c = reshape(x1, (rows, x1.shape[-1])), reshape(c, (rows, c.shape[-1]))
    return sum_to(matmul(matrix_transpose(x1), c), x2.shape)


def matmul(x1: Operand, x2: Operand) -> Variable:
    """Multiply matrices, or stacks of them that broadcast: `x1 @ x2`.

    Examples
    --------
    >>> import graph_engine as ge
    >>> (ge.input("x", ("batch", 784)) @ ge.input("W", (784, 10))).shape
    ('batch', 10)
    """
    return MatMul()(x1, x2)


@composite
@located
def tensordot(x1: Operand, x2: Operand, axes: int | tuple[Sequence[int], Sequence[int]] = 2) -> Variable:
    """Sum products over pairs of dimensions.

    Parameters
    ----------
    x1, x2 : Variable or array_like
    axes : int, or pair of sequences of int
        How many of the last dimensions of `x1` go with the first of `x2`, or which with which.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.tensordot(ge.input("a", (2, 3, 4)), ge.input("b", (4, 3, 5)), axes=([1, 2], [1, 0])).shape
    (2, 5)
    """
    x1, x2 = as_one_dtype([x1, x2])
    if isinstance(axes, int):
        if not 0 <= axes <= min(x1.ndim, x2.ndim):
            raise ShapeError(f"{axes} dimensions of {show_shape(x1.shape)} and {show_shape(x2.shape)} cannot be paired")
        axes = (range(x1.ndim - axes, x1.ndim), range(axes))
    summed1 = [normalize_axis(axis, x1.ndim) for axis in axes[0]]
    summed2 = [normalize_axis(axis, x2.ndim) for axis in axes[1]]
    if [x1.shape[i] for i in summed1] != [x2.shape[i] for i in summed2]:
        raise ShapeError(
            f"the dimensions {summed1} of {show_shape(x1.shape)} and {summed2} of {show_shape(x2.shape)} differ"
        )
    kept1 = [i for i in range(x1.ndim) if i not in summed1]
    kept2 = [i for i in range(x2.ndim) if i not in summed2]
    outer1, outer2 = [x1.shape[i] for i in kept1], [x2.shape[i] for i in kept2]
    inner = product(x1.shape[i] for i in summed1)
    left = reshape(permute_dims(x1, kept1 + summed1), (product(outer1), inner))
    right = reshape(permute_dims(x2, summed2 + kept2), (inner, product(outer2)))
    return reshape(matmul(left, right), (*outer1, *outer2))


@composite
@located
def vecdot(x1: Operand, x2: Operand, axis: int = -1) -> Variable:
    """Sum the products of two along a dimension.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.vecdot(ge.input("a", ("n", 3)), ge.input("b", 3)).shape
    ('n',)
    """
    return sum(multiply(x1, x2), axis=axis)


@composite
@located
def outer(x1: Operand, x2: Operand) -> Variable:
    """Multiply each element of one vector with each of another.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.outer(ge.input("a", 2), ge.input("b", 3)).shape
    (2, 3)
    """
    x1, x2 = as_one_dtype([x1, x2])
    if x1.ndim != 1 or x2.ndim != 1:
        raise ShapeError(f"it takes two vectors, not shapes {show_shape(x1.shape)} and {show_shape(x2.shape)}")
    return multiply(expand_dims(x1, 1), x2)


PRIMITIVES: tuple[type[Primitive], ...] = (MatMul,)
