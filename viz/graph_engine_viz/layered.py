"""Boxes and links become ranks of items: the first half of the built-in layout.

The picture flows along one axis, from rank to rank; across it, the items of a rank stand in an order. An item is a
box, a *wire* (where a long link passes a rank; if the link has a label, one of them is the label's room) or a *spacer*
(which keeps a group's place in a rank where it has nothing). Every link then only joins items of neighbouring ranks.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from graph_engine_viz.geometry import Box, Direction, Group, Link

logger = logging.getLogger(__name__)

Edge = tuple[int, int]

MAX_SPACERS = 200_000


@dataclass
class Layers:
    """Items in ranks, and what runs between them. Boxes come first, in their own order.

    Attributes
    ----------
    boxes : int
        So many of the items are boxes.
    ranks : list of list of int
        The items of each rank, in order across.
    rank_of : list of int
    left, right : list of list of int
        Each item's neighbours in the rank before and after.
    along, across : list of float
        Each item's size in both directions.
    nest : list of tuple of int
        The groups that each item is in, outermost first.
    spacers : set of int
    paths : list of list of int
        The items that each link goes through, by growing rank (a box twice, for a link to itself).
    backward : list of bool
        Links that run against the ranks: the path starts at their target.
    express : set of int
        Links too long to have wires: they take a lane outside.
    labels : list of int or None
        The item that is the room of each link's label.
    weights : list of float
        How hard each link pulls.
    groups : list of Group
        The names behind the group numbers of `nest`.
    """

    boxes: int
    ranks: list[list[int]]
    rank_of: list[int]
    along: list[float]
    across: list[float]
    nest: list[tuple[int, ...]]
    groups: list[Group]
    left: list[list[int]] = field(default_factory=list)
    right: list[list[int]] = field(default_factory=list)
    spacers: set[int] = field(default_factory=set)
    paths: list[list[int]] = field(default_factory=list)
    backward: list[bool] = field(default_factory=list)
    express: set[int] = field(default_factory=set)
    labels: list[int | None] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)

    def add(self, rank: int, nest: tuple[int, ...], along: float = 0.0, across: float = 0.0) -> int:
        """Append an item to a rank."""
        item = len(self.rank_of)
        self.rank_of.append(rank)
        self.ranks[rank].append(item)
        self.along.append(along)
        self.across.append(across)
        self.nest.append(nest)
        self.left.append([])
        self.right.append([])
        return item


def build(boxes: Sequence[Box], links: Sequence[Link], edges: Sequence[Edge], direction: Direction) -> Layers:
    """Rank the boxes and cut the links (`edges` are their ends, as indices of boxes) into steps of one rank."""
    backward = _against(len(boxes), edges)
    forward = [edge[::-1] if back else edge for edge, back in zip(edges, backward, strict=True)]
    rank_of = assign_ranks(len(boxes), forward, [link.weight for link in links], least_lengths(boxes, forward))
    if any(link.labelled for link in links):
        # Labels get ranks of their own, between those of the boxes, so that they overlap nothing.
        rank_of = [2 * rank for rank in rank_of]
    nest, groups = _number_groups(boxes)
    turned = direction == "down"
    layers = Layers(
        boxes=len(boxes),
        ranks=[[] for _ in range(max(rank_of, default=-1) + 1)],
        rank_of=[],
        along=[],
        across=[],
        nest=[],
        groups=groups,
        backward=backward,
        weights=[link.weight for link in links],
    )
    for box, rank, inside in zip(boxes, rank_of, nest, strict=True):
        layers.add(rank, inside, *((box.height, box.width) if turned else (box.width, box.height)))
    spans = _spans(layers)
    if sum(last - first for first, last in spans) > MAX_SPACERS:
        logger.warning("the groups span too many ranks to be kept together: they are laid out without frames")
        layers.nest, layers.groups, spans = [()] * layers.boxes, [], []
    _lay_wires(layers, links, forward, spans, turned)
    _add_spacers(layers, spans)
    return layers


def _against(count: int, edges: Sequence[Edge]) -> list[bool]:
    """Mark the edges that have to be turned round for the graph to have no cycle (none, if it has none)."""
    if all(source < target for source, target in edges):
        return [False] * len(edges)
    outgoing: list[list[int]] = [[] for _ in range(count)]
    for index, (source, _) in enumerate(edges):
        outgoing[source].append(index)
    backward = [False] * len(edges)
    state = [0] * count  # 0 not seen, 1 on the path, 2 done
    for root in range(count):
        if state[root]:
            continue
        state[root] = 1
        path = [(root, iter(outgoing[root]))]
        while path:
            node, following = path[-1]
            for index in following:
                target = edges[index][1]
                backward[index] = state[target] == 1 and target != node
                if state[target] == 0:
                    state[target] = 1
                    path.append((target, iter(outgoing[target])))
                    break
            else:
                state[node] = 2
                path.pop()
    return backward


def least_lengths(boxes: Sequence[Box], edges: Sequence[Edge]) -> list[int]:
    """Say how many ranks each edge must climb: one, and two where it enters a group whose sources need the room.

    So a layer's parameters do not stand in the last rank of the layer before, and the frames of successive layers can
    stand in a row instead of on stairs.
    """
    enters = [boxes[target].group != boxes[source].group[: len(boxes[target].group)] for source, target in edges]
    if not any(enters):
        return [1] * len(edges)
    fed = {target for source, target in edges}
    sourced = {target for source, target in edges if source not in fed and boxes[source].group == boxes[target].group}
    return [2 if inwards and target in sourced else 1 for (_, target), inwards in zip(edges, enters, strict=True)]


def assign_ranks(count: int, edges: Sequence[Edge], weights: Sequence[float], lengths: Sequence[int]) -> list[int]:
    """Give each node of an acyclic graph a rank, so that every edge climbs by its length at least and few by more.

    Longest path from the sources; then, from the end, what is pulled harder by its users than by what it uses moves up
    to just before the first use: parameters, constants and what is computed from them alone.
    """
    before: list[list[int]] = [[] for _ in range(count)]
    after: list[list[Edge]] = [[] for _ in range(count)]
    pull = [0.0] * count
    for (source, target), weight, length in zip(edges, weights, lengths, strict=True):
        if source != target:
            after[source].append((target, length))
            before[target].append(source)
            pull[source] += weight
            pull[target] -= weight
    ranks = [0] * count
    waiting = [len(sources) for sources in before]
    order = [node for node in range(count) if not before[node]]
    for node in order:
        for target, length in after[node]:
            ranks[target] = max(ranks[target], ranks[node] + length)
            waiting[target] -= 1
            if not waiting[target]:
                order.append(target)
    loose = [False] * count
    for node in order:
        loose[node] = all(loose[source] and len(after[source]) == 1 for source in before[node])
    for node in reversed(order):
        if after[node] and (loose[node] or pull[node] > 0):
            ranks[node] = min(ranks[target] - length for target, length in after[node])
    # Ranks that nobody is left in are closed, also between (all of them may have moved on).
    closed = {rank: index for index, rank in enumerate(sorted(set(ranks)))}
    return [closed[rank] for rank in ranks]


def _number_groups(boxes: Sequence[Box]) -> tuple[list[tuple[int, ...]], list[Group]]:
    """Number the groups and their parents as they come, and say for each box which ones it is in."""
    numbers: dict[Group, int] = {}
    nests: dict[Group, tuple[int, ...]] = {(): ()}
    for box in boxes:
        for depth in range(1, len(box.group) + 1):
            part = box.group[:depth]
            if part not in nests:
                numbers[part] = len(numbers)
                nests[part] = (*nests[part[:-1]], numbers[part])
    return [nests[box.group] for box in boxes], list(numbers)


def _spans(layers: Layers) -> list[Edge]:
    """Find the first and the last rank of each group."""
    spans = [(len(layers.ranks), -1)] * len(layers.groups)
    for rank, nest in zip(layers.rank_of, layers.nest, strict=True):
        for group in nest:
            first, last = spans[group]
            spans[group] = (min(first, rank), max(last, rank))
    return spans


def _lay_wires(layers: Layers, links: Sequence[Link], edges: list[Edge], spans: list[Edge], turned: bool) -> None:
    """Lead each link through the ranks between its ends; the longest ones do without, if there are too many."""
    lengths = [layers.rank_of[target] - layers.rank_of[source] for source, target in edges]
    budget = 5_000 + layers.boxes + len(links)
    for index in sorted(range(len(links)), key=lambda index: (lengths[index], index)):
        budget -= max(lengths[index] - 1, 0)
        if budget < 0 and lengths[index] > 2:
            layers.express.add(index)
    for index, (link, (source, target)) in enumerate(zip(links, edges, strict=True)):
        label: int | None = None
        path = [source, target]
        if index not in layers.express and lengths[index] > 1:
            middle = layers.rank_of[source] + (lengths[index] // 4) * 2 + 1
            wires = []
            for rank in range(layers.rank_of[source] + 1, layers.rank_of[target]):
                nest = _wire_nest(layers.nest[source], layers.nest[target], rank, spans)
                wires.append(layers.add(rank, nest))
                if link.labelled and rank == middle:
                    label = wires[-1]
                    size = (link.label_width, link.label_height)
                    layers.along[label], layers.across[label] = size[::-1] if turned else size
            path[1:1] = wires
        layers.paths.append(path)
        layers.labels.append(label)
        if index not in layers.express and source != target:
            for before, after in pairwise(path):
                layers.right[before].append(after)
                layers.left[after].append(before)


def _wire_nest(source: tuple[int, ...], target: tuple[int, ...], rank: int, spans: list[Edge]) -> tuple[int, ...]:
    """Say which groups a wire is in: its source's as far as they reach, its target's from where they begin."""
    shared = 0
    while shared < min(len(source), len(target)) and source[shared] == target[shared]:
        shared += 1
    for depth in range(len(source), shared, -1):
        if rank <= spans[source[depth - 1]][1]:
            return source[:depth]
    for depth in range(len(target), shared, -1):
        if rank >= spans[target[depth - 1]][0]:
            return target[:depth]
    return source[:shared]


def _add_spacers(layers: Layers, spans: list[Edge]) -> None:
    """Let every group be in every rank from its first to its last, so that nothing foreign gets inside its frame."""
    nests = {nest[: depth + 1] for nest in layers.nest for depth in range(len(nest))}
    present = {(group, rank) for nest, rank in zip(layers.nest, layers.rank_of, strict=True) for group in nest}
    for nest in sorted(nests, key=lambda nest: (-len(nest), nest)):
        first, last = spans[nest[-1]]
        for rank in range(first, last + 1):
            if (nest[-1], rank) not in present:
                layers.spacers.add(layers.add(rank, nest))
                present.update((group, rank) for group in nest)
