"""U-Net: says of every pixel what it belongs to; skip connections bring back where exactly.

An encoder makes maps smaller to see what is there, a decoder makes them large again to say where. What pooling forgets
goes around it: each level hands its maps to the decoder, which sets them beside its own (concatenation). Look at the
wires around the bottleneck, and at the masks: the same network without these wires, trained as long, misses edges or
whole kinds of shapes; which, its first weights decide (overlap from three beginnings: 0.52, 0.64, 0.96).

Run it:      graph-engine demo unet
"""

import numpy as np

import graph_engine as ge
import graph_engine_viz as viz
from graph_engine.gallery import Show, run
from graph_engine_viz import plots

COLOURS = np.array([[0.93, 0.93, 0.93], [0.04, 0.37, 0.65], [0.72, 0.26, 0], [0.11, 0.47, 0.22]])  # of the kinds

images, masks = ge.input("images", ("batch", 1, 32, 32)), ge.input("masks", ("batch", 32, 32), "int64")


def block(before: int, after: int) -> ge.nn.Sequential:
    return ge.nn.Sequential(
        conv1=ge.nn.Conv2d(before, after, 3, padding=1, bias=False), norm1=ge.nn.BatchNorm2d(after), act1=ge.nn.relu,
        conv2=ge.nn.Conv2d(after, after, 3, padding=1, bias=False), norm2=ge.nn.BatchNorm2d(after), act2=ge.nn.relu,
    )  # fmt: skip


class Encoder(ge.nn.Module):
    """At each level a block, then pooling to half the size; it returns the levels' maps, too."""

    def __init__(self, channels: list[int]) -> None:
        self.level = [block(before, after) for before, after in zip([1, *channels], channels)]

    def forward(self, x: ge.Variable) -> tuple[ge.Variable, list[ge.Variable]]:
        skips = []
        for level in self.level:
            skips.append(level(x))
            x = ge.nn.max_pool2d(skips[-1], 2)
        return x, skips


class Decoder(ge.nn.Module):
    """At each level up to twice the size, beside it the encoder's maps of that size, then a block."""

    def __init__(self, channels: list[int], skip: bool) -> None:
        self.skip = skip
        self.up = [ge.nn.ConvTranspose2d(2 * after, after, 2, stride=2) for after in channels]
        self.level = [block(2 * after if skip else after, after) for after in channels]

    def forward(self, x: ge.Variable, skips: list[ge.Variable]) -> ge.Variable:
        for up, level, skip in reversed(list(zip(self.up, self.level, skips))):
            x = up(x)
            x = level(ge.concat([skip, x], axis=1) if self.skip else x)
        return x


class UNet(ge.nn.Module):
    def __init__(self, channels: list[int], skip: bool = True) -> None:
        self.encoder = Encoder(channels)
        self.bottleneck = block(channels[-1], 2 * channels[-1])
        self.decoder = Decoder(channels, skip)
        self.head = ge.nn.Conv2d(channels[0], 4, 1)  # background, disc, square, triangle

    def forward(self, images: ge.Variable) -> ge.Variable:
        maps, skips = self.encoder(images)
        return self.head(self.decoder(self.bottleneck(maps), skips))

    def parts(self) -> list[str]:  # that are folded in diagrams
        return [part.name for part in self.modules() if isinstance(part, ge.nn.Sequential | ge.nn.ConvTranspose2d)]


def compiled(engine: ge.Engine, net: UNet, steps: int) -> ge.CompiledStep:
    with ge.nn.training() as mode:  # batch normalisation measures each batch
        loss = ge.nn.cross_entropy(net(images), masks)
    falling = ge.optim.schedules.cosine(5e-3, steps)
    return engine.compile([images, masks], loss, updates=ge.optim.Adam(falling).minimize(loss) | mode.updates)


def train(show: Show, net: UNet, seen: ge.data.Shapes, new: ge.data.Shapes) -> tuple[np.ndarray, list[float]]:
    """Return the masks predicted for new images, and after each epoch how well they cover the true ones."""
    engine, epochs = show.engine(), show.pick(8, quick=5)
    batches = ge.data.batches(seen.images, seen.masks, batch_size=8)
    kinds, feeds = ge.argmax(net(images), axis=1), {images: new.images}

    def measure() -> dict[str, float]:  # intersection over union, counted over all images: the mean of three kinds
        found = engine.run(kinds, feeds)
        pairs = [(found == kind, new.masks == kind) for kind in (1, 2, 3)]
        return {"overlap": np.mean([np.sum(a & b) / np.sum(a | b) for a, b in pairs])}

    history = ge.train(compiled(engine, net, epochs * len(batches)), batches, epochs, validation=measure)
    return engine.run(kinds, feeds), history.validation["overlap"]


def main(show: Show) -> None:
    seen, new = (ge.data.shapes(n, most=3, noise=0.1, seed=n) for n in (show.pick(400, quick=160), 100))
    nets = show.pick({"with skips": True, "without": False}, quick={"with skips": True})
    found = {name: train(show, UNet([8, 16], skip), seen, new) for name, skip in nets.items()}
    curves = {name: curve for name, (_, curve) in found.items()}
    reached, *without = (curve[-1] for curve in curves.values())
    show.criterion("intersection over union, images held out", reached, above=show.pick(0.95, quick=0.5))
    for other in without:
        show.criterion("by so much better than without skips", reached - other, above=0.02)
    show.save("learning.png", plots.lines(curves, ylabel="intersection over union", bound=1.0),
              "How well predicted and true masks of images held out cover each other, after each epoch.")  # fmt: skip
    colours = {"mask": new.masks} | {f"predicted\n{name}": predicted for name, (predicted, _) in found.items()}
    rows = {"image": new.images[:8]} | {name: COLOURS[kinds[:8]] for name, kinds in colours.items()}
    show.save("masks.png", plots.image_rows(rows), "Images held out, what is in them, and what is predicted: discs "
              "blue, squares red, triangles green.")  # fmt: skip
    unet, small = UNet([8, 16]), UNet([4])
    show.save("unet.svg", viz.draw(unet(images), collapse=unet.parts()), "Two levels. Each one's maps go two ways: "
              "down, to be pooled, and straight to the decoder's level of their size (concat).")  # fmt: skip
    trace = compiled(show.engine(), small, steps=1).trace(new.images[:2], new.masks[:2])
    show.save("unet.html", viz.steps(trace, collapse=small.parts()), "A step of a U-Net of one level: its maps' "
              "gradient is a sum, part through the bottleneck, part straight.")  # fmt: skip


if __name__ == "__main__":
    run(main)
