"""Initialisation: activations and gradients by depth for six ways to begin, and what training makes of them.

If all weights begin with zero, all hidden units get the same gradient, here even none at all: they stay copies of one
another. With N(0, 1) the sums are so large that most units are saturated: tanh is -1 or 1, its slope 0. The others
begin with smaller weights the more inputs there are, so that values neither grow nor shrink from layer to layer. Look
at the σ over the histograms: it should stay about the same along a row.

Run it:      graph-engine demo initialisation
"""

import numpy as np

import graph_engine as ge
import graph_engine_viz as viz
from graph_engine.gallery import Show, run
from graph_engine_viz import plots

DEPTH, WIDTH = 6, 100
init = ge.nn.init
RECIPES = {
    "zero": init.zeros(),
    "N(0, 1)": init.normal(0, 1),
    "N(0, 1/√d)": init.normal(0, WIDTH**-0.5),
    "LeCun": init.lecun_uniform(),
    "Xavier": init.xavier_uniform(),
    "He": init.kaiming_normal(nonlinearity="relu"),
}
images = ge.input("images", ("batch", 64))
labels = ge.input("labels", "batch", "int64")


def declare(recipe: init.Recipe, activation) -> tuple[list[ge.Variable], list[ge.nn.Linear], ge.Variable]:
    """Return the activations layer by layer, the layers, and the loss of a network that begins by a recipe."""
    sizes = [64, *[WIDTH] * DEPTH, 10]
    layers = [ge.nn.Linear(n, m, name=f"fc{i}") for i, (n, m) in enumerate(zip(sizes, sizes[1:]), start=1)]
    activations = [images]
    for layer in layers:
        layer.initialize(recipe, bias=init.zeros())
        activations.append(activation(layer(activations[-1])) if layer is not layers[-1] else layer(activations[-1]))
    return activations[1:-1], layers, ge.nn.cross_entropy(activations[-1], labels)


def look(show: Show, activation, data: tuple[np.ndarray, ...]) -> tuple[dict, dict]:
    """Return the activations, and the gradients at them, layer by layer for each recipe."""
    values, gradients = {}, {}
    for name, recipe in RECIPES.items():
        activations, _, loss = declare(recipe, activation)
        found = show.engine().run([*activations, *ge.grad(loss, activations)], {images: data[0], labels: data[1]})
        arrays = [np.asarray(array) for array in found]
        values[name], gradients[name] = arrays[:DEPTH], arrays[DEPTH:]
    return values, gradients


def train(show: Show, recipe: init.Recipe, data: tuple[np.ndarray, ...]) -> tuple[list[float], float]:
    """Train from a recipe; return the losses, and how much the first gradients of a layer's units differ."""
    _, layers, loss = declare(recipe, ge.nn.tanh)
    engine = show.engine()
    slope = np.asarray(engine.run(ge.grad(loss, layers[1].weight), {images: data[0], labels: data[1]}))
    step = engine.compile([images, labels], loss, updates=ge.optim.SGD(0.05).minimize(loss))
    history = ge.train(step, ge.data.batches(*data, batch_size=32), show.pick(15, quick=3))
    return history.train["loss"], float(np.ptp(slope, axis=0).max())


def copies(show: Show) -> None:
    """Draw why equal weights are of no use: the three hidden units do the same, now and after each step."""
    x, y = ge.input("x", ("batch", 2)), ge.input("y", ("batch", 1))
    net = ge.nn.Sequential(ge.nn.Linear(2, 3), ge.nn.Tanh(), ge.nn.Linear(3, 1)).initialize(init.constant(0.5))
    net.initialize(bias=init.zeros())
    loss = ge.nn.mse_loss(net(x), y)
    step = show.engine().compile([x, y], loss, updates=ge.optim.SGD(0.1).minimize(loss))
    film = viz.steps(step.trace([[1.0, -0.4]], [[1.0]]), style="neurons")
    show.save("copies.svg", film[-5], "Equal weights: the hidden units get equal gradients.")  # before the update
    show.save("copies.html", film, "The same step by step: with equal gradients they stay copies.")


def growth(layers: list[np.ndarray]) -> float:
    return float(layers[-1].std() / layers[0].std())


def main(show: Show) -> None:
    from sklearn.datasets import load_digits

    digits = load_digits()
    data = ge.data.standardize(digits.data.ravel()).reshape(-1, 64), digits.target
    chosen = data[0][:300], data[1][:300]
    values, gradients = look(show, ge.nn.tanh, chosen)
    show.save("tanh.png", plots.histograms_by_depth(values, title="tanh: activations", limits=(-1, 1)),
              "Zero: nothing but zeros. N(0, 1): most at -1 and 1. The others shrink only slowly.")  # fmt: skip
    title = "tanh: gradients at the activations"
    show.save("gradients.png", plots.histograms_by_depth(gradients, title=title, gradients=True),
              "The gradients, on their way back to the left: with N(0, 1) they grow 70-fold.")  # fmt: skip
    saturated = np.mean(np.abs(values["N(0, 1)"][-1]) > 0.99)
    show.criterion("tanh, N(0, 1): part of the last layer's units that is saturated", saturated, above=0.7)
    show.criterion("tanh, Xavier: σ of the last layer over the first's", growth(values["Xavier"]), above=0.4, below=1.5)
    values, _ = look(show, ge.nn.relu, chosen)
    show.save("relu.png", plots.histograms_by_depth(values, title="ReLU: activations", top=0.1),
              "ReLU halves the mean square: only He's factor 2 makes up for it. (Cut off: the zeros.)")  # fmt: skip
    show.criterion("ReLU, He: σ of the last layer over the first's", growth(values["He"]), above=0.4, below=2.5)
    show.criterion("ReLU, Xavier: the same", growth(values["Xavier"]), below=0.4)

    results = {name: train(show, recipe, data) for name, recipe in RECIPES.items()}
    losses = {name: loss for name, (loss, _) in results.items()}
    show.criterion("zero: how much the gradients of a layer's units differ", results["zero"][1], below=1e-12)
    show.criterion("zero: loss at the end, over chance", losses["zero"][-1] / np.log(10), above=0.98)
    show.criterion("Xavier: the same", losses["Xavier"][-1] / np.log(10), below=show.pick(0.05, quick=0.15))
    show.criterion("N(0, 1): loss over Xavier's", losses["N(0, 1)"][-1] / losses["Xavier"][-1], above=2)
    curves = plots.lines(losses, ylabel="loss in training", log=True, title=f"{DEPTH} layers of tanh, read digits")
    show.save("training.png", curves, "Zero learns nothing, N(0, 1) badly; all others learn.")
    copies(show)


if __name__ == "__main__":
    run(main)
