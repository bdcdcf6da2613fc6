"""What happens inside of a loop: the step of a scan at which something arose, and the operation of its body.

A run keeps what a scan was given and what came out of it. To look inside, the scan is computed again: step by step up
to the first that is not finite, or, where gradients are asked about, written out as `ge.passes.unroll` does it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from graph_engine.engine import Engine
from graph_engine.graph import Graph
from graph_engine.lowering import FastPlan
from graph_engine.node import Operation, Variable
from graph_engine.operands import input
from graph_engine.passes import unroll
from graph_engine.plan import Plan
from graph_engine.plugins import find_backend
from graph_engine.primitive import apply
from graph_engine.primitives.elementwise import add, multiply
from graph_engine.primitives.reduction import sum
from graph_engine.primitives.scanning import Scan
from graph_engine.spec import Spec
from graph_engine.trace import Trace
from graph_engine_viz.debugger.origins.reading import Reader
from graph_engine_viz.debugger.origins.report import Finding

__all__ = ["BadStep", "Unrolled", "find_bad_step", "unrolled", "within"]

MOST_OPERATIONS = 10_000
"""Loops of more operations than this are not written out."""


@dataclass(frozen=True)
class BadStep:
    """The first step of a loop that gave something that is not finite.

    Attributes
    ----------
    reader : Reader
        Of that step alone.
    variable : Variable
        The result of it that is not finite.
    text : str
        Which step it is, in words.
    """

    reader: Reader
    variable: Variable
    text: str


def find_bad_step(reader: Reader, operation: Operation) -> BadStep | None:
    """Compute a scan again, step by step, and find the first step that gave something that is not finite."""
    scan = _bound(reader, operation)
    if scan is None:
        return None
    n, m = scan.carries, scan.sequences
    given = [reader.array(v) for v in operation.inputs]
    carries, sequences, shared = given[:n], given[n : n + m], given[n + m :]
    count: Any = sequences[0].shape[0] if m else scan.length
    fast = FastPlan(Plan(scan.body.graph, find_backend("numpy"), {}))
    with np.errstate(all="ignore"), fast.stepping(scan.body.inputs) as step:
        for done, t in enumerate(reversed(range(count)) if scan.reverse else range(count)):
            values = [*carries, *[x[t, ...] for x in sequences], *shared]
            results = [np.array(result) for result in step(values)]
            if any(x.dtype.kind == "f" and not np.isfinite(x).all() for x in results):
                return _looked_at(scan, values, _which(reader, operation, done, t, count))
            carries = results[:n]
    return None


def _which(reader: Reader, operation: Operation, done: int, t: int, count: int) -> str:
    loop = operation.owner if operation.phase == "backward" and isinstance(operation.owner, Operation) else operation
    name = reader.name(loop) if loop is operation else f"the backward pass of {reader.name(loop)}"
    return f"at step {done + 1} of {count} of {name}" + (f", which is element {t}" if t != done else "")


def _looked_at(scan: Scan, values: list[Any], text: str) -> BadStep | None:
    graph = scan.body.graph
    feeds = {v: x for v, x in zip(scan.body.inputs, values, strict=True) if v in graph}
    reader = Reader(Engine("numpy").trace(graph.outputs, feeds, backward=False))
    bad = next((v for v in graph.outputs if reader.non_finite(v)), None)
    return None if bad is None else BadStep(reader, bad, text)


def within(finding: Finding, outer: Finding, text: str) -> Finding:
    """Tell of what was found in a loop as a part of the run."""
    path = (*finding.path[:-1], *outer.path)
    return replace(finding, variable=outer.variable, where=f"{text}: {finding.where}", path=path)


@dataclass(frozen=True)
class Unrolled:
    """A scan written out, with the gradients that arrived at it.

    Attributes
    ----------
    reader : Reader
    inputs : tuple of Variable
        What stands for the inputs of the scan.
    """

    reader: Reader
    inputs: tuple[Variable, ...]


def unrolled(reader: Reader, operation: Operation) -> Unrolled | None:
    """Write a scan out and run it forward and backward, from what it was given in a run and the gradients there."""
    scan = _bound(reader, operation)
    if scan is None:
        return None
    given = [reader.array(v) for v in operation.inputs]
    specs = [Spec(x.shape, v.dtype) for v, x in zip(operation.inputs, given, strict=True)]
    count = scan.steps(specs)
    upstream = [reader.gradient(v) for v in operation.outputs]
    if not isinstance(count, int) or not count or count * len(scan.body.graph.operations) > MOST_OPERATIONS:
        return None
    known: dict[Variable, Variable] = {}
    for v, spec in zip(operation.inputs, specs, strict=True):  # a variable may stand there twice
        if v not in known:
            known[v] = input(reader.name(v), spec.shape, spec.dtype)
    inputs = [known[v] for v in operation.inputs]
    outputs = apply(scan, tuple(inputs))
    arrived = {v: reader.array(g) for v, g in zip(outputs, upstream, strict=True) if g is not None}
    seeds = {v: input(f"gradient {i}", array.shape, v.dtype) for i, (v, array) in enumerate(arrived.items())}
    if not seeds:
        return None
    total: Any = 0.0
    for v, seed in seeds.items():
        total = add(total, sum(multiply(v, seed)))
    graph = unroll(Graph(total)).graph
    feeds = dict(zip(inputs, given, strict=True)) | {seed: arrived[v] for v, seed in seeds.items()}
    trace: Trace = Engine("numpy").trace(graph.outputs, {v: x for v, x in feeds.items() if v in graph})
    return Unrolled(Reader(trace), tuple(inputs))


def _bound(reader: Reader, operation: Operation) -> Scan | None:
    """Return the use of a scan with numbers for its dimension names; None of what is no scan, or was not reached."""
    scan = operation.primitive
    known = isinstance(scan, Scan) and all(reader.has(v) for v in operation.inputs)
    return scan.bind(reader.trace.names) if isinstance(scan, Scan) and known else None
