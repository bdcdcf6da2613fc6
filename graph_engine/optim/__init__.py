"""Optimisers: they declare the new value of each parameter."""

from graph_engine.optim.optimizer import Optimizer
from graph_engine.optim.sgd import SGD

__all__ = ["SGD", "Optimizer"]
