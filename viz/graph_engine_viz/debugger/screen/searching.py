"""Search: names of variables, operations and scopes, and lines of the source."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from graph_engine_viz.debugger.meaning import all_scopes
from graph_engine_viz.debugger.screen.looking import Looked

__all__ = ["everything", "search"]

MOST = 40


def search(looked: Looked, text: str) -> dict[str, Any]:
    """Find what has a text in its name; what begins with it comes first.

    Returns
    -------
    dict
        `found`: rows of kind, name and a note, `more`: how many there are besides.
    """
    wanted = text.strip().lower()
    if not wanted:
        return {"found": [], "more": 0}
    hits = [row for row in everything(looked) if wanted in row[1].lower() or wanted in row[2].lower()]
    hits.sort(key=lambda row: (row[1].lower() != wanted, not row[1].lower().startswith(wanted)))
    return {"found": hits[:MOST], "more": max(len(hits) - MOST, 0)}


def everything(looked: Looked) -> Iterator[list[Any]]:
    """Yield all that can be found: its kind, its name, and a note."""
    graph = looked.trace.graph
    for scope in sorted(all_scopes(looked.trace)):
        yield ["scope", ".".join(scope), ""]
    for variable in graph.variables:
        yield ["variable", graph.name_of(variable), f"{variable.kind} {variable.spec}"]
    for step in looked.trace.steps:
        if step.phase == "forward" and step.operation is not None:
            yield ["operation", graph.name_of(step.operation), step.operation.primitive.name]
    lines: dict[tuple[str, int], str] = {}
    for step in looked.trace.steps:
        if step.line is not None:
            lines.setdefault((step.line.file.rpartition("/")[2], step.line.line), step.line.text)
    for (file, line), code in lines.items():
        yield ["line", f"{file}:{line}", code]
