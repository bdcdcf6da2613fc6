"""Pooling between the mean and the largest: Lp norms and softmax pooling."""

from __future__ import annotations

import math

from graph_engine.declaring import located
from graph_engine.dims import Dim, product
from graph_engine.errors import DeclarationError, ShapeError
from graph_engine.nn.pooling import Numbers, as_image, avg_pool, kernel_and_stride
from graph_engine.node import Operand, Variable
from graph_engine.operands import constant
from graph_engine.primitives import equal, multiply, permute_dims, pow, reshape, softmax, sum, where
from graph_engine.primitives.common import as_float
from graph_engine.primitives.gathering import Take
from graph_engine.primitives.pooling.windows import pooled_shape, strided_windows
from graph_engine.source import composite
from graph_engine.spec import show_shape


@composite
@located
def lp_pool1d(
    input: Operand, norm_type: float, kernel_size: Numbers, stride: Numbers | None = None, ceil_mode: bool = False
) -> Variable:
    """Return the p-norm of each window of signals (N, C, L); see `lp_pool2d`."""
    return _lp_pool(1, input, norm_type, kernel_size, stride, ceil_mode)


@composite
@located
def lp_pool2d(
    input: Operand, norm_type: float, kernel_size: Numbers, stride: Numbers | None = None, ceil_mode: bool = False
) -> Variable:
    """Return (Σ x^p)^(1/p) of each window of images; the gradient where the sum is 0 is 0.

    Parameters
    ----------
    input : Variable or array_like
        Of shape (N, C, H, W) or (C, H, W).
    norm_type : float
        p: 1 is a sum, the larger the nearer to the largest. As in PyTorch, x^p keeps its sign where p is odd.
    kernel_size, stride, ceil_mode
        As for `max_pool2d`; as in PyTorch, a window that reaches beyond the end is scaled up to a whole one.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.Engine("numpy").run(ge.nn.lp_pool2d([[[3.0, 4.0]]], 2, (1, 2))).tolist()
    [[[5.0]]]
    """
    return _lp_pool(2, input, norm_type, kernel_size, stride, ceil_mode)


@composite
@located
def lp_pool3d(
    input: Operand, norm_type: float, kernel_size: Numbers, stride: Numbers | None = None, ceil_mode: bool = False
) -> Variable:
    """Return the p-norm of each window of volumes (N, C, D, H, W); see `lp_pool2d`."""
    return _lp_pool(3, input, norm_type, kernel_size, stride, ceil_mode)


def _lp_pool(
    n: int, input: Operand, norm_type: float, kernel_size: Numbers, stride: Numbers | None, ceil_mode: bool
) -> Variable:
    if norm_type == 0:
        raise DeclarationError("the norm needs a norm_type other than 0")
    kernel, _ = kernel_and_stride(kernel_size, stride, n)
    means = avg_pool(n, pow(as_float(input), norm_type), kernel_size, stride, 0, ceil_mode, True, None)
    sums = multiply(means, math.prod(kernel))
    empty = equal(sums, 0)  # a root has no derivative at 0
    return where(empty, 0, pow(where(empty, 1, sums), 1 / norm_type))


@composite
@located
def softmax_pool1d(input: Operand, kernel_size: Numbers, stride: Numbers | None = None, *, beta: float = 1) -> Variable:
    """Return the mean of each window of signals (N, C, L), weighted by its softmax; see `softmax_pool2d`."""
    return _softmax_pool(1, input, kernel_size, stride, beta)


@composite
@located
def softmax_pool2d(input: Operand, kernel_size: Numbers, stride: Numbers | None = None, *, beta: float = 1) -> Variable:
    """Return the mean of each window of images, weighted by its softmax: Σ softmax(beta x)_i x_i.

    Between the mean (beta = 0) and the largest (beta large); every element of a window has some of the gradient.
    Source: Stergiou, Poppe, Kalliatakis, "Refining activation downsampling with SoftPool", ICCV 2021.

    Parameters
    ----------
    input : Variable or array_like
        Of shape (N, C, H, W) or (C, H, W), H and W known.
    kernel_size, stride
        As for `max_pool2d`.
    beta : float

    Examples
    --------
    >>> import graph_engine as ge
    >>> pooled = ge.nn.softmax_pool2d([[[0.0, 1.0]]], (1, 2))
    >>> round(ge.Engine("numpy").run(pooled).item(), 4)
    0.7311
    """
    return _softmax_pool(2, input, kernel_size, stride, beta)


@composite
@located
def softmax_pool3d(input: Operand, kernel_size: Numbers, stride: Numbers | None = None, *, beta: float = 1) -> Variable:
    """Return the mean of each window of volumes (N, C, D, H, W), weighted by its softmax; see `softmax_pool2d`."""
    return _softmax_pool(3, input, kernel_size, stride, beta)


def _softmax_pool(n: int, input: Operand, kernel_size: Numbers, stride: Numbers | None, beta: float) -> Variable:
    x = as_image(as_float(input), n)
    windows = _spread_out(x, *kernel_and_stride(kernel_size, stride, n))
    scores = windows if beta == 1 else multiply(windows, beta)
    return sum(multiply(softmax(scores, -1), windows), axis=-1)


def _spread_out(x: Variable, kernel: tuple[int, ...], stride: tuple[int, ...]) -> Variable:
    """Return every window's elements in a new last dimension."""
    n, split = len(kernel), x.ndim - len(kernel)
    rules = strided_windows(kernel, stride, (0,) * n, (1,) * n, False)
    if any(isinstance(size, Dim) for size in x.shape[split:]):
        raise ShapeError(f"the sizes of the image must be known, and {show_shape(x.shape)} has names for them")
    shape = (*pooled_shape(x.shape, rules), product(kernel))
    for position, rule in enumerate(rules):  # each dimension becomes two: which window, and where in it
        axis = split + 2 * position
        x = Take(axis)(x, constant(rule.places(int(x.shape[axis])).T))
    order = [*range(split), *range(split, x.ndim, 2), *range(split + 1, x.ndim, 2)]
    return reshape(permute_dims(x, order), shape)
