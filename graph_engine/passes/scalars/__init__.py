"""A small graph of tensors as a graph of single numbers: each weight's chain rule, step by step."""

from graph_engine.passes.scalars.expand import Scalars, scalars

__all__ = ["Scalars", "scalars"]
