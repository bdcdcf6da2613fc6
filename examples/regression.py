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
    features, progress = ge.data.standardize(data), target / 100

    x, y = ge.input("x", ("patients", 10), "float64"), ge.input("y", "patients", "float64")
    w, b = ge.parameter("w", np.zeros(10)), ge.parameter("b", np.zeros(()))
    prediction = x @ w + b
    loss = ge.mean(ge.square(prediction - y))

    engine = show.engine()
    step = engine.compile([x, y], loss, updates=ge.optim.SGD(0.2).minimize(loss))
    first = step.trace(features, progress)
    losses = [float(step(features, progress)) for _ in range(3000)]

    with_ones = np.column_stack([features, np.ones(len(features))])
    solution, *_ = np.linalg.lstsq(with_ones, progress, rcond=None)
    optimum = float(np.mean((with_ones @ solution - progress) ** 2))
    show.criterion("diabetes: loss above the least-squares optimum", losses[-1] - optimum, below=1e-6)
    curve = plots.lines({"gradient descent": losses}, xlabel="step", ylabel="mean squared error", logx=True,
                        bound=optimum, bound_name="least squares")  # fmt: skip
    show.save("descent.png", curve, "Gradient descent walks down to the least-squares optimum.")
    show.save("line.svg", viz.draw(first), "The graph of linear regression after its first step, with all gradients.")
    show.save("line.html", viz.steps(first), "That first step, step by step: forward, backward, update.")


def polynomials_at(x: np.ndarray, degree: int) -> np.ndarray:
    """Return the Chebyshev polynomials up to a degree, which tell coefficients apart better than powers of x."""
    return np.polynomial.chebyshev.chebvander(x, degree)


def polynomials(show: Show) -> None:
    rng = np.random.default_rng(170)
    train_x, test_x = np.linspace(-1, 1, 16), np.sort(rng.uniform(-1, 1, 100))
    train_y, test_y = (np.sin(3 * x) + 0.3 * rng.standard_normal(x.shape) for x in (train_x, test_x))
    grid, degrees = np.linspace(-1, 1, 300), range(1, 13)
    curves, errors, worst = {}, [], 0.0
    for degree in degrees:
        w = fit(show.engine(), polynomials_at(train_x, degree), train_y)
        solution, *_ = np.linalg.lstsq(polynomials_at(train_x, degree), train_y, rcond=None)
        worst = max(worst, float(np.max(np.abs(w - solution))))
        samples = (train_x, train_y), (test_x, test_y)
        errors.append([np.mean((polynomials_at(x, degree) @ w - y) ** 2) for x, y in samples])
        if degree in (1, 3, 12):
            curves[f"degree {degree}"] = (grid, polynomials_at(grid, degree) @ w)
    show.criterion("polynomials: largest distance from the least-squares coefficients", worst, below=1e-6)
    train, test = np.transpose(errors)
    show.criterion("test error of degree 12 over that of the best degree", test[-1] / test.min(), above=1.5)
    picture = plots.fits(train_x, train_y, curves, (test_x[::3], test_y[::3]), xlabel="x", ylabel="y")
    show.save("fits.png", picture, "Too stiff, right, and following the noise: straight to each point, astray between.")
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
