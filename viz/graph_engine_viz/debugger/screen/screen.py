"""What a page is told: a session's answers as plain data, each by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from graph_engine.collector import paused_collection
from graph_engine.errors import DeclarationError, LookupFailed
from graph_engine_viz.debugger.screen.about import ABOUT_RUNS, About, Table
from graph_engine_viz.debugger.screen.asking import compared
from graph_engine_viz.debugger.screen.calls import perform
from graph_engine_viz.debugger.screen.looking import Looked
from graph_engine_viz.debugger.screen.series import series_of
from graph_engine_viz.debugger.screen.state import state_of
from graph_engine_viz.debugger.session import Session

__all__ = ["Screen"]

MOST_RUNS = 3
"""Pictures and numbers of so many runs are kept at hand."""


class Screen:
    """A session, as a page asks about it.

    Parameters
    ----------
    session : Session
    title : str, optional
        What stands over the page; by default the name of the loss.

    Examples
    --------
    >>> import graph_engine as ge
    >>> from graph_engine_viz.debugger import Session
    >>> x = ge.input("x")
    >>> screen = Screen(Session(ge.Engine("numpy").trace(x * x, {x: 3})))
    >>> state = screen.answer("do", {"call": "step"})
    >>> state["title"], state["subject"], state["call"]
    ('Backward · step 2 of 3', ['multiply', 'grad'], 'session.step()')
    >>> screen.answer("numbers", {"names": ["x"], "run": 0})["x"]["grad"]
    ['6', '6']
    """

    def __init__(self, session: Session, title: str = "") -> None:
        self.session = session
        self.title = title
        self._about: dict[int, About] = {}
        self._history: list[tuple[int, Table]] = []

    def answer(self, what: str, arguments: Mapping[str, Any] | None = None) -> Table:
        """Answer one question.

        Parameters
        ----------
        what : str
            Of `ANSWERS`.
        arguments : mapping, optional
            By name; only what that answer takes. What is about a run takes `run`, its number, too: by default, that
            is the one at which the session looks, which others may change at any time.

        Raises
        ------
        LookupFailed
            Where there is no such answer, or nothing of the name that is asked for.
        DeclarationError
            Where the arguments do not fit.
        """
        if not isinstance(what, str) or what not in ANSWERS:
            raise LookupFailed(f"there is no answer {str(what)[:40]!r}", f"there are {', '.join(ANSWERS)}")
        method, kinds = ANSWERS[what]
        given = dict(arguments or {})
        asked = self.about(given.pop("run", None)) if what in ABOUT_RUNS else self
        for name, value in given.items():
            if name not in kinds or not _is_a(value, kinds[name]):
                raise DeclarationError(f"{what} takes no argument {str(name)[:40]}={str(value)[:40]!r}")
        with paused_collection():
            return method(asked, **given)

    def about(self, run: int | None = None) -> About:
        """Return what can be told about one of the runs, by default the one that is looked at."""
        session = self.session
        number = session.run_number if run is None else run
        if type(number) is not int or not 0 <= number < len(session.runs):
            raise LookupFailed(f"there is no run {str(number)[:40]}", f"runs count from 0 to {len(session.runs) - 1}")
        found = self._about.pop(number, None) or About(session.runs[number], session.backend, number, self.title)
        self._about[number] = found  # the last is the one that was asked about last
        if len(self._about) > MOST_RUNS:
            del self._about[next(iter(self._about))]
        return found

    # ---- answers about the session -----------------------------------------------------------------------------

    def _state(self) -> Table:
        about = self.about()
        return state_of(self.session, about.looked, about.levels)

    def _do(self, call: str = "", arguments: list[Any] | None = None) -> Table:
        before = len(self.session.log)
        result = perform(self.session, call, arguments or [])
        done = self.session.log[before:]
        said = {"call": done[0] if done else "", "result": None if result is None else str(result)}
        return self._state() | said | self._version()

    def _version(self) -> Table:
        """Say how many calls there were, so that a page notices those of others."""
        return {"version": len(self.session.log)}

    def _iterations(self) -> Table:
        if not self._history:
            backend = self.session.backend
            self._history = [(n, series_of(Looked(again(), backend))) for n, again in self.session.iterations]
        return {"iterations": [{"number": number, **series} for number, series in self._history]}

    def _compare(self, runs: list[Any] | None = None) -> Table:
        numbers = runs or [0, self.session.run_number]
        known = range(len(self.session.runs))
        if len(numbers) != 2 or not all(type(number) is int and number in known for number in numbers):
            raise LookupFailed(f"there are no runs {numbers}", "edit a value with e: the run before is kept")
        one, other = (self.session.runs[number] for number in numbers)
        call = f"compare(session.runs[{numbers[0]}], session.runs[{numbers[1]}])"
        return compared(self.about(numbers[0]).looked, one, other) | {"runs": numbers, "call": call}


def _is_a(value: Any, kinds: tuple[type, ...]) -> bool:
    return isinstance(value, kinds) and (not isinstance(value, bool) or bool in kinds)


ABOUT_SESSION: Mapping[str, tuple[Callable[..., Table], Mapping[str, tuple[type, ...]]]] = {
    "state": (Screen._state, {}),
    "version": (Screen._version, {}),
    "do": (Screen._do, {"call": (str,), "arguments": (list,)}),
    "iterations": (Screen._iterations, {}),
    "compare": (Screen._compare, {"runs": (list,)}),
}
"""What can be asked about a session, how it is answered, and the kinds of its arguments, which may be left out."""

ANSWERS: Mapping[str, tuple[Callable[..., Table], Mapping[str, tuple[type, ...]]]] = {**ABOUT_SESSION, **ABOUT_RUNS}
"""All that can be asked."""
