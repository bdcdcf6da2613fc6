"""Find where the gradient dies: a training that stands still; the debugger names the layer and the step.

Four layers of ReLUs are to read digits; after a few steps the loss does not change any more. No number is NaN, and
nobody reports anything. The debugger, attached to the step, stops where the gradient of the first layer is zero
altogether. Look at what `why` answers: a layer all of whose ReLUs are dead; and at the flight recorder, which shows the
iteration before, whose update was larger than the weights themselves. A smaller learning rate is tried at the end.

Run it:      graph-engine demo find_dead_gradient
Ask it:      graph-engine why out/find_dead_gradient/flight layer1.weight
"""

import numpy as np

import graph_engine as ge
import graph_engine_viz as viz
from graph_engine.gallery import Show, run
from graph_engine_viz import plots
from graph_engine_viz.debugger import Stopped, attach, complete

images = ge.input("images", ("batch", 64))
labels = ge.input("labels", "batch", "int64")
layers = [ge.nn.Linear(64 if i == 0 else 32, 10 if i == 3 else 32, seed=i, name=f"layer{i + 1}") for i in range(4)]
hidden = [images]
for layer in layers[:-1]:
    hidden.append(ge.nn.relu(layer(hidden[-1])))
logits = layers[-1](hidden[-1])
loss = ge.nn.cross_entropy(logits, labels)
accuracy = ge.nn.accuracy(logits, labels)
first = layers[0].weight
RELUS = [ge.Graph(loss).name_of(h) for h in hidden[1:]]


def load() -> list[tuple[np.ndarray, ...]]:
    """Return images as they are stored, from 0 to 16, and their labels."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    return ge.data.split(digits.data, digits.target, fractions=(0.8, 0.2))


def train(show: Show, rate: float, data: object, **watching: object) -> tuple[ge.Engine, object]:
    """Train with the debugger attached to the step; return the engine and the attached step."""
    engine = show.engine()
    step = engine.compile([images, labels], loss, updates=ge.optim.SGD(rate).minimize(loss))
    watched = attach(step, watch="grad.zeros == 1", of=first, record=8, **watching)
    for _ in range(show.pick(20, quick=10)):
        for batch in data:
            watched(*batch)
    return engine, watched


def fail(show: Show, data: object) -> Stopped:
    """Train until the watchpoint stops it; the last eight iterations are written to files."""
    try:
        train(show, 1.0, data, folder=show.folder / "flight")
    except Stopped as stopped:
        return stopped
    raise AssertionError("the gradient was expected to die")


def main(show: Show) -> None:
    learned, held_out = load()
    data = ge.data.batches(*learned, batch_size=32)
    stopped = fail(show, data)
    session = stopped.session
    answer = session.why(first, of="grad")
    show.say(f"stopped at {stopped.message}\n{answer}")
    show.criterion("iterations before it died", stopped.iteration, above=0)
    show.criterion("why names a ReLU", answer.operation.primitive.name == "relu", above=0.5)

    # The flight recorder's files, as another machine would see them.
    files = sorted((show.folder / "flight").glob("*.safetensors"))
    flights = [complete(ge.Trace.load(path), session.backend) for path in files]
    weight, new = flights[-2].value(first.name), flights[-2].updated(first.name)
    change = np.linalg.norm(new - weight) / np.linalg.norm(weight)
    show.criterion("the update of layer 1 before that, over its weights", change, above=0.5)
    iterations = range(stopped.iteration + 1 - len(flights), stopped.iteration + 1)
    alive = {f"layer {i + 1}": [np.mean(each.value(name) > 0) for each in flights] for i, name in enumerate(RELUS)}
    figure = plots.lines(alive, x=iterations, xlabel="iteration", ylabel="share of active ReLUs")
    show.save("alive.png", figure, "From the flight recorder: the ReLUs above 0 in each layer, until layer 1 is dead.")

    session.run_to(answer.operation)
    show.save("step.svg", viz.draw(session.trace, step=session.place.last), "The session, run to the dead ReLU.")
    show.save("session.html", session, "The debugger, standing there: every value and gradient of that iteration.")

    engine, _ = train(show, 0.02, data)
    reached = engine.run(accuracy, {images: held_out[0], labels: held_out[1]})
    show.criterion("accuracy on digits held out, at a smaller rate", reached, above=0.9)


if __name__ == "__main__":
    run(main)
