"""What elementwise primitives share.

Operands are brought to one dtype, shapes broadcast, and kernels are the array API's functions of the same name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from functools import reduce
from typing import Any, ClassVar

import numpy as np

from graph_engine.errors import DTypeError
from graph_engine.node import Operand, Operation, Variable
from graph_engine.operands import as_variables
from graph_engine.primitive import Cotangents, Primitive, Sample, apply
from graph_engine.primitives.structure import convert, sum_to
from graph_engine.spec import DEFAULT_FLOAT, Spec, broadcast_shapes, kind, promote


class Elementwise(Primitive):
    """What all elementwise primitives share: operands are brought to one dtype, shapes broadcast.

    Attributes
    ----------
    accepts : tuple of str
        The kinds of number it is defined on; integers given to a function of reals become float32.
    factors : tuple of str
        The local derivative for each input, in the placeholders of the formula; attributes become numbers in it.
    domain : (float, float)
        Where the samples of its use lie.
    """

    elementwise = True
    may_view = False
    accepts: ClassVar[tuple[str, ...]] = ("integer", "float")
    factors: ClassVar[tuple[str, ...]] = ()
    domain: ClassVar[tuple[float, float]] = (-2.0, 2.0)

    def __call__(self, *inputs: Operand) -> Variable:
        """Declare one operation, on operands brought to one dtype."""
        variables = as_variables(inputs)
        dtype = promote(*(v.dtype for v in variables)) if variables else DEFAULT_FLOAT
        if self.accepts == ("float",) and kind(dtype) != "float":
            dtype = DEFAULT_FLOAT
        result: Variable = apply(self, tuple(convert(v, dtype) for v in variables))
        return result

    def _check(self, *specs: Spec) -> Spec:
        first = specs[0]
        for spec in specs:
            if kind(spec.dtype) not in self.accepts:
                raise DTypeError(f"{self.name} is not defined on {spec.dtype}", f"it takes {' or '.join(self.accepts)}")
            if spec.dtype != first.dtype:
                raise DTypeError(f"the operands have two dtypes: {first.dtype} and {spec.dtype}")
        return first if len(specs) == 1 else first.with_shape(broadcast_shapes(*(s.shape for s in specs)))

    def local_derivatives(self, operation: Operation) -> Sequence[str | None]:
        if not self.factors:
            return (None,) * len(operation.inputs)
        numbers = [(f"{{{field.name}}}", f"{getattr(self, field.name)!r}".removesuffix(".0")) for field in fields(self)]
        return [reduce(lambda text, pair: text.replace(*pair), numbers, factor) for factor in self.factors]


class Unary(Elementwise):
    """One operand."""

    def infer(self, x: Spec) -> Spec:
        return self._check(x)

    def kernel(self, xp: Any, x: Any) -> Any:
        return getattr(xp, self.name)(x)

    def pull(self, c: Variable, x: Variable, y: Variable) -> Variable | None:
        """Return the gradient of `x` from that of the result `y`."""
        return None

    def vjp(self, operation: Operation, cotangents: Cotangents, wanted: Sequence[bool]) -> Cotangents:
        (c,) = cotangents
        return (None if c is None else self.pull(c, operation.inputs[0], operation.outputs[0]),)

    def samples(self) -> Sequence[Sample]:
        low, high = self.domain
        takes_bools = "bool" in self.accepts or self.accepts == ("float",)  # a function of reals converts them
        grid = np.linspace(low, high, 12).reshape(3, 4) + 0.013
        return (
            Sample(grid),
            Sample(grid[0, 0]),
            Sample(grid[:0]),
            Sample(grid.T[::2]),
            Sample(grid > 0, raises=None if takes_bools else DTypeError),
        )


class Function(Unary):
    """A function of a real number."""

    accepts = ("float",)


class Binary(Elementwise):
    """Two operands that broadcast."""

    def infer(self, x1: Spec, x2: Spec) -> Spec:
        return self._check(x1, x2)

    def kernel(self, xp: Any, x1: Any, x2: Any) -> Any:
        return getattr(xp, self.name)(x1, x2)

    def pull1(self, c: Variable, x1: Variable, x2: Variable, y: Variable) -> Variable | None:
        """Return the gradient of `x1`, before broadcasting is undone."""
        return None

    def pull2(self, c: Variable, x1: Variable, x2: Variable, y: Variable) -> Variable | None:
        """Return the gradient of `x2`, before broadcasting is undone."""
        return None

    def vjp(self, operation: Operation, cotangents: Cotangents, wanted: Sequence[bool]) -> Cotangents:
        (c,), (x1, x2), (y,) = cotangents, operation.inputs, operation.outputs
        if c is None:
            return (None, None)
        pulled = [
            pull(c, x1, x2, y) if want else None for pull, want in zip((self.pull1, self.pull2), wanted, strict=True)
        ]
        return [p if p is None else sum_to(p, v.shape) for p, v in zip(pulled, (x1, x2), strict=True)]

    def samples(self) -> Sequence[Sample]:
        low, high = self.domain
        a = np.linspace(low, high, 12).reshape(3, 4) + 0.013
        b = a[::-1, ::-1] * 0.9 + 0.05
        return (
            Sample(a, b),
            Sample(a, b[0]),
            Sample(a[:, :1], b[0]),
            Sample(a[0, 0], b[0, 0]),
            Sample(a[:0], b[0]),
            Sample(a.T, b.T[:, ::-1]),
            Sample(a, b.T, raises=ValueError),
        )
