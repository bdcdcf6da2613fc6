"""A step size for each number of a parameter, by the gradients that it has had: Adagrad, Adadelta, RMSprop."""

from __future__ import annotations

from typing import Unpack

from graph_engine.node import Variable
from graph_engine.optim.arguments import at_least
from graph_engine.optim.optimizer import LearningRate, Optimizer, Shared
from graph_engine.optim.target import Scalar, Target
from graph_engine.primitives import maximum, sqrt, square


class Adagrad(Optimizer):
    """Steps shrink with the sum of the squared gradients so far.

    At update t (from 1)::

        total <- total + g ** 2
        w <- w - lr / (1 + (t - 1) * lr_decay) * g / (sqrt(total) + eps)

    Parameters
    ----------
    lr : float, Variable or schedule
    lr_decay, weight_decay : float
    initial_accumulator_value : float
        What `total` begins with.
    eps : float
    **shared
        See `Optimizer`.

    References
    ----------
    J. Duchi, E. Hazan, Y. Singer, "Adaptive subgradient methods for online learning and stochastic optimization", 2011.

    Examples
    --------
    >>> import graph_engine as ge
    >>> w, engine = ge.parameter("w", 3.0), ge.Engine("numpy")
    >>> _ = engine.compile([], w * w, updates=ge.optim.Adagrad(0.5).minimize(w * w))()
    >>> float(engine.value(w))
    2.5
    """

    def __init__(
        self,
        lr: LearningRate = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        **shared: Unpack[Shared],
    ) -> None:
        at_least(0, lr_decay=lr_decay, initial_accumulator_value=initial_accumulator_value, eps=eps)
        self.counts = lr_decay != 0
        super().__init__(lr, weight_decay, **shared)
        self.lr_decay, self.initial_accumulator_value, self.eps = lr_decay, initial_accumulator_value, eps

    def rule(self, target: Target) -> Variable:
        gradient = target.gradient
        total = target.keep("total", target.state("total", self.initial_accumulator_value) + square(gradient))
        (rate,) = target.shared(self._rate)
        return target.value - rate * gradient / (sqrt(total) + self.eps)

    def _rate(self, target: Target) -> tuple[Scalar]:
        return (target.lr / (1.0 + target.done * self.lr_decay) if self.lr_decay else target.lr,)


class Adadelta(Optimizer):
    """Steps as large as the last ones were, for gradients as large as the last ones were.

    ::

        square <- rho * square + (1 - rho) * g ** 2
        delta = sqrt(change + eps) / sqrt(square + eps) * g
        change <- rho * change + (1 - rho) * delta ** 2
        w <- w - lr * delta

    Parameters
    ----------
    lr : float, Variable or schedule
    rho : float
        How much of the averages stays.
    eps, weight_decay : float
    **shared
        See `Optimizer`.

    References
    ----------
    M. Zeiler, "ADADELTA: an adaptive learning rate method", 2012.

    Examples
    --------
    >>> import graph_engine as ge
    >>> w, engine = ge.parameter("w", 3.0), ge.Engine("numpy")
    >>> _ = engine.compile([], w * w, updates=ge.optim.Adadelta().minimize(w * w))()
    >>> round(float(engine.value(w)), 4)
    2.9968
    """

    def __init__(
        self,
        lr: LearningRate = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        **shared: Unpack[Shared],
    ) -> None:
        at_least(0, 1, rho=rho)
        at_least(0, eps=eps)
        super().__init__(lr, weight_decay, **shared)
        self.rho, self.eps = rho, eps

    def rule(self, target: Target) -> Variable:
        gradient, rho = target.gradient, self.rho
        squares = target.keep("square", rho * target.state("square") + (1 - rho) * square(gradient))
        changes = target.state("change")
        delta = sqrt(changes + self.eps) / sqrt(squares + self.eps) * gradient
        new = target.value - target.rate * delta
        target.keep("change", rho * changes + (1 - rho) * square(delta))
        return new


class RMSprop(Optimizer):
    """The gradient over the root of the mean of its recent squares.

    ::

        square <- alpha * square + (1 - alpha) * g ** 2
        mean <- alpha * mean + (1 - alpha) * g                        (centered)
        step = g / (sqrt(square - mean ** 2) + eps)                   (not centered: without mean)
        velocity <- momentum * velocity + step                        (with momentum)
        w <- w - lr * velocity                                        (without: step)

    Parameters
    ----------
    lr : float, Variable or schedule
    alpha : float
        How much of the means stays.
    eps, weight_decay, momentum : float
    centered : bool
        Divide by the deviation of the gradient (not less than 0 by rounding, which PyTorch's can be).
    **shared
        See `Optimizer`.

    References
    ----------
    G. Hinton, "Neural networks for machine learning", lecture 6e, 2012; centered: A. Graves, "Generating sequences
    with recurrent neural networks", 2013.

    Examples
    --------
    >>> import graph_engine as ge
    >>> w, engine = ge.parameter("w", 3.0), ge.Engine("numpy")
    >>> _ = engine.compile([], w * w, updates=ge.optim.RMSprop(0.01).minimize(w * w))()
    >>> round(float(engine.value(w)), 4)
    2.9
    """

    def __init__(
        self,
        lr: LearningRate = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        **shared: Unpack[Shared],
    ) -> None:
        at_least(0, alpha=alpha, eps=eps, momentum=momentum)
        super().__init__(lr, weight_decay, **shared)
        self.alpha, self.eps, self.momentum, self.centered = alpha, eps, momentum, centered

    def rule(self, target: Target) -> Variable:
        gradient, alpha = target.gradient, self.alpha
        power = target.keep("square", alpha * target.state("square") + (1 - alpha) * square(gradient))
        if self.centered:
            mean = target.keep("mean", alpha * target.state("mean") + (1 - alpha) * gradient)
            power = maximum(power - square(mean), 0.0)
        step = gradient / (sqrt(power) + self.eps)
        if self.momentum:
            step = target.keep("velocity", self.momentum * target.state("velocity") + step)
        return target.value - target.rate * step
