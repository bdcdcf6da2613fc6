"""How far a result may be from the exact one by rounding alone.

The exact result is taken to be that of double precision on the same inputs. A good algorithm is as wrong as if its
inputs had been rounded once more and its result too; sums of n terms add up n roundings, which cancel like a random
walk (Higham, "Accuracy and Stability of Numerical Algorithms", 2nd ed., sections 1.5 and 3.1). So the bound is
measured, by moving the inputs by about one rounding in two random directions; where that is too little to explain an
error, in several more, in which the generic kernel computes in the run's own precision: in a few directions moved terms
may cancel, and where the exact ones do always (a gradient through the statistics of two numbers), what is left is how
the formula rounds.

Where a run does not tell what an operation was given (a reference with gaps), that is computed too, from the nearest
values that it does tell, and moved at each operation: the bound is then what rounding along the whole way explains.

The constants were set by measuring: in 5,600 honest pairs of float32 runs (NumPy's kernels against the generic ones and
those on `array_api_strict`; layers, losses and optimisers of `ge.nn` and `ge.optim`) no error came to more than 0.55 of
the bound, in 170 of larger arrays, half of them with double precision, to more than 0.9; of 2,117 runs with one
kernel's results larger by a thousandth all were told, but for one sum whose terms nearly cancel.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graph_engine.node import Operation, Variable
from graph_engine.primitive import Primitive
from graph_engine_viz.debugger.compare.exactly import AS_IT_IS, Exactly, Refused

__all__ = ["Rounding"]

Array = np.ndarray[Any, Any]
_ROUNDINGS, _OF_A_TERM = 16.0, 2.0
"""So many units in the last place a kernel may be off: functions of mathematical libraries, sums in another order.

For a sum of n terms it is the second one times the root of n more.
"""

_OF_A_PRODUCT = 1 / 16
"""And so many more for each product in a sum of products: behind batch statistics the gradients of a channel add up to
zero, one sample's against another's, and in between the sum is larger by its length than what is left."""

_BY_ADDING = ("gelu",)
"""Functions of one number that are the small difference of larger ones for some numbers, in good libraries too."""

_ON_ITS_WAY = 4.0
"""So many units of what a function adds up on its way."""

_FEW, _MANY = 2, 8
"""In so many directions the inputs are moved, and in so many where the first do not explain an error."""


class Rounding:
    """What rounding explains in one of two runs.

    Parameters
    ----------
    exactly : Exactly
        What the run's operations give in double precision.
    """

    def __init__(self, exactly: Exactly) -> None:
        self._exactly = exactly
        self._on_the_way: dict[Operation, float] = {}

    def unexplained(self, variable: Variable, operation: Operation, got: Array) -> float:
        """Return the largest error of a result in units of what rounding explains; more than 1 is not explained by it.

        Parameters
        ----------
        variable : Variable
            The result of an operation.
        operation : Operation
            That one.
        got : numpy.ndarray
            What the result is in the run.

        Raises
        ------
        Refused
            Where the operation cannot be computed in double precision.
        """
        exactly, eps, index = self._exactly, _unit(operation, got), variable.output_index
        exact = exactly.results(operation, AS_IT_IS, eps)[index]
        if exact.shape != got.shape:
            return math.inf
        if exact.dtype.kind == "f" and got.dtype.kind != "f":  # whole numbers, in a reference
            got = _wide(got)
        passed, roundings = _ON_ITS_WAY * eps * _passed(exactly, operation), self._roundings(operation, got.size)
        spread, excess = np.zeros(got.shape), math.inf
        for done, count in ((0, _FEW), (_FEW, _MANY)):
            for direction in range(done + 1, count + 1):
                dtype = "float64" if direction <= _FEW or got.dtype.kind != "f" else got.dtype.name
                moved = exactly.results(operation, direction, eps, dtype)[index]
                spread += (_apart(moved, exact) - spread) / direction
            excess = _in_bounds(got, exact, 2 * spread + passed / roundings, roundings, eps)
            if excess <= 1:
                break
        return excess

    def apart(self, variable: Variable, operation: Operation, instead: Primitive, got: Array) -> float:
        """Return by how many roundings a result would be another one if something else were computed from the same."""
        eps, index = _unit(operation, got), variable.output_index
        exact = self._exactly.results(operation, AS_IT_IS, eps)[index]
        other = self._exactly.instead(operation, instead)[index]
        return _in_bounds(other, exact, np.zeros(exact.shape), 1.0, eps) if other.shape == exact.shape else math.inf

    def _roundings(self, operation: Operation, size: int) -> float:
        """Return how many units in the last place a result may be off: its own, or the most of a gap before it."""
        shape = self._exactly.shape

        def most(one: Operation, before: list[float]) -> float:
            made = size if one is operation else math.prod(shape(one.outputs[0]))
            return max([_roundings(one, [shape(v) for v in one.inputs], made), *before])

        return self._exactly.folded(operation, self._on_the_way, most)


def _unit(operation: Operation, got: Array) -> float:
    """Return the relative size of a rounding of a result; of an integer or a truth value, of what it is found from."""
    dtypes = [got.dtype] if got.dtype.kind == "f" else [np.dtype(v.dtype) for v in operation.inputs if v.spec.is_float]
    return max((float(np.finfo(dtype).eps) for dtype in dtypes), default=0.0)


def _in_bounds(got: Array, exact: Array, spread: Array, roundings: float, eps: float) -> float:
    """Return the largest error in units of the bound at its place."""
    if exact.dtype.kind != "f":
        return math.inf if bool(np.any((got != exact) & (spread == 0))) else 0.0
    largest = float(np.max(np.abs(exact[np.isfinite(exact)]), initial=0.0))
    smallest = float(np.finfo(got.dtype).tiny) + eps * eps * largest
    bound = roundings * (eps * np.abs(exact) + np.nan_to_num(spread, nan=0.0, posinf=0.0) + smallest)
    same = (np.isnan(got) & np.isnan(exact)) | (got == exact.astype(got.dtype))
    ratios = np.where(same, 0.0, _apart(got, exact) / bound)
    return float(np.max(np.nan_to_num(ratios, nan=np.inf), initial=0.0))


def _roundings(operation: Operation, shapes: list[tuple[int, ...]], size: int) -> float:
    """Return how many units in the last place a result of this size may be off, by how many numbers go into one."""
    if operation.primitive.elementwise:
        return _ROUNDINGS
    sizes = sorted(map(math.prod, shapes))[-2:] or [1]
    reduced = sizes[-1] / max(size, 1)
    contracted = math.sqrt(math.prod(sizes) / max(size, 1))  # of (n, k) times (k, m): k
    longest = max((max(shape, default=1) for shape in shapes), default=1)
    return _ROUNDINGS + _OF_A_TERM * math.sqrt(reduced + contracted + longest) + _OF_A_PRODUCT * contracted


def _passed(exactly: Exactly, operation: Operation) -> Any:
    """Return the size of what a function adds up on its way, as it is at -x: x (1 + erf x) is small where x is not."""
    nothing = np.zeros(())
    if operation.primitive.name not in _BY_ADDING:
        return nothing
    try:
        return np.abs(_wide(exactly.mirrored(operation)[0]))
    except Refused:
        return nothing


def _apart(one: Array, other: Array) -> Array:
    found: Array = np.abs(_wide(one) - _wide(other))
    return found


def _wide(array: Array) -> Array:
    return array.astype(np.float64)
