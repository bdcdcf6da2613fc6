"""Grad-CAM: where in a photograph a network sees what it names, and what it would like to see most.

A small network learns to name crops of two photographs: flower, pagoda, or something else. Nobody tells it where in a
crop the thing is. Its gradient does: the mean gradient of a class's score with respect to a feature map says how much
that map speaks for the class, and the maps so weighted, added up, say where (Selvaraju et al., 2017). Training sees only
the left of each photograph; the heat lies over the right, which the network has never seen. Look also at pictures made
from noise by gradient ascent on the input: what a class looks like to the network.

Run it:      graph-engine demo grad_cam
"""

from dataclasses import dataclass

import numpy as np

import graph_engine as ge
import graph_engine_viz as viz
from graph_engine.gallery import Show, run
from graph_engine_viz import plots

NAMES = ("something else", "flower", "pagoda")
CROP = 24

images = ge.input("images", ("batch", 3, "height", "width"))
labels = ge.input("labels", "batch", "int64")

features = ge.nn.Sequential(
    conv1=ge.nn.Conv2d(3, 12, 3, padding=1), norm1=ge.nn.BatchNorm2d(12), act1=ge.nn.relu, pool1=ge.nn.MaxPool2d(2),
    conv2=ge.nn.Conv2d(12, 24, 3, padding=1), norm2=ge.nn.BatchNorm2d(24), act2=ge.nn.relu, pool2=ge.nn.MaxPool2d(2),
    conv3=ge.nn.Conv2d(24, 24, 3, padding=1), norm3=ge.nn.BatchNorm2d(24), act3=ge.nn.relu,
)  # fmt: skip
head = ge.nn.Sequential(hidden=ge.nn.Linear(24, 24), act=ge.nn.relu, out=ge.nn.Linear(24, 3))


def scores(maps: ge.Variable) -> ge.Variable:
    """Name an image of any size: the mean of each map goes into a network of two layers."""
    return head(ge.mean(maps, axis=(2, 3)))


def grad_cam(pictures: ge.Variable, kind: int) -> ge.Variable:
    """Return how much each place speaks for a class: feature maps, weighted by the mean of their gradients."""
    maps = features(pictures)
    weights = ge.mean(ge.grad(ge.sum(scores(maps)[:, kind]), maps), axis=(2, 3), keepdims=True)
    return ge.nn.relu(ge.sum(weights * maps, axis=1))


@dataclass
class Photo:
    """One piece of a photograph, (3, height, width), and where the thing is, as 0 and 1."""

    pixels: np.ndarray
    there: np.ndarray
    kind: int

    def crops(self, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Cut crops at random, clearly with the thing or clearly without, and name them."""
        found = []
        while len(found) < count:
            top, left = (rng.integers(0, size - CROP + 1) for size in self.there.shape)
            window = np.s_[top : top + CROP, left : left + CROP]
            share = self.there[window].mean()
            if share > 0.3 or share < 0.02:
                found.append((self.pixels[:, *window], self.kind * (share > 0.3)))
        return tuple(map(np.array, zip(*found)))


def photographs() -> tuple[list[Photo], list[Photo]]:
    """Return a half of each photograph to train with, and the other to try; at a quarter of their size."""
    from sklearn.datasets import load_sample_images

    china, flower = (
        np.moveaxis(image[:424].reshape(106, 4, 160, 4, 3).mean((1, 3)), -1, 0).astype("float32") / 255
        for image in load_sample_images().images
    )
    y, x = np.ogrid[2:424:4, 2:640:4]  # in pixels of the originals
    flowers = (np.hypot(y - 220, x - 307) < 140) | (np.hypot(y - 460, x - 379) < 90)
    pagoda = (y > 95) & (y < 355) & (x > 62) & (x < 352)
    left, right = np.s_[..., :76], np.s_[..., 76:]
    seen = [Photo(flower[left], flowers[left], 1), Photo(china[..., 52:], pagoda[..., 52:], 2)]
    return seen, [Photo(flower[right], flowers[right], 1), Photo(china[..., :52], pagoda[..., :52], 2)]


def main(show: Show) -> None:
    rng = np.random.default_rng(0)
    seen, new = photographs()
    def join(photos, count): return [np.concatenate(parts) for parts in zip(*(photo.crops(count, rng) for photo in photos))]
    train = join(seen, show.pick(300, quick=100)); val=join(new,100)
    engine = show.engine()
    with ge.nn.training() as mode:
        loss = ge.nn.cross_entropy(scores(features(images)), labels)
    logits = scores(features(images))
    import sys
    step = engine.compile([images, labels], loss, updates=ge.optim.Adam(3e-3).minimize(loss) | mode.updates)
    val = ge.training.Evaluation(engine, [images, labels], {"accuracy": ge.nn.accuracy(logits, labels)}, [val])
    import time
    t=time.process_time()
    h=ge.train(step, ge.data.batches(*train, batch_size=16), show.pick(8, quick=5), validation=val)
    print(h.validation,h.train, time.process_time()-t, np.bincount(train[1]))
    for photo in new+seen:
        for k in (1,2):
            heat, sc = engine.run([grad_cam(images, k), ge.nn.softmax(logits, axis=-1)], {images: photo.pixels[None]})
            big = np.kron(heat[0], np.ones((4, 4)))
            rr = photo.there[:big.shape[0], :big.shape[1]]
            big=big[:rr.shape[0],:rr.shape[1]]
            print(photo.kind, k, sc, "share", big[rr].sum() / big.sum(), rr.mean(), heat.max())
            if k==photo.kind and photo in new: show.save(f"heat{k}.png", plots.heat_map_over(photo.pixels, heat[0], NAMES[k]), "x")
    picture = ge.parameter("picture", rng.normal(0, 0.1, (3, 3, 48, 48)).astype("float32"))
    shown = ge.sigmoid(picture)
    wanted = scores(features(shown))
    goal = -ge.sum(wanted * np.eye(3, dtype="float32"))
    t=time.process_time()
    rough = ge.sum((shown[..., 1:, :]-shown[..., :-1, :])**2)+ge.sum((shown[..., :, 1:]-shown[..., :, :-1])**2)
    ascend = engine.compile([], goal + 0.05*rough, updates=ge.optim.Adam(0.05).minimize(goal+ 0.05*rough, [picture]))
    rows = {}
    for n in range(show.pick(201, quick=51)):
        if n in (0, 10, 50, 200):
            rows[f"step {n}"] = engine.run(shown)
        ascend()
    print(engine.run(wanted), time.process_time()-t)
    show.save("features.png", plots.image_rows(rows), "y")


if __name__ == "__main__":
    run(main)
