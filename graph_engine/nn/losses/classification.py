"""Losses of one class out of several: from scores, log-probabilities or probabilities."""

from __future__ import annotations

from graph_engine.declaring import located
from graph_engine.errors import DeclarationError, ShapeError
from graph_engine.nn.losses.common import check_class_numbers, class_weights, reduced, renamed
from graph_engine.nn.losses.probabilities import safe_log
from graph_engine.node import Operand, Variable
from graph_engine.primitives import (
    add,
    astype,
    expand_dims,
    log_softmax,
    mean,
    moveaxis,
    multiply,
    negative,
    not_equal,
    reshape,
    softmax_cross_entropy,
    squeeze,
    sum,
    take,
    take_along_axis,
    where,
)
from graph_engine.primitives.checks import checked
from graph_engine.primitives.common import as_float, as_variable
from graph_engine.primitives.structure import convert
from graph_engine.source import composite
from graph_engine.spec import normalize_axis, show_shape


@composite
@renamed(third="weight", logits="input", class_ids="target")
@located
def cross_entropy(
    input: Operand,
    target: Operand,
    weight: Operand | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
    *,
    axis: int | None = None,
) -> Variable:
    """Return the cross-entropy of scores: -log softmax(input) at the target's class, without overflow.

    Parameters
    ----------
    input : Variable or array_like
        Scores. The classes are dimension 1, as in `(batch, classes)` and `(batch, classes, height, width)`; dimension 0
        where there is only one.
    target : Variable or array_like
        Class numbers from 0, in the shape of `input` without the classes; or, in the shape of `input`, probabilities
        (one-hot ones too), which sum to 1.
    weight : Variable or array_like, optional
        Of each class, of shape `(classes,)`. A mean over class numbers is divided by the weights of the targets.
    ignore_index : int, optional
        A class number that marks samples to leave out. PyTorch leaves out -100 also when nobody says so; here that is
        to be said, and class numbers out of range are otherwise refused.
    reduction : {"mean", "sum", "none"}
        What is made of the samples' losses. Courses that sum over the samples say "sum".
    label_smoothing : float
        The share of the target that is spread evenly over all classes (Szegedy et al. 2016).
    axis : int, optional
        Where else the classes are.

    Examples
    --------
    >>> import graph_engine as ge
    >>> logits, labels = ge.input("logits", ("batch", 2)), ge.input("labels", "batch", "int64")
    >>> loss = ge.nn.cross_entropy(logits, labels)
    >>> round(float(ge.Engine("numpy").run(loss, {logits: [[0, 0], [0, 0]], labels: [0, 1]})), 4)
    0.6931
    """
    if not 0 <= label_smoothing <= 1:
        raise DeclarationError(f"label_smoothing is {label_smoothing}: it is a share, from 0 to 1")
    x, t = as_float(input), as_variable(target)
    place = _class_axis(x, axis)
    if t.shape == x.shape:
        _check_nothing_ignored(ignore_index)
        return _of_distributions(log_softmax(x, place), t, place, weight, reduction, label_smoothing)
    _check_labels(x, t, place)
    if weight is None and ignore_index is None and not label_smoothing:
        return reduced(softmax_cross_entropy(x if place == x.ndim - 1 else moveaxis(x, place, -1), t), reduction)
    return _of_labels(log_softmax(x, place), t, place, weight, ignore_index, reduction, label_smoothing)


@composite
@renamed(third="weight", log_probabilities="input", class_ids="target")
@located
def nll_loss(
    input: Operand,
    target: Operand,
    weight: Operand | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    *,
    axis: int | None = None,
) -> Variable:
    """Return the negative log-likelihood of class numbers, given the logarithms of the probabilities.

    Parameters
    ----------
    input : Variable or array_like
        As `log_softmax` gives them, with the classes as for `cross_entropy`.
    target, weight, ignore_index, reduction, axis
        As for `cross_entropy`; the target in class numbers.

    Examples
    --------
    >>> import graph_engine as ge
    >>> loss = ge.nn.nll_loss(ge.constant([[-0.5, -2.0]]), ge.constant([1]))
    >>> float(ge.Engine("numpy").run(loss, {}))
    2.0
    """
    x, t = as_float(input), as_variable(target)
    place = _class_axis(x, axis)
    _check_labels(x, t, place)
    return _of_labels(x, t, place, weight, ignore_index, reduction)


@composite
@located
def categorical_cross_entropy(
    input: Operand, target: Operand, reduction: str = "mean", *, axis: int | None = None
) -> Variable:
    """Return the cross-entropy of probabilities, -Σ target log(input), logarithms cut off at -100.

    PyTorch has no such function: `cross_entropy`, from scores, is exact where this one is cut off.

    Parameters
    ----------
    input : Variable or array_like
        Probabilities, as `softmax` gives them, with the classes as for `cross_entropy`.
    target, reduction, axis
        As for `cross_entropy`: class numbers, or probabilities and one-hot.

    Examples
    --------
    >>> import graph_engine as ge
    >>> loss = ge.nn.categorical_cross_entropy(ge.constant([[0.5, 0.5]]), ge.constant([[0.0, 1.0]]))
    >>> round(float(ge.Engine("numpy").run(loss)), 4)
    0.6931
    """
    p, t = as_float(input), as_variable(target)
    place = _class_axis(p, axis)
    logs = safe_log(checked(p, "distributions", place))
    if t.shape == p.shape:
        return _of_distributions(logs, t, place, None, reduction)
    _check_labels(p, t, place)
    return _of_labels(logs, t, place, None, None, reduction)


def _of_labels(
    logs: Variable,
    target: Variable,
    axis: int,
    weight: Operand | None,
    ignore_index: int | None,
    reduction: str,
    smoothing: float = 0.0,
) -> Variable:
    labels, kept = convert(target, "int64"), None
    if ignore_index is not None:
        kept = not_equal(labels, ignore_index)
        labels = where(kept, labels, 0)
    labels = checked(labels, "labels", classes=logs.shape[axis])
    losses = negative(squeeze(take_along_axis(logs, expand_dims(labels, axis), axis), axis))
    share = None if weight is None else take(class_weights(weight, logs, axis), labels)
    if share is not None:
        losses = multiply(losses, share)
    losses = _smoothed(losses, logs, axis, weight, smoothing)
    if kept is not None:
        losses = where(kept, losses, 0)
        share = astype(kept, logs.dtype) if share is None else where(kept, share, 0)
    return reduced(losses, reduction, share)


def _of_distributions(
    logs: Variable, target: Variable, axis: int, weight: Operand | None, reduction: str, smoothing: float = 0.0
) -> Variable:
    chances = checked(target if target.spec.is_float else convert(target, logs.dtype), "distributions", axis)
    losses = negative(sum(multiply(chances, _weigh(logs, axis, weight)), axis=axis))
    return reduced(_smoothed(losses, logs, axis, weight, smoothing), reduction)


def _smoothed(losses: Variable, logs: Variable, axis: int, weight: Operand | None, smoothing: float) -> Variable:
    if not smoothing:
        return losses
    spread = mean(_weigh(logs, axis, weight), axis=axis)
    return add(multiply(losses, 1 - smoothing), multiply(spread, -smoothing))


def _weigh(logs: Variable, axis: int, weight: Operand | None) -> Variable:
    if weight is None:
        return logs
    weights = class_weights(weight, logs, axis)
    behind = (1,) * (logs.ndim - 1 - axis)
    return multiply(logs, reshape(weights, (*weights.shape, *behind)) if behind else weights)


def _class_axis(x: Variable, axis: int | None) -> int:
    if x.ndim == 0:
        raise ShapeError("one number has no classes", "give a score for each class, of shape (classes,)")
    return min(1, x.ndim - 1) if axis is None else normalize_axis(axis, x.ndim)


def _check_labels(x: Variable, target: Variable, axis: int) -> None:
    wanted = x.shape[:axis] + x.shape[axis + 1 :]
    if target.shape != wanted:
        raise ShapeError(
            f"{x.name} of shape {show_shape(x.shape)} does not go with targets of shape {show_shape(target.shape)}",
            f"class numbers have the shape {show_shape(wanted)}: the classes are dimension {axis}, or say axis=",
        )
    check_class_numbers(target)


def _check_nothing_ignored(ignore_index: int | None) -> None:
    if ignore_index is not None and ignore_index >= 0:
        raise DeclarationError("ignore_index is a class number, and the targets are probabilities")
