"""Which variable of one run is which of another: the same one, what a pass made of it, or what is computed alike."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np

from graph_engine.collector import paused_collection
from graph_engine.errors import DeclarationError, FeedError, LookupFailed, NameClashError
from graph_engine.node import Operation, Variable
from graph_engine.trace import Trace
from graph_engine_viz.debugger.compare.pairing import Pairing

__all__ = ["align", "arrays_of"]

Array = np.ndarray[Any, Any]
Pairs = dict[Variable, Variable | str]
_EXPECTED = "compare(trace, other): another trace, or {name: array}"


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
    DeclarationError
        Where these are not what is compared.
    LookupFailed
        Where nothing has a counterpart.
    NameClashError
        Where a reference has a name that is one of several variables.
    """
    _check(one, other, became)
    variables = [v for v in one.graph.variables if v in one.arrays]
    if not isinstance(other, Trace):
        _refuse_ambiguous(one, other)
        return _checked({v: name for v in variables if (name := one.graph.name_of(v)) in other}, "a reference")
    if one.graph is other.graph:
        return _checked({v: v for v in variables if v in other.arrays}, "the other run")
    with paused_collection():
        found = Pairing(one, other, became or {}).pairs
    return _checked({v: found[v] for v in variables if v in found and found[v] in other.arrays}, "the other run")


def arrays_of(reference: Mapping[str, Any], pairs: Pairs) -> dict[Variable, Array]:
    """Return the arrays of a reference, by the variables they belong to.

    Raises
    ------
    FeedError
        Where one holds no real numbers.
    """
    return {v: _array(reference[name], name) for v, name in pairs.items() if isinstance(name, str)}


def _array(value: Any, name: str) -> Array:
    cure = "give arrays that NumPy reads: tensor.detach().cpu().numpy(), array.get()"
    try:
        array = np.asarray(value)
    except Exception as error:
        raise FeedError(f"the reference of {name!r}, a {type(value).__name__}, is no array: {error}", cure) from error
    if array.dtype.kind not in "biuf":
        raise FeedError(f"the reference of {name!r} holds {array.dtype}, not real numbers", cure)
    return array


def _check(one: object, other: object, became: object) -> None:
    if not isinstance(one, Trace):
        swapped = " (the run comes first)" if isinstance(other, Trace) else ""
        raise DeclarationError(f"what is compared is a run, not a {type(one).__name__}{swapped}", _EXPECTED)
    if not isinstance(other, Trace | Mapping):
        raise DeclarationError(f"a run is compared with a run or with arrays, not a {type(other).__name__}", _EXPECTED)
    if became is None:
        return
    nodes = [node for pair in became.items() for node in pair] if isinstance(became, Mapping) else [None]
    if not all(isinstance(node, Variable | Operation) for node in nodes):
        cure = "give the `.became` of what a pass returned"
        raise DeclarationError(f"`became` says what each variable became, and is not {became!r:.60}", cure)


def _refuse_ambiguous(one: Trace, reference: Mapping[str, Any]) -> None:
    """Refuse what several variables call themselves, where it cannot be told that the first of them is meant."""
    called: dict[str, list[Variable]] = defaultdict(list)
    for v in one.graph.variables:
        called[v.name].append(v)
    name_of = one.graph.name_of
    if any(name_of(v) in reference and name_of(v) not in called for v in one.graph.variables):
        return  # it has the numbers by which the graph tells them apart
    for name, found in called.items():
        if len(found) == 1 or name not in reference or name not in one.graph or _fits(one, name, reference):
            continue
        names = ", ".join(map(name_of, found[:4])) + (", ..." if len(found) > 4 else "")
        raise NameClashError(
            f"{name!r} in the reference may be any of {len(found)} variables of this run: {names}",
            "name arrays by trace.graph.name_of(v), which tells them apart, not by v.name; give more than the first",
        )


def _fits(one: Trace, name: str, reference: Mapping[str, Any]) -> bool:
    """Whether an array is about what this run has under just that name."""
    variable, array = one.graph[name], _array(reference[name], name)
    value = one.to_numpy(one.arrays[variable]) if variable in one.arrays else None
    return value is not None and array.shape == value.shape and bool(np.allclose(array, value, 1e-2, equal_nan=True))


def _checked(pairs: Pairs, what: str) -> Pairs:
    if not pairs:
        cure = "compare two runs of one model, or give arrays by the names of variables"
        raise LookupFailed(f"no variable of this run is in {what}", cure)
    return pairs
