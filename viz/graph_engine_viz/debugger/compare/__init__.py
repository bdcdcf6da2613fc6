"""Two runs of one model side by side: where they first differ by more than rounding explains."""

from graph_engine_viz.debugger.compare.comparing import Comparison, compare
from graph_engine_viz.debugger.compare.difference import Difference

__all__ = ["Comparison", "Difference", "compare"]
