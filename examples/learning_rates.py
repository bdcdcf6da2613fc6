"""Learning rates: too low, right, too high; a sweep over log-spaced values; schedules that lower it on the way.

The learning rate is the number to choose first. Too low wastes steps, too high jumps over the valley, and far too high
leaves it for good. A sweep trains briefly with each of several rates, evenly spaced on a logarithmic scale, from the
same start. Small batches tremble, and with a constant rate the loss stays above its optimum by what the rate lets
through: schedules begin high, to get far, and end low, to settle.

Run it:      graph-engine demo learning_rates
"""

import numpy as np

import graph_engine as ge
import graph_engine_viz as viz
from graph_engine.gallery import Show, run
from graph_engine.optim import schedules
from graph_engine_viz import plots

w = ge.parameter("w", -1.5, dtype="float64")
bowl = ge.square(w)  # its slope is 2 w, a step is w <- (1 - 2 lr) w: beyond lr = 1 it grows

EPOCHS, HIGH = 40, 0.05
rate = ge.parameter("rate", HIGH, trainable=False)
images, labels = ge.input("images", ("batch", 64)), ge.input("labels", "batch", "int64")
net = ge.nn.Sequential(ge.nn.Linear(64, 32), ge.nn.ReLU(), ge.nn.Linear(32, 10))
loss = ge.nn.cross_entropy(net(images), labels)

features, progress = ge.input("features", ("patients", 10)), ge.input("progress", ("patients", 1))
error = ge.nn.mse_loss(ge.nn.Linear(10, 1, name="line")(features), progress)

SCHEDULES = {
    "constant": schedules.constant(HIGH),
    "step": schedules.step(HIGH, 13, gamma=0.2),
    "exponential": schedules.exponential(HIGH, 0.9),
    "cosine": schedules.cosine(HIGH, EPOCHS),
    "warm-up, cosine": schedules.sequence([schedules.linear_warmup(5, HIGH, 0.1), schedules.cosine(HIGH, 35)], [5]),
}


def one_parameter(show: Show) -> None:
    curves, left = {}, {}
    for title, lr in {"too low": 0.03, "right": 0.3, "too high": 0.95, "diverges": 1.03}.items():
        engine = show.engine()
        step = engine.compile([], bowl, updates=ge.optim.SGD(lr).minimize(bowl))
        path = [-1.5]
        for _ in range(12):
            step()
            path.append(float(engine.value(w)))
        curves[f"{title}: {lr}"], left[title] = np.array(path), abs(path[-1])
    show.criterion("one parameter: how far the right rate is from the optimum", left.pop("right"), below=1e-4)
    show.criterion("one parameter: how far the nearest other is", min(left.values()), above=0.3)
    steps = plots.descents(lambda w: w**2, curves, (-2.3, 2.3))
    show.save("steps.png", steps, "Twelve steps down w²: creeping, arriving, jumping from wall to wall, leaving.")


def sweep(show: Show) -> None:
    from sklearn.datasets import load_digits

    digits = load_digits()
    data = digits.data / 16, digits.target
    step = show.engine().compile([images, labels], loss, updates=ge.optim.SGD(rate).minimize(loss))
    epochs = show.pick(3, quick=1)
    batches = ge.data.batches(*data, batch_size=32)
    found = ge.training.learning_rate_sweep(step, rate, batches, low=1e-4, high=10, count=11, epochs=epochs)
    show.say(str(found))
    show.criterion("sweep: the best rate from 0.0001 to 10", found.best, above=0.05, below=2)
    worse = min(found.losses[0], found.losses[-1]) / min(found.losses)
    show.criterion("sweep: loss of the lowest and the highest rate over the least", worse, above=1.5)
    swept = plots.rate_sweep(found.rates, found.losses, f"Loss reached in {epochs} epochs, by learning rate")
    show.save("sweep.png", swept, "Too low: nothing learnt yet. Too high: nothing learnt at all. The best in between.")
    trace = step.trace(*(array[:16] for array in data))
    show.save("step.svg", viz.draw(trace), "One step of the network that is trained with each rate.")
    show.save("step.html", viz.steps(trace), "That step; at its end, each update multiplies its gradient by the rate.")


def fit_line(show: Show, data, schedule=None, callbacks=()) -> dict[str, np.ndarray]:
    """Fit a line, four patients at a time, with a schedule or with `rate`; return what there is after each epoch."""
    engine, batches = show.engine(), ge.data.batches(*data, batch_size=4)
    lr = rate if schedule is None else lambda step: schedule(ge.floor(step / len(batches)))  # epoch by epoch
    step = engine.compile([features, progress], error, updates=ge.optim.SGD(lr).minimize(error))
    measure = ge.training.Evaluation(engine, [features, progress], {"loss": error, "rate": rate}, [data])
    history = ge.train(step, batches, EPOCHS, validation=measure, callbacks=callbacks)
    return {name: np.array(values) for name, values in history.validation.items()}


def scheduled(show: Show) -> None:
    """Compare the schedules, and a rule that lowers the rate whenever the loss does not fall any more."""
    from sklearn.datasets import load_diabetes

    x, y = (ge.data.standardize(array) for array in load_diabetes(return_X_y=True))
    data, optimum = (x, y[:, None]), np.linalg.lstsq(x, y)[1][0] / len(y)
    epochs, rates, above = ge.input("epochs", "n", "float64"), {}, {}
    for name, schedule in SCHEDULES.items():
        rates[name] = show.engine().run(schedule(epochs), {epochs: np.arange(EPOCHS)})
        above[name] = fit_line(show, data, schedule)["loss"] - optimum
    rule = ge.optim.ReduceLROnPlateau(rate, factor=0.3, patience=2)
    found = fit_line(show, data, callbacks=[ge.training.ReduceOnPlateau("loss", rule)])
    rates["on plateau"], above["on plateau"] = found["rate"], found["loss"] - optimum
    left = max(values[-1] for name, values in above.items() if name != "constant") / above["constant"][-10:].mean()
    show.criterion("schedules: what the worst leaves above the optimum, over constant's mean", left, below=0.5)
    drawn = plots.lines(rates, ylabel="learning rate")
    show.save("schedules.png", drawn, "The rate goes down: in steps, smoothly, or when the loss stands still.")
    settling = plots.lines(above, ylabel="loss above the optimum", log=True)
    show.save("settling.png", settling, "With a constant rate the loss trembles above the optimum; schedules settle.")


def main(show: Show) -> None:
    one_parameter(show)
    sweep(show)
    scheduled(show)


if __name__ == "__main__":
    run(main)
