"""Autoencoder: images squeezed into two numbers; a linear one finds what PCA finds, a nonlinear one more.

An encoder squeezes 64 pixels into a few numbers, the code; a decoder makes 64 pixels of them again. A linear pair
trained on centred data cannot do better than the first k principal components (the singular value decomposition says
what that error is), and it gets there. Hidden layers bend the plane of codes into a curved surface that follows the
data. Look at where the digits lie in the plane of codes, and at what two numbers are enough for.

Run it:      graph-engine demo autoencoder
"""

import numpy as np

import graph_engine as ge
import graph_engine_viz as viz
from graph_engine.gallery import Show, run
from graph_engine_viz import plots


def linear(size: int, code: int) -> tuple[ge.nn.Module, ge.nn.Module]:
    encoder = ge.nn.Linear(size, code, bias=False)
    decoder = ge.nn.Linear(code, size, bias=False)
    return encoder, decoder


def nonlinear(size: int, code: int, hidden: int, act=ge.nn.relu) -> tuple[ge.nn.Module, ge.nn.Module]:
    encoder = ge.nn.Sequential(hidden=ge.nn.Linear(size, hidden), act=act, out=ge.nn.Linear(hidden, code))
    decoder = ge.nn.Sequential(hidden=ge.nn.Linear(code, hidden), act=act, out=ge.nn.Linear(hidden, size))
    return encoder, decoder


def fit(engine: ge.Engine, net: tuple, data: np.ndarray, epochs: int, rate: float, batch_size: int):
    """Train a net to give back what it is given; return codes, reconstructions and their error, and its first step."""
    encoder, decoder = net
    x = ge.input("x", ("batch", data.shape[1]))
    code = encoder(x)
    output = decoder(code)
    error = ge.nn.mse_loss(output, x)
    steps = epochs * -(-len(data) // batch_size)
    falling = ge.optim.schedules.exponential(rate, 0.01 ** (1 / steps))
    step = engine.compile([x], error, updates=ge.optim.Adam(falling).minimize(error))
    trace = step.trace(data[:4])
    ge.train(step, ge.data.batches(data, batch_size=batch_size), epochs)
    codes, outputs, reached = map(np.asarray, engine.run([code, output, error], {x: data}))
    return codes, outputs, float(reached), trace


def principal(data: np.ndarray, k: int) -> np.ndarray:
    """Return the best reconstruction of rank k."""
    u, s, v = np.linalg.svd(data, full_matrices=False)
    return (u[:, :k] * s[:k]) @ v[:k]


def digits(show: Show) -> None:
    from sklearn.datasets import load_digits

    loaded = load_digits()
    count = show.pick(1797, quick=300)
    images, labels = (loaded.data[:count] / 16).astype("float32"), loaded.target[:count]
    mean = images.mean(0)
    data = images - mean

    sizes, reached, optima = show.pick((1, 2, 4, 8, 16), quick=(1, 2, 4)), [], []
    for k in sizes:
        codes, linear_output, error, trace = fit(
            show.engine(), linear(64, k), data, show.pick(1500, quick=1000), 0.02, batch_size=count
        )
        reached.append(error)
        optima.append(np.mean((principal(data, k) - data) ** 2))
        if k == 2:
            kept = codes, linear_output, error
            show.save("linear.svg", viz.draw(trace), "A linear autoencoder after one step: 64 numbers, 2, 64 again.")
            show.save("linear.html", viz.steps(trace), "That step: the error goes back through decoder and encoder.")
    excess = np.max(np.divide(reached, optima)) - 1
    show.criterion("linear: error above the optimum of the SVD, as a part of it", excess, below=2e-3)
    series = {"SVD optimum": (sizes, optima), "linear autoencoder": (sizes, reached)}
    axes = {"xlabel": "numbers in the code", "ylabel": "mean squared error"}
    figure = plots.lines(series, dots=["linear autoencoder"], **axes)
    show.save("ranks.png", figure, "The linear autoencoder reaches the best that any linear code of its size can do.")

    codes, outputs, error, _ = fit(
        show.engine(), nonlinear(64, 2, 128), data, show.pick(120, quick=50), 3e-3, batch_size=32
    )
    show.criterion("nonlinear, 2 numbers: error, as a part of the linear optimum", error / optima[1], below=0.8)
    chosen = [np.flatnonzero(labels == digit)[1] for digit in range(10)]
    rows = {"original": images, f"linear\nerror {kept[2]:.4f}": kept[1] + mean,
            f"nonlinear\nerror {error:.4f}": outputs + mean}  # fmt: skip
    pictures = {name: row[chosen].reshape(-1, 8, 8) for name, row in rows.items()}
    show.save("digits.png", plots.image_rows(pictures, limits=(0, 1)), "Ten digits, and what two numbers keep of each.")
    names = [str(digit) for digit in range(10)]
    for name, places in (("linear", kept[0]), ("nonlinear", codes)):
        figure = plots.codes(places, labels, names, f"Codes of the {name} autoencoder")
        show.save(f"codes_{name}.png", figure, f"Each digit's two numbers, {name}: no label was used to find them.")


def curve(show: Show) -> None:
    """Squeeze points near a bent curve in the plane into one number."""
    rng = np.random.default_rng(0)
    along = rng.uniform(-1, 1, 200)
    data = np.column_stack([1.5 * along, np.cos(2.6 * along)]) + rng.normal(0, 0.05, (200, 2))
    data = (data - data.mean(0)).astype("float32")
    net = nonlinear(2, 1, 32, ge.tanh)
    outputs, error = fit(show.engine(), net, data, show.pick(600, quick=150), 2e-2, batch_size=50)[1:3]
    best = np.mean((principal(data, 1) - data) ** 2)
    show.criterion("curve, one number: error, as a part of that of PCA", error / best, below=0.1)
    places = {"PCA": principal(data, 1), "autoencoder": outputs}
    show.save("curve.png", plots.projections(data, places), "One number each: a place on a line, or on a curve.")


def main(show: Show) -> None:
    digits(show)
    curve(show)


if __name__ == "__main__":
    run(main)
