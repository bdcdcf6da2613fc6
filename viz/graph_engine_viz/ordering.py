"""The order of the items within each rank: few crossings, and groups that stay together.

Sweeps over the ranks sort each by where its neighbours are (barycentres). A group has one place for all ranks, so the
groups of a rank never change sides and their frames can be drawn; within a group its members are sorted likewise.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from itertools import pairwise

from graph_engine_viz.layered import Layers

CAREFUL = 3_000
"""Up to so many items, several starts are tried and neighbours are exchanged as long as it helps."""

LOOK_BACK = 12
"""How far a box may come forward to its place among those declared before it."""

STARTS = ((True, False), (False, False), (True, True), (False, True))
"""First walk along the links or against them; place by the mean or by the median of the neighbours."""

Order = list[list[int]]


def order(layers: Layers) -> None:
    """Reorder ``layers.ranks`` in place."""
    size = len(layers.rank_of)
    careful = size <= CAREFUL
    rounds = 60 if careful else 4 if size <= 30_000 else 2
    best: Order = layers.ranks
    fewest = -1
    for ahead, median in STARTS if careful else STARTS[:1]:
        ranks = _depth_first(layers, ahead)
        positions = _number(ranks, size)
        _sweep(layers, ranks, positions, ahead, median)
        idle = 0
        for turn in range(rounds):
            _sweep(layers, ranks, positions, (turn % 2 == 0) == ahead, median)
            if careful:
                _exchange(layers, ranks, positions, least=turn % 2)
            count = crossings(layers, ranks, positions)
            idle += 1
            if fewest < 0 or count < fewest:
                best, fewest, idle = [list(rank) for rank in ranks], count, 0
            if fewest == 0 or idle > 12:
                break
    layers.ranks = _as_declared(layers, best, size)


def _as_declared(layers: Layers, ranks: Order, size: int) -> Order:
    """Where it costs no crossing, keep the order in which the boxes were given."""
    mirrored = [rank[::-1] for rank in ranks]
    if _disorder(mirrored) < _disorder(ranks):
        ranks = mirrored
    positions = _number(ranks, size)
    for rank in ranks:
        for end in range(len(rank) - 1, 0, -1):
            for place in range(max(end - LOOK_BACK, 0), end):
                first, second = rank[place], rank[place + 1]
                free = layers.nest[first] == layers.nest[second] and max(first, second) < layers.boxes
                if free and first > second and _gain(layers, positions, first, second) >= 0:
                    rank[place], rank[place + 1] = second, first
                    positions[first], positions[second] = positions[second], positions[first]
    return ranks


def _disorder(ranks: Order) -> int:
    return sum(first > second for rank in ranks for first, second in pairwise(rank))


def _depth_first(layers: Layers, ahead: bool) -> Order:
    """Start from the order in which a walk along the links (or against them) comes upon the items."""
    following = layers.right if ahead else layers.left
    coming = layers.left if ahead else layers.right
    ranks: Order = [[] for _ in layers.ranks]
    seen = [False] * len(layers.rank_of)
    roots = (item for rank in (layers.ranks if ahead else reversed(layers.ranks)) for item in rank if not coming[item])
    for root in roots:
        stack = [root]
        while stack:
            item = stack.pop()
            if not seen[item]:
                seen[item] = True
                ranks[layers.rank_of[item]].append(item)
                stack.extend(reversed(following[item]))
    return ranks


def _number(ranks: Order, size: int) -> list[float]:
    """Say where each item stands, from the middle of its rank, so that ranks of different lengths compare."""
    positions = [0.0] * size
    for rank in ranks:
        _renumber(rank, positions)
    return positions


def _renumber(rank: list[int], positions: list[float]) -> None:
    middle = (len(rank) - 1) / 2
    for place, item in enumerate(rank):
        positions[item] = place - middle


def _sweep(layers: Layers, ranks: Order, positions: list[float], ahead: bool, median: bool) -> None:
    """Sort every rank by its neighbours in the rank that was sorted before it."""
    near, far = (layers.left, layers.right) if ahead else (layers.right, layers.left)
    nests = layers.nest
    places = _group_places(layers, positions)
    keys: dict[int, tuple[float, ...]] = {}
    for rank in ranks if ahead else reversed(ranks):
        for item in rank:
            # What has no neighbours there (a parameter, just before its use) goes by those on the other side.
            neighbours = near[item] or far[item]
            if len(neighbours) == 1:
                place = positions[neighbours[0]]
            elif median and len(neighbours) > 2:
                ends = sorted([positions[neighbour] for neighbour in neighbours])
                place = (ends[len(ends) // 2] + ends[(len(ends) - 1) // 2]) / 2
            elif neighbours:
                place = sum([positions[neighbour] for neighbour in neighbours]) / len(neighbours)
            else:
                place = positions[item]
            outer = [part for group in nests[item] for part in (places[group], group)]
            keys[item] = (*outer, place, -1)
        rank.sort(key=keys.__getitem__)
        _renumber(rank, positions)


def _group_places(layers: Layers, positions: list[float]) -> list[float]:
    """Give each group the mean place of what is in it, in all ranks together."""
    totals, counts = [0.0] * len(layers.groups), [0] * len(layers.groups)
    if totals:
        for nest, position in zip(layers.nest, positions, strict=True):
            for group in nest:
                totals[group] += position
                counts[group] += 1
    return [total / max(count, 1) for total, count in zip(totals, counts, strict=True)]


def _exchange(layers: Layers, ranks: Order, positions: list[float], least: int) -> None:
    """Swap neighbours of one group in a rank wherever that removes crossings, until it does not.

    With `least` 0, first swap also where it changes nothing: this may open a way.
    """
    for turn in range(10):
        better = False
        enough = least if turn == 0 else 1
        for rank in ranks:
            for place in range(len(rank) - 1):
                first, second = rank[place], rank[place + 1]
                if layers.nest[first] == layers.nest[second]:
                    gain = _gain(layers, positions, first, second)
                    if gain >= enough:
                        rank[place], rank[place + 1] = second, first
                        positions[first], positions[second] = positions[second], positions[first]
                        better = better or gain > 0
        if not better and turn:
            return


def _gain(layers: Layers, positions: list[float], first: int, second: int) -> int:
    """Count how many crossings fewer there are when `second` stands before `first`."""
    gain = 0
    for side in (layers.left, layers.right):
        if side[first] and side[second]:
            ones = sorted([positions[item] for item in side[first]])
            others = sorted([positions[item] for item in side[second]])
            gain += _inversions(ones, others) - _inversions(others, ones)
    return gain


def _inversions(ones: Iterable[float], others: list[float]) -> int:
    return sum([bisect_left(others, one) for one in ones])


def crossings(layers: Layers, ranks: Order, positions: list[float]) -> int:
    """Count the pairs of links that cross between neighbouring ranks."""
    total = 0
    for rank in ranks:
        ends: list[float] = []
        for item in rank:
            mine = [positions[neighbour] for neighbour in layers.right[item]]
            total += sum([len(ends) - _upper(ends, end) for end in mine])
            for end in mine:
                insort(ends, end)
    return total


def _upper(ends: list[float], end: float) -> int:
    return bisect_left(ends, end + 0.25)
