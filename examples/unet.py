"""U-Net: says of every pixel what it belongs to; skip connections bring back where exactly.

An encoder makes maps smaller and smaller to see what is there, a decoder makes them large again to say where. What
pooling forgets goes around it: each level of the encoder hands its maps straight to the decoder, which sets them beside
its own (concatenation). Look at the wires that pass under the bottleneck, and at the edges of the predicted masks: the
same network without them finds the shapes too, but blurs them.

Run it:      graph-engine demo unet
"""

import numpy as np

import graph_engine as ge
import graph_engine_viz as viz
from graph_engine.gallery import Show, run
from graph_engine_viz import plots


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
    images, masks = ge.input("images", ("batch", *seen.images.shape[1:])), ge.input("masks", ("batch", 32, 32), "int64")
    logits = net(images)
    loss = ge.nn.cross_entropy(logits, masks)
    engine = show.engine()
    epochs, size = show.pick(12, quick=5), 16
    rate = ge.optim.schedules.cosine(8e-3, epochs * -(-len(seen.images) // size))
    step = engine.compile([images, masks], loss, updates=ge.optim.Adam(rate).minimize(loss))

    def predict() -> np.ndarray:
        return np.argmax(np.asarray(engine.run(logits, {images: new.images})), axis=1)

    history = ge.train(step, ge.data.batches(seen.images, seen.masks, batch_size=size), epochs,
                       validation=lambda: {"IoU": overlap(predict(), new.masks)})  # fmt: skip
    return predict(), history.validation["IoU"]


def overlap(predicted: np.ndarray, true: np.ndarray) -> float:
    """Return the mean over the three shapes of intersection over union, counted over all images."""
    kinds = [(predicted == kind, true == kind) for kind in (1, 2, 3)]
    return float(np.mean([np.sum(a & b) / np.sum(a | b) for a, b in kinds]))


if __name__ == "__main__":
    import time
    class S:pass
    import sys
    show=Show("/tmp/x",quick=len(sys.argv)>1)
    seen,new=ge.data.shapes(show.pick(400,240),noise=.15,most=3,seed=0),ge.data.shapes(100,noise=.15,most=3,seed=1)
    for skip in (True,False):
        t=time.process_time()
        print(skip,[round(v,3) for v in train(show,UNet([8,16],skip),seen,new)[1]],time.process_time()-t)
