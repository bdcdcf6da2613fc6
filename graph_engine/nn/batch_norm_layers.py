"""Batch normalisation, as layers: they keep weights, and running statistics of the batches in training."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from graph_engine.context import Context, building
from graph_engine.nn.affine_layers import OfChannels
from graph_engine.nn.mode import Training, current_training
from graph_engine.node import Operand, Variable
from graph_engine.primitives import full
from graph_engine.primitives.normalizing import BatchNorm, BatchStatistics, count_of_channel
from graph_engine.primitives.structure import convert
from graph_engine.source import capture
from graph_engine.spec import as_dtype


class _BatchNorm(OfChannels):
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
