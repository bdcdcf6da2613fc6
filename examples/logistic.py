"""Logistic regression: two classes and three, by gradient descent and by averaged SGD, against another solver.

The gradient of the cross-entropy is the sum of (prediction - target) times the features, and nothing more: it is
checked to the last digits. With a penalty the optimum is unique, so the weights can be compared with those that
scikit-learn finds in its own way. Look at how averaging calms the noise of single samples.

Run it:      graph-engine demo logistic
"""

import numpy as np

import graph_engine as ge
import graph_engine_viz as viz
from graph_engine.gallery import Show, run
from graph_engine_viz import plots

PENALTY = 0.01  # times half the squared length of the weights


def two_classes(show: Show) -> None:
    from sklearn.datasets import load_breast_cancer
    from sklearn.linear_model import LogisticRegression

    data, labels = load_breast_cancer(return_X_y=True)
    features, count = ge.data.standardize(data), len(labels)
    targets = labels.astype("float64")
    x, t = ge.input("x", ("patients", 30), "float64"), ge.input("t", "patients", "float64")
    w = ge.parameter("w", np.zeros(30))
    scores = x @ w
    data_loss = ge.nn.binary_cross_entropy_with_logits(scores, t)
    loss = data_loss + PENALTY / 2 * ge.sum(ge.square(w))

    engine = show.engine()
    slope, chances = engine.run([ge.grad(data_loss, w), ge.sigmoid(scores)], {x: features, t: targets})
    formula = features.T @ (np.asarray(chances) - targets) / count
    show.criterion("gradient against mean of (f(x) - t) x", np.abs(np.asarray(slope) - formula).max(), below=1e-12)

    step = engine.compile([x, t], loss, updates=ge.optim.SGD(0.5).minimize(loss))
    for _ in range(show.pick(4000, quick=2000)):
        step(features, targets)
    solver = LogisticRegression(C=1 / (PENALTY * count), fit_intercept=False, tol=1e-10, max_iter=10_000)
    solution = solver.fit(features, labels).coef_[0]
    distance = np.abs(np.asarray(engine.value(w)) - solution).max()
    show.criterion("largest distance from scikit-learn's weights", distance, below=1e-3)


def three_classes(show: Show) -> None:
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression

    iris = load_iris()
    flowers, labels, penalty = ge.data.standardize(iris.data[:, 2:]).astype("float32"), iris.target, 0.02
    x, t = ge.input("x", ("flowers", 2)), ge.input("t", "flowers", "int64")
    layer = ge.nn.Linear(2, 3)
    scores = layer(x)
    data_loss = ge.nn.cross_entropy(scores, t)
    loss = data_loss + penalty / 2 * ge.sum(ge.square(layer.weight))
    optimizer = ge.optim.ASGD(1.0, plain=True)
    engine = show.engine()
    step = engine.compile([x, t], loss, updates=optimizer.minimize(loss))
    weight, bias = (optimizer.averages()[p] for p in layer.parameters())
    averaged_scores = ge.nn.linear(x, weight, bias)
    averaged_loss = ge.nn.cross_entropy(averaged_scores, t) + penalty / 2 * ge.sum(ge.square(weight))

    plain = show.engine().compile([x, t], data_loss, updates=ge.optim.SGD(1.0).minimize(data_loss))
    trace = plain.trace(flowers[50:51], labels[50:51])
    show.save("step.svg", viz.draw(trace), "A step of SGD on one flower, without the penalty.")
    show.save("step.html", viz.steps(trace), "That step: at the scores, the gradient is prediction minus target.")

    batches, rows = ge.data.batches(flowers, labels, batch_size=1), []
    for _ in range(show.pick(60, quick=30)):
        for batch in batches:
            step(*batch)
        rows.append(engine.run([loss, averaged_loss], {x: flowers, t: labels}))

    solver = LogisticRegression(C=1 / (penalty * len(labels)), tol=1e-10).fit(flowers, labels)
    best = np.mean(-solver.predict_log_proba(flowers)[range(150), labels]) + penalty / 2 * np.sum(solver.coef_**2)
    last, average = np.array(rows, float).T
    show.criterion("averaged SGD: loss above the optimum of another solver", average[-1] - best, below=0.02)
    curves = {"the last weights": last, "their average": average}
    figure = plots.lines(curves, ylabel="loss on all flowers", bound=best, bound_name="optimum",
                         title="SGD on one flower at a time")  # fmt: skip
    show.save("averaged.png", figure, "Single samples make the loss jump; the average of all weights does not.")

    regions = plots.decision_regions(
        lambda places: engine.backend.to_numpy(engine.run(averaged_scores, {x: places})), flowers, labels,
        names=iris.target_names, xlabel="petal length, standardised", ylabel="petal width, standardised",
    )  # fmt: skip
    show.save("regions.png", regions, "Three kinds of iris: the borders between the classes are straight.")


def main(show: Show) -> None:
    two_classes(show)
    three_classes(show)


if __name__ == "__main__":
    run(main)
