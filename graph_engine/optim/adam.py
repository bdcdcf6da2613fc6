"""Adam, and what came of it: means of the gradient and of its square, both corrected for their beginning at zero."""

from __future__ import annotations

from typing import Unpack

from graph_engine.node import Variable
from graph_engine.optim.arguments import at_least, check_betas
from graph_engine.optim.optimizer import LearningRate, Optimizer, Shared
from graph_engine.optim.target import Scalar, Target
from graph_engine.primitives import abs, greater, maximum, sqrt, square, where

Betas = tuple[float, float]


class Moments(Optimizer):
    """What the family shares: `betas`, the two means, decoupled weight decay."""

    counts = True

    def __init__(
        self,
        lr: LearningRate,
        betas: Betas,
        eps: float,
        weight_decay: float,
        decoupled_weight_decay: bool = False,
        **shared: Unpack[Shared],
    ) -> None:
        at_least(0, eps=eps, weight_decay=weight_decay)
        self.betas, self.eps = check_betas(betas), eps
        super().__init__(lr, 0.0 if decoupled_weight_decay else weight_decay, **shared)
        self.decoupled = weight_decay if decoupled_weight_decay else 0.0

    def mean(self, target: Target) -> Variable:
        """Declare the mean of the gradient."""
        beta = self.betas[0]
        return target.keep("mean", beta * target.state("mean") + (1 - beta) * target.gradient)

    def mean_square(self, target: Target) -> Variable:
        """Declare the mean of the squared gradient."""
        beta = self.betas[1]
        return target.keep("square", beta * target.state("square") + (1 - beta) * square(target.gradient))

    def decayed(self, target: Target) -> Variable:
        """Return the parameter, smaller by the decoupled weight decay."""
        return target.value * target.shared(self._shrinking)[0] if self.decoupled else target.value

    def _shrinking(self, target: Target) -> tuple[Scalar]:
        return (1.0 - self.decoupled * target.lr,)

    def corrections(self, target: Target) -> tuple[Variable, Variable]:
        """Return by how much the two means are too small, as they began at zero."""
        return 1.0 - self.betas[0] ** target.number, 1.0 - self.betas[1] ** target.number


class Adam(Moments):
    """Steps by the mean of the gradient over the root of the mean of its square.

    At update t (from 1)::

        mean <- beta1 * mean + (1 - beta1) * g
        square <- beta2 * square + (1 - beta2) * g ** 2
        w <- w - lr * mean / (1 - beta1 ** t) / (sqrt(square / (1 - beta2 ** t)) + eps)

    Parameters
    ----------
    lr : float, Variable or schedule
    betas : (float, float)
        How much of the two means stays.
    eps, weight_decay : float
    amsgrad : bool
        Divide by the largest `square` so far.
    decoupled_weight_decay : bool
        As `AdamW`.
    **shared
        See `Optimizer`.

    References
    ----------
    D. Kingma, J. Ba, "Adam: a method for stochastic optimization", 2015; S. Reddi et al., "On the convergence of Adam
    and beyond", 2018 (amsgrad).

    Examples
    --------
    >>> import graph_engine as ge
    >>> w, engine = ge.parameter("w", 3.0), ge.Engine("numpy")
    >>> optimizer = ge.optim.Adam(0.5)
    >>> _ = engine.compile([], w * w, updates=optimizer.minimize(w * w))()
    >>> round(float(engine.value(w)), 4), [v.name for v in optimizer.state[w].values()]
    (2.5, ['adam.w.step', 'adam.w.mean', 'adam.w.square'])
    """

    def __init__(
        self,
        lr: LearningRate = 1e-3,
        betas: Betas = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        decoupled_weight_decay: bool = False,
        **shared: Unpack[Shared],
    ) -> None:
        super().__init__(lr, betas, eps, weight_decay, decoupled_weight_decay, **shared)
        self.amsgrad = amsgrad

    def rule(self, target: Target) -> Variable:
        mean, power = self.mean(target), self.mean_square(target)
        if self.amsgrad:
            power = target.keep("largest", maximum(target.state("largest"), power))
        size, scale = target.shared(self._numbers)
        return self.decayed(target) - size * mean / (sqrt(power) / scale + self.eps)

    def _numbers(self, target: Target) -> tuple[Scalar, ...]:
        first, second = self.corrections(target)
        return target.lr / first, sqrt(second)


class AdamW(Adam):
    """Adam with decoupled weight decay: w <- w * (1 - lr * weight_decay), and then Adam's step.

    Parameters
    ----------
    lr, betas, eps, weight_decay, amsgrad
        As for `Adam`.
    **shared
        See `Optimizer`.

    References
    ----------
    I. Loshchilov, F. Hutter, "Decoupled weight decay regularization", 2019.

    Examples
    --------
    >>> import graph_engine as ge
    >>> w, engine = ge.parameter("w", 3.0), ge.Engine("numpy")
    >>> _ = engine.compile([], w * w, updates=ge.optim.AdamW(0.5, weight_decay=0.1).minimize(w * w))()
    >>> round(float(engine.value(w)), 4)
    2.35
    """

    def __init__(
        self,
        lr: LearningRate = 1e-3,
        betas: Betas = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        **shared: Unpack[Shared],
    ) -> None:
        super().__init__(lr, betas, eps, weight_decay, amsgrad, decoupled_weight_decay=True, **shared)


class NAdam(Moments):
    """Adam with Nesterov's momentum, which grows: m_t = beta1 * (1 - 0.96 ** (t * momentum_decay) / 2).

    At update t (from 1), mean and square as in `Adam`::

        product <- product * m_t                                         (from 1)
        root = sqrt(square / (1 - beta2 ** t)) + eps
        w <- w - lr * (1 - m_t) / (1 - product) * g / root
               - lr * m_(t+1) / (1 - product * m_(t+1)) * mean / root

    Parameters
    ----------
    lr, betas, eps, weight_decay
        As for `Adam`.
    momentum_decay : float
    decoupled_weight_decay : bool
        As in `AdamW`.
    **shared
        See `Optimizer`.

    References
    ----------
    T. Dozat, "Incorporating Nesterov momentum into Adam", 2016.

    Examples
    --------
    >>> import graph_engine as ge
    >>> w, engine = ge.parameter("w", 3.0), ge.Engine("numpy")
    >>> _ = engine.compile([], w * w, updates=ge.optim.NAdam(0.5).minimize(w * w))()
    >>> round(float(engine.value(w)), 4)
    2.4718
    """

    def __init__(
        self,
        lr: LearningRate = 2e-3,
        betas: Betas = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        **shared: Unpack[Shared],
    ) -> None:
        at_least(0, momentum_decay=momentum_decay)
        super().__init__(lr, betas, eps, weight_decay, decoupled_weight_decay, **shared)
        self.momentum_decay = momentum_decay

    def rule(self, target: Target) -> Variable:
        mean, power = self.mean(target), self.mean_square(target)
        momentum, following, scale, rate = target.shared(self._numbers)
        product = target.keep("product", target.state("product", 1.0, ()) * momentum)
        root = sqrt(power / scale) + self.eps
        by_gradient = rate * (1.0 - momentum) / (1.0 - product) * target.gradient / root
        by_mean = rate * following / (1.0 - product * following) * mean / root
        return self.decayed(target) - by_gradient - by_mean

    def _numbers(self, target: Target) -> tuple[Scalar, ...]:
        momentum = self.betas[0] * (1.0 - 0.5 * 0.96 ** (target.number * self.momentum_decay))
        following = self.betas[0] * (1.0 - 0.5 * 0.96 ** ((target.number + 1.0) * self.momentum_decay))
        return momentum, following, self.corrections(target)[1], target.lr


class Adamax(Moments):
    """Adam with the largest recent gradient in the place of the root of the mean square.

    At update t (from 1), mean as in `Adam`::

        largest <- max(beta2 * largest, |g| + eps)
        w <- w - lr / (1 - beta1 ** t) * mean / largest

    Parameters
    ----------
    lr, betas, eps, weight_decay
        As for `Adam`.
    **shared
        See `Optimizer`.

    References
    ----------
    D. Kingma, J. Ba, "Adam: a method for stochastic optimization", 2015, section 7.1.

    Examples
    --------
    >>> import graph_engine as ge
    >>> w, engine = ge.parameter("w", 3.0), ge.Engine("numpy")
    >>> _ = engine.compile([], w * w, updates=ge.optim.Adamax(0.5).minimize(w * w))()
    >>> round(float(engine.value(w)), 4)
    2.5
    """

    def __init__(
        self,
        lr: LearningRate = 2e-3,
        betas: Betas = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        **shared: Unpack[Shared],
    ) -> None:
        super().__init__(lr, betas, eps, weight_decay, **shared)

    def rule(self, target: Target) -> Variable:
        mean = self.mean(target)
        recent = maximum(self.betas[1] * target.state("largest"), abs(target.gradient) + self.eps)
        (size,) = target.shared(self._size)
        return target.value - size * mean / target.keep("largest", recent)

    def _size(self, target: Target) -> tuple[Scalar]:
        return (target.lr / self.corrections(target)[0],)


class RAdam(Moments):
    """Adam that goes by the mean alone until enough gradients have been seen to trust the mean square.

    At update t (from 1), mean and square as in `Adam`, with r_inf = 2 / (1 - beta2) - 1::

        r = r_inf - 2 * t * beta2 ** t / (1 - beta2 ** t)
        step = mean / (1 - beta1 ** t)
        if r > 5: step = step * sqrt((r - 4) (r - 2) r_inf / ((r_inf - 4) (r_inf - 2) r))
                              * sqrt(1 - beta2 ** t) / (sqrt(square) + eps)
        w <- w - lr * step

    Parameters
    ----------
    lr, betas, eps, weight_decay
        As for `Adam`.
    decoupled_weight_decay : bool
        As in `AdamW`.
    **shared
        See `Optimizer`.

    References
    ----------
    L. Liu et al., "On the variance of the adaptive learning rate and beyond", 2020.

    Examples
    --------
    >>> import graph_engine as ge
    >>> w, engine = ge.parameter("w", 3.0), ge.Engine("numpy")
    >>> _ = engine.compile([], w * w, updates=ge.optim.RAdam(0.1).minimize(w * w))()
    >>> round(float(engine.value(w)), 4)
    2.4
    """

    def __init__(
        self,
        lr: LearningRate = 1e-3,
        betas: Betas = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        decoupled_weight_decay: bool = False,
        **shared: Unpack[Shared],
    ) -> None:
        super().__init__(lr, betas, eps, weight_decay, decoupled_weight_decay, **shared)

    def rule(self, target: Target) -> Variable:
        mean, power = self.mean(target), self.mean_square(target)
        size, trust, early = target.shared(self._numbers)
        scale = trust / (sqrt(power) + self.eps) + early
        return self.decayed(target) - size * mean * scale

    def _numbers(self, target: Target) -> tuple[Scalar, ...]:
        """Return the step size, the factor of the adaptive step (0 at first), and that of the other (1 at first)."""
        t, (first, second) = target.number, self.corrections(target)
        limit = 2.0 / (1.0 - self.betas[1]) - 1.0
        r = limit - 2.0 * t * self.betas[1] ** t / second
        enough = greater(r, 5.0)
        safe = maximum(r, 5.0)
        factor = sqrt((safe - 4.0) * (safe - 2.0) * limit / ((limit - 4.0) * (limit - 2.0) * safe))
        return target.lr / first, where(enough, factor * sqrt(second), 0.0), where(enough, 0.0, 1.0)
