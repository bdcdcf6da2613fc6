"""The primitive `scan`: a loop over a body graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from graph_engine.body import Body, with_primitive
from graph_engine.dims import Dim, evaluate
from graph_engine.errors import DTypeError, ShapeError
from graph_engine.graph import Graph
from graph_engine.node import Operand, Operation, Variable
from graph_engine.operands import as_variables, input
from graph_engine.primitive import Cotangents, Primitive, Sample, apply
from graph_engine.primitives.elementwise import add, multiply, tanh
from graph_engine.primitives.linalg import matmul
from graph_engine.spec import Spec

if TYPE_CHECKING:
    from graph_engine.backend import Backend

Step = Callable[[Sequence[Any]], Sequence[Any]]


def _running_sum() -> Body:
    total, x = input("total"), input("x")
    new = add(total, x)
    return Body((total, x), Graph(new, new))


@dataclass(frozen=True)
class Scan(Primitive):
    """A body graph computed step after step, each step handing its carries on to the next.

    Its inputs are the initial carries, the sequences (with time as first dimension) and what every step shares; its
    outputs the final carries and what the steps gave, stacked along time.

    Attributes
    ----------
    body : Body
        From carries, one element of each sequence and the shared inputs to new carries and one element of each output.
    carries, sequences : int
        How many there are of each.
    length : int or dimension, optional
        The number of steps; where there are sequences, they say it.
    reverse : bool
        From the last element to the first.
    """

    name, symbol, formula = "scan", "scan", "scan({operands})"
    body: Body = _running_sum()
    carries: int = 1
    sequences: int = 1
    length: int | Dim | None = None
    reverse: bool = False

    def __call__(self, *inputs: Operand) -> Any:
        """Declare one operation; the body is fitted to the shapes and dtypes of the inputs."""
        variables = as_variables(inputs)
        return apply(self.fitted([v.spec for v in variables]), variables)

    @property
    def bodies(self) -> tuple[Graph, ...]:
        """The graph of one step."""
        return (self.body.graph,)

    def fitted(self, specs: Sequence[Spec]) -> Scan:
        """Return this use for inputs of other shapes and dtypes."""
        wanted = self._of_one_step(specs)
        if wanted is None or [v.spec for v in self.body.inputs] == wanted:
            return self
        return replace(self, body=self.body.fitted(wanted, with_primitive(_fitted)))

    def bind(self, names: Mapping[str, int]) -> Scan:
        """Replace dimension names by numbers, also in the body."""
        length = self.length if self.length is None else evaluate(self.length, names)
        return replace(self, body=self.body.bind(names), length=length) if names else self

    # ---- specs -------------------------------------------------------------------------------------------------

    def infer(self, *operands: Spec) -> tuple[Spec, ...]:
        wanted = self._of_one_step(operands)
        if wanted is None:
            n, m = self.carries, self.sequences
            raise ShapeError(
                f"it takes {n} carries, {m} sequences with time as first dimension, and "
                f"{len(self.body.inputs) - n - m} shared inputs, not ({', '.join(map(str, operands))})"
            )
        for variable, spec in zip(self.body.inputs, wanted, strict=True):
            if variable.spec != spec:
                raise ShapeError(f"its body takes {variable.name!r} as {variable.spec}, not as {spec}")
        length = self.steps(operands)
        _check_carries(self.body.inputs[: self.carries], self.body.outputs[: self.carries])
        stacked = [v.spec.with_shape((length, *v.shape)) for v in self.body.outputs[self.carries :]]
        return (*operands[: self.carries], *stacked)

    def steps(self, operands: Sequence[Spec]) -> int | Dim:
        """Return the number of steps, given the specs of the inputs."""
        n, m = self.carries, self.sequences
        lengths = {spec.shape[0] for spec in operands[n : n + m]}
        lengths |= {self.length} if self.length is not None else set()
        if len(lengths) != 1:
            shown = ", ".join(sorted(map(str, lengths))) or "none"
            raise ShapeError(f"sequences need one length, but here are: {shown}", "scan(..., length=) says it else")
        return lengths.pop()

    def _of_one_step(self, specs: Sequence[Spec]) -> list[Spec] | None:
        """Return the specs of the inputs of the body; None where they are too few, too many, or without time."""
        n, m = self.carries, self.sequences
        if len(specs) != len(self.body.inputs) or any(spec.ndim == 0 for spec in specs[n : n + m]):
            return None
        return [*specs[:n], *(spec.with_shape(spec.shape[1:]) for spec in specs[n : n + m]), *specs[n + m :]]

    # ---- computing ---------------------------------------------------------------------------------------------

    def kernel(self, xp: Any, *operands: Any) -> tuple[Any, ...]:
        return self._loop(xp, nullcontext(partial(_interpreted, self.body, xp)), operands)

    def lowered(self, backend: Backend) -> Callable[..., Any]:
        """Return the loop over the body's own plan, in the kernels of the backend; guards in it are always on."""
        from graph_engine.lowering import FastPlan  # plans stand above primitives
        from graph_engine.plan import Plan

        fast = FastPlan(Plan(self.body.graph, backend, {}), guards=True)

        def run(*operands: Any) -> tuple[Any, ...]:
            results = self._loop(backend.xp, fast.stepping(self.body.inputs), operands)
            given = {id(array) for array in operands}  # a carry that no step changed is nobody's own
            return tuple([backend.copy(array) if id(array) in given else array for array in results])

        return run

    def _loop(self, xp: Any, stepping: AbstractContextManager[Step], operands: Sequence[Any]) -> tuple[Any, ...]:
        n, m = self.carries, self.sequences
        carries, sequences, shared = operands[:n], operands[n : n + m], operands[n + m :]
        count: Any = sequences[0].shape[0] if sequences else self.length
        stacked = [xp.empty((count, *v.shape), dtype=getattr(xp, v.dtype)) for v in self.body.outputs[n:]]
        with stepping as step:
            for t in reversed(range(count)) if self.reverse else range(count):
                results = step([*carries, *[x[t, ...] for x in sequences], *shared])
                carries = results[:n]
                for place, result in zip(stacked, results[n:], strict=True):
                    place[t, ...] = result
        return (*carries, *stacked)

    # ---- derivative --------------------------------------------------------------------------------------------

    def vjp(self, operation: Operation, cotangents: Cotangents, wanted: Sequence[bool]) -> Cotangents:
        from graph_engine.primitives.scanning.derivative import backward_scan  # which declares a scan itself

        return backward_scan(operation, cotangents, wanted)

    def notes(self, operation: Operation) -> Sequence[str]:
        length = self.steps([v.spec for v in operation.inputs])
        return (f"{length} steps{', from the last' * self.reverse}", f"of {len(self.body.graph.operations)} operations")

    def samples(self) -> Sequence[Sample]:
        x = np.sin(np.arange(12.0)).reshape(4, 3)
        network, counting = _network(), _counting()
        return (
            Sample(0.5, x[:, 0]),
            Sample(x[0], x),
            Sample(x[0, ::2], x[::2, ::2], use=Scan(reverse=True)),
            Sample(x[0], x[:0]),
            Sample(np.array(2), np.arange(3)),
            Sample(x[0], x[1], x, x[:3] / 2, use=Scan(network, 2, 1)),
            Sample(x[0], x[1], x[:, ::-1], x[1:] / 2, use=Scan(network, 2, 1, reverse=True)),
            Sample(np.array(0), x[0], use=Scan(counting, 2, 0, length=3)),
            Sample(np.array(0), x[0], use=Scan(counting, 2, 0, length=0)),
            Sample(0.5, x, raises=ShapeError),
            Sample(0.5, 1.0, raises=ShapeError),
            Sample(0.5, raises=ShapeError),
            Sample(np.array(0), x[0], use=Scan(counting, 2, 0), raises=ShapeError),
            Sample(np.array(0), x[0].astype("float32"), x, raises=ShapeError),
        )


def _fitted(operation: Operation, inputs: Sequence[Variable]) -> Primitive:
    primitive = operation.primitive
    return primitive.fitted([v.spec for v in inputs]) if isinstance(primitive, Scan) else primitive


def _network() -> Body:
    h, c, x, weight = input("h", 3), input("c", 3), input("x", 3), input("weight", (3, 3))
    new = tanh(add(matmul(h, weight), multiply(x, c)))
    return Body((h, c, x, weight), Graph(new, add(c, multiply(h, x)), multiply(new, x), c))


def _counting() -> Body:
    count, h = input("count", (), "int64"), input("h", 3)
    return Body((count, h), Graph(add(count, 1), tanh(h), multiply(h, h), count))


def _check_carries(before: Sequence[Variable], after: Sequence[Variable]) -> None:
    for old, new in zip(before, after, strict=True):
        if old.spec != new.spec:
            error = ShapeError if old.shape != new.shape else DTypeError
            raise error(
                f"the carry {old.name!r} goes in as {old.spec} but comes out as {new.spec}",
                "each step hands on what it was given itself: change the initial value, or what the body returns",
            )


def _interpreted(body: Body, xp: Any, values: Sequence[Any]) -> list[Any]:
    """Compute a body with the generic kernels."""
    known = dict(zip(body.inputs, values, strict=True))
    known |= {v: xp.asarray(v.data) for v in body.graph.constants}
    for operation in body.graph.operations:
        results = operation.primitive.kernel(xp, *[known[v] for v in operation.inputs])
        listed = results if operation.many else (results,)
        known.update(zip(operation.outputs, [xp.asarray(result) for result in listed], strict=True))
    return [known[v] for v in body.outputs]
