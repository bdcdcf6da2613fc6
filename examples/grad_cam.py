"""Grad-CAM: where in a photograph a network sees what it names; and what it would like to see most.

A network learns whether there is a flower in a crop of a photograph; nobody tells it where. Its gradient does: that of
the score, as a mean over a feature map, says how much the map speaks for a flower; the maps, so weighted and added up,
say where (Selvaraju et al., 2017). Training sees the left of each photograph, heat is measured on the right. Look
also at images grown from noise, by gradient ascent on the input: later layers answer to larger patterns.

Run it:      graph-engine demo grad_cam
"""

import numpy as np

import graph_engine as ge
import graph_engine_viz as viz
from graph_engine.gallery import Show, run
from graph_engine_viz import plots

MIDDLE, CROP = 76, 24  # the column through the middle of the flower; height and width of crops
FOLDED = ("features.layer1", "features.layer2", "features.layer3", "head")  # in diagrams

images = ge.input("images", ("batch", 3, "height", "width"))
crops, labels = ge.input("crops", ("batch", 3, CROP, CROP)), ge.input("labels", "batch", "int64")


def layer(before: int, after: int, *first) -> ge.nn.Sequential:
    return ge.nn.Sequential(*first, ge.nn.Conv2d(before, after, 3, padding=1), ge.nn.BatchNorm2d(after), ge.nn.relu)


features = ge.nn.Sequential(
    layer1=layer(3, 12), layer2=layer(12, 24, ge.nn.MaxPool2d(2)), layer3=layer(24, 24, ge.nn.MaxPool2d(2))
)
head = ge.nn.Sequential(hidden=ge.nn.Linear(24, 24), act=ge.nn.relu, out=ge.nn.Linear(24, 2))


def scores(maps: ge.Variable) -> ge.Variable:
    """Score "no flower" and "flower", from the mean of each map: so images can have any size."""
    return head(ge.mean(maps, axis=(2, 3)))


def grad_cam(pictures: ge.Variable) -> ge.Variable:
    maps = features(pictures)
    score = ge.sum(scores(maps)[:, 1])
    weights = ge.mean(ge.grad(score, maps), axis=(2, 3), keepdims=True)
    return ge.nn.relu(ge.sum(weights * maps, axis=1)).named("heat")


def photographs() -> list[tuple[np.ndarray, np.ndarray]]:
    """Return a flower and a pagoda, (3, 104, 160), a quarter of their size, and where in them there are flowers."""
    from sklearn.datasets import load_sample_images

    small = [image[:416].reshape(104, 4, 160, 4, 3).mean((1, 3)) / 255 for image in load_sample_images().images]
    pagoda, flower = (np.moveaxis(image, -1, 0).astype("float32") for image in small)
    y, x = np.ogrid[2:416:4, 2:640:4]  # in pixels of the original: one flower in the middle, one at the lower edge
    there = (np.hypot(y - 220, x - 307) < 140) | (np.hypot(y - 460, x - 379) < 90)
    return [(flower, there), (pagoda, np.zeros_like(there))]


def cut(pieces: list[tuple[np.ndarray, np.ndarray]], count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Cut crops at random, as many of each piece: part of a flower, more than a tenth of the crop, or none of it."""
    rng, found = np.random.default_rng(seed), []
    for number, (pixels, there) in enumerate(pieces, start=1):
        while len(found) < number * count:
            top, left = (rng.integers(0, size - CROP + 1) for size in there.shape)
            window = np.s_[..., top : top + CROP, left : left + CROP]
            if there[window].mean() > 0.1 or not there[window].any():
                found.append((pixels[window], int(there[window].any())))
    return np.array([crop for crop, _ in found]), np.array([label for _, label in found])


def train(show: Show, engine: ge.Engine, seen: tuple[np.ndarray, np.ndarray]) -> ge.Trace:
    with ge.nn.training() as mode:  # batch normalisation measures each batch
        loss = ge.nn.cross_entropy(scores(features(crops)), labels)
    batches = ge.data.batches(*seen, batch_size=16)
    rate = ge.optim.schedules.cosine(1e-2, 6 * len(batches))
    step = engine.compile([crops, labels], loss, updates=ge.optim.Adam(rate).minimize(loss) | mode.updates)
    trace = step.trace(*(array[:4] for array in seen))
    ge.train(step, batches, epochs=6)
    return trace


def grow(show: Show, engine: ge.Engine, depth: int) -> np.ndarray:
    """Grow eight images from noise, smooth ones, each for what one unit of a layer answers to most."""
    pixels = ge.parameter("pixels", np.random.default_rng(0).normal(0, 0.1, (8, 3, 32, 32)).astype("float32"))
    grown = ge.sigmoid(pixels)
    maps = features[depth - 1][:-1](features[: depth - 1](grown))  # before the ReLU
    answers = ge.mean(maps, axis=(2, 3))[list(range(8)), list(range(8))]
    down, right = grown[..., 1:, :] - grown[..., :-1, :], grown[..., 1:] - grown[..., :-1]
    loss = 100 * (ge.mean(down**2) + ge.mean(right**2)) - ge.sum(answers)
    step, before = engine.compile([], loss, updates=ge.optim.Adam(0.05).minimize(loss, [pixels])), engine.run(answers)
    for _ in range(show.pick(150, quick=20)):
        step()
    show.criterion(f"layer {depth}: least gain of eight answers", np.min(engine.run(answers) - before), above=0)
    return engine.run(grown)


def main(show: Show) -> None:
    pieces, engine = photographs(), show.engine()
    left = [(pixels[..., :MIDDLE], there[:, :MIDDLE]) for pixels, there in pieces]
    (flower, there), (pagoda, _) = [(pixels[..., MIDDLE:], there[:, MIDDLE:]) for pixels, there in pieces]
    trace = train(show, engine, cut(left, show.pick(300, quick=200), seed=0))
    chance, heat = ge.nn.softmax(scores(features(images)), axis=-1)[0, 1], grad_cam(images)[0]
    certain, hot = engine.run([chance, heat], {images: flower[None]})
    show.criterion("probability of a flower, where there is one", certain, above=0.5)
    show.criterion("... and where there is a pagoda", engine.run(chance, {images: pagoda[None]}), below=0.5)
    share = np.mean(there.reshape(26, 4, -1, 4), axis=(1, 3))  # of the 4x4 pixels of each place
    show.criterion(f"part of the heat on the flowers, {there.mean():.0%} of the image",
                   np.sum(hot * share) / np.sum(hot), above=0.8)  # fmt: skip
    hot = engine.run(heat, {images: pieces[0][0][None]})
    show.save("heat.png", plots.heat_map_over(pieces[0][0], hot, label="speaks for a flower"),
              "The heat lies on the flowers, the lower one too; the right half was never seen.")  # fmt: skip
    grown = {f"layer {depth}": grow(show, engine, depth) for depth in (1, 2, 3)}
    show.save("grown.png", plots.image_rows(grown), "Grown from noise, an image for each of eight units of a layer: "
              "first plain colours, then fine textures, then larger patterns.")  # fmt: skip
    show.save("grad_cam.svg", viz.draw(grad_cam(crops), collapse=FOLDED), "Grad-CAM as a graph: the gradient, too, is "
              "made of operations; it goes from the score back to the maps, and no further.")  # fmt: skip
    show.save("training.html", viz.steps(trace, collapse=FOLDED), "A step of the training that comes before.")


if __name__ == "__main__":
    run(main)
