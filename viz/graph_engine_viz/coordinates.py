"""Where each item stands across the flow: near its neighbours, at a distance from the others, long wires straight.

Every demand is of one form, "this at least so much below that": between neighbours in a rank, and between an item and
the two edges of its group's frame, which are unknowns too, the same in all ranks. The order of the ranks makes these
demands acyclic. What everybody wants (the mean of its neighbours) is turned into what is possible by pushing down
everything that is too close, starting at the top, then pushing up likewise from the bottom, and taking the mean of the
two: both fulfil the demands, so their mean does, and nobody is favoured.

Items in one straight line are one unknown, a *strand*.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from graph_engine_viz.geometry import Spacing
from graph_engine_viz.layered import Layers
from graph_engine_viz.separation import push_down, separate, spread

Floats = npt.NDArray[np.float64]

WIRE_PULL, BEND_PULL = 8.0, 2.0
"""How hard wire pulls wire, and box and wire each other: a bend in the middle of a link is worst."""

SIDE_PULL = 0.5
"""How hard a parameter pulls at what has other inputs too: the main line is the one to be straight."""

CLOSE = 60.0
"""Distances below this pull as if they were as long."""

THOROUGH, FEW = 100_000, 5
"""So many items can be moved altogether; with few turns each, the first guess has to be good enough."""

WEAK = 1e-4
"""How hard stays where it is what nothing pulls."""

STRAIGHT = 1 / 2
"""What is out of line by less than this part of the distance of boxes is put in line."""


class Pads(NamedTuple):
    """What a group's frame keeps free inside, at its upper and at its lower edge."""

    upper: float
    lower: float


def place_across(layers: Layers, spacing: Spacing, pads: Pads) -> list[float]:
    """Give each item its coordinate across the flow (that of a spacer means nothing)."""
    size = len(layers.rank_of)
    if not size:
        return []
    turns = min(60, THOROUGH // size)
    places = _first_guess(layers, spacing, 8 if turns > FEW else 4)
    wired = _strands(layers, lambda left, right: left >= layers.boxes and right >= layers.boxes)
    if turns > FEW:
        places = Demands(layers, spacing, pads, wired).relax(places, turns)
    near = spacing.box * STRAIGHT

    def straight(left: int, right: int) -> bool:
        return wired[left] == wired[right] or abs(places[left] - places[right]) < near

    return Demands(layers, spacing, pads, _strands(layers, straight)).relax(places, turns // 2)


def _first_guess(layers: Layers, spacing: Spacing, turns: int) -> list[float]:
    """Sweep to and fro over the ranks, each standing as near as it can to the one before it; groups are left out."""
    places = [0.0] * len(layers.rank_of)
    half = [across / 2 for across in layers.across]
    gaps = [
        [half[one] + half[two] + _gap(_kind(layers, one), _kind(layers, two), spacing) for one, two in pairwise(rank)]
        for rank in layers.ranks
    ]
    # What only feeds one other comes to it and does not draw it away from its main line.
    side = [not left and len(right) == 1 for left, right in zip(layers.left, layers.right, strict=True)]
    main = [[item for item in left if not side[item]] or left for left in layers.left]
    for turn in range(turns):
        ahead = turn % 2 == 0
        near, far = (main, layers.right) if ahead else (layers.right, main)
        for index in range(len(gaps)) if ahead else reversed(range(len(gaps))):
            rank = layers.ranks[index]
            wanted = []
            for item in rank:
                neighbours = near[item] or far[item]
                total = sum([places[neighbour] for neighbour in neighbours])
                wanted.append(total / len(neighbours) if neighbours else places[item])
            weights = [0.1 if side[item] else len(near[item]) + 0.1 for item in rank]
            for item, place in zip(rank, spread(wanted, weights, gaps[index]), strict=True):
                places[item] = place
    return places


def _kind(layers: Layers, item: int) -> str:
    return "box" if item < layers.boxes else "wire"


def _gap(upper: str, lower: str, spacing: Spacing) -> float:
    """Give the free room between two neighbours that are in the same group."""
    if "wire" in (upper, lower):
        return spacing.wire
    return spacing.box if upper == lower == "box" else spacing.group


def _strands(layers: Layers, wanted: Callable[[int, int], bool]) -> list[int]:
    """Join neighbours in successive ranks into strands, where `wanted` and where none cross.

    Strands and the frames of groups that do not cross cannot make the demands cyclic.
    """
    strand_of = [-1] * len(layers.rank_of)
    count = 0
    joined: dict[int, int] = {}
    for index, rank in enumerate(layers.ranks):
        for item in rank:
            strand_of[item] = strand_of[joined[item]] if item in joined else count
            count += item not in joined
        if index + 1 < len(layers.ranks):
            joined = _join(layers, rank, layers.ranks[index + 1], wanted)
    return strand_of


def _join(layers: Layers, rank: list[int], following: list[int], wanted: Callable[[int, int], bool]) -> dict[int, int]:
    """Pair off items of two ranks, as many as can be without crossing each other or a group's frame."""
    place = {item: index for index, item in enumerate(following)}
    starts, ends = _first_places(layers, rank), _first_places(layers, following)
    both = starts.keys() & ends.keys()
    before, after = sorted(starts[group] for group in both), sorted(ends[group] for group in both)
    candidates = []
    for index, item in enumerate(rank):
        for other in layers.right[item]:
            if not wanted(item, other):
                continue
            at = place[other]
            if both:
                # Neither in or out of a group that is in both ranks, nor from above one to below it.
                crossed = both.intersection(set(layers.nest[item]) ^ set(layers.nest[other]))
                if crossed or bisect_right(before, index) != bisect_right(after, at):
                    continue
            candidates.append((index, -at))
    return {following[at]: rank[index] for index, at in _longest_rise(sorted(candidates))}


def _first_places(layers: Layers, rank: list[int]) -> dict[int, int]:
    """Find where each group begins in a rank."""
    first: dict[int, int] = {}
    if layers.groups:
        for index, item in enumerate(rank):
            for group in layers.nest[item]:
                first.setdefault(group, index)
    return first


def _longest_rise(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Choose as many of the sorted pairs (a, -b) as rise in both a and b, and give them as (a, b)."""
    tails: list[int] = []
    chosen: list[int] = []
    previous: list[int] = []
    for index, (_, negative) in enumerate(pairs):
        place = bisect_left(tails, -negative)
        tails[place : place + 1] = [-negative]
        chosen[place : place + 1] = [index]
        previous.append(chosen[place - 1] if place else -1)
    rise = []
    index = chosen[-1] if chosen else -1
    while index >= 0:
        rise.append((pairs[index][0], -pairs[index][1]))
        index = previous[index]
    return rise[::-1]


def _side_links(layers: Layers) -> set[int]:
    """Find the links from a box with nothing else to do to one that has more important inputs."""
    inputs, outputs = Counter(path[-1] for path in layers.paths), Counter(path[0] for path in layers.paths)
    single = [not inputs[path[0]] and outputs[path[0]] == 1 for path in layers.paths]
    main = {path[-1] for path, alone in zip(layers.paths, single, strict=True) if not alone}
    return {index for index, path in enumerate(layers.paths) if single[index] and path[-1] in main}


class _Mark(NamedTuple):
    """What one comes upon, going down a rank: an item, or the upper or lower edge of a group's frame."""

    unknown: int
    kind: str
    half: float


class Demands:
    """The distances that have to be kept, and the links that pull.

    Unknowns are numbered: strands first, then the groups' upper edges, then their lower ones.
    """

    def __init__(self, layers: Layers, spacing: Spacing, pads: Pads, strand_of: Sequence[int]) -> None:
        self.strands_of_items = list(strand_of)
        self.strand_of = np.asarray(strand_of, dtype=np.int64)
        self.strands = int(self.strand_of.max(initial=-1)) + 1
        self.members = np.bincount(self.strand_of, minlength=self.strands)
        self.groups = len(layers.groups)
        self.above: list[dict[int, float]] = [{} for _ in range(self.strands + 2 * self.groups)]
        self.below: list[dict[int, float]] = [{} for _ in self.above]
        for rank in layers.ranks:
            last: _Mark | None = None
            for mark in self._marks(layers, rank):
                if last:
                    self._demand(last, mark, spacing, pads)
                last = mark
        self.order = self._sorted()
        self._pull(layers)

    def _marks(self, layers: Layers, rank: list[int]) -> Iterator[_Mark]:
        """Walk down a rank, in and out of the groups."""
        upper, lower = self.strands, self.strands + self.groups
        strand_of = self.strands_of_items
        inside: tuple[int, ...] = ()
        for item in rank:
            nest = layers.nest[item]
            if nest != inside:
                shared = 0
                while shared < min(len(nest), len(inside)) and nest[shared] == inside[shared]:
                    shared += 1
                for group in reversed(inside[shared:]):
                    yield _Mark(lower + group, "lower", 0.0)
                for group in nest[shared:]:
                    yield _Mark(upper + group, "upper", 0.0)
                inside = nest
            if item not in layers.spacers:
                yield _Mark(strand_of[item], _kind(layers, item), layers.across[item] / 2)
        for group in reversed(inside):
            yield _Mark(lower + group, "lower", 0.0)

    def _demand(self, one: _Mark, two: _Mark, spacing: Spacing, pads: Pads) -> None:
        """Let mark `two` stand below mark `one`, with room between them for what they are."""
        if one.kind == "upper" or two.kind == "lower":
            room = (pads.upper if one.kind == "upper" else 0.0) + (pads.lower if two.kind == "lower" else 0.0)
        else:
            room = _gap(one.kind, two.kind, spacing)
        distance = one.half + room + two.half
        if distance > self.below[one.unknown].get(two.unknown, -1.0):
            self.below[one.unknown][two.unknown] = self.above[two.unknown][one.unknown] = distance

    def _sorted(self) -> list[int]:
        """Order the unknowns so that each comes after all that are above it somewhere."""
        waiting = [len(above) for above in self.above]
        order = [unknown for unknown, count in enumerate(waiting) if not count]
        for unknown in order:
            for lower in self.below[unknown]:
                waiting[lower] -= 1
                if not waiting[lower]:
                    order.append(lower)
        if len(order) < len(waiting):
            raise AssertionError("the order of the items in their ranks contradicts itself")
        return order

    def _pull(self, layers: Layers) -> None:
        """Note which strands a link holds together, and how hard."""
        boxes = layers.boxes
        aside = _side_links(layers)
        ends: list[tuple[int, int]] = []
        pulls: list[float] = []
        for index, path in enumerate(layers.paths):
            if index in layers.express:
                continue
            for one, two in pairwise(path):
                pull = layers.weights[index] * (SIDE_PULL if index in aside else 1.0)
                if one >= boxes or two >= boxes:
                    pull *= WIRE_PULL if one >= boxes and two >= boxes else BEND_PULL
                ends.append((one, two))
                pulls.append(pull)
        self.ends = self.strand_of[np.asarray(ends, dtype=np.int64).reshape(-1, 2)].T
        self.pulls = np.asarray(pulls, dtype=np.float64)

    def _collect(self, one: Floats, two: Floats) -> Floats:
        """Sum up at each strand what comes to it from its links, `one` at the left ends, `two` at the right ones."""
        collected = np.bincount(self.ends[0], one, self.strands) + np.bincount(self.ends[1], two, self.strands)
        return collected.astype(np.float64)

    def relax(self, places: Sequence[float], turns: int) -> list[float]:
        """Let the links pull `turns` times, and keep the distances each time."""
        strands = np.bincount(self.strand_of, np.asarray(places), self.strands) / self.members
        mass = np.ones(self.strands)
        for turn in range(turns + 1):
            everybody = separate(*self._with_frames(strands, mass), self.above, self.order)
            strands = np.asarray(everybody[: self.strands])
            if turn == turns:
                break
            one, two = strands[self.ends[0]], strands[self.ends[1]]
            # Pulling less the further away sums up lengths, not their squares: one long bend, not many small ones.
            pulls = self.pulls / (np.abs(one - two) + CLOSE)
            mass = self._collect(pulls, pulls)
            wanted = self._collect(pulls * two, pulls * one)
            mean = np.divide(wanted, mass, out=strands.copy(), where=mass > 0)
            # Half way only: if all moved at once, neighbours would keep changing places.
            strands = (strands + mean) / 2
        exact = np.asarray(push_down(everybody, self.above, self.order)[: self.strands])
        result: list[float] = exact[self.strand_of].tolist()
        return result

    def _with_frames(self, strands: Floats, mass: Floats) -> tuple[list[float], list[float]]:
        """Add what the frames' edges want, which is to be close around what is inside; they pull at nothing."""
        places = strands.tolist() + [0.0] * (2 * self.groups)
        weights = (mass + WEAK).tolist() + [WEAK] * (2 * self.groups)
        for unknown in self.order:
            if unknown >= self.strands + self.groups:
                places[unknown] = max(places[upper] + gap for upper, gap in self.above[unknown].items())
        for unknown in reversed(self.order):
            if self.strands <= unknown < self.strands + self.groups:
                places[unknown] = min(places[lower] - gap for lower, gap in self.below[unknown].items())
        return places, weights
