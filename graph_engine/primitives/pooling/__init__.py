"""Pooling over windows of the last dimensions: the largest, the mean; and back."""

from graph_engine.primitives.pooling import average, maximum, unpooling
from graph_engine.primitives.pooling.average import AvgPool
from graph_engine.primitives.pooling.maximum import AdaptiveMaxPool, AdaptiveMaxPoolPlaces, MaxPool, MaxPoolPlaces
from graph_engine.primitives.pooling.unpooling import MaxUnpool

__all__ = ["PRIMITIVES", "AdaptiveMaxPool", "AdaptiveMaxPoolPlaces", "AvgPool", "MaxPool", "MaxPoolPlaces", "MaxUnpool"]

PRIMITIVES = (*maximum.PRIMITIVES, *average.PRIMITIVES, *unpooling.PRIMITIVES)
