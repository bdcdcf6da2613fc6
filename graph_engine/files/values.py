"""Attributes, specs and arrays as JSON, both ways."""

from __future__ import annotations

import base64
import binascii
import math
from typing import Any

import numpy as np

from graph_engine.dims import Dim, dimension
from graph_engine.errors import FileError, GraphEngineError
from graph_engine.files.text import as_text, shown
from graph_engine.spec import DTYPES, Spec

Array = np.ndarray[Any, Any]

_DEEPEST = 20
_LARGEST = 2**63 - 1
_FLOATS = ("nan", "inf", "-inf")


# ---- attributes ------------------------------------------------------------------------------------------------


def encode_value(value: Any, where: str) -> Any:
    """Write an attribute of a primitive: numbers, texts, None, dimensions and tuples of those.

    Examples
    --------
    >>> encode_value((1, (None, Dim("n")), float("inf")), "here")
    [1, [None, {'dim': 'n'}], {'float': 'inf'}]
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, Dim):
        return {"dim": str(value)}
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else {"float": str(float(value))}
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, tuple):
        return [encode_value(item, where) for item in value]
    raise FileError(f"{where} is {value!r}, which has no form in a file", "use numbers, texts, None and tuples")


def decode_value(value: Any, where: str, depth: int = 0) -> Any:
    """Read an attribute of a primitive.

    Examples
    --------
    >>> decode_value([1, [None, {"dim": "n"}], {"float": "inf"}], "here")
    (1, (None, 'n'), inf)
    """
    if isinstance(value, list):
        if depth > _DEEPEST:
            raise FileError(f"{where} is nested too deeply")
        return tuple([decode_value(item, where, depth + 1) for item in value])
    if isinstance(value, dict):
        return _decode_marked(value, where)
    return as_text(value, where) if isinstance(value, str) else value


def _decode_marked(value: dict[str, Any], where: str) -> Any:
    if list(value) == ["dim"] and isinstance(value["dim"], str):
        return decode_dimension(value["dim"], where)
    if list(value) == ["float"] and value["float"] in _FLOATS:
        return float(value["float"])
    raise FileError(f"{where} is {shown(value)}, which is no value")


# ---- specs -----------------------------------------------------------------------------------------------------


def encode_shape(spec: Spec) -> list[int | str]:
    """Write a shape; a text is a dimension's name or expression."""
    return [str(dim) if isinstance(dim, Dim) else int(dim) for dim in spec.shape]


def decode_spec(shape: list[Any], dtype: str, where: str) -> Spec:
    """Read a shape and a dtype."""
    if dtype not in DTYPES:
        raise FileError(f"{where}: {shown(dtype)} is no dtype of this engine", f"dtypes: {', '.join(DTYPES)}")
    return Spec(tuple([decode_dimension(dim, where) for dim in shape]), dtype)


def decode_dimension(dim: Any, where: str) -> int | Dim:
    """Read one dimension."""
    if type(dim) is int and 0 <= dim <= _LARGEST:
        return dim
    if not isinstance(dim, str):
        raise FileError(f"{where}: {shown(dim)} is no dimension")
    try:
        return dimension(dim)
    except (GraphEngineError, ValueError) as error:
        reason = error.message if isinstance(error, GraphEngineError) else str(error)
        raise FileError(f"{where}: {shown(dim)} is no dimension: {reason}") from None


# ---- arrays ----------------------------------------------------------------------------------------------------


def encode_data(array: Array) -> str:
    """Write an array's bytes, little-endian, in base64.

    Examples
    --------
    >>> encode_data(np.array([1, 2], "uint8"))
    'AQI='
    """
    little = np.asarray(array, array.dtype.newbyteorder("<"), order="C")
    return base64.b64encode(little.tobytes()).decode("ascii")


def decode_data(text: str, spec: Spec, where: str) -> Array:
    """Read an array of known shape and dtype; its size is checked before anything is allocated."""
    shape = fixed_shape(spec, where)
    dtype = np.dtype(spec.dtype).newbyteorder("<")
    needed = math.prod(shape) * dtype.itemsize
    if len(text) != 4 * -(-needed // 3):
        raise FileError(f"{where}: {spec} is {shown(needed)} bytes, which is not what its data holds")
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise FileError(f"{where}: its data is damaged (no base64)") from None
    if len(data) != needed:
        raise FileError(f"{where}: {spec} is {shown(needed)} bytes, but its data holds {len(data)}")
    try:
        array = np.frombuffer(data, dtype).astype(spec.dtype).reshape(shape)
    except ValueError as error:  # more dimensions than NumPy has, sizes that overflow beside a zero
        raise FileError(f"{where}: {error}") from None
    if spec.dtype == "bool" and data.translate(None, b"\0\1"):
        raise FileError(f"{where}: its data holds bools other than 0 and 1")
    array.flags.writeable = False
    return array


def fixed_shape(spec: Spec, where: str) -> tuple[int, ...]:
    """Return a shape without names, as an array has it."""
    shape = tuple([dim for dim in spec.shape if not isinstance(dim, Dim)])
    if len(shape) != len(spec.shape):
        raise FileError(f"{where}: it has a value, so its shape {spec} cannot have named dimensions")
    return shape
