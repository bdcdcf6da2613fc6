"""Detector: one network looks once, and says for each cell of a grid whether a shape is there, where, and which.

In the manner of YOLO (J. Redmon et al., 2016): the image is divided into a grid. The cell in which the middle of a shape
lies has to find it: seven numbers for each cell are how sure it is, where in it the middle lies, how wide and high the
box is, and a number for each class. One loss adds up what is wrong with all of them. Look at the boxes over images
that were held out: what is found is solid, what is there is dashed.

Run it:      graph-engine demo detector
"""

import numpy as np

import graph_engine as ge
import graph_engine_viz as viz
from graph_engine.gallery import Show, run
from graph_engine_viz import plots

SIZE, CELLS = 32, 4  # pixels, and cells of the grid, along each side
CELL = SIZE // CELLS

net = ge.nn.Sequential(
    conv1=ge.nn.Conv2d(1, 8, 3, padding=1), act1=ge.nn.ReLU(), pool1=ge.nn.MaxPool2d(2),
    conv2=ge.nn.Conv2d(8, 16, 3, padding=1), act2=ge.nn.ReLU(), pool2=ge.nn.MaxPool2d(2),
    conv3=ge.nn.Conv2d(16, 32, 3, padding=1), act3=ge.nn.ReLU(), pool3=ge.nn.MaxPool2d(2),
    conv4=ge.nn.Conv2d(32, 32, 3, padding=1), act4=ge.nn.ReLU(),
    out=ge.nn.Conv2d(32, 8, 1),
)  # fmt: skip

images = ge.input("images", ("batch", 1, SIZE, SIZE))
there = ge.input("there", ("batch", CELLS, CELLS))
boxes = ge.input("boxes", ("batch", 4, CELLS, CELLS))
classes = ge.input("classes", ("batch", CELLS, CELLS), "int64")


def predict(images: ge.Variable) -> tuple[ge.Variable, ge.Variable, ge.Variable]:
    """Return for each cell the logit that a shape is there, its box, and a logit for each class."""
    maps = net(images)
    return maps[:, 0], ge.sigmoid(maps[:, 1:5]), maps[:, 5:]


def one_loss() -> ge.Variable:
    """Every cell says whether a shape is there; those where one is say its box and its class."""
    sure, box, kind = predict(images)
    count = ge.sum(there)
    finding = ge.nn.binary_cross_entropy_with_logits(sure, there, reduction="sum") / count
    placing = ge.sum(ge.expand_dims(there, axis=1) * ge.square(box - boxes)) / count
    naming = ge.sum(there * ge.nn.cross_entropy(kind, classes, reduction="none")) / count
    return finding + 5 * placing + naming
