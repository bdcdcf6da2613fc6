"""What the operations of a run give on its own numbers in double precision, as they are or moved by rounding."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from graph_engine.graph import Graph
from graph_engine.node import Operation, Variable
from graph_engine.plugins import find_backend
from graph_engine.primitive import Primitive

__all__ = ["AS_IT_IS", "Exactly"]

Array = np.ndarray[Any, Any]

AS_IT_IS = 0
"""The direction in which nothing is moved; each other number is a random one, always the same."""

_EVEN = math.sqrt(3)
"""A number that is uniform up to here has variance 1, as a sign has."""

_MOST_BYTES = 256 * 2**20
"""So much of what is computed in gaps is kept for what else depends on it."""


class Exactly:
    """The operations of a graph, computed in double precision from what is known of a run.

    Gaps are computed from the nearest values that are known.

    Parameters
    ----------
    graph : Graph
    known : callable
        Whether a variable has a value in the run; what has none, and is computed, is a gap.
    value : callable
        Returns that value.
    primitive : callable
        Says what an operation computes in the precision of a dtype.
    names : mapping of str to int
        What dimension names stand for.
    """

    def __init__(
        self,
        graph: Graph,
        known: Callable[[Variable], bool],
        value: Callable[[Variable], Array],
        primitive: Callable[[Operation, str], Primitive],
        names: Mapping[str, int],
    ) -> None:
        self._known = known
        self._value = value
        self._primitive = primitive
        self._names = names
        self._position = {operation: i for i, operation in enumerate(graph.operations)}
        self._kernels: dict[tuple[Operation, str], Callable[..., Any]] = {}
        self._before: dict[Operation, tuple[Operation, ...]] = {}
        self._filled: dict[tuple[Variable, int], Array] = {}
        self._bytes = 0

    def before(self, operation: Operation) -> tuple[Operation, ...]:
        """Return what has to be computed before an operation, in order, because its results are gaps."""
        if operation not in self._before:
            found: set[Operation] = set()
            waiting = [operation]
            while waiting:
                makers = {v.operation for v in waiting.pop().inputs if not self._known(v)}
                new = [maker for maker in makers if maker is not None and maker not in found]
                found.update(new)
                waiting += new
            self._before[operation] = tuple(sorted(found, key=self._position.__getitem__))
        return self._before[operation]

    def sources(self, operation: Operation) -> dict[Variable, None]:
        """Return the nearest known values that an operation is computed from, in order."""
        used = (v for op in (*self.before(operation), operation) for v in op.inputs)
        return dict.fromkeys(v for v in used if self._known(v))

    def value(self, variable: Variable, direction: int = AS_IT_IS) -> Array:
        """Return what is known of a variable, or what was computed in its place."""
        return self._value(variable) if self._known(variable) else self._filled[variable, direction]

    def results(self, operation: Operation, direction: int, eps: float, dtype: str = "float64") -> tuple[Array, ...]:
        """Compute an operation in some precision, from inputs that are moved by about `eps`, relatively."""
        if self._bytes > _MOST_BYTES:
            self._filled.clear()
            self._bytes = 0
        for earlier in self.before(operation):
            self._fill(earlier, direction)
        return self._compute(operation, direction, eps, dtype)

    def instead(self, operation: Operation, primitive: Primitive) -> tuple[Array, ...]:
        """Compute something else from the inputs of an operation of which `results` has been asked."""
        return self._apply(self._lowered(primitive), operation, AS_IT_IS, 0.0, "float64")

    def _fill(self, operation: Operation, direction: int) -> None:
        if (operation.outputs[0], direction) in self._filled:
            return
        units = [float(np.finfo(v.dtype).eps) if v.spec.is_float else 0.0 for v in operation.outputs]
        rng = self._rng(operation, -direction)
        results = self._compute(operation, direction, max(units), "float64")
        for v, array, eps in zip(operation.outputs, results, units, strict=True):
            self._filled[v, direction] = _moved(array, eps if direction else 0.0, rng)
            self._bytes += array.nbytes

    def _compute(self, operation: Operation, direction: int, eps: float, dtype: str) -> tuple[Array, ...]:
        if (operation, dtype) not in self._kernels:
            self._kernels[operation, dtype] = self._lowered(self._primitive(operation, dtype))
        return self._apply(self._kernels[operation, dtype], operation, direction, eps if direction else 0.0, dtype)

    def _apply(
        self, kernel: Callable[..., Any], operation: Operation, direction: int, eps: float, dtype: str
    ) -> tuple[Array, ...]:
        rng = self._rng(operation, direction)
        inputs = [_moved(self.value(v, direction), eps, rng) for v in operation.inputs]
        results = kernel(*[x.astype(dtype, copy=False) if x.dtype.kind == "f" else x for x in inputs])
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
