"""graph_engine_viz: see every value and every gradient of a graph_engine run, at every step."""

from graph_engine_viz.drawing import Drawing, Steps, draw, steps

__all__ = ["Drawing", "Steps", "draw", "steps"]
