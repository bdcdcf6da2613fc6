"""Max and average pooling. Names, arguments and defaults are PyTorch's; images without a batch dimension are fine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graph_engine.declaring import located
from graph_engine.errors import ShapeError
from graph_engine.nn.spatial import per_dimension
from graph_engine.node import Operand, Variable
from graph_engine.primitives.common import as_float, as_variable
from graph_engine.primitives.pooling import AvgPool, MaxPool, MaxPoolPlaces
from graph_engine.source import composite
from graph_engine.spec import show_shape

Numbers = int | Sequence[int]

# ---- the largest -----------------------------------------------------------------------------------------------


@composite
@located
def max_pool1d(
    input: Operand, kernel_size: Numbers, stride: Numbers | None = None, padding: Numbers = 0, dilation: Numbers = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Any:  # fmt: skip
    """Return the largest of each window of signals (N, C, L); see `max_pool2d`."""
    return _max_pool(1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


@composite
@located
def max_pool2d(
    input: Operand, kernel_size: Numbers, stride: Numbers | None = None, padding: Numbers = 0, dilation: Numbers = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Any:  # fmt: skip
    """Return the largest of each window of images.

    Of tied ones the first in reading order has the whole gradient. Padding never wins, NaN does.

    Parameters
    ----------
    input : Variable or array_like
        Of shape (N, C, H, W) or (C, H, W).
    kernel_size : int or tuple of int
        How large a window is.
    stride : int or tuple of int, optional
        How far the next window is; by default windows lie side by side.
    padding : int or tuple of int
        How many elements, smaller than anything, stand on each side; up to half a window.
    dilation : int or tuple of int
        How far the elements of a window are apart.
    ceil_mode : bool
        Whether a last window that begins inside may reach beyond the end.
    return_indices : bool
        Whether to return also where the maxima are, int64, counted in the flattened H x W; `max_unpool2d` takes them.

    Returns
    -------
    Variable, or pair of Variable
        With floor((H + 2 padding - dilation (kernel_size - 1) - 1) / stride + 1) rows, columns likewise.

    Examples
    --------
    >>> import graph_engine as ge
    >>> image = ge.constant([[[2, 3, 2, 0], [5, -2, 2, 8], [-1, -6, 7, 3], [-4, -5, 4, 2]]])
    >>> ge.Engine("numpy").run(ge.nn.max_pool2d(image, 2)).tolist()
    [[[5, 8], [-1, 7]]]
    """
    return _max_pool(2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


@composite
@located
def max_pool3d(
    input: Operand, kernel_size: Numbers, stride: Numbers | None = None, padding: Numbers = 0, dilation: Numbers = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Any:  # fmt: skip
    """Return the largest of each window of volumes (N, C, D, H, W); see `max_pool2d`."""
    return _max_pool(3, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def _max_pool(
    n: int, input: Operand, kernel_size: Numbers, stride: Numbers | None, padding: Numbers, dilation: Numbers,
    ceil_mode: bool, return_indices: bool,
) -> Variable | tuple[Variable, Variable]:  # fmt: skip
    x = as_image(as_variable(input), n)
    kernel, step = kernel_and_stride(kernel_size, stride, n)
    width, spacing = per_dimension("padding", padding, n), per_dimension("dilation", dilation, n, 1)
    windows = (kernel, step, width, spacing, bool(ceil_mode))
    largest: Variable = MaxPool(*windows)(x)
    return (largest, MaxPoolPlaces(*windows)(x)) if return_indices else largest


# ---- the mean --------------------------------------------------------------------------------------------------


@located
def avg_pool1d(
    input: Operand, kernel_size: Numbers, stride: Numbers | None = None, padding: Numbers = 0,
    ceil_mode: bool = False, count_include_pad: bool = True,
) -> Variable:  # fmt: skip
    """Return the mean of each window of signals (N, C, L); see `avg_pool2d`."""
    return avg_pool(1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None)


@located
def avg_pool2d(
    input: Operand, kernel_size: Numbers, stride: Numbers | None = None, padding: Numbers = 0,
    ceil_mode: bool = False, count_include_pad: bool = True, divisor_override: int | None = None,
) -> Variable:  # fmt: skip
    """Return the mean of each window of images.

    Parameters
    ----------
    input : Variable or array_like
        Of shape (N, C, H, W) or (C, H, W).
    kernel_size, stride, padding, ceil_mode
        As for `max_pool2d`; padding is zeros.
    count_include_pad : bool
        Whether these zeros count in the mean.
    divisor_override : int, optional
        What the sum of a window is divided by, instead of how many elements count.

    Examples
    --------
    >>> import graph_engine as ge
    >>> image = ge.constant([[[2.0, 3.0, 2.0, 0.0], [5.0, -2.0, 2.0, 8.0]]])
    >>> ge.Engine("numpy").run(ge.nn.avg_pool2d(image, 2)).tolist()
    [[[2.0, 3.0]]]
    """
    return avg_pool(2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


@located
def avg_pool3d(
    input: Operand, kernel_size: Numbers, stride: Numbers | None = None, padding: Numbers = 0,
    ceil_mode: bool = False, count_include_pad: bool = True, divisor_override: int | None = None,
) -> Variable:  # fmt: skip
    """Return the mean of each window of volumes (N, C, D, H, W); see `avg_pool2d`."""
    return avg_pool(3, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def avg_pool(
    n: int, input: Operand, kernel_size: Numbers, stride: Numbers | None, padding: Numbers,
    ceil_mode: bool, count_include_pad: bool, divisor_override: int | None,
) -> Variable:  # fmt: skip
    """Return the mean of each window of n dimensions."""
    x = as_image(as_float(input), n)
    kernel, step = kernel_and_stride(kernel_size, stride, n)
    width = per_dimension("padding", padding, n)
    pool = AvgPool(kernel, step, width, bool(ceil_mode), bool(count_include_pad), divisor_override)
    result: Variable = pool(x)
    return result


# ---- reading arguments -----------------------------------------------------------------------------------------


def as_image(x: Variable, n: int) -> Variable:
    """Return a variable after a check that it has n dimensions behind channels, or behind batch and channels."""
    if x.ndim not in (n + 1, n + 2):
        shape = ("N, C, L", "N, C, H, W", "N, C, D, H, W")[n - 1]
        raise ShapeError(f"the input has the shape ({shape}) or the same without N, not {show_shape(x.shape)}")
    return x


def kernel_and_stride(kernel_size: Any, stride: Any, n: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Read both; without a stride windows lie side by side."""
    kernel = per_dimension("kernel_size", kernel_size, n, 1)
    return kernel, kernel if stride is None else per_dimension("stride", stride, n, 1)
