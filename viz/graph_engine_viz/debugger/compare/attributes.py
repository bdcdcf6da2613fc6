"""What differs between an operation and what it is in another run: in words, and to compute with."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from graph_engine.body import Body
from graph_engine.node import Operation
from graph_engine.passes.retype import Retype
from graph_engine.primitive import Primitive

__all__ = ["differing", "in_precision"]

_PRECISION = "dtype"
"""With this end the names of the attributes that say a precision."""


def differing(one: Primitive, other: Primitive) -> tuple[str, ...]:
    """Say in what two primitives differ, but for precision.

    Examples
    --------
    >>> from graph_engine.primitives.normalizing import Standardize
    >>> differing(Standardize(eps=1e-5), Standardize(eps=1.0))
    ('eps: 1e-05 and 1.0',)
    """
    if type(one) is not type(other):
        return (f"operation: {one.name} and {other.name}",)
    pairs = ((name, value, getattr(other, name)) for name, value in _attributes(one).items())
    return tuple(
        f"{name}: {'what one step computes' if isinstance(a, Body) else f'{a} and {b}'}"
        for name, a, b in pairs
        if a != b and not name.endswith(_PRECISION)
    )


def in_precision(operation: Operation, dtype: str, there: Primitive | None = None) -> Primitive:
    """Return what an operation computes in a precision; what it makes of no real numbers, in that of a run.

    Parameters
    ----------
    operation : Operation
    dtype : {"float16", "float32", "float64"}
    there : Primitive, optional
        What it is in that run, if not itself.
    """
    if any(v.spec.is_float for v in operation.inputs):
        return Retype(dtype).primitive(operation)
    found = operation.primitive
    if there is None or type(there) is not type(found):
        return found
    precision = {name: value for name, value in _attributes(there).items() if name.endswith(_PRECISION)}
    return dataclasses.replace(found, **precision) if precision else found


def _attributes(primitive: Primitive) -> Mapping[str, Any]:
    return {field.name: getattr(primitive, field.name) for field in dataclasses.fields(primitive)}
