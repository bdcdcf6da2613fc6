"""Transfer learning: what a network has learned about some digits helps it to learn others from few examples.

A network learns to tell the digits 0 to 4 apart. Then its last layer, the head, is replaced by a new one for the digits
5 to 9, of which there are ten examples each. Frozen, the layers below keep every bit, and the head alone learns; with
fine-tuning all layers go on learning. Look at how early both reach what a network that begins anew reaches late.

Run it:      graph-engine demo transfer
"""

import numpy as np

import graph_engine as ge
import graph_engine_viz as viz
from graph_engine.gallery import Show, run
from graph_engine_viz import plots

GOAL = 0.85  # the accuracy that is to be reached
images, labels = ge.input("images", ("batch", 1, 8, 8)), ge.input("labels", "batch", "int64")

net = ge.nn.Sequential(
    body=ge.nn.Sequential(
        conv1=ge.nn.Conv2d(1, 8, 3, padding=1), act1=ge.nn.ReLU(), pool1=ge.nn.MaxPool2d(2),
        conv2=ge.nn.Conv2d(8, 16, 3, padding=1), act2=ge.nn.ReLU(), pool2=ge.nn.MaxPool2d(2), flat=ge.nn.Flatten(),
    ),
    head=ge.nn.Linear(16 * 2 * 2, 5),
)  # fmt: skip


def load() -> tuple[list, list]:
    """Return the digits 0 to 4, and 5 to 9 as classes 0 to 4: each as what to train on, and what is held out."""
    from sklearn.datasets import load_digits

    pixels, digits = load_digits(return_X_y=True)
    pixels, late = pixels.reshape(-1, 1, 8, 8) / 16, digits >= 5
    few = (50 / late.sum(), 1 - 50 / late.sum())
    return (ge.data.split(pixels[~late], digits[~late], fractions=(0.8, 0.2)),
            ge.data.split(pixels[late], digits[late] - 5, fractions=few, stratify=digits[late]))  # fmt: skip


def learn(engine: ge.Engine, data: list, epochs: int, only: list | None = None) -> tuple:
    """Train some parameters, or all; return the first step as a trace, and the accuracy held out after each epoch."""
    train_data, held_out = data
    logits = net(images)
    loss, accuracy = ge.nn.cross_entropy(logits, labels), ge.nn.accuracy(logits, labels)
    step = engine.compile([images, labels], loss, updates=ge.optim.Adam(3e-3).minimize(loss, only))
    trace = step.trace(*(array[:10] for array in train_data))
    validation = ge.training.Evaluation(engine, [images, labels], {"accuracy": accuracy}, [held_out])
    history = ge.train(step, ge.data.batches(*train_data, batch_size=10), epochs, validation=validation)
    return trace, history.validation["accuracy"]


def main(show: Show) -> None:
    early, late = load()
    first = show.engine()
    reached = learn(first, early, epochs=show.pick(8, 3))[1]
    show.criterion("digits 0 to 4: accuracy held out", reached[-1], above=0.95)
    learned = {parameter: np.asarray(first.value(parameter)) for parameter in net.body.parameters()}

    net.head = ge.nn.Linear(16 * 2 * 2, 5)
    traces, curves, engines = {}, {}, {}
    for name, only in (("from scratch", None), ("fine-tuned", None), ("frozen, new head", net.head.parameters())):
        engines[name]= engine = show.engine()
        for parameter, value in learned.items():
            if name != "from scratch":
                engine.set_value(parameter, value)
        traces[name], curves[name] = learn(engine, late, 20, only)
    for n,c in curves.items(): print(n, np.round(c,2))


if __name__ == "__main__":
    run(main)
