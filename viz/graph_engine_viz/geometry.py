"""What the layouts share: boxes and links to place, the placement they give, and the curves of its wires.

A wire's route is a chain of cubic Bezier curves: a start, then two control points and an end for every piece, so
``1 + 3 n`` points. SVG's ``M ... C ...`` takes them as they are.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

__all__ = ["Box", "Direction", "Frame", "Group", "Link", "Placement", "Point", "Route", "Spacing"]
__all__ += ["coordinate", "flatten", "line", "route_path"]

Point: TypeAlias = tuple[float, float]
Route: TypeAlias = tuple[Point, ...]
Group: TypeAlias = tuple[str, ...]
Frame: TypeAlias = tuple[float, float, float, float]
Direction: TypeAlias = Literal["right", "down"]


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle to be placed. `group` names the nested groups that it is in, outermost first."""

    key: Hashable
    width: float
    height: float
    group: Group = ()


@dataclass(frozen=True, slots=True)
class Link:
    """A wire from one box to another, with room for a label; a heavier one is kept shorter and straighter."""

    source: Hashable
    target: Hashable
    label_width: float = 0.0
    label_height: float = 0.0
    weight: float = 1.0

    @property
    def labelled(self) -> bool:
        """Whether there is a label to make room for."""
        return self.label_width > 0 and self.label_height > 0


@dataclass(frozen=True, slots=True)
class Spacing:
    """The least distances in a picture, in its own units.

    Attributes
    ----------
    rank : float
        Between the boxes of one column and the next (rows, when the direction is down).
    box, wire : float
        Between neighbours in a column: box and box, anything and a wire.
    group : float
        From a group's frame to what is in it, and to what is not.
    title : float
        Further room at the top of a group, for its name.
    """

    rank: float = 48.0
    box: float = 24.0
    wire: float = 12.0
    group: float = 14.0
    title: float = 18.0


@dataclass(frozen=True)
class Placement:
    """Where everything stands; x grows to the right and y downwards, from a corner at (0, 0).

    Attributes
    ----------
    positions : mapping of box key to (x, y)
        The boxes' centres.
    routes : list of Route
        A route a link, in the links' order, from the source's border to the target's.
    label_positions : list of (x, y) or None
        The labels' centres, for the links that have one.
    groups : mapping of group to (x, y, width, height)
        The groups' frames; (x, y) is the upper left corner.
    width, height : float
    """

    positions: Mapping[Hashable, Point]
    routes: Sequence[Route]
    label_positions: Sequence[Point | None]
    groups: Mapping[Group, Frame] = field(default_factory=dict)
    width: float = 0.0
    height: float = 0.0


def coordinate(number: float) -> str:
    """Write a coordinate to a hundredth, far from the origin too (``:g`` would round 1234567 away).

    Examples
    --------
    >>> coordinate(1234567.891), coordinate(12.0), coordinate(-0.001)
    ('1234567.89', '12', '0')
    """
    text = f"{number:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def line(start: Point, end: Point) -> Route:
    """Give the three points that continue a route straight from `start` to `end`."""
    (x, y), (to_x, to_y) = start, end
    return (x + (to_x - x) / 3, y + (to_y - y) / 3), (to_x - (to_x - x) / 3, to_y - (to_y - y) / 3), end


def flatten(route: Route, pieces: int = 8) -> list[Point]:
    """Turn a route into a polyline, each of its curves cut into so many pieces.

    Examples
    --------
    >>> flatten(((0, 0), (1, 0), (2, 0), (3, 0)), pieces=2)
    [(0, 0), (1.5, 0.0), (3.0, 0.0)]
    """
    points = list(route[:1])
    for start in range(0, len(route) - 3, 3):
        (ax, ay), (bx, by), (cx, cy), (dx, dy) = route[start : start + 4]
        for step in range(1, pieces + 1):
            t = step / pieces
            s = 1 - t
            a, b, c, d = s * s * s, 3 * s * s * t, 3 * s * t * t, t * t * t
            points.append((a * ax + b * bx + c * cx + d * dx, a * ay + b * by + c * cy + d * dy))
    return points


def route_path(route: Route) -> str:
    """Write a route as the ``d`` of an SVG path.

    Examples
    --------
    >>> route_path(((0, 0), (10, 0), (20, 5.126), (30, 5)))
    'M0,0 C10,0 20,5.13 30,5'
    """
    if not route:
        return ""
    texts = [f"{coordinate(x)},{coordinate(y)}" for x, y in route]
    curves = (" C" + " ".join(texts[start : start + 3]) for start in range(1, len(texts) - 2, 3))
    return f"M{texts[0]}" + "".join(curves)
