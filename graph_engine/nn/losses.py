"""Losses: how far a prediction is from what it should be. Names and defaults are those of PyTorch."""

from __future__ import annotations

import math

import numpy as np

from graph_engine.declaring import located
from graph_engine.errors import DeclarationError, ShapeError
from graph_engine.nn.activations import identity
from graph_engine.node import Operand, Variable
from graph_engine.primitives import (
    abs,
    add,
    expand_dims,
    log,
    maximum,
    mean,
    multiply,
    negative,
    softmax_cross_entropy,
    softplus,
    square,
    squeeze,
    subtract,
    sum,
    take_along_axis,
)
from graph_engine.primitives.common import as_float, as_variable
from graph_engine.source import composite
from graph_engine.spec import show_shape

_REDUCTIONS = {"mean": mean, "sum": sum, "none": identity}


@composite
@located
def cross_entropy(logits: Operand, class_ids: Operand, reduction: str = "mean") -> Variable:
    """Return the cross-entropy of class labels: -log softmax(logits) at the label, without overflow.

    Parameters
    ----------
    logits : Variable or array_like
        Scores, with the classes along the last dimension.
    class_ids : Variable or array_like
        Integers from 0, in the shape of `logits` without the last dimension.
    reduction : {"mean", "sum", "none"}
        What is made of the samples' losses.

    Examples
    --------
    >>> import graph_engine as ge
    >>> logits, labels = ge.input("logits", ("batch", 2)), ge.input("labels", "batch", "int64")
    >>> loss = ge.nn.cross_entropy(logits, labels)
    >>> round(float(ge.Engine("numpy").run(loss, {logits: [[0, 0], [0, 0]], labels: [0, 1]})), 4)
    0.6931
    """
    return _reduced(softmax_cross_entropy(logits, class_ids), reduction)


@composite
@located
def nll_loss(log_probabilities: Operand, class_ids: Operand, reduction: str = "mean") -> Variable:
    """Return the negative log-likelihood of class labels, given the logarithms of the probabilities.

    Parameters
    ----------
    log_probabilities : Variable or array_like
        With the classes along the last dimension, as `log_softmax` gives them.
    class_ids, reduction
        As for `cross_entropy`.

    Examples
    --------
    >>> import graph_engine as ge
    >>> loss = ge.nn.nll_loss(ge.constant([[-0.5, -2.0]]), ge.constant([1]))
    >>> float(ge.Engine("numpy").run(loss, {}))
    2.0
    """
    chances, labels = as_float(log_probabilities), as_variable(class_ids)
    if labels.shape != chances.shape[:-1]:
        raise ShapeError(
            f"log-probabilities of shape {show_shape(chances.shape)} do not go with labels of shape "
            f"{show_shape(labels.shape)}",
            "the classes are one more dimension, at the end",
        )
    chosen = take_along_axis(chances, expand_dims(labels, -1), -1)
    return _reduced(negative(squeeze(chosen, -1)), reduction)


@composite
@located
def mse_loss(input: Operand, target: Operand, reduction: str = "mean") -> Variable:
    """Return the squared error.

    Parameters
    ----------
    input, target : Variable or array_like
        Of one shape; a target may also be one number.
    reduction : {"mean", "sum", "none"}
        What is made of the elements' errors.

    Examples
    --------
    >>> import graph_engine as ge
    >>> loss = ge.nn.mse_loss(ge.constant([1.0, 2.0]), ge.constant([1.0, 4.0]))
    >>> float(ge.Engine("numpy").run(loss, {}))
    2.0
    """
    return _reduced(square(_difference(input, target)), reduction)


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
    return _reduced(abs(_difference(input, target)), reduction)


@composite
@located
def binary_cross_entropy(input: Operand, target: Operand, reduction: str = "mean") -> Variable:
    """Return the cross-entropy of probabilities: -(t log p + (1 - t) log(1 - p)), logarithms cut off at -100.

    Parameters
    ----------
    input : Variable or array_like
        Probabilities, from 0 to 1; where a logarithm is cut off, it hands no gradient back.
    target : Variable or array_like
        From 0 to 1, in the same shape; or one number.
    reduction : {"mean", "sum", "none"}

    Examples
    --------
    >>> import graph_engine as ge
    >>> loss = ge.nn.binary_cross_entropy(ge.constant([0.5, 0.5]), ge.constant([0.0, 1.0]))
    >>> round(float(ge.Engine("numpy").run(loss, {})), 4)
    0.6931
    """
    p, t = _alike(input, target)
    hit, miss = multiply(t, _safe_log(p)), multiply(subtract(1, t), _safe_log(subtract(1, p)))
    return _reduced(negative(add(hit, miss)), reduction)


@composite
@located
def binary_cross_entropy_with_logits(input: Operand, target: Operand, reduction: str = "mean") -> Variable:
    """Return the cross-entropy of sigmoid(input), exact for large scores of either sign.

    Parameters
    ----------
    input : Variable or array_like
        Scores: the logarithm of p / (1 - p).
    target, reduction
        As for `binary_cross_entropy`.

    Examples
    --------
    >>> import graph_engine as ge
    >>> loss = ge.nn.binary_cross_entropy_with_logits(ge.constant([0.0, 200.0]), ge.constant([1.0, 1.0]), "sum")
    >>> round(float(ge.Engine("numpy").run(loss, {})), 4)
    0.6931
    """
    x, t = _alike(input, target)
    losses = add(multiply(t, softplus(negative(x))), multiply(subtract(1, t), softplus(x)))
    return _reduced(losses, reduction)


def _reduced(losses: Variable, reduction: str) -> Variable:
    if reduction not in _REDUCTIONS:
        raise DeclarationError(f"there is no reduction called {reduction!r}", f"choose {', '.join(_REDUCTIONS)}")
    return _REDUCTIONS[reduction](losses)


def _difference(input: Operand, target: Operand) -> Variable:
    return subtract(*_alike(input, target))


def _alike(input: Operand, target: Operand) -> tuple[Variable, Variable]:
    """Refuse shapes that differ: (batch, 1) against (batch,) would broadcast to all pairs."""
    prediction, wanted = as_float(input), as_variable(target)
    if wanted.shape not in (prediction.shape, ()):
        raise ShapeError(
            f"the prediction has shape {show_shape(prediction.shape)}, the target {show_shape(wanted.shape)}",
            "give them one shape, with ge.reshape or ge.squeeze",
        )
    return prediction, wanted


def _safe_log(p: Variable) -> Variable:
    smallest = float(np.finfo(p.dtype).smallest_subnormal)
    return log(maximum(p, np.asarray(max(math.exp(-100), smallest), p.dtype)))
