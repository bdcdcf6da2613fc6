"""ResNet: a skip connection around each block lets gradients pass, however deep the network is.

A block adds what it computes to what it was given: y = x + F(x). The gradient on its way back is added likewise,
(1 + dF/dx) times what arrives, so it cannot vanish in between. Look at the size of the gradient from layer to layer,
and at the wire that goes around the block in its diagram.

Run it:      graph-engine demo resnet
"""

import numpy as np

import graph_engine as ge
import graph_engine_viz as viz
from graph_engine.gallery import Show, run
from graph_engine_viz import plots


class Block(ge.nn.Module):
    """Two convolutions with batch normalisation; with a skip connection around them, or without."""

    def __init__(self, before: int, channels: int, skip: bool = True) -> None:
        stride = 1 if before == channels else 2
        self.conv1 = ge.nn.Conv2d(before, channels, 3, stride=stride, padding=1, bias=False)
        self.norm1 = ge.nn.BatchNorm2d(channels)
        self.conv2 = ge.nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = ge.nn.BatchNorm2d(channels)
        self.shorter = ge.nn.Conv2d(before, channels, 1, stride=2, bias=False) if stride == 2 else ge.nn.Identity()
        self.skip = skip

    def forward(self, x: ge.Variable) -> ge.Variable:
        inner = ge.nn.relu(self.norm1(self.conv1(x)))
        change = self.norm2(self.conv2(inner))
        return ge.nn.relu(self.shorter(x) + change if self.skip else change)


class ResNet(ge.nn.Module):
    """A convolution, stages of blocks - each with half the size and twice the channels - and the mean of each map."""

    def __init__(self, blocks: list[int], channels: int = 8, skip: bool = True) -> None:
        self.stem = ge.nn.Conv2d(1, channels, 3, padding=1)
        self.stages = []
        for number, count in enumerate(blocks):
            width = channels * 2**number
            first = Block(width if number == 0 else width // 2, width, skip)
            self.stages.append(ge.nn.Sequential(first, *(Block(width, width, skip) for _ in range(count - 1))))
        self.head = ge.nn.Linear(width, 10)

    def forward(self, images: ge.Variable) -> ge.Variable:
        maps = ge.nn.relu(self.stem(images))
        for stage in self.stages:
            maps = stage(maps)
        return self.head(ge.mean(maps, axis=(2, 3)))


images, labels = ge.input("images", ("batch", 1, 8, 8)), ge.input("labels", "batch", "int64")


def load() -> list[tuple[np.ndarray, ...]]:
    from sklearn.datasets import load_digits

    digits = load_digits()
    return ge.data.split(digits.images[:, None].astype("float32") / 16, digits.target, fractions=(0.8, 0.2))


def learn(show: Show) -> None:
    """Train a small ResNet; its batch normalisation measures each batch, and the running statistics afterwards."""
    train_data, held_out = load()
    resnet = ResNet([2, 2])
    with ge.nn.training() as mode:
        loss = ge.nn.cross_entropy(resnet(images), labels)
    accuracy = ge.nn.accuracy(resnet(images), labels)
    engine = show.engine()
    step = engine.compile([images, labels], loss, updates=ge.optim.Adam(3e-3).minimize(loss) | mode.updates)
    validation = ge.training.Evaluation(engine, [images, labels], {"accuracy": accuracy}, [held_out])
    batches = ge.data.batches(*train_data, batch_size=32)
    history = ge.train(step, batches, epochs=show.pick(8, quick=3), validation=validation)
    reached = history.validation["accuracy"]
    show.criterion("accuracy on digits held out", reached[-1], above=show.pick(0.96, quick=0.9))
    show.save("training.png", history.plot(best=None), "Loss and accuracy, epoch by epoch.")


def flow(show: Show, blocks: int, skip: bool) -> np.ndarray:
    """Return the root mean square of the gradient at the output of each block, at the beginning of the training."""
    maps = [ge.nn.Conv2d(1, 8, 3, padding=1)(images)]
    for _ in range(blocks):
        maps.append(PlainBlock(8)(maps[-1]) if not skip else Residual(8)(maps[-1]))
    return maps


def main(show: Show) -> None:
    learn(show)


if __name__ == "__main__":
    run(main)
