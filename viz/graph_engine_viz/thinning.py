"""Wires that one would not tell apart: of many that lead from one place into folded scopes, one stands for all.

The weights of a recurrent network that is written out go into every step. Twenty wires side by side say less than one
wire, `used 20 times` at its beginning, and the name in each step.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from graph_engine_viz.view import Item, View, Wire

__all__ = ["thin"]

MOST_WIRES = 6
"""So many wires from one node into folded scopes, or from folded scopes into one node, are drawn."""


def thin(view: View) -> View:
    """Leave out wires of wide fans, and variables that lead nowhere then; folded scopes name what they use."""
    items = {item.key: item for item in view.items}
    dropped: set[int] = set()
    for fan in _fans(view.wires, items):
        dropped.update(id(wire) for wire in fan)
    if not dropped:
        return view
    kept = [wire for wire in view.wires if id(wire) not in dropped]
    for wire in view.wires:
        target = items[wire.target]
        if id(wire) in dropped and target.kind == "scope" and wire.variable not in target.shared:
            target.shared.append(wire.variable)
    _forget_results(items, view.wires, kept)
    lonely = {wire.source for wire in view.wires if id(wire) in dropped} - {wire.source for wire in kept}
    lonely = {key for key in lonely if items[key].kind == "variable"}
    return replace(
        view,
        items=tuple(item for item in view.items if item.key not in lonely),
        wires=tuple(wire for wire in kept if wire.target not in lonely),
    )


def _forget_results(items: dict[str, Item], wires: Iterable[Wire], kept: Iterable[Wire]) -> None:
    """Folded scopes do not tell results that no wire leads away from any more, unless there are no others."""
    left = {(wire.source, wire.variable) for wire in kept}
    busy = {key for key, _ in left}
    for key, variable in dict.fromkeys((wire.source, wire.variable) for wire in wires):
        if key in busy and (key, variable) not in left and variable in items[key].results:
            items[key].results.remove(variable)


def _fans(wires: Iterable[Wire], items: dict[str, Item]) -> Iterable[list[Wire]]:
    """Find, of each wide fan, the wires that are left out: out of one node all but the first, into one but the last."""
    made_by = {wire.target: wire.source for wire in wires if not wire.uses}
    out: dict[str, list[Wire]] = defaultdict(list)
    into: dict[str, list[Wire]] = defaultdict(list)
    for wire in wires:
        source, target = items[wire.source], items[wire.target]
        if target.kind == "scope" and source.kind != "scope":
            out[made_by.get(wire.source, wire.source)].append(wire)
        if source.kind == "scope" and target.kind != "scope":
            into[wire.target].append(wire)
    for fan in out.values():
        fan.sort(key=lambda wire: items[wire.target].place)
        if sum(items[wire.target].scopes for wire in fan) > MOST_WIRES:
            yield fan[1:]
    for fan in into.values():
        fan.sort(key=lambda wire: items[wire.source].place)
        if sum(items[wire.source].scopes for wire in fan) > MOST_WIRES:
            yield fan[:-1]
