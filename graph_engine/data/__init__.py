"""Data on its way to a model, as NumPy arrays."""

from graph_engine.data.batches import Batches, batches
from graph_engine.data.prepare import one_hot, split, standardize

__all__ = ["Batches", "batches", "one_hot", "split", "standardize"]
