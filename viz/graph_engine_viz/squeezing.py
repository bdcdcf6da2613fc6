"""Empty heights of a row, taken out: what stood far apart for the sake of another row need not do so in its own."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable
from typing import TypeAlias

__all__ = ["squeeze"]

Span: TypeAlias = tuple[float, float]

SPARE = 24.0
"""So much is left of what is empty."""


def squeeze(spans: Iterable[Span]) -> Callable[[float], float]:
    """Return where heights come to be, when nothing but the room between these spans shrinks.

    Examples
    --------
    >>> moved = squeeze([(0, 50), (40, 60), (184, 200)])
    >>> [moved(y) for y in (-5, 30, 60, 122, 184, 210)]
    [-5.0, 30.0, 60.0, 72.0, 84.0, 110.0]
    """
    knots: list[tuple[float, float]] = []  # from where to where; between two of them, evenly
    for low, high in _merged(spans):
        shift = min(low - knots[-1][0], SPARE) + knots[-1][1] - low if knots else 0.0
        knots += [(low, low + shift), (high, high + shift)]

    def moved(y: float) -> float:
        place = bisect_right(knots, (y, float("inf")))
        if not 0 < place < len(knots):
            end = knots[0 if place == 0 else -1] if knots else (0.0, 0.0)
            return y - end[0] + end[1]
        (a, to_a), (b, to_b) = knots[place - 1], knots[place]
        return to_a + (y - a) * (to_b - to_a) / (b - a)

    return moved


def _merged(spans: Iterable[Span]) -> list[Span]:
    merged: list[Span] = []
    for low, high in sorted(spans):
        if merged and low <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], high)
        else:
            merged.append((low, high))
    return merged
