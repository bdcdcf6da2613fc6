"""What the functions of several families share: reading arguments, errors that show the user's line."""

from __future__ import annotations

from typing import Any, ParamSpec, TypeVar

from graph_engine.errors import ShapeError
from graph_engine.node import Operand, Variable
from graph_engine.operands import as_variables
from graph_engine.primitives.structure import convert
from graph_engine.spec import DEFAULT_FLOAT, normalize_axis, promote

P = ParamSpec("P")
R = TypeVar("R")

Axis = int | tuple[int, ...] | list[int] | None


def as_variable(value: Operand) -> Variable:
    """Turn one operand into a variable."""
    return as_variables([value])[0]


def as_float(x: Operand) -> Variable:
    """Turn an operand into a variable of real numbers; integers become float32."""
    x = as_variable(x)
    return x if x.spec.is_float else convert(x, DEFAULT_FLOAT)


def as_one_dtype(values: Any) -> tuple[Variable, ...]:
    """Turn operands into variables of the dtype that holds them all."""
    variables = as_variables(list(values))
    dtype = promote(*(v.dtype for v in variables)) if variables else ""
    return tuple(convert(v, dtype) for v in variables)


def as_axes(axis: Any) -> tuple[int, ...] | None:
    """Read `axis=None | int | tuple` as something hashable; whether it fits is for `infer` to say."""
    if axis is None:
        return None
    items = axis if isinstance(axis, (tuple, list, range)) else (axis,)
    return tuple(_as_int(item) for item in items)


def _as_int(item: Any) -> int:
    plain = hasattr(item, "__index__") and not isinstance(item, bool)
    return int(item.__index__()) if plain else item


def the_axis(axis: int | None, ndim: int) -> int:
    """Count an axis from the front; it may be left out where there is only one dimension."""
    if axis is None and ndim != 1:
        raise ShapeError(f"an axis is needed where there are {ndim} dimensions")
    return normalize_axis(axis or 0, ndim)
