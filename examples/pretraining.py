"""Layer-wise pre-training: a deep autoencoder made of shallow ones, where a random start learns nothing.

Six layers of sigmoids shrink the gradient on its way down so much that gradient descent finds the mean image and no
more. So one trains a shallow autoencoder, then another one on its codes, then a third on theirs, and stacks all three:
the deep one begins where they ended. (That was how deep networks were first trained; ReLU, better initial weights and
residual connections came later.) Look at the two curves, and at which weights a step of the second stage changes.

Run it:      graph-engine demo pretraining
"""

import numpy as np

import graph_engine as ge
import graph_engine_viz as viz
from graph_engine import nn
from graph_engine.gallery import Show, run
from graph_engine_viz import plots

x = ge.input("x", ("batch", 64))


def layer(inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(linear=nn.Linear(inputs, outputs), act=ge.sigmoid)


class Deep(nn.Module):
    """Three layers down, three layers up."""

    def __init__(self, sizes=(64, 48, 32, 16)) -> None:
        self.down = [layer(above, below) for above, below in zip(sizes, sizes[1:])]
        self.up = [layer(below, above) for above, below in zip(sizes, sizes[1:])]

    def encode(self, x, layers: int):
        for down in self.down[:layers]:
            x = down(x)
        return x

    def forward(self, x):
        x = self.encode(x, 3)
        for up in reversed(self.up):
            x = up(x)
        return x


def descend(error: ge.Variable, parameters: list | None = None) -> dict:
    return ge.optim.SGD(5.0, momentum=0.9).minimize(error, parameters)


def fit(engine: ge.Engine, error: ge.Variable, updates: dict, data: np.ndarray, epochs: int) -> list[float]:
    step = engine.compile([x], error, updates)
    return ge.train(step, ge.data.batches(data, batch_size=50), epochs).train["loss"]


def shallow(net: Deep, number: int) -> tuple[ge.Variable, dict]:
    """Declare one of the shallow ones, on the codes of those below, and updates of its own weights only."""
    encoder, decoder = net.down[number], net.up[number]
    seen = net.encode(x, number)
    error = nn.mse_loss(decoder(encoder(seen)), seen)
    return error, descend(error, [*encoder.parameters(), *decoder.parameters()])


def pretrain(show: Show, engine: ge.Engine, net: Deep, data: np.ndarray, epochs: int) -> None:
    for number in range(3):
        error, updates = shallow(net, number)
        if number == 1:
            folded = ["stacked.down1", "stacked.down2", "stacked.up2"]
            first = net.down[0].linear.weight
            trace, before = engine.compile([x], error, updates).trace(data[:8]), engine.value(first)
            picture, page = viz.draw(trace, collapse=folded), viz.steps(trace, collapse=folded)
            show.save("second.svg", picture, "The second stage gives back codes of the first, where no gradient goes.")
            show.save("second.html", page, "One of its steps: only the weights of the second stage are updated.")
        fit(engine, error, updates, data, epochs)
        if number == 1:
            moved = np.abs(engine.value(first) - before).max()
            show.criterion("second stage: change of the first stage's weights", moved, below=1e-12)


def main(show: Show) -> None:
    from sklearn.datasets import load_digits

    images = (load_digits().data[: show.pick(1797, quick=600)] / 16).astype("float32")
    (train,), (test,) = ge.data.split(images, fractions=(0.8, 0.2))
    stacked, random, engine, epochs = Deep(), Deep(), show.engine(), show.pick(20, quick=18)
    pretrain(show, engine, stacked, train, epochs)
    starts = {"random start": (random, 0, {"above": 0.9}), "pre-trained": (stacked, 3 * epochs, {"below": 0.5})}
    curves, made, spread = {}, {"image": test}, np.mean((test - train.mean(axis=0)) ** 2)
    for name, (net, done, bounds) in starts.items():  # as many epochs in all
        error = nn.mse_loss(net(x), x)
        losses = fit(engine, error, descend(error), train, 5 * epochs - done)
        curves[name] = (np.arange(done + 1, 5 * epochs + 1), losses)
        made[name], reached = map(np.asarray, engine.run([net(x), error], {x: test}))
        show.criterion(f"{name}: error on new digits, as a part of their variance", reached / spread, **bounds)
    title = f"Six layers of sigmoids; the first {3 * epochs} epochs went into shallow ones"
    show.save("curves.png", plots.lines(curves, ylabel="mean squared error", title=title),
              "From a random start it stays at the mean image; made of three shallow ones it learns.")  # fmt: skip
    rows = {name: images[:10].reshape(-1, 8, 8) for name, images in made.items()}
    show.save("reconstructions.png", plots.image_rows(rows, limits=(0, 1)), "What both make of ten new digits.")


if __name__ == "__main__":
    run(main)
