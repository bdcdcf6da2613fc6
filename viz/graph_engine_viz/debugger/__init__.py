"""The debugger: stand at any step of a run, look at every number, go on or back.

A session, which knows nothing of any screen:
    `session` where one stands; `stops` the places at which one can stand; `points` breakpoints and watchpoints, of
    what `meaning` finds in names, `conditions` reads and `watching` measures by `quantities`; `rerun` a run with other
    values (an `overlay` on the first), of which `by_hand` says what was put in.
What can be asked of a run:
    `origins` why a number is what it is; `compare` where two runs differ.
Where a run comes from:
    `opening` whatever holds one, `postmortem` what is left of one that failed, `attach` a training under way, which
    `measuring` looks at and of which `recorder` keeps the last iterations, as a `recording`.
Where it is seen:
    `screen` a session as plain data; `html` the page (its modules are in `web/debugger`), `server` and `handling` who
    may ask for it, `saved` the page without a server; `terminal` the same without a browser.
"""

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
