"""Normalisation, as layers: they keep weights, and batch normalisation its running statistics, too."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, ClassVar

import numpy as np

from graph_engine.context import Context, building
from graph_engine.errors import ShapeError
from graph_engine.nn.mode import Training, current_training
from graph_engine.nn.module import Module
from graph_engine.nn.normalization import group_norm, instance_norm, layer_norm, rms_norm
from graph_engine.node import Operand, Variable
from graph_engine.primitives import expand_dims, full, squeeze
from graph_engine.primitives.common import as_float
from graph_engine.primitives.normalizing import BatchNorm, BatchStatistics, count_of_channel
from graph_engine.primitives.structure import convert
from graph_engine.source import capture
from graph_engine.spec import as_dtype, as_shape, show_shape


class _Affine(Module):
    """What the layers share: a weight that begins with ones, a bias that begins with zeros, or neither."""

    weight: Variable | None
    bias: Variable | None

    def _add_affine(self, shape: Any, weight: bool, bias: bool, dtype: Any) -> None:
        for name, wanted, value in (("weight", weight, 1), ("bias", bias, 0)):
            if wanted:
                self.add_parameter(name, np.full(shape, value, as_dtype(dtype)))
            else:
                setattr(self, name, None)


class _OfChannels(_Affine):
    """What the layers of images, volumes and sequences share: they know how many dimensions and channels come."""

    dimensions: ClassVar[tuple[int, ...]] = ()
    num_features: int

    def _checked(self, input: Operand) -> Variable:
        x = as_float(input)
        if x.ndim not in self.dimensions or x.shape[1] != self.num_features:
            raise ShapeError(
                f"{self.name} takes {self.num_features} channels, in the second of "
                f"{' or '.join(map(str, self.dimensions))} dimensions, but {x.name!r} has shape {show_shape(x.shape)}",
            ).located("declared at", capture().line)
        return x

    def _about(self) -> str:
        return f": {self.num_features}"


class _BatchNorm(_OfChannels):
    """What the three layers share; `BatchNorm1d` says what they do."""

    running_mean: Variable | None
    running_var: Variable | None
    num_batches_tracked: Variable | None

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        denominator: str = "variance",
        name: str | None = None,
        dtype: Any = "float32",
    ) -> None:
        super().__init__(name=name)
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.denominator, self.track_running_stats = denominator, track_running_stats
        self._add_affine((num_features,), affine, affine, dtype)
        statistics = {
            "running_mean": np.zeros(num_features, as_dtype(dtype)),
            "running_var": np.ones(num_features, as_dtype(dtype)),
            "num_batches_tracked": np.zeros((), "int64"),
        }
        for statistic, value in statistics.items():
            if track_running_stats:
                self.add_parameter(statistic, value, trainable=False)
            else:
                setattr(self, statistic, None)

    def forward(self, x: Operand) -> Variable:
        """Declare the normalised x."""
        x, mode = self._checked(x), current_training()
        mean, variance = self.running_mean, self.running_var
        if mode is not None or not self.track_running_stats:
            mean, variance = BatchStatistics()(x)
        affine = [v for v in (self.weight, self.bias) if v is not None]
        result = BatchNorm(float(self.eps), self.denominator)(x, mean, variance, *affine)
        if mode is not None and self.track_running_stats:
            self._track(mode, x, mean, variance)
        return result

    def _track(self, mode: Training, x: Variable, mean: Any, variance: Any) -> None:
        """Declare the running statistics after this batch."""
        batches: Any = self.num_batches_tracked
        with _updating(batches):
            count = mode.latest(batches) + 1
        mode.update(batches, count)
        statistics: Any = ((self.running_mean, mean, False), (self.running_var, variance, True))
        for running, measured, unbiased in statistics:
            with _updating(running):
                new = convert(measured, running.dtype)
                if unbiased:
                    n: Any = count_of_channel(x.shape)
                    n = n if isinstance(n, int) else full((), n, running.dtype)
                    new = new * (n / (n - 1))
                share = 1 / convert(count, running.dtype) if self.momentum is None else self.momentum
                new = mode.latest(running) * (1 - share) + new * share
            mode.update(running, new)


def _updating(parameter: Variable) -> AbstractContextManager[None]:
    """Declare the new value of a parameter."""
    return building(Context(parameter.scope, "update", parameter, capture(inner=True)))


class BatchNorm1d(_BatchNorm):
    """Each channel normalised: in training by the batch's mean and variance, else by the running ones.

    Input of shape `(n, channels)` or `(n, channels, length)`.

    Inside `ge.nn.training()` the new running statistics go into `mode.updates`; they use the unbiased variance, as in
    PyTorch. Used twice in one step, the second use goes on from the first. Training and evaluation are two graphs.

    Parameters
    ----------
    num_features : int
        The number of channels.
    eps : float
    momentum : float or None
        The share of the new batch in the running statistics; None: all batches count alike.
    affine : bool
        Whether there are weights and biases.
    track_running_stats : bool
        False: there are no running statistics, and each batch is normalised by its own, in evaluation too.
    denominator : {"variance", "deviation"}
        What `eps` is added to; "deviation" divides by (sigma + eps), as some lecture notes do.
    name : str, optional
    dtype : str

    Attributes
    ----------
    weight, bias : Variable or None
        Of shape `(num_features,)`; begin with 1 and 0.
    running_mean, running_var, num_batches_tracked : Variable or None
        Parameters that are not trained.

    Examples
    --------
    >>> import graph_engine as ge
    >>> bn, x = ge.nn.BatchNorm1d(4), ge.input("x", ("batch", 4))
    >>> y = bn(x)                                      # by the running statistics
    >>> with ge.nn.training() as mode:
    ...     y = bn(x)                                  # by the batch's own
    >>> [parameter.name for parameter in mode.updates]
    ['bn.num_batches_tracked', 'bn.running_mean', 'bn.running_var']
    """

    dimensions = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Batch normalisation of images, `(n, channels, height, width)`; everything else as for `BatchNorm1d`.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.nn.BatchNorm2d(3)(ge.input("images", ("batch", 3, 8, 8))).shape
    ('batch', 3, 8, 8)
    """

    dimensions = (4,)


class BatchNorm3d(_BatchNorm):
    """Batch normalisation of volumes, `(n, channels, depth, height, width)`; everything else as for `BatchNorm1d`."""

    dimensions = (5,)


class _InstanceNorm(_OfChannels):
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


class LayerNorm(_Affine):
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


class RMSNorm(_Affine):
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


class GroupNorm(_Affine):
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
            raise ShapeError(
                f"{num_channels} channels cannot be split into {num_groups} equal groups"
            ).located("declared at", capture().line)
        self.num_groups, self.num_channels, self.eps = num_groups, num_channels, eps
        self._add_affine((num_channels,), affine, affine, dtype)

    def forward(self, x: Operand) -> Variable:
        """Declare the normalised x."""
        return group_norm(x, self.num_groups, self.weight, self.bias, self.eps)

    def _about(self) -> str:
        return f": {self.num_channels} channels in {self.num_groups} groups"
