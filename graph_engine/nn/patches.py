"""What windows over an image see: columns of patches, layers without shared weights, a convolution as a matrix."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graph_engine.declaring import located
from graph_engine.dims import product
from graph_engine.errors import ShapeError
from graph_engine.nn.spatial import Sizes, as_given, batched, padding_pairs, per_dimension
from graph_engine.node import Operand, Variable
from graph_engine.primitives import add, einsum, expand_dims, reshape, squeeze
from graph_engine.primitives.common import as_float, as_variable
from graph_engine.primitives.convolution import Convolution, Fold, Unfold
from graph_engine.primitives.convolution.windows import Windows
from graph_engine.source import composite
from graph_engine.spec import Spec, show_shape


@composite
@located
def unfold(
    input: Operand, kernel_size: Sizes, dilation: Sizes = 1, padding: Sizes = 0, stride: Sizes = 1
) -> Variable:
    """Return what lies in each window as one column (im2col).

    Parameters
    ----------
    input : Variable or array_like
        Of shape `(batch, channels, height, width)`, or without the batch.
    kernel_size : int or tuple of int
        A tuple of another length than 2 is for images of as many dimensions.
    dilation, padding, stride : int or tuple of int

    Returns
    -------
    Variable
        Of shape `(batch, channels * elements of the kernel, number of windows)`.

    Examples
    --------
    >>> import graph_engine as ge
    >>> columns = ge.nn.unfold([[[1, 2, 3], [4, 5, 6]]], kernel_size=2)
    >>> ge.Engine("numpy").run(columns).tolist()
    [[1, 2], [2, 3], [4, 5], [5, 6]]
    """
    n = _spatial(kernel_size)
    x = as_variable(input)
    given = expand_dims(x, 0) if x.ndim == n + 1 else x
    result: Variable = Unfold(*_windows(n, kernel_size, dilation, padding, stride))(given)
    return squeeze(result, 0) if x.ndim == n + 1 else result


@composite
@located
def fold(
    input: Operand, output_size: Sizes, kernel_size: Sizes, dilation: Sizes = 1, padding: Sizes = 0,
    stride: Sizes = 1,
) -> Variable:  # fmt: skip
    """Put columns back where `unfold` takes them from; where windows overlap, they add up (col2im).

    Parameters
    ----------
    input : Variable or array_like
        Of shape `(batch, channels * elements of the kernel, number of windows)`, or without the batch.
    output_size : int or tuple of int
        The image's height and width.
    kernel_size, dilation, padding, stride
        As for `unfold`.

    Examples
    --------
    >>> import graph_engine as ge
    >>> image = ge.nn.fold(ge.nn.unfold([[[1, 2, 3], [4, 5, 6]]], kernel_size=2), (2, 3), kernel_size=2)
    >>> ge.Engine("numpy").run(image).tolist()
    [[[1, 4, 3], [4, 10, 6]]]
    """
    n = _spatial(kernel_size)
    x = as_variable(input)
    size = per_dimension("output_size", output_size, n)
    given = expand_dims(x, 0) if x.ndim == 2 else x
    strides, pairs, dilations, kernel = _windows(n, kernel_size, dilation, padding, stride)
    result: Variable = Fold(strides, pairs, dilations, kernel, size)(given)
    return squeeze(result, 0) if x.ndim == 2 else result


@composite
@located
def locally_connected1d(
    input: Operand, weight: Operand, bias: Operand | None = None, stride: Sizes = 1, padding: Sizes | str = 0,
    dilation: Sizes = 1,
) -> Variable:  # fmt: skip
    """Slide over a line with a kernel of its own at each place.

    Parameters
    ----------
    input : Variable or array_like
        Of shape `(batch, in_channels, length)`, or without the batch.
    weight : Variable or array_like
        Of shape `(out_channels, in_channels, kernel, windows)`.
    bias : Variable or array_like, optional
        Of shape `(out_channels, windows)`.
    stride, padding, dilation
        As for `conv1d`.

    Examples
    --------
    >>> import graph_engine as ge
    >>> y = ge.nn.locally_connected1d([[1.0, 2.0, 4.0]], [[[[1.0, 0.0], [0.0, 1.0]]]])
    >>> ge.Engine("numpy").run(y).tolist()
    [[1.0, 4.0]]
    """
    return _connect(1, input, weight, bias, stride, padding, dilation)


@composite
@located
def locally_connected2d(
    input: Operand, weight: Operand, bias: Operand | None = None, stride: Sizes = 1, padding: Sizes | str = 0,
    dilation: Sizes = 1,
) -> Variable:  # fmt: skip
    """Slide over images as `conv2d` does, with a kernel of its own at each place: weights are not shared.

    Parameters
    ----------
    input : Variable or array_like
        Images of shape `(batch, in_channels, height, width)`, or one image without the batch.
    weight : Variable or array_like
        Of shape `(out_channels, in_channels, *kernel, *windows)`: those of `conv2d`, and behind them one dimension
        for each of the image's, as long as there are windows.
    bias : Variable or array_like, optional
        Of shape `(out_channels, *windows)`.
    stride, padding, dilation
        As for `conv2d`.

    Examples
    --------
    >>> import graph_engine as ge
    >>> image, weight = ge.input("image", ("batch", 1, 200, 200)), ge.input("weight", (1, 1, 10, 10, 200, 200))
    >>> ge.nn.locally_connected2d(image, weight, padding="same").shape, weight.spec.size
    (('batch', 1, 200, 200), 4000000)
    """
    return _connect(2, input, weight, bias, stride, padding, dilation)


def _connect(
    n: int, input: Operand, weight: Operand, bias: Operand | None, stride: Sizes, padding: Sizes | str,
    dilation: Sizes,
) -> Variable:  # fmt: skip
    x, w = batched(input, n), as_float(weight)
    if w.ndim != 2 * n + 2 or w.shape[1] != x.shape[1]:
        raise ShapeError(
            f"weights of shape {show_shape(w.shape)} do not go with images of shape {show_shape(x.shape)}",
            "weights have the shape (out_channels, in_channels, *kernel, *windows)",
        )
    out, kernel, counts = w.shape[0], w.shape[2 : n + 2], w.shape[n + 2 :]
    strides, dilations = per_dimension("stride", stride, n, 1), per_dimension("dilation", dilation, n, 1)
    pairs = padding_pairs(padding, kernel, strides, dilations)
    Windows(kernel, strides, pairs, dilations).check(x.shape[2:], counts)
    patches = Unfold(strides, pairs, dilations, kernel)(x)
    rows = reshape(w, (out, x.shape[1] * product(kernel), product(counts)))
    result = reshape(einsum("nkl,okl->nol", patches, rows), (x.shape[0], out, *counts))
    if bias is not None:
        offset = as_float(bias)
        if offset.shape != (out, *counts):
            raise ShapeError(f"the bias has the shape {show_shape((out, *counts))}, not {show_shape(offset.shape)}")
        result = add(result, offset)
    return as_given(result, input)


@located
def convolution_matrix(
    weight: Any, input_shape: Any, stride: Sizes = 1, padding: Sizes | str = 0, dilation: Sizes = 1, groups: int = 1
) -> np.ndarray[Any, Any]:
    """Return the matrix U that a convolution is, as a NumPy array: U @ image.ravel() is the flattened result.

    Parameters
    ----------
    weight : array_like
        Of shape `(out_channels, in_channels/groups, *kernel)`; one kernel by itself may be without both channels.
    input_shape : tuple of int
        Of shape `(in_channels, *size)`, or `size` alone where there is one channel.
    stride, padding, dilation, groups
        As for `conv2d`.

    Returns
    -------
    numpy.ndarray
        Of shape `(elements of the result, elements of the image)`.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.nn.convolution_matrix([[3, 2], [5, 1]], (3, 3))
    array([[3, 2, 0, 5, 1, 0, 0, 0, 0],
           [0, 3, 2, 0, 5, 1, 0, 0, 0],
           [0, 0, 0, 3, 2, 0, 5, 1, 0],
           [0, 0, 0, 0, 3, 2, 0, 5, 1]])
    """
    kernels, shape = np.asarray(weight), per_dimension("input_shape", input_shape, np.size(input_shape))
    if kernels.ndim == len(shape):
        kernels = kernels[None, None]
    if kernels.ndim == len(shape) + 2:
        shape = (1, *shape)
    strides = per_dimension("stride", stride, len(shape) - 1, 1)
    dilations = per_dimension("dilation", dilation, len(shape) - 1, 1)
    pairs = padding_pairs(padding, kernels.shape[2:], strides, dilations)
    convolution = Convolution(strides, pairs, dilations, groups)
    convolution.infer(Spec((1, *shape)), Spec(kernels.shape))
    size = math.prod(shape)
    columns = convolution.kernel(np, np.eye(size, dtype=kernels.dtype).reshape(size, *shape), kernels)
    return np.array(columns.reshape(size, -1).T, order="C")


def _spatial(kernel_size: Sizes) -> int:
    return len(kernel_size) if isinstance(kernel_size, (tuple, list)) and len(kernel_size) > 1 else 2


def _windows(n: int, kernel_size: Sizes, dilation: Sizes, padding: Sizes, stride: Sizes) -> Any:
    """Return the attributes of `Unfold`."""
    kernel = per_dimension("kernel_size", kernel_size, n, 1)
    widths = per_dimension("padding", padding, n)
    strides, dilations = per_dimension("stride", stride, n, 1), per_dimension("dilation", dilation, n, 1)
    return strides, tuple((width, width) for width in widths), dilations, kernel
