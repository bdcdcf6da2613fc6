"""Gradient descent: plain, with momentum, averaged."""

from __future__ import annotations

from typing import Unpack

import numpy as np

from graph_engine.context import Context, building
from graph_engine.declaring import refused
from graph_engine.node import Variable
from graph_engine.optim.arguments import at_least
from graph_engine.optim.optimizer import LearningRate, Optimizer, Shared
from graph_engine.optim.target import Scalar, Target, Updates, working_dtype
from graph_engine.primitives import equal, maximum, where
from graph_engine.primitives.structure import convert


class SGD(Optimizer):
    """Gradient descent: w <- w - lr * gradient; with momentum along a velocity.

    =========  ==================================================  ======================================
    .          PyTorch's, the default                              `classical=True`
    =========  ==================================================  ======================================
    momentum   v <- momentum * v + (1 - dampening) * g             v <- momentum * v - lr * g
               w <- w - lr * v                                     w <- w + v
    nesterov   w <- w - lr * (g + momentum * v)                    g is the gradient at w + momentum * v
    =========  ==================================================  ======================================

    With a constant learning rate the two kinds of plain momentum give the same weights. The classical Nesterov step
    declares the loss again at the shifted parameters, so its value at w costs a second forward pass.

    Parameters
    ----------
    lr : float, Variable or schedule
        The learning rate.
    momentum : float
        How much of the velocity stays.
    dampening : float
        How much of the gradient does not get into the velocity, except at the first update.
    weight_decay : float
        L2: this times the parameter is added to the gradient.
    nesterov : bool
        Look ahead.
    classical : bool
        The learning rate is inside of the velocity, and Nesterov's gradient is taken where the velocity leads.
    **shared
        See `Optimizer`.

    References
    ----------
    B. Polyak, "Some methods of speeding up the convergence of iteration methods", 1964; Y. Nesterov, 1983; both as in
    I. Sutskever et al., "On the importance of initialization and momentum in deep learning", 2013.

    Examples
    --------
    >>> import graph_engine as ge
    >>> w = ge.parameter("w", 3.0)
    >>> engine = ge.Engine("numpy")
    >>> step = engine.compile([], w * w, updates=ge.optim.SGD(0.5).minimize(w * w))
    >>> float(step()), float(engine.value(w))
    (9.0, 0.0)
    """

    def __init__(
        self,
        lr: LearningRate = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        classical: bool = False,
        **shared: Unpack[Shared],
    ) -> None:
        at_least(0, momentum=momentum)
        if dampening and classical:
            raise refused("classical momentum has no dampening")
        if nesterov and (momentum == 0 or dampening != 0):
            raise refused("Nesterov's step needs momentum, and no dampening")
        self.counts = momentum != 0 and dampening != 0
        super().__init__(lr, weight_decay, **shared)
        self.momentum, self.dampening, self.nesterov, self.classical = momentum, dampening, nesterov, classical

    def rule(self, target: Target) -> Variable:
        if self.momentum == 0:
            return target.value - target.rate * target.gradient
        if self.classical:
            velocity = self.momentum * target.state("velocity") - target.rate * target.gradient
            return target.value + target.keep("velocity", velocity)
        velocity = target.keep("velocity", self._velocity(target))
        step = target.gradient + self.momentum * velocity if self.nesterov else velocity
        return target.value - target.rate * step

    def _velocity(self, target: Target) -> Variable:
        kept = self.momentum * target.state("velocity")
        if self.dampening == 0:
            return kept + target.gradient
        return where(equal(target.counter, 0), target.gradient, kept + (1 - self.dampening) * target.gradient)

    def point(self, parameter: Variable) -> Variable:
        """Return where the gradient is taken: classical Nesterov looks where the velocity leads."""
        if not (self.classical and self.nesterov):
            return parameter
        velocity = self.kept(parameter, "velocity", np.zeros(parameter.shape, working_dtype(parameter)))
        with building(Context(parameter.scope)):
            ahead = convert(parameter, velocity.dtype) + self.momentum * velocity
            return convert(ahead, parameter.dtype).named(f"{parameter.name}.ahead")


class ASGD(Optimizer):
    """Averaged gradient descent: SGD, and the average of the parameters that it passed.

    At update t (from 1), with n = t - 1 updates before::

        rate <- lr / (1 + lambd * lr * n) ** alpha
        w <- w * (1 - lambd * rate) - rate * gradient
        average <- average + (w - average) / max(1, n - t0)

    With `plain=True`, as courses have it, the average is that of all w so far, and w goes as by `SGD`::

        w <- w - lr * gradient
        average <- average + (w - average) / t

    Parameters
    ----------
    lr, lambd, alpha, t0, weight_decay : float
        As in PyTorch; `lr` may be a variable or a schedule too.
    plain : bool
        The average of all iterates; `lambd`, `alpha` and `t0` are not used.
    **shared
        See `Optimizer`.

    References
    ----------
    B. Polyak, A. Juditsky, "Acceleration of stochastic approximation by averaging", 1992.

    Examples
    --------
    The last line lets the averages take the place of the parameters.

    >>> import graph_engine as ge
    >>> w = ge.parameter("w", 4.0)
    >>> optimizer = ge.optim.ASGD(0.25, plain=True)
    >>> engine = ge.Engine("numpy")
    >>> step = engine.compile([], w * w, updates=optimizer.minimize(w * w))
    >>> _ = step(), step()
    >>> float(engine.value(w)), [float(engine.value(v)) for v in optimizer.averages().values()]
    (1.0, [1.5])
    >>> _ = engine.compile([], updates=optimizer.averages())()
    >>> float(engine.value(w))
    1.5
    """

    counts = True

    def __init__(
        self,
        lr: LearningRate = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0.0,
        *,
        plain: bool = False,
        **shared: Unpack[Shared],
    ) -> None:
        at_least(0, lambd=lambd, alpha=alpha, t0=t0)
        super().__init__(lr, weight_decay, **shared)
        self.lambd, self.alpha, self.t0, self.plain = lambd, alpha, t0, plain

    def rule(self, target: Target) -> Variable:
        rate, shrink, share = target.shared(self._numbers)
        kept = target.value if self.plain else target.value * shrink
        new = kept - rate * target.gradient
        average = target.state("average")
        target.keep("average", average + share * (new - average))
        return new

    def averages(self) -> Updates:
        """Return the average of each parameter; given to `compile` as updates, they take the parameters' place."""
        return {p: convert(state["average"], p.dtype) for p, state in self.state.items() if "average" in state}

    def _numbers(self, target: Target) -> tuple[Scalar, ...]:
        if self.plain:
            return target.lr, 1.0, 1.0 / target.number
        rate = target.lr / (1.0 + self.lambd * target.lr * target.done) ** self.alpha
        return rate, 1.0 - self.lambd * rate, 1.0 / maximum(target.done - self.t0, 1.0)
