"""XOR: no single layer can do it; two hidden units can, with weights by hand or learned from the four cases.

By hand: one hidden unit answers where only the first input is 1, the other where only the second is; their sum is XOR.
Learned: look at the neurons of one training step, where values flow forward along the edges, gradients backward, and
each weight w becomes w - γ ∂L/∂w; then at the regions: one border is not enough, and a band appears. From other
initial weights two units may get stuck: try seeds 10 and 110, or more units.

Run it:      graph-engine demo xor
Step it:     graph-engine steps examples/xor.py
"""

from collections.abc import Callable

import numpy as np

import graph_engine as ge
import graph_engine_viz as viz
from graph_engine.gallery import Show, run
from graph_engine_viz import plots

CASES = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32")
ANSWERS = np.array([[0], [1], [1], [0]], "float32")

points = ge.input("points", ("batch", 2))
targets = ge.input("targets", ("batch", 1))

net = ge.nn.Sequential(ge.nn.Linear(2, 2, seed=1), ge.nn.Tanh(), ge.nn.Linear(2, 1, seed=101))
answer = net(points)
loss = ge.nn.mse_loss(answer, targets)
updates = ge.optim.SGD(0.5).minimize(loss)

engine = ge.Engine("numpy")
step = engine.compile([points, targets], loss, updates=updates)
feeds = {points: CASES, targets: ANSWERS}


def by_hand(show: Show) -> None:
    W1, b1 = ge.parameter("W1", [[1.0, -1.0], [-1.0, 1.0]]), ge.parameter("b1", [0.0, 0.0])
    w2, b2 = ge.parameter("w2", [[1.0, 1.0]]), ge.parameter("b2", [0.0])
    h = ge.relu(ge.nn.linear(points, W1, b1))
    y = ge.nn.linear(h, w2, b2)
    trace = show.engine().trace(y, {points: CASES})
    show.say(f"by hand: {trace.value(y).ravel().tolist()}")
    show.criterion("by hand: largest distance from XOR", np.abs(trace.value(y) - ANSWERS).max(), below=1e-12)
    picture = viz.draw(trace, style="neurons", sample=1)
    show.save("by-hand.svg", picture, "Two rectified units are enough: at (0, 1) the second of them answers.")


def trained(show: Show, epochs: int) -> Callable[[np.ndarray], np.ndarray]:
    """Train from the start; return what the network then answers at some places."""
    engine = show.engine()
    step = engine.compile([points, targets], loss, updates=updates)
    ge.train(step, [(CASES, ANSWERS)], epochs)
    return lambda places: engine.backend.to_numpy(engine.run(answer, {points: places}))


def learned(show: Show) -> None:
    networks = {f"epoch {epochs}": trained(show, epochs) for epochs in (1, 20, 60, 80, 100, 400)}
    above_half = {title: lambda places, network=network: network(places) - 0.5 for title, network in networks.items()}
    regions = plots.decision_regions(above_half, CASES, ANSWERS, columns=3)
    show.save("regions.png", regions, "Where the network answers more than 1/2: one border becomes a band.")
    answers = networks["epoch 400"](CASES)
    show.say("learned: " + ", ".join(f"{case} -> {a.item():.3f}" for case, a in zip(CASES.astype(int), answers)))
    show.criterion("learned: largest distance from XOR", np.abs(answers - ANSWERS).max(), below=0.05)


def one_step(show: Show) -> None:
    trace = show.engine().compile([points, targets], loss, updates=updates).trace(CASES, ANSWERS)
    phases = [step.phase for step in trace.steps]
    stages = {
        "forward": phases.index("backward") - 1,
        "backward": phases.index("update") - 1,
        "update": phases.index("update"),
    }
    captions = {
        "forward": "The values after the forward pass, for the case (0, 1), whose answer should be 1.",
        "backward": "Backward: on each edge, below the weight, the gradient of the loss, a mean over four cases.",
        "update": "The first update; below, its table: w - γ ∂L/∂w for each weight, with the numbers.",
    }
    for name, at in stages.items():
        show.save(f"{name}.svg", viz.draw(trace, step=at, style="neurons", sample=1), captions[name])
    show.save("neurons.html", viz.steps(trace, style="neurons", sample=1), "The training step, neuron by neuron.")
    picture = viz.draw(trace, expand=["net"])
    show.save("graph.svg", picture, "The same step on the graph: its values are those of all four cases.")


def main(show: Show) -> None:
    by_hand(show)
    one_step(show)
    learned(show)


if __name__ == "__main__":
    run(main)
