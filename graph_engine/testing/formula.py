"""Formulas and local derivatives, read as expressions and computed."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from graph_engine.primitive import Primitive
from graph_engine.testing.report import Inapplicable

Array = np.ndarray[Any, Any]


_READING = {"[": "float(", "]": ")", "⌊": "floor(", "⌋": ")", "−": "-", "·": "*", "×": "*", "²": " ** 2", "³": " ** 3"}
_NUMPY_FUNCTIONS = ("sin", "cos", "tan", "sinh", "cosh", "tanh", "exp", "log", "sqrt", "sign", "floor", "ceil", "isnan")
_KNOWN_FUNCTIONS: dict[str, Any] = {name: getattr(np, name) for name in _NUMPY_FUNCTIONS} | {
    "__builtins__": {},
    "float": float,
    "max": max,
    "min": min,
    "abs": abs,
    "clip": lambda x, low, high: min(max(x, low), high),
    "isfinite": np.isfinite,
    "erf": math.erf,
    "ln": np.log,
    "σ": lambda x: 1 / (1 + np.exp(-x)),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "pi": np.pi,
    "π": np.pi,
}


def read_formula(text: str, primitive: Primitive, arrays: Sequence[Array], output: Array) -> Array:
    """Read a formula as an expression, for each element by itself; `[condition]` is 1 or 0."""
    written = re.sub(r"\|([^|]*)\|", r"abs(\1)", text)
    for sign, reading in _READING.items():
        written = written.replace(sign, reading)
    values = [array.astype(np.float64) for array in np.broadcast_arrays(*arrays, output)]
    names = primitive.input_names
    known = dict(zip(names, values[:-1], strict=True)) if len(names) == len(arrays) else {}
    known.setdefault("y", values[-1])
    attributes = {f.name: getattr(primitive, f.name) for f in fields(primitive)}
    results = np.zeros(output.shape, np.float64)
    try:
        code = compile(written.format_map({name: name for name in (*attributes, *known)}).strip(), "<formula>", "eval")
        with np.errstate(all="ignore"):
            for index in np.ndindex(output.shape):
                numbers = attributes | {name: array[index] for name, array in known.items()}
                results[index] = eval(code, _KNOWN_FUNCTIONS, numbers)
    except (SyntaxError, NameError, KeyError, TypeError) as error:
        raise Inapplicable(f"{text!r} cannot be read as an expression ({error})") from None
    return results
