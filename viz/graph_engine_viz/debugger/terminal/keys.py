"""The keys of the debugger in a terminal, and what each of them does."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from graph_engine_viz.debugger.terminal.desk import Desk, Prompt

__all__ = ["KEYS", "Key", "press"]


class Key(NamedTuple):
    """A key.

    Attributes
    ----------
    key : str
        A character, or its name: `Tab`, `Home`, `Escape`.
    does : callable
        Given the desk.
    name : str
        What it does, in words.
    call : str
        The Python call that does the same.
    """

    key: str
    does: Callable[[Desk], None]
    name: str
    call: str


def press(desk: Desk, key: str) -> bool:
    """Do what a key does; False where it ends the debugger.

    Parameters
    ----------
    desk : Desk
    key : str
        A character, or `Enter`, `Escape`, `Backspace`, `Tab`, `Left`, `Right`, `Up`, `Down`, `Home`, `End`, `PageUp`,
        `PageDown`.
    """
    if desk.prompt is not None:
        desk.type(key)
    elif desk.reading is not None and key in _TURNS:
        desk.turn(_TURNS[key])
    elif desk.reading is not None:
        desk.reading = None
    elif key == "q":
        return False
    elif key in _BY_KEY:
        desk.attempt(_BY_KEY[key].does, desk)
    return True


def _call(name: str) -> Callable[[Desk], None]:
    return lambda desk: desk.do(name)


def _ask(label: str, done: Callable[[Desk, str], None]) -> Callable[[Desk], None]:
    """Return what asks for a line, and does something with it if it is not empty."""

    def ask(desk: Desk) -> None:
        desk.prompt = Prompt(label, lambda text: done(desk, text) if text else None)

    return ask


def _delete(desk: Desk, text: str) -> None:
    desk.do("delete", int(text) if text.isdecimal() else 0)


def _next_run(desk: Desk) -> None:
    desk.do("use_run", (desk.state["run"] + 1) % desk.state["runs"])


def _help(desk: Desk) -> None:
    rows = [f"  {key.key:7} {key.name:28} {key.call}".rstrip() for key in KEYS]
    desk.read("\n".join(["Keys, and the Python calls that do the same", *rows, "  q       leave"]))


_WATCH = "stop where (isnan; grad.rms < 1e-6 of NAME): "
KEYS = (
    Key("l", _call("step"), "step", "session.step()"),
    Key("h", _call("step_back"), "back", "session.step_back()"),
    Key("j", _call("into"), "into a scope or a rule", "session.into()"),
    Key("k", _call("out"), "out", "session.out()"),
    Key("c", _call("continue_"), "continue", "session.continue_()"),
    Key("C", _call("reverse_continue"), "continue backwards", "session.reverse_continue()"),
    Key("b", Desk.toggle_breakpoint, "breakpoint here, or none", "session.break_at(name)"),
    Key("w", _ask(_WATCH, Desk.watch), "watchpoint", "session.watch(condition, of)"),
    Key("d", _ask("delete the point of number: ", _delete), "delete a point", "session.delete(number)"),
    Key("n", lambda desk: desk.jump(1), "next non-finite origin", "session.why()"),
    Key("N", lambda desk: desk.jump(-1), "previous non-finite origin", "session.why()"),
    Key("/", _ask("search: ", Desk.search), "search, and go there", "session.run_to(name)"),
    Key("i", _ask("inspect (w; w[0, 3:9]): ", Desk.choose), "inspect a variable", "session.value(name)"),
    Key("Tab", Desk.other_side, "its value, gradient, update", "session.grad(name)"),
    Key("y", Desk.why, "why is it so", "session.why(name)"),
    Key("e", Desk.edit, "edit, and run again", "session.set_value(name, value)"),
    Key("r", _next_run, "the next of the runs", "session.use_run(number)"),
    Key("m", Desk.compare, "compare with the first run", "compare(session.runs[0], session.trace)"),
    Key("Home", _call("restart"), "to the first step", "session.restart()"),
    Key("End", _call("end"), "to the last step", "session.end()"),
    Key("Escape", lambda desk: desk.choose(""), "inspect what the step is of", ""),
    Key("?", _help, "these keys", ""),
)
"""What can be pressed, besides `q`."""

_ARROWS = {"Right": "l", "Left": "h", "Down": "j", "Up": "k"}
_BY_KEY = {key.key: key for key in KEYS}
_BY_KEY |= {arrow: _BY_KEY[key] for arrow, key in _ARROWS.items()}
_FAR = 1 << 30
_TURNS = {"j": 1, "Down": 1, "k": -1, "Up": -1, "PageDown": 15, "PageUp": -15, " ": 15, "Home": -_FAR, "End": _FAR}
