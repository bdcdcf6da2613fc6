"""Reading the numbers of a run where something is wrong: one tensor at a time, and single elements of them."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from graph_engine.node import Operation, Variable
from graph_engine.spec import bind_shape
from graph_engine.trace import Trace
from graph_engine_viz.debugger.held import Held
from graph_engine_viz.debugger.quantities import measure

__all__ = ["Element", "Loop", "Place", "Reader", "Terms", "Use"]

Array = np.ndarray[Any, Any]
Index = tuple[int, ...]
Terms = Mapping[tuple[Operation, int], Variable]
"""What is handed down through each use: by operation, and which of its inputs it is."""

MOST_BYTES = 1 << 24
"""So much of what was read is held."""


@dataclass(frozen=True)
class Element:
    """One element of a result, and what it was computed from.

    Attributes
    ----------
    index : tuple of int
    value : float
    inputs : tuple of (str, float)
        The elements of the inputs that it was computed from, by name, where there is one of each.
    """

    index: Index
    value: float
    inputs: tuple[tuple[str, float], ...] = ()


class Use(NamedTuple):
    """A use of a variable, and the gradients there.

    Attributes
    ----------
    operation : Operation
    position : int
        Which of its inputs the variable is.
    term : Variable
        What is handed down to the variable.
    output : Variable
        Of the operation: the one with the largest gradient.
    arrived : Variable
        The gradient of that output.
    """

    operation: Operation
    position: int
    term: Variable
    output: Variable
    arrived: Variable


class Reader:
    """Looks at the values of a run.

    Parameters
    ----------
    trace : Trace
    meant : mapping of Variable to Variable, optional
        What inputs stand for, where a part of a run was computed again by itself.
    """

    def __init__(self, trace: Trace, meant: Mapping[Variable, Variable] = MappingProxyType({})) -> None:
        self.trace = trace
        self.meant = meant
        self.loops: dict[tuple[Operation, bool], Loop | None] = {}
        self.depending: dict[tuple[Variable, Variable], bool] = {}
        self.places: dict[tuple[Operation, int], list[Array | None]] = {}
        self._held: Held[Variable] = Held(MOST_BYTES)
        self._shapes: dict[Variable, tuple[int, ...]] = {}
        self._bad: dict[Variable, tuple[bool, bool]] = {}
        self._zeros: dict[Variable, float] = {}
        self._rms: dict[Variable, float] = {}

    def array(self, variable: Variable) -> Array:
        """Return a variable's value; it is not to be changed.

        It may have to be computed again, or fetched from a device; the last ones are held, as far as they are small.
        """
        if variable in self._held:
            return self._held[variable]
        array = self._held[variable] = np.asarray(self.trace.to_numpy(self.trace.arrays[variable]))
        self._held.trim()
        return array

    def shape(self, variable: Variable) -> tuple[int, ...]:
        """Return the shape of a variable's value, which is not asked for."""
        if variable not in self._shapes:
            self._shapes[variable] = bind_shape(variable.spec.shape, self.trace.names)
        return self._shapes[variable]

    def size(self, variable: Variable) -> int:
        """Return how many elements a variable has."""
        return math.prod(self.shape(variable))

    def has(self, variable: Variable) -> bool:
        """Return whether the run got as far as this variable."""
        return variable in self.trace.arrays

    def non_finite(self, variable: Variable) -> bool:
        """Return whether there is a NaN or an infinity in it."""
        return any(self._kinds(variable))

    def has_nan(self, variable: Variable) -> bool:
        """Return whether there is a NaN in it."""
        return self._kinds(variable)[0]

    def all_zero(self, variable: Variable) -> bool:
        """Return whether all of it is zero; so it is where it has no elements."""
        return self.zeros(variable) == 1

    def zeros(self, variable: Variable) -> float:
        """Return the share of exact zeros."""
        if variable not in self._zeros:
            array = self.array(variable)
            self._zeros[variable] = (array.size - np.count_nonzero(array)) / array.size if array.size else 1.0
        return self._zeros[variable]

    def rms(self, variable: Variable) -> float:
        """Return the root of the mean square."""
        if variable not in self._rms:
            array = self.array(variable)
            self._rms[variable] = measure(np, array, ["rms"])["rms"] if array.size else 0.0
        return self._rms[variable]

    def compute(self, operation: Operation, arrays: Sequence[Array]) -> tuple[Array, ...]:
        """Compute an operation from other inputs; nothing where its kernel cannot do so."""
        try:
            with np.errstate(all="ignore"):
                results = operation.primitive.bind(self.trace.names).kernel(np, *arrays)
        except Exception:
            return ()
        return tuple(map(np.asarray, results if isinstance(results, tuple) else (results,)))

    def name(self, node: Variable | Operation) -> str:
        """Return what a node is called in this run."""
        return self.trace.graph.name_of(node)

    def gradient(self, variable: Variable) -> Variable | None:
        """Return the variable that holds the gradient of another one, if the run has computed it."""
        found = self.trace.gradients.get(variable)
        return found if found is not None and self.has(found) else None

    def arrived(self, operation: Operation) -> list[Variable]:
        """Return the gradients that came back to an operation: those of its outputs."""
        return [gradient for v in operation.outputs if (gradient := self.gradient(v)) is not None]

    def largest_use(self, variable: Variable) -> Use | None:
        """Return the use that contributes most to a variable's gradient; None at the loss."""
        if variable not in self._handed:
            return None
        operation, position, term = max(self._handed[variable], key=lambda use: self.rms(use[2]))
        arrived = max(self.arrived(operation), key=self.rms, default=None)
        if arrived is None or arrived.gradient is None:
            return None
        return Use(operation, position, term, arrived.gradient.variable, arrived)

    @cached_property
    def terms(self) -> Terms:
        """What is handed down through each use of a variable."""
        trace = self.trace
        return {
            (record.operation, record.input_index): variable
            for variable in trace.graph.variables
            if (record := variable.gradient) is not None
            and record.loss is trace.loss
            and record.operation is not None
            and record.input_index is not None
        }

    @cached_property
    def _handed(self) -> dict[Variable, list[tuple[Operation, int, Variable]]]:
        """What is handed down to each variable, as far as the run got: through which use, and which term it is."""
        found = defaultdict(list)
        for (operation, position), term in self.terms.items():
            if self.has(term):
                found[operation.inputs[position]].append((operation, position, term))
        return found

    def _kinds(self, variable: Variable) -> tuple[bool, bool]:
        if variable not in self._bad:
            known = variable.spec.is_float and self.has(variable)
            array = self.array(variable) if known else np.zeros(())
            self._bad[variable] = bool(np.isnan(array).any()), bool(np.isinf(array).any())
        return self._bad[variable]


@dataclass(frozen=True)
class Loop:
    """A scan written out, and run by itself.

    Attributes
    ----------
    reader : Reader
    inputs : tuple of Variable
        What stands for the inputs of the scan.
    outputs : tuple of Variable
        Its results; where it was run backward, the number that the gradients are of.
    seeding : frozenset of Operation
        What was declared to bring the gradients in, and is no part of the scan.
    """

    reader: Reader
    inputs: tuple[Variable, ...]
    outputs: tuple[Variable, ...]
    seeding: frozenset[Operation]


class Place:
    """One element of an operation's result, and what is around it.

    Parameters
    ----------
    reader : Reader
    operation : Operation
    output : Variable
        Of the operation.
    index : tuple of int

    Attributes
    ----------
    value : float
        The element.
    dtype : str
    """

    def __init__(self, reader: Reader, operation: Operation, output: Variable, index: Index) -> None:
        self.reader = reader
        self.operation = operation
        self.output = output
        self.index = index
        self.value = float(reader.array(output)[index])
        self.dtype = output.dtype

    @property
    def primitive(self) -> str:
        """The name of what was computed."""
        return self.operation.primitive.name

    @property
    def owner(self) -> Operation | None:
        """The forward operation whose backward rule this is a part of."""
        owner = self.operation.owner
        return owner if isinstance(owner, Operation) else None

    @cached_property
    def inputs(self) -> tuple[float | None, ...]:
        """The element of each input that this one was computed from; None where it was computed from several."""
        return tuple(self.element_of(v, self.operation.primitive.elementwise) for v in self.operation.inputs)

    def element_of(self, variable: Variable, elementwise: bool = True) -> float | None:
        """Return the element of a tensor that belongs to this place, by broadcasting."""
        if not self.reader.has(variable):
            return None
        array = self.reader.array(variable)
        index = self.index_in(array.shape) if elementwise or array.size == 1 else None
        return None if index is None else float(array[index])

    def index_in(self, shape: tuple[int, ...]) -> Index | None:
        """Return the index that belongs to this place in a tensor of another shape, by broadcasting."""
        if all(n == 1 for n in shape):
            return (0,) * len(shape)
        whole = self.reader.shape(self.output)
        more = len(whole) - len(shape)
        if more < 0 or any(n not in (1, wanted) for n, wanted in zip(shape, whole[more:], strict=True)):
            return None
        return tuple(0 if n == 1 else i for n, i in zip(shape, self.index[more:], strict=True))

    @cached_property
    def exactly(self) -> Array:
        """What the whole result would be if it were computed in double precision from the same inputs."""
        operation = self.operation
        arrays = [_widened(self.reader.array(v)) for v in operation.inputs]
        if operation.primitive.name == "astype":
            return arrays[0]
        results = self.reader.compute(operation, arrays)
        return results[self.output.output_index] if results else np.full(self.reader.shape(self.output), np.nan)

    @cached_property
    def exact(self) -> float:
        """What the element would be if it were computed in double precision from the same inputs."""
        return float(self.exactly[self.index])

    def element(self) -> Element:
        """Return the element with those that it was computed from."""
        names = [self.reader.name(v) for v in self.operation.inputs]
        found = [(name, value) for name, value in zip(names, self.inputs, strict=True) if value is not None]
        return Element(self.index, self.value, tuple(found))


def _widened(array: Array) -> Array:
    return array.astype(np.float64) if array.dtype.kind == "f" else array
