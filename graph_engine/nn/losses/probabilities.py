"""Losses of probabilities that are given as such, or as scores of one class. Names and defaults are PyTorch's."""

from __future__ import annotations

import math

import numpy as np

from graph_engine.declaring import located
from graph_engine.errors import DeclarationError
from graph_engine.nn.losses.common import REDUCTIONS, alike, reduced, renamed, weighted
from graph_engine.node import Operand, Variable
from graph_engine.primitives import (
    add,
    exp,
    greater,
    log,
    maximum,
    mean,
    multiply,
    negative,
    softplus,
    subtract,
    sum,
    where,
)
from graph_engine.primitives.checks import checked
from graph_engine.source import composite


@composite
@renamed(third="weight")
@located
def binary_cross_entropy(
    input: Operand, target: Operand, weight: Operand | None = None, reduction: str = "mean"
) -> Variable:
    """Return the cross-entropy of probabilities: -(t log p + (1 - t) log(1 - p)), logarithms cut off at -100.

    Parameters
    ----------
    input : Variable or array_like
        Probabilities, from 0 to 1; where a logarithm is cut off, it hands no gradient back.
    target : Variable or array_like
        From 0 to 1, in the same shape; or one number.
    weight : Variable or array_like, optional
        Of each element's loss; it broadcasts.
    reduction : {"mean", "sum", "none"}
        A mean is over all elements, whatever their weights.

    Examples
    --------
    >>> import graph_engine as ge
    >>> loss = ge.nn.binary_cross_entropy(ge.constant([0.5, 0.5]), ge.constant([0.0, 1.0]))
    >>> round(float(ge.Engine("numpy").run(loss, {})), 4)
    0.6931
    """
    p, t = alike(input, target)
    p, t = checked(p, "probabilities"), checked(t, "probabilities")
    hit, miss = multiply(t, safe_log(p)), multiply(subtract(1, t), safe_log(subtract(1, p)))
    return reduced(weighted(negative(add(hit, miss)), weight), reduction)


@composite
@renamed(third="weight")
@located
def binary_cross_entropy_with_logits(
    input: Operand,
    target: Operand,
    weight: Operand | None = None,
    reduction: str = "mean",
    pos_weight: Operand | None = None,
) -> Variable:
    """Return the cross-entropy of sigmoid(input), exact for large scores of either sign.

    Parameters
    ----------
    input : Variable or array_like
        Scores: the logarithm of p / (1 - p).
    target, weight, reduction
        As for `binary_cross_entropy`.
    pos_weight : Variable or array_like, optional
        Of the part of the loss that belongs to the class; it broadcasts.

    Examples
    --------
    >>> import graph_engine as ge
    >>> scores = ge.constant([0.0, 200.0])
    >>> loss = ge.nn.binary_cross_entropy_with_logits(scores, ge.constant([1.0, 1.0]), reduction="sum")
    >>> round(float(ge.Engine("numpy").run(loss, {})), 4)
    0.6931
    """
    x, t = alike(input, target)
    hit = weighted(multiply(t, softplus(negative(x))), pos_weight)
    return reduced(weighted(add(hit, multiply(subtract(1, t), softplus(x))), weight), reduction)


@composite
@located
def kl_div(input: Operand, target: Operand, reduction: str = "mean", log_target: bool = False) -> Variable:
    """Return the Kullback-Leibler divergence, target (log target - input), of log-probabilities from probabilities.

    Parameters
    ----------
    input : Variable or array_like
        Log-probabilities, as `log_softmax` gives them.
    target : Variable or array_like
        Probabilities of the same shape; 0 log 0 is 0.
    reduction : {"mean", "batchmean", "sum", "none"}
        "batchmean" divides the sum by the size of dimension 0, which is the divergence as mathematics has it; "mean",
        PyTorch's default, by the number of all elements.
    log_target : bool
        Whether the target is given as log-probabilities too.

    Examples
    --------
    >>> import graph_engine as ge
    >>> loss = ge.nn.kl_div(ge.nn.log_softmax(ge.constant([[0.0, 0.0]])), ge.constant([[1.0, 0.0]]), "batchmean")
    >>> round(float(ge.Engine("numpy").run(loss)), 4)
    0.6931
    """
    x, t = alike(input, target)
    if log_target:
        losses = multiply(exp(t), subtract(t, x))
    else:
        t = checked(t, "not negative")
        entropy = multiply(t, log(where(greater(t, 0), t, 1)))
        losses = subtract(entropy, multiply(t, x))
    if reduction == "batchmean":
        return sum(mean(losses, axis=0)) if losses.ndim else losses
    if reduction not in REDUCTIONS:
        raise DeclarationError(f"there is no reduction called {reduction!r}", "choose mean, batchmean, sum, none")
    return reduced(losses, reduction)


def safe_log(p: Variable) -> Variable:
    """Return the logarithm of probabilities, cut off at -100 (or at the smallest number of half precision)."""
    smallest = float(np.finfo(p.dtype).smallest_subnormal)
    return log(maximum(p, np.asarray(max(math.exp(-100), smallest), p.dtype)))
