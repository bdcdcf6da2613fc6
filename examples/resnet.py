"""ResNet: a skip connection around each block lets gradients pass, however deep the network is.

A block adds what it computes to what it was given: y = x + F(x). The gradient on its way back is added likewise,
(1 + dF/dx) times what arrives, so it does not vanish in between. Look at the wire that goes around each block in the
diagram of the small network, at the fifty layers of the deep one, and at the gradient from layer to layer.

Run it:      graph-engine demo resnet
"""

import numpy as np

import graph_engine as ge
import graph_engine_viz as viz
from graph_engine.gallery import Show, run
from graph_engine_viz import plots

images, labels = ge.input("images", ("batch", 1, 8, 8)), ge.input("labels", "batch", "int64")


class Block(ge.nn.Module):
    """x + F(x), where F is twice a batch normalisation, a ReLU and a convolution (K. He et al., 2016)."""

    def __init__(self, before: int, channels: int, skip: bool = True) -> None:
        stride = 1 if before == channels else 2
        self.norm1, self.norm2 = ge.nn.BatchNorm2d(before), ge.nn.BatchNorm2d(channels)
        self.conv1 = ge.nn.Conv2d(before, channels, 3, stride=stride, padding=1, bias=False)
        self.conv2 = ge.nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.shortcut = ge.nn.Identity() if stride == 1 else ge.nn.Conv2d(before, channels, 1, stride=2, bias=False)
        self.skip = skip

    def inner(self, x: ge.Variable) -> ge.Variable:
        half = self.conv1(ge.nn.relu(self.norm1(x)))
        return self.conv2(ge.nn.relu(self.norm2(half)))

    def forward(self, x: ge.Variable) -> ge.Variable:
        return self.shortcut(x) + self.inner(x) if self.skip else self.inner(x)


class ResNet(ge.nn.Module):
    """A convolution, stages of blocks - each with half the size and twice the channels - and the mean of each map."""

    def __init__(self, blocks: list[int], channels: int = 8) -> None:
        widths = [channels * 2**number for number in range(len(blocks))]
        self.stem = ge.nn.Conv2d(1, channels, 3, padding=1)
        self.stage = [
            ge.nn.Sequential(Block(before, width), *(Block(width, width) for _ in range(count - 1)))
            for before, width, count in zip([channels, *widths], widths, blocks)
        ]
        self.norm, self.head = ge.nn.BatchNorm2d(widths[-1]), ge.nn.Linear(widths[-1], 10)

    def forward(self, x: ge.Variable) -> ge.Variable:
        maps = self.stem(x)
        for stage in self.stage:
            maps = stage(maps)
        return self.head(ge.mean(ge.nn.relu(self.norm(maps)), axis=(2, 3)))


def load() -> list[tuple[np.ndarray, ...]]:
    from sklearn.datasets import load_digits

    digits = load_digits()
    return ge.data.split(digits.images[:, None].astype("float32") / 16, digits.target, fractions=(0.8, 0.2))


def learn(show: Show, train_data: tuple, held_out: tuple) -> None:
    """Train a small network; batch normalisation uses the batch's statistics in training, the running ones after."""
    resnet = ResNet([2, 2])
    with ge.nn.training() as mode:
        loss = ge.nn.cross_entropy(resnet(images), labels)
    accuracy = ge.nn.accuracy(resnet(images), labels)
    engine = show.engine()
    step = engine.compile([images, labels], loss, updates=ge.optim.Adam(3e-3).minimize(loss) | mode.updates)
    validation = ge.training.Evaluation(engine, [images, labels], {"accuracy": accuracy}, [held_out])
    batches = ge.data.batches(*train_data, batch_size=32)
    history = ge.train(step, batches, epochs=show.pick(8, quick=2), validation=validation)
    show.criterion("accuracy on digits held out", history.validation["accuracy"][-1], above=show.pick(0.96, quick=0.9))
    show.save("training.png", history.plot(best=None), "Loss and accuracy, epoch by epoch.")


def gradient_sizes(show: Show, layers: list[ge.nn.Module], digits: np.ndarray) -> np.ndarray:
    """Return the RMS of the gradient at each layer's output, the first layer first, before any training."""
    outputs = [ge.nn.Conv2d(1, 8, 3, padding=1, name="stem")(images)]
    with ge.nn.training():
        for layer in layers:
            outputs.append(layer(outputs[-1]))
    loss = ge.mean(ge.square(outputs[-1] - 1.0))
    gradients = show.engine().run(ge.grad(loss, outputs[1:]), {images: digits})
    return np.array([np.sqrt(np.mean(np.asarray(gradient, "float64") ** 2)) for gradient in gradients])


def depth(show: Show, digits: np.ndarray) -> None:
    networks = {
        "sigmoid": [ge.nn.Sequential(ge.nn.Conv2d(8, 8, 3, padding=1), ge.nn.sigmoid, name=f"s{i}") for i in range(30)],
        "plain": ge.nn.Sequential(*(Block(8, 8, skip=False) for _ in range(30)), name="plain"),
        "residual": ge.nn.Sequential(*(Block(8, 8) for _ in range(30)), name="residual"),
    }
    flows = {name: gradient_sizes(show, layers, digits) for name, layers in networks.items()}
    print({n:f[0]/f[-1] for n,f in flows.items()})
    show.save("flow.png", plots.gradient_flow({n:f/f[-1] for n,f in flows.items()}), "x")


def main(show: Show) -> None:
    import time
    time.time=time.process_time;t=time.time()
    train_data, held_out = load()
    learn(show, train_data, held_out)
    print(time.time()-t)
    depth(show, held_out[0][:32])
    print(time.time()-t)
    small = ResNet([1, 1], channels=4)
    loss = ge.nn.cross_entropy(small(images), labels)
    show.save("small.svg", viz.draw(ge.Graph(loss)), "x")
    deep = ResNet([8, 8, 8])
    logits = deep(images)
    show.save("deep.svg", viz.draw(ge.Graph(logits)), "x")
    print(time.time()-t)


if __name__ == "__main__":
    run(main)
