"""Activations along a dimension, which depend on several numbers at once: `axis`, which may be called `dim`."""

from __future__ import annotations

from typing import Any

from graph_engine import primitives
from graph_engine.declaring import located
from graph_engine.errors import DeclarationError, ShapeError
from graph_engine.node import Operand, Variable
from graph_engine.primitives import max, multiply, negative, reshape, split
from graph_engine.primitives.common import as_float
from graph_engine.source import composite
from graph_engine.spec import normalize_axis, show_shape


@located
def softmax(input: Operand, axis: int = -1, *, dim: int | None = None) -> Variable:
    """Turn scores into probabilities: exp(x) / Σ exp(x) along a dimension.

    Parameters
    ----------
    input : Variable or array_like
    axis : int
        The last dimension by default.
    dim : int, optional
        PyTorch's word for `axis`.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.Engine("numpy").run(ge.nn.softmax([1000.0, 1000.0], dim=0)).tolist()
    [0.5, 0.5]
    """
    return primitives.softmax(input, axis if dim is None else dim)


@located
def log_softmax(input: Operand, axis: int = -1, *, dim: int | None = None) -> Variable:
    """Return the logarithm of the softmax, without overflow.

    Parameters
    ----------
    input, axis, dim
        As for `softmax`.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.Engine("numpy").run(ge.nn.log_softmax([0.0, 1000.0])).tolist()
    [-1000.0, 0.0]
    """
    return primitives.log_softmax(input, axis if dim is None else dim)


@composite
@located
def softmin(input: Operand, axis: int = -1, *, dim: int | None = None) -> Variable:
    """Return the softmax of -x: the smallest gets the largest share.

    Parameters
    ----------
    input, axis, dim
        As for `softmax`.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.Engine("numpy").run(ge.nn.softmin([0.0, 1000.0])).tolist()
    [1.0, 0.0]
    """
    return softmax(negative(as_float(input)), axis, dim=dim)


@composite
@located
def glu(input: Operand, axis: int = -1, *, dim: int | None = None) -> Variable:
    """Return the first half of a dimension times the sigmoid of the second (Dauphin et al. 2017).

    Parameters
    ----------
    input : Variable or array_like
        Of even size along the dimension.
    axis : int
        The last dimension by default.
    dim : int, optional
        PyTorch's word for `axis`.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.Engine("numpy").run(ge.nn.glu([3.0, 0.0])).tolist()
    [1.5]
    """
    x = as_float(input)
    place = normalize_axis(axis if dim is None else dim, x.ndim)
    _divisible(x, place, 2, "halves")
    kept, gate = split(x, 2, axis=place)
    return multiply(kept, primitives.sigmoid(gate))


@composite
@located
def maxout(input: Operand, k: int, axis: int = -1) -> Variable:
    """Return the largest of each k neighbours along a dimension (Goodfellow et al. 2013).

    Parameters
    ----------
    input : Variable or array_like
        Its size along the dimension is a multiple of k: a `Linear(features, units * k)` before it makes `units` maxout
        units of k pieces each.
    k : int
    axis : int
        The last dimension by default.

    Returns
    -------
    Variable
        With a k-th of the size along the dimension; ties share the gradient equally, as those of `ge.max`.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.Engine("numpy").run(ge.nn.maxout([1.0, 5.0, 2.0, -3.0], 2)).tolist()
    [5.0, 2.0]
    """
    x = as_float(input)
    place = normalize_axis(axis, x.ndim)
    units = _divisible(x, place, k, f"groups of {k}")
    return max(reshape(x, (*x.shape[:place], units, k, *x.shape[place + 1 :])), axis=place + 1)


def _divisible(x: Variable, axis: int, parts: int, what: str) -> Any:
    size = x.shape[axis]
    if not isinstance(parts, int) or parts < 1:
        raise DeclarationError(f"a group has a whole number of members, not {parts!r}")
    if not isinstance(size, int) or size % parts:
        raise ShapeError(f"dimension {axis} of shape {show_shape(x.shape)} has size {size}: no {what}")
    return size // parts
