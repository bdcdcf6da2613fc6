"""Layers that convolve: parameters, and the functions of `convolution` called on them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

from graph_engine.declaring import located
from graph_engine.errors import DeclarationError, DTypeError, ShapeError
from graph_engine.nn import convolution
from graph_engine.nn.init import uniform
from graph_engine.nn.module import Module
from graph_engine.nn.padding import pad
from graph_engine.nn.spatial import Sizes, padding_pairs, per_dimension
from graph_engine.node import Operand, Variable
from graph_engine.primitives.common import as_float
from graph_engine.spec import FLOATS, as_dtype, show_shape

_MODES = ("zeros", "reflect", "replicate", "circular")


class _Convolving(Module):
    """What convolutions and transposed convolutions share: the attributes that PyTorch gives them."""

    spatial: ClassVar[int]
    transposed: ClassVar[bool] = False
    function: ClassVar[Callable[..., Variable]]
    weight: Variable
    bias: Variable | None

    @located
    def _begin(
        self, in_channels: int, out_channels: int, kernel_size: Sizes, stride: Sizes, padding: Sizes | str,
        dilation: Sizes, groups: int, bias: bool, padding_mode: str, seed: int | None, dtype: Any,
    ) -> None:  # fmt: skip
        """Check and keep the attributes, and declare the parameters."""
        n = self.spatial
        if as_dtype(dtype) not in FLOATS:
            raise DTypeError(f"weights are real numbers, not {as_dtype(dtype)}", f"choose one of {', '.join(FLOATS)}")
        if padding_mode not in _MODES[: 1 if self.transposed else None]:
            raise DeclarationError(f"padding_mode is one of {', '.join(_MODES)}, not {padding_mode!r}")
        (self.in_channels,) = per_dimension("in_channels", in_channels, 1, 1)
        (self.out_channels,) = per_dimension("out_channels", out_channels, 1, 1)
        (self.groups,) = per_dimension("groups", groups, 1, 1)
        self.kernel_size = per_dimension("kernel_size", kernel_size, n, 1)
        self.stride, self.dilation = per_dimension("stride", stride, n, 1), per_dimension("dilation", dilation, n, 1)
        self._pairs = padding_pairs(padding, self.kernel_size, self.stride, self.dilation)
        self.padding = padding if isinstance(padding, str) else per_dimension("padding", padding, n)
        self.padding_mode = padding_mode
        for what, channels in (("in_channels", self.in_channels), ("out_channels", self.out_channels)):
            if channels % self.groups:
                raise ShapeError(f"{what} = {channels} cannot be split into {self.groups} equal groups")
        ends = (self.in_channels, self.out_channels) if self.transposed else (self.out_channels, self.in_channels)
        shape = (ends[0], ends[1] // self.groups, *self.kernel_size)
        bound = 1 / math.sqrt(math.prod(shape[1:]))
        self.add_parameter("weight", uniform(shape, bound, dtype), seed=seed)
        if bias:
            self.add_parameter("bias", uniform((self.out_channels,), bound, dtype), seed=seed)
        else:
            self.bias = None

    @located
    def _checked(self, x: Operand) -> Variable:
        """Return what goes in, if it has the layer's channels."""
        images = as_float(x)
        n, shape = self.spatial, images.shape
        if len(shape) not in (n + 1, n + 2) or shape[-n - 1] != self.in_channels:
            raise ShapeError(
                f"{self.name} takes {self.in_channels} channels before {n} spatial dimensions, "
                f"but {images.name!r} has shape {show_shape(shape)}"
            )
        return images

    def _about(self) -> str:
        kernel = "x".join(map(str, self.kernel_size)) if self.spatial > 1 else f"kernel {self.kernel_size[0]}"
        unusual = [
            f", {what} {_shortly(value)}"
            for what, value, usual in (
                ("stride", self.stride, 1), ("padding", self.padding, 0), ("padding_mode", self.padding_mode, "zeros"),
                ("dilation", self.dilation, 1), ("groups", self.groups, 1),
            )
            if _shortly(value) != usual
        ]  # fmt: skip
        rest = "" if "bias" in self._declared else ", no bias"
        return f": {self.in_channels} -> {self.out_channels}, {kernel}{''.join(unusual)}{rest}"


class _Convolution(_Convolving):
    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Sizes, stride: Sizes = 1, padding: Sizes | str = 0,
        dilation: Sizes = 1, groups: int = 1, bias: bool = True, padding_mode: str = "zeros", *,
        flip: bool = False, name: str | None = None, seed: int | None = None, dtype: Any = "float32",
    ) -> None:  # fmt: skip
        super().__init__(name=name)
        self.flip = flip
        self._begin(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode, seed, dtype
        )

    def forward(self, x: Operand) -> Variable:
        """Declare the convolution; a border that is not of zeros is put around first."""
        x, padding = self._checked(x), self.padding
        if self.padding_mode != "zeros":
            widths = [width for pair in reversed(self._pairs) for width in pair]
            x, padding = pad(x, widths, self.padding_mode), "valid"
        return type(self).function(
            x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups, flip=self.flip
        )


class _ConvolutionTranspose(_Convolving):
    transposed = True

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Sizes, stride: Sizes = 1, padding: Sizes = 0,
        output_padding: Sizes = 0, groups: int = 1, bias: bool = True, dilation: Sizes = 1,
        padding_mode: str = "zeros", *, name: str | None = None, seed: int | None = None, dtype: Any = "float32",
    ) -> None:  # fmt: skip
        super().__init__(name=name)
        self.output_padding = per_dimension("output_padding", output_padding, self.spatial)
        self._begin(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode, seed, dtype
        )

    def forward(self, x: Operand) -> Variable:
        """Declare the transposed convolution."""
        return type(self).function(
            self._checked(x), self.weight, self.bias, self.stride, self.padding, self.output_padding, self.groups,
            self.dilation,
        )  # fmt: skip


class Conv1d(_Convolution):
    """A convolution along a line; everything is as for `Conv2d`.

    Examples
    --------
    >>> import graph_engine as ge
    >>> filters = ge.nn.Conv1d(1, 8, 5, padding="same")
    >>> filters(ge.input("signal", ("batch", 1, 100))).shape
    ('batch', 8, 100)
    """

    spatial, function = 1, staticmethod(convolution.conv1d)


class Conv2d(_Convolution):
    """A convolution of images: `conv2d` with weights of its own.

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size : int or tuple of int
    stride : int or tuple of int
    padding : int, tuple of int, "valid" or "same"
    dilation : int or tuple of int
    groups : int
    bias : bool
    padding_mode : {"zeros", "reflect", "replicate", "circular"}
        What stands around the image.
    flip : bool
        True for the convolution of mathematics, with the kernel reversed.
    name : str, optional
        By default the name that the program assigns the layer to.
    seed : int, optional
        What the initial values follow from; by default the layer's name.
    dtype : str

    Attributes
    ----------
    weight : Variable
        Of shape `(out_channels, in_channels/groups, *kernel_size)`; begins uniform in ±1/sqrt(fan-in), where the fan-in
        is the number of weights of one output, as PyTorch has it.
    bias : Variable or None
        Of shape `(out_channels,)`; begins likewise.

    Examples
    --------
    >>> import graph_engine as ge
    >>> conv1 = ge.nn.Conv2d(3, 16, 3, stride=2, padding=1)
    >>> conv1
    <Conv2d conv1: 3 -> 16, 3x3, stride 2, padding 1>
    >>> conv1(ge.input("images", ("batch", 3, 32, 32))).shape
    ('batch', 16, 16, 16)
    >>> conv1.weight
    <parameter conv1.weight: float32(16, 3, 3, 3)>
    """

    spatial, function = 2, staticmethod(convolution.conv2d)


class Conv3d(_Convolution):
    """A convolution of volumes; everything is as for `Conv2d`.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.nn.Conv3d(3, 8, (1, 3, 3), name="frames")
    <Conv3d frames: 3 -> 8, 1x3x3>
    """

    spatial, function = 3, staticmethod(convolution.conv3d)


class ConvTranspose1d(_ConvolutionTranspose):
    """A transposed convolution along a line; everything is as for `ConvTranspose2d`.

    Examples
    --------
    >>> import graph_engine as ge
    >>> up = ge.nn.ConvTranspose1d(8, 1, 2, stride=2)
    >>> up(ge.input("x", ("batch", 8, 50))).shape
    ('batch', 1, 100)
    """

    spatial, function = 1, staticmethod(convolution.conv_transpose1d)


class ConvTranspose2d(_ConvolutionTranspose):
    """A transposed convolution, which makes images larger: `conv_transpose2d` with weights of its own.

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size, stride, padding, output_padding : int or tuple of int
    groups : int
    bias : bool
    dilation : int or tuple of int
    padding_mode : {"zeros"}
    name, seed, dtype
        As for `Conv2d`.

    Attributes
    ----------
    weight : Variable
        Of shape `(in_channels, out_channels/groups, *kernel_size)`; begins as PyTorch lets it, uniform in ±1/sqrt(n)
        with n = out_channels/groups * elements of the kernel.
    bias : Variable or None
        Of shape `(out_channels,)`; begins likewise.

    Examples
    --------
    >>> import graph_engine as ge
    >>> up = ge.nn.ConvTranspose2d(16, 8, 3, stride=2, padding=1, output_padding=1)
    >>> up(ge.input("x", ("batch", 16, 14, 14))).shape
    ('batch', 8, 28, 28)
    """

    spatial, function = 2, staticmethod(convolution.conv_transpose2d)


class ConvTranspose3d(_ConvolutionTranspose):
    """A transposed convolution of volumes; everything is as for `ConvTranspose2d`.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.nn.ConvTranspose3d(8, 4, 2, stride=2, name="up")
    <ConvTranspose3d up: 8 -> 4, 2x2x2, stride 2>
    """

    spatial, function = 3, staticmethod(convolution.conv_transpose3d)


def _shortly(value: Any) -> Any:
    """Return one number where all dimensions have the same."""
    return value[0] if isinstance(value, tuple) and len(set(value)) == 1 else value
