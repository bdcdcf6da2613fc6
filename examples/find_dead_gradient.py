"""Find where the gradient dies: a training that stands still, and the debugger that names the layer and the step.

Four layers of ReLUs are to read digits; after a few steps the loss does not change any more. No number is NaN, and
nobody reports anything. The debugger, attached to the step, stops where the gradient of the first layer is zero
altogether. Look at what `why` answers: a layer all of whose ReLUs are dead; and at the flight recorder, which shows the
iteration before, whose update was larger than the weights themselves. A smaller learning rate is tried at the end.

Run it:      graph-engine demo find_dead_gradient
Ask it:      graph-engine why out/find_dead_gradient/flight/iteration-*.safetensors grad
"""

import numpy as np

import graph_engine as ge
import graph_engine_viz as viz
from graph_engine.gallery import Show, run
from graph_engine_viz import plots
from graph_engine_viz.debugger import Stopped, attach, why

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


def load() -> list[tuple[np.ndarray, ...]]:
    """Return images as they are stored, from 0 to 16, and their labels."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    return ge.data.split(digits.data, digits.target, fractions=(0.8, 0.2))


def train(show: Show, rate: float, data: object, **watching: object) -> tuple[ge.Engine, object]:
    """Train with the debugger attached to the step; return the engine and the attached step."""
    engine = show.engine()
    step = engine.compile([images, labels], loss, updates=ge.optim.SGD(rate).minimize(loss))
    watched = attach(step, watch="grad.zeros == 1", of=first, record=2, **watching)
    for _ in range(show.pick(12, quick=6)):
        for batch in data:
            watched(*batch)
    return engine, watched
