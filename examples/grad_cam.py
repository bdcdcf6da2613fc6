"""Grad-CAM: where in a photograph a network sees what it names; and what it would like to see most.

A small network learns whether there is a flower in a crop of a photograph; nobody tells it where. Its gradient does:
the mean gradient of the score with respect to a feature map says how much that map speaks for a flower, and the maps,
so weighted and added up, say where (Selvaraju et al., 2017). Training sees the left of each photograph, the heat lies
over the right. Look also at images grown from noise by gradient ascent on the input: the first layer answers to plain
colours, the later ones to larger and larger patterns.

Run it:      graph-engine demo grad_cam
"""

import numpy as np

import graph_engine as ge
import graph_engine_viz as viz
from graph_engine.gallery import Show, run
from graph_engine_viz import plots

MIDDLE, CROP = 76, 24  # the column through the middle of the flower; height and width of crops
Piece = tuple[np.ndarray, np.ndarray]  # of a photograph: its pixels, (3, height, width), and where there is a flower

images = ge.input("images", ("batch", 3, "height", "width"))
crops = ge.input("crops", ("batch", 3, CROP, CROP))
labels = ge.input("labels", "batch", "int64")


def stage(before: int, after: int, *more) -> ge.nn.Sequential:
    conv, norm = ge.nn.Conv2d(before, after, 3, padding=1), ge.nn.BatchNorm2d(after)
    return ge.nn.Sequential(*more, conv=conv, norm=norm, act=ge.nn.relu)


features = ge.nn.Sequential(
    layer1=stage(3, 12), layer2=stage(12, 24, ge.nn.MaxPool2d(2)), layer3=stage(24, 24, ge.nn.MaxPool2d(2))
)
head = ge.nn.Sequential(hidden=ge.nn.Linear(24, 24), act=ge.nn.relu, out=ge.nn.Linear(24, 2))


def scores(maps: ge.Variable) -> ge.Variable:
    """Score "no flower" and "flower", from the mean of each map: so images can have any size."""
    return head(ge.mean(maps, axis=(2, 3)))


def grad_cam(pictures: ge.Variable) -> ge.Variable:
    """Return how much each place speaks for a flower."""
    maps = features(pictures)
    score = ge.sum(scores(maps)[:, 1])
    weights = ge.mean(ge.grad(score, maps), axis=(2, 3), keepdims=True)
    heat = ge.nn.relu(ge.sum(weights * maps, axis=1))
    return heat


def photographs() -> tuple[Piece, Piece]:
    """Return the flower and the pagoda, at a quarter of their size."""
    from sklearn.datasets import load_sample_images

    pagoda, flower = (image[:424].reshape(106, 4, 160, 4, 3).mean((1, 3)) / 255 for image in load_sample_images().images)
    y, x = np.ogrid[2:424:4, 2:640:4]  # in pixels of the original: one flower in the middle, one at the lower edge
    there = (np.hypot(y - 220, x - 307) < 140) | (np.hypot(y - 460, x - 379) < 90)
    flower, pagoda = (np.moveaxis(image, -1, 0).astype("float32") for image in (flower, pagoda))
    return (flower, there), (pagoda, np.zeros_like(there))


def cut(pieces: list[Piece], count: int, seed: int) -> Piece:
    """Cut crops at random, as many of each piece, that clearly show a flower or clearly none."""
    rng, found = np.random.default_rng(seed), []
    for pixels, there in pieces:
        wanted = len(found) + count
        while len(found) < wanted:
            top, left = (rng.integers(0, size - CROP + 1) for size in there.shape)
            window = np.s_[..., top : top + CROP, left : left + CROP]
            share = there[window].mean()
            if share > 0.1 or share == 0:
                found.append((pixels[window], int(share > 0)))
    return np.array([crop for crop, _ in found]), np.array([label for _, label in found])


def train(show: Show, seen: Piece, new: Piece) -> tuple[ge.Engine, ge.Trace]:
    with ge.nn.training() as mode:
        loss = ge.nn.cross_entropy(scores(features(crops)), labels)
    engine, epochs = show.engine(), show.pick(4, quick=6)
    batches = ge.data.batches(*seen, batch_size=16)
    rate = ge.optim.schedules.cosine(1e-2, epochs * len(batches))
    step = engine.compile([crops, labels], loss, updates=ge.optim.Adam(rate).minimize(loss) | mode.updates)
    trace = step.trace(*(array[:4] for array in seen))
    ge.train(step, batches, epochs)
    accuracy = ge.nn.accuracy(scores(features(crops)), labels)
    reached = engine.run(accuracy, {crops: new[0], labels: new[1]})
    show.criterion("crops of the right halves: flower or none, accuracy", reached, above=0.85)
    return engine, trace


def look(show: Show, engine: ge.Engine, flower: Piece, pagoda: Piece) -> None:
    """Draw where the network looks in a half that it has not seen, and measure how much of that is flower."""
    chance = ge.nn.softmax(scores(features(images)), axis=-1)[0, 1]
    certain, heat = engine.run([chance, grad_cam(images)[0]], {images: flower[0][None]})
    show.criterion("probability of a flower, where there is one", certain, above=0.5)
    show.criterion("... and where there is a pagoda", engine.run(chance, {images: pagoda[0][None]}), below=0.5)
    shown = np.s_[..., : 4 * heat.shape[0], : 4 * heat.shape[1]]  # each number is for 4x4 pixels; the rest is cut off
    there = flower[1][shown]
    share = np.sum(np.kron(heat, np.ones((4, 4))) * there) / np.sum(heat) / 16
    show.criterion(f"part of the heat on the flowers, {there.mean():.0%} of the image", share, above=0.8)
    show.save("heat.png", plots.heat_map_over(flower[0][shown], heat, label="speaks for a flower"),
              "A half that the network has never seen: the heat lies on the flowers, the lower one too.")  # fmt: skip


def answers(pictures: ge.Variable, depth: int) -> ge.Variable:
    """Return what eight units of a layer answer, before the ReLU, as means over an image."""
    below, layer = features[: depth - 1], features[depth - 1][:-1]
    return ge.mean(layer(below(pictures)), axis=(2, 3))[:, :8]


def grow(show: Show, engine: ge.Engine, real: np.ndarray) -> None:
    """Grow images from noise, smooth ones, that units answer to most: gradient ascent on the input."""
    noise, rows, stronger = np.random.default_rng(0).normal(0, 0.1, (8, 3, 32, 32)), {}, []
    for depth in (1, 2, 3):
        pixels = ge.parameter("pixels", noise.astype("float32"))
        image = ge.sigmoid(pixels)
        own = ge.sum(answers(image, depth) * np.eye(8, dtype="float32"), axis=1)  # each image is for one unit
        down, right = image[..., 1:, :] - image[..., :-1, :], image[..., 1:] - image[..., :-1]
        loss = 100 * (ge.mean(down**2) + ge.mean(right**2)) - ge.sum(own)
        step = engine.compile([], loss, updates=ge.optim.Adam(0.05).minimize(loss, [pixels]))
        for _ in range(show.pick(150, quick=40)):
            step()
        rows[f"layer {depth}"], reached, usual = engine.run([image, own, answers(crops, depth)], {crops: real})
        stronger.extend(reached > usual.max(axis=0))
    show.criterion("units that answer more to the image grown for them than to any crop", np.mean(stronger), above=0.8)
    show.save("grown.png", plots.image_rows(rows), "Grown from noise, an image for each of eight units of a layer: "
              "first plain colours, then fine textures, then larger patterns.")  # fmt: skip


def main(show: Show) -> None:
    pieces = photographs()
    left = [(pixels[..., :MIDDLE], there[:, :MIDDLE]) for pixels, there in pieces]
    right = [(pixels[..., MIDDLE:], there[:, MIDDLE:]) for pixels, there in pieces]
    new = cut(right, 100, seed=1)
    engine, trace = train(show, cut(left, show.pick(600, quick=300), seed=0), new)
    look(show, engine, *right)
    grow(show, engine, new[0])
    folded = ["features.layer1", "features.layer2", "features.layer3", "head"]
    show.save("grad_cam.svg", viz.draw(grad_cam(crops), collapse=folded), "Grad-CAM as a graph: the gradient, too, is "
              "made of operations; it goes from the score back to the maps, and no further.")  # fmt: skip
    show.save("training.html", viz.steps(trace, collapse=folded), "A step of the training that comes before.")


if __name__ == "__main__":
    run(main)
