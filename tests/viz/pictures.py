"""Runs that the tests of the pictures look at, and ways to read a picture."""

import functools
import re
import xml.etree.ElementTree as ET

import numpy as np

import graph_engine as ge

SVG = "{http://www.w3.org/2000/svg}"


def lecture():
    x, y, z = ge.input("x"), ge.input("y"), ge.input("z")
    w = x + y
    f = w * z
    return ge.Engine("numpy").trace(f, {x: -2, y: 5, z: -4})


def fan_out():
    x = ge.input("x")
    y = x * x + ge.sin(x)
    return ge.Engine("numpy").trace(y, {x: -1.5})


def perceptron(batch=32, sizes=(64, 32, 10)):
    rng = np.random.default_rng(0)
    images, labels = ge.input("images", ("batch", sizes[0])), ge.input("labels", ("batch",), "int64")
    with ge.scope("hidden"):
        W1 = ge.parameter("W1", rng.normal(0, 0.2, sizes[:2]).astype("float32"))
        b1 = ge.parameter("b1", np.zeros(sizes[1], "float32"))
        h = ge.relu(images @ W1 + b1)
    with ge.scope("readout"):
        W2 = ge.parameter("W2", rng.normal(0, 0.2, sizes[1:]).astype("float32"))
        logits = h @ W2
    loss = ge.mean(ge.softmax_cross_entropy(logits, labels))
    step = ge.Engine("numpy").compile([images, labels], loss, updates=ge.optim.SGD(0.1).minimize(loss))
    return step.trace(rng.random((batch, sizes[0])).astype("float32"), rng.integers(0, sizes[2], batch))


def odd_names():
    a = ge.input("<script>alert('x')&\"</script>")
    b = ge.input("a_name_of_sixty_letters_" + "x" * 36)
    c = ge.parameter("W_1", [[1.2345e-30, 2, 3], [4, 5, -6e20]])
    d = ge.input("z", tex=r"\hat{z}^{(1)}")
    y = ge.sum(a * b * c) * d
    return ge.Engine("numpy").trace(y, {a: float("nan"), b: 1.2345e-30, d: 2.0})


class Broken(ge.Primitive):
    """Fails when it is run."""

    name = "broken"

    def infer(self, x):
        return x

    def kernel(self, xp, x):
        raise RuntimeError("no more")

    def vjp(self, operation, cotangents, wanted):
        return cotangents


def stopped():
    x, y = ge.input("x"), ge.input("y")
    product = x * y
    try:
        ge.Engine("numpy").trace(Broken()(product) * 2, {x: 1, y: 2})
    except ge.RunError as error:
        return error.trace
    raise AssertionError("it must fail")


def on_numpy(output, feeds):
    return ge.Engine("numpy").trace(output, feeds)


NAMES = ["<script>alert(1)</script>", "a\"b'c", "😀🎉", "שלום עולם", "x" * 300, "a\nb\tc", "]]>&amp;", "@FILM@"]
NAMES += ["%s{0}", "a.b.c", "_", "^", "\\frac{"]


def all_names():
    inputs = [ge.input(name) for name in NAMES]
    product = inputs[0]
    for other in inputs[1:]:
        product = product * other
    return on_numpy(product, dict.fromkeys(inputs, 1.5))


def number(value, dtype="float64"):
    x, y = ge.input("x", (), dtype), ge.input("y", (1,), dtype)
    return on_numpy(ge.sum(x * y * y), {x: value, y: [value]})


def tensor(values):
    x = ge.input("x", np.shape(values), "float64")
    return on_numpy(ge.sum(x * x), {x: values})


def not_finite():
    values = np.arange(20.0).reshape(4, 5) * 1e-300
    values[0, 0], values[1, 1], values[2, 2], values[3, 3] = np.nan, np.inf, -1e300, -0.0
    return tensor(values)


def used_often(times=20):
    x = product = ge.input("x")
    for _ in range(times - 1):
        product = product * x
    return on_numpy(product, {x: -1.1})


def many_inputs():
    inputs = [ge.input(f"x{number}", (2,)) for number in range(12)]
    joined = ge.concat(inputs)
    return on_numpy(ge.sum(joined * joined), {x: [number, 1] for number, x in enumerate(inputs)})


def many_outputs():
    x = ge.input("x", (6,))
    first, second, third = ge.split(x, 3)
    return on_numpy(ge.sum(first * second) + ge.sum(third), {x: np.arange(6)})


def mixed_kinds():
    x, i = ge.input("x", (8,)), ge.input("i", (3,), "int64")
    kept = ge.where(x > 0.5, x, 0.0)
    return on_numpy(ge.sum(kept) + ge.sum(ge.astype(i, "float32")), {x: np.arange(8), i: [1, -2, 3]})


def gradient_of_gradient():
    x = ge.input("x", (3,))
    gradient = ge.grad(ge.sum(ge.sin(x) * x), x)
    return on_numpy(ge.sum(ge.grad(ge.sum(gradient * gradient), x)), {x: [0.5, 1, 2]})


def with_momentum():
    w, m = ge.parameter("w", [1.0, 2.0]), ge.parameter("m", [0.0, 0.0], trainable=False)
    loss = ge.sum(w * w)
    new = m * 0.9 + ge.grad(loss, w)
    return ge.Engine("numpy").compile([], loss, updates={w: w - 0.1 * new, m: new}).trace()


def two_losses():
    x = ge.input("x")
    return on_numpy([x * x, ge.sin(x)], {x: 2.0})


def only_constants():
    return on_numpy(ge.constant([1.0, 2.0]) * 3.0 + ge.constant([2.0, 2.0]), {})


def used_twice():
    x, w = ge.input("x", (2, 3)), ge.parameter("w", [[0.1, 0.2, 0.3], [0.3, -0.4, 0.5], [1, 2, 3]])
    h = ge.tanh(x @ w)
    return on_numpy(ge.mean(ge.square(ge.tanh(h @ w) + h)), {x: [[1.0, 2, 3], [0, 1, -1]]})


def odd_scopes():
    with ge.scope("<b>&"):
        x = ge.input("x")
        y = ge.sin(x * x)
    with ge.scope("a scope of a very long name " * 4):
        z = ge.exp(y) * y
    return on_numpy(z, {x: 0.3})


def lone():
    x = ge.input("x", (9,))
    return on_numpy(x, {x: np.arange(9)})


ODD_RUNS = {
    "names": all_names, "empty": lambda: tensor(np.zeros((0, 3))), "not_finite": not_finite,
    "all_nan": lambda: tensor(np.full((4, 5), np.nan)), "mixed_kinds": mixed_kinds, "used_often": used_often,
    "many_inputs": many_inputs, "many_outputs": many_outputs, "gradient_of_gradient": gradient_of_gradient,
    "with_momentum": with_momentum, "two_losses": two_losses, "only_constants": only_constants,
    "used_twice": used_twice, "odd_scopes": odd_scopes, "lone": lone,
    **{f"number {value}": functools.partial(number, value) for value in (np.nan, np.inf, -0.0, 1e-300, 1e300)},
}  # fmt: skip
RUNS = {"lecture": lecture, "fan_out": fan_out, "perceptron": perceptron, "odd_names": odd_names, "stopped": stopped}


def parsed(svg):
    return ET.fromstring(svg)


def variables(svg):
    """Read the drawn variables: name -> attributes."""
    return {e.get("data-variable"): e for e in parsed(svg).iter() if e.get("data-variable") is not None}


def operations(svg):
    return {e.get("data-operation"): e for e in parsed(svg).iter() if e.get("data-operation") is not None}


def text(element):
    """Read what an element shows, without what it shows on hover only."""
    if element.tag in (SVG + "title", SVG + "desc"):
        return ""
    inner = [element.text or ""]
    for child in element:
        inner += [text(child), child.tail or ""]
    return re.sub(r"\s+", " ", "".join(inner)).replace("\u2212", "-")
