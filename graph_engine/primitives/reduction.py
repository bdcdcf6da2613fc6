"""Many elements made one: what all reductions share, sums and products.

Every reduction takes `axis=None | int | tuple` and `keepdims` as in the array API. Half precision accumulates in
float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from graph_engine.dims import Dim, product
from graph_engine.errors import DTypeError, ShapeError
from graph_engine.node import Operand, Operation, Variable
from graph_engine.primitive import Cotangents, Primitive, Sample
from graph_engine.primitives.arrays import cast, widened
from graph_engine.primitives.common import Axis, as_axes
from graph_engine.primitives.creation import Eye
from graph_engine.primitives.elementwise import multiply, where
from graph_engine.primitives.shape import expand_dims, permute_dims, reshape
from graph_engine.primitives.structure import broadcast_to
from graph_engine.spec import SIGNED, UNSIGNED, Shape, Spec, kind, normalize_axes, show_shape

_GRID = np.sin(np.arange(24.0)).reshape(2, 3, 4)


@dataclass(frozen=True)
class Reduction(Primitive):
    """What all reductions share.

    Attributes
    ----------
    axis : tuple of int, or None
        What to reduce over; None is everything.
    keepdims : bool
        Whether the reduced dimensions stay, with size 1.
    accepts : tuple of str
        The kinds of number it is defined on.
    needs_elements : bool
        Whether there is no result for no elements.
    """

    may_view = False
    accepts: ClassVar[tuple[str, ...]] = ("bool", "integer", "float")
    needs_elements: ClassVar[bool] = False
    axis: tuple[int, ...] | None = None
    keepdims: bool = False

    def infer(self, x: Spec) -> Spec:
        if kind(x.dtype) not in self.accepts:
            raise DTypeError(
                f"{self.name} is not defined on {x.dtype}",
                f"convert with ge.astype; it takes {' or '.join(self.accepts)}",
            )
        axes = normalize_axes(self.axis, x.ndim)
        if self.needs_elements and 0 in [x.shape[i] for i in axes]:
            raise ShapeError(f"{self.name} of no elements: shape {show_shape(x.shape)}")
        shape = kept_shape(x.shape, axes) if self.keepdims else without(x.shape, axes)
        return Spec(shape, self.result_dtype(x.dtype))

    def result_dtype(self, dtype: str) -> str:
        """Return the dtype of the result."""
        return dtype

    def pull(self, c: Variable, x: Variable, y: Variable) -> Variable | None:
        """Return the gradient of `x`, before it is broadcast; `c` and `y` have the reduced dimensions with size 1."""
        return None

    def vjp(self, operation: Operation, cotangents: Cotangents, wanted: Sequence[bool]) -> Cotangents:
        (c,), (x,), (y,) = cotangents, operation.inputs, operation.outputs
        if c is None:
            return (None,)
        kept = kept_shape(x.shape, normalize_axes(self.axis, x.ndim))
        pulled = self.pull(reshape(c, kept), x, reshape(y, kept))
        return (None if pulled is None else broadcast_to(pulled, x.shape),)

    def count(self, x: Variable) -> int | Dim:
        """Return how many elements make one."""
        return product(x.shape[i] for i in normalize_axes(self.axis, x.ndim))

    def samples(self) -> Sequence[Sample]:
        make = type(self)
        x = self.sample_input()
        return (
            Sample(x),
            Sample(x, use=make((1,))),
            Sample(x, use=make((0, -1), True)),
            Sample(x.T[::2], use=make((0,), True)),
            Sample(x[0, 0, 0]),
            Sample(x[:0], use=make((1,))),
            Sample(x[:0], **({"raises": ShapeError} if self.needs_elements else {"smooth": False})),
            Sample(x, use=make((3,)), raises=ShapeError),
            Sample(x, use=make((1, -2)), raises=ShapeError),
        )

    def sample_input(self) -> Any:
        """Return the array that the samples reduce."""
        return _GRID


def kept_shape(shape: Shape, axes: tuple[int, ...]) -> Shape:
    """Return the shape with these dimensions of size 1."""
    return tuple(1 if i in axes else dim for i, dim in enumerate(shape))


def without(shape: Shape, axes: tuple[int, ...]) -> Shape:
    """Return the shape without these dimensions."""
    return tuple(dim for i, dim in enumerate(shape) if i not in axes)


# ---- sums and products -----------------------------------------------------------------------------------------


class _Total(Reduction):
    """Sums and products: those of bools and signed integers are int64, of unsigned ones uint64."""

    def result_dtype(self, dtype: str) -> str:
        return "int64" if dtype == "bool" or dtype in SIGNED else "uint64" if dtype in UNSIGNED else dtype

    def kernel(self, xp: Any, x: Any) -> Any:
        function, wanted = getattr(xp, self.name), getattr(xp, self.result_dtype(_dtype_name(x)))
        if _dtype_name(x) == "bool":
            x = cast(xp, x, wanted)
        return cast(xp, function(widened(xp, x), axis=self.axis, keepdims=self.keepdims), wanted)


def _dtype_name(x: Any) -> str:
    return str(x.dtype).rpartition(".")[2]


class Sum(_Total):
    """The sum over some dimensions, or all."""

    name, symbol, formula = "sum", "Σ", "Σ {x}"

    def pull(self, c: Variable, x: Variable, y: Variable) -> Variable:
        return c

    def local_derivatives(self, operation: Operation) -> Sequence[str]:
        return ("broadcast({d})",)


class Prod(_Total):
    """The product over some dimensions, or all; the gradient is right where elements are 0, too."""

    name, symbol, formula = "prod", "∏", "∏ {x}"

    def pull(self, c: Variable, x: Variable, y: Variable) -> Variable:
        axes = normalize_axes(self.axis, x.ndim)
        others = [i for i in range(x.ndim) if i not in axes]
        order = (*others, *axes)
        moved = permute_dims(x, order)
        flat = reshape(moved, (*moved.shape[: len(others)], self.count(x)))
        rest = reshape(ProdOfOthers()(flat), moved.shape)
        return multiply(c, permute_dims(rest, [order.index(i) for i in range(x.ndim)]))

    def local_derivatives(self, operation: Operation) -> Sequence[str]:
        return ("{d} ∏ others",)

    def samples(self) -> Sequence[Sample]:
        zeros = np.where(np.abs(_GRID) < 0.3, 0.0, _GRID)
        return (*super().samples(), Sample(zeros, use=Prod((2,))))


class ProdOfOthers(Primitive):
    """For each element the product of all others along the last dimension: the derivative of a product.

    It divides by nothing, so it is exact where elements are 0.
    """

    name, symbol, formula = "prod_of_others", "∏ others", "∏ others({x})"
    may_view = False

    def infer(self, x: Spec) -> Spec:
        if x.ndim == 0:
            raise ShapeError("a number has no others")
        return x

    def kernel(self, xp: Any, x: Any) -> Any:
        wide = widened(xp, x)
        before = xp.cumulative_prod(wide, axis=-1, include_initial=True)[..., :-1]
        after = xp.cumulative_prod(xp.flip(wide, axis=-1), axis=-1, include_initial=True)[..., :-1]
        return cast(xp, before * xp.flip(after, axis=-1), x.dtype)

    def vjp(self, operation: Operation, cotangents: Cotangents, wanted: Sequence[bool]) -> Cotangents:
        (c,), (x,) = cotangents, operation.inputs
        if c is None:
            return (None,)
        same = Eye(x.shape[-1], "bool")()
        rows = where(same, 1, expand_dims(x, -2))  # row i leaves x_i out
        pairs = where(same, 0, ProdOfOthers()(rows))  # d(product of others than i) / dx_j
        terms = multiply(expand_dims(c, -1), pairs)
        return (Sum((-2,))(terms),)

    def local_derivatives(self, operation: Operation) -> Sequence[str]:
        return ("Σ {d} ∏ others",)

    def samples(self) -> Sequence[Sample]:
        zeros = np.where(np.abs(_GRID) < 0.3, 0.0, _GRID)
        return (
            Sample(_GRID),
            Sample(zeros),
            Sample(_GRID[:0]),
            Sample(_GRID.T[::2, 0]),
            Sample(2.0, raises=ShapeError),
        )


# ---- functions -------------------------------------------------------------------------------------------------


def sum(x: Operand, axis: Axis = None, keepdims: bool = False) -> Variable:
    """Sum over some dimensions, or all; bools and signed integers give int64.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.Engine("numpy").run(ge.sum(ge.constant([[1, 2], [3, 4]]), axis=0), {}).tolist()
    [4, 6]
    """
    result: Variable = Sum(as_axes(axis), keepdims)(x)
    return result


def prod(x: Operand, axis: Axis = None, keepdims: bool = False) -> Variable:
    """Multiply over some dimensions, or all.

    Examples
    --------
    >>> import graph_engine as ge
    >>> x = ge.input("x", 3)
    >>> ge.Engine("numpy").run(ge.grad(ge.prod(x), x), {x: [0, 2, 3]}).tolist()
    [6.0, 0.0, 0.0]
    """
    result: Variable = Prod(as_axes(axis), keepdims)(x)
    return result


PRIMITIVES: tuple[type[Primitive], ...] = (Sum, Prod, ProdOfOthers)
