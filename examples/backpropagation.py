"""Backpropagation: one small network as matrices, as neurons and as single numbers, against the formulas.

Three inputs, two layers of two sigmoid units, one output: 16 parameters. In the matrix form a layer is two operations;
in the neuron form every weight stands on its edge; as single numbers every weight has a chain rule of its own, and
∂L/∂w²₂₂ = ∂L/∂S · w³₂ · σ'(h²₂) · a¹₂ can be read off step by step. Then softmax with cross-entropy, where a row times
a Jacobian leaves just output minus target, and the recursion of the deltas through four layers.

Run it:      graph-engine demo backpropagation
"""

import numpy as np

import graph_engine as ge
import graph_engine_viz as viz
from graph_engine.gallery import Show, run
from graph_engine.passes import scalars
from graph_engine_viz import plots

rng = np.random.default_rng(8)

x, t = ge.input("x", 3, "float64"), ge.input("t", (), "float64")
W1 = ge.parameter("W1", np.array([[0.3, -0.5, 0.2], [-0.4, 0.1, 0.6]]))
W2 = ge.parameter("W2", np.array([[0.7, -0.3], [0.5, 0.9]]))
W3 = ge.parameter("W3", np.array([[1.2, -0.8]]))
b1, b2 = ge.parameter("b1", np.array([0.1, -0.2])), ge.parameter("b2", np.array([-0.1, 0.4]))
h1 = ge.nn.linear(x, W1, b1)
a1 = ge.sigmoid(h1)
h2 = ge.nn.linear(a1, W2, b2)
a2 = ge.sigmoid(h2)
S = ge.nn.linear(a2, W3)
L = 0.5 * ge.square(ge.squeeze(S, 0) - t)

feeds = {x: np.array([0.5, -1.0, 2.0]), t: 1.0}
parameters = [W1, b1, W2, b2, W3]


def distance(found: object, formula: object) -> float:
    return float(np.max(np.abs(np.asarray(found) - np.asarray(formula))))


def check(show: Show, title: str, loss: ge.Variable, values: dict) -> None:
    report = ge.check_gradients(loss, values)
    show.say(str(report))
    show.criterion(f"{title}: gradients unlike finite differences", sum(not v.ok for v in report.variables), below=1)


def three_forms(show: Show) -> None:
    trace = show.engine().compile([x, t], L, updates=ge.optim.SGD(0.5).minimize(L)).trace(*feeds.values())
    show.criterion("parameters that are missing to 16", 16 - sum(p.size for p in parameters), below=1)
    slope = trace.value(a2) * (1 - trace.value(a2))
    chain = trace.grad(S)[0] * trace.value(W3)[0, 1] * slope[1] * trace.value(a1)[1]
    show.criterion("∂L/∂w²₂₂: distance from the chain rule", distance(trace.grad(W2)[1, 1], chain), below=1e-15)
    check(show, "3-2-2-1", L, feeds)
    show.save("matrices.svg", viz.draw(trace), "As matrices: all values and gradients of one training step.")
    show.save("matrices.html", viz.steps(trace), "As matrices, step by step; the rule of W is δ aᵀ.")
    show.save("neurons.svg", viz.draw(trace, style="neurons"), "As neurons: weights and their gradients on edges.")
    show.save("neurons.html", viz.steps(trace, style="neurons"), "As neurons, step by step, with the table of updates.")

    small = scalars(ge.Graph(L), feeds)
    (loss,) = small.outputs
    single = show.engine().trace(loss, small.feeds(feeds))
    worst = max(distance(small.grad(single, p), trace.grad(p)) for p in parameters)
    show.criterion("single numbers: distance from the matrices' gradients", worst, below=1e-15)
    show.save("numbers.html", viz.steps(single), "As single numbers: each weight's chain rule (+ enlarges).")


def softmax(show: Show) -> None:
    """One hidden layer, softmax and cross-entropy: dL/da2 = o - y, and what follows from it."""
    x0, V1, V2 = rng.normal(size=2), rng.normal(size=(2, 3)), rng.normal(size=(3, 3))
    y = np.array([0.0, 1.0, 0.0])
    x, target = ge.input("x", 2, "float64"), ge.input("y", 3, "float64")
    W1, W2 = ge.parameter("W1", V1), ge.parameter("W2", V2)
    h = ge.sigmoid(x @ W1)
    a2 = h @ W2
    o = ge.softmax(a2)
    L = -ge.sum(target * ge.log(o))
    engine, values = show.engine(), {x: x0, target: y}
    trace = engine.trace(L, values)
    delta, H = trace.value(o) - y, trace.value(h)
    dW1 = np.outer(x0, (V2 @ delta) * H * (1 - H))
    show.criterion("∂L/∂a2: distance from o - y", distance(trace.grad(a2), delta), below=1e-15)
    show.criterion("∂L/∂W2: distance from (o - y) h", distance(trace.grad(W2), np.outer(H, delta)), below=1e-15)
    show.criterion("∂L/∂W1: distance from the formula", distance(trace.grad(W1), dW1), below=1e-15)
    check(show, "softmax", L, values)
    jacobian = engine.backend.to_numpy(engine.run(ge.jacobian(o, a2), {x: x0}))
    picture = plots.jacobian(jacobian, trace.grad(o), output="o", input="a")
    show.save("jacobian.png", picture, "A row times the Jacobian of softmax: only output minus target is left.")
    show.save("softmax.html", viz.steps(trace), "Softmax and cross-entropy: forward and backward, step by step.")


def deltas(show: Show) -> None:
    """Carry delta_k = g'(a_k) W_{k+1} delta_{k+1} through four layers, tanh inside and sigmoid at the output."""
    weights = [rng.normal(size=shape) for shape in ((4, 5), (5, 5), (5, 3), (3, 2))]
    x, target = ge.input("x", 4, "float64"), np.array([0.2, 0.9])
    outputs, sums = [x], []
    for number, weight in enumerate(weights, start=1):
        sums.append((outputs[-1] @ ge.parameter(f"W{number}", weight)).named(f"a{number}"))
        outputs.append(ge.sigmoid(sums[-1]) if number == len(weights) else ge.tanh(sums[-1]))
    L = 0.5 * ge.sum(ge.square(outputs[-1] - target))
    values = {x: rng.normal(size=4)}
    trace = show.engine().trace(L, values)
    o = [trace.value(v) for v in outputs]
    delta, worst = o[-1] * (1 - o[-1]) * (o[-1] - target), 0.0
    for k in reversed(range(len(weights))):
        slopes = trace.grad(sums[k]), trace.grad(f"W{k + 1}")
        worst = max(worst, distance(slopes[0], delta), distance(slopes[1], np.outer(o[k], delta)))
        delta = (1 - o[k] ** 2) * (weights[k] @ delta)
    show.criterion("deltas and ∂L/∂w = δ o: distance from the recursion", worst, below=1e-15)
    check(show, "deltas", L, values)
    show.save("deltas.html", viz.steps(trace), "Four layers: each δ from the next one, step by step.")


def main(show: Show) -> None:
    three_forms(show)
    softmax(show)
    deltas(show)


if __name__ == "__main__":
    run(main)
