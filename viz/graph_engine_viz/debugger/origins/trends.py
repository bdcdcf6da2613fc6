"""Gradients that vanish or explode over depth: operations of one kind that all make them smaller, or larger."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, replace

from graph_engine_viz.debugger.origins.cause import Cause
from graph_engine_viz.debugger.origins.report import Factor, Finding, found_at
from graph_engine_viz.summary import short

__all__ = ["Trend", "find_trends", "is_extreme", "main_trend", "told_trends"]

DECADES = 4
"""Kinds that change a gradient by less than 10 to this power are not told of."""

LEAST = 3
"""Fewer operations than this are no trend."""

DERIVATIVES = {"sigmoid": "its derivative is at most 0.25", "tanh": "its derivative is at most 1"}

VANISHING = "residual connections, normalisation layers, initial weights of the right size (ge.nn.init)"
EXPLODING = "smaller initial weights, normalisation layers; the optimiser's clip_norm bounds what is left"


@dataclass(frozen=True)
class Trend:
    """What operations of one kind contribute together to a gradient's size.

    Attributes
    ----------
    name : str
        Of the primitive.
    factors : tuple of Factor
    log : float
        The decimal logarithm of their product.
    """

    name: str
    factors: tuple[Factor, ...]
    log: float

    def __str__(self) -> str:
        each = short(10 ** (self.log / len(self.factors)), 3)
        return f"{len(self.factors)} times {self.name}: × {_power(self.log)}, {each} each on average"

    @property
    def cause(self) -> Cause:
        """Why a gradient is so small or large, and what helps."""
        why = f" ({DERIVATIVES[self.name]})" if self.name in DERIVATIVES and self.log < 0 else ""
        instead = f"ReLU or its kin in the place of {self.name}, " if why else ""
        return Cause(f"{self}{why}", f"{instead}{VANISHING}" if self.log < 0 else EXPLODING)


def find_trends(found: tuple[Factor, ...]) -> list[Trend]:
    """Say what operations of one kind contribute together, where there are several; those that matter most first."""
    kinds: dict[str, list[Factor]] = defaultdict(list)
    for factor in found:
        if math.isfinite(factor.log):
            kinds[factor.operation.primitive.name].append(factor)
    trends = [Trend(name, tuple(few), sum(f.log for f in few)) for name, few in kinds.items()]
    several = [trend for trend in trends if len(trend.factors) > 1 and abs(trend.log) >= 1]
    return sorted(several, key=lambda trend: -abs(trend.log))


def main_trend(found: tuple[Factor, ...]) -> Trend | None:
    """Return the kind that makes a gradient as small or as large as it is, if one does."""
    trends = find_trends(found)
    total = sum(f.log for f in found if math.isfinite(f.log))
    strong = (t for t in trends if abs(t.log) >= DECADES and len(t.factors) >= LEAST and t.log * total > 0)
    return next(strong, None) if abs(total) >= DECADES else None


def is_extreme(factor: Factor) -> bool:
    """Return whether one operation alone makes a gradient vanish or explode."""
    return abs(factor.log) >= DECADES


def told_trends(found: tuple[Factor, ...]) -> tuple[Finding, ...]:
    """Tell of the kind of operation that makes a gradient vanish or explode."""
    trend = main_trend(found)
    if trend is None:
        return ()
    what = "a vanishing gradient" if trend.log < 0 else "an exploding gradient"
    most = (min if trend.log < 0 else max)(trend.factors, key=lambda factor: factor.factor)
    found_there = found_at(what, most.operation, most.operation.inputs[most.position], most.name, trend.cause)
    return (replace(found_there, where=f"most of all {found_there.where}"),)


def _power(log: float) -> str:
    return short(10**log, 3) if abs(log) < 300 else f"1e{log:.0f}"
