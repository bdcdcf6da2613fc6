"""Keeping distances: the places nearest to the wanted ones of which some stand far enough below others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from heapq import heapify, heappop, heappush, heapreplace

__all__ = ["push_down", "separate", "spread"]

ENOUGH = 1e-9

Demand = tuple[float, int, int, float]
"""What a cluster has to keep below: minus the place that its origin needs, who is above, its member, the distance."""


def spread(wanted: Sequence[float], weights: Sequence[float], gaps: Sequence[float]) -> list[float]:
    """Keep the distances in a row, each to the next, moving as little as possible (in weighted squares).

    Whoever are too close become a cluster, which stands at the mean of what its members want; clusters are merged as
    long as they are too close to the one before.

    Examples
    --------
    >>> spread([0, 0, 9], [1, 1, 1], [4, 4])
    [-2.0, 2.0, 9.0]
    """
    clusters: list[tuple[float, float, int]] = []
    offsets = [0.0]
    for gap in gaps:
        offsets.append(offsets[-1] + gap)
    for index, weight in enumerate(weights):
        cluster = (wanted[index] - offsets[index], weight, 1)
        while clusters and clusters[-1][0] > cluster[0]:
            place, mass, size = clusters.pop()
            total = mass + cluster[1]
            cluster = ((place * mass + cluster[0] * cluster[1]) / total, total, size + cluster[2])
        clusters.append(cluster)
    origins = [place for place, _, size in clusters for _ in range(size)]
    return [origin + offset for origin, offset in zip(origins, offsets, strict=False)]


def separate(
    wanted: Sequence[float], weights: Sequence[float], above: Sequence[Mapping[int, float]], order: Sequence[int]
) -> list[float]:
    """Keep the distances in any acyclic arrangement, moving little (in weighted squares).

    The same idea as in `spread`: those that are too close to somebody above them form a cluster with it. A cluster is
    never divided again, so the places are good, not always the best.

    Parameters
    ----------
    wanted, weights : sequence of float
    above : sequence of mapping
        Whom each must stand below, and how far at least.
    order : sequence of int
        Everybody, after all who are above.

    Examples
    --------
    >>> separate([0, 0, 9], [1, 1, 1], [{}, {0: 4}, {0: 4, 1: 4}], [0, 1, 2])
    [-2.0, 2.0, 9.0]
    """
    cluster_of = list(range(len(wanted)))
    offsets = [0.0] * len(wanted)
    places, masses = list(wanted), list(weights)
    members = [[index] for index in cluster_of]
    demands: list[list[Demand]] = [[] for _ in cluster_of]
    for lowest in order:
        cluster = lowest
        mine = demands[cluster] = _demands_of(lowest, above[lowest], places, cluster_of, offsets)
        while mine:
            key, upper, member, distance = mine[0]
            other = cluster_of[upper]
            needed = places[other] + offsets[upper] + distance - offsets[member]
            if other == cluster:
                heappop(mine)
            elif needed + ENOUGH < -key:
                # The other has moved up since; what is in the heap is too much, never too little.
                heapreplace(mine, (-needed, upper, member, distance))
            elif needed <= places[cluster] + ENOUGH:
                break
            else:
                heappop(mine)
                shift = offsets[upper] + distance - offsets[member]
                if len(members[other]) < len(members[cluster]):
                    cluster, other, shift = other, cluster, -shift
                _merge(other, cluster, shift, places, masses, members, demands)
                for index in members[cluster]:
                    cluster_of[index] = other
                    offsets[index] += shift
                cluster, mine = other, demands[other]
    return [places[cluster] + offset for cluster, offset in zip(cluster_of, offsets, strict=True)]


def _demands_of(
    lowest: int, above: Mapping[int, float], places: list[float], cluster_of: list[int], offsets: list[float]
) -> list[Demand]:
    demands = [
        (-(places[cluster_of[upper]] + offsets[upper] + distance), upper, lowest, distance)
        for upper, distance in above.items()
    ]
    heapify(demands)
    return demands


def _merge(
    into: int,
    cluster: int,
    shift: float,
    places: list[float],
    masses: list[float],
    members: list[list[int]],
    demands: list[list[Demand]],
) -> None:
    """Put a cluster into another one, its origin `shift` below the other's."""
    total = masses[into] + masses[cluster]
    places[into] = (masses[into] * places[into] + masses[cluster] * (places[cluster] - shift)) / total
    masses[into] = total
    members[into] += members[cluster]
    for key, upper, member, distance in demands[cluster]:
        heappush(demands[into], (key + shift, upper, member, distance))
    demands[cluster] = []


def push_down(places: Sequence[float], above: Sequence[Mapping[int, float]], order: Sequence[int]) -> list[float]:
    """Move down who is too close, which keeps all distances whatever happened before.

    Examples
    --------
    >>> push_down([0, 3, 9], [{}, {0: 4}, {1: 4}], [0, 1, 2])
    [0, 4, 9]
    """
    pushed = list(places)
    for lower in order:
        for upper, distance in above[lower].items():
            if pushed[upper] + distance > pushed[lower]:
                pushed[lower] = pushed[upper] + distance
    return pushed
