"""Universal approximation: 1, 2, 4 and 20 hidden units on a curve and in the plane; shallow against deep.

One hidden layer comes as near to any continuous function as one likes, if it has enough units (Cybenko 1989); it does
not say how many are enough. Look at what each further unit adds: one more bend of the curve, one more border in the
plane. Depth multiplies bends in place of adding them: folding an interval 4 times makes 16 pieces of it with 8 units,
where one layer of 8 units has at most 9 pieces on the whole line (Telgarsky 2016).

Run it:      graph-engine demo universal_approximation
"""

from collections.abc import Callable, Sequence

import numpy as np

import graph_engine as ge
import graph_engine_viz as viz
from graph_engine.gallery import Show, run
from graph_engine_viz import plots

UNITS = (1, 2, 4, 20)
Answer = Callable[[np.ndarray], np.ndarray]


def network(inputs: int, hidden: Sequence[int]) -> ge.nn.Module:
    """Make layers with tanh after each but the last, which has one unit."""
    layers, sizes = [], [inputs, *hidden, 1]
    for seed, (before, after) in enumerate(zip(sizes, sizes[1:]), start=20):
        layers += [ge.nn.Linear(before, after, seed=seed), ge.nn.Tanh()]
    return ge.nn.Sequential(*layers[:-1])


def trained(show: Show, net: ge.nn.Module, data: Sequence[np.ndarray], loss_of: Callable, steps: int) -> Answer:
    """Train on all data at once; return what the network then answers."""
    inputs, wanted = (array.reshape(len(array), -1) for array in data)
    x, t = ge.input("x", ("n", inputs.shape[1])), ge.input("t", ("n", 1))
    output = net(x)
    loss = loss_of(output, t)
    engine = show.engine()
    optimizer = ge.optim.Adam(ge.optim.schedules.cosine(0.05, steps))
    step = engine.compile([x, t], loss, updates=optimizer.minimize(loss))
    ge.train(step, [(inputs, wanted)], steps)
    return lambda places: engine.backend.to_numpy(engine.run(output, {x: places}))


def on_a_curve(show: Show) -> None:
    x = np.linspace(-1, 1, 81)
    y = np.sin(6 * x) * (1 + x) / 2 + 0.2 * np.cos(9 * x)
    curves, errors = {}, []
    for units in UNITS:
        answer = trained(show, network(1, [units]), (x, y), ge.nn.mse_loss, show.pick(3000, quick=1500))
        fit = answer(x[:, None]).ravel()
        errors.append(float(np.sqrt(np.mean((fit - y) ** 2))))
        curves[f"{units} unit{'s' * (units > 1)}: error {errors[-1]:.2f}"] = (x, fit)
    picture = plots.fits(x[::3], y[::3], curves)
    show.save("curve.png", picture, "One hidden layer of 1, 2, 4, 20 tanh units: more units, more bends.")
    show.criterion("curve: least gain by more units", min(-np.diff(errors)), above=0.01)
    show.criterion("curve: error of 20 units", errors[-1], below=0.03)


def in_the_plane(show: Show) -> None:
    loss, steps = ge.nn.binary_cross_entropy_with_logits, show.pick(1500, quick=800)
    circles, spirals = ge.data.toy.circles(200, seed=1), ge.data.toy.spirals(200, turns=1.2, seed=1)
    width = {f"{units} hidden": trained(show, network(2, [units]), circles, loss, steps) for units in UNITS}
    nets = {"1": [], "2+2+1": [2, 2], "10+10+1": [10, 10]}
    depth = {name: trained(show, network(2, hidden), spirals, loss, steps) for name, hidden in nets.items()}
    for name, answers, (points, classes) in (("hidden units", width, circles), ("neurons", depth, spirals)):
        right = {key: np.mean((answer(points).ravel() > 0) == classes) for key, answer in answers.items()}
        show.say(f"{name}: " + ", ".join(f"{key}: {share:.0%} right" for key, share in right.items()))
        shares = np.array(list(right.values()))
        show.criterion(f"{name}: least gain of right answers by more of them", np.diff(shares).min(), above=-0.01)
        show.criterion(f"{name}: right answers of the largest network", shares[-1], above=0.98)
        titled = {f"{key}: {right[key]:.0%}": answer for key, answer in answers.items()}
        picture = plots.decision_regions(titled, points, classes)
        show.save(f"{name.split()[0]}.png", picture, f"What more {name} can divide, and their share of right answers.")


def deep(x: ge.Variable, layers: int) -> ge.Variable:
    """Fold the interval from 0 to 1 in the middle, by two rectified units, again and again."""
    for number in range(1, layers + 1):
        with ge.scope(f"fold{number}"):
            left, right = ge.relu(x), ge.relu(x - 0.5)
            x = (2 * left - 4 * right).named(f"y{number}")
    return x


def shallow(x: ge.Variable, units: int) -> ge.Variable:
    """Bend once with every unit, at 1/16, 2/16, ...: one piece more for each."""
    y = 16 * ge.relu(x)
    for number in range(1, units):
        y = y + 32 * (-1) ** number * ge.relu(x - number / 16)
    return y


def shallow_against_deep(show: Show) -> None:
    x, grid = ge.input("x", "n"), (np.arange(1024) + 0.5) / 1024
    networks = {"4 layers of 2 units": deep(x, 4), "one layer of 8 units": shallow(x, 8)}
    engine, curves, pieces = show.engine(), {}, []
    for title, y in networks.items():
        values, slopes = (engine.backend.to_numpy(v) for v in engine.run([y, ge.grad(ge.sum(y), x)], {x: grid}))
        pieces.append(1 + np.sum(np.diff(slopes) != 0))
        curves[f"{title}: {pieces[-1]} pieces"] = (grid, values)
    show.criterion("pieces made by 4 layers of 2 units", pieces[0], above=15)
    show.criterion("pieces made by one layer of 8 units", pieces[1], below=9)
    picture = plots.fits(np.linspace(0, 1, 17), np.arange(17) % 2, curves, xlabel="x")
    show.save("teeth.png", picture, "Eight units: in four layers they fold, side by side each adds but one piece.")
    x = ge.input("x")
    four, one = (engine.trace(deep(x, layers), {x: 0.3}) for layers in (4, 1))
    drawn = viz.draw(four, collapse=["fold1", "fold2", "fold3", "fold4"])
    show.save("folds.svg", drawn, "Four folds at x = 0.3: backward, each doubles the slope or changes its sign too.")
    show.save("fold.html", viz.steps(one), "One fold step by step: two rectified units and their weights 2 and -4.")


def main(show: Show) -> None:
    on_a_curve(show)
    in_the_plane(show)
    shallow_against_deep(show)


if __name__ == "__main__":
    run(main)
