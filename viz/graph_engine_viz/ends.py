"""Where wires leave a box and arrive at one: apart from each other, and at the row of their port."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from graph_engine_viz.figure import Figure
from graph_engine_viz.gates import OperationFigure
from graph_engine_viz.geometry import Placement, Point, Route, line
from graph_engine_viz.view import Wire

__all__ = ["Ends"]

PORT_STEP = 20.0
BEND, LONG = 26.0, 60.0
"""So soon a wire is where it runs, if its level beginning is longer than that."""


class Ends:
    """Leads the wires between boxes to their ends.

    Parameters
    ----------
    wires : sequence of Wire
    figures : mapping of item key to Figure
    host : mapping of item key to box key
        In whose box an item is placed.
    sizes : mapping of box key to (width, height)
    placement : Placement
        With a route for each wire.
    """

    def __init__(
        self,
        wires: Sequence[Wire],
        figures: Mapping[str, Figure],
        host: Mapping[str, str],
        sizes: Mapping[str, Point],
        placement: Placement,
    ) -> None:
        self.wires = wires
        self.figures = figures
        self.host = host
        self.sizes = sizes
        self.placement = placement

    def lead(self, number: int) -> Route:
        """Lead a wire to the row of its port, and wires that leave one box apart from each other."""
        wire, route = self.wires[number], self.placement.routes[number]
        if len(route) < 4:
            return route
        right = self._middle(wire.source)[0] + self.sizes[self.host[wire.source]][0] / 2
        left = self._middle(wire.target)[0] - self.sizes[self.host[wire.target]][0] / 2
        if right >= left:  # it leads back, to where it may end at any side
            return route
        target = self.figures[wire.target]
        if isinstance(target, OperationFigure) and wire.uses:
            left += target.inset(wire.uses[0].position)
        return _with_ends(route, (right, self._leave(number, route[0])), (left, self._arrive(number, route[-1])))

    def _middle(self, key: str) -> Point:
        return self.placement.positions[self.host[key]]

    def _leave(self, number: int, start: Point) -> float:
        """Say how high a wire leaves its source: those that leave one box stand apart."""
        wire = self.wires[number]
        figure, middle = self.figures[wire.source], self._middle(wire.source)[1]
        mates = [n for n, other in enumerate(self.wires) if other.source == wire.source]
        if figure.open_right or len(mates) < 2:
            return middle if figure.open_right else start[1]
        mates.sort(key=lambda n: (self.placement.routes[n][0][1], self._middle(self.wires[n].target)[1]))
        step = min(PORT_STEP, (figure.height - 16) / len(mates))
        return middle + (mates.index(number) - (len(mates) - 1) / 2) * step

    def _arrive(self, number: int, end: Point) -> float:
        """Say how high a wire arrives: at the row of its port, if it has one."""
        wire = self.wires[number]
        figure, middle = self.figures[wire.target], self._middle(wire.target)[1]
        if isinstance(figure, OperationFigure) and wire.uses:
            self._order_ports(wire.target, figure)
            offset = figure.port_offset(wire.uses[0].position)
            if offset is not None:
                return middle + offset
        return middle if figure.open_left else end[1]

    def _order_ports(self, key: str, figure: OperationFigure) -> None:
        """Put the rows of an operation into the order in which the wires come."""
        arriving = [
            (self.placement.routes[n][-1][1], self._middle(wire.source)[1], use.position)
            for n, wire in enumerate(self.wires)
            if wire.target == key and self.placement.routes[n]
            for use in wire.uses
        ]
        order = [position for _, _, position in sorted(arriving)]
        figure.order = [position for position in order if position in figure.ports]


def _with_ends(route: Route, start: Point, end: Point) -> Route:
    """Move the ends of a route; so that it leaves and arrives level, as arrow heads are."""
    if _level(route) == len(route):
        if end[0] - start[0] <= LONG:
            middle = (start[0] + end[0]) / 2
            return _join(start, (middle, start[1]), (middle, end[1]), end)
        half = (start[0] + end[0]) / 2, route[0][1]
        route = (route[0], *line(route[0], half), *line(half, route[-1]))
    return _with_start(_with_start(route, start)[::-1], end)[::-1]


def _with_start(route: Route, start: Point) -> Route:
    """Move the start of a route, and what is level with it; of a long way, which runs between boxes, the start only."""
    (x, y), level = start, route[0][1]
    ahead = _level(route)
    knot = (ahead - 1) // 3 * 3
    way = route[knot][0] - x
    if abs(way) > LONG and abs(y - level) > 0.5:
        bend = x + (BEND if way > 0 else -BEND)
        middle = (x + bend) / 2
        return start, (middle, y), (middle, level), (bend, level), *line((bend, level), route[knot]), *route[knot + 1 :]
    points = [*((px, y) for px, _ in route[:ahead]), *route[ahead:]]
    forward = route[-1][0] >= route[0][0]
    points[0] = start
    points[1] = (max if forward else min)(points[1][0], x), y
    return tuple(points)


def _level(route: Route) -> int:
    """Count the points at the beginning of a route that are as high as its first; at least its control point."""
    count = next((n for n, (_, y) in enumerate(route) if abs(y - route[0][1]) > 0.5), len(route))
    return max(count, 2)


def _join(start: Point, first: Point, second: Point, end: Point) -> Route:
    """Join two points by one curve, or straight where they are level."""
    return (start, *line(start, end)) if start[1] == end[1] else (start, first, second, end)
