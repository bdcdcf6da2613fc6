"""Worked numbers of the course material (their ids in the names) and of published examples, through `trace`.

The examples are small nets whose numbers were printed by somebody else. Where only identities are given, both sides
are computed: one by the graph, the other here, in plain NumPy float64.
"""

import math
import re
from pathlib import Path

import numpy as np
import pytest

import graph_engine as ge


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def agrees(trace, values=None, grads=None, rtol=1e-12, atol=1e-15):
    """Compare values and gradients of a trace, by name, with expected ones."""
    for expected, read in ((values or {}, trace.value), (grads or {}, trace.grad)):
        for name, number in expected.items():
            got, number = read(name), np.asarray(number, float)
            assert got.shape == number.shape, name
            np.testing.assert_allclose(got, number, rtol=rtol, atol=atol, err_msg=name)


def real(name, *shape):
    return ge.input(name, shape, "float64")


def seeded(*shapes):
    random = np.random.default_rng(4)
    return [random.normal(size=shape) for shape in shapes]


# ---- the course material ---------------------------------------------------------------------------------------


def test_every_worked_number_has_a_test_that_carries_its_id():
    tests = Path(__file__).resolve().parent
    texts = [path.read_text(encoding="utf-8") for path in tests.rglob("test_*.py")]
    found = {int(number) for text in texts for number in re.findall(r"^def test_n(\d+)_", text, flags=re.MULTILINE)}
    assert found >= set(range(1, 18))


def test_n1_the_lecture_example(engine):
    x, y, z = ge.input("x"), ge.input("y"), ge.input("z")
    w = x + y
    f = w * z
    trace = engine.trace(f, {x: -2, y: 5, z: -4})
    agrees(trace, {"w": 3, "f": -12}, {"f": 1, "w": -4, "z": 3, "x": -4, "y": -4}, rtol=0)
    assert engine.run(f, {x: -2, y: 5, z: -4}) == -12.0
    phases = [step.phase for step in trace.steps]
    assert phases == ["forward", "forward", "backward", "backward", "backward"]
    seed, multiplication, addition = trace.steps[2:]
    assert [trace.graph.name_of(v) for v in seed.outputs] == ["grad(f)"]
    assert multiplication.operation is f.operation and addition.operation is w.operation
    assert trace.contributions("x") == [(w.operation, 0, -4.0)]


def test_n5_xor_by_rectified_units(engine):
    inputs = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], float)
    x = real("x", "n", 2)
    W1, b1 = ge.parameter("W1", np.array([[1.0, -1.0], [-1.0, 1.0]])), ge.parameter("b1", np.zeros(2))
    w2, b2 = ge.parameter("w2", np.array([1.0, 1.0])), ge.parameter("b2", np.float64(0), dtype="float64")
    a = x @ W1.T + b1
    h = ge.relu(a)
    y = h @ w2 + b2
    trace = engine.trace(y, {x: inputs})
    agrees(trace, {"a": [[0, 0], [-1, 1], [1, -1], [0, 0]], "h": [[0, 0], [0, 1], [1, 0], [0, 0]], "y": [0, 1, 1, 0]})


def test_n8_one_weight_of_a_3_2_2_1_network(engine):
    x0, W1, b1, W2, b2, W3 = seeded(3, (2, 3), 2, (2, 2), 2, (1, 2))
    x = real("x", 3)
    parameters = [ge.parameter(n, v) for n, v in {"W1": W1, "b1": b1, "W2": W2, "b2": b2, "W3": W3}.items()]
    assert sum(p.size for p in parameters) == 16
    h1 = parameters[0] @ x + parameters[1]
    a1 = ge.sigmoid(h1)
    h2 = parameters[2] @ a1 + parameters[3]
    a2 = ge.sigmoid(h2)
    S = ge.sum(parameters[4] @ a2)
    L = ge.square(S - 0.25) * 0.5

    H1 = W1 @ x0 + b1
    A1 = sigmoid(H1)
    H2 = W2 @ A1 + b2
    A2 = sigmoid(H2)
    out = (W3 @ A2)[0]
    dS = out - 0.25
    slope2 = A2 * (1 - A2)
    trace = engine.trace(L, {x: x0})
    agrees(
        trace,
        {"h1": H1, "a1": A1, "h2": H2, "a2": A2, "S": out, "L": dS**2 / 2},
        {"S": dS, "a2": dS * W3[0], "h2": dS * W3[0] * slope2, "W3": dS * A2[None], "b2": dS * W3[0] * slope2},
    )
    assert trace.grad("W2")[1, 1] == pytest.approx(dS * W3[0, 1] * slope2[1] * A1[1], rel=1e-12)


def test_n9_softmax_classifier_with_one_hidden_layer(engine):
    x0, W1, W2 = seeded(4, (4, 3), (3, 5))
    y = np.eye(5)[2]
    x, target = real("x", 4), real("target", 5)
    h = ge.sigmoid(x @ ge.parameter("W1", W1))
    a2 = h @ ge.parameter("W2", W2)
    o = ge.softmax(a2)
    L = -ge.sum(target * ge.log(o))

    H = sigmoid(x0 @ W1)
    out = np.exp(H @ W2) / np.exp(H @ W2).sum()
    trace = engine.trace(L, {x: x0, target: y})
    back = [sum((out[k] - y[k]) * W2[j, k] for k in range(5)) for j in range(3)]
    dW1 = [[back[j] * H[j] * (1 - H[j]) * x0[i] for j in range(3)] for i in range(4)]
    agrees(
        trace,
        {"h": H, "o": out, "L": -math.log(out[2])},
        {"a2": out - y, "W2": [[(out[j] - y[j]) * H[i] for j in range(5)] for i in range(3)], "W1": dW1},
    )
    stable = ge.nn.cross_entropy(a2, ge.constant(2))
    agrees(engine.trace(stable, {x: x0}), {}, {"a2": out - y, "W1": dW1})
    jacobian = engine.backend.to_numpy(engine.run(ge.jacobian(o, a2), {x: x0}))
    np.testing.assert_allclose(jacobian, np.diag(out) - np.outer(out, out), rtol=1e-12, atol=1e-15)  # o_i (d_ij - o_j)


def test_n10_logistic_regression(engine):
    X, w0 = seeded((7, 3), 3)
    y0 = (X[:, 0] > 0).astype(float)
    x, y, w = real("x", "n", 3), real("y", "n"), ge.parameter("w", w0)
    f = ge.sigmoid(x @ w)
    L = -ge.sum(y * ge.log(f) + (1 - y) * ge.log(1 - f))
    F = sigmoid(X @ w0)
    expected = sum((F[n] - y0[n]) * X[n] for n in range(7))
    agrees(engine.trace(L, {x: X, y: y0}), {"f": F}, {"w": expected})
    stable = ge.nn.binary_cross_entropy_with_logits(x @ w, y, reduction="sum")
    agrees(engine.trace(stable, {x: X, y: y0}), {}, {"w": expected})


def test_n10_multiclass_logistic_regression(engine):
    Phi, W0 = seeded((6, 4), (3, 4))
    T = np.eye(3)[[0, 2, 1, 1, 0, 2]]
    phi, t, W = real("phi", "n", 4), real("t", "n", 3), ge.parameter("W", W0)
    y = ge.softmax(phi @ W.T)
    L = -ge.sum(t * ge.log(y))
    Y = np.exp(Phi @ W0.T) / np.exp(Phi @ W0.T).sum(1, keepdims=True)
    expected = [sum((Y[n, c] - T[n, c]) * Phi[n] for n in range(6)) for c in range(3)]
    agrees(engine.trace(L, {phi: Phi, t: T}), {"y": Y}, {"W": expected})


def test_n11_delta_recursion(engine):
    x0, *weights = seeded(4, (4, 5), (5, 5), (5, 3), (3, 2))
    target = np.array([0.2, 0.9])
    o, activations = real("x", 4), []
    for k, weight in enumerate(weights):
        a = (o @ ge.parameter(f"w{k}", weight)).named(f"a{k}")
        o = ge.sigmoid(a) if k == len(weights) - 1 else ge.tanh(a)
        activations.append(a)
    L = ge.sum(ge.square(o - target)) * 0.5

    outputs, inner = [x0], []
    for k, weight in enumerate(weights):
        inner.append(outputs[-1] @ weight)
        outputs.append(sigmoid(inner[-1]) if k == len(weights) - 1 else np.tanh(inner[-1]))
    delta = outputs[-1] * (1 - outputs[-1]) * (outputs[-1] - target)  # g_o'(a_L) L'
    deltas = {len(weights) - 1: delta}
    for k in reversed(range(len(weights) - 1)):
        delta = (1 - np.tanh(inner[k]) ** 2) * (weights[k + 1] @ delta)  # g'(a_k) sum w delta_{k+1}
        deltas[k] = delta
    trace = engine.trace(L, {"x": x0})
    agrees(
        trace,
        {f"a{k}": inner[k] for k in deltas},
        {f"a{k}": deltas[k] for k in deltas} | {f"w{k}": np.outer(outputs[k], deltas[k]) for k in deltas},
    )


def test_n12_tanh_is_a_stretched_logistic_function(engine):
    grid = np.linspace(-15, 15, 301)
    a = real("a", "n")
    left, right = ge.tanh(a / 2), 2 * ge.sigmoid(a) - 1
    slopes = {v: ge.grad(ge.sum(v), a) for v in (left, right)}
    logistic, tangens = ge.grad(ge.sum(ge.sigmoid(a)), a), ge.grad(ge.sum(ge.tanh(a)), a)
    results = engine.run([left, right, *slopes.values(), logistic, tangens], {a: grid})
    lv, rv, dl, dr, dlogistic, dtanh = map(np.asarray, results)
    np.testing.assert_allclose(lv, rv, rtol=0, atol=1e-15)
    np.testing.assert_allclose(dl, dr, rtol=0, atol=1e-15)
    np.testing.assert_allclose(dl, 0.5 * (1 - np.tanh(grid / 2) ** 2), rtol=0, atol=1e-15)
    np.testing.assert_allclose(dlogistic, np.exp(-grid) / (1 + np.exp(-grid)) ** 2, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(dtanh, 1 / np.cosh(grid) ** 2, rtol=1e-12, atol=1e-15)
    assert (dlogistic > 0).all() and dlogistic.max() == dlogistic[150] == 0.25
    assert (dtanh > 0).all() and dtanh.max() == dtanh[150] == 1.0


# ---- published examples ----------------------------------------------------------------------------------------
# M. Mazur, "A Step by Step Backpropagation Example" (2015): two inputs, two hidden and two output neurons, logistic
# functions, biases that are not trained, learning rate 0.5. Digits as printed there.

MAZUR_VALUES = {
    "h1": 0.3775, "out_h1": 0.593269992, "out_h2": 0.596884378, "o1": 1.105905967, "out_o1": 0.75136507,
    "out_o2": 0.772928465, "E_o1": 0.274811083, "E_o2": 0.023560026, "E": 0.298371109,
}  # fmt: skip
MAZUR_GRADS = {
    "out_o1": 0.74136507, "o1": 0.138498562, "w5": 0.082167041, "out_h1": 0.036350306, "w1": 0.000438568,
}  # fmt: skip
MAZUR_UPDATED = {
    "w1": 0.149780716, "w2": 0.19956143, "w3": 0.24975114, "w4": 0.29950229, "w5": 0.35891648, "w6": 0.408666186,
    "w7": 0.511301270, "w8": 0.561370121,
}  # fmt: skip
MAZUR_START = {"w1": 0.15, "w2": 0.2, "w3": 0.25, "w4": 0.3, "w5": 0.4, "w6": 0.45, "w7": 0.5, "w8": 0.55}


def mazur():
    i1, i2, t1, t2 = (real(name) for name in ("i1", "i2", "t1", "t2"))
    w1, w2, w3, w4, w5, w6, w7, w8 = (ge.parameter(n, v, dtype="float64") for n, v in MAZUR_START.items())
    b1, b2 = (ge.parameter(n, v, trainable=False, dtype="float64") for n, v in {"b1": 0.35, "b2": 0.6}.items())
    h1 = w1 * i1 + w2 * i2 + b1
    h2 = w3 * i1 + w4 * i2 + b1
    out_h1, out_h2 = ge.sigmoid(h1), ge.sigmoid(h2)
    o1 = w5 * out_h1 + w6 * out_h2 + b2
    o2 = w7 * out_h1 + w8 * out_h2 + b2
    out_o1, out_o2 = ge.sigmoid(o1), ge.sigmoid(o2)
    E_o1 = 0.5 * (t1 - out_o1) ** 2
    E_o2 = 0.5 * (t2 - out_o2) ** 2
    E = E_o1 + E_o2
    return [i1, i2, t1, t2], E, (out_o1, out_o2)


def mazur_by_hand(w):
    """Compute the error and one step of gradient descent with nothing but numbers."""
    i, t = (0.05, 0.1), (0.01, 0.99)
    h = [sigmoid(w["w1"] * i[0] + w["w2"] * i[1] + 0.35), sigmoid(w["w3"] * i[0] + w["w4"] * i[1] + 0.35)]
    o = [sigmoid(w["w5"] * h[0] + w["w6"] * h[1] + 0.6), sigmoid(w["w7"] * h[0] + w["w8"] * h[1] + 0.6)]
    error = sum((t[k] - o[k]) ** 2 / 2 for k in range(2))
    delta = [(o[k] - t[k]) * o[k] * (1 - o[k]) for k in range(2)]
    back = [(delta[0] * w[f"w{5 + j}"] + delta[1] * w[f"w{7 + j}"]) * h[j] * (1 - h[j]) for j in range(2)]
    slopes = [back[0] * i[0], back[0] * i[1], back[1] * i[0], back[1] * i[1]]
    slopes += [delta[0] * h[0], delta[0] * h[1], delta[1] * h[0], delta[1] * h[1]]
    return error, {f"w{k + 1}": slope for k, slope in enumerate(slopes)}


def test_mazur_step_by_step(engine):
    inputs, E, _ = mazur()
    step = engine.compile(inputs, E, updates=ge.optim.SGD(0.5).minimize(E))
    trace = step.trace(0.05, 0.1, 0.01, 0.99)
    agrees(trace, MAZUR_VALUES, MAZUR_GRADS, rtol=0, atol=6e-10)
    error, slopes = mazur_by_hand(MAZUR_START)
    agrees(trace, {"E": error}, slopes)
    for name, printed in MAZUR_UPDATED.items():
        new = float(trace.updated(name))
        assert new == pytest.approx(printed, abs=6e-9 if name in ("w2", "w3", "w4", "w5") else 6e-10)
        assert new == pytest.approx(MAZUR_START[name] - 0.5 * slopes[name], rel=1e-15)
        assert float(engine.value(name)) == new
    assert [s.variable.name for s in trace.steps if s.phase == "update"] == list(MAZUR_START)
    after = float(step(0.05, 0.1, 0.01, 0.99))
    by_hand, _ = mazur_by_hand({name: float(trace.updated(name)) for name in MAZUR_START})
    assert after == pytest.approx(by_hand, rel=1e-14)
    assert after == pytest.approx(0.291027924, abs=2e-7), "printed; with unrounded numbers the seventh digit differs"


def test_mazur_after_ten_thousand_rounds():
    inputs, E, outputs = mazur()
    engine = ge.Engine("numpy")
    step = engine.compile(inputs, (), updates=ge.optim.SGD(0.5).minimize(E))
    for _ in range(10_000):
        step(0.05, 0.1, 0.01, 0.99)
    feeds = dict(zip(inputs, (0.05, 0.1, 0.01, 0.99)))
    assert float(engine.run(E, feeds)) == pytest.approx(0.0000351085, abs=1e-8)  # printed numbers of nearby rounds
    assert [float(o) for o in engine.run(outputs, feeds)] == pytest.approx([0.015912196, 0.984065734], abs=2e-6)


def test_cs231n_a_neuron_gate_by_gate(engine):
    """A. Karpathy, CS231n "Backpropagation, Intuitions": every wire of the circuit, printed with two decimals."""
    w0, x0, w1, x1, w2 = (ge.input(name) for name in ("w0", "x0", "w1", "x1", "w2"))
    a = w0 * x0
    b = w1 * x1
    c = a + b
    dot = c + w2
    minus = -dot
    e = ge.exp(minus)
    plus = e + 1
    f = 1 / plus
    trace = engine.trace(f, {w0: 2, x0: -1, w1: -3, x1: -2, w2: -3})
    values = {"a": -2, "b": 6, "c": 4, "dot": 1, "minus": -1, "e": 0.37, "plus": 1.37, "f": 0.73}
    grads = {"f": 1, "plus": -0.53, "e": -0.53, "minus": -0.20, "dot": 0.20, "c": 0.20, "a": 0.20, "b": 0.20}
    grads |= {"w0": -0.20, "x0": 0.39, "w1": -0.39, "x1": -0.59, "w2": 0.20}
    agrees(trace, values, grads, rtol=0, atol=0.005)
    s = 1 / (1 + math.exp(-1))
    slope = s * (1 - s)
    exact = {"w0": -slope, "x0": 2 * slope, "w1": -2 * slope, "x1": -3 * slope, "w2": slope}
    agrees(trace, {"f": s}, exact, rtol=1e-6)


def test_cs231n_add_max_and_multiply_gates(engine):
    """The same notes, "Patterns in backward flow": add distributes, max routes, multiply switches."""
    x, y, z, w = (ge.input(name) for name in ("x", "y", "z", "w"))
    p = x * y
    m = ge.maximum(z, w)
    q = p + m
    f = q * 2
    trace = engine.trace(f, {x: 3, y: -4, z: 2, w: -1})
    agrees(
        trace,
        {"p": -12, "m": 2, "q": -10, "f": -20},
        {"f": 1, "q": 2, "p": 2, "m": 2, "x": -8, "y": 6, "z": 2, "w": 0},
        rtol=0,
    )


def test_cs231n_staged_computation(engine):
    """The same notes: f = (x + sigmoid(y)) / (sigmoid(x) + (x + y)^2) at x = 3, y = -4, stage by stage."""
    x, y = real("x"), real("y")
    sigy = ge.sigmoid(y)
    num = x + sigy
    sigx = ge.sigmoid(x)
    xpy = x + y
    xpysqr = xpy**2
    den = sigx + xpysqr
    invden = ge.reciprocal(den)
    f = num * invden
    trace = engine.trace(f, {x: 3, y: -4})

    X, Y = 3.0, -4.0
    SIGY, SIGX = 1 / (1 + math.exp(-Y)), 1 / (1 + math.exp(-X))
    NUM, DEN = X + SIGY, SIGX + (X + Y) ** 2
    dnum, dinvden = 1 / DEN, NUM
    dden = -1 / DEN**2 * dinvden
    dxpy = 2 * (X + Y) * dden
    dx = dxpy + (1 - SIGX) * SIGX * dden + dnum
    dy = dxpy + (1 - SIGY) * SIGY * dnum
    agrees(
        trace,
        {"sigy": SIGY, "num": NUM, "den": DEN, "invden": 1 / DEN, "f": NUM / DEN},
        {"num": dnum, "invden": dinvden, "den": dden, "xpysqr": dden, "xpy": dxpy, "sigx": dden, "x": dx, "y": dy},
    )
    assert len(trace.contributions("x")) == 3 and len(trace.contributions("y")) == 2
    total = sum(term for _, _, term in trace.contributions("x"))
    assert total == pytest.approx(dx, rel=1e-15)


def test_olah_calculus_on_computational_graphs(engine):
    """C. Olah, "Calculus on Computational Graphs" (2015): e = (a + b)(b + 1) at a = 2, b = 1."""
    a, b = ge.input("a"), ge.input("b")
    c = a + b
    d = b + 1
    e = c * d
    trace = engine.trace(e, {a: 2, b: 1})
    agrees(trace, {"c": 3, "d": 2, "e": 6}, {"e": 1, "c": 2, "d": 3, "a": 2, "b": 5}, rtol=0)
    assert [(op.name, float(term)) for op, _, term in trace.contributions("b")] == [("add", 3.0), ("add", 2.0)]


def test_goodfellow_xor(engine):
    """I. Goodfellow, Y. Bengio, A. Courville, "Deep Learning" (2016), section 6.1: the net that solves XOR exactly."""
    X = ge.constant(np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32"), name="X")
    W, c = ge.parameter("W", np.ones((2, 2), "float32")), ge.parameter("c", np.array([0, -1], "float32"))
    w, b = ge.parameter("w", np.array([1, -2], "float32")), ge.parameter("b", 0.0)
    XW = X @ W
    affine = XW + c
    h = ge.relu(affine)
    f = h @ w + b
    loss = ge.mean(ge.square(f - np.array([0, 1, 1, 0], "float32")))
    step = engine.compile([], loss, updates=ge.optim.SGD(0.1).minimize(loss))
    trace = step.trace()
    agrees(
        trace,
        {
            "XW": [[0, 0], [1, 1], [1, 1], [2, 2]], "affine": [[0, -1], [1, 0], [1, 0], [2, 1]],
            "h": [[0, 0], [1, 0], [1, 0], [2, 1]], "f": [0, 1, 1, 0], "loss": 0,
        },
        {"f": np.zeros(4), "W": np.zeros((2, 2)), "c": np.zeros(2), "w": np.zeros(2), "b": 0},
        rtol=0,
    )  # fmt: skip
    assert float(step()) == 0.0 and engine.backend.to_numpy(engine.value(w)).tolist() == [1, -2], "it stays there"
