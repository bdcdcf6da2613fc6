"""Functions: every activation and the main losses as curves, each with its derivative, computed by the engine.

The derivative decides what a network learns from. Look at where it vanishes: both ends of sigmoid and tanh, the left
of relu, everywhere for sign and step, so that nothing can be learnt through them. At a jump or a kink a dot shows what
holds there: sign(0) is 0 and step(0) is 1/2 here, but both are arguments; the slope of relu at 0 is taken to be 0.

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

Function = Callable[[ge.Variable], ge.Variable]


def scores(x: ge.Variable) -> ge.Variable:
    return ge.stack([x, 0 * x + 1, 0 * x], axis=-1)


def against(loss: Callable[..., ge.Variable], target: float, **options: float) -> Function:
    return lambda x: loss(x, 0 * x + target, reduction="none", **options)


SATURATING = {
    "identity": nn.identity, "sign": nn.sign, "step": lambda x: nn.heaviside(x, 0.5), "hardtanh": nn.hardtanh,
    "sigmoid": nn.sigmoid, "tanh": nn.tanh, "softsign": nn.softsign, "logsigmoid": nn.logsigmoid,
}  # fmt: skip
RECTIFYING = {
    "relu": nn.relu, "leaky relu": lambda x: nn.leaky_relu(x, 0.1), "prelu": lambda x: nn.prelu(x, np.array(0.25)),
    "elu": nn.elu, "selu": nn.selu, "softplus": nn.softplus, "gelu": nn.gelu, "silu": nn.silu,
}  # fmt: skip
OTHERS = {
    "softmax": lambda x: nn.softmax(scores(x))[..., 0], "log-softmax": lambda x: nn.log_softmax(scores(x))[..., 0],
    "softmin": lambda x: nn.softmin(scores(x))[..., 0], "maxout": lambda x: nn.maxout(scores(x), 3)[..., 0],
    "glu": lambda x: nn.glu(ge.stack([x, x], axis=-1))[..., 0], "relu6": nn.relu6,
}  # fmt: skip
ERRORS = {  # over prediction - target
    "squared": against(nn.mse_loss, 0), "half squared": against(nn.mse_loss, 0, half=True),
    "absolute": against(nn.l1_loss, 0), "Huber, delta 1": against(nn.huber_loss, 0),
    "smooth L1": against(nn.smooth_l1_loss, 0, beta=0.5), "of logarithms": against(nn.msle_loss, 0, offset=3),
}  # fmt: skip
MARGINS = {  # over target times score
    "zero-one": lambda m: against(nn.zero_one_loss, 1)(nn.sign(m, at_zero=-1)), "hinge": against(nn.hinge_loss, 1),
    "perceptron": against(nn.perceptron_loss, 1), "cross-entropy": against(nn.soft_margin_loss, 1),
}  # fmt: skip
AT_ZERO = ("sign", "step", "relu", "leaky relu", "prelu", "selu", "absolute", "zero-one", "perceptron")
KINKS = dict.fromkeys(AT_ZERO, (0,)) | {"hardtanh": (-1, 1), "maxout": (1,), "relu6": (0, 6), "hinge": (1,)}
PICTURES = (  # file, curves, their places, how many columns, over what, and what one sees
    ("saturating", SATURATING, (-4, 4), 4, "x", "Flat at the ends: there the slope, and with it learning, vanishes."),
    ("rectifying", RECTIFYING, (-4, 4), 4, "x", "Slope 1 on the right; a little, or nothing, on the left."),
    ("others", OTHERS, (-4, 8), 3, "x", "Softmax of (x, 1, 0) and its kin; maxout of it; glu of (x, x); relu6."),
    ("errors", ERRORS, (-2.5, 2.5), 3, "prediction - target", "How much large errors count: compare the slopes."),
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
    engine, at = show.engine(), places(-2, 3)
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
