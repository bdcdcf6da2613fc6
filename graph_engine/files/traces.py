"""Traces: one safetensors file that holds every value, and in one more tensor the graph and what belongs to what."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from graph_engine import errors
from graph_engine.errors import FileError, GraphEngineError, RunError
from graph_engine.files.reader import GraphReader
from graph_engine.files.tensors import read_tensors, write_tensors
from graph_engine.files.text import (
    Item,
    check_keys,
    check_number,
    parse,
    shown,
    take,
    take_items,
    take_number,
    take_numbers,
    take_text,
)
from graph_engine.files.writer import GraphWriter
from graph_engine.node import Variable
from graph_engine.source import SourceLine
from graph_engine.trace import Trace

Array = np.ndarray[Any, Any]

FORMAT = "graph_engine.trace"
VERSION = 1
_TRACE = "trace"  # the tensor that holds the JSON; all others are called after the number of their variable
_KEYS = frozenset(
    {"format", "version", "graph", "outputs", "loss", "gradients", "updates", "names", "failed", "error"}
)
_ERROR = frozenset({"type", "message", "cure", "lines"})


def save_trace(trace: Trace, path: Any) -> None:
    """Write a trace to a safetensors file.

    Raises
    ------
    FileError
        Where the file cannot be written; what was there before is unchanged.
    """
    more = [*trace.outputs, *trace.gradients, *trace.gradients.values(), *trace.updates, *trace.updates.values()]
    writer = GraphWriter(trace.graph, more, stored=trace.arrays)
    number = writer.number
    document = {
        "format": FORMAT,
        "version": VERSION,
        "outputs": [number[v] for v in trace.outputs],
        "loss": None if trace.loss is None else number[trace.loss],
        "gradients": [[number[v], number[g]] for v, g in trace.gradients.items()],
        "updates": [[number[p], number[new]] for p, new in trace.updates.items()],
        "names": {str(name): int(size) for name, size in trace.names.items()},
        "failed": None if trace.failed is None else writer.operation_number[trace.failed],
        "error": _encode_error(trace.error),
        "graph": writer.document(),
    }
    tensors = {str(number[v]): np.asarray(trace.to_numpy(a)) for v, a in trace.arrays.items() if v in number}
    tensors[_TRACE] = np.frombuffer(json.dumps(document).encode(), np.uint8)
    write_tensors(path, tensors, FORMAT, VERSION)


def load_trace(path: Any) -> Trace:
    """Read a trace that `save_trace` wrote: it answers and prints as the original did.

    Parameters have as their initial values those that the run began with.

    Raises
    ------
    FileError
        Where it is damaged, of another version, needs a plugin that is not here, or contradicts itself.
    """
    tensors = read_tensors(path, FORMAT, VERSION)
    try:
        return _read(tensors)
    except FileError as error:
        raise FileError(f"{path}: {error.message}", error.cure, error.lines) from None


def _read(tensors: dict[str, Array]) -> Trace:
    text = tensors.pop(_TRACE, None)
    if text is None or text.dtype != np.uint8:
        raise FileError("it holds no graph")
    document = parse(text.tobytes(), FORMAT, VERSION)
    check_keys(document, _KEYS, "the trace")
    graph_item = take(document, "graph", dict, "the trace")
    count = len(take_items(graph_item, "variables", dict, "the graph"))
    arrays = {_number(name, count): array for name, array in tensors.items()}
    reader = GraphReader(graph_item, arrays)
    variables = reader.variables
    loss = take_number(document, "loss", count, "variable", "the trace", None)
    failed = take_number(document, "failed", len(reader.operations), "operation", "the trace", None)
    names = take(document, "names", dict, "the trace")
    if any(type(size) is not int or size < 0 for size in names.values()):
        raise FileError("the trace: 'names' does not map names to sizes")
    _check_inputs(reader, arrays, names)
    trace = Trace(
        graph=reader.graph,
        outputs=tuple([variables[n] for n in take_numbers(document, "outputs", count, "variable", "the trace")]),
        loss=None if loss is None else variables[loss],
        gradients=_read_pairs(document, "gradients", variables),
        updates=_read_pairs(document, "updates", variables),
        arrays={variables[n]: array for n, array in arrays.items()},
        names=names,
        error=_decode_error(document),
        failed=None if failed is None else reader.operations[failed],
    )
    if isinstance(trace.error, RunError):
        trace.error.trace, trace.error.operation = trace, trace.failed
    return trace


def _number(name: str, count: int) -> int:
    if not (name.isascii() and name.isdigit() and len(name) < 20 and str(int(name)) == name):
        raise FileError(f"the tensor {shown(name)} belongs to no variable")
    return check_number(int(name), count, "variable", f"the tensor {shown(name)}")


def _check_inputs(reader: GraphReader, arrays: Mapping[int, Array], names: Mapping[str, int]) -> None:
    """Refuse inputs that do not fit; results stay as a kernel made them, which is what a trace is read for."""
    for number, array in arrays.items():
        variable = reader.variables[number]
        if variable.kind != "input":
            continue
        try:
            fits = array.dtype.name == variable.dtype and array.shape == variable.spec.bind(names).shape
        except GraphEngineError as error:
            raise FileError(f"variable {number}: {error.message}") from None
        if not fits:
            raise FileError(f"variable {number} is {variable.spec}, but its value is {array.dtype}{array.shape}")


def _read_pairs(document: Item, key: str, variables: list[Variable]) -> dict[Variable, Variable]:
    pairs = {}
    for pair in take_items(document, key, list, "the trace"):
        if [type(number) for number in pair] != [int, int]:
            raise FileError(f"the trace: {key!r} holds {shown(pair)} in place of two variables")
        one, other = [variables[check_number(n, len(variables), "variable", f"the trace: {key!r}")] for n in pair]
        if one.spec != other.spec:
            raise FileError(f"the trace: {key!r} joins {one.spec} with {other.spec}")
        pairs[one] = other
    return pairs


# ---- the error that stopped a run ------------------------------------------------------------------------------


def _encode_error(error: Exception | None) -> Item | None:
    if error is None:
        return None
    if not isinstance(error, GraphEngineError):
        return {"type": "RunError", "message": f"{type(error).__name__}: {error}", "cure": "", "lines": []}
    lines = [[why, line.file, line.line, line.text, line.function] for why, line in error.lines if line is not None]
    return {"type": type(error).__name__, "message": error.message, "cure": error.cure, "lines": lines}


def _decode_error(document: Item) -> GraphEngineError | None:
    item = take(document, "error", dict, "the trace", None)
    if item is None:
        return None
    where = "the trace: its error"
    check_keys(item, _ERROR, where)
    lines = []
    for line in take_items(item, "lines", list, where):
        if [type(part) for part in line] != [str, str, int, str, str]:
            raise FileError(f"{where} has a line that is none")
        lines.append((line[0], SourceLine(*line[1:])))
    found = getattr(errors, take(item, "type", str, where), None)
    known = isinstance(found, type) and issubclass(found, GraphEngineError)
    cls: type[GraphEngineError] = found if known else RunError  # type: ignore[assignment]
    return cls(take_text(item, "message", where), take_text(item, "cure", where), tuple(lines))
