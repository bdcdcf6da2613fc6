"""What is not finite, followed back element by element to where it arose.

An element that is NaN is followed along what is NaN, as long as there is a NaN among what it was computed from, and
then along what is infinite: an infinity that was computed is the origin of the NaN that came of it.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from graph_engine.node import Operation, Variable
from graph_engine.primitives.scanning import Scan
from graph_engine_viz.debugger.origins.causes import not_taken
from graph_engine_viz.debugger.origins.elements import Link, link
from graph_engine_viz.debugger.origins.inside import written_out
from graph_engine_viz.debugger.origins.reading import Array, Loop, Place, Reader

__all__ = ["Marks", "Origins", "all_behind", "find_meant", "follow", "is_bad"]

Marks = Mapping[Variable, Array]
"""Marked elements of variables."""


class Origins(NamedTuple):
    """Where what is not finite arose.

    Attributes
    ----------
    found : dict of Variable to array
        The elements that are not finite though nothing is that they were computed from; the earliest first.
    towards : dict of Variable to Variable or None
        Where the way goes on from here to what was asked about.
    """

    found: dict[Variable, Array]
    towards: dict[Variable, Variable | None]


def is_bad(reader: Reader, variable: Variable) -> Array:
    """Mark what is not finite."""
    return np.asarray(~np.isfinite(reader.array(variable)))


def follow(reader: Reader, asked: Marks, meant: Marks) -> Origins:
    """Follow marked elements back to where they arose; infinities that are meant are left aside."""
    marks = dict(asked)
    towards: dict[Variable, Variable | None] = dict.fromkeys(asked)
    queue = [(-v.index, v) for v in marks]
    heapq.heapify(queue)
    found: dict[Variable, Array] = {}
    while queue:
        current = heapq.heappop(queue)[1]
        fresh, causes = _one_back(reader, current, marks.pop(current), meant)
        if fresh.any():
            found[current] = fresh
        for cause, mask in causes:
            if cause not in marks:
                heapq.heappush(queue, (-cause.index, cause))
            marks[cause] = marks[cause] | mask if cause in marks else mask
            towards.setdefault(cause, current)
    return Origins(dict(sorted(found.items(), key=lambda item: item[0].index)), towards)


def _one_back(
    reader: Reader, variable: Variable, asked: Array, meant: Marks
) -> tuple[Array, list[tuple[Variable, Array]]]:
    """Tell those of some elements that arose here from those that came from an input: from which of its elements."""
    operation = variable.operation
    bad = {} if operation is None else _bad_inputs(reader, operation)
    if operation is None or not bad:
        return asked, []
    loop = written_out(reader, operation) if isinstance(operation.primitive, Scan) else None
    if loop is not None:
        return _back_through(loop, operation, variable, asked, meant)
    harm = _without(operation, bad, meant)
    links = {i: link(reader, variable, i) for i, mask in harm.items() if mask.any()}
    nan = {i: mask & np.isnan(reader.array(operation.inputs[i])) for i, mask in harm.items()}
    is_nan = np.isnan(reader.array(variable))
    from_nan = asked & is_nan & _reached(links, nan, asked.shape)
    from_any = asked & ~from_nan & _reached(links, harm, asked.shape)
    made_nan = from_any & is_nan
    if made_nan.any() and _behind_a_choice(reader, variable, made_nan):
        from_any &= ~is_nan  # the infinity behind it does no harm in the forward pass
    causes: dict[Variable, Array] = {}
    for i, (_, back) in links.items():
        v, mask = operation.inputs[i], (back(from_nan) & nan[i]) | (back(from_any) & harm[i])
        causes[v] = causes[v] | mask if v in causes else mask
    return asked & ~from_nan & ~from_any, [(v, mask) for v, mask in causes.items() if mask.any()]


def _back_through(
    loop: Loop, operation: Operation, variable: Variable, asked: Array, meant: Marks
) -> tuple[Array, list[tuple[Variable, Array]]]:
    """Do the same of a loop, through the operations of its steps."""
    reader, output = loop.reader, loop.outputs[variable.output_index]
    behind = all_behind(reader, [output])
    given = {inner: meant[v] for inner, v in zip(loop.inputs, operation.inputs, strict=True) if v in meant}
    inner_meant = find_meant(reader, behind, known=given)
    wanted = asked & is_bad(reader, output)
    if output in inner_meant:
        wanted &= ~inner_meant[output]
    inside = follow(reader, {output: wanted}, inner_meant).found
    outer = {inner: v for inner, v in zip(loop.inputs, operation.inputs, strict=True) if inner in inside}
    arose = {v: mask for v, mask in inside.items() if v not in outer}
    for v in behind:
        marks = {i: arose[u] for i, u in enumerate(v.operation.inputs if v.operation else ()) if u in arose}
        if marks:
            links = {i: link(reader, v, i) for i in marks}
            mask = _reached(links, marks, is_bad(reader, v).shape) & is_bad(reader, v)
            arose[v] = arose[v] | mask if v in arose else mask
    fresh = asked & arose[output] if output in arose else np.zeros_like(asked)
    return fresh, [(v, inside[inner]) for inner, v in outer.items()]


def _bad_inputs(reader: Reader, operation: Operation) -> dict[int, Array]:
    return {i: is_bad(reader, v) for i, v in enumerate(operation.inputs) if reader.non_finite(v)}


def _without(operation: Operation, bad: dict[int, Array], meant: Marks) -> dict[int, Array]:
    return {i: mask & ~meant[v] if (v := operation.inputs[i]) in meant else mask for i, mask in bad.items()}


def _reached(links: dict[int, Link], marks: dict[int, Array], shape: tuple[int, ...]) -> Array:
    """Mark the elements of a result that were computed from marked elements of the inputs, by their positions."""
    found: Array = np.zeros(shape, dtype=bool)
    for position, (forward, _) in links.items():
        if position in marks:
            found |= forward(marks[position])
    return found


def _behind_a_choice(reader: Reader, variable: Variable, marked: Array) -> bool:
    index = tuple(map(int, np.argwhere(marked)[0]))
    assert variable.operation is not None
    return not_taken(Place(reader, variable.operation, variable, index)) is not None


def all_behind(reader: Reader, asked: Iterable[Variable]) -> list[Variable]:
    """Return all that is not finite behind some variables, and they, in the order of computation."""
    stack = list(asked)
    seen = set(stack)
    while stack:
        operation = stack.pop().operation
        inputs = () if operation is None else operation.inputs
        fresh = {v for v in inputs if v not in seen and reader.non_finite(v)}
        stack += fresh
        seen |= fresh
    return sorted(seen, key=lambda v: v.index)


# ---- infinities that are meant ---------------------------------------------------------------------------------


def find_meant(
    reader: Reader, variables: Iterable[Variable], fed: bool = False, known: Marks = MappingProxyType({})
) -> dict[Variable, Array]:
    """Mark the infinities that were declared, as in masks, and what was computed from nothing but such.

    Parameters
    ----------
    reader : Reader
    variables : iterable of Variable
        In the order of computation.
    fed : bool
        Whether all that were fed are meant, too, and not only masks.
    known : mapping of Variable to array
        Those of which it is known.
    """
    meant = dict(known)
    for variable in variables:
        mask = None if variable in meant else _meant(reader, variable, meant, fed)
        if mask is not None and mask.any():
            meant[variable] = mask
    return meant


def _meant(reader: Reader, variable: Variable, meant: Marks, fed: bool) -> Array | None:
    operation, array = variable.operation, reader.array(variable)
    if operation is None:
        whole = variable.kind == "constant" or (variable.kind == "input" and (fed or _is_mask(array)))
        return np.isinf(array) if whole and not reader.has_nan(variable) else None
    declared = _holds_infinity(operation)
    if not declared and not any(v in meant for v in operation.inputs):
        return None
    bad = _bad_inputs(reader, operation)
    links = {i: link(reader, variable, i) for i in bad}
    harmless = np.isinf(array) & ~_reached(links, _without(operation, bad, meant), array.shape)
    return harmless if declared else harmless & _reached(links, bad, array.shape)


def _is_mask(array: Array) -> bool:
    """Return whether what was fed holds nothing but -Inf and zeros, as what is added to scores does."""
    return array.ndim > 0 and bool(np.all((array == 0) | np.isneginf(array)))


def _holds_infinity(operation: Operation) -> bool:
    """Return whether an attribute is an infinity, as that of `full` or of a padding."""
    primitive = operation.primitive
    attributes = (getattr(primitive, field.name) for field in fields(primitive)) if is_dataclass(primitive) else ()
    return any(isinstance(value, float) and math.isinf(value) for value in attributes)
