"""Optimisers: they declare the new value of each parameter."""

from graph_engine.optim.sgd import SGD, Optimizer

__all__ = ["SGD", "Optimizer"]
