"""What holds a graph together: gradients handed on and summed, broadcasting undone, conversions, fills."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graph_engine.declaring import located
from graph_engine.dims import Dim
from graph_engine.errors import DTypeError, ShapeError
from graph_engine.node import Operand, Operation, Variable
from graph_engine.operands import as_variables
from graph_engine.primitive import Primitive, Sample, apply
from graph_engine.primitives.arrays import sum_array_to
from graph_engine.spec import FLOATS, Shape, Spec, as_dtype, as_shape, broadcast_shapes, show_shape


class PassOn(Primitive):
    """Hand a value on unchanged; gradient rules that give one away again are drawn with it."""

    name = "pass_on"
    symbol = "→"
    formula = "{x}"
    elementwise = True

    def infer(self, x: Spec) -> Spec:
        return x

    def kernel(self, xp: Any, x: Any) -> Any:
        return x

    def vjp(self, operation: Operation, cotangents: Sequence[Any], wanted: Sequence[bool]) -> Sequence[Any]:
        return cotangents

    def local_derivatives(self, operation: Operation) -> Sequence[str]:
        return ("1",)

    def samples(self) -> Sequence[Sample]:
        return (Sample(np.linspace(-1, 1, 6).reshape(2, 3)), Sample(2.0), Sample(np.zeros((0, 2))))


class StopGradient(PassOn):
    """Hand a value on, and let no gradient through.

    Examples
    --------
    >>> import graph_engine as ge
    >>> x = ge.input("x")
    >>> slope = ge.grad(x * ge.stop_gradient(x), x)
    >>> float(ge.Engine("numpy").run(slope, {x: 3}))
    3.0
    """

    name = "stop_gradient"
    symbol = "stop"

    def vjp(self, operation: Operation, cotangents: Sequence[Any], wanted: Sequence[bool]) -> Sequence[Any]:
        return (None,)

    def local_derivatives(self, operation: Operation) -> Sequence[str]:
        return ("0",)

    def samples(self) -> Sequence[Sample]:
        return (Sample(np.linspace(-1, 1, 6).reshape(2, 3), smooth=False), Sample(2.0, smooth=False))


class Accumulate(Primitive):
    """Sum the contributions to one variable's gradient."""

    name = "accumulate"
    symbol = "Σ"
    elementwise = True
    may_view = False

    def infer(self, *terms: Spec) -> Spec:
        if len(terms) < 2 or any(term != terms[0] for term in terms):
            raise ShapeError("it sums two or more terms of one shape and dtype")
        return terms[0]

    def kernel(self, xp: Any, *terms: Any) -> Any:
        return functools.reduce(xp.add, terms)

    def vjp(self, operation: Operation, cotangents: Sequence[Any], wanted: Sequence[bool]) -> Sequence[Any]:
        return [cotangents[0]] * len(operation.inputs)

    def local_derivatives(self, operation: Operation) -> Sequence[str]:
        return ["1"] * len(operation.inputs)

    def samples(self) -> Sequence[Sample]:
        a = np.linspace(-1, 1, 6).reshape(2, 3)
        return (Sample(a, a * 2), Sample(a, a, a - 1), Sample(a, a.T, raises=ShapeError), Sample(1.0, 2.0))


@dataclass(frozen=True)
class Full(Primitive):
    """An array of one number; the number may be a dimension."""

    name = "full"
    formula = "{value}"
    may_view = False
    shape: Shape = ()
    value: float | int | bool | Dim = 0.0
    dtype: str = "float32"

    def infer(self) -> Spec:
        return Spec(self.shape, self.dtype)

    def kernel(self, xp: Any) -> Any:
        return xp.full(self.shape, self.value, dtype=getattr(xp, self.dtype))

    def vjp(self, operation: Operation, cotangents: Sequence[Any], wanted: Sequence[bool]) -> Sequence[Any]:
        return ()

    def samples(self) -> Sequence[Sample]:
        return (Sample(), Sample(use=Full((2, 0), 1.0)), Sample(use=Full((2, 3), 7, "int32")))


@dataclass(frozen=True)
class AsType(Primitive):
    """Convert to another dtype."""

    name = "astype"
    symbol = "astype"
    formula = "{x}"
    elementwise = True
    dtype: str = "float32"

    def infer(self, x: Spec) -> Spec:
        return x.with_dtype(self.dtype)

    def kernel(self, xp: Any, x: Any) -> Any:
        return xp.astype(xp.asarray(x), getattr(xp, self.dtype), copy=False)

    def vjp(self, operation: Operation, cotangents: Sequence[Any], wanted: Sequence[bool]) -> Sequence[Any]:
        return (None if cotangents[0] is None else astype(cotangents[0], operation.inputs[0].dtype),)

    def local_derivatives(self, operation: Operation) -> Sequence[str | None]:
        return ("1" if self.dtype in FLOATS else None,)

    def samples(self) -> Sequence[Sample]:
        a = np.linspace(-3, 3, 6).reshape(2, 3)
        return (
            Sample(a),
            Sample(a, use=AsType("int32"), smooth=False),
            Sample(a > 0),
            Sample(np.arange(4), use=AsType("float64")),
            Sample(a, use=AsType("float64")),
            Sample(np.zeros((0, 3), "int64")),
        )


@dataclass(frozen=True)
class BroadcastTo(Primitive):
    """Repeat along new dimensions and along those of size 1."""

    name = "broadcast_to"
    symbol = "broadcast"
    formula = "broadcast({x})"
    shape: Shape = ()

    def infer(self, x: Spec) -> Spec:
        if len(x.shape) > len(self.shape) or broadcast_shapes(x.shape, self.shape) != self.shape:
            raise ShapeError(f"shape {show_shape(x.shape)} does not broadcast to {show_shape(self.shape)}")
        return x.with_shape(self.shape)

    def kernel(self, xp: Any, x: Any) -> Any:
        return xp.broadcast_to(xp.asarray(x), self.shape)

    def vjp(self, operation: Operation, cotangents: Sequence[Any], wanted: Sequence[bool]) -> Sequence[Any]:
        return (sum_to(cotangents[0], operation.inputs[0].shape),)

    def local_derivatives(self, operation: Operation) -> Sequence[str]:
        return ("Σ {d}",)

    def samples(self) -> Sequence[Sample]:
        a = np.linspace(-1, 1, 3)
        return (
            Sample(a, use=BroadcastTo((2, 3))),
            Sample(2.0, use=BroadcastTo((2, 3))),
            Sample(a.reshape(3, 1), use=BroadcastTo((3, 0))),
            Sample(a, use=BroadcastTo((3, 2)), raises=ShapeError),
        )


@dataclass(frozen=True)
class SumTo(Primitive):
    """Sum over whatever broadcasting repeated, back to a shape."""

    name = "sum_to"
    symbol = "Σ→"
    formula = "Σ {x}"
    shape: Shape = ()

    def infer(self, x: Spec) -> Spec:
        if broadcast_shapes(x.shape, self.shape) != x.shape:
            raise ShapeError(f"shape {show_shape(self.shape)} does not broadcast to {show_shape(x.shape)}")
        return x.with_shape(self.shape)

    def kernel(self, xp: Any, x: Any) -> Any:
        return sum_array_to(xp, x, self.shape)

    def vjp(self, operation: Operation, cotangents: Sequence[Any], wanted: Sequence[bool]) -> Sequence[Any]:
        return (broadcast_to(cotangents[0], operation.inputs[0].shape),)

    def local_derivatives(self, operation: Operation) -> Sequence[str]:
        return ("broadcast({d})",)

    def samples(self) -> Sequence[Sample]:
        a = np.linspace(-1, 1, 6).reshape(2, 3)
        return (
            Sample(a, use=SumTo((3,))),
            Sample(a, use=SumTo((2, 1))),
            Sample(a),
            Sample(np.zeros((0, 3)), use=SumTo((1, 3))),
            Sample(a, use=SumTo((2,)), raises=ShapeError),
        )


pass_on = PassOn()
stop_gradient = StopGradient()
accumulate = Accumulate()


@located
def full(shape: Any, value: Any, dtype: Any = "float32") -> Variable:
    """Declare an array of one number.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.Engine("numpy").run(ge.full((2, 2), 7.0), {}).tolist()
    [[7.0, 7.0], [7.0, 7.0]]
    """
    result: Variable = Full(as_shape(shape), value, as_dtype(dtype))()
    return result


@located
def zeros_like(x: Variable) -> Variable:
    """Declare zeros of the shape and dtype of a variable.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.zeros_like(ge.input("x", ("batch", 3))).spec
    Spec(shape=('batch', 3), dtype='float32')
    """
    return full(x.shape, 0, x.dtype)


@located
def ones_like(x: Variable) -> Variable:
    """Declare ones of the shape and dtype of a variable.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.Engine("numpy").run(ge.ones_like(ge.constant([5, 7]))).tolist()
    [1, 1]
    """
    return full(x.shape, 1, x.dtype)


@located
def astype(x: Operand, dtype: Any) -> Variable:
    """Convert to another dtype; real numbers to integers are cut toward zero.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.astype(ge.constant([1.5, -1.5]), "int32").spec
    Spec(shape=(2,), dtype='int32')
    """
    (variable,) = as_variables([x])
    result: Variable = variable if variable.dtype == as_dtype(dtype) else AsType(as_dtype(dtype))(variable)
    return result


def convert(x: Variable, dtype: str) -> Variable:
    """Convert where it has another dtype, as a part of what the user's line declares."""
    result: Variable = x if x.dtype == dtype else apply(AsType(dtype), (x,), inner=True)
    return result


@located
def broadcast_to(x: Operand, shape: Any) -> Variable:
    """Repeat along new dimensions, and along those of size 1.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.broadcast_to(ge.constant([1.0, 2.0]), (3, 2)).shape
    (3, 2)
    """
    (variable,) = as_variables([x])
    shape = as_shape(shape)
    result: Variable = variable if variable.shape == shape else BroadcastTo(shape)(variable)
    return result


def sum_to(x: Variable, shape: Shape) -> Variable:
    """Undo broadcasting: sum over the dimensions that were repeated.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.Engine("numpy").run(ge.sum_to(ge.constant([[1.0, 2.0], [3.0, 4.0]]), (2,)), {}).tolist()
    [4.0, 6.0]
    """
    return x if x.shape == shape else SumTo(shape)(x)


def check_float(spec: Spec, what: str = "it") -> None:
    """Raise where a spec is not of a float dtype."""
    if not spec.is_float:
        raise DTypeError(f"{what} needs real numbers, not {spec.dtype}", "convert with ge.astype(v, 'float32')")


PRIMITIVES: tuple[type[Primitive], ...] = (PassOn, StopGradient, Accumulate, Full, AsType, BroadcastTo, SumTo)
