"""Checks of the arguments of optimisers and schedules."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

from graph_engine.declaring import is_whole, refused
from graph_engine.node import Variable


def at_least(low: float, below: float = math.inf, **numbers: Any) -> None:
    """Raise where one of these is no number in `[low, below)`."""
    for name, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, Real) or not low <= float(value) < below:
            limits = f">= {low:g}" if below == math.inf else f"in [{low:g}, {below:g})"
            raise refused(f"{name} is a number {limits}, not {value!r}")


def positive(**numbers: Any) -> None:
    """Raise where one of these is no number > 0; infinity is one."""
    for name, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, Real) or not float(value) > 0:
            raise refused(f"{name} is a number > 0, not {value!r}")


def whole(low: int, **numbers: Any) -> None:
    """Raise where one of these is no integer from `low` on."""
    for name, value in numbers.items():
        if not is_whole(value, low):
            raise refused(f"{name} is an integer >= {low}, not {value!r}")


def check_betas(betas: Any) -> tuple[float, float]:
    """Return two decay rates in [0, 1)."""
    if not isinstance(betas, (tuple, list)) or len(betas) != 2:
        raise refused(f"betas are two numbers, not {betas!r}", "betas=(0.9, 0.999)")
    at_least(0, 1, **{"betas[0]": betas[0], "betas[1]": betas[1]})
    return betas[0], betas[1]


def check_rate(lr: Any) -> Any:
    """Return a learning rate: a number, a scalar variable, or a schedule."""
    if isinstance(lr, Variable):
        if lr.shape != () or not lr.spec.is_float:
            raise refused(f"a learning rate is one real number, but {lr.name!r} is {lr.spec}")
    elif not callable(lr) and (isinstance(lr, bool) or not isinstance(lr, Real) or not 0 <= float(lr) < math.inf):
        raise refused(
            f"a learning rate is a number >= 0, not {lr!r}",
            "a variable, or a schedule from ge.optim.schedules, can change from update to update",
        )
    return lr
