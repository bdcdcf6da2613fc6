"""Graphs, runs and engines that the tests of files write and read."""

import numpy as np

import graph_engine as ge


def lecture():
    x, y, z = ge.input("x"), ge.input("y"), ge.input("z")
    w = x + y
    f = w * z
    return f, {"x": -2, "y": 5, "z": -4}


def perceptron(hidden=4):
    """Return the loss of a small network with a named dimension, and a batch."""
    random = np.random.default_rng(0)
    images, targets = ge.input("images", ("batch", 3), tex="X"), ge.input("targets", ("batch", 2))
    with ge.scope("net"):
        weight = ge.parameter("weight", random.normal(size=(3, hidden)).astype("float32"), tex="W^{1}")
        with ge.scope("head"):
            head = ge.parameter("weight", random.normal(size=(hidden, 2)).astype("float32"))
            frozen = ge.parameter("bias", np.zeros(2, "float32"), trainable=False)
        hidden_values = ge.tanh(images @ weight).named("h", tex="h_1")
        error = hidden_values @ head + frozen - targets
    loss = ge.mean(error * error)
    feeds = {"images": random.normal(size=(5, 3)), "targets": random.normal(size=(5, 2))}
    return loss, feeds


def training_step(engine, loss):
    graph = ge.Graph(loss)
    updates = ge.optim.SGD(0.1).minimize(loss)
    return engine.compile(graph.inputs, loss, updates=updates)


def same(one, other):
    """Whether two arrays are the same bit for bit."""
    one, other = np.asarray(one), np.asarray(other)
    return (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())
