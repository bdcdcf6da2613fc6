"""Runs that the tests of the pictures look at, and ways to read a picture."""

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
