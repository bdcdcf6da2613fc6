"""Vanishing gradient: thirty layers of sigmoid, tanh and ReLU, and thirty with skip connections.

On its way back, the gradient is multiplied at each layer by the weights and by the activation's slope. The slope of the
logistic sigmoid is never above 1/4: after thirty layers nothing is left, and the first layers do not learn. Too large
weights make it explode instead. A residual block x + F(x) has the derivative 1 + dF/dx: the 1 lets the gradient
through, however deep the network is. Look at the slopes of the lines: each step to the left is one more factor.

Run it:      graph-engine demo vanishing_gradient
"""

from collections.abc import Callable

import numpy as np

import graph_engine as ge
import graph_engine_viz as viz
from graph_engine.gallery import Show, run
from graph_engine_viz import plots

LAYERS, WIDTH = 30, 32
Layer = Callable[[ge.Variable], ge.Variable]


class Residual(ge.nn.Module):
    """x + F(x), where F is two linear layers with a ReLU between them."""

    def __init__(self, width: int, name: str, dtype: str = "float32") -> None:
        super().__init__(name=name)
        fc1, fc2 = (ge.nn.Linear(width, width, dtype=dtype) for _ in range(2))
        self.F = ge.nn.Sequential(fc1, ge.nn.ReLU(), fc2)

    def forward(self, x: ge.Variable) -> ge.Variable:
        return x + self.F(x)


def plain(name: str, activation: Layer, gain: float) -> list[Layer]:
    """Return layers whose weights are normal numbers of deviation gain / sqrt(width)."""
    recipe = ge.nn.init.normal(0, gain / np.sqrt(WIDTH))
    return [
        ge.nn.Sequential(ge.nn.Linear(WIDTH, WIDTH, bias=False), activation, name=f"{name}{i}").initialize(recipe)
        for i in range(1, LAYERS + 1)
    ]


NETWORKS = {
    "sigmoid": plain("sigmoid", ge.nn.sigmoid, gain=1.0),
    "tanh": plain("tanh", ge.nn.tanh, gain=1.0),
    "ReLU": plain("relu", ge.nn.relu, gain=np.sqrt(2)),
    "ReLU, half the weights": plain("small", ge.nn.relu, gain=np.sqrt(2) / 2),
    "ReLU, twice the weights": plain("large", ge.nn.relu, gain=np.sqrt(2) * 2),
    "residual": [Residual(WIDTH, f"block{i}") for i in range(1, LAYERS + 1)],
}


def gradient_sizes(show: Show, layers: list[Layer], data: np.ndarray) -> np.ndarray:
    """Return the RMS of the gradient at each layer's output, the first layer first."""
    outputs = [ge.input("x", ("batch", WIDTH))]
    for layer in layers:
        outputs.append(layer(outputs[-1]))
    loss = ge.mean(ge.square(outputs[-1] - 1.0))
    gradients = show.engine().run(ge.grad(loss, outputs[1:]), {"x": data})
    return np.array([np.sqrt(np.mean(np.asarray(gradient, "float64") ** 2)) for gradient in gradients])


def depth(show: Show) -> None:
    data = np.random.default_rng(0).standard_normal((64, WIDTH))
    flows = {name: gradient_sizes(show, layers, data) for name, layers in NETWORKS.items()}
    shown = {name: sizes / sizes[-1] for name, sizes in flows.items()}
    ratios = {name: sizes[0] for name, sizes in shown.items()}
    show.criterion("sigmoid: gradient of the first layer over the last's", ratios["sigmoid"], below=1e-6)
    show.criterion("residual: the same", ratios["residual"], above=0.01, below=100)
    show.criterion("weights twice as large: the same", ratios["ReLU, twice the weights"], above=1e6)
    flow = plots.gradient_flow(shown, "RMS of the gradient, over the last layer's")
    show.save("flow.png", flow, "Seen from the loss: the gradient vanishes, explodes, or comes through.")


def chain_of_slopes(show: Show) -> None:
    """Divide the gradients of a chain of sigmoids by one another: the factors, each a slope of at most 1/4."""
    chain = [ge.input("x", (), "float64")]
    for _ in range(12):
        chain.append(ge.sigmoid(chain[-1]))
    gradients = np.array(show.engine().run([*ge.grad(chain[-1], chain[:-1])], {"x": 0.5}))
    factors = (gradients / [*gradients[1:], 1.0])[::-1]
    show.criterion("chain of sigmoids: its largest factor", factors.max(), below=0.25 + 1e-12)
    show.save("factors.png", plots.factors(factors), "Twelve sigmoids: each factor is a slope, their product vanishes.")


def one_block(show: Show) -> None:
    """Check that the derivative of a block is 1 + dF/dx, and draw it: the way around F is the skip connection."""
    x = ge.input("x", 3, "float64")
    block = Residual(3, "block", "float64")
    output = block(x)
    at = {x: [-1.0, 0.5, 2.0]}
    whole, inner = show.engine().run([ge.jacobian(output, x), ge.jacobian(block.F(x), x)], at)
    difference = np.abs(np.asarray(whole) - (np.eye(3) + np.asarray(inner))).max()
    show.criterion("residual block: derivative against 1 + dF/dx", difference, below=1e-12)
    show.criterion("residual block: largest entry of dF/dx", np.abs(np.asarray(inner)).max(), above=0.05)
    show.save("jacobian.png", plots.jacobian(whole, upstream=[1.0, 1.0, 1.0]),
              "The block's Jacobian 1 + dF/dx: near 1 on the diagonal.")  # fmt: skip
    trace = show.engine().trace(ge.sum(output).named("loss"), at)
    picture = viz.draw(trace, collapse=["block.F"])
    show.save("block.svg", picture, "A residual block: at x two gradients meet, one of which took the skip connection.")
    page = viz.steps(trace, collapse=["block.F"])
    show.save("block.html", page, "The block step by step: in the end the gradient of x is a sum of two.")


def main(show: Show) -> None:
    depth(show)
    chain_of_slopes(show)
    one_block(show)


if __name__ == "__main__":
    run(main)
