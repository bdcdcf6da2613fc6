"""Where a long picture can be cut into rows, and its wires with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from graph_engine_viz.curves import divided
from graph_engine_viz.geometry import Placement, Point, Route

__all__ = ["Cut", "Cuts", "ends_of", "middle", "split"]

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
        self.costs: dict[Cut, float] = {}
        reach = spans[0][1]
        for left, right in spans[1:]:
            if left > reach + 8:
                between = (left + reach) / 2
                crossing = sum(route[0][0] < between < route[-1][0] for route in routes if route)
                grouped = sum(x < between < x + width for x, _, width, _ in placement.groups.values())
                self.costs[reach, left] = 60.0 * max(crossing - 1, 0) + 60.0 * grouped
            reach = max(reach, right)
        self.width = placement.width

    def choose(self, rows: int) -> list[Cut]:
        """Choose the cuts nearest to equal rows."""
        chosen: list[Cut] = []
        for number in range(1, rows):
            wanted = self.width * number / rows
            free = [cut for cut in self.costs if not chosen or cut > chosen[-1]]
            if free:
                chosen.append(min(free, key=lambda cut: (abs(middle(cut) - wanted) + self.costs[cut], cut)))
        return chosen


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
