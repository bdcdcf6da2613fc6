"""What a page is told about one run, whichever the session looks at meanwhile: each answer is plain data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graph_engine.backend import Backend
from graph_engine.errors import DeclarationError, LookupFailed
from graph_engine.trace import Trace
from graph_engine_viz.debugger.screen.asking import answer_why, check, origins, timed
from graph_engine_viz.debugger.screen.film import Film
from graph_engine_viz.debugger.screen.levels import Levels, Path
from graph_engine_viz.debugger.screen.looking import Looked
from graph_engine_viz.debugger.screen.run import run_table
from graph_engine_viz.debugger.screen.searching import search
from graph_engine_viz.debugger.screen.series import numbers_of, series_of
from graph_engine_viz.debugger.screen.tensor import inspect
from graph_engine_viz.debugger.session import why_call

__all__ = ["ABOUT_RUNS", "About", "Table"]

MOST_NAMES = 500

Table = dict[str, Any]


class About:
    """One run of a session, as a page asks about it.

    Parameters
    ----------
    trace : Trace
    backend : Backend
        The one whose arrays the trace holds.
    number : int
        Which of the session's runs it is.
    title : str, optional
        What stands over the page; by default the name of the loss.
    """

    def __init__(self, trace: Trace, backend: Backend, number: int, title: str = "") -> None:
        self.looked = Looked(trace, backend)
        self.levels = Levels(self.looked.timeline)
        self._number, self._title = number, title
        self._films: dict[Path, Film] = {}
        self._once: dict[str, Table] = {}

    def run(self) -> Table:
        """Return the tables of the run."""
        table = self._kept("run", run_table)
        return table | {"title": self._title or table["loss"] or "run", "run": self._number}

    def picture(self, focus: list[Any] | None = None) -> Table:
        """Return the picture of a level of the graph."""
        return self.film(focus or []).picture

    def looks(self, focus: list[Any] | None = None, step: int = 0, have: int = 0) -> Table:
        """Return how the parts of that picture look at a step."""
        if not 0 <= step < len(self.looked.trace.steps):
            raise LookupFailed(f"there is no step {step}")
        if have < 0:
            raise DeclarationError(f"a page has a number of looks, not {have}")
        return self.film(focus or []).shown(step, have)

    def inspect(self, variable: str = "", side: str = "value", slice: str = "") -> Table:
        """Return what the inspector shows of a tensor."""
        return inspect(self.looked, variable, side, slice)

    def numbers(self, names: list[Any] | None = None) -> Table:
        """Return the sizes of values, gradients and updates of some variables."""
        wanted = names or []
        if len(wanted) > MOST_NAMES or not all(isinstance(name, str) for name in wanted):
            raise DeclarationError(f"numbers takes at most {MOST_NAMES} names")
        return numbers_of(self.looked, wanted)

    def series(self) -> Table:
        """Return how large things are in each layer."""
        return self._kept("series", series_of)

    def origins(self) -> Table:
        """Return where something that is not finite arose."""
        return self._kept("origins", origins)

    def why(self, node: str | None = None, of: str | None = None) -> Table:
        """Say why a number is what it is."""
        return answer_why(self.looked, node, of) | {"call": why_call(node, of)}

    def check(self, variable: str = "") -> Table:
        """Compare a gradient with differences."""
        return check(self.looked, variable)

    def time(self, variable: str = "") -> Table:
        """Take the time of an operation."""
        return timed(self.looked, variable)

    def search(self, text: str = "") -> Table:
        """Find what has a text in its name."""
        return search(self.looked, text)

    def film(self, focus: Sequence[Any]) -> Film:
        """Return the pictures of a level."""
        path = self.levels.find([str(part) for part in focus])
        if path not in self._films:
            self._films[path] = Film(self.looked, self.levels, path)
        return self._films[path]

    def _kept(self, what: str, make: Callable[[Looked], Table]) -> Table:
        if what not in self._once:
            self._once[what] = make(self.looked)
        return self._once[what]


_NAME = (str, type(None))
ABOUT_RUNS: Mapping[str, tuple[Callable[..., Table], Mapping[str, tuple[type, ...]]]] = {
    "run": (About.run, {}),
    "picture": (About.picture, {"focus": (list,)}),
    "looks": (About.looks, {"focus": (list,), "step": (int,), "have": (int,)}),
    "inspect": (About.inspect, {"variable": (str,), "side": (str,), "slice": (str,)}),
    "numbers": (About.numbers, {"names": (list,)}),
    "series": (About.series, {}),
    "origins": (About.origins, {}),
    "why": (About.why, {"node": _NAME, "of": _NAME}),
    "check": (About.check, {"variable": (str,)}),
    "time": (About.time, {"variable": (str,)}),
    "search": (About.search, {"text": (str,)}),
}
"""What can be asked about a run, how it is answered, and the kinds of its arguments; all of them may be left out."""
