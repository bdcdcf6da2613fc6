"""Routes as curves: divided, moved aside, and bent around corners."""

from __future__ import annotations

from collections.abc import Sequence

from graph_engine_viz.geometry import Point, Route, line

__all__ = ["direction", "divided", "offset", "rounded"]

BEND = 12.0
"""How far a round corner reaches."""


def divided(route: Route, x: float) -> tuple[Route, Route]:
    """Divide a route where it reaches `x`."""
    for start in range(0, len(route) - 3, 3):
        if route[start + 3][0] >= x:
            before, after = _cut_curve(route[start : start + 4], x)
            return route[: start + 1] + before[1:], after + route[start + 4 :]
    return route, route[-1:] * 4


def _cut_curve(curve: Route, x: float) -> tuple[Route, Route]:
    """Cut a cubic curve where it reaches `x` (de Casteljau)."""
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        if _halves(curve, middle)[1][0][0] < x:
            low = middle
        else:
            high = middle
    return _halves(curve, (low + high) / 2)


def _halves(curve: Route, t: float) -> tuple[Route, Route]:
    def between(p: Point, q: Point) -> Point:
        return p[0] + (q[0] - p[0]) * t, p[1] + (q[1] - p[1]) * t

    a, b, c, d = curve
    ab, bc, cd = between(a, b), between(b, c), between(c, d)
    abc, bcd = between(ab, bc), between(bc, cd)
    middle = between(abc, bcd)
    return (a, ab, abc, middle), (middle, bcd, cd, d)


def rounded(corners: Sequence[Point]) -> Route:
    """Join points by lines with round corners."""
    points: list[Point] = [corners[0]]
    for before, corner, after in zip(corners, corners[1:], corners[2:], strict=False):
        enter, leave = _toward(corner, before), _toward(corner, after)
        points += line(points[-1], enter)
        points += [_between(enter, corner), _between(leave, corner), leave]
    points += line(points[-1], corners[-1])
    return tuple(points)


def _toward(corner: Point, other: Point) -> Point:
    """Go from a corner toward another point, as far as the bend reaches."""
    dx, dy = other[0] - corner[0], other[1] - corner[1]
    length = (dx * dx + dy * dy) ** 0.5
    if not length:
        return corner
    reach = min(BEND, length / 2) / length
    return corner[0] + dx * reach, corner[1] + dy * reach


def _between(end: Point, corner: Point) -> Point:
    return end[0] + (corner[0] - end[0]) * 0.55, end[1] + (corner[1] - end[1]) * 0.55


def offset(route: Route, left: float) -> Route:
    """Move a route to its left (seen in its direction; to its right, where negative), whatever way it turns.

    Examples
    --------
    >>> offset(((0, 0), (1, 0), (2, 0), (3, 0)), 4)
    ((0.0, -4.0), (1.0, -4.0), (2.0, -4.0), (3.0, -4.0))
    """
    if len(route) < 4:
        return route
    points: list[Point] = []
    for start in range(0, len(route) - 3, 3):
        a, b, c, d = route[start : start + 4]
        if _is_point((a, b, c, d)) and len(route) > 4:
            continue
        first, last = _normal(a, (b, c, d)), _normal(d, (c, b, a))
        moved = [_along(a, first, left), _along(b, first, left), _along(c, last, -left), _along(d, last, -left)]
        points += moved if not points else moved[1:]
    return tuple(points)


def _is_point(curve: Route) -> bool:
    """Say whether a curve has no length, and so no direction."""
    (x, y), *others = curve
    return all(abs(other[0] - x) + abs(other[1] - y) < 0.05 for other in others)


def direction(route: Route) -> Point:
    """Return a point from which a route comes to its end."""
    x, y = route[-1]
    return next((point for point in reversed(route) if abs(point[0] - x) + abs(point[1] - y) > 1.0), (x - 1, y))


def _normal(end: Point, others: Sequence[Point]) -> Point:
    """Return what points to the left of the direction in which a curve leaves its end."""
    for x, y in others:
        dx, dy = x - end[0], y - end[1]
        length = (dx * dx + dy * dy) ** 0.5
        if length > 1e-6:
            return dy / length, -dx / length
    return 0.0, -1.0


def _along(point: Point, normal: Point, distance: float) -> Point:
    return point[0] + normal[0] * distance, point[1] + normal[1] * distance
