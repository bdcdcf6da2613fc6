"""Learning curves: how to read them, from underfitting to a momentum that is too large.

Two curves tell most of what goes wrong: the loss on the data trained on, and on data held out. Are both high? Then the
network is too small, or the rate too low. Do they part? Then it learns by heart, or the two sets of data differ. Do
they jump? Then the steps are too large. Each picture here is a training on handwritten digits that was spoilt on
purpose in one way. Look at the last figure, too: a batch 16 times as large wants a larger learning rate.

Run it:      graph-engine demo learning_curves
"""

import numpy as np

import graph_engine as ge
import graph_engine_viz as viz
from graph_engine.gallery import Show, run
from graph_engine_viz import plots

images = ge.input("images", ("batch", 64))
labels = ge.input("labels", "batch", "int64")
Samples = tuple[np.ndarray, np.ndarray]


def declare(hidden: int) -> ge.Variable:
    net = ge.nn.Sequential(ge.nn.Linear(64, hidden), ge.nn.ReLU(), ge.nn.Linear(hidden, 10))
    return ge.nn.cross_entropy(net(images), labels)


def train(
    show: Show, seen: Samples, new: Samples, hidden: int = 32, rule: ge.optim.Optimizer | None = None,
    batch_size: int = 32, epochs: int = 30, callbacks: tuple = (),
) -> ge.training.History:  # fmt: skip
    """Train a network with so many hidden units on what it sees; measure the loss on what is new to it."""
    loss, engine = declare(hidden), show.engine()
    updates = (rule or ge.optim.SGD(0.1)).minimize(loss)
    return ge.train(
        engine.compile([images, labels], loss, updates=updates),
        ge.data.batches(*seen, batch_size=batch_size), show.pick(epochs, quick=epochs // 2), callbacks=callbacks,
        validation=ge.training.Evaluation(engine, [images, labels], {"loss": loss}, [new]),
    )  # fmt: skip


def load() -> Samples:
    from sklearn.datasets import load_digits

    digits = load_digits()
    return digits.data / 16, digits.target


def spoil(show: Show, data: Samples) -> dict[str, tuple[ge.training.History, str]]:
    """Return trainings, one that is right and others that are not, each with what one reads in it."""
    seen, new = ge.data.split(*data, fractions=(0.7, 0.3))
    few = seen[0][:40], seen[1][:40]
    young = data[1] < 7  # the digits 0 to 6: what a split that is not drawn at random may hold
    only, rest = ge.data.split(data[0][young], data[1][young], fractions=(0.8, 0.2))
    other = np.concatenate([rest[0], data[0][~young][:100]]), np.concatenate([rest[1], data[1][~young][:100]])
    show.folder.mkdir(parents=True, exist_ok=True)
    live = ge.training.LiveCurves(show.folder / "live.svg", every=3)  # grows while the network is trained
    watch = (live, ge.training.EarlyStopping("loss", patience=5))
    return {
        "About right": (train(show, seen, new), "Both fall and stay together: go on."),
        "Underfitting": (train(show, seen, new, hidden=2),
                         "Both stay high: two units, too few."),
        "Overfitting": (train(show, few, new, 256, ge.optim.Adam(0.01), 16, 60),
                        "256 hidden units learn 40 images by heart; the held-out loss turns."),
        "Early stopping": (train(show, few, new, 256, ge.optim.Adam(0.01), 16, 60, watch),
                           "Ended after 5 epochs without a gain; the ring's weights are kept."),
        "Unrepresentative split": (train(show, only, other),
                                   "Far apart: only the data held out have the digits 7, 8 and 9."),
        "Momentum too large": (train(show, seen, new, rule=ge.optim.SGD(0.1, momentum=0.98)),
                               "Up and down: it adds up 50 gradients, and overshoots again and again."),
    }  # fmt: skip


def main(show: Show) -> None:
    data = load()
    trainings = spoil(show, data)
    curves = {name: (history.train["loss"], history.validation["loss"]) for name, (history, _) in trainings.items()}
    figure = plots.learning_curves(curves, [sentence for _, sentence in trainings.values()], ylim=(0, 2.7))
    show.save("curves.png", figure, "Six trainings, and what one reads in their curves.")
    stopped = trainings["Early stopping"][0]
    show.save("live.svg", stopped.plot(), "The live plot of the fourth, as it stood at the end.")
    last = {name: (seen[-1], new[-1]) for name, (seen, new) in curves.items()}
    show.criterion("about right: held-out loss at the end", last["About right"][1], below=show.pick(0.15, quick=0.3))
    show.criterion("underfitting: training loss at the end", last["Underfitting"][0], above=0.8)
    turned = last["Overfitting"][1] / min(curves["Overfitting"][1])
    show.criterion("overfitting: held-out loss at the end, over its least", turned, above=1.1)
    saved = len(curves["Early stopping"][0]) / len(curves["Overfitting"][0])
    show.criterion("early stopping: part of the epochs that it needed", saved, below=0.7)
    apart = last["Unrepresentative split"][1] - last["Unrepresentative split"][0]
    show.criterion("unrepresentative split: how far the losses are apart", apart, above=1)
    show.criterion("momentum too large: least held-out loss", min(curves["Momentum too large"][1]), above=0.4)

    seen, new = ge.data.split(*data, fractions=(0.7, 0.3))
    sizes = {"8 at a time, rate 0.05": (8, 0.05), "128, rate 0.05": (128, 0.05), "128, rate 0.8": (128, 0.8)}
    held_out = {name: train(show, seen, new, rule=ge.optim.SGD(lr), batch_size=size, epochs=20).validation["loss"]
                for name, (size, lr) in sizes.items()}  # fmt: skip
    small, slow, scaled = (values[-1] for values in held_out.values())
    show.criterion("batches 16 times as large, same rate: loss over that of small ones", slow / small, above=2)
    show.criterion("rate 16 times as large, too: the same", scaled / small, below=1.5)
    picture = plots.lines(held_out, ylabel="held-out loss", title="Batch size and learning rate belong together")
    show.save("batches.png", picture, "16 times fewer steps an epoch are made up for by steps 16 times as long.")

    loss = declare(32)
    trace = show.engine().compile([images, labels], loss, updates=ge.optim.SGD(0.1).minimize(loss)).trace(
        *(array[:32] for array in seen))  # fmt: skip
    show.save("step.svg", viz.draw(trace), "One step of the training that is about right.")
    show.save("step.html", viz.steps(trace), "The same, operation by operation.")


if __name__ == "__main__":
    run(main)
