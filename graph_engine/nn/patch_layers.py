"""Layers over patches: locally connected ones, whose weights are not shared, and `Unfold` and `Fold`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

from graph_engine.declaring import located
from graph_engine.errors import DTypeError
from graph_engine.nn import patches
from graph_engine.nn.init import uniform
from graph_engine.nn.module import Module
from graph_engine.nn.spatial import Sizes, padding_pairs, per_dimension
from graph_engine.node import Operand, Variable
from graph_engine.primitives.convolution.windows import Windows
from graph_engine.spec import FLOATS, as_dtype


class _LocallyConnected(Module):
    spatial: ClassVar[int]
    function: ClassVar[Callable[..., Variable]]
    weight: Variable
    bias: Variable | None

    @located
    def __init__(
        self, in_channels: int, out_channels: int, input_size: Sizes, kernel_size: Sizes, stride: Sizes = 1,
        padding: Sizes | str = 0, dilation: Sizes = 1, bias: bool = True, *, name: str | None = None,
        seed: int | None = None, dtype: Any = "float32",
    ) -> None:  # fmt: skip
        super().__init__(name=name)
        n = self.spatial
        if as_dtype(dtype) not in FLOATS:
            raise DTypeError(f"weights are real numbers, not {as_dtype(dtype)}", f"choose one of {', '.join(FLOATS)}")
        (self.in_channels,) = per_dimension("in_channels", in_channels, 1, 1)
        (self.out_channels,) = per_dimension("out_channels", out_channels, 1, 1)
        self.input_size = per_dimension("input_size", input_size, n, 1)
        self.kernel_size = per_dimension("kernel_size", kernel_size, n, 1)
        self.stride, self.dilation = per_dimension("stride", stride, n, 1), per_dimension("dilation", dilation, n, 1)
        pairs = padding_pairs(padding, self.kernel_size, self.stride, self.dilation)
        self.padding = padding if isinstance(padding, str) else per_dimension("padding", padding, n)
        self.output_size = Windows(self.kernel_size, self.stride, pairs, self.dilation).counts(self.input_size)
        shape: Any = (self.out_channels, self.in_channels, *self.kernel_size, *self.output_size)
        bound = 1 / math.sqrt(self.in_channels * math.prod(self.kernel_size))
        self.add_parameter("weight", uniform(shape, bound, dtype), seed=seed)
        if bias:
            offsets: Any = (self.out_channels, *self.output_size)
            self.add_parameter("bias", uniform(offsets, bound, dtype), seed=seed)
        else:
            self.bias = None

    def forward(self, x: Operand) -> Variable:
        """Declare the sum over each window with its own weights."""
        return type(self).function(x, self.weight, self.bias, self.stride, self.padding, self.dilation)

    def _about(self) -> str:
        size, kernel = ("x".join(map(str, sizes)) for sizes in (self.input_size, self.kernel_size))
        rest = "" if "bias" in self._declared else ", no bias"
        return f": {self.in_channels} -> {self.out_channels}, {kernel} over {size}{rest}"


class LocallyConnected1d(_LocallyConnected):
    """Windows along a line, each with weights of its own; everything is as for `LocallyConnected2d`.

    Examples
    --------
    >>> import graph_engine as ge
    >>> local = ge.nn.LocallyConnected1d(1, 4, 100, 10, stride=10)
    >>> local(ge.input("x", ("batch", 1, 100))).shape
    ('batch', 4, 10)
    """

    spatial, function = 1, staticmethod(patches.locally_connected1d)


class LocallyConnected2d(_LocallyConnected):
    """Windows over images of one size, each with weights of its own: a convolution that shares nothing.

    Parameters
    ----------
    in_channels, out_channels : int
    input_size : int or tuple of int
        The images' height and width.
    kernel_size, stride : int or tuple of int
    padding : int, tuple of int, "valid" or "same"
    dilation : int or tuple of int
    bias : bool
        One for each output at each place.
    name, seed, dtype
        As for `Conv2d`.

    Attributes
    ----------
    output_size : tuple of int
        How many windows there are.
    weight : Variable
        Of shape `(out_channels, in_channels, *kernel_size, *output_size)`; begins as the weights of `Conv2d` do.
    bias : Variable or None
        Of shape `(out_channels, *output_size)`.

    Examples
    --------
    >>> import graph_engine as ge
    >>> local = ge.nn.LocallyConnected2d(1, 8, 28, 5)
    >>> local
    <LocallyConnected2d local: 1 -> 8, 5x5 over 28x28>
    >>> local.weight.shape
    (8, 1, 5, 5, 24, 24)
    """

    spatial, function = 2, staticmethod(patches.locally_connected2d)


class Unfold(Module):
    """The patches of an image as columns: `unfold` as a layer.

    Parameters
    ----------
    kernel_size, dilation, padding, stride : int or tuple of int

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.nn.Unfold(3, padding=1)(ge.input("x", ("batch", 2, 8, 8))).shape
    ('batch', 18, 64)
    """

    opens_scope = False

    def __init__(
        self, kernel_size: Sizes, dilation: Sizes = 1, padding: Sizes = 0, stride: Sizes = 1, *, name: str | None = None
    ) -> None:
        super().__init__(name=name)
        self.kernel_size, self.dilation, self.padding, self.stride = kernel_size, dilation, padding, stride

    def forward(self, input: Operand) -> Variable:
        """Declare the patches."""
        return patches.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def _about(self) -> str:
        return f": {self.kernel_size}, dilation {self.dilation}, padding {self.padding}, stride {self.stride}"


class Fold(Module):
    """Columns added up to an image: `fold` as a layer.

    Parameters
    ----------
    output_size, kernel_size, dilation, padding, stride : int or tuple of int

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.nn.Fold(8, 3, padding=1)(ge.input("x", ("batch", 18, 64))).shape
    ('batch', 2, 8, 8)
    """

    opens_scope = False

    def __init__(
        self, output_size: Sizes, kernel_size: Sizes, dilation: Sizes = 1, padding: Sizes = 0, stride: Sizes = 1, *,
        name: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(name=name)
        self.output_size, self.kernel_size = output_size, kernel_size
        self.dilation, self.padding, self.stride = dilation, padding, stride

    def forward(self, input: Operand) -> Variable:
        """Declare the image."""
        return patches.fold(input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride)

    def _about(self) -> str:
        return f": {self.kernel_size} to {self.output_size}, padding {self.padding}, stride {self.stride}"
