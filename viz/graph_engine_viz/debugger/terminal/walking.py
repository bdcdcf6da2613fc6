"""The debugger in a terminal, for machines that are reached over ssh: `walk` a session by its keys."""

from __future__ import annotations

import contextlib
import locale
import os
import sys
from typing import Any

from graph_engine.errors import DeclarationError
from graph_engine_viz.debugger.session import Session
from graph_engine_viz.debugger.terminal.cells import Line, Style
from graph_engine_viz.debugger.terminal.desk import Desk
from graph_engine_viz.debugger.terminal.keys import press
from graph_engine_viz.debugger.terminal.panes import compose

__all__ = ["walk"]

_BLUE, _VERMILION, _GREY = 32, 166, 244  # of 256 colours; to be read on black and on white
_REDRAW = "\x0c"
_CHARACTERS = {"\n": "Enter", "\r": "Enter", "\t": "Tab", "\x1b": "Escape", "\x7f": "Backspace", "\b": "Backspace"}
_NAMED = {
    "KEY_ENTER": "Enter", "KEY_BACKSPACE": "Backspace", "KEY_LEFT": "Left", "KEY_RIGHT": "Right", "KEY_UP": "Up",
    "KEY_DOWN": "Down", "KEY_HOME": "Home", "KEY_END": "End", "KEY_PPAGE": "PageUp", "KEY_NPAGE": "PageDown",
}  # fmt: skip


def walk(session: Session) -> None:
    """Show a session in this terminal until `q` or Ctrl-C is pressed; `?` says which keys there are.

    Whatever happens, the terminal is left as it was.

    Parameters
    ----------
    session : Session

    Raises
    ------
    DeclarationError
        Where there is no terminal, or none that can be drawn on.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise DeclarationError("this is no terminal", "run it in one, or use debug(session) and a browser")
    try:
        import curses
    except ImportError:
        raise DeclarationError("this Python has no curses", "pip install windows-curses, or use a browser") from None
    locale.setlocale(locale.LC_ALL, "")
    os.environ.setdefault("ESCDELAY", "25")  # milliseconds until Escape is known to be no part of an arrow key
    try:
        curses.setupterm()
    except curses.error as error:
        kind = os.environ.get("TERM", "")
        raise DeclarationError(f"a terminal of kind {kind!r} cannot be drawn on: {error}", "try TERM=xterm") from None
    with contextlib.suppress(KeyboardInterrupt):
        curses.wrapper(_loop, Desk(session))


def _loop(window: Any, desk: Desk) -> None:
    import curses

    with contextlib.suppress(curses.error):  # a terminal may have no cursor to hide
        curses.curs_set(0)
    looks = _looks()
    going = True
    while going:
        height, width = window.getmaxyx()
        _draw(window, compose(desk, width, height), looks)
        key = _read(window)
        if key == _REDRAW:
            window.clear()
        elif key:
            going = press(desk, key)


def _read(window: Any) -> str:
    """Return the name of the key that is pressed; nothing where the terminal has another size now."""
    import curses

    try:
        key = window.get_wch()
    except curses.error:  # interrupted by a signal
        return ""
    if isinstance(key, str):
        return _CHARACTERS.get(key, key)
    return _NAMED.get(curses.keyname(key).decode(), "")


def _draw(window: Any, lines: list[Line], looks: dict[Style, int]) -> None:
    import curses

    window.erase()
    for row, line in enumerate(lines):
        with contextlib.suppress(curses.error):  # behind the last cell there is no place for the cursor
            window.move(row, 0)
            for text, style in line:
                shown = text.encode(window.encoding, "replace").decode(window.encoding)
                window.addstr(shown, looks[style])
    window.refresh()


def _looks() -> dict[Style, int]:
    """Return the attributes of each style; what colours say is said otherwise, too."""
    import curses

    colours = [0, 0, 0]
    if curses.has_colors():
        with contextlib.suppress(curses.error):
            curses.use_default_colors()
        many = curses.COLORS >= 256
        wanted = (_BLUE, _VERMILION, _GREY) if many else (curses.COLOR_CYAN, curses.COLOR_RED, -1)
        for number, colour in enumerate(wanted, start=1):
            curses.init_pair(number, colour, -1)
            colours[number - 1] = curses.color_pair(number)
    blue, vermilion, grey = colours
    return {
        "plain": curses.A_NORMAL,
        "title": curses.A_BOLD,
        "value": blue | curses.A_BOLD,
        "gradient": vermilion | getattr(curses, "A_ITALIC", curses.A_NORMAL),
        "here": curses.A_REVERSE,
        "dim": grey,
        "trouble": vermilion | curses.A_BOLD,
    }
