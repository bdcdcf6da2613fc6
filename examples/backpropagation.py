"""Backpropagation: one small network as matrices, as neurons and as single numbers, against the formulas.

Three inputs, two layers of two sigmoid units, one output: 16 parameters. In the matrix form a layer is two operations;
in the neuron form every weight stands on its edge; as single numbers every weight has a chain rule of its own, and
∂L/∂w²₂₂ = ∂L/∂S · w³₂ · σ'(h²₂) · a¹₂ can be read off step by step. Then softmax with cross-entropy, where a row times
a Jacobian leaves just output minus target, and the recursion of the deltas through three layers.

Run it:      graph-engine demo backpropagation
"""

import numpy as np

import graph_engine as ge
import graph_engine_viz as viz
from graph_engine.gallery import Show, run
from graph_engine.passes import scalars
from graph_engine_viz import plots

x, t = ge.input("x", 3, "float64"), ge.input("t", (), "float64")
W1 = ge.parameter("W1", np.array([[0.3, -0.5, 0.2], [-0.4, 0.1, 0.6]]))
W2 = ge.parameter("W2", np.array([[0.7, -0.3], [0.5, 0.9]]))
w3 = ge.parameter("w3", np.array([1.2, -0.8]))
b1, b2 = ge.parameter("b1", np.array([0.1, -0.2])), ge.parameter("b2", np.array([-0.1, 0.4]))
h1 = ge.nn.linear(x, W1, b1)
a1 = ge.sigmoid(h1)
h2 = ge.nn.linear(a1, W2, b2)
a2 = ge.sigmoid(h2)
S = a2 @ w3
L = 0.5 * ge.square(S - t)

feeds = {x: np.array([0.5, -1.0, 2.0]), t: 1.0}


def distance(found: object, formula: object) -> float:
    return float(np.max(np.abs(np.asarray(found) - np.asarray(formula))))


def check(show: Show, title: str, loss: ge.Variable, values: dict) -> None:
    report = ge.check_gradients(loss, values)
    show.say(str(report))
    show.criterion(f"{title}: gradients unlike finite differences", sum(not v.ok for v in report.variables), below=1)


def three_forms(show: Show) -> None:
    trace = show.engine().compile([x, t], L, updates=ge.optim.SGD(0.5).minimize(L)).trace(*feeds.values())
    show.criterion("parameters that are missing to 16", 16 - sum(p.size for p in ge.Graph(L).parameters), below=1)
    v = trace.value
    chain = trace.grad(S) * v(w3)[1] * v(a2)[1] * (1 - v(a2)[1]) * v(a1)[1]
    show.criterion("∂L/∂w²₂₂: distance from the chain rule", distance(trace.grad(W2)[1, 1], chain), below=1e-15)
    check(show, "3-2-2-1", L, feeds)
    show.save("matrices.svg", viz.draw(trace), "As matrices: all values and gradients of one training step.")
    show.save("matrices.html", viz.steps(trace), "As matrices, step by step; the rule of W is δ aᵀ.")
    show.save("neurons.svg", viz.draw(trace, style="neurons"), "As neurons: weights and their gradients on edges.")
    show.save("neurons.html", viz.steps(trace, style="neurons"), "As neurons, step by step, with the table of updates.")

    small = scalars(ge.Graph(L), feeds)
    single = show.engine().trace(small.outputs[0], small.feeds(feeds))
    worst = max(distance(small.grad(single, name), trace.grad(name)) for name in small.parameters)
    show.criterion("single numbers: distance from the matrices' gradients", worst, below=1e-15)
    show.save("numbers.html", viz.steps(single, collapse=["linear"]), "Single numbers: find the chain rule of w²₂₂.")


def softmax(show: Show) -> None:
    """One hidden layer, softmax and cross-entropy: dL/da2 = o - y, and what follows from it."""
    x, y = ge.input("x", 2, "float64"), ge.input("y", 3, "float64")
    W1 = ge.parameter("W1", np.array([[0.5, -1.0], [0.8, 0.3]]))
    W2 = ge.parameter("W2", np.array([[1.0, -0.5, 0.2], [-0.7, 0.4, 0.6]]))
    a1 = x @ W1
    h = ge.sigmoid(a1)
    a2 = h @ W2
    o = ge.softmax(a2)
    L = -ge.sum(y * ge.log(o))
    engine, values = show.engine(), {x: np.array([1.0, -2.0]), y: np.array([0.0, 1.0, 0.0])}
    trace = engine.trace(L, values)
    v = trace.value
    delta = v(o) - v(y)
    dW1 = np.outer(v(x), (v(W2) @ delta) * v(h) * (1 - v(h)))
    show.criterion("∂L/∂a2: distance from o - y", distance(trace.grad(a2), delta), below=1e-15)
    show.criterion("∂L/∂W2: distance from (o - y) h", distance(trace.grad(W2), np.outer(v(h), delta)), below=1e-15)
    show.criterion("∂L/∂W1: distance from the formula", distance(trace.grad(W1), dW1), below=1e-15)
    check(show, "softmax", L, values)
    jacobian = engine.backend.to_numpy(engine.run(ge.jacobian(o, a2), {x: values[x]}))
    picture = plots.jacobian(jacobian, trace.grad(o), output="o", input="a")
    show.save("jacobian.png", picture, "A row times the Jacobian of softmax: only output minus target is left.")
    show.save("softmax.html", viz.steps(trace), "Softmax and cross-entropy: forward and backward, step by step.")


def deltas(show: Show) -> None:
    """Carry delta_k = g'(a_k) W_{k+1} delta_{k+1} through three layers, tanh inside and sigmoid at the output."""
    x = ge.input("x", 2, "float64")
    W1 = ge.parameter("W1", np.array([[0.8, -0.4, 0.5], [0.3, 0.9, -0.6]]))
    W2 = ge.parameter("W2", np.array([[0.7, -0.2], [-0.5, 0.4], [0.6, 1.1]]))
    w3 = ge.parameter("w3", np.array([1.3, -0.9]))
    a1 = x @ W1
    o1 = ge.tanh(a1)
    a2 = o1 @ W2
    o2 = ge.tanh(a2)
    a3 = o2 @ w3
    o3 = ge.sigmoid(a3)
    L = 0.5 * ge.square(o3 - 1)
    trace = show.engine().trace(L, {x: np.array([1.0, -0.5])})
    v = trace.value
    delta3 = v(o3) * (1 - v(o3)) * (v(o3) - 1)
    delta2 = (1 - v(o2) ** 2) * v(w3) * delta3
    delta1 = (1 - v(o1) ** 2) * (v(W2) @ delta2)
    layers = ((x, W1, a1, delta1), (o1, W2, a2, delta2), (o2, w3, a3, delta3))
    worst = [distance(trace.grad(a), delta) for _, _, a, delta in layers]
    worst += [distance(trace.grad(W), np.multiply.outer(v(o), delta)) for o, W, _, delta in layers]
    show.criterion("deltas and ∂L/∂w = δ o: distance from the recursion", max(worst), below=1e-15)
    show.save("deltas.html", viz.steps(trace), "Three layers: each δ from the next one, step by step.")


def main(show: Show) -> None:
    three_forms(show)
    softmax(show)
    deltas(show)


if __name__ == "__main__":
    run(main)
