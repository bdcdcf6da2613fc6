"""Data on its way to a model, as NumPy arrays; and synthetic data to try models on."""

from graph_engine.data import sequences, toy
from graph_engine.data.augment import (
    Augmentation,
    Augmented,
    augment,
    cutout,
    gaussian_noise,
    random_crop,
    random_flip,
    random_rotate,
)
from graph_engine.data.batches import Batches, batches
from graph_engine.data.pictures import Shapes, shapes
from graph_engine.data.prepare import k_fold, min_max, one_hot, split, standardize

__all__ = [
    "Augmentation", "Augmented", "Batches", "Shapes", "augment", "batches", "cutout", "gaussian_noise", "k_fold",
    "min_max", "one_hot", "random_crop", "random_flip", "random_rotate", "sequences", "shapes", "split",
    "standardize", "toy",
]  # fmt: skip
