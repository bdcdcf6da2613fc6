"""What happens inside of a loop: the step of a scan at which something arose, and the operation of its body.

A run keeps what a scan was given and what came out of it. To look inside, the scan is computed again: step by step up
to the first that is not finite, or, where gradients are asked about, written out as `ge.passes.unroll` does it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import reduce
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
from graph_engine_viz.debugger.origins.reading import Array, Loop, Reader
from graph_engine_viz.debugger.origins.report import Finding

__all__ = ["BadStep", "find_bad_step", "within", "written_out"]

MOST_OPERATIONS = 10_000
"""Loops of more operations than this are not written out."""

MOST_STEPS = 50
"""So many steps that are not finite are looked at, where something arose in another result already."""

MOST_FOLLOWED = 3_000
"""Through loops of more operations than this it is not followed what became of each element."""


@dataclass(frozen=True)
class BadStep:
    """The first step of a loop that gave something that is not finite.

    Attributes
    ----------
    reader : Reader
        Of that step alone.
    variable : Variable
        The result of it that is not finite.
    output : int
        Which of its results that is.
    text : str
        Which step it is, in words.
    """

    reader: Reader
    variable: Variable
    output: int
    text: str


def find_bad_step(reader: Reader, variable: Variable, arises: Callable[[Reader, Variable], bool]) -> BadStep | None:
    """Compute a scan again, step by step, and find the first step in which something arose that is not finite.

    Parameters
    ----------
    reader : Reader
    variable : Variable
        What is not finite; where it is no result of a scan there is nothing to be found.
    arises : callable
        Whether what is not finite in a step arose there, and was not given to it. It is looked for in what makes up the
        variable first, then in other results; if it is so in no step, the first that is not finite is taken.
    """
    first: BadStep | None = None
    other: BadStep | None = None
    for number, step in enumerate(_bad_steps(reader, variable.operation)):
        arisen = [bad for bad in step if arises(bad.reader, bad.variable)]
        own = next((bad for bad in arisen if bad.output == variable.output_index), None)
        if own is not None:
            return own
        first, other = first or next(iter(step), None), other or next(iter(arisen), None)
        if other is not None and number >= MOST_STEPS:
            break
    return other or first


def _bad_steps(reader: Reader, operation: Operation | None) -> Iterator[list[BadStep]]:
    """Compute a scan again, and look at each step that gives something that is not finite: at which of its results."""
    scan = None if operation is None else _bound(reader, operation)
    if scan is None or operation is None:
        return
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
                yield _looked_at(scan, values, _which(reader, operation, done, t, count))
            carries = results[:n]


def _which(reader: Reader, operation: Operation, done: int, t: int, count: int) -> str:
    loop = operation.owner if operation.phase == "backward" and isinstance(operation.owner, Operation) else operation
    name = reader.name(loop) if loop is operation else f"the backward pass of {reader.name(loop)}"
    return f"at step {done + 1} of {count} of {name}" + (f", which is element {t}" if t != done else "")


def _looked_at(scan: Scan, values: list[Any], text: str) -> list[BadStep]:
    graph = scan.body.graph
    feeds = {v: x for v, x in zip(scan.body.inputs, values, strict=True) if v in graph}
    reader = Reader(Engine("numpy").trace(graph.outputs, feeds, backward=False))
    return [BadStep(reader, v, i, text) for i, v in enumerate(graph.outputs) if reader.non_finite(v)]


def within(finding: Finding, outer: Finding, text: str) -> Finding:
    """Tell of what was found in a loop as a part of the run."""
    path = (*finding.path[:-1], *outer.path)
    return replace(finding, variable=outer.variable, where=f"{text}: {finding.where}", path=path)


def written_out(reader: Reader, operation: Operation, backward: bool = False) -> Loop | None:
    """Write a scan out and run it from what it was given; None of what is no scan, or too long.

    Parameters
    ----------
    reader : Reader
    operation : Operation
    backward : bool
        Whether it is run backward, too, from the gradients that arrived at it. Where none did there is nothing.
    """
    if (operation, backward) not in reader.loops:
        reader.loops[operation, backward] = _written_out(reader, operation, backward)
    return reader.loops[operation, backward]


def _written_out(reader: Reader, operation: Operation, backward: bool) -> Loop | None:
    declared = _declared(reader, operation, MOST_OPERATIONS if backward else MOST_FOLLOWED)
    if declared is None:
        return None
    inputs, outputs, given = declared
    seeds = _seeds(reader, operation) if backward else {}
    if backward and not seeds:
        return None
    products = [sum(multiply(outputs[i], seed)) for i, (seed, _) in seeds.items()]
    graph = unroll(Graph(reduce(add, products)) if backward else Graph(*outputs)).graph
    feeds = dict(zip(inputs, given, strict=True)) | dict(seeds.values())
    known = {v: x for v, x in feeds.items() if v in graph}
    trace: Trace = Engine("numpy").trace(graph.outputs, known, backward=backward)
    meant = dict(zip(inputs, operation.inputs, strict=True))
    seeding = _behind(trace.graph, [seed for seed, _ in seeds.values()])
    return Loop(Reader(trace, meant), inputs, graph.outputs, seeding)


def _seeds(reader: Reader, operation: Operation) -> dict[int, tuple[Variable, Array]]:
    """Declare the gradients that arrived at results of a scan: what stands for them, and what they are."""
    upstream = {i: g for i, v in enumerate(operation.outputs) if (g := reader.gradient(v)) is not None}
    arrived = {i: reader.array(g) for i, g in upstream.items() if not reader.all_zero(g)}
    return {i: (input(f"gradient {i}", x.shape, operation.outputs[i].dtype), x) for i, x in arrived.items()}


def _declared(
    reader: Reader, operation: Operation, most: int
) -> tuple[tuple[Variable, ...], tuple[Variable, ...], list[Any]] | None:
    """Declare a scan by itself: inputs, outputs, and what it was given; None of what is no scan, or too long."""
    scan = _bound(reader, operation)
    if scan is None:
        return None
    given = [reader.array(v) for v in operation.inputs]
    specs = [Spec(x.shape, v.dtype) for v, x in zip(operation.inputs, given, strict=True)]
    count = scan.steps(specs)
    if not isinstance(count, int) or not count or count * len(scan.body.graph.operations) > most:
        return None
    known: dict[Variable, Variable] = {}
    for v, spec in zip(operation.inputs, specs, strict=True):  # a variable may stand there twice
        if v not in known:
            known[v] = input(reader.name(v), spec.shape, spec.dtype)
    inputs = tuple(known[v] for v in operation.inputs)
    return inputs, tuple(apply(scan, inputs)), given


def _behind(graph: Graph, variables: Iterable[Variable]) -> frozenset[Operation]:
    """Find the forward operations that depend on some variables."""
    reached, found = set(variables), set()
    for operation in graph.operations:
        if operation.phase == "forward" and not reached.isdisjoint(operation.inputs):
            reached.update(operation.outputs)
            found.add(operation)
    return frozenset(found)


def _bound(reader: Reader, operation: Operation) -> Scan | None:
    """Return the use of a scan with numbers for its dimension names; None of what is no scan, or was not reached."""
    scan = operation.primitive
    known = isinstance(scan, Scan) and all(reader.has(v) for v in operation.inputs)
    return scan.bind(reader.trace.names) if isinstance(scan, Scan) and known else None
