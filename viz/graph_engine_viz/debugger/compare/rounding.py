"""How far an operation's result may be from the exact one by rounding alone.

The exact result is taken to be that of double precision on the same inputs. A good algorithm is as wrong as if its
inputs had been rounded once more and its result too; sums of n terms add up n roundings, which cancel like a random
walk (Higham, "Accuracy and Stability of Numerical Algorithms", 2nd ed., sections 1.5 and 3.1). So the bound is
measured, by moving the inputs by one rounding in two random directions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from graph_engine.node import Operation, Variable
from graph_engine.plugins import find_backend

__all__ = ["unexplained"]

Array = np.ndarray[Any, Any]
_ROUNDINGS = 16.0
"""So many units in the last place a kernel may be off: functions of mathematical libraries, sums in another order."""


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
    primitive = operation.primitive.bind(names)
    eps = float(np.finfo(got.dtype).eps)
    inputs = [arrays[v] for v in operation.inputs]
    wide = [x.astype(np.float64) if x.dtype.kind == "f" else x for x in inputs]
    rng = np.random.default_rng(0)
    moved = [
        [x * (1 + eps * rng.choice((-1.0, 1.0), x.shape)) if x.dtype.kind == "f" else x for x in wide] for _ in range(2)
    ]
    kernel = primitive.lowered(find_backend("numpy"))  # the generic one
    try:
        with np.errstate(all="ignore"):
            exact, *others = [_result(kernel(*x), output) for x in (wide, *moved)]
    except Exception:
        return math.nan
    if exact.dtype.kind != "f" or exact.shape != got.shape:
        return math.nan
    return _in_bounds(got, exact, others, _ROUNDINGS + 4 * math.sqrt(_terms(inputs, got)), eps)


def _in_bounds(got: Array, exact: Array, others: list[Array], roundings: float, eps: float) -> float:
    """Return the largest error in units of the bound at its place."""
    with np.errstate(all="ignore"):
        spread = np.nan_to_num(sum(np.abs(other - exact) for other in others), nan=0.0, posinf=0.0)
        largest = float(np.max(np.abs(exact[np.isfinite(exact)]), initial=0.0))
        smallest = float(np.finfo(got.dtype).tiny) + eps * eps * largest
        bound = roundings * (eps * np.abs(exact) + spread + smallest)
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
