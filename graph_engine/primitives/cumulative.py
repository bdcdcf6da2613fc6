"""Running sums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graph_engine.declaring import located
from graph_engine.errors import ShapeError
from graph_engine.node import Operand, Operation, Variable
from graph_engine.primitive import Cotangents, Primitive, Sample
from graph_engine.primitives.arrays import cast, kind_of, widened
from graph_engine.primitives.common import as_variable, the_axis
from graph_engine.primitives.reduction import Sum
from graph_engine.primitives.slicing import pad
from graph_engine.source import composite
from graph_engine.spec import Spec, normalize_axis

_GRID = np.sin(np.arange(24.0)).reshape(2, 3, 4)


@dataclass(frozen=True)
class CumulativeSum(Primitive):
    """The sums of the elements up to each one along a dimension, or from each one on.

    Attributes
    ----------
    axis : int
    reverse : bool
        Whether to sum from the end.
    """

    name, symbol, formula = "cumulative_sum", "Σ↗", "running Σ {x}"
    may_view = False
    axis: int = -1
    reverse: bool = False

    def infer(self, x: Spec) -> Spec:
        normalize_axis(self.axis, x.ndim)
        return x.with_dtype(Sum().result_dtype(x.dtype))

    def kernel(self, xp: Any, x: Any) -> Any:
        wide = cast(xp, x, xp.int64) if x.dtype == xp.bool else widened(xp, x)
        if self.reverse:
            result = xp.flip(xp.cumulative_sum(xp.flip(wide, axis=self.axis), axis=self.axis), axis=self.axis)
        else:
            result = xp.cumulative_sum(wide, axis=self.axis)
        return cast(xp, result, x.dtype) if kind_of(x) == "float" else result

    def vjp(self, operation: Operation, cotangents: Cotangents, wanted: Sequence[bool]) -> Cotangents:
        (c,) = cotangents
        return (None if c is None else CumulativeSum(self.axis, not self.reverse)(c),)

    def local_derivatives(self, operation: Operation) -> Sequence[str]:
        return ("running Σ {d}",)

    def samples(self) -> Sequence[Sample]:
        return (
            Sample(_GRID),
            Sample(_GRID, use=CumulativeSum(0, True)),
            Sample(_GRID.T[::2], use=CumulativeSum(1)),
            Sample(_GRID[:0]),
            Sample(np.array([True, False, True])),
            Sample(2.0, raises=ShapeError),
        )


@composite
@located
def cumulative_sum(x: Operand, axis: int | None = None, include_initial: bool = False) -> Variable:
    """Return the sums of the elements up to each one along a dimension.

    Parameters
    ----------
    x : Variable or array_like
    axis : int, optional
        May be left out where there is only one dimension.
    include_initial : bool
        Whether to begin with the sum of nothing, 0.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.Engine("numpy").run(ge.cumulative_sum(ge.constant([1, 2, 3])), {}).tolist()
    [1, 3, 6]
    """
    x = as_variable(x)
    axis = the_axis(axis, x.ndim)
    total: Variable = CumulativeSum(axis)(x)
    return pad(total, [(int(i == axis), 0) for i in range(x.ndim)]) if include_initial else total


PRIMITIVES: tuple[type[Primitive], ...] = (CumulativeSum,)
