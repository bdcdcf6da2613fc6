"""The second half of the demonstration: a small network learns to read handwritten digits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import graph_engine as ge
from graph_engine.demo.curves import save_curves
from graph_engine.demo.output import Output
from graph_engine.demo.progress import Progress

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


@dataclass
class Curve:
    """Loss and accuracy on some data, epoch by epoch; the first before any training."""

    loss: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)


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
        updates = ge.optim.SGD(LEARNING_RATE).minimize(self.network.loss)
        self.step = engine.compile(self.network.inputs, self.network.loss, updates=updates)
        self.train, self.held_out = Curve(), Curve()

    def trace_step(self) -> ge.Trace:
        """Do one step of the training and keep everything that happens."""
        return self.step.trace(*(array[:BATCH_SIZE] for array in self.train_data))

    def run(self, epochs: int) -> None:
        """Train."""
        self.measure()
        with Progress(epochs, len(self.batches)) as progress:
            for _ in range(epochs):
                for images, labels in self.batches:
                    self.step(images, labels)
                    progress.advance()
                self.measure()
                progress.end_epoch(self.held_out.loss[-1], self.held_out.accuracy[-1])

    def measure(self) -> None:
        """Note loss and accuracy, as the engine computes them."""
        outputs = [self.network.loss, self.network.accuracy]
        for curve, data in ((self.train, self.train_data), (self.held_out, self.held_out_data)):
            feeds = dict(zip(self.network.inputs, data, strict=True))
            loss, accuracy = map(self.engine.backend.to_numpy, self.engine.run(outputs, feeds))
            curve.loss.append(float(loss))
            curve.accuracy.append(float(accuracy))


def show(engine: ge.Engine, output: Output, epochs: int) -> bool:
    """Train the network, write the pictures, and return whether it reads enough of the digits held out."""
    training = Training(engine)
    seen, new = len(training.train_data[0]), len(training.held_out_data[0])
    print(f"\n2. Handwritten digits: a network 64-32-10 learns from {seen} images; {new} are held out")
    print(f"   Engine: {engine.backend.name} ({engine.backend.describe()})\n")
    trace = training.trace_step()
    training.run(epochs)
    accuracy = training.held_out.accuracy[-1]
    reached = accuracy > ENOUGH
    verdict = "reached" if reached else "NOT reached"
    print(f"Held-out accuracy {accuracy:.1%}; criterion: above {ENOUGH:.0%}: {verdict}")
    path = output.folder / "digits-curves.png"
    save_curves(training.train, training.held_out, ENOUGH, path)
    output.add(path, "how loss and accuracy went during the training")
    draw, steps = output.pictures.draw, output.pictures.steps
    output.save(draw(trace), "digits-step.svg", "the first training step: forward, backward, update, in one picture")
    output.save(steps(trace), "digits-step.html", "the same, step by step: a page for the browser")
    return reached
