"""The debugger in a terminal.

`walking` draws and reads keys, `keys` says what each does to the `desk`; `panes`, `rows` and `cells` write what stands
on it as text.
"""

from graph_engine_viz.debugger.terminal.walking import walk

__all__ = ["walk"]
