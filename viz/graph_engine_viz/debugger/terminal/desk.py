"""What is on a terminal's desk: a session, what is inspected of it, what is typed, what is read.

It knows no terminal: `keys` says which key does what, `panes` shows what is here as text.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from graph_engine.errors import GraphEngineError
from graph_engine_viz.debugger.conditions import SIDES
from graph_engine_viz.debugger.screen import Screen
from graph_engine_viz.debugger.session import Session
from graph_engine_viz.debugger.terminal.rows import Row, rows_of

__all__ = ["Desk", "Prompt"]

Table = dict[str, Any]


@dataclass
class Prompt:
    """A line that is being typed.

    Attributes
    ----------
    label : str
    done : callable
        What is called with the line.
    text : str
    """

    label: str
    done: Callable[[str], None]
    text: str = ""


class Desk:
    """A session on a terminal: where it stands, what is inspected, what is typed, what is read.

    Parameters
    ----------
    session : Session

    Attributes
    ----------
    state, run : dict
        As the screen answers them.
    chosen : tuple of str, or None
        The variable that is inspected and which side of it, where one was chosen; else what the step is about.
    message : str
        What there is to say about the last key.
    prompt : Prompt or None
    reading : list of str, or None
        A text that covers the panes.
    scroll : int
        How many of its lines are above the window.

    Examples
    --------
    >>> import graph_engine as ge
    >>> x = ge.input("x")
    >>> desk = Desk(Session(ge.Engine("numpy").trace(x * x, {x: 3})))
    >>> desk.do("step")
    >>> desk.state["title"], desk.inspected
    ('Backward · step 2 of 3', ('multiply', 'grad'))
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.screen = Screen(session)
        self.state: Table = self.ask("state")
        self.run: Table = self.ask("run")
        self.chosen: tuple[str, str] | None = None
        self.slice = ""
        self.message = session.note
        self.prompt: Prompt | None = None
        self.reading: list[str] | None = None
        self.scroll = 0
        self._tree: tuple[tuple[int, list[str]], list[Row]] | None = None

    def ask(self, what: str, **arguments: Any) -> Table:
        """Ask the screen."""
        return self.screen.answer(what, arguments)

    # ---- what is looked at -------------------------------------------------------------------------------------

    @property
    def inspected(self) -> tuple[str, str] | None:
        """The name of the variable that is inspected, and which side of it."""
        subject = self.state["subject"]
        return self.chosen or (None if subject is None or subject[0] is None else (subject[0], subject[1]))

    def is_known(self, variable: str, side: str) -> bool:
        """Whether a side of a variable has been computed where the session stands."""
        known = self.run["variables"].get(variable)
        moment = None if known is None else known[3 + SIDES.index(side)]
        at, substep = self.state["at"], self.state["substep"]
        return moment is not None and (moment[0], moment[1]) <= (at, 1 << 30 if substep is None else substep)

    @property
    def rows(self) -> list[Row]:
        """The tree of operations, as far as it is open."""
        key = self.state["run"], self.state["opened"]
        if self._tree is None or self._tree[0] != key:
            self._tree = key, rows_of(self.run, set(self.state["opened"]))
        return self._tree[1]

    def origins(self) -> list[Table]:
        """Return where something that is not finite arose."""
        found: list[Table] = self.ask("origins")["origins"]
        return found

    # ---- what keys do ------------------------------------------------------------------------------------------

    def do(self, call: str, *arguments: Any) -> None:
        """Perform a call of the session."""
        before = self.state["run"]
        self.state = self.ask("do", call=call, arguments=list(arguments))
        self.message = "; ".join(line.strip() for line in (self.state["result"] or "").splitlines()[1:])
        if self.state["run"] != before:
            self.run = self.ask("run")

    def read(self, text: str) -> None:
        """Show a text over the panes."""
        self.reading, self.scroll = text.splitlines(), 0

    def jump(self, by: int) -> None:
        """Go to the next, or the previous, place at which something that is not finite arose."""
        found, at = self.origins(), self.state["at"]
        steps = sorted({origin["at"][0] for origin in found if origin["at"][0] >= 0})
        ahead = [step for step in steps if step > at] if by > 0 else [step for step in steps if step < at][::-1]
        if steps:
            self.do("go", (ahead or (steps if by > 0 else steps[::-1]))[0])
        told = [
            f"{origin['name']} holds {origin['what']}" + (", as it was given" if origin["at"][0] < 0 else "")
            for origin in found
            if origin["at"][0] in (-1, self.state["at"])
        ]
        self.message = "; ".join(told) or "everything in this run is finite"

    def toggle_breakpoint(self) -> None:
        """Stop at what the session stands at; or no more."""
        name, kind = self._subject()
        there = [p for p in self.state["points"] if p["kind"] == "break" and p["text"] == f"{kind} {name}"]
        if there:
            self.do("delete", there[0]["number"])
            self.message = f"breakpoint {there[0]['number']} deleted"
        else:
            self.do("break_at", name, kind)
            self.message = str(self.state["result"])

    def watch(self, text: str) -> None:
        """Stop where a condition holds: `isnan`, or `grad.rms < 1e-6 of encoder`."""
        condition, _, of = text.partition(" of ")
        self.do("watch", condition, of.strip() or None)
        self.message = str(self.state["result"])

    def search(self, text: str) -> None:
        """Go to the first thing that has a text in its name, and say what else does."""
        found = self.ask("search", text=text)["found"]
        if not found:
            self.message = f"nothing is called {text!r}"
            return
        kind, name, _ = found[0]
        if kind == "variable":
            self.choose(name)
        if kind != "variable" or self.run["variables"][name][3] != [-1, 0]:  # what is given comes up at no step
            self.do("run_to", name, kind)
        others = ", ".join(row[1] for row in found[1:6])
        self.message = f"{kind} {name}" + (f"; also {others}" if others else "")

    def choose(self, text: str) -> None:
        """Inspect a variable, or a part of it: `w`, `w[0, 3:9]`; nothing: what the step is about."""
        name, _, part = text.strip().removesuffix("]").partition("[")
        if not name:
            self.chosen, self.slice = None, ""
            return
        side = "grad" if self.state["phase"] != "forward" and self.is_known(name, "grad") else "value"
        self.ask("inspect", variable=name, side=side, slice=part)  # refuses what there is not
        self.chosen, self.slice = (name, side), part

    def other_side(self) -> None:
        """Inspect the gradient in the place of the value, and so on."""
        if self.inspected is not None:
            name, side = self.inspected
            self.chosen = name, SIDES[(SIDES.index(side) + 1) % len(SIDES)]

    def edit(self) -> None:
        """Ask for another value of what is inspected."""
        if self.inspected is None:
            self.message = "choose a variable to edit: i"
            return
        name, side = self.inspected
        if side != "value" and self.is_known(name, side):
            name = self.ask("inspect", variable=name, side=side)["holder"]
        label = f"new value of {name} (a number, a list, [0, 3] = 1.5): "
        self.prompt = Prompt(label, lambda text: self._set(name, text) if text else None)

    def compare(self) -> None:
        """Compare the run that is looked at with the first one; that one with the last."""
        run, runs = self.state["run"], self.state["runs"]
        if runs < 2:
            self.message = "there is one run only: edit a value with e, and compare the two"
            return
        self.read(self.ask("compare", runs=[0, run or runs - 1])["text"])

    def why(self) -> None:
        """Say why what is inspected is what it is."""
        asked: Table = {}
        if self.inspected is not None:
            name, side = self.inspected
            asked = {"node": name} | ({"of": side} if self.is_known(name, side) else {})
        found = self.ask("why", **asked)
        self.read("\n".join([found["question"], found["text"], *(finding["text"] for finding in found["findings"])]))

    def _set(self, name: str, text: str) -> None:
        self.do("set_value", name, text)
        self.message = f"run {self.state['run']}: with another {name}; r goes through the runs, m compares"

    def _subject(self) -> tuple[str, str]:
        if self.state["scope"] is not None:
            return ".".join(self.state["scope"]), "scope"
        phase, name = self.run["steps"][self.state["at"]][:2]
        return name, "variable" if phase == "u" else "operation"

    # ---- typing and reading ------------------------------------------------------------------------------------

    def type(self, key: str) -> None:
        """Take a key while a line is typed."""
        assert self.prompt is not None
        prompt = self.prompt
        if key == "Backspace":
            prompt.text = prompt.text[:-1]
        elif key in ("Escape", "Enter"):
            self.prompt = None
        elif len(key) == 1 and key.isprintable():
            prompt.text += key
        if key == "Enter":
            self.attempt(prompt.done, prompt.text.strip())

    def turn(self, by: int) -> None:
        """Read on, or back."""
        last = max(len(self.reading or ()) - 1, 0)
        self.scroll = min(max(self.scroll + by, 0), last)

    def attempt(self, does: Callable[..., Any], *arguments: Any) -> None:
        """Do something; what is refused is told."""
        self.message = ""
        try:
            does(*arguments)
        except GraphEngineError as error:
            self.message = str(error)
