"""Data before training: split, standardised, class ids as vectors, cut into mini-batches; what each is good for.

A split keeps a part unseen; stratified, each part has its share of each class. Standardisation gives all features one
scale, so that one learning rate fits all of them; it is measured on the training part only, because the test part
stands for data that nobody has seen. Batches show each sample once an epoch, in another order each time. (What is done
to data during training is in the example `augmentation`.)

Run it:      graph-engine demo data
"""

import numpy as np

import graph_engine as ge
import graph_engine_viz as viz
from graph_engine import nn
from graph_engine.gallery import Show, run
from graph_engine_viz import plots

wines = ge.input("wines", ("batch", 13))
kinds = ge.input("kinds", ("batch", 3))
scores = nn.Linear(13, 3, name="classifier")(wines)
loss = nn.cross_entropy(scores, kinds)  # from vectors
accuracy = nn.accuracy(scores, ge.argmax(kinds, axis=1))


def prepare(show: Show) -> tuple:
    """Split and standardise the chemistry of 178 wines of three kinds; check what is promised."""
    from sklearn.datasets import load_wine

    wine = load_wine()
    parts = ge.data.split(wine.data, wine.target, fractions=(0.7, 0.3), stratify=wine.target, seed=1)
    (seen, seen_kinds), (new, _) = parts
    apart = np.bincount(seen_kinds) - np.bincount(wine.target) * len(seen) / len(wine.target)
    show.criterion("stratified split: samples of a class, apart from its share", np.abs(apart).max(), below=1)
    standard, standard_new = ge.data.standardize(seen), ge.data.standardize(new, like=seen)
    show.criterion("training part: mean farthest from 0", np.abs(standard.mean(axis=0)).max(), below=1e-6)
    show.criterion("training part: deviation farthest from 1", np.abs(standard.std(axis=0) - 1).max(), below=1e-6)
    off = np.abs(standard_new * seen.std(axis=0) + seen.mean(axis=0) - new).max()
    show.criterion("test part: off, undone by the training part's numbers", off, below=1e-6)
    show.criterion("test part: mean farthest from 0", np.abs(standard_new.mean(axis=0)).max(), above=0.01)
    vectors = ge.data.one_hot(seen_kinds, 3)
    wrong = np.sum(vectors.sum(axis=1) != 1) + np.sum(vectors.argmax(axis=1) != seen_kinds)
    show.criterion("one-hot: vectors that are not 1 at their class, 0 elsewhere", wrong, below=1)
    return parts, (standard, standard_new)


def cut(show: Show, count: int) -> None:
    """Cut the numbers of samples into batches, for two epochs."""
    batches = ge.data.batches(np.arange(count), batch_size=16)
    first, second = (np.concatenate([batch for (batch,) in batches]) for _ in range(2))
    missed = count - min(len(set(first)), len(set(second)))
    show.criterion("mini-batches: samples that an epoch leaves out", missed, below=1)
    show.criterion("mini-batches: part at the same place in the next epoch", np.mean(first == second), below=0.1)


def train(show: Show, samples: np.ndarray, vectors: np.ndarray, rate: float) -> tuple[ge.Engine, list[float]]:
    engine = show.engine()
    step = engine.compile([wines, kinds], loss, ge.optim.SGD(rate).minimize(loss))
    history = ge.train(step, ge.data.batches(samples, vectors, batch_size=16), epochs=30)
    return engine, history.train["loss"]


def main(show: Show) -> None:
    ((seen, seen_kinds), (new, new_kinds)), (standard, standard_new) = prepare(show)
    cut(show, len(seen))
    vectors, new_vectors = ge.data.one_hot(seen_kinds, 3), ge.data.one_hot(new_kinds, 3)
    ids = ge.input("ids", "batch", "int64")
    feeds = {wines: standard, kinds: vectors, ids: seen_kinds}
    both = show.engine().run([loss, nn.cross_entropy(scores, ids)], feeds)
    show.criterion("loss from vectors, and from class ids: difference", abs(both[0] - both[1]), below=1e-6)

    runs = [("as measured", seen, new, rate) for rate in (1e-6, 1e-5, 1e-4)]
    curves, reached = {}, {"as measured": 0.0, "standardised": 0.0}
    for name, samples, held_out, rate in (("standardised", standard, standard_new, 0.1), *runs):
        engine, curves[f"{name}, rate {rate:g}"] = train(show, samples, vectors, rate)
        found = float(engine.run(accuracy, {wines: held_out, kinds: new_vectors}))
        reached[name] = max(reached[name], found)
    show.criterion("new wines: accuracy", reached["standardised"], above=0.9)
    show.criterion("new wines: the best without standardisation", reached["as measured"], below=0.8)
    figure = plots.lines(curves, ylabel="loss in training", log=True, title="13 features, of sizes from 0.1 to 1700")
    show.save("standardised.png", figure, "With features of one scale, one learning rate fits all of them.")

    step = show.engine().compile([wines, kinds], loss, ge.optim.SGD(0.1).minimize(loss))
    trace = step.trace(standard[:4], vectors[:4])
    show.save("classifier.svg", viz.draw(trace), "A step on four wines: standardised features, kinds as vectors.")
    show.save("classifier.html", viz.steps(trace), "That step, one operation after the other.")


if __name__ == "__main__":
    run(main)
