"""What a file given on the command line holds: a graph, and where values are known what happened in a run.

A Python file is run, and then says by its variables what it is about:

- `output`: a variable of a graph, or a list of them; where there is no `output`, `loss`, and where there is none, `f`;
- `feeds`: a dictionary with a value for each input, by variable or by name; without it there is a graph and no run;
- `engine`: a `ge.Engine`, if it shall be another than one on NumPy;
- `step`: what `engine.compile` returned, if one step of it shall be run, update included.
"""

from __future__ import annotations

import os
import runpy
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from graph_engine.compiled import CompiledStep
from graph_engine.engine import Engine
from graph_engine.errors import FeedError, FileError, GraphEngineError
from graph_engine.graph import Graph
from graph_engine.node import Variable
from graph_engine.trace import Trace

EXPECTED = "define `output` (a variable or a list of them) and `feeds` (a dictionary {input: value})"
_OUTPUT_NAMES = ("output", "loss", "f")
RUN_NAME = "__graph_engine__"


@dataclass
class Opened:
    """What a file holds.

    Attributes
    ----------
    path : Path
    graph : Graph
        What was declared.
    outputs : tuple of Variable
    feeds : mapping or None
        A value for each input.
    engine : Engine or None
    step : CompiledStep or None
        What is run; where there is none, the outputs.
    saved : Trace or None
        What happened, where the file says it.
    """

    path: Path
    graph: Graph
    outputs: tuple[Variable, ...] = ()
    feeds: Mapping[Any, Any] | None = None
    engine: Engine | None = None
    step: CompiledStep | None = None
    saved: Trace | None = field(default=None, repr=False)

    @property
    def can_run(self) -> bool:
        """Whether every input has a value."""
        return self.saved is not None or self.feeds is not None or not self.graph.inputs

    def trace(self) -> tuple[Trace, GraphEngineError | None]:
        """Return what happens in a run, and what stopped it, if something did."""
        if self.saved is not None:
            return self.saved, None
        if not self.can_run:
            names = ", ".join(repr(v.name) for v in self.graph.inputs)
            raise FeedError(f"{self.path} says no values for {names}, so there is nothing to run", EXPECTED)
        try:
            return self._run(), None
        except GraphEngineError as error:
            partial = getattr(error, "trace", None)
            if partial is None:
                raise
            return partial, error

    def _run(self) -> Trace:
        if self.step is not None:
            return self.step.trace(*_values(self.step.inputs, self.feeds or {}))
        engine = self.engine or Engine("numpy")
        return engine.trace(self.outputs if len(self.outputs) > 1 else self.outputs[0], self.feeds or {})


def open_file(path: Path) -> Opened:
    """Open a Python file, a saved graph (.json) or a saved trace (.safetensors).

    Raises
    ------
    FileError
        Where it is something else, cannot be read, or does not say what it is about.
    """
    readers = {".py": _open_python, ".json": _open_graph, ".safetensors": _open_trace}
    if not path.is_file():
        raise FileError(f"there is no file {path}")
    reader = readers.get(path.suffix.lower())
    if reader is None:
        cure = "give a Python file, a saved graph, or a saved trace"
        raise FileError(f"{path} is none of {', '.join(readers)}", cure)
    return reader(path)


def _open_graph(path: Path) -> Opened:
    try:
        graph = Graph.from_json(path.read_bytes())
    except FileError as error:
        raise FileError(f"{path}: {error.message}", error.cure, error.lines) from None
    return Opened(path, graph, graph.outputs)


def _open_trace(path: Path) -> Opened:
    trace = Trace.load(path)
    feeds = {v: trace.value(v) for v in trace.graph.inputs}
    outputs = trace.outputs if trace.loss is None else (trace.loss,)
    return Opened(path, trace.graph, outputs, feeds, saved=trace)


# ---- Python files ----------------------------------------------------------------------------------------------


def _open_python(path: Path) -> Opened:
    names = _run_python(path)
    step = names.get("step") if isinstance(names.get("step"), CompiledStep) else None
    outputs = _outputs(path, names, step)
    feeds = names.get("feeds")
    if feeds is not None and not isinstance(feeds, Mapping):
        raise FileError(f"{path}: `feeds` is a {type(feeds).__name__}, not a dictionary {{input: value}}")
    engine = names.get("engine")
    if engine is not None and not isinstance(engine, Engine):
        raise FileError(f"{path}: `engine` is a {type(engine).__name__}, not a ge.Engine")
    graph = step.graph if step is not None else Graph(*outputs)
    return Opened(path, graph, outputs, feeds, engine or (step.engine if step is not None else None), step)


def _outputs(path: Path, names: Mapping[str, Any], step: CompiledStep | None) -> tuple[Variable, ...]:
    for name in _OUTPUT_NAMES:
        if name in names:
            value = names[name]
            found = tuple(value) if isinstance(value, (list, tuple)) else (value,)
            if not found or not all(isinstance(v, Variable) for v in found):
                raise FileError(f"{path}: `{name}` is {type(value).__name__}, not a variable of a graph", EXPECTED)
            return found
    if step is not None and step.outputs:
        return step.outputs
    others = [name for name, value in names.items() if isinstance(value, Variable)]
    shown = f"it defines the variables {', '.join(others[:12])}" if others else "it defines no variable of a graph"
    raise FileError(f"{path} does not say what it is about: {shown}", EXPECTED)


def _run_python(path: Path) -> dict[str, Any]:
    with _as_script(path):
        try:
            return runpy.run_path(str(path), run_name=RUN_NAME)
        except GraphEngineError:
            raise
        except SystemExit as error:
            raise FileError(f"{path} ended itself (exit {error.code})") from error
        except Exception as error:
            raise FileError(f"{path} raised {type(error).__name__}: {error}{_where(error, path)}") from error


def _where(error: Exception, path: Path) -> str:
    """Return the last of the file's own lines that led to an error."""
    if isinstance(error, SyntaxError):
        return ""
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return f"\n  at {own[-1].filename}:{own[-1].lineno}: {own[-1].line}" if own else ""


@contextmanager
def _as_script(path: Path) -> Iterator[None]:
    """Let the file find its neighbours and its arguments as if Python had been started with it."""
    arguments, search = sys.argv, list(sys.path)
    sys.argv = [str(path)]
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
    try:
        yield
    finally:
        sys.argv, sys.path[:] = arguments, search


def _values(inputs: Sequence[Variable], feeds: Mapping[Any, Any]) -> list[Any]:
    values = []
    for variable in inputs:
        if variable not in feeds and variable.name not in feeds:
            raise FeedError(f"no value was fed for {variable.name!r}", "add it to `feeds`")
        values.append(feeds[variable] if variable in feeds else feeds[variable.name])
    return values
