"""Which variable of one run is which of another: the same one, what a pass made of it, or what has its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graph_engine.errors import LookupFailed
from graph_engine.node import Variable
from graph_engine.trace import Trace

__all__ = ["align"]

Pairs = dict[Variable, Variable | str]


def align(one: Trace, other: Trace | Mapping[str, Any], became: Mapping[Variable, Variable] | None = None) -> Pairs:
    """Pair the variables of a run with those of another one, or with the names of reference arrays.

    Parameters
    ----------
    one : Trace
    other : Trace or mapping of str to array
    became : mapping of Variable to Variable, optional
        What a pass made of the variables of the first run.

    Returns
    -------
    dict
        In the order of the first run's computation; what has no counterpart is not in it.

    Raises
    ------
    LookupFailed
        Where nothing has a counterpart.
    """
    variables = [v for v in one.graph.variables if v in one.arrays]
    if not isinstance(other, Trace):
        return _checked({v: name for v in variables if (name := one.graph.name_of(v)) in other}, "a reference")
    if one.graph is other.graph:
        return _checked({v: v for v in variables if v in other.arrays}, "the other run")
    changed = became or {}
    by_name = {other.graph.name_of(v): v for v in other.graph.variables if v in other.arrays}
    pairs: Pairs = {}
    for v in variables:
        found = changed.get(v, v)
        counterpart = found if found in other.arrays else by_name.get(one.graph.name_of(v))
        if counterpart is not None and (v.kind != "constant" or v.has_given_name or found in other.arrays):
            pairs[v] = counterpart
    return _checked(_with_constants(one, other, pairs), "the other run")


def _with_constants(one: Trace, other: Trace, pairs: Pairs) -> Pairs:
    """Pair constants without names by what uses them; those that are numbered may be others."""
    for v in one.graph.constants:
        for user, position in one.graph.consumers.get(v, ()) if v not in pairs and v in one.arrays else ():
            output = pairs.get(user.outputs[0])
            there = output.operation if isinstance(output, Variable) else None
            alike = there is not None and there.primitive.name == user.primitive.name
            if there is None or not alike or len(there.inputs) != len(user.inputs):
                continue
            if there.inputs[position].kind == "constant" and there.inputs[position] in other.arrays:
                pairs[v] = there.inputs[position]
                break
    return dict(sorted(pairs.items(), key=lambda pair: pair[0].index))


def _checked(pairs: Pairs, what: str) -> Pairs:
    if not pairs:
        cure = "compare two runs of one model, or give arrays by the names of variables"
        raise LookupFailed(f"no variable of this run is in {what}", cure)
    return pairs
