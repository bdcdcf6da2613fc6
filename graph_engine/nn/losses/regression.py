"""Losses of numbers: squared, absolute and other errors. Names, arguments and defaults are PyTorch's."""

from __future__ import annotations

import math

from graph_engine.declaring import located
from graph_engine.errors import DeclarationError, ShapeError
from graph_engine.nn.losses.common import alike, reduced
from graph_engine.node import Operand, Variable
from graph_engine.operands import as_variables
from graph_engine.primitives import (
    abs,
    add,
    divide,
    exp,
    expand_dims,
    greater,
    less,
    log,
    multiply,
    relu,
    square,
    stop_gradient,
    subtract,
    where,
)
from graph_engine.primitives.checks import checked
from graph_engine.primitives.common import as_float
from graph_engine.source import composite
from graph_engine.spec import show_shape


@composite
@located
def mse_loss(input: Operand, target: Operand, reduction: str = "mean", *, half: bool = False) -> Variable:
    """Return the squared error.

    Parameters
    ----------
    input, target : Variable or array_like
        Of one shape; a target may also be one number.
    reduction : {"mean", "sum", "none"}
        What is made of the elements' errors.
    half : bool
        Whether to halve it, as courses do so that the derivative is the plain difference; PyTorch does not.

    Examples
    --------
    >>> import graph_engine as ge
    >>> loss = ge.nn.mse_loss(ge.constant([1.0, 2.0]), ge.constant([1.0, 4.0]))
    >>> float(ge.Engine("numpy").run(loss, {}))
    2.0
    """
    losses = square(_difference(input, target))
    return reduced(multiply(losses, 0.5) if half else losses, reduction)


@composite
@located
def l1_loss(input: Operand, target: Operand, reduction: str = "mean") -> Variable:
    """Return the absolute error; its derivative at 0 is 0.

    Parameters
    ----------
    input, target, reduction
        As for `mse_loss`.

    Examples
    --------
    >>> import graph_engine as ge
    >>> loss = ge.nn.l1_loss(ge.constant([1.0, 2.0]), ge.constant([1.0, 4.0]))
    >>> float(ge.Engine("numpy").run(loss, {}))
    1.0
    """
    return reduced(abs(_difference(input, target)), reduction)


@composite
@located
def huber_loss(input: Operand, target: Operand, reduction: str = "mean", delta: float = 1.0) -> Variable:
    """Return half the squared error up to delta, and delta (|error| - delta / 2) beyond (Huber 1964).

    Parameters
    ----------
    input, target, reduction
        As for `mse_loss`.
    delta : float
        Above 0. At the seam both halves have one slope.

    Examples
    --------
    >>> import graph_engine as ge
    >>> loss = ge.nn.huber_loss(ge.constant([0.5, 3.0]), 0.0, reduction="none")
    >>> ge.Engine("numpy").run(loss).tolist()
    [0.125, 2.5]
    """
    if not delta > 0:
        raise DeclarationError(f"delta is {delta}: it lies above 0")
    error = _difference(input, target)
    return reduced(_bent(error, delta), reduction)


@composite
@located
def smooth_l1_loss(input: Operand, target: Operand, reduction: str = "mean", beta: float = 1.0) -> Variable:
    """Return the squared error over 2 beta up to beta, and |error| - beta / 2 beyond: `huber_loss` over beta.

    Parameters
    ----------
    input, target, reduction
        As for `mse_loss`.
    beta : float
        With 0 it is `l1_loss`.

    Examples
    --------
    >>> import graph_engine as ge
    >>> loss = ge.nn.smooth_l1_loss(ge.constant([0.5, 3.0]), 0.0, reduction="none", beta=2.0)
    >>> ge.Engine("numpy").run(loss).tolist()
    [0.0625, 2.0]
    """
    if beta < 0:
        raise DeclarationError(f"beta is {beta}: it is not negative")
    error = _difference(input, target)
    return reduced(abs(error) if beta == 0 else multiply(_bent(error, beta), 1 / beta), reduction)


@composite
@located
def msle_loss(input: Operand, target: Operand, reduction: str = "mean", *, offset: float = 1.0) -> Variable:
    """Return the squared error of the logarithms, (log(offset + input) - log(offset + target))².

    Parameters
    ----------
    input, target, reduction
        As for `mse_loss`; above -offset.
    offset : float
        1 as in the field, so that 0 is allowed; 0 as in some courses.

    Examples
    --------
    >>> import graph_engine as ge
    >>> loss = ge.nn.msle_loss(ge.constant([1.0]), ge.constant([1.0]), offset=0)
    >>> float(ge.Engine("numpy").run(loss))
    0.0
    """
    x, t = alike(input, target)
    if offset:
        x, t = add(x, offset), add(t, offset)
    return reduced(square(subtract(log(x), log(t))), reduction)


@composite
@located
def poisson_nll_loss(
    input: Operand,
    target: Operand,
    log_input: bool = True,
    full: bool = False,
    eps: float = 1e-8,
    reduction: str = "mean",
) -> Variable:
    """Return the negative log-likelihood of counts under a Poisson distribution.

    Parameters
    ----------
    input : Variable or array_like
        The logarithm of the expected count, or with `log_input=False` the expected count.
    target : Variable or array_like
        Counts, of the same shape; or one number.
    log_input : bool
    full : bool
        Whether to add Stirling's approximation of log(target!) where the target is above 1.
    eps : float
        Added before the logarithm of an expected count.
    reduction : {"mean", "sum", "none"}

    Examples
    --------
    >>> import graph_engine as ge
    >>> float(ge.Engine("numpy").run(ge.nn.poisson_nll_loss(ge.constant([0.0]), ge.constant([2.0]))))
    1.0
    """
    x, t = alike(input, target)
    losses = subtract(exp(x), multiply(t, x)) if log_input else subtract(x, multiply(t, log(add(x, eps))))
    if full:
        many = where(greater(t, 1), t, 1)
        stirling = add(subtract(multiply(many, log(many)), many), multiply(log(multiply(many, 2 * math.pi)), 0.5))
        losses = add(losses, where(greater(t, 1), stirling, 0))
    return reduced(losses, reduction)


@composite
@located
def gaussian_nll_loss(
    input: Operand, target: Operand, var: Operand, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Variable:
    """Return the negative log-likelihood under normal distributions, (log var + (input - target)² / var) / 2.

    Parameters
    ----------
    input, target : Variable or array_like
        Expectations and observations, of one shape.
    var : Variable or array_like
        Variances, not negative: one for each sample, without the last dimension of the others, or of a shape that
        broadcasts to theirs. Below `eps` they count as `eps`, and get the gradient that there is at `eps`.
    full : bool
        Whether to add log(2π) / 2.
    eps : float
    reduction : {"mean", "sum", "none"}

    Examples
    --------
    >>> import graph_engine as ge
    >>> float(ge.Engine("numpy").run(ge.nn.gaussian_nll_loss(ge.constant([3.0]), ge.constant([1.0]), 1.0)))
    2.0
    """
    error = _difference(input, target)
    variance = as_float(as_variables([error, var])[1])
    if error.ndim and variance.shape == error.shape[:-1]:
        variance = expand_dims(variance, -1)
    missing = relu(subtract(eps, checked(variance, "not negative")))
    spread = add(variance, stop_gradient(missing))
    losses = multiply(add(log(spread), divide(square(error), spread)), 0.5)
    if losses.shape != error.shape:
        raise ShapeError(
            f"variances of shape {show_shape(variance.shape)} do not broadcast to predictions of shape "
            f"{show_shape(error.shape)}"
        )
    return reduced(add(losses, 0.5 * math.log(2 * math.pi)) if full else losses, reduction)


def _difference(input: Operand, target: Operand) -> Variable:
    return subtract(*alike(input, target))


def _bent(error: Variable, delta: float) -> Variable:
    """Return half the square of small errors, and a line beyond."""
    size = abs(error)
    near = multiply(square(error), 0.5)
    return where(less(size, delta), near, multiply(subtract(size, 0.5 * delta), delta))
