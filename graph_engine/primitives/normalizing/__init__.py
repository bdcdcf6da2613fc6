"""Values brought to mean 0 and variance 1: by given statistics for each channel, or by their own over some dimensions.

Batch normalisation is two operations, so that a picture shows where the statistics come from: `batch_statistics`
measures them, `batch_norm` applies them; outside of training it applies the running ones. Layer, group, instance and
RMS normalisation, whose statistics never leave the sample, are one operation, `standardize`.
"""

from graph_engine.primitives.normalizing import batch, standard
from graph_engine.primitives.normalizing.batch import BatchNorm, BatchStatistics, count_of_channel
from graph_engine.primitives.normalizing.standard import Standardize

__all__ = ["PRIMITIVES", "BatchNorm", "BatchStatistics", "Standardize", "count_of_channel"]

PRIMITIVES = (*batch.PRIMITIVES, *standard.PRIMITIVES)
