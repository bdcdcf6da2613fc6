"""Regularisation: 300 digits, a fifth with wrong labels; what keeps a network from learning those by heart.

L2 and L1 pull weights towards zero, L1 all the way. Dropout switches units off at random, noise blurs the images,
augmentation turns them, batch normalisation makes each image depend a little on its batch (which helps
training more than it regularises). All of it is there in training only: the graph that reads new digits has none of it,
and dropout divides by 1 - p, so that what comes next sees the same values on average.

Run it:      graph-engine demo regularisation
"""

import numpy as np

import graph_engine as ge
import graph_engine_viz as viz
from graph_engine import nn
from graph_engine.gallery import Show, run
from graph_engine_viz import plots

images = ge.input("images", ("batch", 8, 8))
labels = ge.input("labels", "batch", "int64")
Samples = tuple[np.ndarray, np.ndarray]


def network(noise: float = 0.0, drop: float = 0.0, batch_norm: bool = False, hidden: int = 128) -> nn.Module:
    return nn.Sequential(
        flat=nn.Flatten(), noise=nn.GaussianNoise(noise), fc1=nn.Linear(64, hidden),
        norm=nn.BatchNorm1d(hidden) if batch_norm else nn.Identity(), act=nn.ReLU(),
        drop=nn.Dropout(drop), fc2=nn.Linear(hidden, 10), name="net",
    )  # fmt: skip


WAYS = {  # what the network has, what the optimiser adds, how images are changed
    "nothing": ({}, {}, []),
    "L2": ({}, {"weight_decay": 0.01}, []),
    "L1": ({}, {"l1": 0.002}, []),
    "dropout": ({"drop": 0.7}, {}, []),
    "noise": ({"noise": 0.5}, {}, []),
    "augmentation": ({}, {}, [ge.data.random_rotate(25)]),
    "batch normalisation": ({"batch_norm": True}, {}, []),
}


def load(seed: int) -> tuple[Samples, Samples]:
    """Return 300 digits, 60 of them with wrong labels, and all others with their true labels."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    (pictures, classes), held_out = ge.data.split(
        digits.images / 16, digits.target, fractions=(300 / 1797, 1497 / 1797), seed=seed, stratify=digits.target
    )
    rng = np.random.default_rng(seed)
    wrong = np.where(rng.permutation(300) < 60, rng.integers(1, 10, 300), 0)
    return (pictures, (classes + wrong) % 10), held_out


def train(show: Show, way: str, seed: int) -> tuple[ge.training.History, list[np.ndarray]]:
    """Train in one way; return its history and the weights at the end."""
    layers, penalties, changes = WAYS[way]
    seen, held_out = load(seed)
    net, engine = network(**layers), show.engine()
    scores = net(images)  # as for evaluation: without noise and dropout
    measured = {"loss": nn.cross_entropy(scores, labels), "accuracy": nn.accuracy(scores, labels)}
    with nn.training(seed) as mode:
        loss = nn.cross_entropy(net(images), labels)
    updates = ge.optim.Adam(0.01, **penalties).minimize(loss) | mode.updates
    batches = ge.data.augment(ge.data.batches(*seen, batch_size=30), changes)
    step = engine.compile([images, labels], loss, updates=updates)
    evaluation = ge.training.Evaluation(engine, [images, labels], measured, [held_out])
    history = ge.train(step, batches, show.pick(30, quick=20), validation=evaluation)
    return history, [np.asarray(engine.value(layer.weight)) for layer in (net.fc1, net.fc2)]


def dropout(show: Show) -> None:
    """Show golden number N15: off at test time; in training, the same on average."""
    (pictures, classes), _ = load(0)
    net = network(drop=0.5, hidden=5)
    hidden = net.act(net.fc1(net.flat(images)))
    with nn.training() as mode:
        dropped = net.drop(hidden)
        loss = nn.cross_entropy(net(images), labels)
    copies = np.repeat(pictures[11:12], 20_000, axis=0)
    test, trained = (np.asarray(array) for array in show.engine().run([net.drop(hidden), dropped], {images: copies}))
    off = np.abs(trained.mean(axis=0) - test[0]).max()
    show.criterion("dropout: mean of 20,000 draws against the value at test time", off, below=0.01)
    kinds = {operation.primitive.name for operation in ge.Graph(net(images)).operations}
    show.criterion("dropout: operations of its kind in the graph that reads", "dropout" in kinds, below=1)
    step = show.engine().compile([images, labels], loss, updates=ge.optim.SGD(0.1).minimize(loss) | mode.updates)
    trace = step.trace(pictures[11:12], classes[11:12])
    show.save("training.svg", viz.draw(trace), "In training a random mask switches units off; the others double.")
    show.save("training.html", viz.steps(trace), "That step: where the mask is 0, no gradient passes, either.")
    show.save("reading.svg", viz.draw(ge.Graph(net(images))), "The same network when it reads: nothing is dropped.")


def main(show: Show) -> None:
    results = {way: [train(show, way, seed) for seed in range(show.pick(3, quick=1))] for way in WAYS}
    misread = {way: [100 * (1 - history.validation["accuracy"][-1]) for history, _ in found]
               for way, found in results.items()}  # fmt: skip
    for way in ("L2", "L1", "dropout", "noise", "augmentation"):
        ratio = np.mean(misread[way]) / np.mean(misread["nothing"])
        show.criterion(f"{way}: digits misread, over those with nothing", ratio, below=0.9)
    figure = plots.bars(misread, "% of new digits misread", "Learnt from 300 digits, a fifth with wrong labels")
    show.save("misread.png", figure, "How many digits are misread with each way to regularise, and with none (grey).")

    weights = {way: results[way][0][1] for way in ("nothing", "L2", "L1")}
    nothing, _, l1 = (np.mean(np.abs(layers[0]) < 0.01) for layers in weights.values())
    show.criterion("nothing: part of the first layer's weights that are nearly 0", nothing, below=0.2)
    show.criterion("L1: the same", l1, above=0.5)
    figure = plots.histograms_by_depth(weights, limits=(-0.5, 0.5))
    show.save("weights.png", figure, "The weights of both layers: L2 makes them small, L1 makes most of them 0.")
    told = {"nothing": "All is learnt by heart, wrong labels, too: the loss on new digits turns.",
            "dropout": "Wrong labels are not learnt: high in training, low on new digits.",
            "noise": "The same; the loss is higher, but fewer digits are misread."}  # fmt: skip
    curves = {way: (results[way][0][0].train["loss"], results[way][0][0].validation["loss"]) for way in told}
    figure = plots.learning_curves(curves, list(told.values()), ylim=(0, 2.2))
    show.save("curves.png", figure, "With nothing, wrong labels are learnt, too; dropout and noise prevent it.")
    dropout(show)


if __name__ == "__main__":
    run(main)
