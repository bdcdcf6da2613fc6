"""Optimisers: six ways down a long bowl, four along Rosenbrock's curved valley.

A line w x + b is fitted to points whose x are far from 0: the loss over (w, b) is then a long, slanted bowl, 34 times
as curved across as along. Plain gradient descent jumps from wall to wall and creeps along the floor. Single samples and
mini-batches tremble, but an update costs 32 and 4 times less. Momentum gathers speed along the floor, Nesterov looks
ahead, Adam gives each parameter a step size of its own. A square is the start, a star the end.

Run it:      graph-engine demo optimisers
"""

from collections.abc import Iterable
from itertools import chain, islice, repeat

import numpy as np

import graph_engine as ge
import graph_engine_viz as viz
from graph_engine.gallery import Show, run
from graph_engine_viz import plots

x, y = ge.input("x", "points", "float64"), ge.input("y", "points", "float64")
w, b = ge.parameter("w", -0.6, dtype="float64"), ge.parameter("b", 0.7, dtype="float64")
loss = ge.mean(ge.square(w * x + b - y))

u, v = ge.parameter("u", -1.2, dtype="float64"), ge.parameter("v", 1.0, dtype="float64")
valley = ge.square(1 - u) + 100 * ge.square(v - ge.square(u))  # Rosenbrock's function: least at (1, 1)

OPTIMISERS = {  # how many points an update sees, and its rule
    "gradient descent": (32, ge.optim.SGD(0.26)),
    "SGD, one point": (1, ge.optim.SGD(0.04)),
    "mini-batches of 4": (4, ge.optim.SGD(0.12)),
    "momentum": (32, ge.optim.SGD(0.08, momentum=0.75, name="momentum")),
    "Nesterov": (32, ge.optim.SGD(0.08, momentum=0.75, nesterov=True, name="nesterov")),
    "Adam": (32, ge.optim.Adam(0.3, betas=(0.8, 0.9))),
}
IN_THE_VALLEY = {
    "gradient descent": ge.optim.SGD(0.0015),
    "momentum": ge.optim.SGD(0.001, momentum=0.9, name="momentum"),
    "Nesterov": ge.optim.SGD(0.001, momentum=0.9, nesterov=True, name="nesterov"),
    "Adam": ge.optim.Adam(0.1, betas=(0.9, 0.95)),
}


def descend(step: ge.CompiledStep, place: list[ge.Variable], feeds: Iterable[tuple]) -> np.ndarray:
    """Do a step on each of some feeds; return where it came by, from the start on."""
    path = [[float(step.engine.value(p)) for p in place]]
    for feed in feeds:
        step(*feed)
        path.append([float(step.engine.value(p)) for p in place])
    return np.array(path)


def settled(path: np.ndarray, optimum: np.ndarray, radius: float) -> int:
    """Return after how many updates a path is, and stays, near the optimum; -1: never."""
    outside = np.flatnonzero(np.linalg.norm(path - optimum, axis=1) > radius)
    return -1 if outside[-1] + 1 == len(path) else int(outside[-1]) + 1


def tell(show: Show, where: str, arrivals: dict[str, int]) -> None:
    show.say("\n".join([f"{where}: updates until it stays near the optimum",
                        *(f"  {name:20}{count:6}" for name, count in arrivals.items())]))  # fmt: skip
    show.criterion(f"{where}: paths that did not arrive", sum(n < 0 for n in arrivals.values()), below=1)
    faster = max(arrivals[name] for name in ("momentum", "Nesterov", "Adam")) / arrivals["gradient descent"]
    show.criterion(f"{where}: updates of the slowest of momentum, Nesterov, Adam, over descent's", faster, below=0.8)


def bowl(show: Show) -> None:
    rng = np.random.default_rng(3)
    xs = rng.normal(1.5, 0.55, 32)
    ys = 1.2 * xs - 0.5 + 0.05 * rng.standard_normal(32)
    optimum = np.polyfit(xs, ys, 1)
    paths, arrivals = {}, {}
    for name, (points, optimizer) in OPTIMISERS.items():
        step = show.engine().compile([x, y], loss, updates=optimizer.minimize(loss))
        endless = chain.from_iterable(repeat(ge.data.batches(xs, ys, batch_size=points)))  # epoch after epoch
        path = descend(step, [w, b], islice(endless, 600 if points < 32 else 160))
        arrivals[name] = settled(path, optimum, 0.15)
        paths[f"{name}: {arrivals[name]} updates"] = path
    tell(show, "bowl", arrivals)
    surface = plots.loss_surface(
        lambda w, b: np.mean((w[..., None] * xs + b[..., None] - ys) ** 2, -1), paths, (-0.9, 1.9), (-1.1, 1.8)
    )
    show.save("bowl.png", surface, "The mean squared error over (w, b), and how each gets to the least-squares line.")
    step = show.engine().compile([x, y], loss, updates=OPTIMISERS["momentum"][1].minimize(loss))
    step(xs[:4], ys[:4])
    trace = step.trace(xs[:4], ys[:4])
    before = viz.draw(trace, step=-3)  # the last two steps update w and b
    show.save("momentum.svg", before, "The second step with momentum, on 4 points, before w and b are updated.")
    show.save("momentum.html", viz.steps(trace), "That step: at its end the velocities change, and w and b by them.")


def rosenbrock(show: Show) -> None:
    paths, arrivals = {}, {}
    for name, optimizer in IN_THE_VALLEY.items():
        step = show.engine().compile([], valley, updates=optimizer.minimize(valley))
        path = descend(step, [u, v], [()] * 4500)
        arrivals[name] = settled(path, np.ones(2), 0.1)
        paths[f"{name}: {arrivals[name]} updates"] = path[: arrivals[name] + 1 : 1 + arrivals[name] // 400]
    tell(show, "valley", arrivals)
    surface = plots.loss_surface(
        lambda u, v: np.log1p((1 - u) ** 2 + 100 * (v - u**2) ** 2), paths, (-1.5, 1.5), (-0.4, 1.5), ("u", "v"),
        columns=2,
    )  # fmt: skip
    show.save("valley.png", surface, "Rosenbrock's valley (log scale): easy to find, slow to follow to (1, 1).")


def main(show: Show) -> None:
    bowl(show)
    rosenbrock(show)


if __name__ == "__main__":
    run(main)
