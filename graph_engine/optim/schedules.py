"""Schedules: the learning rate as a function of the number of updates made, in the graph.

A schedule is any function from that number (a float64 variable, 0 at the first update) to a variable. With
`steps_per_epoch=n` the ones here count epochs of n updates instead, so that the rate changes n times more slowly, and
only between epochs. They work number by number: run one on `ge.constant(np.arange(100.0))` to look at it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from graph_engine.declaring import refused
from graph_engine.node import Variable
from graph_engine.optim.arguments import at_least, whole
from graph_engine.primitives import astype, cos, floor, full, greater_equal, less, minimum, where
from graph_engine.primitives.structure import broadcast_to

Schedule = Callable[[Variable], Variable]

__all__ = [
    "Schedule", "constant", "cosine", "exponential", "inverse", "linear_warmup", "multistep", "one_cycle",
    "polynomial", "sequence", "step",
]  # fmt: skip


def constant(lr: float) -> Schedule:
    """Return the schedule that is always `lr`: a part of a sequence.

    Examples
    --------
    >>> import graph_engine as ge
    >>> schedule = ge.optim.schedules.constant(0.1)
    >>> ge.Engine("numpy").run(schedule(ge.constant([0.0, 9.0]))).round(3).tolist()
    [0.1, 0.1]
    """
    at_least(0, lr=lr)
    return lambda t: broadcast_to(full((), lr, "float64"), t.shape)


def step(lr: float, step_size: int, gamma: float = 0.1, *, steps_per_epoch: int = 1) -> Schedule:
    """Return lr * gamma ** floor(t / step_size).

    Examples
    --------
    >>> import graph_engine as ge
    >>> schedule = ge.optim.schedules.step(1.0, 2, gamma=0.5)
    >>> ge.Engine("numpy").run(schedule(ge.constant([0.0, 1.0, 2.0, 3.0, 4.0]))).tolist()
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """
    at_least(0, lr=lr, gamma=gamma)
    whole(1, step_size=step_size)
    return _each(steps_per_epoch, lambda t: lr * gamma ** floor(t / step_size))


def multistep(lr: float, milestones: Sequence[int], gamma: float = 0.1, *, steps_per_epoch: int = 1) -> Schedule:
    """Return lr * gamma ** (how many milestones t has reached).

    Examples
    --------
    >>> import graph_engine as ge
    >>> schedule = ge.optim.schedules.multistep(1.0, [1, 3], gamma=0.5)
    >>> ge.Engine("numpy").run(schedule(ge.constant([0.0, 1.0, 2.0, 3.0]))).tolist()
    [1.0, 0.5, 0.5, 0.25]
    """
    at_least(0, lr=lr, gamma=gamma)
    milestones = _increasing(milestones)

    def rule(t: Variable) -> Variable:
        reached = 0.0 * t
        for milestone in milestones:
            reached = reached + astype(greater_equal(t, float(milestone)), t.dtype)
        return lr * gamma**reached

    return _each(steps_per_epoch, rule)


def inverse(lr: float, k: float, *, steps_per_epoch: int = 1) -> Schedule:
    """Return lr / (1 + k * t).

    Examples
    --------
    >>> import graph_engine as ge
    >>> schedule = ge.optim.schedules.inverse(1.0, k=1.0)
    >>> ge.Engine("numpy").run(schedule(ge.constant([0.0, 1.0, 3.0]))).tolist()
    [1.0, 0.5, 0.25]
    """
    at_least(0, lr=lr, k=k)
    return _each(steps_per_epoch, lambda t: lr / (1.0 + k * t))


def exponential(lr: float, gamma: float, *, steps_per_epoch: int = 1) -> Schedule:
    """Return lr * gamma ** t.

    Examples
    --------
    >>> import graph_engine as ge
    >>> schedule = ge.optim.schedules.exponential(1.0, gamma=0.5)
    >>> ge.Engine("numpy").run(schedule(ge.constant([0.0, 1.0, 2.0]))).tolist()
    [1.0, 0.5, 0.25]
    """
    at_least(0, lr=lr, gamma=gamma)
    return _each(steps_per_epoch, lambda t: lr * gamma**t)


def polynomial(lr: float, total_iters: int = 5, power: float = 1.0, *, steps_per_epoch: int = 1) -> Schedule:
    """Return lr * (1 - t / total_iters) ** power, and 0 from `total_iters` on.

    Examples
    --------
    >>> import graph_engine as ge
    >>> schedule = ge.optim.schedules.polynomial(1.0, 4)
    >>> ge.Engine("numpy").run(schedule(ge.constant([0.0, 1.0, 4.0, 5.0]))).tolist()
    [1.0, 0.75, 0.0, 0.0]
    """
    at_least(0, lr=lr, power=power)
    whole(1, total_iters=total_iters)
    return _each(steps_per_epoch, lambda t: lr * (1.0 - minimum(t / total_iters, 1.0)) ** power)


def cosine(lr: float, T_max: int, eta_min: float = 0.0, *, steps_per_epoch: int = 1) -> Schedule:
    """Return eta_min + (lr - eta_min) * (1 + cos(pi * t / T_max)) / 2; it rises again after `T_max`.

    I. Loshchilov, F. Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017.

    Examples
    --------
    >>> import graph_engine as ge
    >>> schedule = ge.optim.schedules.cosine(1.0, 4)
    >>> ge.Engine("numpy").run(schedule(ge.constant([0.0, 2.0, 4.0]))).round(4).tolist()
    [1.0, 0.5, 0.0]
    """
    at_least(0, lr=lr, eta_min=eta_min)
    whole(1, T_max=T_max)
    return _each(steps_per_epoch, lambda t: eta_min + (lr - eta_min) * (1.0 + cos(math.pi / T_max * t)) / 2.0)


def linear_warmup(
    total_iters: int, then: float | Schedule, start_factor: float = 1.0 / 3.0, *, steps_per_epoch: int = 1
) -> Schedule:
    """Multiply another schedule by a factor that grows from `start_factor` to 1 in `total_iters`.

    The other one is counted from the beginning as well: `sequence` counts it from the end of the warm-up.

    Parameters
    ----------
    total_iters : int
    then : float or schedule
        The learning rate.
    start_factor : float
    steps_per_epoch : int
        For the warm-up; the other schedule has its own.

    Examples
    --------
    >>> import graph_engine as ge
    >>> schedule = ge.optim.schedules.linear_warmup(4, 1.0, start_factor=0.0)
    >>> ge.Engine("numpy").run(schedule(ge.constant([0.0, 1.0, 4.0, 5.0]))).tolist()
    [0.0, 0.25, 1.0, 1.0]
    """
    at_least(0, start_factor=start_factor)
    whole(1, total_iters=total_iters)
    other = _schedule(then)
    warm = _each(steps_per_epoch, lambda t: start_factor + (1.0 - start_factor) * minimum(t / total_iters, 1.0))
    return lambda t: warm(t) * other(t)


def one_cycle(
    max_lr: float, total_steps: int, pct_start: float = 0.3, div_factor: float = 25.0, final_div_factor: float = 1e4
) -> Schedule:
    """Rise by a half cosine from max_lr / div_factor to `max_lr`, and fall to the start / final_div_factor.

    L. Smith, N. Topin, "Super-convergence", 2018; PyTorch's `OneCycleLR`, for the learning rate.

    Examples
    --------
    >>> import graph_engine as ge
    >>> schedule = ge.optim.schedules.one_cycle(1.0, 11, pct_start=0.5, div_factor=4.0)
    >>> ge.Engine("numpy").run(schedule(ge.constant([0.0, 4.5, 10.0]))).round(4).tolist()
    [0.25, 1.0, 0.0]
    """
    at_least(0, max_lr=max_lr, pct_start=pct_start)
    whole(1, total_steps=total_steps)
    at_least(1e-12, div_factor=div_factor, final_div_factor=final_div_factor)
    peak, last = pct_start * total_steps - 1.0, total_steps - 1.0
    if not 0 < peak < last:
        raise refused(f"{pct_start:g} of {total_steps} steps is no rise", "give more steps, or another pct_start")
    start = max_lr / div_factor

    def rule(t: Variable) -> Variable:
        rise = start + (max_lr - start) * _ramp(t / peak)
        fall = max_lr + (start / final_div_factor - max_lr) * _ramp(minimum((t - peak) / (last - peak), 1.0))
        return where(less(t, peak), rise, fall)

    return rule


def sequence(schedules: Sequence[float | Schedule], milestones: Sequence[int]) -> Schedule:
    """Use one schedule after the other, each counted from its own milestone.

    Parameters
    ----------
    schedules : sequence of schedule or float
    milestones : sequence of int
        The number of updates at which each but the first begins.

    Examples
    --------
    >>> import graph_engine as ge
    >>> from graph_engine.optim import schedules
    >>> schedule = schedules.sequence([0.5, schedules.exponential(1.0, 0.5)], [2])
    >>> ge.Engine("numpy").run(schedule(ge.constant([0.0, 1.0, 2.0, 3.0]))).tolist()
    [0.5, 0.5, 1.0, 0.5]
    """
    parts = [_schedule(part) for part in schedules]
    starts = _increasing(milestones)
    if len(parts) != len(starts) + 1:
        raise refused(f"{len(parts)} schedules have {len(parts) - 1} milestones between them, not {len(starts)}")

    def rule(t: Variable) -> Variable:
        rate = parts[0](t)
        for part, start in zip(parts[1:], starts, strict=True):
            rate = where(greater_equal(t, float(start)), part(t - float(start)), rate)
        return rate

    return rule


# ---- what they share -------------------------------------------------------------------------------------------


def _each(steps_per_epoch: int, rule: Schedule) -> Schedule:
    """Let a rule count epochs."""
    whole(1, steps_per_epoch=steps_per_epoch)
    if steps_per_epoch == 1:
        return rule
    return lambda t: rule(floor(t / steps_per_epoch))


def _schedule(given: float | Schedule) -> Schedule:
    return given if callable(given) else constant(given)


def _increasing(milestones: Sequence[int]) -> list[int]:
    listed = list(milestones)
    if any(b <= a for a, b in zip(listed, listed[1:], strict=False)):
        raise refused(f"milestones increase, but these are {listed}")
    whole(0, **{f"milestones[{i}]": milestone for i, milestone in enumerate(listed)})
    return listed


def _ramp(part: Variable) -> Variable:
    """Go from 0 to 1 by half a cosine."""
    return (1.0 - cos(math.pi * part)) / 2.0
