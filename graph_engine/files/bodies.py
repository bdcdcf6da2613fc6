"""The body of an operation as JSON, both ways: a graph inside the document of another one."""

from __future__ import annotations

from typing import Any

from graph_engine.body import Body
from graph_engine.errors import FileError, GraphEngineError
from graph_engine.files.text import Item, check_keys, take, take_numbers

_DEEPEST = 20
_KEYS = frozenset({"inputs", "body"})


def encode_body(body: Body) -> Item:
    """Write a body: its graph, and the numbers of its inputs."""
    from graph_engine.files.writer import GraphWriter  # which writes bodies

    writer = GraphWriter(body.graph, body.inputs)
    return {"inputs": [writer.number[v] for v in body.inputs], "body": writer.document()}


def is_body(value: Any) -> bool:
    """Return whether an attribute in a file is a body."""
    return isinstance(value, dict) and "body" in value


def decode_body(value: Item, where: str, depth: int) -> Body:
    """Read a body."""
    from graph_engine.files.reader import GraphReader  # which reads bodies

    check_keys(value, _KEYS, where)
    if depth >= _DEEPEST:
        raise FileError(f"{where}: bodies are nested too deeply")
    document = take(value, "body", dict, where)
    try:
        reader = GraphReader(document, depth=depth + 1)
        numbers = take_numbers(value, "inputs", len(reader.variables), "variable", "its body")
        return Body(tuple([reader.variables[number] for number in numbers]), reader.graph)
    except GraphEngineError as error:
        raise FileError(f"{where}: {error.message}", error.cure, error.lines) from None
