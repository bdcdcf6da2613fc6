"""What is done to gradients and losses before an optimiser sees them: clipping and penalties."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

from graph_engine.declaring import located
from graph_engine.errors import DeclarationError
from graph_engine.node import Variable
from graph_engine.optim.arguments import positive
from graph_engine.primitives import abs, add, clip, isfinite, max, maximum, minimum, sqrt, square, sum, where
from graph_engine.primitives.structure import convert
from graph_engine.source import composite
from graph_engine.spec import promote


@located
def clip_grad_norm(gradients: Sequence[Variable], max_norm: float, norm_type: float = 2.0) -> list[Variable]:
    """Scale gradients down, all by one factor, so that their common norm is at most `max_norm`.

    The factor is min(1, max_norm / (norm + 1e-6)), the norm that of all numbers together. Where one of them is NaN or
    infinite, some of the results are NaN: the guard `finite` of a step sees them.

    Parameters
    ----------
    gradients : sequence of Variable
    max_norm : float
    norm_type : float
        p of the norm (sum |g| ** p) ** (1 / p); `math.inf` for the largest magnitude.

    Returns
    -------
    list of Variable
        PyTorch's `clip_grad_norm_` changes its tensors instead, and returns the norm; see `grad_norm`.

    References
    ----------
    R. Pascanu, T. Mikolov, Y. Bengio, "On the difficulty of training recurrent neural networks", 2013.

    Examples
    --------
    >>> import graph_engine as ge
    >>> gradients = ge.optim.clip_grad_norm([ge.constant([3.0]), ge.constant([4.0])], 1.0)
    >>> [round(float(g[0]), 4) for g in ge.Engine("numpy").run(gradients)]
    [0.6, 0.8]
    """
    factor = clipping_factor(gradients, max_norm, norm_type)
    return [scaled(g, factor) for g in gradients]


@composite
@located
def grad_norm(gradients: Sequence[Variable], norm_type: float = 2.0) -> Variable:
    """Return the norm of all the numbers of some gradients together; of half precision in float32.

    Examples
    --------
    >>> import graph_engine as ge
    >>> norm = ge.optim.grad_norm([ge.constant([3.0]), ge.constant([4.0])])
    >>> float(ge.Engine("numpy").run(norm))
    5.0
    """
    positive(norm_type=norm_type)
    if not gradients:
        raise DeclarationError("there are no gradients to take the norm of")
    wide = promote("float32", *(g.dtype for g in gradients))
    numbers = [convert(g, wide) for g in gradients]
    if norm_type == 2.0:
        return sqrt(_added([sum(square(n)) for n in numbers]))
    if math.isinf(norm_type):
        return functools.reduce(maximum, [max(abs(n)) for n in numbers])
    return _added([sum(abs(n) ** norm_type) for n in numbers]) ** (1.0 / norm_type)


@located
def clip_grad_value(gradients: Sequence[Variable], clip_value: float) -> list[Variable]:
    """Clip each number of the gradients to [-clip_value, clip_value].

    NaN and infinite numbers stay what they are, so that the guard `finite` of a step sees them (PyTorch's
    `clip_grad_value_` makes infinite ones finite).

    Examples
    --------
    >>> import graph_engine as ge
    >>> (clipped,) = ge.optim.clip_grad_value([ge.constant([-3.0, 0.5, 4.0])], 1.0)
    >>> ge.Engine("numpy").run(clipped).tolist()
    [-1.0, 0.5, 1.0]
    """
    positive(clip_value=clip_value)
    return [where(isfinite(g), clip(g, -clip_value, clip_value), g) for g in gradients]


@composite
@located
def l1_penalty(parameters: Sequence[Variable]) -> Variable:
    """Return the sum of the magnitudes of all numbers of some parameters.

    Examples
    --------
    >>> import graph_engine as ge
    >>> w = ge.parameter("w", [3.0, -4.0])
    >>> penalty = 0.01 * ge.optim.l1_penalty([w])
    >>> round(float(ge.Engine("numpy").run(penalty)), 4)
    0.07
    """
    return _added([sum(abs(p)) for p in _some(parameters)])


@composite
@located
def l2_penalty(parameters: Sequence[Variable]) -> Variable:
    """Return the sum of the squares of all numbers of some parameters.

    ``loss + a / 2 * l2_penalty(parameters)`` has the gradient that `weight_decay=a` makes.

    Examples
    --------
    >>> import graph_engine as ge
    >>> w = ge.parameter("w", [3.0, -4.0])
    >>> float(ge.Engine("numpy").run(ge.optim.l2_penalty([w])))
    25.0
    """
    return _added([sum(square(p)) for p in _some(parameters)])


def clipping_factor(gradients: Sequence[Variable], max_norm: float, norm_type: float = 2.0) -> Variable:
    """Return what `clip_grad_norm` multiplies all gradients by."""
    positive(max_norm=max_norm)
    return minimum(max_norm / (grad_norm(gradients, norm_type) + 1e-6), 1.0)


def scaled(gradient: Variable, factor: Variable) -> Variable:
    """Return a gradient times a factor of at least single precision, in the dtype of the gradient."""
    return convert(convert(gradient, factor.dtype) * factor, gradient.dtype)


def _some(parameters: Sequence[Variable]) -> Sequence[Variable]:
    if isinstance(parameters, Variable) or not parameters:
        raise DeclarationError("a penalty is on a list of parameters", "ge.optim.l2_penalty([w1, w2])")
    return parameters


def _added(terms: list[Variable]) -> Variable:
    """Add numbers, in the widest of their dtypes."""
    return functools.reduce(add, terms)
