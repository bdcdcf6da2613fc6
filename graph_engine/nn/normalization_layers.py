"""Normalisation of each sample by itself, as layers that keep weights: of channels, groups of them, or features."""

from __future__ import annotations

from typing import Any

from graph_engine.declaring import refused
from graph_engine.errors import ShapeError
from graph_engine.nn.affine_layers import Affine, OfChannels
from graph_engine.nn.normalization import group_norm, instance_norm, layer_norm, rms_norm
from graph_engine.node import Operand, Variable
from graph_engine.primitives import expand_dims, squeeze
from graph_engine.primitives.common import as_float
from graph_engine.spec import as_shape


class _InstanceNorm(OfChannels):
    """What the three layers share; `InstanceNorm1d` says what they do."""

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        *,
        affine: bool = False,
        name: str | None = None,
        dtype: Any = "float32",
    ) -> None:
        super().__init__(name=name)
        self.num_features, self.eps = num_features, eps
        self._add_affine((num_features,), affine, affine, dtype)

    def forward(self, x: Operand) -> Variable:
        """Declare the normalised x."""
        x = as_float(x)
        alone = x.ndim == self.dimensions[0] - 1
        images = self._checked(expand_dims(x, 0) if alone else x)
        result = instance_norm(images, weight=self.weight, bias=self.bias, eps=self.eps)
        return squeeze(result, 0) if alone else result


class InstanceNorm1d(_InstanceNorm):
    """Each channel of each sample normalised by itself, in training and evaluation alike.

    Input of shape `(n, channels, length)`, or `(channels, length)` of one sample.

    Parameters
    ----------
    num_features : int
        The number of channels.
    eps : float
    affine : bool
        Whether there are weights and biases; by default there are none, as in PyTorch.
    name : str, optional
    dtype : str

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.nn.InstanceNorm1d(3)(ge.input("x", ("batch", 3, 8))).shape
    ('batch', 3, 8)
    """

    dimensions = (3,)


class InstanceNorm2d(_InstanceNorm):
    """Instance normalisation of images, `(n, channels, height, width)`; everything else as for `InstanceNorm1d`."""

    dimensions = (4,)


class InstanceNorm3d(_InstanceNorm):
    """Instance normalisation of volumes: `(n, channels, depth, height, width)`; else as `InstanceNorm1d`."""

    dimensions = (5,)


class LayerNorm(Affine):
    """Each sample normalised over its last dimensions, in training and evaluation alike.

    Parameters
    ----------
    normalized_shape : int, or tuple of int
        The last dimensions of the input.
    eps : float
    elementwise_affine : bool
        Whether there is a weight, and a bias.
    bias : bool
        False: there is a weight only.
    name : str, optional
    dtype : str

    Examples
    --------
    >>> import graph_engine as ge
    >>> norm = ge.nn.LayerNorm(16)
    >>> norm(ge.input("x", ("batch", "n", 16))).shape, norm.weight.shape
    (('batch', 'n', 16), (16,))
    """

    def __init__(
        self,
        normalized_shape: Any,
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        *,
        name: str | None = None,
        dtype: Any = "float32",
    ) -> None:
        super().__init__(name=name)
        self.normalized_shape, self.eps = as_shape(normalized_shape), eps
        self._add_affine(self.normalized_shape, elementwise_affine, elementwise_affine and bias, dtype)

    def forward(self, x: Operand) -> Variable:
        """Declare the normalised x."""
        return layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)

    def _about(self) -> str:
        return f": {', '.join(map(str, self.normalized_shape))}"


class RMSNorm(Affine):
    """The last dimensions divided by their root mean square.

    Parameters
    ----------
    normalized_shape : int, or tuple of int
        The last dimensions of the input.
    eps : float, optional
        By default the distance from 1 to the next number of the input's dtype.
    elementwise_affine : bool
        Whether there is a weight.
    name : str, optional
    dtype : str

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.nn.RMSNorm(16)(ge.input("x", ("batch", 16))).shape
    ('batch', 16)
    """

    def __init__(
        self,
        normalized_shape: Any,
        eps: float | None = None,
        elementwise_affine: bool = True,
        *,
        name: str | None = None,
        dtype: Any = "float32",
    ) -> None:
        super().__init__(name=name)
        self.normalized_shape, self.eps = as_shape(normalized_shape), eps
        self._add_affine(self.normalized_shape, elementwise_affine, False, dtype)

    def forward(self, x: Operand) -> Variable:
        """Declare the normalised x."""
        return rms_norm(x, self.normalized_shape, self.weight, self.eps)


class GroupNorm(Affine):
    """Each group of channels of each sample normalised, in training and evaluation alike.

    Parameters
    ----------
    num_groups, num_channels : int
        The groups divide the channels.
    eps : float
    affine : bool
        Whether there are weights and biases, one for each channel.
    name : str, optional
    dtype : str

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.nn.GroupNorm(2, 6)(ge.input("images", ("batch", 6, 8, 8))).shape
    ('batch', 6, 8, 8)
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        *,
        name: str | None = None,
        dtype: Any = "float32",
    ) -> None:
        super().__init__(name=name)
        if num_groups < 1 or num_channels % num_groups:
            raise refused(f"{num_channels} channels cannot be split into {num_groups} equal groups", kind=ShapeError)
        self.num_groups, self.num_channels, self.eps = num_groups, num_channels, eps
        self._add_affine((num_channels,), affine, affine, dtype)

    def forward(self, x: Operand) -> Variable:
        """Declare the normalised x."""
        return group_norm(x, self.num_groups, self.weight, self.bias, self.eps)

    def _about(self) -> str:
        return f": {self.num_channels} channels in {self.num_groups} groups"
