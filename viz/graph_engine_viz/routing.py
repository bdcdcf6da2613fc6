"""From items with a place across the flow to a picture: columns, curves, labels, frames.

Wires run level through a column and bend only between columns, where there are no boxes, so they meet none.
"""

from __future__ import annotations

from collections.abc import Sequence

from graph_engine_viz.coordinates import Pads
from graph_engine_viz.geometry import Frame, Link, Placement, Point, Route, Spacing, line
from graph_engine_viz.layered import Layers

Span = tuple[float, float]

PORT_STEP = 10.0
"""So far apart wires arrive at a box, if there is room."""

LEVEL = 0.5
"""What differs by less than this is level."""

SELF_LOOP = 20.0


class Drawing:
    """One connected picture in the making, flowing to the right."""

    def __init__(self, layers: Layers, places: list[float], spacing: Spacing, across: Pads, along: Pads) -> None:
        self.layers = layers
        self.places = places
        self.spacing = spacing
        self.across, self.along = across, along
        self.columns = self._columns()
        self.out_ports, self.in_ports = self._ports()

    def _columns(self) -> list[Span]:
        """Lay the ranks side by side, each as wide as its widest box, with room for frames and for steep wires."""
        layers = self.layers
        opening, closing = self._frames_between()
        labelled = any(label is not None for label in layers.labels)
        # Between boxes and labels there are two gaps instead of one.
        base = self.spacing.rank * (0.6 if labelled else 1.0)
        columns: list[Span] = []
        end = 0.0
        for index, rank in enumerate(layers.ranks):
            start = end
            if index:
                steep = max((abs(self.places[a] - self.places[b]) for a in rank for b in layers.left[a]), default=0.0)
                start += base + min(steep / 12, base / 2) + opening[index] + closing[index - 1]
            end = start + max(layers.along[item] for item in rank)
            columns.append((start, end))
        return columns

    def _frames_between(self) -> tuple[list[float], list[float]]:
        """Sum up, before and after each rank, the pads of the nested frames that begin and end there."""
        layers = self.layers
        opening, closing = [0.0] * len(layers.ranks), [0.0] * len(layers.ranks)
        spans: dict[int, tuple[int, int]] = {}
        for item in range(layers.boxes):
            rank = layers.rank_of[item]
            for group in layers.nest[item]:
                first, last = spans.get(group, (rank, rank))
                spans[group] = (min(first, rank), max(last, rank))
        for nest in set(layers.nest[: layers.boxes]):
            for group in nest:
                first, last = spans[group]
                begun = sum(spans[other][0] == first for other in nest)
                ended = sum(spans[other][1] == last for other in nest)
                opening[first] = max(opening[first], begun * self.along.upper)
                closing[last] = max(closing[last], ended * self.along.lower)
        return opening, closing

    def center(self, item: int) -> Point:
        """Give the middle of a box or a label."""
        start, end = self.columns[self.layers.rank_of[item]]
        return (start + end) / 2, self.places[item]

    def _ports(self) -> tuple[dict[int, float], dict[int, float]]:
        """Say for both ends of each link how far from the middle of its box it touches it."""
        layers = self.layers
        leaving: dict[int, list[tuple[float, int]]] = {}
        arriving: dict[int, list[tuple[float, int]]] = {}
        for index, path in enumerate(layers.paths):
            if path:
                leaving.setdefault(path[0], []).append((self.places[path[1]], index))
                arriving.setdefault(path[-1], []).append((self.places[path[-2]], index))
        ports: list[dict[int, float]] = []
        for ends in (leaving, arriving):
            offsets: dict[int, float] = {}
            for item, links in ends.items():
                links.sort()
                steps = _offsets([place - self.places[item] for place, _ in links], layers.across[item] / 2)
                offsets |= {index: step for (_, index), step in zip(links, steps, strict=True)}
            ports.append(offsets)
        return ports[0], ports[1]

    def lanes(self, links: Sequence[Link], low: float) -> dict[int, float]:
        """Lead the express links below everything: one lane for a source, but one for each label."""
        lanes: dict[int, float] = {}
        shared: dict[int, float] = {}
        for index in sorted(self.layers.express):
            source, height = self.layers.paths[index][0], links[index].label_height
            if links[index].labelled or source not in shared:
                low += self.spacing.wire + height
                lanes[index] = low - height / 2
                shared.setdefault(source, lanes[index])
            lanes.setdefault(index, shared[source])
        return lanes

    def route(self, index: int, lane: float | None) -> Route:
        """Draw one link, from its source to its target."""
        layers = self.layers
        path = layers.paths[index]
        first, last = path[0], path[-1]
        if first == last:
            return self._self_loop(first)
        x, y = self.center(first)
        start = (x + layers.along[first] / 2, y + self.out_ports[index])
        x, y = self.center(last)
        end = (x - layers.along[last] / 2, y + self.in_ports[index])
        out, into = self.columns[layers.rank_of[first]][1], self.columns[layers.rank_of[last]][0]
        knots = [start, (out, start[1])]
        if lane is not None:
            room = self.spacing.rank / 2
            knots += [(out + room, lane), (into - room, lane)]
        for item in path[1:-1]:
            left, right = self.columns[layers.rank_of[item]]
            knots += [(left, self.places[item]), (right, self.places[item])]
        route = _smooth([*knots, (into, end[1]), end])
        return route[::-1] if layers.backward[index] else route

    def label(self, index: int, link: Link, lane: float | None) -> Point | None:
        """Say where a link's label stands: on its wire, in a place of its own."""
        if not link.labelled:
            return None
        path, item = self.layers.paths[index], self.layers.labels[index]
        if item is not None:
            return self.center(item)
        x, y = self.center(path[0])
        if lane is None:
            return x, y - self.layers.across[path[0]] / 2 - SELF_LOOP - link.label_height / 2
        return (x + self.center(path[-1])[0]) / 2, lane

    def _self_loop(self, box: int) -> Route:
        """Draw a link from a box to itself, above it."""
        x, y = self.center(box)
        reach, top = self.layers.along[box] / 4, y - self.layers.across[box] / 2
        return (x + reach, top), (x + 2 * reach, top - SELF_LOOP), (x - 2 * reach, top - SELF_LOOP), (x - reach, top)

    def frames(self) -> dict[int, Frame]:
        """Draw the groups' frames around what is in them, from the inside outwards: left, top, right, bottom."""
        layers = self.layers
        depth: dict[int, int] = {}
        parent: dict[int, int] = {}
        held: dict[int, list[Frame]] = {}
        for item, nest in enumerate(layers.nest):
            if nest and item not in layers.spacers:
                (x, y), along, across = self.center(item), layers.along[item] / 2, layers.across[item] / 2
                held.setdefault(nest[-1], []).append((x - along, y - across, x + along, y + across))
            for level, group in enumerate(nest):
                depth[group] = level
                parent[group] = nest[level - 1] if level else -1
        frames: dict[int, Frame] = {}
        for group in sorted(depth, key=lambda group: (-depth[group], group)):
            left, top, right, bottom = zip(*held[group], strict=True)
            frames[group] = frame = (
                min(left) - self.along.upper,
                min(top) - self.across.upper,
                max(right) + self.along.lower,
                max(bottom) + self.across.lower,
            )
            held.setdefault(parent[group], []).append(frame)
        return frames


def _offsets(heights: Sequence[float], half: float) -> list[float]:
    """Fan the wires of one side of a box out, in the order in which they come.

    A level one goes to the middle; else the middle is between those from above and those from below.
    """
    if len(heights) == 1:
        return [0.0]
    above = sum(height < -LEVEL for height in heights)
    below = sum(height > LEVEL for height in heights)
    level = len(heights) - above - below
    if level:
        middle = above + (level - 1) / 2
    else:
        middle = above - 0.5 if above and below else (len(heights) - 1) / 2
    reach = max(middle, len(heights) - 1 - middle)
    step = min(PORT_STEP, 0.7 * half / reach)
    return [(place - middle) * step for place in range(len(heights))]


def _smooth(knots: list[Point]) -> Route:
    """Join knots by level lines and by curves that leave and arrive level."""
    points: list[Point] = [knots[0]]
    pending = knots[0]
    for (x, y), (to_x, to_y) in zip(knots, knots[1:], strict=False):
        if y == to_y:
            pending = (to_x, to_y)
            continue
        if (x, y) != points[-1]:
            points += line(points[-1], (x, y))
        middle = (x + to_x) / 2
        points += [(middle, y), (middle, to_y), (to_x, to_y)]
        pending = (to_x, to_y)
    if pending != points[-1] or len(points) == 1:
        points += line(points[-1], pending)
    return tuple(points)


def draw(
    layers: Layers, places: list[float], links: Sequence[Link], spacing: Spacing, pads: tuple[Pads, Pads]
) -> Placement:
    """Finish the drawing, in a corner of its own; boxes are called by their indices.

    `pads` are those of the frames' edges across the flow and along it.
    """
    drawing = Drawing(layers, places, spacing, *pads)
    frames = drawing.frames()
    middles = [drawing.center(item) for item in range(len(layers.rank_of))]
    solid: list[Frame] = list(frames.values())
    for item, (x, y) in enumerate(middles):
        along, across = layers.along[item] / 2, layers.across[item] / 2
        if item not in layers.spacers:
            solid.append((x - along, y - across, x + along, y + across))
    lanes = drawing.lanes(links, max(frame[3] for frame in solid))
    routes = [drawing.route(index, lanes.get(index)) for index in range(len(links))]
    labels = [drawing.label(index, link, lanes.get(index)) for index, link in enumerate(links)]
    for link, label in zip(links, labels, strict=True):
        if label:
            solid.append(_around(label, link.label_width, link.label_height))
    solid += [_hull(route) for route in routes]
    left, top, right, bottom = (list(edge) for edge in zip(*solid, strict=True))
    x0, y0 = min(left), min(top)
    return Placement(
        positions={item: (x - x0, y - y0) for item, (x, y) in enumerate(middles[: layers.boxes])},
        routes=[tuple((x - x0, y - y0) for x, y in route) for route in routes],
        label_positions=[label and (label[0] - x0, label[1] - y0) for label in labels],
        groups={
            layers.groups[group]: (x - x0, y - y0, to_x - x, to_y - y) for group, (x, y, to_x, to_y) in frames.items()
        },
        width=max(right) - x0,
        height=max(bottom) - y0,
    )


def _around(center: Point, width: float, height: float) -> Frame:
    return center[0] - width / 2, center[1] - height / 2, center[0] + width / 2, center[1] + height / 2


def _hull(route: Route) -> Frame:
    xs, ys = [x for x, _ in route], [y for _, y in route]
    return min(xs), min(ys), max(xs), max(ys)
