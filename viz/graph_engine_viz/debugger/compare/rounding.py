"""How far an operation's result may be from the exact one by rounding alone.

The exact result is taken to be that of double precision on the same inputs. A good algorithm is as wrong as if its
inputs had been rounded once more and its result too; sums of n terms add up n roundings, which cancel like a random
walk (Higham, "Accuracy and Stability of Numerical Algorithms", 2nd ed., sections 1.5 and 3.1). So the bound is
measured, by moving the inputs by about one rounding in two random directions; in several more where that is too little
to explain an error, since in a few directions moved terms may cancel.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from graph_engine.graph import Graph
from graph_engine.node import Operation, Variable
from graph_engine.operands import input
from graph_engine.passes import retype
from graph_engine.plugins import find_backend
from graph_engine.primitive import apply
from graph_engine.primitives.scanning import Scan

__all__ = ["unexplained"]

Array = np.ndarray[Any, Any]
_ROUNDINGS = 16.0
"""So many units in the last place a kernel may be off: functions of mathematical libraries, sums in another order."""

_FEW, _MANY = 2, 8
"""In so many directions the inputs are moved, and in so many where the first do not explain an error."""

_EVEN = math.sqrt(3)
"""A number that is uniform up to here has variance 1, as a sign has."""


def unexplained(
    operation: Operation, output: Variable, arrays: Mapping[Variable, Array], names: Mapping[str, int]
) -> float:
    """Return the largest error of a result in units of what rounding explains; more than 1 is not explained by it.

    Parameters
    ----------
    operation : Operation
    output : Variable
        Of the operation, a floating one.
    arrays : mapping of Variable to numpy.ndarray
        Of its inputs and of `output`.
    names : mapping of str to int
        What dimension names stand for.

    Returns
    -------
    float
        NaN where it cannot be said: the operation cannot be computed in double precision here.
    """
    got = arrays[output]
    eps = float(np.finfo(got.dtype).eps)
    inputs = [arrays[v] for v in operation.inputs]
    wide = [x.astype(np.float64) if x.dtype.kind == "f" else x for x in inputs]
    kernel = _exact_kernel(operation, wide, names)
    rng = np.random.default_rng(0)

    def moved() -> Array:
        steps = [eps * rng.uniform(-_EVEN, _EVEN, x.shape) if x.dtype.kind == "f" else None for x in wide]
        return _result(kernel(*[x if by is None else x * (1 + by) for x, by in zip(wide, steps)]), output)

    try:
        with np.errstate(all="ignore"):
            exact = _result(kernel(*wide), output)
            if exact.dtype.kind != "f" or exact.shape != got.shape:
                return math.nan
            roundings = _ROUNDINGS + 4 * math.sqrt(_terms(inputs, got))
            spread, excess = np.zeros(got.shape), math.inf
            for done, count in ((0, _FEW), (_FEW, _MANY)):
                for number in range(done, count):
                    spread += (np.abs(moved() - exact) - spread) / (number + 1)
                excess = _in_bounds(got, exact, 2 * spread, roundings, eps)
                if excess <= 1:
                    break
            return excess
    except Exception:
        return math.nan


def _exact_kernel(operation: Operation, wide: list[Array], names: Mapping[str, int]) -> Callable[..., Any]:
    """Return what computes an operation in double precision, with the generic kernels."""
    primitive = operation.primitive.bind(names)
    if isinstance(primitive, Scan):  # whose body says of which dtype its numbers are
        inputs = [input(f"input{i}", x.shape, v.dtype) for i, (v, x) in enumerate(zip(operation.inputs, wide))]
        graph = retype(Graph(*apply(primitive, tuple(inputs))), "float64").graph
        primitive = next(op.primitive for op in graph.operations if isinstance(op.primitive, Scan))
    return primitive.lowered(find_backend("numpy"))


def _in_bounds(got: Array, exact: Array, spread: Array, roundings: float, eps: float) -> float:
    """Return the largest error in units of the bound at its place."""
    with np.errstate(all="ignore"):
        largest = float(np.max(np.abs(exact[np.isfinite(exact)]), initial=0.0))
        smallest = float(np.finfo(got.dtype).tiny) + eps * eps * largest
        bound = roundings * (eps * np.abs(exact) + np.nan_to_num(spread, nan=0.0, posinf=0.0) + smallest)
        error = np.abs(got.astype(np.float64) - exact)
        same = (np.isnan(got) & np.isnan(exact)) | (got == exact.astype(got.dtype))
        ratios = np.where(same, 0.0, error / bound)
    return float(np.max(np.nan_to_num(ratios, nan=np.inf), initial=0.0))


def _terms(inputs: list[Array], got: Array) -> float:
    """Return about how many numbers went into one."""
    largest = max((x.size for x in inputs), default=1) / max(got.size, 1)
    longest = max((max(x.shape, default=1) for x in inputs), default=1)
    return largest + longest


def _result(results: Any, output: Variable) -> Array:
    return np.asarray(results[output.output_index] if isinstance(results, tuple) else results)
