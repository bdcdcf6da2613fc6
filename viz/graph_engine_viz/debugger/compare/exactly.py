"""What the operations of a run give on its own numbers in double precision, as they are or moved by rounding."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np

from graph_engine.graph import Graph
from graph_engine.node import Operation, Variable
from graph_engine.plugins import find_backend
from graph_engine.primitive import Primitive
from graph_engine_viz.debugger.compare.arrays import Side
from graph_engine_viz.debugger.held import Held

__all__ = ["AS_IT_IS", "Exactly", "Refused"]

Array = np.ndarray[Any, Any]
T = TypeVar("T")

AS_IT_IS = 0
"""The direction in which nothing is moved; each other number is a random one, always the same."""

_EVEN = math.sqrt(3)
"""A number that is uniform up to here has variance 1, as a sign has."""

_MOST_BYTES = 256 * 2**20
"""So much of what is computed in gaps is kept for what else depends on it."""


class Refused(Exception):
    """Something cannot be computed in double precision; its text says what, and why."""


class Exactly:
    """The operations of a graph, computed in double precision from what is known of a run.

    Gaps are computed from the nearest values that are known, each of them once.

    Parameters
    ----------
    graph : Graph
    known : callable
        Whether a variable has a value in the run; what has none, and is computed, is a gap.
    side : Side
        Has those values.
    primitive : callable
        Says what an operation computes in the precision of a dtype.
    names : mapping of str to int
        What dimension names stand for.
    """

    def __init__(
        self,
        graph: Graph,
        known: Callable[[Variable], bool],
        side: Side,
        primitive: Callable[[Operation, str], Primitive],
        names: Mapping[str, int],
    ) -> None:
        self.known = known
        self._side = side
        self._primitive = primitive
        self._names = names
        self._position = {operation: i for i, operation in enumerate(graph.operations)}
        self._kernels: dict[tuple[Operation, str], Callable[..., Any]] = {}
        self._filled: Held[tuple[Variable, int]] = Held(_MOST_BYTES)
        self._shapes: dict[Variable, tuple[int, ...]] = {}
        self._refused: dict[Operation, str] = {}

    def folded(self, operation: Operation, found: dict[Operation, T], of: Callable[[Operation, list[T]], T]) -> T:
        """Return what a function makes of an operation and of what it made of those that make gaps before it.

        Parameters
        ----------
        operation : Operation
        found : dict
            What it made of those, which is added to: each is looked at once.
        of : callable
            The function.
        """

        def made(one: Operation) -> T:
            return of(one, [found[v.operation] for v in one.inputs if v.operation is not None and not self.known(v)])

        for earlier in self._gap(operation, lambda v: v.operation in found):
            found[earlier] = made(earlier)
        return made(operation)

    def value(self, variable: Variable, direction: int = AS_IT_IS) -> Array:
        """Return what is known of a variable, or what was computed in its place."""
        if self.known(variable):
            return self._side.value(variable)
        if variable.operation in self._refused:
            raise Refused(self._refused[variable.operation])
        return self._filled[variable, direction]

    def shape(self, variable: Variable) -> tuple[int, ...]:
        """Return the shape of that."""
        return self._side.shape(variable) if self.known(variable) else self._shapes[variable]

    def results(self, operation: Operation, direction: int, eps: float, dtype: str = "float64") -> tuple[Array, ...]:
        """Compute an operation in some precision, from inputs that are moved by about `eps`, relatively.

        Raises
        ------
        Refused
            Where that, or what comes before it in a gap, cannot be computed.
        """
        self._filled.trim()
        for earlier in self._gap(operation, lambda v: v.operation in self._refused or (v, direction) in self._filled):
            self._fill(earlier, direction)
        return self._compute(operation, direction, eps, dtype)

    def instead(self, operation: Operation, primitive: Primitive) -> tuple[Array, ...]:
        """Compute something else from the inputs of an operation of which `results` has just been asked."""
        return self._apply(self._lowered(primitive), operation, AS_IT_IS, 0.0, "float64")

    def mirrored(self, operation: Operation) -> tuple[Array, ...]:
        """Compute it from inputs of the other sign; of an operation of which `results` has just been asked."""
        inputs = [-self.value(v) for v in operation.inputs]
        return self._called(self._kernels[operation, "float64"], operation, inputs, "float64")

    def _gap(self, operation: Operation, done: Callable[[Variable], bool]) -> list[Operation]:
        """Return what has to be looked at before an operation, in order, because its results are gaps and not done."""
        found: set[Operation] = set()
        waiting = [operation]
        while waiting:
            makers = {v.operation for v in waiting.pop().inputs if not self.known(v) and not done(v)}
            new = [maker for maker in makers if maker is not None and maker not in found]
            found.update(new)
            waiting += new
        return sorted(found, key=self._position.__getitem__)

    def _fill(self, operation: Operation, direction: int) -> None:
        units = [float(np.finfo(v.dtype).eps) if v.spec.is_float else 0.0 for v in operation.outputs]
        rng = self._rng(operation, -direction)
        try:
            results = self._compute(operation, direction, max(units), "float64")
        except Refused as error:
            self._refused[operation] = str(error)
            return
        for v, array, eps in zip(operation.outputs, results, units, strict=True):
            self._filled[v, direction] = _moved(array, eps if direction else 0.0, rng)
            self._shapes[v] = array.shape

    def _compute(self, operation: Operation, direction: int, eps: float, dtype: str) -> tuple[Array, ...]:
        if (operation, dtype) not in self._kernels:
            self._kernels[operation, dtype] = self._lowered(self._primitive(operation, dtype))
        return self._apply(self._kernels[operation, dtype], operation, direction, eps if direction else 0.0, dtype)

    def _apply(
        self, kernel: Callable[..., Any], operation: Operation, direction: int, eps: float, dtype: str
    ) -> tuple[Array, ...]:
        rng = self._rng(operation, direction)
        inputs = [_moved(self.value(v, direction), eps, rng) for v in operation.inputs]
        return self._called(kernel, operation, inputs, dtype)

    def _called(
        self, kernel: Callable[..., Any], operation: Operation, inputs: list[Array], dtype: str
    ) -> tuple[Array, ...]:
        inputs = [x.astype(dtype, copy=False) if x.dtype.kind == "f" else x for x in inputs]
        try:
            results = kernel(*inputs)
        except Exception as error:  # of a kernel, which may be anybody's
            said = " ".join(f"{type(error).__name__}: {error}".split())
            raise Refused(f"{operation.primitive.name} cannot be computed in {dtype}: {said}") from error
        return tuple(map(np.asarray, results)) if isinstance(results, tuple) else (np.asarray(results),)

    def _lowered(self, primitive: Primitive) -> Callable[..., Any]:
        return primitive.bind(self._names).lowered(find_backend("numpy"))

    def _rng(self, operation: Operation, direction: int) -> np.random.Generator:
        return np.random.default_rng((self._position[operation], direction % 2**32))


def _moved(array: Array, eps: float, rng: np.random.Generator) -> Array:
    """Return real numbers in double precision, moved by about so much, relatively; others as they are."""
    if array.dtype.kind != "f":
        return array
    wide = array.astype(np.float64)
    return wide * (1 + eps * rng.uniform(-_EVEN, _EVEN, wide.shape)) if eps else wide
