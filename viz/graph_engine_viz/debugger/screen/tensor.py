"""The inspector: one tensor, its statistics, its histogram, a part of its numbers, and where its gradient came from."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graph_engine.errors import DeclarationError
from graph_engine.node import Operation, Variable
from graph_engine.spec import show_shape
from graph_engine_viz.debugger.by_hand import set_by_hand
from graph_engine_viz.debugger.screen.looking import Looked
from graph_engine_viz.debugger.screen.plain import exacts, number
from graph_engine_viz.debugger.screen.slices import MOST, Slice, read_slice
from graph_engine_viz.summary import Summary
from graph_engine_viz.wording import Line, Part, Words, fill, line_text, local_factors, part

__all__ = ["inspect"]

MOST_TERMS = 8
"""So many terms of a gradient, and local derivatives of an operation, are shown."""

_TITLES = {"value": "value", "grad": "gradient", "update": "new value"}
LEVELS = 100
"""Colours are numbered from minus to plus that."""

_OUTLIER = 4.0
"""Where the largest magnitude is so many times that of the 99th percentile, the scale ends there and what is larger is
marked as clipped."""


def inspect(looked: Looked, name: str, side: str, text: str = "", most: int = MOST) -> dict[str, Any]:
    """Return what the inspector shows of a variable's value, gradient or new value.

    Parameters
    ----------
    looked : Looked
    name : str
    side : {"value", "grad", "update"}
    text : str
        The slice, as in `0, :, 3`.
    most : int
        So many rows and columns of it.
    """
    trace = looked.trace
    variable = trace.graph[name]
    holder = looked.holder(variable, side)
    table: dict[str, Any] = {
        "name": looked.name(variable),
        "side": side,
        "title": f"{looked.name(variable)} · {_TITLES[side]}",
        "kind": variable.kind,
        "moment": looked.moment(holder),
        "line": str(variable.line.text) if variable.line is not None else "",
        "made": _made(looked, variable, holder),
        "sides": [s for s in _TITLES if looked.moment(looked.holder(variable, s)) is not None],
        "columns": {s: _statistics(looked, looked.holder(variable, s)) for s in _TITLES},
    }
    if holder is None or holder not in trace.arrays:
        return table | {"missing": _missing(looked, variable, side)}
    if str(trace.arrays[holder].dtype).startswith("complex"):
        raise DeclarationError(f"{name!r} is complex", "look at its real part, or at its magnitude")
    summary = looked.summary(holder)
    shape = tuple(trace.arrays[holder].shape)
    table |= {"holder": looked.name(holder), "shape": show_shape(shape), "dtype": summary.dtype}
    table["histogram"] = _histogram(summary)
    table["grid"] = _grid(looked, holder, read_slice(text, shape, most))
    if side == "update" and holder.spec.is_float:
        table["change"] = number(looked.change(variable, holder))
    summed = side == "grad" and holder not in set_by_hand(trace)
    terms = _terms(looked, variable) if summed else {"terms": [], "terms_of": 0}
    return table | terms | _local(looked, variable.operation)


def _made(looked: Looked, variable: Variable, holder: Variable | None) -> str:
    if holder in set_by_hand(looked.trace):
        return "set by hand"
    return looked.trace.graph.describe(variable.operation) if variable.operation is not None else ""


def _missing(looked: Looked, variable: Variable, side: str) -> str:
    name = looked.name(variable)
    if side == "update":
        return f"{name} is not updated in this run"
    if side == "grad" and variable not in looked.trace.gradients:
        return f"{name} has no gradient: the loss does not depend on it smoothly, or no backward pass was run"
    return f"{name} has not been computed: the run stopped before"


def _statistics(looked: Looked, holder: Variable | None) -> list[list[str]] | None:
    """Return rows of a name, a short text and an exact one."""
    if holder is None or holder not in looked.trace.arrays or not looked.summary(holder).size:
        return None
    summary = looked.summary(holder)
    rows = [
        ("min", summary.minimum), ("max", summary.maximum), ("mean", summary.mean), ("std", summary.std),
        ("RMS", summary.rms), ("zeros", summary.zeros), ("NaN", summary.nans), ("Inf", summary.infs),
    ]  # fmt: skip
    return [[name, *number(value)] for name, value in rows]


def _histogram(summary: Summary) -> dict[str, Any]:
    found = summary.histogram
    return {"counts": list(found.counts), "low": number(found.low), "high": number(found.high)}


def _grid(looked: Looked, holder: Variable, part: Slice) -> dict[str, Any]:
    """Return a part of a tensor: exact texts, and a colour for each."""
    array = looked.array(holder, part.parts)
    rows = array.reshape(math.prod(array.shape[:-1]), *array.shape[-1:] or (1,))
    numbers = rows.astype(np.float64)
    limit = _limit(numbers)
    with np.errstate(all="ignore"):
        levels = np.nan_to_num(np.clip(np.round(numbers / limit * LEVELS), -LEVELS, LEVELS)).astype(int)
    return {
        "slice": part.text,
        "cut": part.cut,
        "starts": [0] * (2 - len(part.axes)) + part.starts,
        "index": [None if isinstance(p, slice) else p for p in part.parts],
        "shape": list(rows.shape),
        "limit": number(limit),
        "levels": levels.ravel().tolist(),
        "marks": _marks(numbers, limit),
        "texts": exacts(rows),
    }


def _limit(numbers: np.ndarray[Any, Any]) -> float:
    """Return where the colours end: the largest magnitude, without outliers."""
    finite = np.abs(numbers[np.isfinite(numbers)])
    if not finite.size or not finite.max():
        return 1.0
    most = float(np.quantile(finite, 0.99, method="lower"))
    return most if most and finite.max() > _OUTLIER * most else float(finite.max())


def _marks(numbers: np.ndarray[Any, Any], limit: float) -> dict[str, str]:
    """Return the cells that carry a mark: not a number, infinities, and what is beyond the scale."""
    with np.errstate(all="ignore"):
        kinds = {
            "nan": np.isnan(numbers), "inf": numbers == np.inf, "-inf": numbers == -np.inf,
            "high": np.isfinite(numbers) & (numbers > limit), "low": np.isfinite(numbers) & (numbers < -limit),
        }  # fmt: skip
    return {str(cell): kind for kind, mask in kinds.items() for cell in np.flatnonzero(mask).tolist()}


def _terms(looked: Looked, variable: Variable) -> dict[str, Any]:
    """Return the first of the terms that a gradient is the sum of, one for each use, and how many there are."""
    trace = looked.trace
    found = [use for use in trace.terms(variable) if use[2] in trace.arrays] if trace.has_grad(variable) else []
    rows = [
        {"operation": trace.graph.name_of(operation), "input": position} | _size(looked, term)
        for operation, position, term in found[:MOST_TERMS]
    ]
    return {"terms": rows, "terms_of": len(found)}


def _size(looked: Looked, term: Variable) -> dict[str, Any]:
    single = math.prod(looked.trace.arrays[term].shape) == 1
    size = looked.array(term).reshape(()) if single else looked.rms(term)
    return {"is_rms": not single, "number": number(size)}


def _local(looked: Looked, operation: Operation | None) -> dict[str, Any]:
    """Return the local derivatives of the operation that made a variable, and how many there are.

    Each is the symbol, and the number if it is one.
    """
    if operation is None or operation.phase != "forward":
        return {"local": [], "local_of": 0}
    words = Words(looked.trace.graph)
    upstream = (part("δ"),)

    def named(v: Variable | None) -> Line:
        return (Part(words.short_name(v)),) if v is not None else ()

    try:
        values = looked.trace.local_derivatives(operation)
    except Exception:  # a primitive whose rule needs what this run has not computed
        values = (None,) * len(operation.inputs)
    known = zip(operation.inputs, local_factors(operation), values, strict=False)
    found = [(variable, symbol, value) for variable, symbol, value in known if symbol or value is not None]
    rows = []
    for variable, symbol, value in found[:MOST_TERMS]:
        single = number(value.reshape(-1)[0]) if value is not None and value.size == 1 else None
        written = line_text(fill(symbol, operation, named, upstream)) if symbol else ""
        rows.append({"input": looked.name(variable), "symbol": written, "number": single})
    return {"local": rows, "local_of": len(found)}
