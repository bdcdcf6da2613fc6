"""Normalisation, as functions: of a batch, a layer, a group of channels, one channel, or a vector."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graph_engine.declaring import located
from graph_engine.errors import DeclarationError, ShapeError
from graph_engine.node import Operand, Variable
from graph_engine.primitives import abs, divide, max, maximum, ones, pow, reshape, sqrt, square, sum
from graph_engine.primitives.common import as_float, as_variable
from graph_engine.primitives.normalizing import BatchNorm, BatchStatistics, Standardize
from graph_engine.source import composite
from graph_engine.spec import Shape, as_shape, show_shape


@composite
@located
def batch_norm(
    input: Operand,
    running_mean: Operand | None,
    running_var: Operand | None,
    weight: Operand | None = None,
    bias: Operand | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
    *,
    denominator: str = "variance",
) -> Variable:
    """Normalise each channel: (x - mean) / sqrt(variance + eps), times its weight, plus its bias.

    A function of its arguments: `momentum` stands where PyTorch has it and changes nothing here. New running
    statistics are declared by `ge.nn.BatchNorm1d` and its sisters.

    Parameters
    ----------
    input : Variable or array_like
        Of shape `(n, channels, ...)`.
    running_mean, running_var : Variable or array_like, or None
        Of shape `(channels,)`; needed where `training` is false.
    weight, bias : Variable or array_like, optional
        Of shape `(channels,)`.
    training : bool
        Whether to use the mean and the (biased) variance of this batch.
    momentum : float
    eps : float
    denominator : {"variance", "deviation"}
        What `eps` is added to. "deviation" divides by (sigma + eps), as some lecture notes do.

    References
    ----------
    S. Ioffe, C. Szegedy, "Batch normalization", 2015.

    Examples
    --------
    >>> import graph_engine as ge
    >>> y = ge.nn.batch_norm([[1.0], [3.0]], None, None, training=True, eps=0.0)
    >>> ge.Engine("numpy").run(y).tolist()
    [[-1.0], [1.0]]
    """
    x = as_float(input)
    if training:
        running_mean, running_var = BatchStatistics()(x)
    elif running_mean is None or running_var is None:
        raise DeclarationError("it needs running_mean and running_var", "training=True uses those of the batch")
    return BatchNorm(float(eps), denominator)(x, running_mean, running_var, *_affine(weight, bias, x))


@composite
@located
def layer_norm(
    input: Operand, normalized_shape: Any, weight: Operand | None = None, bias: Operand | None = None, eps: float = 1e-5
) -> Variable:
    """Normalise over the last dimensions, each sample by itself: (x - mean) / sqrt(variance + eps) * weight + bias.

    Parameters
    ----------
    input : Variable or array_like
    normalized_shape : int, or tuple of int
        The last dimensions of the input.
    weight, bias : Variable or array_like, optional
        Of the normalised shape.
    eps : float

    References
    ----------
    J. L. Ba, J. R. Kiros, G. E. Hinton, "Layer normalization", 2016.

    Examples
    --------
    >>> import graph_engine as ge
    >>> y = ge.nn.layer_norm([[1.0, 3.0], [10.0, 20.0]], 2, eps=0.0)
    >>> ge.Engine("numpy").run(y).tolist()
    [[-1.0, 1.0], [-1.0, 1.0]]
    """
    x = as_float(input)
    axes = _last(x, normalized_shape, weight, bias)
    return Standardize(axes, float(eps))(x, *_affine(weight, bias, x))


@composite
@located
def rms_norm(
    input: Operand, normalized_shape: Any, weight: Operand | None = None, eps: float | None = None
) -> Variable:
    """Divide by the root mean square of the last dimensions: x / sqrt(mean(x²) + eps) * weight.

    Parameters
    ----------
    input, normalized_shape, weight
        As for `layer_norm`.
    eps : float, optional
        By default the distance from 1 to the next number of the input's dtype.

    References
    ----------
    B. Zhang, R. Sennrich, "Root mean square layer normalization", 2019.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.Engine("numpy").run(ge.nn.rms_norm([3.0, 3.0], 2, eps=0.0)).tolist()
    [1.0, 1.0]
    """
    x = as_float(input)
    axes = _last(x, normalized_shape, weight)
    smallest = float(np.finfo(x.dtype).eps) if eps is None else float(eps)
    return Standardize(axes, smallest, centred=False)(x, *_affine(weight, None, x))


@composite
@located
def group_norm(
    input: Operand, num_groups: int, weight: Operand | None = None, bias: Operand | None = None, eps: float = 1e-5
) -> Variable:
    """Normalise each group of channels of each sample.

    Parameters
    ----------
    input : Variable or array_like
        Of shape `(n, channels, ...)`.
    num_groups : int
        Which divides the number of channels.
    weight, bias : Variable or array_like, optional
        Of shape `(channels,)`.
    eps : float

    References
    ----------
    Y. Wu, K. He, "Group normalization", 2018.

    Examples
    --------
    >>> import graph_engine as ge
    >>> y = ge.nn.group_norm([[1.0, 3.0, 10.0, 20.0]], 2, eps=0.0)
    >>> ge.Engine("numpy").run(y).tolist()
    [[-1.0, 1.0, -1.0, 1.0]]
    """
    x = as_float(input)
    channels = _channels(x)
    if num_groups < 1 or channels % num_groups:
        raise ShapeError(f"{channels} channels are not divided evenly into {num_groups} groups")
    groups = (num_groups, channels // num_groups)
    grouped = reshape(x, (x.shape[0], *groups, *x.shape[2:]))
    ones_behind = (1,) * (x.ndim - 2)
    affine = [_of_channels(v, channels, (*groups, *ones_behind)) for v in _affine(weight, bias, x)]
    axes = tuple(range(2, grouped.ndim))
    return reshape(Standardize(axes, float(eps))(grouped, *affine), x.shape)


@composite
@located
def instance_norm(
    input: Operand,
    running_mean: Operand | None = None,
    running_var: Operand | None = None,
    weight: Operand | None = None,
    bias: Operand | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Variable:
    """Normalise each channel of each sample.

    Parameters
    ----------
    input : Variable or array_like
        Of shape `(n, channels, ...)`, with one dimension or more behind the channels.
    running_mean, running_var : Variable or array_like, optional
        Used in place of the input's where `use_input_stats` is false.
    weight, bias : Variable or array_like, optional
        Of shape `(channels,)`.
    use_input_stats : bool
    momentum : float
        As for `batch_norm`: it changes nothing here.
    eps : float

    References
    ----------
    D. Ulyanov, A. Vedaldi, V. Lempitsky, "Instance normalization", 2016.

    Examples
    --------
    >>> import graph_engine as ge
    >>> y = ge.nn.instance_norm([[[1.0, 3.0], [10.0, 20.0]]], eps=0.0)
    >>> ge.Engine("numpy").run(y).tolist()
    [[[-1.0, 1.0], [-1.0, 1.0]]]
    """
    x = as_float(input)
    if not use_input_stats:
        return batch_norm(x, running_mean, running_var, weight, bias, eps=eps)
    channels = _channels(x)
    if x.ndim < 3 or set(x.shape[2:]) == {1}:
        raise ShapeError(f"one value for each channel of a sample has no variance: x has shape {show_shape(x.shape)}")
    each = (channels, *(1,) * (x.ndim - 2))
    affine = [_of_channels(v, channels, each) for v in _affine(weight, bias, x)]
    return Standardize(tuple(range(2, x.ndim)), float(eps))(x, *affine)


@composite
@located
def normalize(input: Operand, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Variable:
    """Divide vectors by their length: x / max(‖x‖ₚ, eps). A vector shorter than `eps` is divided by `eps`.

    Parameters
    ----------
    input : Variable or array_like
    p : float
        Which length: 2 is Euclid's, 1 the sum of the absolute values, infinity the largest of them.
    dim : int
        The dimension that the vectors lie along.
    eps : float

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.Engine("numpy").run(ge.nn.normalize([[3.0, 4.0]])).tolist()
    [[0.6000000238418579, 0.800000011920929]]
    """
    x = as_float(input)
    if not p > 0:
        raise DeclarationError(f"a length is of an order p > 0, not {p!r}", "2 is the usual one")
    # the bound goes under the root, so that the slope of the root at 0 meets nobody
    if p == 2:
        return divide(x, sqrt(maximum(sum(square(x), dim, keepdims=True), eps**2)))
    if math.isinf(p):
        return divide(x, maximum(max(abs(x), dim, keepdims=True), eps))
    total = sum(abs(x) if p == 1 else pow(abs(x), float(p)), dim, keepdims=True)
    return divide(x, maximum(total, eps) if p == 1 else pow(maximum(total, eps**p), 1 / p))


# ---- arguments -------------------------------------------------------------------------------------------------


def _affine(weight: Operand | None, bias: Operand | None, x: Variable) -> list[Variable]:
    """Return the weight and the bias that are there; a bias alone goes with a weight of ones."""
    if weight is None and bias is not None:
        bias = as_variable(bias)
        weight = ones(bias.shape, x.dtype)
    return [as_variable(v) for v in (weight, bias) if v is not None]


def _last(x: Variable, normalized_shape: Any, *affine: Operand | None) -> tuple[int, ...]:
    """Check that these are the last dimensions, and return them, counted from the end."""
    shape = as_shape(normalized_shape)
    if not shape or x.shape[-len(shape) :] != shape:
        raise ShapeError(
            f"the last dimensions of shape {show_shape(x.shape)} are not the normalised ones, {show_shape(shape)}"
        )
    for v in affine:
        if v is not None and as_variable(v).shape != shape:
            raise ShapeError(f"a weight or bias of shape {show_shape(as_variable(v).shape)} is not {show_shape(shape)}")
    return tuple(range(-len(shape), 0))


def _channels(x: Variable) -> int:
    if x.ndim < 2 or not isinstance(x.shape[1], int):
        raise ShapeError(
            f"x of shape {show_shape(x.shape)} has no known number of channels", "its shape is (n, channels, ...)"
        )
    return x.shape[1]


def _of_channels(v: Variable, channels: int, shape: Shape) -> Variable:
    if v.shape != (channels,):
        raise ShapeError(f"a weight or bias of shape {show_shape(v.shape)} is not one number for {channels} channels")
    return reshape(v, shape)
