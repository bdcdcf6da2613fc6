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
HIDDEN = 256
Samples = tuple[np.ndarray, np.ndarray]


def network(noise: float = 0.0, drop: float = 0.0, batch_norm: bool = False) -> nn.Module:
    return nn.Sequential(
        flat=nn.Flatten(), noise=nn.GaussianNoise(noise), fc1=nn.Linear(64, HIDDEN),
        norm=nn.BatchNorm1d(HIDDEN) if batch_norm else nn.Identity(), act=nn.ReLU(),
        drop=nn.Dropout(drop), fc2=nn.Linear(HIDDEN, 10), name="net",
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
    updates = ge.optim.Adam(3e-3, **penalties).minimize(loss) | mode.updates
    batches = ge.data.augment(ge.data.batches(*seen, batch_size=30), changes)
    history = ge.train(
        engine.compile([images, labels], loss, updates=updates), batches, show.pick(60, quick=30),
        validation=ge.training.Evaluation(engine, [images, labels], measured, [held_out]),
    )  # fmt: skip
    return history, [np.asarray(engine.value(layer.weight)) for layer in (net.fc1, net.fc2)]


def dropout_keeps_its_expectation(show: Show) -> None:
    """Show golden number N15: off at test time; in training, the same on average."""
    seen, _ = load(0)
    net = network(drop=0.5)
    hidden = net.act(net.fc1(net.flat(images)))
    with nn.training() as mode:
        dropped, loss = net.drop(hidden), nn.cross_entropy(net(images), labels)
    copies = np.repeat(seen[0][:1], 20_000, axis=0)
    test, trained = (np.asarray(array) for array in show.engine().run([net.drop(hidden), dropped], {images: copies}))
    off = trained.mean(axis=0) - test[0]
    show.criterion("dropout: mean of 20,000 draws against the value at test time", np.abs(off).max(), below=0.03)
    kinds = {operation.primitive.name for operation in ge.Graph(net(images)).operations}
    show.criterion("dropout: operations of its kind in the graph that reads", "dropout" in kinds, below=1)
    updates = ge.optim.SGD(0.1).minimize(loss) | mode.updates
    trace = show.engine().compile([images, labels], loss, updates=updates).trace(seen[0][:8], seen[1][:8])
    show.save("training.svg", viz.draw(trace), "In training: a random mask switches off half of the hidden units.")
    show.save("training.html", viz.steps(trace), "That step: where the mask is 0, no gradient passes, either.")
    show.save("reading.svg", viz.draw(ge.Graph(net(images))), "The same network when it reads: nothing is dropped.")


def main(show: Show) -> None:
    seeds = range(show.pick(3, quick=1))
    results = {way: [train(show, way, seed) for seed in seeds] for way in WAYS}
    reached = {way: [history.validation["accuracy"][-1] for history, _ in found] for way, found in results.items()}
    show.say("\n".join(f"{way}: accuracy {np.mean(found):.3f}" for way, found in reached.items()))
    for way in ("L2", "L1", "dropout", "noise", "augmentation"):
        gain = np.mean(reached[way]) - np.mean(reached["nothing"])
        show.criterion(f"{way}: gain of accuracy on digits held out", gain, above=0.02)
    title = "300 digits, a fifth with wrong labels"
    figure = plots.bars(reached, "accuracy on digits held out, with true labels", title, low=0.6)
    show.save("accuracy.png", figure, "Held-out accuracy with each way to regularise, and with none (grey).")

    chosen = {way: results[way][0] for way in ("nothing", "L2", "L1")}
    zeros = {way: np.mean(np.abs(weights[0]) < 0.01) for way, (_, weights) in chosen.items()}
    show.criterion("L1: part of the first layer's weights that are nearly 0", zeros["L1"], above=0.5)
    show.criterion("nothing: the same", zeros["nothing"], below=0.2)
    weights = plots.histograms_by_depth({way: weights for way, (_, weights) in chosen.items()}, limits=(-0.5, 0.5))
    show.save("weights.png", weights, "The weights of both layers: L2 makes them small, L1 makes most of them 0.")
    curves = {way: results[way][0][0] for way in ("nothing", "dropout", "noise")}
    figure = plots.learning_curves({way: (h.train["loss"], h.validation["loss"]) for way, h in curves.items()})
    show.save("curves.png", figure, "Without regularisation the wrong labels are learnt by heart, too.")
    dropout_keeps_its_expectation(show)


if __name__ == "__main__":
    run(main)
