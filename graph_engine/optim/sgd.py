"""Gradient descent."""

from __future__ import annotations

import math
from numbers import Real

from graph_engine.errors import DeclarationError
from graph_engine.node import Variable
from graph_engine.optim.optimizer import Optimizer, Updates
from graph_engine.primitives.structure import convert


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
