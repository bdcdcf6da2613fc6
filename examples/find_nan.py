"""Find the NaN: a training that dies after some steps, and the debugger that says at which line it began.

A network reads digits. Its loss is written as on the slides, softmax and then the logarithm, and in half precision, to
be faster. It trains for a while; then a probability is so small that float16 has only 0 for it, its logarithm is -Inf,
and one update later every weight is NaN. The debugger, attached to the step, stops at the first bad iteration with the
weights still whole. Look at what `why` answers: the operation, the line, the numbers; and at the cure.

Run it:      graph-engine demo find_nan
Ask it:      graph-engine why out/find_nan/flight
"""

import numpy as np

import graph_engine as ge
import graph_engine_viz as viz
from graph_engine.gallery import Show, run
from graph_engine_viz.debugger import Stopped, attach

images = ge.input("images", ("batch", 64))
right = ge.input("right", ("batch", 10))  # one-hot
network = ge.nn.Sequential(ge.nn.Linear(64, 32, seed=0), ge.nn.ReLU(), ge.nn.Linear(32, 10, seed=1))
logits = network(images)

half = ge.astype(logits, "float16")
probabilities = ge.nn.softmax(half)
surprise = ge.log(probabilities)
loss = -ge.mean(ge.sum(right * surprise, axis=1))

cured = ge.nn.cross_entropy(logits, right)  # the same numbers, as one function of the logits
accuracy = ge.nn.accuracy(logits, ge.argmax(right, axis=1))


def load() -> list[tuple[np.ndarray, ...]]:
    """Return images as they are stored, from 0 to 16: somebody forgot to scale them."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    return ge.data.split(digits.data, ge.data.one_hot(digits.target, 10), fractions=(0.8, 0.2))


def train(show: Show, objective: ge.Variable, batches: ge.data.Batches, **watching: object) -> ge.Engine:
    """Train on what is given, with the debugger attached."""
    engine = show.engine()
    step = engine.compile([images, right], objective, updates=ge.optim.SGD(0.02).minimize(objective))
    watched = attach(step, watch="not isfinite", **watching)
    for _ in range(show.pick(10, quick=5)):
        for batch in batches:
            watched(*batch)
    return engine


def fail(show: Show, batches: ge.data.Batches) -> Stopped:
    """Train until the watchpoint stops it; the last three iterations are written to files."""
    try:
        train(show, loss, batches, folder=show.folder / "flight", record=3)
    except Stopped as stopped:
        return stopped
    raise AssertionError("the training was expected to fail")


def main(show: Show) -> None:
    learned, held_out = load()
    batches = ge.data.batches(*learned, batch_size=32)
    stopped = fail(show, batches)
    session = stopped.session
    answer = session.why()
    show.say(f"stopped at {stopped.message}\n{answer}")
    show.criterion("iterations before it failed", stopped.iteration, above=0)
    show.criterion("why names the line of the logarithm", answer.operation is surprise.operation, above=0.5)

    session.restart()
    session.run_to(surprise)
    show.save("step.svg", viz.draw(session.trace, step=session.place.last, collapse=["network"]),
              "The session, run to the logarithm: some of its elements are -Inf.")  # fmt: skip
    show.save("session.html", session, "The debugger, standing there: n jumps to where it began, ? shows the keys.")

    engine = train(show, cured, batches)
    reached = engine.run(accuracy, {images: held_out[0], right: held_out[1]})
    show.criterion("accuracy on digits held out, once it is cured", reached, above=0.9)


if __name__ == "__main__":
    run(main)
