"""Detector: a network looks once, and says for each cell of a grid whether a shape is there, where, and which.

In the manner of YOLO (J. Redmon et al., 2016): the image is divided into a grid. The cell in which the middle of a shape
lies has to find it. Eight numbers for each cell say how sure it is, where in it the middle lies, how wide and how high
the box is, and which class it is of; one loss adds up what is wrong with all of them. Look at the boxes over images that
were held out: what is found is solid, what is there is dashed.

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
    conv1=ge.nn.Conv2d(1, 8, 3, padding=1), act1=ge.nn.ReLU(), pool1=ge.nn.MaxPool2d(2),
    conv2=ge.nn.Conv2d(8, 16, 3, padding=1), act2=ge.nn.ReLU(), pool2=ge.nn.MaxPool2d(2),
    conv3=ge.nn.Conv2d(16, 32, 3, padding=1), act3=ge.nn.ReLU(), pool3=ge.nn.MaxPool2d(2),
    conv4=ge.nn.Conv2d(32, 32, 3, padding=1), act4=ge.nn.ReLU(), out=ge.nn.Conv2d(32, 8, 1),
)  # fmt: skip

images = ge.input("images", ("batch", 1, SIZE, SIZE))
there, classes = (ge.input(name, ("batch", CELLS, CELLS), "int64") for name in ("there", "classes"))
boxes = ge.input("boxes", ("batch", 4, CELLS, CELLS))
grid = net(images)
sure, box, kind = grid[:, 0], ge.sigmoid(grid[:, 1:5]), grid[:, 5:]  # a logit; four numbers from 0 to 1; three logits


def declare_loss() -> ge.Variable:
    """Each cell says whether a shape is there; where one is, also its box and its class."""
    mask = ge.astype(there, "float32")
    shapes = ge.sum(mask)
    finding = ge.nn.binary_cross_entropy_with_logits(sure, mask, reduction="sum")
    placing = ge.sum(ge.expand_dims(mask, axis=1) * ge.square(box - boxes))
    naming = ge.sum(mask * ge.nn.cross_entropy(kind, classes, reduction="none"))
    return (finding + 5 * placing + naming) / shapes


def targets(data: ge.data.Shapes) -> tuple[np.ndarray, ...]:
    """Write each shape into its cell: that it is there, its middle from the cell's corner and its size, its class."""
    cells = (len(data.images), CELLS, CELLS)
    there, classes, boxes = np.zeros(cells, int), np.zeros(cells, int), np.zeros((cells[0], 4, CELLS, CELLS))
    image, number = np.nonzero(data.classes >= 0)
    left, top, right, bottom = data.boxes[image, number].T
    x, y = (left + right) / 2 / CELL, (top + bottom) / 2 / CELL
    row, column = y.astype(int), x.astype(int)
    there[image, row, column] = 1
    classes[image, row, column] = data.classes[image, number]
    boxes[image, :, row, column] = np.stack([x - column, y - row, (right - left) / SIZE, (bottom - top) / SIZE], 1)
    return data.images, there, boxes, classes


def detect(engine: ge.Engine, pictures: np.ndarray) -> list[list[tuple]]:
    """Return for each image what was found: box, class, and how sure that is."""
    certain, places, kinds = map(np.asarray, engine.run([ge.sigmoid(sure), box, ge.argmax(kind, axis=1)], {images: pictures}))
    found = [[] for _ in pictures]
    for image, row, column in np.argwhere(certain > 0.5):
        x, y, width, height = places[image, :, row, column]
        x, y, w, h = (column + x) * CELL, (row + y) * CELL, width * SIZE / 2, height * SIZE / 2
        found[image].append(((x - w, y - h, x + w, y + h), kinds[image, row, column], certain[image, row, column]))
    return found


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Return the intersection of two boxes over their union."""
    (a, b, c, d), (e, f, g, h) = one, other
    common = max(min(c, g) - max(a, e), 0) * max(min(d, h) - max(b, f), 0)
    return common / ((c - a) * (d - b) + (g - e) * (h - f) - common)


def judge(show, data, found) -> None:
    matches, right = [], []
    for there, kinds, candidates in zip(data.boxes, data.classes, found):
        for true, kind in zip(there[kinds >= 0], kinds[kinds >= 0]):
            best = max(candidates, key=lambda candidate: overlap(candidate[0], true), default=None)
            matches.append(overlap(best[0], true) if best else 0.0)
            right.append(best is not None and best[1] == kind)
    extra = sum(map(len, found)) / len(matches)-1
    print(np.mean(matches), np.mean(right), extra, np.mean(np.array(matches)>.5))


def main(show: Show) -> None:
    train_data, held_out = (ge.data.shapes(n, SIZE, most=2, seed=s) for n, s in ((show.pick(1500, 500), 0), (200, 1)))
    loss, engine = declare_loss(), show.engine()
    inputs = [images, there, boxes, classes]
    step = engine.compile(inputs, loss, updates=ge.optim.Adam(3e-3).minimize(loss))
    import time
    t=time.process_time()
    for r in range(6):
        history=ge.train(step, ge.data.batches(*targets(train_data), batch_size=32), 3)
        print(time.process_time()-t, history.train["loss"][-1]); judge(show, held_out, detect(engine, held_out.images))

if __name__ == "__main__":
    run(main)
