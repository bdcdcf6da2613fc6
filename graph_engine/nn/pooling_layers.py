"""Pooling as layers, under PyTorch's names. They have no parameters and stand in the scope of the layers around."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graph_engine.nn.adaptive_pooling import (
    Sizes,
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    adaptive_max_pool3d,
)
from graph_engine.nn.applied import Applied
from graph_engine.nn.pooling import (
    Numbers,
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    max_pool1d,
    max_pool2d,
    max_pool3d,
)
from graph_engine.nn.smooth_pooling import (
    lp_pool1d,
    lp_pool2d,
    lp_pool3d,
    softmax_pool1d,
    softmax_pool2d,
    softmax_pool3d,
)
from graph_engine.nn.upsampling import max_unpool1d, max_unpool2d, max_unpool3d
from graph_engine.node import Operand


class WithOptions(Applied):
    """A layer that applies one function, and says with which options."""

    def _about(self) -> str:
        return f": {', '.join(f'{name}={value}' for name, value in self.options.items())}"


class _MaxPool(WithOptions):
    def __init__(
        self, kernel_size: Numbers, stride: Numbers | None = None, padding: Numbers = 0, dilation: Numbers = 1,
        return_indices: bool = False, ceil_mode: bool = False, *, name: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(
            name=name, kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation,
            ceil_mode=ceil_mode, return_indices=return_indices,
        )  # fmt: skip


class MaxPool1d(_MaxPool):
    """The largest of each window of signals; parameters as of `max_pool1d`."""

    function = max_pool1d


class MaxPool2d(_MaxPool):
    """The largest of each window of images; parameters as of `max_pool2d`.

    Examples
    --------
    >>> import graph_engine as ge
    >>> pool = ge.nn.MaxPool2d(2)
    >>> pool(ge.input("images", ("batch", 3, 28, 28))).shape
    ('batch', 3, 14, 14)
    """

    function = max_pool2d


class MaxPool3d(_MaxPool):
    """The largest of each window of volumes; parameters as of `max_pool3d`."""

    function = max_pool3d


class _AvgPool(WithOptions):
    def __init__(
        self, kernel_size: Numbers, stride: Numbers | None = None, padding: Numbers = 0, ceil_mode: bool = False,
        count_include_pad: bool = True, divisor_override: int | None = None, *, name: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(
            name=name, kernel_size=kernel_size, stride=stride, padding=padding, ceil_mode=ceil_mode,
            count_include_pad=count_include_pad, divisor_override=divisor_override,
        )  # fmt: skip


class AvgPool1d(WithOptions):
    """The mean of each window of signals; parameters as of `avg_pool1d`."""

    function = avg_pool1d

    def __init__(
        self, kernel_size: Numbers, stride: Numbers | None = None, padding: Numbers = 0, ceil_mode: bool = False,
        count_include_pad: bool = True, *, name: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(
            name=name, kernel_size=kernel_size, stride=stride, padding=padding, ceil_mode=ceil_mode,
            count_include_pad=count_include_pad,
        )  # fmt: skip


class AvgPool2d(_AvgPool):
    """The mean of each window of images; parameters as of `avg_pool2d`.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.nn.AvgPool2d(3, stride=2, padding=1)(ge.input("images", ("batch", 3, 28, 28))).shape
    ('batch', 3, 14, 14)
    """

    function = avg_pool2d


class AvgPool3d(_AvgPool):
    """The mean of each window of volumes; parameters as of `avg_pool3d`."""

    function = avg_pool3d


class _AdaptiveAvgPool(WithOptions):
    def __init__(self, output_size: Sizes, *, name: str | None = None) -> None:
        super().__init__(name=name, output_size=output_size)


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """The means of as many windows as are wanted, of signals; parameters as of `adaptive_avg_pool1d`."""

    function = adaptive_avg_pool1d


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """The means of as many windows as are wanted, of images; parameters as of `adaptive_avg_pool2d`.

    Examples
    --------
    >>> import graph_engine as ge
    >>> pool = ge.nn.AdaptiveAvgPool2d(1)
    >>> pool
    <AdaptiveAvgPool2d pool: output_size=1>
    """

    function = adaptive_avg_pool2d


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """The means of as many windows as are wanted, of volumes; parameters as of `adaptive_avg_pool3d`."""

    function = adaptive_avg_pool3d


class _AdaptiveMaxPool(WithOptions):
    def __init__(self, output_size: Sizes, return_indices: bool = False, *, name: str | None = None) -> None:
        super().__init__(name=name, output_size=output_size, return_indices=return_indices)


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """The largest of as many windows as are wanted, of signals; parameters as of `adaptive_max_pool1d`."""

    function = adaptive_max_pool1d


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """The largest of as many windows as are wanted, of images; parameters as of `adaptive_max_pool2d`."""

    function = adaptive_max_pool2d


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """The largest of as many windows as are wanted, of volumes; parameters as of `adaptive_max_pool3d`."""

    function = adaptive_max_pool3d


class _LPPool(WithOptions):
    def __init__(
        self, norm_type: float, kernel_size: Numbers, stride: Numbers | None = None, ceil_mode: bool = False,
        *, name: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(name=name, norm_type=norm_type, kernel_size=kernel_size, stride=stride, ceil_mode=ceil_mode)


class LPPool1d(_LPPool):
    """The p-norm of each window of signals; parameters as of `lp_pool1d`."""

    function = lp_pool1d


class LPPool2d(_LPPool):
    """The p-norm of each window of images; parameters as of `lp_pool2d`."""

    function = lp_pool2d


class LPPool3d(_LPPool):
    """The p-norm of each window of volumes; parameters as of `lp_pool3d`."""

    function = lp_pool3d


class _SoftmaxPool(WithOptions):
    def __init__(
        self, kernel_size: Numbers, stride: Numbers | None = None, *, beta: float = 1, name: str | None = None
    ) -> None:
        super().__init__(name=name, kernel_size=kernel_size, stride=stride, beta=beta)


class SoftmaxPool1d(_SoftmaxPool):
    """The mean of each window of signals, weighted by its softmax; parameters as of `softmax_pool1d`."""

    function = softmax_pool1d


class SoftmaxPool2d(_SoftmaxPool):
    """The mean of each window of images, weighted by its softmax; parameters as of `softmax_pool2d`."""

    function = softmax_pool2d


class SoftmaxPool3d(_SoftmaxPool):
    """The mean of each window of volumes, weighted by its softmax; parameters as of `softmax_pool3d`."""

    function = softmax_pool3d


class _MaxUnpool(WithOptions):
    def __init__(
        self, kernel_size: Numbers, stride: Numbers | None = None, padding: Numbers = 0, *, name: str | None = None
    ) -> None:
        super().__init__(name=name, kernel_size=kernel_size, stride=stride, padding=padding)

    def forward(self, x: Operand, indices: Operand, output_size: Sequence[int] | None = None) -> Any:
        """Declare x put back to its places."""
        return type(self).function(x, indices, **self.options, output_size=output_size)


class MaxUnpool1d(_MaxUnpool):
    """The maxima of signals put back to their places among zeros; parameters as of `max_unpool1d`."""

    function = max_unpool1d


class MaxUnpool2d(_MaxUnpool):
    """The maxima of images put back to their places among zeros; parameters as of `max_unpool2d`.

    Examples
    --------
    >>> import graph_engine as ge
    >>> pool, unpool = ge.nn.MaxPool2d(2, return_indices=True), ge.nn.MaxUnpool2d(2)
    >>> unpool(*pool(ge.input("images", ("batch", 3, 28, 28)))).shape
    ('batch', 3, 28, 28)
    """

    function = max_unpool2d


class MaxUnpool3d(_MaxUnpool):
    """The maxima of volumes put back to their places among zeros; parameters as of `max_unpool3d`."""

    function = max_unpool3d
