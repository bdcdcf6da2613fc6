"""NumPy as a backend of graph_engine: arrays in main memory, computed on the CPU."""

from graph_engine_numpy.backend import NumpyBackend

__all__ = ["NumpyBackend"]
