"""Activations: as functions of a variable, and as layers without parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from graph_engine.nn.module import Module
from graph_engine.node import Operand, Variable
from graph_engine.primitives import log_softmax, relu, sigmoid, softmax, softplus, tanh
from graph_engine.primitives.common import as_variable

__all__ = [
    "Activation", "Identity", "LogSoftmax", "ReLU", "Sigmoid", "Softmax", "Softplus", "Tanh",
    "identity", "log_softmax", "relu", "sigmoid", "softmax", "softplus", "tanh",
]  # fmt: skip


def identity(x: Operand) -> Variable:
    """Return the value unchanged."""
    return as_variable(x)


class Activation(Module):
    """A layer that applies one function. Its operation stands in the scope of the layers around it.

    Examples
    --------
    >>> import graph_engine as ge
    >>> act = ge.nn.ReLU()
    >>> ge.Engine("numpy").run(act(ge.constant([-1.0, 2.0])), {}).tolist()
    [0.0, 2.0]
    """

    opens_scope = False
    function: ClassVar[Callable[[Operand], Variable]]

    def forward(self, x: Operand) -> Variable:
        """Declare the function of x."""
        return type(self).function(x)


class Identity(Activation):
    """The value unchanged."""

    function = identity


class ReLU(Activation):
    """max(x, 0), elementwise; the derivative at 0 is 0."""

    function = relu


class Sigmoid(Activation):
    """1 / (1 + exp(-x)), elementwise."""

    function = sigmoid


class Tanh(Activation):
    """The hyperbolic tangent, elementwise."""

    function = tanh


class Softplus(Activation):
    """log(1 + exp(x)), elementwise, without overflow."""

    function = softplus


class Softmax(Activation):
    """exp(x) / Σ exp(x) along a dimension.

    Parameters
    ----------
    axis : int
        The last dimension by default.
    name : str, optional
    """

    def __init__(self, axis: int = -1, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.axis = axis

    def forward(self, x: Operand) -> Variable:
        """Declare the softmax of x."""
        return softmax(x, self.axis)


class LogSoftmax(Softmax):
    """The logarithm of the softmax, without overflow.

    Parameters
    ----------
    axis : int
        The last dimension by default.
    name : str, optional
    """

    def forward(self, x: Operand) -> Variable:
        """Declare the logarithm of the softmax of x."""
        return log_softmax(x, self.axis)
