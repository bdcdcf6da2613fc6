"""CuPy as a backend of graph_engine: arrays in the memory of an NVIDIA GPU."""

from graph_engine_cupy.backend import CupyBackend

__all__ = ["CupyBackend"]
