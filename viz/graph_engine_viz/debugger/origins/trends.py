"""Gradients that vanish or explode over depth: operations of one kind that all make them smaller, or larger."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from graph_engine_viz.debugger.origins.families import FAMILIES, UNITS
from graph_engine_viz.debugger.origins.reading import Reader
from graph_engine_viz.debugger.origins.report import Cause, Factor, Finding, found_at
from graph_engine_viz.summary import short

__all__ = ["Trend", "find_trends", "is_extreme", "main_trend", "told_extremes", "told_trends"]

DECADES = 4
"""Kinds that change a gradient by less than 10 to this power are not told of."""

LEAST = 3
"""Fewer operations than this are no trend."""

ALIKE = 0.01
"""Factors whose decimal logarithms differ by less than this are the same."""

MOST_GIVEN = 4

DILUTING = ("mean", "avg_pool")
"""What is one of many has a small gradient by its nature."""

VANISHES, EXPLODES = "a vanishing gradient", "an exploding gradient"

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
    what = VANISHES if trend.log < 0 else EXPLODES
    most = (min if trend.log < 0 else max)(trend.factors, key=lambda factor: factor.factor)
    found_there = found_at(what, most.operation, most.operation.inputs[most.position], most.name, trend.cause)
    alike = all(abs(factor.log - most.log) < ALIKE for factor in trend.factors)
    where = "at each of them alike, as" if alike else "most of all"
    return (replace(found_there, where=f"{where} {found_there.where}"),)


def told_extremes(reader: Reader, found: Sequence[Factor]) -> tuple[Finding, ...]:
    """Tell of single operations that make a gradient vanish or explode, those that do most first."""
    total = sum(f.log for f in found if math.isfinite(f.log))
    alone = [f for f in found if is_extreme(f) and f.log * total > 0 and f.operation.primitive.name not in DILUTING]
    if abs(total) < DECADES:
        return ()
    what = VANISHES if total < 0 else EXPLODES
    most = sorted(alone, key=lambda f: -abs(f.log))[:LEAST]
    return tuple(found_at(what, f.operation, f.operation.inputs[f.position], f.name, _alone(reader, f)) for f in most)


def _alone(reader: Reader, factor: Factor) -> Cause:
    operation = factor.operation
    given = [v for v in dict.fromkeys(operation.inputs) if v.spec.is_float and reader.has(v)]
    sizes = ", ".join(f"{reader.name(v)} of RMS {short(reader.rms(v), 3)}" for v in given[:MOST_GIVEN])
    text = f"{operation.primitive.name} alone makes it {short(factor.factor, 3)} times as large; it is given {sizes}"
    if factor.log > 0:
        return Cause(text, f"keep what is divided by, or taken the root or logarithm of, away from 0; {EXPLODING}")
    family = FAMILIES.get(operation.primitive.name)
    return Cause(text, f"{family.part.cure}; {VANISHING}" if family in UNITS else VANISHING)


def _power(log: float) -> str:
    return short(10**log, 3) if abs(log) < 300 else f"1e{log:.0f}"
