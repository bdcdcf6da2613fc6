"""Trainings that the tests run, whole and interrupted: dropout, noise, momentum, statistics of batches."""

import numpy as np

import graph_engine as ge
from graph_engine.training import Callback


def momentum(loss, lr=0.1, factor=0.9):
    """Return the updates of gradient descent with momentum, by hand."""
    weights = [p for p in ge.Graph(loss).parameters if p.trainable]
    updates = {}
    for weight, gradient in zip(weights, ge.grad(loss, weights), strict=True):
        velocity = ge.parameter(f"{weight.name}.velocity", np.zeros_like(weight.data), trainable=False)
        updates[velocity] = factor * velocity + gradient
        updates[weight] = weight - lr * updates[velocity]
    return updates


class Model:
    """A small classifier of points in the plane, with random steps and a learning rate that can change."""

    def __init__(self, hidden=8, batch_size=16, augmented=False):
        self.points, self.labels = ge.input("points", ("batch", 2)), ge.input("labels", "batch", "int64")
        self.lr = ge.parameter("lr", 0.1, trainable=False)
        self.engine = ge.Engine("numpy", seed=4)
        first, second = ge.nn.Linear(2, hidden, seed=0), ge.nn.Linear(hidden, 2, seed=1)
        with ge.nn.training(seed=5) as mode:
            hidden_values = ge.tanh(first(self.points))
            dropped = hidden_values * ge.astype(ge.random.uniform(mode.key(), (hidden,)) > 0.3, "float32")
            loss = ge.nn.cross_entropy(second(dropped), self.labels)
        logits = second(ge.tanh(first(self.points)))
        self.loss = loss
        self.measured = {
            "loss": ge.nn.cross_entropy(logits, self.labels),
            "accuracy": ge.mean(ge.astype(ge.equal(ge.argmax(logits, axis=-1), self.labels), "float32")),
        }
        self.inputs = [self.points, self.labels]
        self.step = self.engine.compile(self.inputs, loss, updates=momentum(loss, self.lr) | mode.updates)
        self.data = ge.data.batches(*ge.data.toy.moons(100, seed=1), batch_size=batch_size, seed=7)
        held_out = ge.data.batches(*ge.data.toy.moons(50, seed=2), batch_size=20)
        self.validation = ge.training.Evaluation(self.engine, self.inputs, self.measured, held_out)

    def bits(self):
        """Return all parameters, to the bit."""
        return {p.name: self.engine.value(p).tobytes() for p in (*self.step.parameters,)}


class InterruptAt(Callback):
    """Break a training off after some steps."""

    def __init__(self, step, error=KeyboardInterrupt):
        self.step, self.error = step, error

    def on_step(self, run):
        if run.step == self.step:
            raise self.error


class Ask(Callback):
    """Keep what a run was at its end."""

    def on_end(self, run):
        self.run = run
