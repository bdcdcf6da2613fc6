"""The primitive that an operation in a file applies, made of what the file says about it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from graph_engine import plugins
from graph_engine.errors import FileError, GraphEngineError
from graph_engine.files.bodies import decode_body, is_body
from graph_engine.files.text import Item, check_version, shown, take, take_text
from graph_engine.files.values import decode_value
from graph_engine.node import Variable
from graph_engine.primitive import Primitive, check_inferred
from graph_engine.spec import Spec


def vocabulary() -> dict[str, type[Primitive]]:
    """Return the primitives that are found here; our own where plugins are not found at all."""
    found = plugins.primitives()
    if not found:
        from graph_engine.primitives import PRIMITIVES

        found = {cls.name: cls for cls in PRIMITIVES}
    return found


def read_primitive(item: Item, classes: Mapping[str, type[Primitive]], where: str, depth: int = 0) -> Primitive:
    """Return the primitive that an operation applies, in a body that is `depth` bodies deep."""
    name = take_text(item, "primitive", where)
    cls = classes.get(name)
    if cls is None:
        cure = "a plugin is missing: install the package that has it (its entry point is in graph_engine.primitives)"
        raise FileError(f"{where}: no primitive is called {shown(name)} here", cure)
    check_version(take(item, "version", int, where, cls.version), cls.version, f"use of {name!r} ({where})")
    attributes = take(item, "attributes", dict, where, {})
    known = {field.name for field in dataclasses.fields(cls) if field.init}
    unknown = attributes.keys() - known
    if unknown:
        raise FileError(f"{where}: {name!r} has no attribute {shown(min(unknown))}")
    decoded = {key: _attribute(value, f"{where}: {key!r}", depth) for key, value in attributes.items()}
    try:
        return cls(**decoded)
    except Exception as error:  # whatever a class that checks its attributes raises
        raise FileError(f"{where}: {_reason(error)}") from None


def _attribute(value: Any, where: str, depth: int) -> Any:
    return decode_body(value, where, depth) if is_body(value) else decode_value(value, where)


def infer_specs(primitive: Primitive, inputs: tuple[Variable, ...], where: str) -> Spec | tuple[Spec, ...]:
    """Return the specs of what comes out of a primitive that was read."""
    try:
        return check_inferred(primitive.infer(*[v.spec for v in inputs]))
    except Exception as error:  # a rule that was given attributes of the wrong types may raise anything
        given = ", ".join(str(v.spec) for v in inputs)
        raise FileError(f"{where} of ({given}): {_reason(error)}") from None


def spec_words(spec: Spec) -> str:
    """Write a spec that was inferred from what a file says."""
    try:
        return str(spec)
    except TypeError:  # made of attributes that are no dimensions
        return "no spec"


def _reason(error: Exception) -> str:
    return error.message if isinstance(error, GraphEngineError) else f"{type(error).__name__}: {error}"
