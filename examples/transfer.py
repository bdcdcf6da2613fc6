"""Transfer learning: what a network has learned about some digits helps it to learn others from few examples.

A network learns to tell the digits 0 to 4 apart. Then its last layer, the head, is replaced by a new one for the digits
5 to 9, of which there are only a few examples. Frozen, the layers below keep every bit, and the head alone learns;
with fine-tuning they all go on learning, slowly. Look at how early both reach what a new network reaches late.

Run it:      graph-engine demo transfer
"""

import numpy as np

import graph_engine as ge
import graph_engine_viz as viz
from graph_engine.gallery import Show, run
from graph_engine_viz import plots

GOAL = 0.9  # the accuracy that is to be reached
images, labels = ge.input("images", ("batch", 1, 8, 8)), ge.input("labels", "batch", "int64")


class Network(ge.nn.Module):
    """Layers that say what is in an image, and a head that says which digit that makes."""

    def __init__(self, body: ge.nn.Module | None = None) -> None:
        self.body = body or ge.nn.Sequential(
            conv1=ge.nn.Conv2d(1, 16, 3, padding=1), act1=ge.nn.ReLU(), pool1=ge.nn.MaxPool2d(2),
            conv2=ge.nn.Conv2d(16, 32, 3, padding=1), act2=ge.nn.ReLU(), pool2=ge.nn.MaxPool2d(2), flat=ge.nn.Flatten(),
        )  # fmt: skip
        self.head = ge.nn.Linear(32 * 2 * 2, 5)

    def forward(self, x: ge.Variable) -> ge.Variable:
        return self.head(self.body(x))


def load() -> tuple[list, list]:
    """Return the digits 0 to 4, and 5 to 9 as classes 0 to 4: for each what to train on, and what is held out."""
    from sklearn.datasets import load_digits

    pixels, digits = load_digits(return_X_y=True)
    pixels, low = pixels.reshape(-1, 1, 8, 8) / 16, digits < 5
    return (ge.data.split(pixels[low], digits[low], fractions=(0.8, 0.2)),
            ge.data.split(pixels[~low], digits[~low] - 5, fractions=(0.06, 0.94), stratify=digits[~low]))
