"""Detector: a network looks once, and says for each cell of a grid whether a shape is there, where, and which.

In the manner of YOLO (J. Redmon et al., 2016): the image is divided into a grid; the cell in which the middle of a
shape lies has to find it. Eight numbers for each cell say how sure it is, where in it the middle lies, how wide and
high the box is, and which class it is of. One loss adds up what is wrong with all of them. Look at the boxes over
images that were held out: what is found is solid, what is there is dashed.

Run it:      graph-engine demo detector
"""

import numpy as np

import graph_engine as ge
import graph_engine_viz as viz
from graph_engine.gallery import Show, run
from graph_engine_viz import plots

SIZE, CELLS = 32, 4  # pixels, and cells of the grid, along each side
CELL = SIZE / CELLS

net = ge.nn.Sequential(
    conv1=ge.nn.Conv2d(1, 16, 5, stride=2, padding=2), act1=ge.nn.ReLU(),
    conv2=ge.nn.Conv2d(16, 16, 3, padding=1), act2=ge.nn.ReLU(), pool2=ge.nn.MaxPool2d(2),
    conv3=ge.nn.Conv2d(16, 32, 3, padding=1), act3=ge.nn.ReLU(), pool3=ge.nn.MaxPool2d(2),
    conv4=ge.nn.Conv2d(32, 32, 3, padding=1), act4=ge.nn.ReLU(), out=ge.nn.Conv2d(32, 8, 1),
)  # fmt: skip

images = ge.input("images", ("batch", 1, SIZE, SIZE))
there, box = ge.input("there", ("batch", CELLS, CELLS)), ge.input("box", ("batch", 4, CELLS, CELLS))
kind = ge.input("kind", ("batch", CELLS, CELLS), "int64")

grid = net(images)
with ge.scope("find"):
    sure = grid[:, 0]
    finding = ge.nn.binary_cross_entropy_with_logits(sure, there, reduction="sum")
with ge.scope("place"):  # this, as the next, counts only where a shape is
    said_box = ge.sigmoid(grid[:, 1:5])
    placing = 5 * ge.sum(ge.expand_dims(there, axis=1) * ge.square(said_box - box))
with ge.scope("name"):
    said_kind = grid[:, 5:]
    naming = ge.sum(there * ge.nn.cross_entropy(said_kind, kind, reduction="none"))
loss = (finding + placing + naming) / ge.sum(there)
found = [ge.sigmoid(sure), said_box, ge.argmax(said_kind, axis=1)]


def targets(data: ge.data.Shapes) -> list[np.ndarray]:
    """Write each shape into its cell: 1; its middle, counted from the cell's corner, and its size; its class."""
    there, box, kind = (np.zeros((len(data.images), *channels, CELLS, CELLS)) for channels in ((), (4,), ()))
    image, number = np.nonzero(data.classes >= 0)
    left, top, right, bottom = data.boxes[image, number].T
    x, y = (left + right) / 2 / CELL, (top + bottom) / 2 / CELL
    row, column = y.astype(int), x.astype(int)
    there[image, row, column] = 1
    box[image, :, row, column] = np.transpose([x - column, y - row, (right - left) / SIZE, (bottom - top) / SIZE])
    kind[image, row, column] = data.classes[image, number]
    return [data.images, there, box, kind.astype(int)]


def detect(engine: ge.Engine, pictures: np.ndarray) -> list[list[tuple]]:
    """Return for each image what is found: box, class, and how sure that is."""
    certain, places, kinds = map(np.asarray, engine.run(found, {images: pictures}))
    things = [[] for _ in pictures]
    for image, row, column in np.argwhere(certain > 0.5):
        x, y, wide, high = places[image, :, row, column] * (CELL, CELL, SIZE, SIZE) + (column * CELL, row * CELL, 0, 0)
        corners = (x - wide / 2, y - high / 2, x + wide / 2, y + high / 2)
        things[image].append((corners, kinds[image, row, column], certain[image, row, column]))
    return things


def iou(one: np.ndarray, other: np.ndarray) -> float:
    """Return the intersection of two boxes over their union."""
    width, height = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    common, areas = max(width, 0) * max(height, 0), [(c - a) * (d - b) for a, b, c, d in (one, other)]
    return common / (sum(areas) - common)


def judge(show: Show, data: ge.data.Shapes, things: list[list[tuple]]) -> None:
    """Compare each shape with the box that overlaps it most."""
    overlaps, right = [], []
    for boxes, kinds, candidates in zip(data.boxes, data.classes, things):
        for true, kind in zip(boxes[kinds >= 0], kinds[kinds >= 0]):
            nearest, said, _ = max(candidates, key=lambda thing: iou(thing[0], true), default=((0, 0, 0, 0), -1, 0))
            overlaps.append(iou(nearest, true))
            right.append(said == kind)
    surplus = abs(sum(map(len, things)) / len(overlaps) - 1)
    show.criterion("mean IoU of shapes and boxes, held out", np.mean(overlaps), above=show.pick(0.75, quick=0.6))
    show.criterion("share of shapes whose class is right", np.mean(right), above=show.pick(0.9, quick=0.5))
    show.criterion("boxes too many or too few, for each shape", surplus, below=0.1)


def main(show: Show) -> None:
    train_data = targets(ge.data.shapes(show.pick(2000, quick=500), SIZE, most=2, seed=0))
    held_out, engine = ge.data.shapes(200, SIZE, most=2, seed=1), show.engine()
    batches = ge.data.batches(*train_data, batch_size=8)
    optimizer = ge.optim.Adam(ge.optim.schedules.cosine(5e-3, T_max=12, steps_per_epoch=len(batches)))
    step = engine.compile([images, there, box, kind], loss, updates=optimizer.minimize(loss))
    trace = step.trace(*(array[:8] for array in train_data))
    history = ge.train(step, batches, epochs=show.pick(12, quick=8))
    things = detect(engine, held_out.images)
    judge(show, held_out, things)

    shown, names = things[:8], held_out.names
    boxes = [[corners for corners, _, _ in image] for image in shown]
    labels = [[f"{names[kind]} {certain:.2f}" for _, kind, certain in image] for image in shown]
    truth = [boxes[kinds >= 0] for boxes, kinds in zip(held_out.boxes, held_out.classes)]
    picture = plots.boxes_over(held_out.images[:8], boxes, labels, truth[:8])
    show.save("boxes.png", picture, "Images held out: what is found, how sure that is; dashed: what is there.")
    show.save("loss.png", history.plot(best=None), "The loss, epoch by epoch.")
    parts = ["net", "find", "place", "name"]
    show.save("detector.svg", viz.draw(trace, collapse=parts), "One grid of numbers, three errors, one loss.")
    show.save("detector.html", viz.steps(trace, collapse=parts), "The first training step: forward, backward, update.")


if __name__ == "__main__":
    run(main)
