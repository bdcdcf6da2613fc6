"""The derivative of `scan`: a scan in the other direction.

Its carries are the gradients of the forward carries, and sums of what the steps give to each shared input. Each of its
steps computes the forward step again, from the carry that it began with, and pulls the gradients back through it.
What of this its body does not need, it is not given: so a sum, whose derivative does not depend on it, is never kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from graph_engine.body import Body, between, close
from graph_engine.context import Context, current_context
from graph_engine.graph import Graph
from graph_engine.node import Operation, Variable
from graph_engine.primitive import Cotangents, apply
from graph_engine.primitives.elementwise import add
from graph_engine.primitives.joining import concat
from graph_engine.primitives.scanning.loop import Scan
from graph_engine.primitives.shape import expand_dims
from graph_engine.primitives.structure import zeros_like

ByPosition = dict[int, Variable]  # by the position of an input or output of the scan, or of its body


class BackwardStep:
    """One step of the backward scan, declared on inputs of its own.

    Parameters
    ----------
    scan : Scan
    given : iterable of int
        Which results have gradients.
    wanted : sequence of bool
        Which inputs want theirs.

    Attributes
    ----------
    carries, sums, results : dict
        Inputs: the gradients of the carries that come out, what the shared inputs have got so far, the gradients of
        the results.
    again : tuple of Variable
        Inputs: those of the forward step.
    found : dict
        The gradient of each input that has one.
    """

    def __init__(self, scan: Scan, given: Iterable[int], wanted: Sequence[bool]) -> None:
        body, self.first_shared = scan.body, scan.carries + scan.sequences
        floats = [i for i, v in enumerate(body.inputs) if v.spec.is_float and (wanted[i] or i < scan.carries)]
        self.carries = {i: _like(body.inputs[i], "d_{}") for i in floats if i < scan.carries}
        self.sums = {i: _like(body.inputs[i], "sum_d_{}") for i in floats if i >= self.first_shared}
        self.results = {i: _like(body.outputs[i], "d_{}") for i in given}
        self.again = tuple([_like(v, "{}") for v in body.inputs])
        self.found = self._pull(body, floats)

    def _pull(self, body: Body, targets: Sequence[int]) -> ByPosition:
        from graph_engine.backward_pass import pull_back  # the backward pass stands above the primitives

        scope = current_context().scope
        outputs = body.declare(self.again, lambda op, _: Context((*scope, *op.scope), source=op.source.as_inner()))
        upstream = self.carries | self.results
        found = pull_back([outputs[i] for i in upstream], list(upstream.values()), [self.again[i] for i in targets])
        return {i: gradient for i, gradient in zip(targets, found, strict=True) if gradient is not None}

    @property
    def inputs(self) -> list[Variable]:
        """All of its inputs."""
        return [*self.carries.values(), *self.sums.values(), *self.results.values(), *self.again]

    def outputs(self) -> list[Variable]:
        """Declare what the step gives: new carries and sums, and the gradients of the elements of the sequences."""
        carries = [self.found[i] if i in self.found else zeros_like(self.again[i]) for i in self.carries]
        sums = [add(self.sums[i], self.found[i]) for i in self.summed]
        return [*carries, *sums, *[self.found[i] for i in self.elements]]

    @property
    def summed(self) -> list[int]:
        """The shared inputs that have a gradient."""
        return [i for i in self.sums if i in self.found]

    @property
    def elements(self) -> list[int]:
        """The sequences that have a gradient."""
        return [i for i in self.found if i not in self.carries and i < self.first_shared]


def backward_scan(operation: Operation, cotangents: Cotangents, wanted: Sequence[bool]) -> Cotangents:
    """Declare the gradients of the inputs of a scan; None is zero."""
    scan = operation.primitive
    assert isinstance(scan, Scan)
    given = {i: c for i, c in enumerate(cotangents) if i >= scan.carries and c is not None}
    step = BackwardStep(scan, given, wanted)
    outputs = step.outputs()
    if not outputs:
        return [None] * len(operation.inputs)
    _, used = between(step.inputs, outputs)
    before = _carries_before(operation, [i for i in range(scan.carries) if step.again[i] in used])
    whole = before | {i: operation.inputs[i] for i in range(scan.carries, step.first_shared)}
    sequences = {v: whole[i] for i, v in enumerate(step.again[: step.first_shared]) if v in used}
    sequences |= {v: given[i] for i, v in step.results.items() if v in used}
    shared = {v: x for v, x in zip(step.again, operation.inputs) if v in used and v not in sequences}
    handed_on = [*step.carries.values(), *[step.sums[i] for i in step.summed]]
    first = [c if (c := cotangents[i]) is not None else zeros_like(operation.inputs[i]) for i in step.carries]
    first += [zeros_like(operation.inputs[i]) for i in step.summed]
    inputs = [*handed_on, *sequences, *shared]
    body, _ = close(inputs, outputs, current_context().scope, scan.body.graph.constants)
    length = scan.steps([v.spec for v in operation.inputs])
    backward = Scan(body, len(handed_on), len(sequences), length, not scan.reverse)
    results = apply(backward, (*first, *sequences.values(), *shared.values()))
    found = dict(zip((*step.carries, *step.summed, *step.elements), results, strict=True))
    return [found.get(i) if wanted[i] else None for i in range(len(operation.inputs))]


def _carries_before(operation: Operation, needed: Sequence[int]) -> ByPosition:
    """Stack the carries that the steps began with: taken from the results where they are, else computed once more."""
    scan = operation.primitive
    assert isinstance(scan, Scan)
    n, outputs = scan.carries, scan.body.outputs
    kept = {i: p for i in needed for p in range(n, len(outputs)) if outputs[p] is outputs[i]}
    found = {i: _shifted(operation.inputs[i], operation.outputs[p], scan.reverse) for i, p in kept.items()}
    missing = [i for i in needed if i not in kept]
    if missing:
        body = Body(scan.body.inputs, Graph(*outputs[:n], *[scan.body.inputs[i] for i in missing]))
        results = apply(replace(scan, body=body), operation.inputs)
        found |= dict(zip(missing, results[n:], strict=True))
    return found


def _shifted(first: Variable, after: Variable, reverse: bool) -> Variable:
    """Turn what came out of each step into what went in."""
    if reverse:
        return concat([after, expand_dims(first, 0)])[1:]
    return concat([expand_dims(first, 0), after])[: after.shape[0]]


def _like(variable: Variable, name: str) -> Variable:
    source = current_context().source or variable.source
    return Variable(variable.spec, "input", source.as_inner(), name=name.format(variable.name))
