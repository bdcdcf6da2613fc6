"""Gradient descent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real

from graph_engine.errors import DeclarationError
from graph_engine.gradient import grad
from graph_engine.graph import Graph
from graph_engine.node import Context, Variable, building
from graph_engine.primitives.structure import convert
from graph_engine.source import capture

Updates = dict[Variable, Variable]


class Optimizer:
    """A rule for the new value of a parameter, given its gradient. Subclasses say `update`."""

    def minimize(self, loss: Variable, parameters: Sequence[Variable] | None = None) -> Updates:
        """Declare one step down the gradient of a loss.

        Parameters
        ----------
        loss : Variable
            A scalar.
        parameters : sequence of Variable, optional
            What to update; by default all trainable parameters that the loss depends on.

        Returns
        -------
        dict of Variable to Variable
            The new value of each parameter (and of what the optimiser keeps), for `engine.compile(..., updates=...)`.
        """
        chosen = [p for p in Graph(loss).parameters if p.trainable] if parameters is None else list(parameters)
        if not chosen:
            raise DeclarationError(
                f"{loss.name!r} depends on no trainable parameter", "declare one with ge.parameter(name, value)"
            ).located("declared at", loss.line)
        gradients = grad(loss, chosen)
        updates: Updates = {}
        source = capture()._replace(inner=True)
        for parameter, gradient in zip(chosen, gradients, strict=True):
            with building(Context(parameter.scope, "update", parameter, source)):
                updates |= self.update(parameter, gradient)
        return updates

    def update(self, parameter: Variable, gradient: Variable) -> Updates:
        """Declare the new value of one parameter, and of what is kept for it."""
        raise NotImplementedError


class SGD(Optimizer):
    """Gradient descent: w <- w - lr * gradient.

    Parameters
    ----------
    lr : float or Variable
        The learning rate; a variable (an input or a parameter) can change from step to step.

    Examples
    --------
    >>> import graph_engine as ge
    >>> w = ge.parameter("w", 3.0)
    >>> engine = ge.Engine("numpy")
    >>> step = engine.compile([], w * w, updates=ge.optim.SGD(0.5).minimize(w * w))
    >>> float(step()), float(engine.value(w))
    (9.0, 0.0)
    """

    def __init__(self, lr: float | Variable) -> None:
        if not isinstance(lr, Variable) and not (isinstance(lr, Real) and 0 <= lr < math.inf):
            raise DeclarationError(f"a learning rate is a number >= 0, not {lr!r}")
        self.lr = lr

    def update(self, parameter: Variable, gradient: Variable) -> Updates:
        """Declare w - lr * gradient."""
        change = gradient * self.lr
        return {parameter: parameter - convert(change, parameter.dtype)}


