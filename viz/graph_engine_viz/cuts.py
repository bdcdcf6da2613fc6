"""Where a long picture can be cut into rows, and its wires with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from graph_engine_viz.curves import divided
from graph_engine_viz.geometry import Placement, Point, Route

__all__ = ["Cut", "Cuts", "ends_of", "middle", "split"]

SHORTEST = 0.5
"""What the length of a row is at least, but for the last one, as a part of that of equal rows."""

Cut: TypeAlias = tuple[float, float]
"""From the last box of a column to the first of the next."""


def middle(cut: Cut) -> float:
    """Return where a cut goes."""
    return (cut[0] + cut[1]) / 2


class Cuts:
    """Finds places between columns where little is cut.

    Parameters
    ----------
    placement : Placement
    routes : sequence of Route
    sizes : mapping of box key to (width, height)
    """

    def __init__(self, placement: Placement, routes: Sequence[Route], sizes: Mapping[str, Point]) -> None:
        middles = {key: placement.positions[key][0] for key in sizes}
        spans = sorted((x - sizes[key][0] / 2, x + sizes[key][0] / 2) for key, x in middles.items())
        self.costs: dict[Cut, int] = {}
        reach = spans[0][1]
        for left, right in spans[1:]:
            if left > reach + 8:
                between = (left + reach) / 2
                crossing = sum(route[0][0] < between < route[-1][0] for route in routes if route)
                grouped = sum(x < between < x + width for x, _, width, _ in placement.groups.values())
                self.costs[reach, left] = max(crossing - 1, 0) + grouped
            reach = max(reach, right)
        self.width = placement.width

    def choose(self, rows: int, weight: float) -> list[Cut]:
        """Choose cuts for rows of about equal length.

        Parameters
        ----------
        rows : int
        weight : float
            How far a cut may be out of its place to go through one wire or one group less.
        """
        fair = self.width / rows
        best: list[tuple[float, list[Cut]]] = [(0.0, [])]
        for _ in range(rows - 1):
            ways = [
                [
                    (cost + (middle(cut) - _start(chosen)) ** 2 / fair + weight * here, [*chosen, cut])
                    for cost, chosen in best
                    if middle(cut) - _start(chosen) > SHORTEST * fair
                ]
                for cut, here in self.costs.items()
            ]
            best = [min(found) for found in ways if found]
        whole = [(cost + (self.width - _start(chosen)) ** 2 / fair, chosen) for cost, chosen in best]
        return min(whole, default=(0.0, []))[1]


def _start(chosen: Sequence[Cut]) -> float:
    """Return where the row after the last cut begins."""
    return middle(chosen[-1]) if chosen else 0.0


def split(route: Route, cuts: Sequence[Cut]) -> dict[int, Route]:
    """Cut a route that leads to the right, and say which row each part is in; what is between columns is dropped."""
    if not route:
        return {}
    first = sum(route[0][0] > middle(cut) for cut in cuts)
    last = sum(route[-1][0] > middle(cut) for cut in cuts)
    parts: dict[int, Route] = {}
    for row in range(first, last + 1):
        part = route
        if row < last:
            part = divided(part, cuts[row][0])[0]
        if row > first:
            part = divided(part, cuts[row - 1][1])[1]
        parts[row] = part
    return parts


def ends_of(parts: dict[int, Route]) -> dict[int, Route]:
    """Leave out the rows that a wire only passes."""
    return {row: parts[row] for row in sorted({min(parts), max(parts)})} if parts else parts
