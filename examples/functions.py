"""Functions: every activation and the main losses as curves, each with its derivative, computed by the engine.

Look at where the derivative vanishes, and learning with it: both ends of sigmoid and tanh, the left of ReLU, and all of
sign and step. At a jump or a kink a dot shows the value, a ring the slope: sign(0) is 0, step(0) is 1/2, ReLU'(0) is 0.

Run it:      graph-engine demo functions
"""

from collections.abc import Callable

import numpy as np

import graph_engine as ge
import graph_engine_viz as viz
from graph_engine import nn
from graph_engine.gallery import Show, run
from graph_engine_viz import plots

x = ge.input("x", "n", "float64")
Function = Callable[..., ge.Variable]


def of_three(function: Function, *options: int) -> Function:
    """Take a function of several numbers at (x, 1, 0), and of its results the first."""
    return lambda x: function(ge.stack([x, 0 * x + 1, 0 * x], axis=-1), *options)[..., 0]


def against(loss: Function, target: float, **options: float) -> Function:
    return lambda x: loss(x, ge.ones_like(x) * target, reduction="none", **options)


SATURATING = {
    "identity": nn.identity, "sign": nn.sign, "step": lambda x: nn.heaviside(x, 0.5), "hardtanh": nn.hardtanh,
    "sigmoid": nn.sigmoid, "tanh": nn.tanh, "softsign": nn.softsign, "log-sigmoid": nn.logsigmoid,
}  # fmt: skip
RECTIFYING = {
    "ReLU": nn.relu, "leaky ReLU": lambda x: nn.leaky_relu(x, 0.1), "PReLU": lambda x: nn.prelu(x, np.array(0.25)),
    "ELU": nn.elu, "SELU": nn.selu, "softplus": nn.softplus, "GELU": nn.gelu, "SiLU": nn.silu,
}  # fmt: skip
OTHERS = {
    "softmax of (x, 1, 0)": of_three(nn.softmax), "log-softmax of (x, 1, 0)": of_three(nn.log_softmax),
    "softmin of (x, 1, 0)": of_three(nn.softmin), "maxout: max(x, 1, 0)": of_three(nn.maxout, 3),
}  # fmt: skip
ERRORS = {  # over prediction - target
    "squared": against(nn.mse_loss, 0), "half squared": against(nn.mse_loss, 0, half=True),
    "absolute": against(nn.l1_loss, 0), "Huber, delta 1": against(nn.huber_loss, 0),
    "smooth L1, beta 0.5": against(nn.smooth_l1_loss, 0, beta=0.5), "of logarithms": against(nn.msle_loss, 0, offset=3),
}  # fmt: skip
CHANCES = {f"cross-entropy, target {target}": against(nn.binary_cross_entropy, target) for target in (1, 0, 0.3)}
MARGINS = {  # over target times score
    "zero-one": lambda m: against(nn.zero_one_loss, 1)(nn.sign(m, at_zero=-1)), "hinge": against(nn.hinge_loss, 1),
    "perceptron": against(nn.perceptron_loss, 1), "cross-entropy": against(nn.soft_margin_loss, 1),
}  # fmt: skip
AT_ZERO = "sign", "step", "ReLU", "leaky ReLU", "PReLU", "SELU", "absolute", "zero-one", "perceptron"
KINKS = {"hardtanh": (-1, 1), "hinge": (1,), "maxout: max(x, 1, 0)": (1,)} | dict.fromkeys(AT_ZERO, (0,))
PICTURES = (  # file, curves, their places, how many columns, over what, and what one sees
    ("saturating", SATURATING, (-4, 4), 4, "x", "Flat at the ends: there the slope, and with it learning, vanishes."),
    ("rectifying", RECTIFYING, (-4, 4), 4, "x", "Slope 1 on the right; a little, or nothing, on the left."),
    ("others", OTHERS, (-4, 6), 4, "x", "Functions of several numbers, over the first of them."),
    ("errors", ERRORS, (-2.5, 2.5), 3, "prediction - target", "How much large errors count: compare the slopes."),
    ("chances", CHANCES, (0.08, 0.92), 3, "prediction", "Being sure and wrong costs most: the slope has no bound."),
    ("margins", MARGINS, (-2, 3), 4, "target × score", "Zero-one has no slope to follow: the others stand in for it."),
)


def places(low: float, high: float, kinks: tuple[float, ...] = ()) -> np.ndarray:
    """Cut an interval finely; NaN on both sides of a kink make it a point of its own."""
    grid = np.linspace(low, high, 242)
    around = [place for kink in kinks for place in (kink - 1e-9, np.nan, kink, np.nan, kink + 1e-9)]
    return np.insert(grid, np.repeat(np.searchsorted(grid, kinks), 5), around)


def value_and_slope(engine: ge.Engine, function: Function, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    value = function(x)
    slope = ge.grad(ge.sum(value + 0 * x), x)  # 0 x, since sign and step do not let any gradient through
    return tuple(engine.backend.to_numpy(array) for array in engine.run([value, slope], {x: at}))


def curves(show: Show) -> None:
    engine, worst = show.engine(), 0.0
    for file, functions, (low, high), columns, xlabel, caption in PICTURES:
        drawn = {}
        for title, function in functions.items():
            at = places(low, high, KINKS.get(title, ()))
            drawn[title] = (at, *value_and_slope(engine, function, at))
            left, here, right = (value_and_slope(engine, function, places(low, high) + h) for h in (-1e-6, 0, 1e-6))
            worst = max(worst, np.abs((right[0] - left[0]) / 2e-6 - here[1]).max())
        show.save(f"{file}.png", plots.functions(drawn, columns=columns, xlabel=xlabel), caption)
    show.criterion("largest distance of a slope from finite differences", worst, below=1e-6)


def bounds(show: Show) -> None:
    """Check what the courses say: tanh(a/2) = 2 sigmoid(a) - 1, 0 < sigmoid' <= 1/4, 0 < tanh' <= 1."""
    engine, at = show.engine(), np.linspace(-15, 15, 301)
    difference = value_and_slope(engine, lambda a: nn.tanh(a / 2) - (2 * nn.sigmoid(a) - 1), at)
    show.criterion("tanh(a/2) and 2 sigmoid(a) - 1, their slopes too, differ by", np.abs(difference).max(), below=1e-15)
    for function, most in ((nn.sigmoid, 0.25), (nn.tanh, 1.0)):
        slope = value_and_slope(engine, function, at)[1]
        show.criterion(f"{function.__name__}: least slope", slope.min(), above=0)
        show.criterion(f"{function.__name__}: largest slope, above {most:g} by", slope.max() - most, below=1e-15)


def main(show: Show) -> None:
    curves(show)
    bounds(show)
    engine, at = show.engine(), places(-2, 3, kinks=(0,))
    losses = {title: (at, value_and_slope(engine, function, at)[0]) for title, function in MARGINS.items()}
    picture = plots.lines(losses, xlabel="target × score", ylabel="loss")
    show.save("together.png", picture, "Three losses with a slope, in the place of zero-one, which has none.")

    w, b, one = ge.parameter("w", 1.5), ge.parameter("b", -0.5), ge.input("x")
    a = w * one + b
    h = nn.sigmoid(a)
    trace = engine.trace(h, {one: 1})
    show.save("neuron.svg", viz.draw(trace), "A neuron: the slope of its activation is one factor of the chain rule.")
    show.save("neuron.html", viz.steps(trace), "The neuron step by step: where sigmoid passes the gradient on.")


if __name__ == "__main__":
    run(main)
