"""Activations as layers: names and arguments are those of `torch.nn`, the functions those of `activations`."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from graph_engine.nn import activations
from graph_engine.nn.applied import Applied
from graph_engine.node import Operand, Variable
from graph_engine.spec import as_dtype

__all__ = [
    "Activation", "ELU", "GELU", "GLU", "Heaviside", "Hardtanh", "Identity", "LeakyReLU", "LogSigmoid", "LogSoftmax",
    "Maxout", "PReLU", "ReLU", "ReLU6", "SELU", "SiLU", "Sigmoid", "Sign", "Softmax", "Softmin", "Softplus",
    "Softsign", "Tanh",
]  # fmt: skip


class Activation(Applied):
    """A layer that applies one function of one variable."""


class _Plain(Activation):
    """An activation without options."""

    def __init__(self, *, name: str | None = None) -> None:
        super().__init__(name=name)


class Identity(_Plain):
    """The value unchanged."""

    function = activations.identity


class ReLU(_Plain):
    """max(x, 0), elementwise; the derivative at 0 is 0."""

    function = activations.relu


class Sigmoid(_Plain):
    """1 / (1 + exp(-x)), elementwise."""

    function = activations.sigmoid


class Tanh(_Plain):
    """The hyperbolic tangent, elementwise."""

    function = activations.tanh


class SELU(_Plain):
    """1.0507 elu(x, 1.6733), elementwise."""

    function = activations.selu


class SiLU(_Plain):
    """x σ(x), elementwise."""

    function = activations.silu


class Softsign(_Plain):
    """x / (1 + |x|), elementwise."""

    function = activations.softsign


class LogSigmoid(_Plain):
    """log σ(x), elementwise, without overflow."""

    function = activations.logsigmoid


class ReLU6(_Plain):
    """x cut to [0, 6], elementwise; the derivative at 0 and at 6 is 0."""

    function = activations.relu6


class LeakyReLU(Activation):
    """x above 0, `negative_slope` times x below, elementwise; the derivative at 0 is that slope."""

    function = activations.leaky_relu

    def __init__(self, negative_slope: float = 0.01, *, name: str | None = None) -> None:
        super().__init__(name=name, negative_slope=negative_slope)


class ELU(Activation):
    """x above 0, alpha (exp(x) - 1) below, elementwise; the derivative at 0 is alpha."""

    function = activations.elu

    def __init__(self, alpha: float = 1.0, *, name: str | None = None) -> None:
        super().__init__(name=name, alpha=alpha)


class GELU(Activation):
    """x times the probability that a standard normal number is below x, elementwise."""

    function = activations.gelu

    def __init__(self, approximate: Literal["none", "tanh"] = "none", *, name: str | None = None) -> None:
        super().__init__(name=name, approximate=approximate)


class Softplus(Activation):
    """log(1 + exp(beta x)) / beta, elementwise; x itself where beta x is above the threshold."""

    function = activations.softplus

    def __init__(self, beta: float = 1.0, threshold: float = 20.0, *, name: str | None = None) -> None:
        super().__init__(name=name, beta=beta, threshold=threshold)


class Hardtanh(Activation):
    """x cut to [min_val, max_val], elementwise; the derivative at the bounds is 0."""

    function = activations.hardtanh

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, *, name: str | None = None) -> None:
        super().__init__(name=name, min_val=min_val, max_val=max_val)


class Sign(Activation):
    """-1 below 0, 1 above, `at_zero` at 0, elementwise; the derivative is 0 everywhere."""

    function = activations.sign

    def __init__(self, at_zero: float = 0, *, name: str | None = None) -> None:
        super().__init__(name=name, at_zero=at_zero)


class Heaviside(Activation):
    """0 below 0, 1 above, `at_zero` at 0, elementwise; the derivative is 0 everywhere."""

    function = activations.heaviside

    def __init__(self, at_zero: float, *, name: str | None = None) -> None:
        super().__init__(name=name, at_zero=at_zero)


class PReLU(Activation):
    """x above 0, a learnt weight times x below.

    Parameters
    ----------
    num_parameters : int
        1, or the number of channels, which are in dimension 1.
    init : float
        How the weight begins.
    name : str, optional
    dtype : str

    Attributes
    ----------
    weight : Variable
        Of shape `(num_parameters,)`.

    Examples
    --------
    >>> import graph_engine as ge
    >>> act = ge.nn.PReLU(3)
    >>> act(ge.input("x", ("batch", 3))).shape, act.weight.shape
    (('batch', 3), (3,))
    """

    opens_scope = True
    weight: Variable

    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, *, name: str | None = None, dtype: Any = "float32"
    ) -> None:
        super().__init__(name=name)
        self.add_parameter("weight", np.full((num_parameters,), init, as_dtype(dtype)))

    def forward(self, *inputs: Operand) -> Variable:
        """Declare x above 0, weight times x below."""
        (x,) = inputs
        return activations.prelu(x, self.weight)


class Maxout(Activation):
    """The largest of each k neighbours along a dimension."""

    function = activations.maxout

    def __init__(self, k: int, axis: int = -1, *, name: str | None = None) -> None:
        super().__init__(name=name, k=k, axis=axis)


class _Along(Activation):
    """An activation along a dimension: `axis`, which PyTorch calls `dim`; the last one by default."""

    def __init__(self, axis: int = -1, *, dim: int | None = None, name: str | None = None) -> None:
        super().__init__(name=name, axis=axis if dim is None else dim)


class Softmax(_Along):
    """exp(x) / Σ exp(x) along a dimension: `axis`, which PyTorch calls `dim`; the last one by default."""

    function = activations.softmax


class LogSoftmax(_Along):
    """The logarithm of the softmax along a dimension, without overflow."""

    function = activations.log_softmax


class Softmin(_Along):
    """The softmax of -x along a dimension."""

    function = activations.softmin


class GLU(_Along):
    """The first half of a dimension times the sigmoid of the second."""

    function = activations.glu
