"""What a page is told: a session's answers as plain data, each by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graph_engine.collector import paused_collection
from graph_engine.errors import DeclarationError, LookupFailed
from graph_engine.trace import Trace
from graph_engine_viz.debugger.screen.asking import answer_why, check, compared, origins, timed
from graph_engine_viz.debugger.screen.calls import perform
from graph_engine_viz.debugger.screen.film import Film
from graph_engine_viz.debugger.screen.levels import Levels, Path
from graph_engine_viz.debugger.screen.looking import Looked
from graph_engine_viz.debugger.screen.run import run_table
from graph_engine_viz.debugger.screen.searching import search
from graph_engine_viz.debugger.screen.series import numbers_of, series_of
from graph_engine_viz.debugger.screen.state import state_of
from graph_engine_viz.debugger.screen.tensor import inspect
from graph_engine_viz.debugger.session import Session

__all__ = ["Screen"]

MOST_NAMES = 500


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
    """

    def __init__(self, session: Session, title: str = "") -> None:
        self.session = session
        self.title = title
        self._looked: dict[int, tuple[Trace, Looked, Levels]] = {}
        self._films: dict[tuple[int, Path], Film] = {}
        self._history: list[tuple[int, dict[str, Any]]] = []
        self._once: dict[tuple[str, int], dict[str, Any]] = {}

    def answer(self, what: str, arguments: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Answer one question.

        Parameters
        ----------
        what : str
            Of `ANSWERS`.
        arguments : mapping, optional
            By name; only what that answer takes.

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
        for name, value in given.items():
            if name not in kinds or not _is_a(value, kinds[name]):
                raise DeclarationError(f"{what} takes no argument {str(name)[:40]}={str(value)[:40]!r}")
        with paused_collection():
            return method(self, **given)

    # ---- answers -----------------------------------------------------------------------------------------------

    def _run(self) -> dict[str, Any]:
        run = self._number
        table = self._kept("run", run_table)
        return table | {
            "title": self.title or f"{table['loss'] or 'run'}", "run": run, "iterations": len(self.session.iterations),
        }  # fmt: skip

    def _state(self) -> dict[str, Any]:
        return state_of(self.session, self.looked, self.levels, self._number)

    def _do(self, call: str = "", arguments: list[Any] | None = None) -> dict[str, Any]:
        before = len(self.session.log)
        result = perform(self.session, call, arguments or [])
        done = self.session.log[before:]
        said = {"call": done[0] if done else "", "result": None if result is None else str(result)}
        return self._state() | said | self._version()

    def _version(self) -> dict[str, Any]:
        """Say how many calls there were, so that a page notices those of others."""
        return {"version": len(self.session.log)}

    def _picture(self, focus: list[Any] | None = None) -> dict[str, Any]:
        return self.film(focus or []).picture

    def _looks(self, focus: list[Any] | None = None, step: int = 0, have: int = 0) -> dict[str, Any]:
        if not 0 <= step < len(self.session.steps) or have < 0:
            raise LookupFailed(f"there is no step {step}")
        return self.film(focus or []).shown(step, have)

    def _inspect(self, variable: str = "", side: str = "value", slice: str = "") -> dict[str, Any]:
        return inspect(self.looked, variable, side, slice)

    def _numbers(self, names: list[Any] | None = None) -> dict[str, Any]:
        wanted = names or []
        if len(wanted) > MOST_NAMES or not all(isinstance(name, str) for name in wanted):
            raise DeclarationError(f"numbers takes at most {MOST_NAMES} names")
        return self.numbers(wanted)

    def _series(self) -> dict[str, Any]:
        return self._kept("series", series_of)

    def _iterations(self) -> dict[str, Any]:
        if not self._history:
            backend = self.session.backend
            self._history = [(n, series_of(Looked(again(), backend))) for n, again in self.session.iterations]
        return {"iterations": [{"number": number, **series} for number, series in self._history]}

    def _origins(self) -> dict[str, Any]:
        return self._kept("origins", origins)

    def _why(self, node: str | None = None, of: str | None = None) -> dict[str, Any]:
        call = f"session.why({'' if node is None else repr(node)}{'' if of is None else f', of={of!r}'})"
        return answer_why(self.looked, node, of) | {"call": call}

    def _compare(self, runs: list[Any] | None = None) -> dict[str, Any]:
        numbers = runs or [0, self._number]
        known = range(len(self.session.runs))
        if len(numbers) != 2 or not all(type(number) is int and number in known for number in numbers):
            raise LookupFailed(f"there are no runs {numbers}", "edit a value with e: the run before is kept")
        one, other = (self.session.runs[number] for number in numbers)
        call = f"compare(session.runs[{numbers[0]}], session.runs[{numbers[1]}])"
        return compared(self._look(numbers[0])[1], one, other) | {"runs": numbers, "call": call}

    def _check(self, variable: str = "") -> dict[str, Any]:
        return check(self.looked, variable)

    def _time(self, variable: str = "") -> dict[str, Any]:
        return timed(self.looked, variable)

    def _search(self, text: str = "") -> dict[str, Any]:
        return search(self.looked, text)

    def numbers(self, names: Sequence[str]) -> dict[str, Any]:
        """Return the sizes of values, gradients and updates of some variables."""
        return numbers_of(self.looked, list(names))

    # ---- inside ------------------------------------------------------------------------------------------------

    @property
    def looked(self) -> Looked:
        """The run that is looked at."""
        return self._look(self._number)[1]

    @property
    def levels(self) -> Levels:
        """The levels of its graph."""
        return self._look(self._number)[2]

    @property
    def _number(self) -> int:
        return self.session.run_number

    def _look(self, run: int) -> tuple[Trace, Looked, Levels]:
        trace = self.session.runs[run]
        if run not in self._looked:
            looked = Looked(trace, self.session.backend)
            self._looked[run] = trace, looked, Levels(looked.timeline)
        return self._looked[run]

    def film(self, focus: Sequence[Any]) -> Film:
        """Return the pictures of a level."""
        path = self.levels.find([str(part) for part in focus])
        key = self._number, path
        if key not in self._films:
            self._films[key] = Film(self.looked, self.levels, path)
        return self._films[key]

    def _kept(self, what: str, make: Callable[[Looked], dict[str, Any]]) -> dict[str, Any]:
        key = what, self._number
        if key not in self._once:
            self._once[key] = make(self.looked)
        return self._once[key]


def _is_a(value: Any, kinds: tuple[type, ...]) -> bool:
    return isinstance(value, kinds) and (not isinstance(value, bool) or bool in kinds)


_NAME = (str, type(None))
ANSWERS: Mapping[str, tuple[Callable[..., dict[str, Any]], Mapping[str, tuple[type, ...]]]] = {
    "run": (Screen._run, {}),
    "state": (Screen._state, {}),
    "version": (Screen._version, {}),
    "do": (Screen._do, {"call": (str,), "arguments": (list,)}),
    "picture": (Screen._picture, {"focus": (list,)}),
    "looks": (Screen._looks, {"focus": (list,), "step": (int,), "have": (int,)}),
    "inspect": (Screen._inspect, {"variable": (str,), "side": (str,), "slice": (str,)}),
    "numbers": (Screen._numbers, {"names": (list,)}),
    "series": (Screen._series, {}),
    "iterations": (Screen._iterations, {}),
    "origins": (Screen._origins, {}),
    "why": (Screen._why, {"node": _NAME, "of": _NAME}),
    "compare": (Screen._compare, {"runs": (list,)}),
    "check": (Screen._check, {"variable": (str,)}),
    "time": (Screen._time, {"variable": (str,)}),
    "search": (Screen._search, {"text": (str,)}),
}
"""What can be asked, how it is answered, and the kinds of its arguments; all of them may be left out."""
