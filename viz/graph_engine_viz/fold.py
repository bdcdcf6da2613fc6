"""A long picture, cut into rows like a text, so that it fills a slide instead of crossing it as a thin band.

Cuts go between columns of boxes. A wire that is cut leads out at the right end of its row, back between the rows, and
in again at the left end of the row where it ends; rows between, it passes on the left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from graph_engine_viz.curves import rounded
from graph_engine_viz.cuts import Cut, Cuts, ends_of, middle, split
from graph_engine_viz.geometry import Frame, Group, Placement, Point, Route, flatten
from graph_engine_viz.squeezing import squeeze

__all__ = ["SLIDE", "Folded", "fold"]

SLIDE = (1240.0, 560.0)
"""The room that a picture has on a slide, beside its caption and its formulas."""

MOST_ROWS = 5
WORTH = 1.08
"""Rows are for pictures that grow by so much."""

WEIGHTS = (60.0, 180.0, 540.0)
"""How much it counts that a cut goes through wires and groups: each is tried."""

TORN = 0.94
"""A picture may be so much smaller for each group that is not cut."""

FITS = 0.8
"""Groups are cut anyway that are wider than that part of a row."""

LANE = 18.0
FRAME_HEAD = 24.0
"""The room of a frame's name."""
NEAR = 18.0
"""From the boxes to the first lane around them."""


@dataclass(frozen=True)
class Folded:
    """Where everything stands; a group that is cut has several frames."""

    positions: Mapping[str, Point]
    routes: Sequence[Route]
    frames: Sequence[tuple[Group, Frame]]
    width: float
    height: float
    room: Point = SLIDE

    @property
    def scale(self) -> float:
        """How large the picture can be shown."""
        return min(self.room[0] / max(self.width, 1), self.room[1] / max(self.height, 1))


def fold(
    placement: Placement,
    routes: Sequence[Route],
    sizes: Mapping[str, Point],
    groups: Mapping[str, Group],
    room: Point = SLIDE,
) -> Folded:
    """Cut a picture into as many rows as let it be shown largest, its groups whole where that costs little.

    Parameters
    ----------
    placement : Placement
        Flowing to the right.
    routes : sequence of Route
        They may differ from the placement's.
    sizes : mapping of box key to (width, height)
    groups : mapping of box key to Group
    room : (width, height)
        Where it is shown.
    """
    positions = {key: placement.positions[key] for key in sizes}
    whole = Folded(positions, routes, list(placement.groups.items()), placement.width, placement.height, room)
    if len(sizes) < 2 or any(_leads_back(route) for route in routes):
        return whole
    cuts = Cuts(placement, routes, sizes)
    chosen = {tuple(cuts.choose(rows, weight)): None for rows in range(2, MOST_ROWS + 1) for weight in WEIGHTS}
    ways = [(some, _Folder(placement, routes, sizes, groups, list(some), room).fold()) for some in chosen if some]
    worths = [(whole.scale, 0, whole)]
    worths += [(way.scale * TORN ** _torn(placement, some), -len(some), way) for some, way in ways]
    best = max(worths, key=lambda found: found[:2])[-1]
    return best if best.scale > WORTH * whole.scale and whole.scale < 1 else whole


def _torn(placement: Placement, cuts: Sequence[Cut]) -> int:
    """Count how often groups are cut that have room in one row."""
    fair = placement.width / (len(cuts) + 1)
    frames = [(x, x + width) for x, _, width, _ in placement.groups.values() if width < FITS * fair]
    return sum(left < middle(cut) < right for left, right in frames for cut in cuts)


def _leads_back(route: Route) -> bool:
    return any(b[0] < a[0] - 0.01 for a, b in zip(route[::3], route[3::3], strict=False))


class _Folder:
    """Puts the pieces between the cuts below each other."""

    def __init__(
        self,
        placement: Placement,
        routes: Sequence[Route],
        sizes: Mapping[str, Point],
        groups: Mapping[str, Group],
        cuts: list[Cut],
        room: Point,
    ) -> None:
        self.room = room
        self.placement = placement
        self.positions = {key: placement.positions[key] for key in sizes}
        self.sizes = sizes
        self.groups = groups
        self.cuts = cuts
        self.rows = len(cuts) + 1
        self.row_of = {key: sum(x > middle(cut) for cut in cuts) for key, (x, _) in self.positions.items()}
        self.pieces = [ends_of(split(route, cuts)) for route in routes]
        self.crossing = [self._crossing(number) for number in range(len(cuts))]
        self.passing = self._passing()
        self.frames = self._frames()
        self._squeeze()

    def _squeeze(self) -> None:
        """Take out what is empty in a row from its left to its right."""
        for row in range(self.rows):
            keys = [key for key in self.positions if self.row_of[key] == row]
            spans = [(self._top(key), self._bottom(key)) for key in keys]
            for _, own, (_, y, _, height) in self.frames:
                if own == row:
                    spans += [(y, y + FRAME_HEAD), (y + height, y + height)]
            wires = [pieces[row] for pieces in self.pieces if row in pieces]
            spans += [(y - LANE / 2, y + LANE / 2) for wire in wires for _, y in wire[::3]]
            moved = squeeze(spans)
            for key in keys:
                self.positions[key] = self.positions[key][0], moved(self.positions[key][1])
            for pieces in self.pieces:
                if row in pieces:
                    pieces[row] = tuple((x, moved(y)) for x, y in pieces[row])
            for number, (group, own, (x, y, width, height)) in enumerate(self.frames):
                if own == row:
                    self.frames[number] = group, own, (x, moved(y), width, moved(y + height) - moved(y))

    def _crossing(self, cut: int) -> list[int]:
        """Say which wires leave their row at a cut, from the top to the bottom."""
        met = [number for number, pieces in enumerate(self.pieces) if len(pieces) == 2 and min(pieces) == cut]
        return sorted(met, key=lambda number: (self.pieces[number][cut][-1][1], number))

    def _passing(self) -> list[int]:
        """Say which wires pass whole rows, the longest last: it is outermost."""
        spans = {number: max(pieces) - min(pieces) for number, pieces in enumerate(self.pieces) if pieces}
        return sorted((number for number, span in spans.items() if span > 1), key=lambda n: (spans[n], n))

    def _frames(self) -> list[tuple[Group, int, Frame]]:
        """Draw each group's frame anew around what is in it, in each row; the inner ones first."""
        groups = self.placement.groups
        drawn: dict[tuple[Group, int], Frame] = {}
        for group in sorted(groups, key=len, reverse=True):
            x, y, width, height = groups[group]
            keys = [key for key, own in self.groups.items() if own == group]
            inner = [other for other in groups if other[:-1] == group]
            spans = [(self._top(key), self._bottom(key)) for key in keys]
            spans += [(groups[other][1], groups[other][1] + groups[other][3]) for other in inner]
            top, bottom = y - min(span[0] for span in spans), y + height - max(span[1] for span in spans)
            for row in range(self.rows):
                mine = [(self._top(key), self._bottom(key)) for key in keys if self.row_of[key] == row]
                frames = [drawn[other, row] for other in inner if (other, row) in drawn]
                mine += [(frame[1], frame[1] + frame[3]) for frame in frames]
                if mine:
                    inset = 4.0 * len(group)
                    left = max(x, middle(self.cuts[row - 1]) + inset) if row else x
                    right = min(x + width, middle(self.cuts[row]) - inset) if row < self.rows - 1 else x + width
                    above, below = min(span[0] for span in mine) + top, max(span[1] for span in mine) + bottom
                    drawn[group, row] = (left, above, right - left, below - above)
        order = [(group, row) for group in groups for row in range(self.rows)]
        return [(group, row, drawn[group, row]) for group, row in order if (group, row) in drawn]

    def _top(self, key: str) -> float:
        return self.positions[key][1] - self.sizes[key][1] / 2

    def _bottom(self, key: str) -> float:
        return self.positions[key][1] + self.sizes[key][1] / 2

    def _extent(self, row: int) -> tuple[float, float, float, float]:
        """Return the rectangle of a row: left, top, right, bottom."""
        xs: list[float] = []
        ys: list[float] = []
        for key, own in self.row_of.items():
            if own == row:
                x = self.positions[key][0]
                xs += [x - self.sizes[key][0] / 2, x + self.sizes[key][0] / 2]
                ys += [self._top(key), self._bottom(key)]
        for _, own, (x, y, width, height) in self.frames:
            if own == row:
                xs += [x, x + width]
                ys += [y, y + height]
        for pieces in self.pieces:
            for x, y in flatten(pieces.get(row, ()), 4):
                xs.append(x)
                ys.append(y)
        return min(xs), min(ys), max(xs), max(ys)

    def fold(self) -> Folded:
        shifts: list[Point] = []
        extents = [self._extent(row) for row in range(self.rows)]
        lead = (max((len(wires) for wires in self.crossing), default=0) + len(self.passing)) * LANE + NEAR
        top = 0.0
        for row, (left, above, _, below) in enumerate(extents):
            shifts.append((lead - left, top - above))
            lanes = len(self.crossing[row]) if row < len(self.cuts) else 0
            top += below - above + (2 * NEAR + (lanes - 1) * LANE if lanes else NEAR)
        positions = {key: _shifted((x, y), shifts[self.row_of[key]]) for key, (x, y) in self.positions.items()}
        frames = [
            (group, (x + shifts[row][0], y + shifts[row][1], width, height))
            for group, row, (x, y, width, height) in self.frames
        ]
        routes = [self._route(number, shifts, extents) for number in range(len(self.pieces))]
        right = max(extent[2] + shift[0] for extent, shift in zip(extents, shifts, strict=True))
        return Folded(positions, routes, frames, right + lead, extents[-1][3] + shifts[-1][1], self.room)

    def _route(self, number: int, shifts: list[Point], extents: list[tuple[float, float, float, float]]) -> Route:
        pieces = self.pieces[number]
        rows = sorted(pieces)
        points: list[Point] = []
        for row in rows:
            moved = [_shifted(point, shifts[row]) for point in pieces[row]]
            if points:
                points += self._connector(number, rows[0], row, points[-1], moved[0], shifts, extents)
                moved = moved[1:]
            points += moved
        return tuple(points)

    def _connector(
        self,
        number: int,
        cut: int,
        row: int,
        start: Point,
        end: Point,
        shifts: list[Point],
        extents: list[tuple[float, float, float, float]],
    ) -> list[Point]:
        """Lead a wire around the right end of its row, back between the rows, and in at the left of another."""
        wires = self.crossing[cut]
        place = wires.index(number)
        around = len(wires) - 1 - place
        right = extents[cut][2] + shifts[cut][0] + NEAR / 2 + around * LANE
        low = extents[cut][3] + shifts[cut][1] + NEAR + around * LANE
        if number in self.passing:
            place = max(map(len, self.crossing)) + self.passing.index(number)
        left = extents[row][0] + shifts[row][0] - NEAR / 2 - place * LANE
        corners = [start, (right, start[1]), (right, low), (left, low), (left, end[1]), end]
        return list(rounded(corners)[1:])


def _shifted(point: Point, shift: Point) -> Point:
    return point[0] + shift[0], point[1] + shift[1]
