"""Regression: a line by gradient descent, polynomials by one Newton step, under- and overfitting by degree.

Gradient descent on the squared error walks to the least-squares optimum. The squared error of a polynomial is a
quadratic function of its coefficients, so one Newton step, with the Hessian that is a variable of the graph like any
other, lands on the optimum. Look at the errors: on the training data they only fall with the degree; on new data they
fall, and rise again.

Run it:      graph-engine demo regression
"""

import numpy as np

import graph_engine as ge
import graph_engine_viz as viz
from graph_engine.gallery import Show, run
from graph_engine_viz import plots


def linear_regression(show: Show) -> None:
    from sklearn.datasets import load_diabetes

    data, target = load_diabetes(return_X_y=True)
    features, progress = ge.data.standardize(data), ge.data.standardize(target)

    x, y = ge.input("x", ("patients", 10), "float64"), ge.input("y", "patients", "float64")
    w, b = ge.parameter("w", np.zeros(10)), ge.parameter("b", np.zeros(()))
    prediction = x @ w + b
    loss = ge.mean(ge.square(prediction - y))

    engine = show.engine()
    step = engine.compile([x, y], loss, updates=ge.optim.SGD(0.2).minimize(loss))
    first = step.trace(features, progress)
    losses = [float(step(features, progress)) for _ in range(3000)]

    solution, *_ = np.linalg.lstsq(features, progress, rcond=None)
    optimum = float(np.mean((features @ solution - progress) ** 2))
    show.criterion("diabetes: loss above the least-squares optimum", losses[-1] - optimum, below=1e-6)
    curve = plots.lines({"loss": losses}, xlabel="step", ylabel="mean squared error", bound=optimum, logx=True)
    show.save("descent.png", curve, "Gradient descent walks down to the least-squares optimum (dotted).")
    show.save("line.svg", viz.draw(first), "The graph of linear regression after its first step, with all gradients.")
    show.save("line.html", viz.steps(first), "That first step, step by step: forward, backward, update.")


def polynomials(show: Show) -> None:
    rng = np.random.default_rng(1)
    places = np.sort(rng.uniform(-1, 1, 16)), rng.uniform(-1, 1, 200)
    (train_x, test_x), noise = places, 0.25
    train_y, test_y = (np.sin(3 * x) + noise * rng.standard_normal(x.shape) for x in places)
    grid, degrees = np.linspace(-1, 1, 300), range(1, 13)
    curves, errors, worst = {}, [], 0.0
    for degree in degrees:
        powers = lambda x, degree=degree: np.polynomial.chebyshev.chebvander(x, degree)  # noqa: E731
        w = fit(show.engine(), powers(train_x), train_y)
        solution, *_ = np.linalg.lstsq(powers(train_x), train_y, rcond=None)
        worst = max(worst, float(np.max(np.abs(w - solution))))
        errors.append([np.mean((powers(x) @ w - y) ** 2) for x, y in ((train_x, train_y), (test_x, test_y))])
        if degree in (1, 3, 5, 12):
            curves[f"degree {degree}"] = (grid, powers(grid) @ w)
    show.criterion("polynomials: largest distance from the least-squares coefficients", worst, below=1e-6)
    train, test = np.transpose(errors)
    show.criterion("test error of degree 12 over that of the best degree", test[-1] / test.min(), above=1.5)
    show.save("fits.png", plots.fits(train_x, train_y, curves), "Too stiff, about right, and following the noise.")
    show.save("degrees.png", plots.train_and_test(degrees, train, test), "Training error falls, test error turns.")


def fit(engine: ge.Engine, features: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Find the best coefficients by one Newton step from zero: w - H⁻¹ ∂L/∂w."""
    w = ge.input("w", features.shape[1], "float64")
    loss = ge.sum(ge.square(ge.constant(features) @ w - values))
    start = {w: np.zeros(features.shape[1])}
    slope, curvature = engine.run([ge.grad(loss, w), ge.hessian(loss, w)], start)
    return -np.linalg.solve(*map(engine.backend.to_numpy, (curvature, slope)))


def main(show: Show) -> None:
    linear_regression(show)
    polynomials(show)


if __name__ == "__main__":
    run(main)
