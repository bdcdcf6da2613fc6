"""How the built-in layout compares with Graphviz: crossings, lengths, areas and times on a set of graphs.

    python benchmarks/layout_quality.py

prints ratios, built-in to dot: 1.00 is as good as dot, less is better. Without ``dot`` it only measures times.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from graph_engine_viz import layout_dot
from graph_engine_viz.layout import Box, Link, Placement, flatten, place

Array = npt.NDArray[Any]
Graph = tuple[list[Box], list[Link]]


def graph(edges: list[tuple[str, str]], groups: dict[str, tuple[str, ...]] | None = None) -> Graph:
    """Make boxes of the names in the edges: circles for operations (``*``), wider ones for the others."""
    names = dict.fromkeys(name for edge in edges for name in edge)
    boxes = [Box(name, 36 if "*" in name else 64, 36, (groups or {}).get(name, ())) for name in names]
    return boxes, [Link(*edge) for edge in edges]


def random_layers(layers: int, width: int, degree: float, seed: int, reach: int = 1) -> Graph:
    """Nodes in layers, each with about `degree` inputs from the `reach` layers before."""
    source = random.Random(seed)
    edges = []
    for layer in range(1, layers):
        for node in range(width):
            for _ in range(max(1, round(source.gauss(degree, 0.7)))):
                back = source.randint(1, min(reach, layer))
                edges.append((f"{layer - back}.{source.randrange(width)}", f"{layer}.{node}"))
    return graph(list(dict.fromkeys(edges)))


def perceptron(depth: int, grouped: bool = False) -> Graph:
    """x -> matmul -> add -> relu -> ..., with a weight and a bias each."""
    groups: dict[str, tuple[str, ...]] = {}
    edges, last = [], "x"
    for layer in range(depth):
        names = [f"{name}{layer}" for name in ("W", "*mul", "u", "b", "*add", "v", "*relu", "h")]
        weight, product, u, bias, add, v, relu, h = names
        edges += [
            (last, product),
            (weight, product),
            (product, u),
            (u, add),
            (bias, add),
            (add, v),
            (v, relu),
            (relu, h),
        ]
        groups |= dict.fromkeys(names, ("model", f"layer{layer}"))
        last = h
    edges += [(last, "*loss"), ("labels", "*loss"), ("*loss", "L")]
    return graph(edges, groups if grouped else None)


def residual(blocks: int) -> Graph:
    """Blocks with a skip over two weights each."""
    edges, last = [], "x"
    for block in range(blocks):
        names = [f"{name}{block}" for name in ("*conv_a", "a", "*relu", "r", "*conv_b", "c", "*plus", "y")]
        edges += list(zip([last, *names], names, strict=False))
        edges += [(last, names[6]), (f"Wa{block}", names[0]), (f"Wb{block}", names[4])]
        last = names[-1]
    return graph(edges)


def u_net(depth: int) -> Graph:
    """Down and up again, with a skip at each level."""
    edges, last, skips = [], "x", []
    for level in range(depth):
        names = [f"{name}{level}" for name in ("*conv", "c", "*pool", "p")]
        edges += [*zip([last, *names], names, strict=False), (f"W{level}", names[0])]
        skips.append(names[1])
        last = names[-1]
    for level in reversed(range(depth)):
        names = [f"{name}{level}" for name in ("*up", "u", "*cat", "k", "*conv'", "d")]
        edges += [*zip([last, *names], names, strict=False), (skips[level], names[2]), (f"V{level}", names[4])]
        last = names[-1]
    return graph(edges)


def tree(depth: int) -> Graph:
    """A sum of sums."""
    edges = []
    for level in range(depth):
        for node in range(2 ** (level + 1)):
            edges.append((f"{level + 1}.{node}", f"{level}.{node // 2}"))
    return graph(edges[::-1])


def backward(depth: int) -> Graph:
    """A chain, and its gradients that come back and use what the chain computed."""
    edges = []
    for layer in range(depth):
        edges += [(f"h{layer}", f"*f{layer}"), (f"W{layer}", f"*f{layer}"), (f"*f{layer}", f"h{layer + 1}")]
    for layer in reversed(range(depth)):
        edges += [(f"g{layer + 1}", f"*b{layer}"), (f"h{layer}", f"*b{layer}"), (f"W{layer}", f"*b{layer}")]
        edges += [(f"*b{layer}", f"g{layer}"), (f"*b{layer}", f"dW{layer}")]
    return graph([*edges, (f"h{depth}", "*L"), ("*L", f"g{depth}")])


GRAPHS: dict[str, Callable[[], Graph]] = {
    "perceptron 3": lambda: perceptron(3),
    "perceptron 3, grouped": lambda: perceptron(3, grouped=True),
    "residual 6": lambda: residual(6),
    "U-Net 4": lambda: u_net(4),
    "tree 5": lambda: tree(5),
    "forward and backward 4": lambda: backward(4),
    "forward and backward 12": lambda: backward(12),
    "random 8 x 5": lambda: random_layers(8, 5, 1.5, 1),
    "random 8 x 8, long": lambda: random_layers(8, 8, 1.5, 2, reach=3),
    "random 15 x 10": lambda: random_layers(15, 10, 1.6, 3),
    "random 15 x 10, long": lambda: random_layers(15, 10, 1.4, 4, reach=4),
    "random 30 x 12": lambda: random_layers(30, 12, 1.4, 5),
}


def length(placement: Placement) -> float:
    """Sum up the lengths of all wires."""
    lines = (np.array(flatten(route)) for route in placement.routes)
    return float(sum(np.hypot(*np.diff(points, axis=0).T).sum() for points in lines))


def crossings(placement: Placement, links: list[Link]) -> int:
    """Count the pairs of wires, without a common end, that cross in the picture."""
    polylines = [np.array(flatten(route, 6)) for route in placement.routes]
    starts = np.concatenate([points[:-1] for points in polylines])
    ends = np.concatenate([points[1:] for points in polylines])
    owner = np.repeat(np.arange(len(links)), [len(points) - 1 for points in polylines])
    pairs = set()
    for index in range(len(starts)):
        for other in np.flatnonzero(_cross(starts[index], ends[index], starts[index + 1 :], ends[index + 1 :])):
            one, two = owner[index], owner[index + 1 + other]
            if one != two and not {links[one].source, links[one].target} & {links[two].source, links[two].target}:
                pairs.add((one, two))
    return len(pairs)


def _cross(a: Array, b: Array, starts: Array, ends: Array) -> Array:
    def side(p: Array, q: Array, r: Array) -> Array:
        (x, y), (u, v) = (q - p).T, (r - p).T
        sign: Array = np.sign(x * v - y * u)
        return sign

    crossed: Array = (side(a, b, starts) * side(a, b, ends) < 0) & (side(starts, ends, a) * side(starts, ends, b) < 0)
    return crossed


def timed(sample: Graph, engine: str) -> tuple[Placement, float]:
    """Lay a graph out and say how long it took."""
    start = time.perf_counter()
    placement = place(*sample, engine=engine)  # type: ignore[arg-type]
    return placement, time.perf_counter() - start


def compare() -> None:
    """Print a line a graph, and the geometric means."""
    print(f"{'graph':26} {'boxes':>5} {'crossings':>14} {'ratio':>6} {'length':>7} {'area':>6} {'seconds':>14}")
    ratios: list[tuple[float, float, float]] = []
    for name, make in GRAPHS.items():
        sample = make()
        (mine, seconds), (theirs, their_seconds) = timed(sample, "builtin"), timed(sample, "dot")
        ours, dots = crossings(mine, sample[1]), crossings(theirs, sample[1])
        # One crossing against none is no catastrophe: count from one.
        ratio = ((ours + 1) / (dots + 1), length(mine) / length(theirs), _area(mine) / _area(theirs))
        ratios.append(ratio)
        print(f"{name:26} {len(sample[0]):5} {ours:6} to {dots:4} {ratio[0]:6.2f} {ratio[1]:7.2f} {ratio[2]:6.2f}"
              f" {seconds:6.2f} to {their_seconds:4.2f}")  # fmt: skip
    means = [statistics.geometric_mean(column) for column in zip(*ratios, strict=True)]
    print(f"{'geometric mean':47} {means[0]:6.2f} {means[1]:7.2f} {means[2]:6.2f}")


def _area(placement: Placement) -> float:
    return placement.width * placement.height


def big() -> Iterator[tuple[str, Graph]]:
    """Yield the graphs that are only timed."""
    yield "random 1,000 x 20, long", random_layers(1000, 20, 1.3, 6, reach=3)
    yield "random 40 x 500", random_layers(40, 500, 1.3, 7)
    yield "perceptron 2,500", perceptron(2500)
    yield "perceptron 2,500, grouped", perceptron(2500, grouped=True)
    chain = [str(node) for node in range(100_000)]
    yield "chain of 100,000", graph(list(zip(chain, chain[1:], strict=False)))


def main() -> None:
    """Compare where there is something to compare with; then the times of big graphs."""
    if layout_dot.available():
        compare()
    else:
        print("Graphviz (dot) is not installed: nothing to compare with")
    print()
    for name, sample in big():
        _, seconds = timed(sample, "builtin")
        print(f"{name:26} {len(sample[0]):6} boxes {len(sample[1]):6} links {seconds:6.2f} s")


if __name__ == "__main__":
    main()
