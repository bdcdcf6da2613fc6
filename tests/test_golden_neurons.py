"""The course material's network of single neurons (N8), every weight's chain rule, on every backend."""

import numpy as np
import pytest

import graph_engine as ge
from graph_engine.passes import scalars


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def network():
    """Three inputs, two biased layers of two units, an output without bias."""
    rng = np.random.default_rng(8)
    shapes = {"W1": (2, 3), "b1": (2,), "W2": (2, 2), "b2": (2,), "W3": (1, 2)}
    values = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    W1, b1, W2, b2, W3 = (ge.parameter(name, value) for name, value in values.items())
    x, target = ge.input("x", 3, "float64"), ge.input("t", (), "float64")
    h1 = ge.nn.linear(x, W1, b1)
    a1 = ge.sigmoid(h1)
    h2 = ge.nn.linear(a1, W2, b2)
    a2 = ge.sigmoid(h2)
    S = ge.nn.linear(a2, W3)
    L = 0.5 * ge.square(ge.squeeze(S, 0) - target)
    return L, {x: rng.normal(size=3), target: 0.25}, values


def by_hand(values, x, target):
    """Return all gradients by the plain formulas, and what the chain rule of w2_22 is made of."""
    W1, b1, W2, b2, W3 = values.values()
    a1 = sigmoid(W1 @ x + b1)
    a2 = sigmoid(W2 @ a1 + b2)
    dS = (W3 @ a2)[0] - target
    dh2 = dS * W3[0] * a2 * (1 - a2)
    dh1 = (W2.T @ dh2) * a1 * (1 - a1)
    gradients = {"W1": np.outer(dh1, x), "b1": dh1, "W2": np.outer(dh2, a1), "b2": dh2, "W3": dS * a2[None]}
    return gradients, (dS, W3[0, 1], a2[1] * (1 - a2[1]), a1[1])


def test_n8_all_16_gradients_of_a_3_2_2_1_network(engine):
    L, feeds, values = network()
    small = scalars(ge.Graph(L), feeds)
    assert sum(elements.size for elements in small.parameters.values()) == 16
    trace = engine.trace(small.outputs[0], small.feeds(feeds))
    gradients, _ = by_hand(values, *feeds.values())
    for name, expected in gradients.items():
        np.testing.assert_allclose(small.grad(trace, name), expected, rtol=1e-12)
    tensors = engine.trace(L, feeds)
    for name in values:
        np.testing.assert_allclose(small.grad(trace, name), tensors.grad(name), rtol=1e-12)


def test_n8_the_chain_rule_of_one_weight_is_read_off_the_trace(engine):
    L, feeds, values = network()
    small = scalars(ge.Graph(L), feeds)
    trace = engine.trace(small.outputs[0], small.feeds(feeds))
    weight, unit = small["W2"][1, 1], small["a2"][1]
    assert weight.tex == "w^{2}_{22}"

    def only(variable):
        ((operation, position, term),) = trace.contributions(variable)
        return operation, trace.local_derivatives(operation)[position], term

    by_product, a1_2, dw = only(weight)  # w2_22 is used once, in w2_22 * a1_2
    by_sum, one, _ = only(by_product.outputs[0])  # which is added up
    by_sigmoid, slope, _ = only(by_sum.outputs[0])  # to h2_2, from which a2_2 comes
    assert by_sigmoid.outputs[0] is unit and one == 1
    by_output, w3_2, _ = only(unit)  # which w3_2 weighs
    dS = trace.grad(small["S"][0])
    assert trace.contributions(by_output.outputs[0])[0][2] == dS
    assert dw == pytest.approx(dS * w3_2 * slope * a1_2, rel=1e-13)

    _, (dS_0, w3_0, slope_0, a1_0) = by_hand(values, *feeds.values())
    factors = [float(dS), float(w3_2), float(slope), float(a1_2)]
    assert factors == pytest.approx([dS_0, w3_0, slope_0, a1_0], rel=1e-12)


def test_n8_every_weight_has_steps_of_its_own(engine):
    L, feeds, _ = network()
    small = scalars(ge.Graph(L), feeds)
    (output,) = small.outputs
    updates = ge.optim.SGD(0.1).minimize(output)
    inputs = [v for elements in (small["x"], small["t"]) for v in elements.reshape(-1)]
    step = engine.compile(inputs, output, updates=updates)
    trace = step.trace(*small.feeds(feeds).values())
    updated = [s.variable for s in trace.steps if s.phase == "update"]
    assert sorted(v.name for v in updated) == sorted(v.name for p in small.parameters.values() for v in p.flat)
    products = [s.operation for s in trace.steps if s.phase == "backward" and s.operation.primitive.name == "multiply"]
    uses = {v for operation in products for v in operation.inputs}
    assert all(weight in uses for name in ("W1", "W2", "W3") for weight in small[name].flat)
