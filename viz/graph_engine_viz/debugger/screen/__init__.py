"""What a browser shows of a session, as plain data: `Screen.answer` gives it, a page draws it."""

from graph_engine_viz.debugger.screen.screen import Screen

__all__ = ["Screen"]
