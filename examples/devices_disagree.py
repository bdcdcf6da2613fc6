"""Why do two devices disagree? A network is run on two of them, and the numbers are not the same.

No two devices give the same bits: they add in another order. That is rounding, and harmless. But one of these two has
an exponential that is faster and not quite right. At the end, in the loss, both look alike: a late digit differs.
`compare` goes through both runs side by side, works out for each operation how far rounding can take it, and tells
what only inherits a difference from what makes one. Look at the dots: one operation stands out, by its line.

The second device is declared here, a `ge.Backend` of a few lines; `--backend cupy` makes the first one a GPU.

Run it:      graph-engine demo devices_disagree
Ask it:      graph-engine compare out/devices_disagree/one.safetensors out/devices_disagree/other.safetensors
"""

import numpy as np

import graph_engine as ge
import graph_engine_viz as viz
from graph_engine.gallery import Show, run
from graph_engine_viz import plots
from graph_engine_viz.debugger import compare


class FastDevice(ge.Backend):
    """Adds backwards, as another device may, and has a fast exponential: a power of 2 from a short polynomial."""

    name = "fast"
    xp = np

    def kernel(self, primitive: ge.Primitive) -> object:
        function = super().kernel(primitive)
        if primitive.name == "exp":
            return fast_exp
        if primitive.name == "linear":
            return lambda x, weight: x[:, ::-1].copy() @ weight[:, ::-1].T.copy()
        return function


def fast_exp(x: np.ndarray) -> np.ndarray:
    """Return about e^x: 2 to the whole part of x / log 2, times a polynomial in the rest."""
    scaled = x / np.log(2)
    whole = np.floor(scaled)
    return np.ldexp(POWER(scaled - whole), whole.astype("int32")).astype("float32")


POWER = np.polynomial.Polynomial.fit(np.linspace(0, 1), 2 ** np.linspace(0, 1), deg=3)

images, right = ge.input("images", ("batch", 64)), ge.input("right", ("batch", 10))
first, second = ge.nn.Linear(64, 32, bias=False, seed=0), ge.nn.Linear(32, 10, bias=False, seed=1)

hidden = ge.nn.relu(first(images))
scores = second(hidden)
powers = ge.exp(scores - ge.max(scores, axis=1, keepdims=True))
shares = powers / ge.sum(powers, axis=1, keepdims=True)
loss = -ge.mean(ge.sum(right * ge.log(shares), axis=1))


def load() -> dict[ge.Variable, np.ndarray]:
    """Return 32 digits with their labels, one-hot."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    return {images: digits.data[:32] / 16, right: ge.data.one_hot(digits.target[:32], 10)}


def main(show: Show) -> None:
    feeds = load()
    one = show.engine().trace(loss, feeds)
    other = ge.Engine(FastDevice()).trace(loss, feeds)
    show.say(f"the loss is {float(one.value(loss)):.8f} here and {float(other.value(loss)):.8f} there")

    comparison = compare(one, other)
    show.say(str(comparison))
    show.criterion("the first divergence is the exponential", comparison.operation is powers.operation, above=0.5)
    show.criterion("its error, in units of what rounding explains", comparison.first.excess, above=5)
    products = max(comparison.of(v).excess for v in (hidden.operation.inputs[0], scores))
    show.criterion("that of the matrix products, which add in another order", products, below=1)

    worked = [d for d in comparison if d.variable.operation is not None and np.isfinite(d.excess)]
    excess = {"operations": [max(d.excess, 1e-3) for d in worked]}
    figure = plots.lines(excess, x=range(len(worked)), xlabel="operation, in the order of computation", log=True,
                         ylabel="error / rounding", bound=1, bound_name="rounding", dots=tuple(excess))  # fmt: skip
    show.save("excess.png", figure, "What each operation adds: one is above what rounding explains. (Lowest: nothing.)")

    for name, trace in (("one", one), ("other", other)):
        trace.save(show.folder / f"{name}.safetensors")
    place = next(step.index for step in one.steps if step.operation is powers.operation)
    show.save("step.svg", viz.draw(other, step=place), "The run of the second device, at the operation that differs.")
    show.save("step.html", viz.steps(other), "That run, step by step: nothing in it looks wrong by itself.")


if __name__ == "__main__":
    run(main)
