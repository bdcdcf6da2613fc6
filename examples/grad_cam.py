"""Grad-CAM: where in a photograph a network sees what it names; and what it would like to see most.

A small network learns whether there is a flower in a crop of a photograph; nobody tells it where. Its gradient does:
the mean gradient of the score with respect to a feature map says how much that map speaks for a flower, and the maps,
so weighted and added up, say where (Selvaraju et al., 2017). Training sees the left of each photograph, the heat lies
over the right. Look also at images grown from noise by gradient ascent: colours and edges please the first layer,
larger patterns the later ones.

Run it:      graph-engine demo grad_cam
"""

import numpy as np

import graph_engine as ge
import graph_engine_viz as viz
from graph_engine.gallery import Show, run
from graph_engine_viz import plots

SMOOTH=float(__import__('os').environ.get('R','100'))
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
FOLDED = ["features.layer1", "features.layer2", "features.layer3", "head"]


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
    engine, epochs = show.engine(), show.pick(10, quick=8)
    batches = ge.data.batches(*seen, batch_size=16)
    rate = ge.optim.schedules.cosine(1e-2, epochs * len(batches))
    step = engine.compile([crops, labels], loss, updates=ge.optim.Adam(rate).minimize(loss) | mode.updates)
    trace = step.trace(*(array[:4] for array in seen))
    ge.train(step, batches, epochs)
    accuracy = engine.run(ge.nn.accuracy(scores(features(images)), labels), {images: new[0], labels: new[1]})
    show.criterion("crops of the right halves: flower or none, accuracy", accuracy, above=0.9)
    return engine, trace


def look(show: Show, engine: ge.Engine, flower: Piece, pagoda: Piece) -> None:
    """Draw where the network looks in the halves that it has not seen."""
    chance = ge.nn.softmax(scores(features(images)), axis=-1)[0, 1]
    heat = grad_cam(images)
    places, certain = engine.run([heat, chance], {images: flower[0][None]})
    show.criterion("probability of a flower, where there is one", certain, above=0.5)
    show.criterion("... where there is a pagoda", engine.run(chance, {images: pagoda[0][None]}), below=0.5)
    height, width = (4 * size for size in places[0].shape)
    there = flower[1][:height, :width]
    share = np.sum(places[0].repeat(4, 0).repeat(4, 1) * there) / np.sum(places[0]) / 16
    show.criterion(f"part of the heat on the flowers, {there.mean():.0%} of the image", share, above=0.8)
    show.save("heat.png", plots.heat_map_over(flower[0][:, :height, :width], places[0], label="speaks for a flower"),
              "A half that the network has never seen: the heat lies on the flowers, the small one too.")  # fmt: skip


def grow(show: Show, engine: ge.Engine, real: np.ndarray) -> None:
    """Grow images from noise that units of each layer answer to most: gradient ascent on the input."""
    noise, rows, stronger = np.random.default_rng(0).normal(0, 0.1, (8, 3, 32, 32)), {}, []
    for depth in (1, 2, 3):
        answers = ge.mean(features[:depth](crops), axis=(2, 3))
        strongest = np.max(engine.run(answers, {crops: real}), axis=0)
        units = np.argsort(-strongest)[:8]
        pixels = ge.parameter("pixels", noise.astype("float32"))
        image = ge.sigmoid(pixels)
        answer = ge.mean(features[:depth](image), axis=(2, 3))[np.arange(8), units]
        down, right = image[..., 1:, :] - image[..., :-1, :], image[..., 1:] - image[..., :-1]
        loss = SMOOTH * (ge.mean(down**2) + ge.mean(right**2)) - ge.sum(answer)
        step = engine.compile([], loss, updates=ge.optim.Adam(0.05).minimize(loss, [pixels]))
        for _ in range(show.pick(150, quick=30)):
            step()
        rows[f"layer {depth}"], reached = engine.run([image, answer])
        stronger.extend(reached > strongest[units])
    show.criterion("units that answer more to their grown image than to any crop", np.mean(stronger), above=0.8)
    show.save("grown.png", plots.image_rows(rows), "Grown from noise: what eight units of each layer answer to most.")


def main(show: Show) -> None:
    flower, pagoda = photographs()
    left, right = ([tuple(a[..., half] for a in piece) for piece in (flower, pagoda)]
                   for half in (np.s_[:MIDDLE], np.s_[MIDDLE:]))
    right_crops = cut(right, 100, seed=1)
    engine, trace = train(show, cut(left, show.pick(300, quick=200), seed=0), right_crops)
    look(show, engine, *right)
    grow(show, engine, right_crops[0])
    show.save("grad_cam.svg", viz.draw(grad_cam(crops), collapse=FOLDED), "x")
    show.save("training.html", viz.steps(trace, collapse=FOLDED), "y")


if __name__ == "__main__":
    run(main)
