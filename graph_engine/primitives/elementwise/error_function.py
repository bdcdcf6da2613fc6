"""The error function, by rational approximations that are good to the rounding of float64."""

from __future__ import annotations

import math
from typing import Any

from graph_engine.node import Variable
from graph_engine.primitive import Primitive
from graph_engine.primitives.arrays import cast, widened
from graph_engine.primitives.elementwise.arithmetic import multiply, negative, square
from graph_engine.primitives.elementwise.base import Function
from graph_engine.primitives.elementwise.functions import exp

# W. J. Cody: Rational Chebyshev approximations for the error function. Mathematics of Computation 23 (1969).
# Numerator and denominator, the highest power first: in x² near 0, in |x| in the middle, in 1/x² beyond.
_NEAR = (
    (1.85777706184603153e-1, 3.16112374387056560e0, 1.13864154151050156e2, 3.77485237685302021e2,
     3.20937758913846947e3),
    (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3),
)  # fmt: skip
_MIDDLE = (
    (2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594e0, 6.61191906371416295e1,
     2.98635138197400131e2, 8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3, 1.23033935479799725e3),
    (1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3,
     3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3),
)  # fmt: skip
_FAR = (
    (1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1, 1.25781726111229246e-1,
     1.60837851487422766e-2, 6.58749161529837803e-4),
    (1.0, 2.56852019228982242e0, 1.87295284992346725e0, 5.27905102951428412e-1, 6.05183413124413191e-2,
     2.33520497626869185e-3),
)  # fmt: skip
_NEAR_END, _MIDDLE_END, _FAR_END = 0.46875, 4.0, 6.0  # from the last one on, the function is 1 in float64


class Erf(Function):
    """The error function 2/√π ∫ exp(-t²) dt from 0 to x, elementwise.

    Examples
    --------
    >>> import graph_engine as ge
    >>> round(float(ge.Engine("numpy").run(ge.erf(0.5))), 6)
    0.5205
    """

    name, formula, factors = "erf", "erf({x})", ("2 / sqrt(π) * exp(-({x} ** 2))",)

    def kernel(self, xp: Any, x: Any) -> Any:
        return cast(xp, erf_array(xp, widened(xp, x)), x.dtype)

    def pull(self, c: Variable, x: Variable, y: Variable) -> Variable:
        return multiply(c, multiply(exp(negative(square(x))), 2 / math.sqrt(math.pi)))


def erf_array(xp: Any, x: Any) -> Any:
    """Compute the error function of an array of float32 or float64."""
    size = xp.abs(x)
    near = _at_most(xp, size, _NEAR_END)
    inside = near * _ratio(_NEAR, near * near)
    middle = _at_most(xp, size, _MIDDLE_END)
    outside = 1 - xp.exp(-(middle * middle)) * _ratio(_MIDDLE, middle)
    far = _at_most(xp, xp.where(size < _MIDDLE_END, xp.full_like(x, _MIDDLE_END), size), _FAR_END)
    inverse = 1 / (far * far)
    tail = xp.exp(-(far * far)) * (1 / math.sqrt(math.pi) - inverse * _ratio(_FAR, inverse)) / far
    result = xp.where(size > _NEAR_END, xp.where(size > _MIDDLE_END, 1 - tail, outside), inside)
    return xp.where(x < 0, -result, result)


def _at_most(xp: Any, size: Any, end: float) -> Any:
    """Cut off, so that what is not chosen stays finite; NaN passes."""
    return xp.where(size > end, xp.full_like(size, end), size)


def _ratio(coefficients: tuple[tuple[float, ...], tuple[float, ...]], x: Any) -> Any:
    above, below = coefficients
    return _polynomial(above, x) / _polynomial(below, x)


def _polynomial(coefficients: tuple[float, ...], x: Any) -> Any:
    total = coefficients[0]
    for coefficient in coefficients[1:]:
        total = total * x + coefficient
    return total


erf = Erf()

PRIMITIVES: tuple[type[Primitive], ...] = (Erf,)
