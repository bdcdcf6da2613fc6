"""What is counted rather than differentiated: mistakes, and their opposite."""

from __future__ import annotations

from graph_engine.declaring import located
from graph_engine.errors import ShapeError
from graph_engine.nn.losses.common import reduced
from graph_engine.node import Operand, Variable
from graph_engine.primitives import argmax, equal, not_equal, where
from graph_engine.primitives.common import as_variable
from graph_engine.primitives.structure import astype, convert
from graph_engine.source import composite
from graph_engine.spec import DEFAULT_FLOAT, normalize_axis, show_shape


@composite
@located
def zero_one_loss(
    input: Operand, target: Operand, reduction: str = "mean", *, wrong: float = 1, axis: int | None = None
) -> Variable:
    """Return 0 for each right answer and `wrong` for each other: a metric, through which no gradient flows.

    Parameters
    ----------
    input : Variable or array_like
        Answers in the shape of the target (class numbers, or signs); or scores with one more dimension, the classes,
        of which the largest counts, the first of equal ones.
    target : Variable or array_like
        What is right.
    reduction : {"mean", "sum", "none"}
    wrong : float
        1 as in the field; 2 is |answer - target| where the answers are -1 and +1, as in some courses.
    axis : int, optional
        Where the classes are: dimension 1, or 0 where there is only one.

    Examples
    --------
    >>> import graph_engine as ge
    >>> float(ge.Engine("numpy").run(ge.nn.zero_one_loss(ge.constant([1, -1, 1, 1]), ge.constant([1, 1, 1, 1]))))
    0.25
    """
    answers, right = _answers(input, target, axis)
    return reduced(where(not_equal(answers, right), float(wrong), 0.0), reduction)


@composite
@located
def accuracy(input: Operand, target: Operand, *, axis: int | None = None) -> Variable:
    """Return the share of right answers.

    Parameters
    ----------
    input, target, axis
        As for `zero_one_loss`.

    Examples
    --------
    >>> import graph_engine as ge
    >>> scores, labels = ge.constant([[0.1, 0.9], [0.8, 0.2]]), ge.constant([1, 1])
    >>> float(ge.Engine("numpy").run(ge.nn.accuracy(scores, labels)))
    0.5
    """
    return reduced(astype(equal(*_answers(input, target, axis)), DEFAULT_FLOAT), "mean")


def _answers(input: Operand, target: Operand, axis: int | None) -> tuple[Variable, Variable]:
    answers, right = as_variable(input), as_variable(target)
    if answers.ndim == right.ndim + 1:
        answers = argmax(answers, axis=normalize_axis(min(1, answers.ndim - 1) if axis is None else axis, answers.ndim))
    if answers.shape != right.shape:
        raise ShapeError(f"answers of shape {show_shape(answers.shape)}, targets of shape {show_shape(right.shape)}")
    return answers, right if right.dtype == answers.dtype else convert(right, answers.dtype)
