"""U-Net: says of every pixel what it belongs to; skip connections bring back where exactly.

An encoder makes maps smaller and smaller to see what is there, a decoder makes them large again to say where. What
pooling forgets goes around it: each level of the encoder hands its maps straight to the decoder, which sets them beside
its own (concatenation). Look at the wires around the bottleneck in the diagram, and at the edges of the predicted masks:
the same network without them finds the shapes too, but misses where exactly they end.

Run it:      graph-engine demo unet
"""

import numpy as np

import graph_engine as ge
import graph_engine_viz as viz
from graph_engine.gallery import Show, run
from graph_engine_viz import plots

COLOURS = np.array([[0.93, 0.93, 0.93], [0.04, 0.37, 0.65], [0.72, 0.26, 0], [0.11, 0.47, 0.22]])  # by kind


class Block(ge.nn.Module):
    """Two convolutions that keep the size."""

    def __init__(self, before: int, channels: int) -> None:
        self.conv1 = ge.nn.Conv2d(before, channels, 3, padding=1, bias=False)
        self.norm1 = ge.nn.BatchNorm2d(channels)
        self.conv2 = ge.nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = ge.nn.BatchNorm2d(channels)

    def forward(self, x: ge.Variable) -> ge.Variable:
        x = ge.nn.relu(self.norm1(self.conv1(x)))
        return ge.nn.relu(self.norm2(self.conv2(x)))


class Encoder(ge.nn.Module):
    """At each level a block, then pooling to half the size; it returns the levels' maps, too."""

    def __init__(self, channels: list[int]) -> None:
        self.level = [Block(before, after) for before, after in zip([1, *channels], channels)]

    def forward(self, x: ge.Variable) -> tuple[ge.Variable, list[ge.Variable]]:
        skips = []
        for block in self.level:
            skips.append(block(x))
            x = ge.nn.max_pool2d(skips[-1], 2)
        return x, skips


class Decoder(ge.nn.Module):
    """At each level up to twice the size; beside it the encoder's maps of that size; then a block."""

    def __init__(self, channels: list[int], skip: bool) -> None:
        self.skip = skip
        self.up = [ge.nn.ConvTranspose2d(2 * after, after, 2, stride=2) for after in channels]
        self.level = [Block(2 * after if skip else after, after) for after in channels]

    def forward(self, x: ge.Variable, skips: list[ge.Variable]) -> ge.Variable:
        for up, block, skip in reversed(list(zip(self.up, self.level, skips))):
            x = up(x)
            x = block(ge.concat([skip, x], axis=1) if self.skip else x)
        return x


class UNet(ge.nn.Module):
    def __init__(self, channels: list[int], skip: bool = True) -> None:
        self.encoder = Encoder(channels)
        self.bottleneck = Block(channels[-1], 2 * channels[-1])
        self.decoder = Decoder(channels, skip)
        self.head = ge.nn.Conv2d(channels[0], 4, 1)  # background, disc, square, triangle

    def forward(self, images: ge.Variable) -> ge.Variable:
        maps, skips = self.encoder(images)
        return self.head(self.decoder(self.bottleneck(maps), skips))


def train(show: Show, net: UNet, seen: ge.data.Shapes, new: ge.data.Shapes) -> tuple[np.ndarray, list[float]]:
    """Return the masks predicted for new images, and their intersection over union after each epoch."""
    images, masks = declare(seen.images.shape[-1])
    with ge.nn.training() as mode:
        loss = ge.nn.cross_entropy(net(images), masks)
    kinds = ge.argmax(net(images), axis=1)
    engine, batches = show.engine(), ge.data.batches(seen.images, seen.masks, batch_size=8)
    epochs = show.pick(8, quick=5)
    rate = ge.optim.schedules.cosine(1e-2, epochs * len(batches))
    step = engine.compile([images, masks], loss, updates=ge.optim.Adam(rate).minimize(loss) | mode.updates)

    def predict() -> np.ndarray:
        return engine.run(kinds, {images: new.images})

    history = ge.train(step, batches, epochs, validation=lambda: {"overlap": overlap(predict(), new.masks)})
    return predict(), history.validation["overlap"]


def declare(size: int) -> tuple[ge.Variable, ge.Variable]:
    return ge.input("images", ("batch", 1, size, size)), ge.input("masks", ("batch", size, size), "int64")


def overlap(predicted: np.ndarray, true: np.ndarray) -> float:
    """Return intersection over union, counted over all images: the mean of disc, square and triangle."""
    pairs = [(predicted == kind, true == kind) for kind in (1, 2, 3)]
    return np.mean([np.sum(a & b) / np.sum(a | b) for a, b in pairs])


def diagrams(show: Show) -> None:
    """Draw a U-Net of two levels, and a step of the training of one with a single level."""
    unet, small = UNet([8, 16]), UNet([4])
    images, masks = declare(16)
    show.save("unet.svg", viz.draw(unet(images), collapse=parts(unet)), "A U-Net of two levels. Each level's maps go "
              "two ways: down, to be pooled, and straight to the decoder's level of the same size (concat).")  # fmt: skip
    with ge.nn.training() as mode:
        loss = ge.nn.cross_entropy(small(images), masks)
    step = show.engine().compile([images, masks], loss, updates=ge.optim.Adam(1e-2).minimize(loss) | mode.updates)
    data = ge.data.shapes(2, size=16)
    show.save("unet.html", viz.steps(step.trace(data.images, data.masks), collapse=parts(small)), "A step of a U-Net "
              "of one level: the gradient of its maps is a sum, part through the bottleneck, part straight.")  # fmt: skip


def parts(net: UNet) -> list[str]:
    return [part.name for part in net.modules() if isinstance(part, Block | ge.nn.ConvTranspose2d)] + [net.head.name]


def main(show: Show) -> None:
    size = show.pick(32, quick=24)
    seen = ge.data.shapes(show.pick(400, quick=240), size, most=3, noise=0.1, seed=0)
    new = ge.data.shapes(100, size, most=3, noise=0.1, seed=1)
    nets = show.pick({"with skips": True, "without": False}, quick={"with skips": True})
    found = {name: train(show, UNet([8, 16], skip), seen, new) for name, skip in nets.items()}
    curves = {name: curve for name, (_, curve) in found.items()}
    show.criterion("intersection over union on images held out", curves["with skips"][-1],
                   above=show.pick(0.95, quick=0.5))  # fmt: skip
    if "without" in found:
        times = (1 - curves["without"][-1]) / (1 - curves["with skips"][-1])
        show.criterion("what is missing to 1 without skip connections, as a multiple", times, above=2)
    show.save("learning.png", plots.lines(curves, ylabel="intersection over union", bound=1.0),
              "How well predicted and true masks of images held out cover each other, after each epoch.")  # fmt: skip
    masks = {"mask": new.masks} | {f"predicted\n{name}": masks for name, (masks, _) in found.items()}
    rows = {"image": new.images[:8]} | {name: COLOURS[some[:8]] for name, some in masks.items()}
    show.save("masks.png", plots.image_rows(rows), "Images held out, what is in them and what is predicted: disc blue, "
              "square red, triangle green.")  # fmt: skip
    diagrams(show)


if __name__ == "__main__":
    run(main)
