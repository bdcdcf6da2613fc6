"""The rows of the terminal's tree: forward operations under their scopes, and the parameters that are updated."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

__all__ = ["Row", "row_of", "rows_of"]

Table = dict[str, Any]


class Row(NamedTuple):
    """A row of the tree.

    Attributes
    ----------
    name : str
    depth : int
        How far it is indented.
    key : tuple of str
        Phase and name of an operation, or of the parameter that is updated; else the scope.
    is_folded : bool
    variable : str or None
        Whose numbers it shows: of a folded scope, what comes out of it.
    """

    name: str
    depth: int
    key: tuple[str, ...]
    is_folded: bool = False
    variable: str | None = None


def rows_of(run: Table, opened: Collection[str]) -> list[Row]:
    """Return all rows.

    Parameters
    ----------
    run : dict
        The tables of a run, as the screen answers them.
    opened : collection of str
        The scopes that are open.
    """
    scopes = [tuple(scope) for scope in run["scopes"]]
    results = dict(zip(scopes, run["results"], strict=True))
    rows: list[Row] = []
    around: tuple[str, ...] = ()
    for phase, name, number, _, _, variable, _ in run["steps"]:
        if phase == "b":
            continue
        scope = scopes[number] if phase == "f" else ()
        path = [scope[:depth] for depth in range(1, len(scope) + 1)]
        shut = next((i for i, part in enumerate(path) if ".".join(part) not in opened), len(path))
        rows += [Row(part[-1], len(part) - 1, part) for part in path[:shut] if part != around[: len(part)]]
        around = scope
        if shut == len(path):
            shown = name.removeprefix(".".join((*scope, ""))) if phase == "f" else _update_name(name)
            rows.append(Row(shown, len(scope), (phase, name), variable=variable))
        elif not (rows and rows[-1].is_folded and rows[-1].key == path[shut]):
            rows.append(Row(path[shut][-1], shut, path[shut], True, results[path[shut]]))
    return rows


def row_of(run: Table, rows: list[Row], step: int) -> int | None:
    """Return the row that a step belongs to: a backward one to that of its forward operation."""
    phase, name, number, _, _, variable, _ = run["steps"][step]
    scope = tuple(run["scopes"][number]) if phase != "u" else ()
    key = ("u" if phase == "u" else "f", name)
    for index, row in enumerate(rows):
        if (row.is_folded and scope[: len(row.key)] == row.key) or (row.key == key and row.variable is not None):
            return index
    return next((index for index, row in enumerate(rows) if row.variable == variable), None)


def _update_name(name: str) -> str:
    return f"update {'.'.join(name.split('.')[-2:])}"
