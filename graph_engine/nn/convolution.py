"""Convolutions and transposed convolutions in one, two and three dimensions, under PyTorch's names."""

from __future__ import annotations

from graph_engine.declaring import located
from graph_engine.errors import DeclarationError, ShapeError
from graph_engine.nn.spatial import Sizes, as_given, as_weight, batched, padding_pairs, per_dimension
from graph_engine.node import Operand, Variable
from graph_engine.primitives import flip as reverse
from graph_engine.primitives.convolution import Convolution, ConvolutionTranspose
from graph_engine.source import composite


@composite
@located
def conv1d(
    input: Operand, weight: Operand, bias: Operand | None = None, stride: Sizes = 1, padding: Sizes | str = 0,
    dilation: Sizes = 1, groups: int = 1, *, flip: bool = False,
) -> Variable:  # fmt: skip
    """Slide kernels along a line of `length` elements; everything else is as for `conv2d`.

    Parameters
    ----------
    input : Variable or array_like
        Of shape `(batch, in_channels, length)` or `(in_channels, length)`.
    weight : Variable or array_like
        Of shape `(out_channels, in_channels/groups, kernel)`.
    bias, stride, padding, dilation, groups, flip
        As for `conv2d`.

    Examples
    --------
    >>> import graph_engine as ge
    >>> y = ge.nn.conv1d([[1.0, 2.0, 4.0]], [[[1.0, -1.0]]])
    >>> ge.Engine("numpy").run(y).tolist()
    [[-1.0, -2.0]]
    """
    return _convolve(1, input, weight, bias, stride, padding, dilation, groups, flip)


@composite
@located
def conv2d(
    input: Operand, weight: Operand, bias: Operand | None = None, stride: Sizes = 1, padding: Sizes | str = 0,
    dilation: Sizes = 1, groups: int = 1, *, flip: bool = False,
) -> Variable:  # fmt: skip
    """Slide kernels over images: each output is the weighted sum of what lies in a window, plus a bias.

    Along each dimension there are floor((size + 2*padding - dilation*(kernel - 1) - 1)/stride + 1) windows.

    Parameters
    ----------
    input : Variable or array_like
        Images of shape `(batch, in_channels, height, width)`, or one image without the batch.
    weight : Variable or array_like
        Of shape `(out_channels, in_channels/groups, kernel height, kernel width)`.
    bias : Variable or array_like, optional
        Of shape `(out_channels,)`.
    stride : int or tuple of int
        How far windows lie apart.
    padding : int, tuple of int, "valid" or "same"
        How many zeros there are on each side; "valid" is none, "same" as many as keep the size (at stride 1).
    dilation : int or tuple of int
        How far the elements of one window lie apart.
    groups : int
        Into how many parts the channels are split; each part of the output sees one part of the input.
    flip : bool
        Networks do not flip the kernel: what they call a convolution is a cross-correlation (the default). True is the
        convolution of mathematics and signal processing, with the kernel reversed along its spatial dimensions.

    Raises
    ------
    ShapeError
        Where the channels do not fit, or the kernel is larger than the padded image.

    Examples
    --------
    >>> import graph_engine as ge
    >>> image, kernel = [[[4.0, 6, 3], [8, 5, 1], [2, 4, 6]]], [[[[3.0, 2], [5, 1]]]]
    >>> ge.Engine("numpy").run(ge.nn.conv2d(image, kernel)).tolist()
    [[[69.0, 50.0], [48.0, 43.0]]]
    >>> ge.Engine("numpy").run(ge.nn.conv2d(image, kernel, flip=True)).tolist()
    [[[65.0, 34.0], [49.0, 36.0]]]
    """
    return _convolve(2, input, weight, bias, stride, padding, dilation, groups, flip)


@composite
@located
def conv3d(
    input: Operand, weight: Operand, bias: Operand | None = None, stride: Sizes = 1, padding: Sizes | str = 0,
    dilation: Sizes = 1, groups: int = 1, *, flip: bool = False,
) -> Variable:  # fmt: skip
    """Slide kernels through volumes; everything else is as for `conv2d`.

    Parameters
    ----------
    input : Variable or array_like
        Of shape `(batch, in_channels, depth, height, width)`, or one volume without the batch.
    weight : Variable or array_like
        Of shape `(out_channels, in_channels/groups, *kernel)`.
    bias, stride, padding, dilation, groups, flip
        As for `conv2d`.

    Examples
    --------
    >>> import graph_engine as ge
    >>> clip = ge.input("clip", ("batch", 3, 16, 112, 112))
    >>> ge.nn.conv3d(clip, ge.input("weight", (64, 3, 3, 3, 3)), padding=1).shape
    ('batch', 64, 16, 112, 112)
    """
    return _convolve(3, input, weight, bias, stride, padding, dilation, groups, flip)


@composite
@located
def conv_transpose1d(
    input: Operand, weight: Operand, bias: Operand | None = None, stride: Sizes = 1, padding: Sizes = 0,
    output_padding: Sizes = 0, groups: int = 1, dilation: Sizes = 1,
) -> Variable:  # fmt: skip
    """Spread each element of a line over a window; everything else is as for `conv_transpose2d`.

    Parameters
    ----------
    input : Variable or array_like
        Of shape `(batch, in_channels, length)` or `(in_channels, length)`.
    weight : Variable or array_like
        Of shape `(in_channels, out_channels/groups, kernel)`.
    bias, stride, padding, output_padding, groups, dilation
        As for `conv_transpose2d`.

    Examples
    --------
    >>> import graph_engine as ge
    >>> y = ge.nn.conv_transpose1d([[1.0, 2.0]], [[[1.0, 10.0]]], stride=2)
    >>> ge.Engine("numpy").run(y).tolist()
    [[1.0, 10.0, 2.0, 20.0]]
    """
    return _spread(1, input, weight, bias, stride, padding, output_padding, groups, dilation)


@composite
@located
def conv_transpose2d(
    input: Operand, weight: Operand, bias: Operand | None = None, stride: Sizes = 1, padding: Sizes = 0,
    output_padding: Sizes = 0, groups: int = 1, dilation: Sizes = 1,
) -> Variable:  # fmt: skip
    """Spread each element over a window, weighted by the kernel; where windows overlap, they add up.

    It is the gradient of `conv2d` in its images, used as a layer that makes images larger: to the size
    (size - 1)*stride - 2*padding + dilation*(kernel - 1) + output_padding + 1.

    Parameters
    ----------
    input : Variable or array_like
        Images of shape `(batch, in_channels, height, width)`, or one image without the batch.
    weight : Variable or array_like
        Of shape `(in_channels, out_channels/groups, kernel height, kernel width)`.
    bias : Variable or array_like, optional
        Of shape `(out_channels,)`.
    stride : int or tuple of int
        How far windows lie apart in the result.
    padding : int or tuple of int
        How many elements are left out on each side of the result.
    output_padding : int or tuple of int
        How many more elements the result has at its end; smaller than the stride or the dilation.
    groups : int
    dilation : int or tuple of int

    Examples
    --------
    >>> import graph_engine as ge
    >>> small = ge.input("small", ("batch", 16, 14, 14))
    >>> weight = ge.input("weight", (16, 8, 3, 3))
    >>> ge.nn.conv_transpose2d(small, weight, stride=2, padding=1, output_padding=1).shape
    ('batch', 8, 28, 28)
    """
    return _spread(2, input, weight, bias, stride, padding, output_padding, groups, dilation)


@composite
@located
def conv_transpose3d(
    input: Operand, weight: Operand, bias: Operand | None = None, stride: Sizes = 1, padding: Sizes = 0,
    output_padding: Sizes = 0, groups: int = 1, dilation: Sizes = 1,
) -> Variable:  # fmt: skip
    """Spread each element of a volume over a window; everything else is as for `conv_transpose2d`.

    Parameters
    ----------
    input : Variable or array_like
        Of shape `(batch, in_channels, depth, height, width)`, or one volume without the batch.
    weight : Variable or array_like
        Of shape `(in_channels, out_channels/groups, *kernel)`.
    bias, stride, padding, output_padding, groups, dilation
        As for `conv_transpose2d`.

    Examples
    --------
    >>> import graph_engine as ge
    >>> small, weight = ge.input("small", ("batch", 4, 2, 3, 3)), ge.input("weight", (4, 1, 2, 2, 2))
    >>> ge.nn.conv_transpose3d(small, weight, stride=2).shape
    ('batch', 1, 4, 6, 6)
    """
    return _spread(3, input, weight, bias, stride, padding, output_padding, groups, dilation)


def _convolve(
    n: int, input: Operand, weight: Operand, bias: Operand | None, stride: Sizes, padding: Sizes | str,
    dilation: Sizes, groups: int, flip: bool,
) -> Variable:  # fmt: skip
    x, weight = batched(input, n), as_weight(weight, n)
    strides, dilations = per_dimension("stride", stride, n, 1), per_dimension("dilation", dilation, n, 1)
    pairs = padding_pairs(padding, weight.shape[2:], strides, dilations)
    if flip:
        weight = reverse(weight, axis=tuple(range(2, n + 2)))
    convolution = Convolution(strides, pairs, dilations, groups)
    return as_given(convolution(x, weight, *([] if bias is None else [bias])), input)


def _spread(
    n: int, input: Operand, weight: Operand, bias: Operand | None, stride: Sizes, padding: Sizes,
    output_padding: Sizes, groups: int, dilation: Sizes,
) -> Variable:  # fmt: skip
    x, weight = batched(input, n), as_weight(weight, n)
    strides, dilations = per_dimension("stride", stride, n, 1), per_dimension("dilation", dilation, n, 1)
    paddings, extras = per_dimension("padding", padding, n), per_dimension("output_padding", output_padding, n)
    pairs, sizes = [], []
    for m, k, s, d, p, extra in zip(x.shape[2:], weight.shape[2:], strides, dilations, paddings, extras, strict=True):
        if extra >= max(s, d):
            raise DeclarationError(f"output_padding {extra} is not smaller than the stride {s} or the dilation {d}")
        sizes.append((m - 1) * s - 2 * p + d * (k - 1) + extra + 1)
        if isinstance(sizes[-1], int) and sizes[-1] < 1:
            raise ShapeError(
                f"nothing is left of it: ({m} - 1)*{s} - 2*{p} + {d}*({k} - 1) + {extra} + 1 = {sizes[-1]}",
                "make the padding smaller",
            )
        pairs.append((p, p - extra // s * s))  # whole strides at the end would be more windows: they are cut off
    convolution = ConvolutionTranspose(strides, tuple(pairs), dilations, groups, tuple(sizes))
    return as_given(convolution(x, weight, *([] if bias is None else [bias])), input)
