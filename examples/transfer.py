"""Transfer learning: what a network has learned about some digits helps it to learn others from few examples.

A network learns to tell the digits 0 to 4 apart. Then its last layer, the head, is replaced by a new one for the digits
5 to 9, of which there are twenty examples each. Frozen, the layers below keep every bit, and the head alone learns;
with fine-tuning all layers go on learning. Look at how early both reach what a network that begins anew reaches late.

Run it:      graph-engine demo transfer
"""

import numpy as np

import graph_engine as ge
import graph_engine_viz as viz
from graph_engine.gallery import Show, run
from graph_engine_viz import plots

GOAL = 0.8  # the accuracy that is to be reached early
images, labels = ge.input("images", ("batch", 1, 8, 8)), ge.input("labels", "batch", "int64")

net = ge.nn.Sequential(
    body=ge.nn.Sequential(
        conv1=ge.nn.Conv2d(1, 8, 3, padding=1), act1=ge.nn.ReLU(),
        conv2=ge.nn.Conv2d(8, 8, 3, padding=1), act2=ge.nn.ReLU(), pool1=ge.nn.MaxPool2d(2),
        conv3=ge.nn.Conv2d(8, 16, 3, padding=1), act3=ge.nn.ReLU(),
        conv4=ge.nn.Conv2d(16, 16, 3, padding=1), act4=ge.nn.ReLU(), pool2=ge.nn.MaxPool2d(2), flat=ge.nn.Flatten(),
    ),
    head=ge.nn.Linear(16 * 2 * 2, 5),
)  # fmt: skip


def load() -> tuple[list, list]:
    """Return the digits 0 to 4, and 5 to 9 as classes 0 to 4: each as what to train on, and what is held out."""
    from sklearn.datasets import load_digits

    pixels, digits = load_digits(return_X_y=True)
    pixels, late = pixels.reshape(-1, 1, 8, 8) / 16, digits >= 5
    few = 100 / np.count_nonzero(late)
    early = ge.data.split(pixels[~late], digits[~late], fractions=(0.8, 0.2))
    return early, ge.data.split(pixels[late], digits[late] - 5, fractions=(few, 1 - few), stratify=digits[late])


def declare_step(engine: ge.Engine, parameters: list | None = None) -> ge.CompiledStep:
    """Declare a training step that updates these parameters, or all."""
    loss = ge.nn.cross_entropy(net(images), labels)
    return engine.compile([images, labels], loss, updates=ge.optim.Adam(3e-3).minimize(loss, parameters))


def learn(engine: ge.Engine, data: list, batch_size: int, epochs: int, parameters: list | None = None) -> list[float]:
    """Train, and return the accuracy on what is held out after each epoch."""
    train_data, held_out = data
    accuracy = ge.nn.accuracy(net(images), labels)
    validation = ge.training.Evaluation(engine, [images, labels], {"accuracy": accuracy}, [held_out])
    batches = ge.data.batches(*train_data, batch_size=batch_size)
    return ge.train(declare_step(engine, parameters), batches, epochs, validation=validation).validation["accuracy"]


def begin(show: Show, values: dict) -> ge.Engine:
    """Return an engine in which the parameters have these values."""
    engine = show.engine()
    for parameter, value in values.items():
        engine.set_value(parameter, value)
    return engine


def main(show: Show) -> None:
    early, late = load()
    engine = show.engine()
    reached = learn(engine, early, 32, epochs=show.pick(10, quick=4))
    show.criterion("digits 0 to 4: accuracy held out", reached[-1], above=0.9)
    learned = {parameter: np.asarray(engine.value(parameter)) for parameter in net.body.parameters()}

    net.head = ge.nn.Linear(16 * 2 * 2, 5)
    frozen, epochs = begin(show, learned), show.pick(15, quick=9)
    curves = {
        "fine-tuned": learn(begin(show, learned), late, 10, epochs),
        "frozen but for the head": learn(frozen, late, 10, epochs, net.head.parameters()),
        "from scratch": learn(show.engine(), late, 10, epochs),
    }
    picture = plots.lines(curves, ylabel="accuracy on digits held out", bound=GOAL, bound_name=f"{GOAL:.0%}")
    show.save("curves.png", picture, "The digits 5 to 9, from a hundred examples: what is known already helps.")
    needed = {name: 1 + int(np.argmax(np.array(curve) >= GOAL)) for name, curve in curves.items()}
    show.say(f"epochs to an accuracy of {GOAL:.0%}: " + ", ".join(f"{name} {n}" for name, n in needed.items()))
    show.criterion("from scratch: accuracy at its best", max(curves["from scratch"]), above=GOAL)
    show.criterion("fine-tuned: share of the epochs needed", needed["fine-tuned"] / needed["from scratch"], below=0.5)
    share = needed["frozen but for the head"] / needed["from scratch"]
    show.criterion("frozen but for the head: the same", share, below=1)
    changed = sum(np.asarray(frozen.value(p)).tobytes() != value.tobytes() for p, value in learned.items())
    show.criterion("frozen parameters of which a bit has changed", changed, below=1)

    trace = declare_step(begin(show, learned), net.head.parameters()).trace(*(array[:10] for array in late[0]))
    picture, page = (make(trace, collapse=["net.body"]) for make in (viz.draw, viz.steps))
    show.save("transfer.svg", picture, "A step with all frozen but the head: no gradient goes further down.")
    show.save("transfer.html", page, "That step: only the weight and the bias of the head are updated.")


if __name__ == "__main__":
    run(main)
