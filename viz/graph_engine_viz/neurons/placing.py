"""Where circles and labels stand: columns of units, a loss at the right, labels on edges where they have room."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from graph_engine_viz.geometry import Point
from graph_engine_viz.neurons.network import Network

__all__ = ["ELLIPSIS", "Box", "Column", "Edge", "Places", "place_network", "shown_units"]

RADIUS = 36.0
ROW = 20.0
"""The height of a line in a pill, and of a bias."""

PILL = 92.0
SPACE = 14.0
HEADER, FOOTER = 40.0, 34.0
LOSS = 150.0
ELLIPSIS = -1
"""Stands for the units that are not shown."""

MOST_UNITS, FIRST = 4, 3
TALLEST = 500.0
"""Where a column would be taller, gradients stand beside the circles, not under them."""

ASPECT = 2.4
NARROWEST, WIDEST = 200.0, 420.0
STRETCHES = (1.0, 1.15, 1.3, 1.5, 1.7)
"""The gaps between columns are stretched until all labels have room."""

TALLER = 1.4
"""A column is stretched so much at most, to fill a picture that is wide."""
STEPS = 41
AIR = 8.0
"""So much room is left around labels where there is enough."""

Box: TypeAlias = tuple[float, float, float, float]
"""Left, top, right, bottom."""

Edge: TypeAlias = tuple[int, int, int]
"""Into which layer, from which unit before, to which of its units."""


class Column(NamedTuple):
    """The units of one layer that are shown; what stands around each of their circles."""

    units: tuple[int, ...]
    bias: bool
    rows: int

    def height(self, beside: bool) -> float:
        """Return how high the column is."""
        whole = [unit for unit in self.units if unit != ELLIPSIS]
        return len(whole) * self.cell(beside) + (len(self.units) - len(whole)) * 1.6 * ROW

    def cell(self, beside: bool) -> float:
        """Return how high a unit is with all that belongs to it."""
        under = 0.0 if beside or not self.rows else self.rows * ROW + 8
        return (ROW if self.bias else 0.0) + 2 * RADIUS + under + SPACE


@dataclass
class Places:
    """Where everything stands.

    Attributes
    ----------
    columns : list of Column
        The inputs first.
    beside : bool
        Whether gradients stand beside the circles.
    centers : dict of (column, unit) to point
        The middles of circles; of an ellipsis, its own.
    labels : dict of Edge to point
        The middles of the labels that have room.
    loss : point
        The left end of the loss's box, in the middle.
    width, height : float
    """

    columns: list[Column]
    beside: bool
    centers: dict[tuple[int, int], Point] = field(default_factory=dict)
    labels: dict[Edge, Point] = field(default_factory=dict)
    loss: Point = (0.0, 0.0)
    width: float = 0.0
    height: float = 0.0

    def edges(self) -> list[Edge]:
        """Return the edges between units that are shown."""
        return [
            (number, i, j)
            for number in range(1, len(self.columns))
            for i in self.columns[number - 1].units
            for j in self.columns[number].units
            if ELLIPSIS not in (i, j)
        ]

    def ends(self, edge: Edge) -> tuple[Point, Point]:
        """Return where an edge begins and ends: at the circles."""
        number, i, j = edge
        (x, y), (to_x, to_y) = self.centers[number - 1, i], self.centers[number, j]
        return (x + RADIUS, y), (to_x - RADIUS - 2, to_y)

    def pill(self, number: int, unit: int) -> Box:
        """Return the room of a unit's gradients."""
        (x, y), high = self.centers[number, unit], self.columns[number].rows * ROW + 2
        if self.beside:
            return x + RADIUS + 6, y - high / 2, x + RADIUS + 6 + PILL, y + high / 2
        return x - PILL / 2, y + RADIUS + 4, x + PILL / 2, y + RADIUS + 4 + high


def shown_units(count: int) -> tuple[int, ...]:
    """Choose the units that are shown: all, or the first few and the last.

    Examples
    --------
    >>> shown_units(4), shown_units(64)
    ((0, 1, 2, 3), (0, 1, 2, -1, 63))
    """
    if count <= MOST_UNITS:
        return tuple(range(count))
    return (*range(FIRST), ELLIPSIS, count - 1)


def place_network(network: Network, columns: list[Column], label: Point, bias: float) -> Places:
    """Place a network.

    Parameters
    ----------
    network : Network
    columns : list of Column
    label : (width, height)
        Of the labels on edges.
    bias : float
        The width of a bias's label.
    """
    beside = max(column.height(beside=False) for column in columns) > TALLEST
    best: Places | None = None
    for stretch in STRETCHES:
        places = _placed(network, columns, beside, stretch, bias)
        _place_labels(places, label, bias)
        if best is None or len(places.labels) > len(best.labels):
            best = places
        if len(places.labels) == len(places.edges()) or any(ELLIPSIS in column.units for column in columns):
            break
    assert best is not None
    return best


def _placed(network: Network, columns: list[Column], beside: bool, stretch: float, bias: float) -> Places:
    """Place circles and loss, with gaps that are wider than need be by a factor."""
    places = Places(columns, beside)
    inner = max(column.height(beside) for column in columns)
    broad = 2 * RADIUS + (PILL + 6 if beside and any(column.rows for column in columns) else 0)
    loss = (LOSS + 130.0) if network.loss is not None else SPACE
    gaps = len(columns) - 1
    fixed = len(columns) * broad + loss + 2 * SPACE
    gap = min(max(((inner + HEADER + FOOTER) * ASPECT - fixed) / gaps, NARROWEST), WIDEST) * stretch
    inner = min(max(inner, (fixed + gaps * gap) / ASPECT - HEADER - FOOTER), inner * TALLER)
    places.height = inner + HEADER + FOOTER
    x = SPACE + max(RADIUS, bias / 2, PILL / 2)
    for number, column in enumerate(columns):
        _place_column(places, number, column, x, inner)
        x += broad + gap
    last = x - gap - RADIUS
    places.loss = (last + 130.0, HEADER + inner / 2)
    places.width = (places.loss[0] + LOSS + SPACE) if network.loss is not None else last + 4 * SPACE
    return places


def _place_column(places: Places, number: int, column: Column, x: float, inner: float) -> None:
    """Spread a column's units over the height, but not far apart."""
    spare = inner - column.height(places.beside)
    extra = min(spare / len(column.units), column.cell(places.beside) * 0.6)
    top = HEADER + (spare - extra * len(column.units)) / 2
    for unit in column.units:
        top += extra / 2
        if unit == ELLIPSIS:
            places.centers[number, unit] = (x, top + 0.8 * ROW - SPACE / 2)
            top += 1.6 * ROW
        else:
            places.centers[number, unit] = (x, top + (ROW if column.bias else 0.0) + RADIUS + SPACE / 2)
            top += column.cell(places.beside)
        top += extra / 2


def _place_labels(places: Places, size: Point, bias: float) -> None:
    """Give each edge's label the best place that is free; what finds none has no label."""
    taken = list(_obstacles(places, bias))
    edges = places.edges()
    for number in range(1, len(places.columns)):
        mine = [edge for edge in edges if edge[0] == number]
        lines = {edge: places.ends(edge) for edge in mine}
        for edge in sorted(mine, key=lambda e: -abs(lines[e][0][1] - lines[e][1][1])):
            others = [line for other, line in lines.items() if other != edge]
            most = 1 if ELLIPSIS in places.columns[number].units else len(others)
            found = _best(lines[edge], size, taken, others, most)
            if found is not None:
                places.labels[edge] = found
                taken.append(_around(found, size))


def _obstacles(places: Places, bias: float) -> Iterable[Box]:
    for (number, unit), (x, y) in places.centers.items():
        if unit == ELLIPSIS:
            continue
        yield x - RADIUS - 4, y - RADIUS - 4, x + RADIUS + 4, y + RADIUS + 4
        if places.columns[number].rows:
            yield places.pill(number, unit)
        if places.columns[number].bias:
            yield x - bias / 2, y - RADIUS - ROW, x + bias / 2, y - RADIUS


def _best(
    line: tuple[Point, Point], size: Point, taken: Sequence[Box], others: Sequence[tuple[Point, Point]], most: int
) -> Point | None:
    """Choose the free place on a line that the fewest other lines cross, and not more than so many."""
    ((x, y), (to_x, to_y)) = line
    best: tuple[float, Point] | None = None
    for step in range(1, STEPS):
        t = step / STEPS
        middle = (x + t * (to_x - x), y + t * (to_y - y))
        box, around = _around(middle, size), _around(middle, (size[0] + 2 * AIR, size[1] + 2 * AIR))
        crossed = sum(crosses(other, box) for other in others)
        if crossed > most or any(_overlap(box, other) for other in taken):
            continue
        close = sum(_overlap(around, other) for other in taken) + sum(crosses(other, around) for other in others)
        cost = crossed + 0.5 * close + abs(t - 0.35)
        if best is None or cost < best[0]:
            best = cost, middle
    return None if best is None else best[1]


def _around(middle: Point, size: Point) -> Box:
    return middle[0] - size[0] / 2, middle[1] - size[1] / 2, middle[0] + size[0] / 2, middle[1] + size[1] / 2


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def crosses(line: tuple[Point, Point], box: Box) -> bool:
    """Say whether a straight line runs through a box.

    Examples
    --------
    >>> crosses(((0, 0), (10, 10)), (4, 4, 6, 6)), crosses(((0, 0), (10, 10)), (6, 0, 8, 3))
    (True, False)
    """
    (x, y), (to_x, to_y) = line
    enter, leave = 0.0, 1.0
    for start, way, low, high in ((x, to_x - x, box[0], box[2]), (y, to_y - y, box[1], box[3])):
        if way == 0:
            if not low <= start <= high:
                return False
            continue
        first, second = sorted(((low - start) / way, (high - start) / way))
        enter, leave = max(enter, first), min(leave, second)
    return enter <= leave
