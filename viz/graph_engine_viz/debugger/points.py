"""Where a session stops: at places in the graph (breakpoints), and where numbers are as one says (watchpoints)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from graph_engine.errors import LookupFailed
from graph_engine.node import Variable
from graph_engine.trace import Step, Trace
from graph_engine_viz.debugger.conditions import Condition
from graph_engine_viz.debugger.meaning import find_steps
from graph_engine_viz.debugger.watching import Watching, words

__all__ = ["Breakpoint", "Points", "Watchpoint"]


@dataclass
class Breakpoint:
    """A place in the graph at which a session stops.

    Attributes
    ----------
    number : int
        What it is called by.
    kind, text : str
        What it is: one of `meaning.KINDS`, and which.
    steps : frozenset of int
        The steps at which it stops: with a scope, a source line or a phase, those that enter it.
    enabled : bool
    hits : int
        How often a session stopped here.
    """

    number: int
    kind: str
    text: str
    steps: frozenset[int] = field(repr=False)
    enabled: bool = True
    hits: int = 0

    def reason(self, step: Step, watching: Watching) -> str:
        """Say why it stops at a step, or nothing."""
        return f"breakpoint {self.number}: {self.kind} {self.text}" if step.index in self.steps else ""

    def __str__(self) -> str:
        count = len(self.steps)
        state = "" if self.enabled else ", off"
        return f"breakpoint {self.number}: {self.kind} {self.text}, {count} step{'s' if count != 1 else ''}{state}"


@dataclass
class Watchpoint:
    """A condition on numbers at which a session stops.

    Attributes
    ----------
    number : int
    condition : Condition
    text : str
        What is watched, in words.
    watched : frozenset of Variable or None
        Whose values and gradients; None for all.
    enabled : bool
    hits : int
    """

    number: int
    condition: Condition
    text: str
    watched: frozenset[Variable] | None = field(repr=False)
    enabled: bool = True
    hits: int = 0

    def reason(self, step: Step, watching: Watching) -> str:
        """Say for what it holds at a step, or nothing."""
        graph = watching.trace.graph
        hits = [words(graph, known) for known in watching.hits(self.condition, self.watched, step)]
        return f"watchpoint {self.number}: {self.condition.text} holds for {', '.join(hits)}" if hits else ""

    def __str__(self) -> str:
        state = "" if self.enabled else ", off"
        return f"watchpoint {self.number}: {self.condition.text} of {self.text}, {self.hits} hits{state}"


class Points(Mapping[int, Breakpoint | Watchpoint]):
    """The breakpoints and watchpoints of a session, by number."""

    def __init__(self) -> None:
        self._points: dict[int, Breakpoint | Watchpoint] = {}
        self._given = 0

    def __getitem__(self, number: int) -> Breakpoint | Watchpoint:
        if number not in self._points:
            raise LookupFailed(f"there is no breakpoint or watchpoint {number}")
        return self._points[number]

    def __iter__(self) -> Iterator[int]:
        return iter(self._points)

    def __len__(self) -> int:
        return len(self._points)

    def add_breakpoint(self, kind: str, text: str, steps: frozenset[int]) -> Breakpoint:
        """Take a breakpoint in."""
        self._given += 1
        point = self._points[self._given] = Breakpoint(self._given, kind, text, steps)
        return point

    def add_watchpoint(self, condition: Condition, text: str, watched: frozenset[Variable] | None) -> Watchpoint:
        """Take a watchpoint in."""
        self._given += 1
        point = self._points[self._given] = Watchpoint(self._given, condition, text, watched)
        return point

    def look_at(self, trace: Trace) -> None:
        """Find the steps of the breakpoints in another run of the graph, which may end elsewhere."""
        for point in self._points.values():
            if isinstance(point, Breakpoint):
                point.steps = _steps_in(trace, point)

    def delete(self, number: int) -> None:
        """Remove a point."""
        del self._points[self[number].number]

    def stopping(self, step: Step, watching: Watching) -> dict[int, str]:
        """Return the points that stop at a step, each with the reason in words, and count them."""
        found: dict[int, str] = {}
        watched = [p for p in self._points.values() if isinstance(p, Watchpoint) and p.enabled]
        if len(watched) > 1:
            watching.prepare([(point.condition, point.watched) for point in watched], step)
        for number, point in self._points.items():
            reason = point.reason(step, watching) if point.enabled else ""
            if reason:
                point.hits += 1
                found[number] = reason
        return found


def _steps_in(trace: Trace, point: Breakpoint) -> frozenset[int]:
    try:
        return find_steps(trace, point.text, point.kind)[2]
    except LookupFailed:
        return frozenset()  # this run does not get so far
