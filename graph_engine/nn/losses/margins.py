"""Losses with a margin: nothing where the answer is right by enough, and a line from there. Defaults are PyTorch's."""

from __future__ import annotations

from typing import Literal

from graph_engine.declaring import located
from graph_engine.errors import DeclarationError, ShapeError
from graph_engine.nn.losses.common import alike, check_class_numbers, class_weights, reduced
from graph_engine.node import Operand, Variable
from graph_engine.primitives import (
    add,
    divide,
    expand_dims,
    greater,
    mean,
    multiply,
    negative,
    one_hot,
    relu,
    softplus,
    sqrt,
    square,
    subtract,
    sum,
    take,
    take_along_axis,
    where,
)
from graph_engine.primitives.checks import checked
from graph_engine.primitives.common import as_float, as_variable
from graph_engine.primitives.elementwise.piecewise import positive_part
from graph_engine.primitives.structure import convert
from graph_engine.source import composite
from graph_engine.spec import show_shape

_EPSILON = 1e-12  # that PyTorch adds to squared lengths


@composite
@located
def hinge_loss(input: Operand, target: Operand, reduction: str = "mean") -> Variable:
    """Return max(0, 1 - target * input), the loss of a support vector machine; at the margin the derivative is -target.

    Parameters
    ----------
    input : Variable or array_like
        Scores.
    target : Variable or array_like
        -1 or +1, in the same shape; or one number.
    reduction : {"mean", "sum", "none"}

    Examples
    --------
    >>> import graph_engine as ge
    >>> loss = ge.nn.hinge_loss(ge.constant([0.5, 3.0]), ge.constant([-1.0, 1.0]), reduction="none")
    >>> ge.Engine("numpy").run(loss).tolist()
    [1.5, 0.0]
    """
    return reduced(positive_part(subtract(1, _agreement(input, target))), reduction)


@composite
@located
def perceptron_loss(input: Operand, target: Operand, reduction: str = "mean") -> Variable:
    """Return max(0, -target * input): nothing for a right sign. A tie is a mistake: at 0 the derivative is -target.

    Gradient descent with rate 1 on one sample is so Rosenblatt's rule, and it moves away from weights of 0.

    Parameters
    ----------
    input, target, reduction
        As for `hinge_loss`.

    Examples
    --------
    >>> import graph_engine as ge
    >>> y = ge.input("y")
    >>> float(ge.Engine("numpy").run(ge.grad(ge.nn.perceptron_loss(y, 1.0), y), {y: 0}))
    -1.0
    """
    return reduced(positive_part(negative(_agreement(input, target))), reduction)


@composite
@located
def soft_margin_loss(input: Operand, target: Operand, reduction: str = "mean") -> Variable:
    """Return log(1 + exp(-target * input)), without overflow.

    Parameters
    ----------
    input, target, reduction
        As for `hinge_loss`.

    Examples
    --------
    >>> import graph_engine as ge
    >>> float(ge.Engine("numpy").run(ge.nn.soft_margin_loss(ge.constant([-1000.0]), ge.constant([1.0]))))
    1000.0
    """
    return reduced(softplus(negative(_agreement(input, target))), reduction)


@composite
@located
def hinge_embedding_loss(input: Operand, target: Operand, margin: float = 1.0, reduction: str = "mean") -> Variable:
    """Return the distance itself for pairs that belong together (+1), max(0, margin - distance) for others (-1).

    Parameters
    ----------
    input : Variable or array_like
        Distances.
    target : Variable or array_like
        -1 or +1, in the same shape; or one number.
    margin : float
    reduction : {"mean", "sum", "none"}

    Examples
    --------
    >>> import graph_engine as ge
    >>> loss = ge.nn.hinge_embedding_loss(ge.constant([0.5, 0.25]), ge.constant([1.0, -1.0]), reduction="none")
    >>> ge.Engine("numpy").run(loss).tolist()
    [0.5, 0.75]
    """
    x, t = alike(input, target)
    together = greater(checked(t, "signs"), 0)
    return reduced(where(together, x, positive_part(subtract(margin, x))), reduction)


@composite
@located
def margin_ranking_loss(
    input1: Operand, input2: Operand, target: Operand, margin: float = 0, reduction: str = "mean"
) -> Variable:
    """Return max(0, margin - target * (input1 - input2)): with target +1 the first is to be ranked higher.

    Parameters
    ----------
    input1, input2 : Variable or array_like
        Scores of one shape.
    target : Variable or array_like
        -1 or +1, in the same shape; or one number.
    margin : float
    reduction : {"mean", "sum", "none"}

    Examples
    --------
    >>> import graph_engine as ge
    >>> float(ge.Engine("numpy").run(ge.nn.margin_ranking_loss(ge.constant([1.0]), ge.constant([3.0]), 1.0)))
    2.0
    """
    lead = _agreement(subtract(*alike(input1, input2)), target)
    return reduced(positive_part(subtract(margin, lead) if margin else negative(lead)), reduction)


@composite
@located
def cosine_embedding_loss(
    input1: Operand, input2: Operand, target: Operand, margin: float = 0, reduction: str = "mean"
) -> Variable:
    """Return 1 - cos for vectors that belong together (+1), max(0, cos - margin) for others (-1).

    Parameters
    ----------
    input1, input2 : Variable or array_like
        Vectors, of shape `(batch, features)` or `(features,)`.
    target : Variable or array_like
        -1 or +1, of shape `(batch,)` or `()`.
    margin : float
    reduction : {"mean", "sum", "none"}

    Examples
    --------
    >>> import graph_engine as ge
    >>> loss = ge.nn.cosine_embedding_loss(ge.constant([[1.0, 0.0]]), ge.constant([[0.0, 1.0]]), ge.constant([1.0]))
    >>> float(ge.Engine("numpy").run(loss))
    1.0
    """
    a, b = alike(input1, input2)
    if a.ndim not in (1, 2) or b.ndim != a.ndim:
        raise ShapeError(f"these are no vectors: shape {show_shape(a.shape)}", "give (batch, features) or (features,)")
    lengths = multiply(*(add(sum(square(v), axis=-1), _EPSILON) for v in (a, b)))
    cosine, t = alike(divide(sum(multiply(a, b), axis=-1), sqrt(lengths)), target)
    apart = positive_part(subtract(cosine, margin) if margin else cosine)
    return reduced(where(greater(checked(t, "signs"), 0), subtract(1, cosine), apart), reduction)


@composite
@located
def multi_margin_loss(
    input: Operand,
    target: Operand,
    p: Literal[1, 2] = 1,
    margin: float = 1.0,
    weight: Operand | None = None,
    reduction: str = "mean",
) -> Variable:
    """Return the mean over the classes of max(0, margin - score of the target + score)^p, the target's left out.

    Parameters
    ----------
    input : Variable or array_like
        Scores, of shape `(batch, classes)` or `(classes,)`.
    target : Variable or array_like
        Class numbers from 0, of shape `(batch,)` or `()`.
    p : {1, 2}
    margin : float
    weight : Variable or array_like, optional
        Of each class, of shape `(classes,)`; that of the target counts.
    reduction : {"mean", "sum", "none"}

    Examples
    --------
    >>> import graph_engine as ge
    >>> loss = ge.nn.multi_margin_loss(ge.constant([[1.0, 0.5]]), ge.constant([0]))
    >>> float(ge.Engine("numpy").run(loss))
    0.25
    """
    x, t = as_float(input), as_variable(target)
    if p not in (1, 2):
        raise DeclarationError(f"p is 1 or 2, not {p!r}")
    check_class_numbers(t)
    if x.ndim not in (1, 2) or t.shape != x.shape[:-1]:
        raise ShapeError(f"scores of shape {show_shape(x.shape)} do not go with targets {show_shape(t.shape)}")
    labels = checked(convert(t, "int64"), "labels", classes=x.shape[-1])
    lead = subtract(take_along_axis(x, expand_dims(labels, -1), -1), x)
    missing = relu(subtract(margin, lead))
    others = subtract(1, one_hot(labels, x.shape[-1], x.dtype))
    terms = multiply(square(missing) if p == 2 else missing, others)
    if weight is not None:
        terms = multiply(terms, expand_dims(take(class_weights(weight, x, x.ndim - 1), labels), -1))
    return reduced(mean(terms, axis=-1), reduction)


def _agreement(input: Operand, target: Operand) -> Variable:
    x, t = alike(input, target)
    return multiply(checked(t, "signs"), x)
