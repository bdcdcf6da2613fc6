"""Which variable of one run is which of another: the same one, what a pass made of it, or what is computed alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graph_engine.collector import paused_collection
from graph_engine.errors import LookupFailed
from graph_engine.node import Variable
from graph_engine.trace import Trace
from graph_engine_viz.debugger.compare.pairing import Pairing

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
    with paused_collection():
        found = Pairing(one, other, became or {}).pairs
    return _checked({v: found[v] for v in variables if v in found and found[v] in other.arrays}, "the other run")


def _checked(pairs: Pairs, what: str) -> Pairs:
    if not pairs:
        cure = "compare two runs of one model, or give arrays by the names of variables"
        raise LookupFailed(f"no variable of this run is in {what}", cure)
    return pairs
