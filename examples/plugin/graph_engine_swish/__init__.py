"""A primitive and a backend for graph_engine, to copy from."""

from graph_engine_swish.strict import StrictBackend
from graph_engine_swish.swish import Swish, swish

__all__ = ["StrictBackend", "Swish", "swish"]
