"""Graphs, traces and parameters in files: JSON and safetensors, never pickle.

Each file says what it is and in which version. What is read is checked before it is used, nothing in it is evaluated,
and whatever does not fit is refused with a `FileError` that names it.
"""

from graph_engine.files.parameters import load_parameters, save_parameters
from graph_engine.files.reader import graph_from_json
from graph_engine.files.traces import load_trace, save_trace
from graph_engine.files.writer import graph_to_json

__all__ = ["graph_from_json", "graph_to_json", "load_parameters", "load_trace", "save_parameters", "save_trace"]
