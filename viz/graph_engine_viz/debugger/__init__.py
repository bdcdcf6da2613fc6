"""The debugger: stand at any step of a run, look at every number, go on or back."""

from graph_engine_viz.debugger.attach import Stopped, WatchedStep, attach
from graph_engine_viz.debugger.compare import Comparison, Difference, compare
from graph_engine_viz.debugger.opening import Debugging, debug, open_session, show
from graph_engine_viz.debugger.origins import Answer, why
from graph_engine_viz.debugger.recorder import complete
from graph_engine_viz.debugger.session import Session, Stop
from graph_engine_viz.debugger.terminal import walk

__all__ = [
    "Answer", "Comparison", "Debugging", "Difference", "Session", "Stop", "Stopped", "WatchedStep", "attach",
    "compare", "complete", "debug", "open_session", "show", "walk", "why",
]  # fmt: skip
