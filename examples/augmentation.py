"""Augmentation and noise: images changed at random, noise on data, weights, gradients; what each is good for.

A photograph of a temple shows a temple still when it is mirrored, shifted or turned a little; so a net may be trained
on all of these, and new ones in every epoch. Noise is the same idea for numbers: on the data, so that the net reads
noisy images; on the weights, so that it does not hang on their last digits; on the gradients, less and less. All of
it is there in training only. Each net is tested where it should be better.

Run it:      graph-engine demo augmentation
"""

import numpy as np

import graph_engine as ge
import graph_engine_viz as viz
from graph_engine import nn
from graph_engine.gallery import Show, run
from graph_engine_viz import plots

images = ge.input("images", ("batch", 8, 8))
labels = ge.input("labels", "batch", "int64")
shift = ge.data.random_crop(padding=1)


class Noisy(nn.Module):
    """A linear layer whose weights are noisy while it is trained."""

    def __init__(self, inputs: int, outputs: int, std: float) -> None:
        self.linear, self.noise = nn.Linear(inputs, outputs), nn.GaussianNoise(std)

    def forward(self, x):
        return nn.linear(x, self.noise(self.linear.weight), self.linear.bias)


class Trained:
    """A net that was trained, and how it reads."""

    def __init__(self, show: Show, data, changes=(), on_data=0.0, on_weights=0.0, on_gradients=0.0) -> None:
        self.engine, self.net = show.engine(), nn.Sequential(
            noise=nn.GaussianNoise(on_data), flat=nn.Flatten(), fc1=Noisy(64, 64, on_weights), act=nn.ReLU(),
            fc2=Noisy(64, 10, on_weights), name="net",
        )  # fmt: skip
        self.accuracy = nn.accuracy(self.net(images), labels)  # outside of training: no noise
        with nn.training() as mode:
            loss = nn.cross_entropy(self.net(images), labels)
        updates = ge.optim.Adam(3e-3, noise=on_gradients).minimize(loss) | mode.updates
        step = self.engine.compile([images, labels], loss, updates)
        ge.train(step, ge.data.augment(ge.data.batches(*data, batch_size=32), changes), show.pick(40, quick=25))

    def read(self, samples) -> float:
        return float(self.engine.run(self.accuracy, {images: samples[0], labels: samples[1]}))

    def read_with_other_weights(self, samples, std: float) -> float:
        """Return the mean accuracy over ten times with noise on all weights."""
        own = {layer.linear.weight: self.engine.value(layer.linear.weight) for layer in (self.net.fc1, self.net.fc2)}
        rng, found = np.random.default_rng(0), []
        for _ in range(10):
            for weight, value in own.items():
                self.engine.set_value(weight, value + rng.normal(0, std, value.shape).astype("float32"))
            found.append(self.read(samples))
        return float(np.mean(found))


def draw_changes(show: Show) -> None:
    from sklearn.datasets import load_sample_image

    photograph = load_sample_image("china.jpg")[:420:6, 60:480:6].transpose(2, 0, 1)[None] / 255
    changes = {"flip": ge.data.random_flip(), "crop": ge.data.random_crop(16), "rotation": ge.data.random_rotate(30),
               "noise": ge.data.gaussian_noise(0.15), "cutout": ge.data.cutout(30)}  # fmt: skip
    rows = {name: np.clip(change(photograph.repeat(6, axis=0), seed=2), 0, 1) for name, change in changes.items()}
    show.save("changes.png", plots.image_rows(rows), "One photograph, changed at random: it is a temple still.")


def gradient_noise(show: Show) -> None:
    """Measure the noise on gradients, where there is no gradient otherwise."""
    weight, engine = ge.parameter("weight", np.zeros(10_000)), show.engine()
    new = ge.optim.SGD(1.0, noise=0.5).apply({weight: weight * 0.0})
    step = engine.compile([], new[weight] - weight, new)
    found = np.std([step() for _ in range(20)], axis=1)
    wanted = 0.5 / np.arange(1, 21) ** (0.55 / 2)
    show.criterion("noise on gradients: its deviation, off by", np.abs(found / wanted - 1).max(), below=0.05)


def draw_noise(show: Show, data) -> None:
    layer = Noisy(64, 10, 0.2)
    with nn.training() as mode:
        loss = nn.cross_entropy(layer(nn.Flatten()(images)), labels)
    step = show.engine().compile([images, labels], loss, ge.optim.Adam(3e-3).minimize(loss) | mode.updates)
    trace = step.trace(data[0][:4], data[1][:4])
    show.save("noisy.svg", viz.draw(trace), "Noise on weights: new in each step; the gradient goes past it.")
    show.save("noisy.html", viz.steps(trace), "That step, one operation after the other.")


def main(show: Show) -> None:
    from sklearn.datasets import load_digits

    pictures, classes = load_digits().images.astype("float32") / 16, load_digits().target
    seen, new = ge.data.split(pictures, classes, fractions=(0.6, 0.4), stratify=classes)
    draw_changes(show)
    draw_noise(show, seen)
    gradient_noise(show)

    shifted, noisy = ((change(new[0], seed=9), new[1]) for change in (shift, ge.data.gaussian_noise(0.3)))
    nets = {
        "nothing": Trained(show, seen), "shifts": Trained(show, seen, [shift]),
        "noise on data": Trained(show, seen, on_data=0.3), "noise on weights": Trained(show, seen, on_weights=0.2),
        "noise on gradients": Trained(show, seen, on_gradients=0.01),
    }  # fmt: skip
    for test, way, read in (
        ("shifted digits", "shifts", lambda net: net.read(shifted)),
        ("noisy digits", "noise on data", lambda net: net.read(noisy)),
        ("noisy weights", "noise on weights", lambda net: net.read_with_other_weights(new, 0.3)),
    ):
        reached = {name: read(net) for name, net in nets.items()}
        show.criterion(f"{test}: gain of accuracy by {way}", reached[way] - reached["nothing"], above=0.04)
        figure = plots.bars(reached, f"accuracy with {test}", "What was changed in training:")
        show.save(f"{test.replace(' ', '_')}.png", figure, f"Read with {test}: training with {way} helps most.")


if __name__ == "__main__":
    run(main)
