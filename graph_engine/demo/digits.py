"""The second half of the demonstration: a small network learns to read handwritten digits."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import graph_engine as ge
from graph_engine.demo.output import Output

ENOUGH = 0.95  # of the digits held out, read correctly
BATCH_SIZE = 32
LEARNING_RATE = 0.2


class Network:
    """The network as a graph: 64 pixels, 32 hidden units, 10 classes."""

    def __init__(self) -> None:
        images = ge.input("images", ("batch", 64))
        labels = ge.input("labels", "batch", "int64")
        fc1 = ge.nn.Linear(64, 32)
        fc2 = ge.nn.Linear(32, 10)
        hidden = ge.nn.relu(fc1(images))
        logits = fc2(hidden)
        loss = ge.nn.cross_entropy(logits, labels)
        accuracy = ge.mean(ge.astype(ge.equal(ge.argmax(logits, axis=-1), labels), "float32"))
        self.inputs = [images, labels]
        self.loss = loss
        self.accuracy = accuracy


def load_digits() -> list[tuple[Any, ...]]:
    """Return the images, with pixels from 0 to 1, and their labels: (training data, data held out)."""
    from sklearn import datasets

    digits = datasets.load_digits()
    return ge.data.split(digits.data / 16, digits.target, fractions=(0.8, 0.2))


class Training:
    """A network, the engine it is trained on, the data, and how far it has come."""

    def __init__(self, engine: ge.Engine) -> None:
        self.engine = engine
        self.network = Network()
        self.train_data, self.held_out_data = load_digits()
        self.batches = ge.data.batches(*self.train_data, batch_size=BATCH_SIZE)
        measured = {"loss": self.network.loss, "accuracy": self.network.accuracy}
        updates = ge.optim.SGD(LEARNING_RATE).minimize(self.network.loss)
        self.step = engine.compile(self.network.inputs, list(measured.values()), updates=updates)
        self.held_out = ge.training.Evaluation(engine, self.network.inputs, measured, [self.held_out_data])
        self.history = ge.training.History()

    def trace_step(self) -> ge.Trace:
        """Do one step of the training and keep everything that happens."""
        return self.step.trace(*(array[:BATCH_SIZE] for array in self.train_data))

    def run(self, epochs: int) -> None:
        """Train."""
        with logged_lines():
            self.history = ge.train(self.step, self.batches, epochs, validation=self.held_out)


@contextmanager
def logged_lines() -> Iterator[None]:
    """Show on the standard error stream what the training logs: this is a program, not a library."""
    logger, handler = logging.getLogger("graph_engine.training"), logging.StreamHandler(sys.stderr)
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)


def save_curves(history: ge.training.History, path: Any) -> None:
    """Write the learning curves, with the criterion."""
    figure = history.plot()
    accuracy = figure.axes[1]
    accuracy.axhline(ENOUGH, color="#666666", linewidth=1, linestyle=":")
    accuracy.annotate(
        f"criterion: above {ENOUGH:.0%}", (len(history) / 2, ENOUGH), (0, -4),
        textcoords="offset points", color="#666666", ha="center", va="top", fontsize=12,
    )  # fmt: skip
    figure.savefig(path, dpi=200)


def show(engine: ge.Engine, output: Output, epochs: int) -> bool:
    """Train the network, write the pictures, and return whether it reads enough of the digits held out."""
    training = Training(engine)
    seen, new = len(training.train_data[0]), len(training.held_out_data[0])
    print(f"\n2. Handwritten digits: a network 64-32-10 learns from {seen} images; {new} are held out")
    print(f"   Engine: {engine.backend.name} ({engine.backend.describe()})\n")
    trace = training.trace_step()
    training.run(epochs)
    accuracy = training.history.validation["accuracy"][-1]
    reached = accuracy > ENOUGH
    verdict = "reached" if reached else "NOT reached"
    print(f"Held-out accuracy {accuracy:.1%}; criterion: above {ENOUGH:.0%}: {verdict}")
    path = output.folder / "digits-curves.png"
    save_curves(training.history, path)
    output.add(path, "how loss and accuracy went during the training")
    draw, steps = output.pictures.draw, output.pictures.steps
    output.save(draw(trace), "digits-step.svg", "the first training step: forward, backward, update, in one picture")
    output.save(steps(trace), "digits-step.html", "the same, step by step: a page for the browser")
    return reached
