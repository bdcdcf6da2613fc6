"""Why a number is what it is: where a NaN arose, where a gradient was cut, what made it large or small."""

from graph_engine_viz.debugger.origins.asking import why
from graph_engine_viz.debugger.origins.report import Answer, Factor, Finding

__all__ = ["Answer", "Factor", "Finding", "why"]
