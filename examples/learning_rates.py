"""Learning rates: too low, right, too high; swept over log-spaced values; and schedules that change it on the way.

The learning rate is the number to choose first. Too low wastes steps, too high jumps over the valley, and far too high
leaves it for good. A sweep trains briefly with each of several rates, evenly spaced on a logarithmic scale, from the
same start: take one to the left of where the loss begins to rise. Then look at the schedules: a high rate gets far, a
low one settles.

Run it:      graph-engine demo learning_rates
"""

import numpy as np

import graph_engine as ge
import graph_engine_viz as viz
from graph_engine.gallery import Show, run
from graph_engine.optim import schedules
from graph_engine_viz import plots

w = ge.parameter("w", -1.5, dtype="float64")
bowl = ge.square(w)  # the slope is 2 w, so that w <- (1 - 2 lr) w: too high is lr > 1

images, labels = ge.input("images", ("batch", 64)), ge.input("labels", "batch", "int64")
rate = ge.parameter("rate", 0.1, trainable=False)
net = ge.nn.Sequential(ge.nn.Linear(64, 32), ge.nn.ReLU(), ge.nn.Linear(32, 10))
loss = ge.nn.cross_entropy(net(images), labels)

EPOCHS = 30
SCHEDULES = {
    "constant": schedules.constant(0.5),
    "step": schedules.step(0.5, 10, gamma=0.3),
    "exponential": schedules.exponential(0.5, 0.9),
    "cosine": schedules.cosine(0.5, EPOCHS),
    "warm-up, then cosine": schedules.sequence([schedules.linear_warmup(5, 0.5, 0.1), schedules.cosine(0.5, 25)], [5]),
}


def one_parameter(show: Show) -> None:
    curves, ends = {}, {}
    for title, lr in {"too low: 0.03": 0.03, "right: 0.3": 0.3, "too high: 0.95": 0.95, "diverges: 1.03": 1.03}.items():
        engine = show.engine()
        step = engine.compile([], bowl, updates=ge.optim.SGD(lr).minimize(bowl))
        path = [-1.5]
        for _ in range(12):
            step()
            path.append(float(engine.value(w)))
        curves[title], ends[lr] = np.array(path), abs(path[-1])
    show.criterion("one parameter: distance left by the right rate", ends[0.3], below=1e-4)
    others = min(left for lr, left in ends.items() if lr != 0.3)
    show.criterion("one parameter: least distance left by the others", others, above=0.3)
    show.save("steps.png", plots.descents(lambda w: w**2, curves, (-2.3, 2.3)),
              "Twelve steps down w²: creeping, arriving, jumping from wall to wall, leaving.")  # fmt: skip


def load() -> tuple[np.ndarray, ...]:
    from sklearn.datasets import load_digits

    digits = load_digits()
    return (digits.data / 16).astype("float32"), digits.target


def sweep(show: Show, data: tuple[np.ndarray, ...]) -> None:
    engine = show.engine()
    step = engine.compile([images, labels], loss, updates=ge.optim.SGD(rate).minimize(loss))
    batches = ge.data.batches(*data, batch_size=32)
    found = ge.training.learning_rate_sweep(
        step, rate, batches, low=1e-4, high=100, count=13, epochs=show.pick(3, quick=1)
    )
    show.say(str(found))
    show.criterion("sweep: the best of the rates from 0.0001 to 100", found.best, above=0.05, below=5)
    show.criterion("sweep: loss of the highest rate over the least", found.losses[-1] / min(found.losses), above=5)
    show.save("sweep.png", plots.rate_sweep(found.rates, found.losses), "The loss that each rate reaches.")
    trace = step.trace(*(array[:16] for array in data))
    show.save("step.svg", viz.draw(trace), "One step: the rate is a parameter of the graph, too, and can be set.")
    show.save("step.html", viz.steps(trace), "That step, operation by operation; the update at its end uses the rate.")


class Note(ge.training.Callback):
    """Note the rate of each epoch."""

    def __init__(self) -> None:
        self.rates: list[float] = []

    def on_epoch(self, run: ge.training.Run) -> None:
        self.rates.append(float(run.engine.value(rate)))


def train(show: Show, lr, data: tuple[np.ndarray, ...], *callbacks: ge.training.Callback) -> list[float]:
    engine = show.engine()
    engine.set_value(rate, 0.5)
    step = engine.compile([images, labels], loss, updates=ge.optim.SGD(lr).minimize(loss))
    batches = ge.data.batches(*data, batch_size=32)
    return ge.train(step, batches, show.pick(EPOCHS, quick=8), callbacks=callbacks).train["loss"]


def scheduled(show: Show, data: tuple[np.ndarray, ...]) -> None:
    """Train with each schedule; then let the rate fall whenever the loss has stopped falling."""
    batches, epochs = -(-len(data[0]) // 32), ge.input("epochs", "n", "float64")
    rates, losses = {}, {}
    for name, schedule in SCHEDULES.items():
        rates[name] = np.asarray(show.engine().run(schedule(epochs), {epochs: np.arange(EPOCHS)}))
        losses[name] = train(show, lambda t, schedule=schedule: schedule(ge.floor(t / batches)), data)
    falling = ge.optim.ReduceLROnPlateau(rate, factor=0.3, patience=1, threshold=0.2)
    note = Note()
    losses["on plateau"] = train(show, rate, data, note, ge.training.ReduceOnPlateau("loss", falling))
    rates["on plateau"] = note.rates
    highest = max(values[-1] for values in losses.values())
    show.criterion("schedules: the highest loss at the end", highest, below=show.pick(0.05, quick=0.3))
    show.save("schedules.png", plots.lines(rates, ylabel="learning rate"), "The rate by epoch.")
    show.save("scheduled.png", plots.lines(losses, ylabel="loss in training", log=True),
              "The loss by epoch, with each of these schedules.")  # fmt: skip


def main(show: Show) -> None:
    data = load()
    one_parameter(show)
    sweep(show, data)
    scheduled(show, data)


if __name__ == "__main__":
    run(main)
