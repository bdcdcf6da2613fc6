"""Digits: a network 64-32-10 learns to read handwriting, and stops by itself before it overfits.

Trained on 1,438 small images, judged on 359 that it has never seen. The training loss goes on falling for as long as
one trains; the held-out loss turns, and early stopping returns to the epoch where it was least. Look at the digits
that it misreads: many a person would hesitate, too.

Run it:      graph-engine demo digits
Step it:     graph-engine steps examples/digits.py
"""

import numpy as np

import graph_engine as ge
import graph_engine_viz as viz
from graph_engine.gallery import Show, run
from graph_engine_viz import plots

images = ge.input("images", ("batch", 64))
labels = ge.input("labels", "batch", "int64")

fc1 = ge.nn.Linear(64, 32)
fc2 = ge.nn.Linear(32, 10)
hidden = ge.nn.relu(fc1(images))
logits = fc2(hidden)
loss = ge.nn.cross_entropy(logits, labels)
accuracy = ge.nn.accuracy(logits, labels)


def load() -> list[tuple[np.ndarray, ...]]:
    """Return the images and labels to train on, and those held out."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    return ge.data.split(digits.data / 16, digits.target, fractions=(0.8, 0.2))


train, held_out = load()
engine = ge.Engine("numpy")
updates = ge.optim.SGD(0.2, momentum=0.5).minimize(loss)
step = engine.compile([images, labels], loss, updates=updates)
feeds = {images: train[0][:32], labels: train[1][:32]}  # the training step that `graph-engine steps` shows


def main(show: Show) -> None:
    engine = show.engine()
    first = show.engine().compile([images, labels], loss, updates=updates).trace(*feeds.values())
    step = engine.compile([images, labels], [loss, accuracy], updates=updates)
    measured = {"loss": loss, "accuracy": accuracy}
    history = ge.train(
        step, ge.data.batches(*train, batch_size=32), epochs=show.pick(100, quick=25),
        validation=ge.training.Evaluation(engine, [images, labels], measured, [held_out]),
        callbacks=[ge.training.EarlyStopping("loss", patience=10)],
    )  # fmt: skip
    best = history.best_epoch("loss")
    show.say(f"{len(history)} epochs; the held-out loss was least after epoch {best}")

    scores = np.asarray(engine.run(logits, {images: held_out[0]}))  # with the weights of the best epoch
    read, true = scores.argmax(1), held_out[1]
    show.criterion("accuracy on images held out", np.mean(read == true), above=0.95)
    curves = history.plot()
    curves.axes[0].set_yscale("log")  # the end matters, where the loss is small
    show.save("curves.png", curves, "Held out, the loss (log scale) turns; the dotted line is the epoch that is kept.")

    counts = np.zeros((10, 10), int)
    np.add.at(counts, (true, read), 1)
    show.save("confusion.png", plots.confusion(counts, [str(digit) for digit in range(10)]),
              "How often each digit is read as each: nearly all stand on the diagonal.")  # fmt: skip
    wrong = np.flatnonzero(read != true)[:16]
    titles = [f"{true[i]}, read as {read[i]}" for i in wrong]
    misread = plots.images(held_out[0][wrong].reshape(-1, 8, 8), titles, columns=4)
    show.save("misread.png", misread, f"{np.sum(read != true)} of {len(true)} are misread: these.")

    show.save("step.svg", viz.draw(first), "The first training step: every value and every gradient of 32 images.")
    show.save("step.html", viz.steps(first), "That step, operation by operation: forward, backward, update.")


if __name__ == "__main__":
    run(main)
