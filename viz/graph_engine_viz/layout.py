"""Boxes and wires on a plane: who stands where, and how the wires run.

`place` is all that is needed from outside. Graphviz places small graphs where it is installed; the layout inside,
which needs nothing, does the rest: ranks (`layered`), order within the ranks (`ordering`), coordinates
(`coordinates`), curves (`routing`). It always does the same with the same graph.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import Literal

from graph_engine_viz import layout_dot
from graph_engine_viz.coordinates import Pads, place_across
from graph_engine_viz.geometry import (
    Box,
    Direction,
    Frame,
    Group,
    Link,
    Placement,
    Point,
    Route,
    Spacing,
    flatten,
    route_path,
)
from graph_engine_viz.layered import Edge, build
from graph_engine_viz.ordering import order
from graph_engine_viz.routing import draw

__all__ = ["Box", "Direction", "Frame", "Group", "Link", "Placement", "Point", "Route", "Spacing"]
__all__ += ["flatten", "place", "route_path"]

logger = logging.getLogger(__name__)

DOT_LIMIT = 500
"""The largest graph that is given to Graphviz."""


def place(
    boxes: Sequence[Box],
    links: Sequence[Link],
    direction: Direction = "right",
    engine: Literal["auto", "builtin", "dot"] = "auto",
    spacing: Spacing | None = None,
) -> Placement:
    """Lay a graph out.

    Parameters
    ----------
    boxes : sequence of Box
    links : sequence of Link
        Between boxes, by their keys. Several between the same two are fine, and so are cycles.
    direction : {"right", "down"}
        Where the links point.
    engine : {"auto", "builtin", "dot"}
        ``"auto"`` is Graphviz, where it is installed and the graph is small, and else the layout inside. If Graphviz
        fails, a warning is logged and the layout inside takes over.
    spacing : Spacing, optional

    Returns
    -------
    Placement

    Raises
    ------
    ValueError
        If two boxes have the same key, or a link's end is no box.

    Examples
    --------
    >>> boxes = [Box("x", 40, 30), Box("f", 40, 30)]
    >>> placement = place(boxes, [Link("x", "f")], engine="builtin")
    >>> placement.positions["x"], placement.positions["f"]
    ((20.0, 15.0), (108.0, 15.0))
    >>> route_path(placement.routes[0])
    'M40,15 C56,15 72,15 88,15'
    """
    spacing = spacing or Spacing()
    edges = _edges(boxes, links)
    if boxes and (engine == "dot" or (engine == "auto" and len(boxes) <= DOT_LIMIT and layout_dot.available())):
        try:
            return layout_dot.place(boxes, links, edges, direction, spacing)
        except layout_dot.DotError as error:
            logger.warning("Graphviz did not lay the graph out (%s); the layout inside does", error)
    return _place_builtin(boxes, links, edges, direction, spacing)


def _edges(boxes: Sequence[Box], links: Sequence[Link]) -> list[Edge]:
    """Turn the keys at the ends of the links into indices of boxes, and refuse what cannot be."""
    index = {box.key: number for number, box in enumerate(boxes)}
    if len(index) < len(boxes):
        twice = next(box.key for number, box in enumerate(boxes) if index[box.key] != number)
        raise ValueError(f"two boxes have the key {twice!r}")
    missing = [end for link in links for end in (link.source, link.target) if end not in index]
    if missing:
        raise ValueError(f"a link ends at {missing[0]!r}, but there is no such box")
    return [(index[link.source], index[link.target]) for link in links]


def _place_builtin(
    boxes: Sequence[Box], links: Sequence[Link], edges: Sequence[Edge], direction: Direction, spacing: Spacing
) -> Placement:
    """Lay out each connected part on its own, and put them below each other."""
    positions: dict[Hashable, Point] = {}
    routes: list[Route] = [()] * len(links)
    labels: list[Point | None] = [None] * len(links)
    groups: dict[Group, Frame] = {}
    parts = _parts(boxes, edges)
    drawn = [_place_part(boxes, links, edges, *part, direction, spacing) for part in parts]
    corners, width, height = _shelve([(part.width, part.height) for part in drawn], spacing.box)
    for (members, wires), part, (dx, dy) in zip(parts, drawn, corners, strict=True):
        for number, box in enumerate(members):
            x, y = part.positions[number]
            positions[boxes[box].key] = (x + dx, y + dy)
        for number, wire in enumerate(wires):
            routes[wire] = tuple((x + dx, y + dy) for x, y in part.routes[number])
            label = part.label_positions[number]
            labels[wire] = label and (label[0] + dx, label[1] + dy)
        for group, (x, y, along, across) in part.groups.items():
            groups[group] = (x + dx, y + dy, along, across)
    if direction == "down":
        positions = {key: (y, x) for key, (x, y) in positions.items()}
        routes = [tuple((y, x) for x, y in route) for route in routes]
        labels = [label and (label[1], label[0]) for label in labels]
        groups = {group: (y, x, height, width) for group, (x, y, width, height) in groups.items()}
        width, height = height, width
    positions = {box.key: positions[box.key] for box in boxes}
    return Placement(positions, routes, labels, dict(sorted(groups.items())), width, height)


def _parts(boxes: Sequence[Box], edges: Sequence[Edge]) -> list[tuple[list[int], list[int]]]:
    """Find the parts that neither a link nor a group connects: the boxes and the links of each."""
    root = list(range(len(boxes)))

    def find(box: int) -> int:
        while root[box] != box:
            root[box] = box = root[root[box]]
        return box

    first_of: dict[str, int] = {}
    together = [(number, first_of.setdefault(box.group[0], number)) for number, box in enumerate(boxes) if box.group]
    for one, two in (*edges, *together):
        one, two = find(one), find(two)
        root[max(one, two)] = min(one, two)
    parts: dict[int, tuple[list[int], list[int]]] = {}
    for box in range(len(boxes)):
        parts.setdefault(find(box), ([], []))[0].append(box)
    for wire, (source, _) in enumerate(edges):
        parts[find(source)][1].append(wire)
    return list(parts.values())


def _place_part(
    boxes: Sequence[Box],
    links: Sequence[Link],
    edges: Sequence[Edge],
    members: list[int],
    wires: list[int],
    direction: Direction,
    spacing: Spacing,
) -> Placement:
    """Lay out one connected part, flowing to the right whatever the direction is; boxes are called by their indices."""
    own = [boxes[box] for box in members]
    if len(own) == 1 and not wires and not own[0].group:
        width, height = (own[0].height, own[0].width) if direction == "down" else (own[0].width, own[0].height)
        return Placement({0: (width / 2, height / 2)}, [], [], {}, width, height)
    number = {box: index for index, box in enumerate(members)}
    own_links = [links[wire] for wire in wires]
    layers = build(own, own_links, [(number[edges[wire][0]], number[edges[wire][1]]) for wire in wires], direction)
    order(layers)
    plain, titled = Pads(spacing.group, spacing.group), Pads(spacing.group + spacing.title, spacing.group)
    across, along = (plain, titled) if direction == "down" else (titled, plain)
    if direction == "down":
        own_links = [replace(link, label_width=link.label_height, label_height=link.label_width) for link in own_links]
    return draw(layers, place_across(layers, spacing, across), own_links, spacing, (across, along))


def _shelve(sizes: Sequence[tuple[float, float]], gap: float) -> tuple[list[Point], float, float]:
    """Put rectangles below each other, and begin a new column when one is about as high as it should be."""
    area = sum((width + gap) * (height + gap) for width, height in sizes)
    limit = max([math.sqrt(area), *(height for _, height in sizes)])
    corners: list[Point] = []
    x = y = widest = highest = 0.0
    for width, height in sizes:
        if y and y + height > limit:
            x, y, widest = x + widest + gap, 0.0, 0.0
        corners.append((x, y))
        y += height + gap
        widest, highest = max(widest, width), max(highest, y - gap)
    return corners, x + widest, highest
