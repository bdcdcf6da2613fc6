"""Autoencoders of three kinds: sparse, denoising, and with tied weights.

More hidden units than pixels could simply copy the image; what keeps them from it is what they learn. Sparse: few units
answer to an image. Denoising: the image comes in with noise, and is to go out without. Tied: the decoder uses the
encoder's weights, transposed, so that one matrix gets the sum of two gradients. (Of a fourth kind, pre-trained layer by
layer, is the example `pretraining`.)

Run it:      graph-engine demo autoencoder_kinds
"""

import numpy as np

import graph_engine as ge
import graph_engine_viz as viz
from graph_engine import nn
from graph_engine.gallery import Show, run
from graph_engine_viz import plots

x = ge.input("x", ("batch", 64))
NOISE = 0.4


class Wide(nn.Module):
    """More hidden units than pixels; noise comes in while it is trained, and only then."""

    def __init__(self, noise: float = 0.0) -> None:
        self.noise, self.encoder, self.decoder = nn.GaussianNoise(noise), nn.Linear(64, 100), nn.Linear(100, 64)

    def encode(self, x):
        return nn.relu(self.encoder(x))

    def forward(self, x):
        return self.decoder(self.encode(self.noise(x)))


def fit(engine: ge.Engine, loss: ge.Variable, updates: dict, data: np.ndarray, epochs: int) -> list[float]:
    return ge.train(engine.compile([x], loss, updates), ge.data.batches(data, batch_size=50), epochs).train["loss"]


def as_rows(rows: dict) -> object:
    """Draw the first ten of each, as square images."""
    return plots.image_rows({name: row[:10].reshape(10, int(row.shape[1] ** 0.5), -1) for name, row in rows.items()})


def wide(show: Show, train: np.ndarray, test: np.ndarray) -> None:
    plain, sparse, denoising, engine = Wide(), Wide(), Wide(NOISE), show.engine()
    costs = {plain: nn.mse_loss(plain(x), x)}
    costs[sparse] = nn.mse_loss(sparse(x), x) + 2e-3 * ge.mean(ge.sum(ge.abs(sparse.encode(x)), axis=1))
    with nn.training() as mode:
        costs[denoising] = nn.mse_loss(denoising(x), x)
    for net, cost in costs.items():
        updates = ge.optim.Adam(3e-3).minimize(cost) | (mode.updates if net is denoising else {})
        fit(engine, cost, updates, train, show.pick(60, quick=20))

    codes = [np.asarray(engine.run(net.encode(x), {x: test})) for net in (plain, sparse)]
    answers = [np.mean(code > 0.02) for code in codes]
    show.criterion("sparse: units that answer, as a part of the plain one's", answers[1] / answers[0], below=0.5)
    rows = {"image": test, "plain: its\n100 units": codes[0], "sparse: its\n100 units": codes[1]}
    show.save("sparse.png", as_rows(rows), "Ten digits and their codes: of the sparse one, most units are 0.")

    noisy = test + np.random.default_rng(0).normal(0, NOISE, test.shape).astype("float32")
    cleaned = [np.asarray(engine.run(net(x), {x: noisy})) for net in (plain, denoising)]
    before, kept, left = (np.mean((image - test) ** 2) for image in (noisy, *cleaned))
    show.criterion("denoising: error left of the noise's", left / before, below=0.3)
    show.criterion("denoising: error, as a part of the plain one's", left / kept, below=0.6)
    rows = {"image": test, "with noise": noisy, "plain": cleaned[0], "denoising": cleaned[1]}
    rows = {name: np.clip(row, 0, 1) for name, row in rows.items()}
    show.save("denoising.png", as_rows(rows), "The denoising one draws digits; the plain one draws the noise, too.")


def tied(show: Show, train: np.ndarray, test: np.ndarray) -> None:
    encoder, engine = nn.Linear(64, 16, bias=False), show.engine()
    code = ge.tanh(encoder(x))
    output = code @ encoder.weight  # the same weights again, no transposed copy
    error = nn.mse_loss(output, x)
    updates = ge.optim.Adam(3e-3).minimize(error)
    trace = engine.compile([x], error, updates).trace(train[:8])
    show.save("tied.svg", viz.draw(trace), "Tied weights: one matrix, used twice; its gradient is a sum of two terms.")
    show.save("tied.html", viz.steps(trace), "One training step: see both terms of the gradient come in.")

    down, up = (ge.parameter(name, trace.value(encoder.weight)) for name in ("down", "up"))
    untied = nn.mse_loss(ge.tanh(nn.linear(x, down)) @ up, x)
    apart = np.abs(trace.grad(encoder.weight) - sum(engine.run(ge.grad(untied, [down, up]), {x: train[:8]}))).max()
    show.criterion("tied: its gradient, apart from the sum of those of two matrices", apart, below=1e-6)
    fit(engine, error, updates, train, show.pick(60, quick=30))
    reached = float(engine.run(error, {x: test})) / np.mean((test - train.mean(axis=0)) ** 2)
    show.criterion("tied: error on new digits, as a part of their variance", reached, below=0.5)


def main(show: Show) -> None:
    from sklearn.datasets import load_digits

    images = (load_digits().data[: show.pick(1797, quick=600)] / 16).astype("float32")
    (train,), (test,) = ge.data.split(images, fractions=(0.8, 0.2))
    for kind in (wide, tied):
        kind(show, train, test)


if __name__ == "__main__":
    run(main)
