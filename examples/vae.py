"""Variational autoencoder: it reads digits into clouds of codes, and draws new digits from random codes.

The encoder gives a mean and a deviation for each image, a code is drawn from there, and the decoder draws the image
again, in black and white. Drawing has no derivative; mean + deviation * noise has one, and the noise follows from a
random key: the same key, the same picture. The loss (minus the ELBO) is what the pixels cost, plus how far the clouds
are from N(0, 1), so that codes drawn from N(0, 1) become digits, too. Look at the map: digits turn into each other.

Run it:      graph-engine demo vae
"""

import numpy as np

import graph_engine as ge
import graph_engine_viz as viz
from graph_engine import nn
from graph_engine.gallery import Show, run
from graph_engine_viz import plots

CODE = 2
images = ge.input("images", ("batch", 64))
codes = ge.input("codes", ("batch", CODE))

encoder = nn.Sequential(fc1=nn.Linear(64, 128), act1=nn.relu, fc2=nn.Linear(128, 64), act2=nn.relu)
to_mean, to_log_deviation = nn.Linear(64, CODE), nn.Linear(64, CODE)
decoder = nn.Sequential(
    fc1=nn.Linear(CODE, 64), act1=nn.relu, fc2=nn.Linear(64, 128), act2=nn.relu, out=nn.Linear(128, 64)
)
pictures = ge.sigmoid(decoder(codes))


def cloud(x: ge.Variable) -> tuple[ge.Variable, ge.Variable]:
    """Return the middle of each image's cloud, and its deviation, which the exponential makes positive."""
    features = encoder(x)
    return to_mean(features), ge.exp(to_log_deviation(features)).named("deviation")


def draw_code(mean: ge.Variable, deviation: ge.Variable, key: ge.Variable) -> ge.Variable:
    noise = ge.random.normal(key, mean.shape)
    return (mean + deviation * noise).named("code")


def costs(x: ge.Variable, key: ge.Variable) -> tuple[ge.Variable, ge.Variable, ge.Variable]:
    """Return minus the ELBO of an image, on average, and its parts: pixels, and how far its cloud is from N(0, 1)."""
    mean, deviation = cloud(x)
    logits = decoder(draw_code(mean, deviation, key))
    with ge.scope("reading"):
        pixels = ge.mean(ge.sum(nn.binary_cross_entropy_with_logits(logits, x, reduction="none"), axis=1))
    with ge.scope("from_normal"):
        distance = ge.mean(ge.sum(deviation**2 + mean**2 - 1 - 2 * ge.log(deviation), axis=1)) / 2
    minus_elbo = pixels + distance
    return minus_elbo, pixels, distance


def nearest(points: np.ndarray, others: np.ndarray) -> float:
    return np.sqrt(((points[:, None] - others) ** 2).sum(axis=-1)).min(axis=1).mean()


def train(show: Show, engine: ge.Engine, seen: np.ndarray, new: np.ndarray) -> None:
    with nn.training() as mode:
        minus_elbo, pixels, distance = costs(images, mode.key())  # another key in each step
    updates = ge.optim.Adam(show.pick(2e-3, quick=5e-3)).minimize(minus_elbo) | mode.updates
    step = engine.compile([images], [minus_elbo, pixels, distance], updates)
    trace = step.trace(seen[:8])
    folded = ["encoder", "to_mean", "to_log_deviation", "decoder", "reading", "from_normal"]
    show.save("vae.svg", viz.draw(trace, collapse=folded), "One step: a code is a mean plus a deviation times noise.")
    show.save("vae.html", viz.steps(trace, collapse=folded), "The gradient goes to mean and deviation, past the noise.")
    measured = {"loss": costs(images, ge.random.key(1))[0]}
    check = ge.training.Evaluation(engine, [images], measured, [(new,)])
    history = ge.train(step, ge.data.batches(seen, batch_size=50), show.pick(100, quick=50), validation=check)
    held_out, p = history.validation["loss"], np.clip(seen.mean(axis=0), 1e-3, 1 - 1e-3)
    alone = -np.mean(np.sum(new * np.log(p) + (1 - new) * np.log(1 - p), axis=1))
    show.criterion("ELBO on new digits: gain in training, in nats", held_out[0] - held_out[-1], above=3)
    show.criterion("ELBO on new digits: gain over independent pixels", alone - held_out[-1], above=2)
    curves = {"new digits": held_out, "training": history.train["loss"], "pixels alone": history.train["pixels"]}
    figure = plots.lines(curves, ylabel="nats", title="Minus the ELBO", bound=alone, bound_name="no code at all")
    show.save("elbo.png", figure, "What an image costs in training: its pixels, and above them its cloud.")


def check_clouds(show: Show, engine: ge.Engine, digits: np.ndarray) -> None:
    """Compare the distance from N(0, 1) with its definition, a mean over drawn codes; see how all codes lie."""
    key = ge.random.key(2)
    mean, deviation = cloud(images)
    code, many = draw_code(mean, deviation, key), np.repeat(digits[:1], 20_000, axis=0)
    z, m, s, distance = engine.run([code, mean, deviation, costs(images, key)[2]], {images: many})
    log_ratio = (z**2 - ((z - m) / s) ** 2 - 2 * np.log(s)).sum(axis=1) / 2  # log q(z|x) / p(z)
    show.criterion("a cloud's distance from N(0, 1), and its estimate", abs(log_ratio.mean() - distance), below=0.1)
    deviation = np.std(engine.run(code, {images: digits}), axis=0)
    show.criterion("codes of all digits: deviation that is farthest from 1", np.abs(deviation - 1).max(), below=0.25)


def main(show: Show) -> None:
    from sklearn.datasets import load_digits

    digits, count, engine = load_digits(), show.pick(1797, quick=600), show.engine()
    black_and_white = (digits.data[:count] > 7).astype("float32")
    (seen, _), (new, labels) = ge.data.split(black_and_white, digits.target[:count])
    train(show, engine, seen, new)
    check_clouds(show, engine, seen)

    random_codes = ge.random.normal(ge.random.key(3), (200, CODE))
    drawn, again = (engine.run(pictures, {codes: engine.run(random_codes)}) for _ in range(2))
    show.criterion("the same key again: difference of the pictures", np.abs(drawn - again).max(), below=1e-12)
    mixed = np.random.default_rng(0).permuted(seen[:200], axis=0)  # each pixel from another digit
    likeness = nearest(drawn, seen) / nearest(mixed, seen)
    show.criterion("samples: distance to the nearest digit, over that of mixed pixels", likeness, below=0.7)
    figure = plots.images(drawn[:40].reshape(-1, 8, 8), columns=10, limits=(0, 1))
    show.save("samples.png", figure, "Digits that nobody wrote, from random codes: how likely each pixel is white.")

    ends = np.linspace(-2, 2, 12)
    grid = np.stack(np.meshgrid(ends, -ends), axis=-1).reshape(-1, CODE).astype("float32")
    tiles = np.asarray(engine.run(pictures, {codes: grid})).reshape(12, 12, 8, 8)
    tiles = np.pad(tiles, ((0, 0), (0, 0), (0, 1), (0, 1)), constant_values=0.5).swapaxes(1, 2).reshape(108, 108)
    show.save("map.png", plots.images([tiles], width=7), "The plane of codes, -2 to 2: digits turn into each other.")
    middle = engine.run(cloud(images)[0], {images: new})
    figure = plots.codes(middle, labels, [str(digit) for digit in range(10)], "Middles of the clouds of new digits")
    show.save("codes.png", figure, "New digits in the same plane; no label was used to place them.")


if __name__ == "__main__":
    run(main)
