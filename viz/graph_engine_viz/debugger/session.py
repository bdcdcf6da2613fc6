"""A session: standing at a step of a run, going on and back, stopping where it matters.

It knows nothing of any screen. A screen asks it to move and shows where it stands; everything that can be done by a
key can be done by a call, and `log` holds the calls.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from graph_engine.backend import Backend
from graph_engine.collector import paused_collection
from graph_engine.errors import DeclarationError, LookupFailed
from graph_engine.node import Operation, Variable
from graph_engine.plugins import find_backend
from graph_engine.trace import Step, Trace
from graph_engine_viz.debugger.by_hand import rules_at, with_edits
from graph_engine_viz.debugger.conditions import Condition
from graph_engine_viz.debugger.meaning import Scope, all_scopes, find_steps, find_watched, moments_of, scope_of
from graph_engine_viz.debugger.origins import Answer
from graph_engine_viz.debugger.origins.asking import explain
from graph_engine_viz.debugger.origins.reading import Reader
from graph_engine_viz.debugger.points import Breakpoint, Points, Watchpoint
from graph_engine_viz.debugger.rerun import rerun
from graph_engine_viz.debugger.stops import Place, Places
from graph_engine_viz.debugger.watching import Watching
from graph_engine_viz.frames import PHASES
from graph_engine_viz.wording import line_text

__all__ = ["Session", "Stop", "why_call"]

MOST_WRITTEN = 24
"""Edits of so many numbers are logged with them."""

SMALL = 60
"""Runs of at most so many steps begin with all scopes open."""


@dataclass(frozen=True)
class Stop:
    """Where a session has stopped, and why.

    Attributes
    ----------
    reason : str
        `start`, `end`, `step`, `failure`, or the breakpoint or watchpoint in words.
    place : Place
    text : str
        The place in words.
    points : tuple of int
        The numbers of the breakpoints and watchpoints.
    """

    reason: str
    place: Place
    text: str
    points: tuple[int, ...] = ()

    def __str__(self) -> str:
        return self.text if self.reason == "step" else f"{self.text}\n  {self.reason}"


class Session:
    """Stands at a step of a run, and moves forward and back.

    Parameters
    ----------
    trace : Trace
        What happened. Where it was given a memory budget, what was dropped is computed again as one walks.
    backend : Backend, optional
        The one whose arrays the trace holds; NumPy by default.

    Attributes
    ----------
    runs : list of Trace
        The run as it was, and one for each edit.
    points : Points
        The breakpoints and watchpoints, by number.
    opened : set of scope
        The scopes that are passed operation by operation.
    log : list of str
        The calls that were made; `changes` are those of them that changed something other than the place.
    iterations : list of (int, callable)
        Where a training is attached or was recorded: the iterations that are kept, each with a function that runs it
        again.
    note : str
        What there is to say of where the run comes from.

    Examples
    --------
    >>> import graph_engine as ge
    >>> x, y, z = ge.input("x"), ge.input("y"), ge.input("z")
    >>> w = x + y
    >>> f = w * z
    >>> session = Session(ge.Engine("numpy").trace(f, {x: -2, y: 5, z: -4}))
    >>> print(session.run_to("x").text)  # doctest: +ELLIPSIS
    Backward · step 5 of 5 · add · ...
    >>> session.explain()
    ['∂f/∂x = ∂f/∂w × 1 = (-4) × 1 = -4', '∂f/∂y = ∂f/∂w × 1 = (-4) × 1 = -4']
    >>> float(session.grad("x")), session.step_back().place.last
    (-4.0, 3)
    """

    @paused_collection()
    def __init__(self, trace: Trace, backend: Backend | None = None) -> None:
        if not isinstance(trace, Trace):
            raise DeclarationError(f"a session walks through a trace, not {trace!r}", "Session(engine.trace(f, feeds))")
        if not trace.steps:
            raise DeclarationError("this trace has no steps to stand at", "trace something that computes")
        self.backend = backend or find_backend("numpy")
        self.runs = [trace]
        self.points = Points()
        self.log: list[str] = []
        self.changes: list[str] = []
        self.iterations: list[tuple[int, Callable[[], Trace]]] = []
        self.note = ""
        self.opened = all_scopes(trace) if len(trace.steps) <= SMALL else set()
        self._rules: set[int] = set()
        self._use(0)
        self._places = Places(self.steps, self.opened, self._rules)
        self._at = 0
        trace.graph.name_of(trace.graph.variables[0])  # all names are made at once: now, not at some step

    # ---- where one stands --------------------------------------------------------------------------------------

    @property
    def trace(self) -> Trace:
        """The run that is looked at."""
        return self.runs[self._run]

    @property
    def run_number(self) -> int:
        """Which of the runs that is."""
        return self._run

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps of the run."""
        return self.trace.steps

    @property
    def place(self) -> Place:
        """Where the session stands."""
        return self._places[self._at]

    @property
    def here(self) -> Step:
        """The step, or the primitive of its rule, at which the session stands."""
        step = self.steps[self.place.last]
        return step if self.place.substep is None else step.substeps[self.place.substep]

    @property
    def opened_rules(self) -> frozenset[int]:
        """The steps whose primitives are passed one by one."""
        return frozenset(self._rules)

    def where(self) -> Stop:
        """Return where the session stands."""
        return self._stop("step")

    def stops_here(self, point: Breakpoint | Watchpoint) -> str:
        """Say why a point stops at this place, or nothing; nothing is counted."""
        return self.reason(point, self.place.last) if point.enabled else ""

    def reason(self, point: Breakpoint | Watchpoint, step: int) -> str:
        """Say why a point stops at a step, or nothing, whether or not it is on."""
        return point.reason(self.steps[step], self._watching)

    def failed_at(self, step: int) -> bool:
        """Return whether the run failed at a step, which is then its last one."""
        return self.trace.failed is not None and step == len(self.steps) - 1

    def explain(self) -> list[str]:
        """Return what this step computes, as formulas with their numbers."""
        if self.failed_at(self.place.last):
            return [str(self.trace.error)]
        return [line_text(line) for line in rules_at(self.trace, self.steps[self.place.last])]

    def knows(self, variable: Variable) -> bool:
        """Return whether a variable has been computed at this place."""
        return variable in self.trace.arrays and self._made_at(variable) <= _moment(self.place)

    def value(self, variable: Variable | str) -> Any:
        """Return a variable's value as a NumPy array of your own; refused before it has been computed."""
        found = self.trace.graph[variable]
        if found in self.trace.arrays and not self.knows(found):
            name = self.trace.graph.name_of(found)
            cure = f"session.run_to({name!r})"
            raise LookupFailed(f"{name!r} has not been computed at this step", cure)
        return self.trace.value(found)

    def grad(self, variable: Variable | str) -> Any:
        """Return d loss / d variable as a NumPy array of your own; refused before it has been computed."""
        return self.value(self.trace.gradient_variable(variable))

    def why(self, node: Variable | str | None = None, of: str | None = None) -> Answer:
        """Say why a number of this run is what it is; as `why` of a trace, whatever has been computed at this step."""
        named = None if node is None else self.trace.graph.name_of(self.trace.graph[node])
        answer = with_edits(explain(self._reader, node, of), self.trace)
        self.log.append(why_call(named, of))
        return answer

    # ---- moving ------------------------------------------------------------------------------------------------

    def step(self) -> Stop:
        """Go on to the next place: the next operation, or past a folded scope."""
        return self._moved("step()", self._by(1))

    def step_back(self) -> Stop:
        """Go back to the place before."""
        return self._moved("step_back()", self._by(-1))

    def into(self) -> Stop:
        """Open what is here: a folded scope, or a backward rule or update that is made of several primitives."""
        place = self.place
        if place.scope is not None:
            self.opened.add(place.scope)
            self._rebuild(place.first)
        elif place.substep is None and len(self.steps[place.last].substeps) > 1:
            self._rules.add(place.last)
            self._rebuild(place.last, 0)
        return self._moved("into()", self.where())

    def out(self) -> Stop:
        """Close what is around: a rule that is passed primitive by primitive, or the innermost open scope."""
        place = self.place
        if place.substep is not None:
            self._rules.discard(place.last)
        else:
            around = scope_of(self.steps[place.last])
            inner = around[:-1] if place.scope == around else around
            shut = inner if place.scope is None else place.scope[:-1]
            if shut:
                self.opened.discard(shut)
        self._rebuild(place.last)
        return self._moved("out()", self.where())

    def restart(self) -> Stop:
        """Go to the first place."""
        self._at = 0
        return self._moved("restart()", self._stop("start"))

    def end(self) -> Stop:
        """Go to the last place."""
        self._at = len(self._places) - 1
        return self._moved("end()", self._stop(self._at_end()))

    def go(self, step: int, unfold: bool = True) -> Stop:
        """Go to a step, counted from 0; scopes around it are opened, or with `unfold=False` stay as they are."""
        if isinstance(step, bool) or not isinstance(step, int) or not 0 <= step < len(self.steps):
            raise LookupFailed(f"there is no step {step!r}", f"steps count from 0 to {len(self.steps) - 1}")
        if unfold:
            self._stand_at(step)
        else:
            self._at = self._places.find(step)
        return self._moved(f"go({step}{'' if unfold else ', unfold=False'})", self.where())

    def open(self, scope: Scope) -> Stop:
        """Open a scope, wherever one stands; what is around it, too."""
        known = all_scopes(self.trace)
        if scope not in known:
            raise LookupFailed(f"there is no scope {'.'.join(scope)!r}")
        self.opened |= {scope[:depth] for depth in range(1, len(scope) + 1)}
        self._rebuild(self.place.first)
        self._changed(f"open({scope!r})")
        return self.where()

    def close(self, scope: Scope) -> Stop:
        """Close a scope, wherever one stands."""
        self.opened.discard(scope)
        self._rebuild(self.place.last)
        self._changed(f"close({scope!r})")
        return self.where()

    def run_to(self, what: Variable | Operation | str | int, kind: str | None = None) -> Stop:
        """Go to where something is computed; from there to where it comes up next, and at last to the first again.

        Parameters
        ----------
        what, kind
            As for `break_at`. Of a variable, that is its value and then its gradient.
        """
        _, text, steps = find_steps(self.trace, what, kind)
        if not steps:
            raise LookupFailed(f"{text!r} comes up at no step of this run")
        now = self.place.last
        self._stand_at(min((step for step in steps if step > now), default=min(steps)))
        return self._moved(f"run_to({text!r})", self.where())

    def continue_(self) -> Stop:
        """Go on to the next breakpoint or watchpoint, or to the end."""
        onward, last = range(self.place.last + 1, len(self.steps)), len(self._places) - 1
        return self._moved("continue_()", self._seek(onward, last, self._at_end()))

    def reverse_continue(self) -> Stop:
        """Go back to the breakpoint or watchpoint before, or to the start."""
        return self._moved("reverse_continue()", self._seek(range(self.place.first - 1, -1, -1), 0, "start"))

    # ---- where to stop -----------------------------------------------------------------------------------------

    def break_at(self, what: Variable | Operation | str | int, kind: str | None = None) -> Breakpoint:
        """Stop at a place in the graph.

        Parameters
        ----------
        what : Variable, Operation, int or str
            Or the name of one; a source line (12 or "model.py:12"), a scope, a primitive, a phase.
        kind : {"phase", "line", "scope", "primitive", "variable", "operation"}, optional
            What a name means, where it means several; they are tried in this order.
        """
        point = self.points.add_breakpoint(*find_steps(self.trace, what, kind))
        self._changed(f"break_at({point.text!r}, kind={point.kind!r})")
        return point

    def watch(
        self, condition: str, of: Variable | str | Iterable[Variable | str] | None = None
    ) -> Watchpoint:
        """Stop where a condition on numbers holds: `isnan`, `abs_max > 1e3`, `grad.rms < 1e-6`, `zeros > 0.9`.

        Parameters
        ----------
        condition : str
            Of values, gradients and updates, where it does not name one of them; `conditions` has the language.
        of : Variable, str, or several, optional
            What is watched: variables, names of variables, scopes; by default everything.
        """
        if of is not None and not isinstance(of, (str, Variable)):
            of = list(of)
        watched, text = find_watched(self.trace, of)
        point = self.points.add_watchpoint(Condition.parse(condition), text, watched)
        self._changed(f"watch({condition!r}{'' if of is None else f', of={self._named(of)!r}'})")
        return point

    def delete(self, number: int) -> None:
        """Remove a breakpoint or a watchpoint."""
        self.points.delete(number)
        self._changed(f"delete({number})")

    def enable(self, number: int, on: bool = True) -> None:
        """Turn a breakpoint or a watchpoint on, or off."""
        self.points[number].enabled = on
        self._changed(f"enable({number}, {on})")

    # ---- another run -------------------------------------------------------------------------------------------

    def set_value(self, variable: Variable | str, value: Any) -> Stop:
        """Put another value in a variable's place, and run again what depends on it; the run before is kept.

        Parameters
        ----------
        variable : Variable or str
            An input, a parameter, or a result; a gradient too.
        value : array_like
            Of its shape and kind.
        """
        found = self.trace.graph[variable]
        self.runs.append(rerun(self.trace, {found: value}, self.backend))
        self._changed(f"set_value({self.trace.graph.name_of(found)!r}, {self._literal(self.runs[-1], found)})")
        return self._look_at(len(self.runs) - 1)

    def use_run(self, number: int) -> Stop:
        """Look at another of the runs, at the same step."""
        if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < len(self.runs):
            raise LookupFailed(f"there is no run {number!r}", f"runs count from 0 to {len(self.runs) - 1}")
        self._changed(f"use_run({number})")
        return self._look_at(number)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save the run that is looked at; of an `.html` path, as a page that steps and inspects without a server.

        Parameters
        ----------
        path : path
            Any other is a trace file, which `Trace.load` and the command line open.
        """
        if os.fspath(path).endswith(".html"):
            from graph_engine_viz.debugger.saved import save_page
            from graph_engine_viz.debugger.screen import Screen

            save_page(Screen(self), path)
        else:
            self.trace.save(path)
        self._changed(f"save({os.fspath(path)!r})")

    # ---- inside ------------------------------------------------------------------------------------------------

    def _use(self, number: int) -> None:
        self._run = number
        self._watching = Watching(self.trace, self.backend)
        self._reader = Reader(self.trace)
        self._moments = moments_of(self.steps)
        self.points.look_at(self.trace)

    def _look_at(self, number: int) -> Stop:
        step, substep = self.place.last, self.place.substep
        self._use(number)
        self._rebuild(min(step, len(self.steps) - 1), substep)
        return self.where()

    def _made_at(self, variable: Variable) -> tuple[int, int]:
        return self._moments.get(variable, (-1, 0))

    def _by(self, count: int) -> Stop:
        wanted = self._at + count
        if wanted < 0:
            return self._stop("start")
        if wanted >= len(self._places):
            return self._stop(self._at_end())
        self._at = wanted
        return self.where()

    def _at_end(self) -> str:
        return "failure" if self.trace.failed is not None else "end"

    def _seek(self, steps: Iterable[int], otherwise: int, reason: str) -> Stop:
        for index in steps:
            reasons = self.points.stopping(self.steps[index], self._watching)
            if reasons:
                self._stand_at(index)
                return self._stop("; ".join(reasons.values()), tuple(reasons))
        self._at = otherwise
        return self._stop(reason)

    def _stand_at(self, step: int) -> None:
        scope = scope_of(self.steps[step])
        around = {scope[:depth] for depth in range(1, len(scope) + 1)}
        if not around <= self.opened:
            self.opened |= around
            self._places = Places(self.steps, self.opened, self._rules)
        self._at = self._places.find(step)

    def _rebuild(self, step: int, substep: int | None = None) -> None:
        self._places = Places(self.steps, self.opened, self._rules)
        self._at = self._places.find(step, substep)

    def _stop(self, reason: str, points: tuple[int, ...] = ()) -> Stop:
        place, step = self.place, self.steps[self.place.last]
        parts = [f"{PHASES[step.phase]} · step {place.last + 1} of {len(self.steps)}"]
        if place.scope is not None:
            parts.append(f"all of {'.'.join(place.scope)}, from step {place.first + 1}")
        else:
            parts.append(self._subject())
        line = self.here.line
        if line is not None:
            parts += [line.text, f"{os.path.basename(line.file)}:{line.line}"]
        return Stop(reason, place, " · ".join(part for part in parts if part), points)

    def _subject(self) -> str:
        subject = self.here.operation if self.here.phase != "update" else self.here.variable
        return "" if subject is None else self.trace.graph.name_of(subject)

    def _named(self, of: Any) -> Any:
        """Write variables by their names, so that a call can be repeated."""
        if isinstance(of, list):
            return [self._named(each) for each in of]
        return self.trace.graph.name_of(of) if isinstance(of, Variable) else of

    def _literal(self, trace: Trace, variable: Variable) -> str:
        """Write a value so that the call with it can be repeated; of a large one that is not all the same, `...`."""
        array, xp = trace.arrays[variable], self.backend.xp
        if math.prod(array.shape) <= MOST_WRITTEN:
            return _written(trace.value(variable))
        first = array[(0,) * len(array.shape)]
        same = bool(xp.all(xp.equal(array, first)))
        if not same and variable.spec.is_float:
            same = bool(xp.all(xp.isnan(array)))
        return f"numpy.full({tuple(array.shape)}, {_written(np.asarray(trace.to_numpy(first)))})" if same else "..."

    def _changed(self, call: str) -> None:
        self.log.append(f"session.{call}")
        self.changes.append(f"session.{call}")

    def _moved(self, call: str, stop: Stop) -> Stop:
        self.log.append(f"session.{call}")
        return stop


def why_call(node: str | None, of: str | None) -> str:
    """Write the call of `why`."""
    asked = [repr(node)] if node is not None else []
    asked += [f"of={of!r}"] if of is not None else []
    return f"session.why({', '.join(asked)})"


def _written(value: np.ndarray[Any, Any]) -> str:
    """Write few numbers as Python does, each as short as it can be."""
    short = np.array([float(str(x)) for x in value.flat]).reshape(value.shape) if value.dtype.kind == "f" else value
    return re.sub(r"\b(nan|inf)\b", r'float("\1")', repr(short.tolist()))


def _moment(place: Place) -> tuple[int, float]:
    return place.last, float("inf") if place.substep is None else place.substep
