"""Plan: a graph made ready to run for inputs of some shapes.

A plan knows the order, the shapes with all names replaced by numbers, what computes each operation, which results are
written into reused buffers, and what is known before any run (operations on constants). It is lowered twice: to
straight-line Python (`lowering`) and to an interpreter that keeps everything (`observe`). Both call the same
functions on arrays of the same strides, so they give the same bits.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from graph_engine.backend import Backend, Kernel
from graph_engine.errors import FeedError, RunError
from graph_engine.graph import Graph
from graph_engine.node import Operation, Variable
from graph_engine.primitive import Primitive
from graph_engine.spec import NUMPY_DTYPES, bind_shape

# Below this, an allocation costs less than what a buffer saves; above, fresh memory is mapped page by page.
SMALLEST_BUFFER = 32 * 1024
_LARGEST_FOLDED = 1024 * 1024


@dataclass(slots=True)
class Instruction:
    """One operation, ready to run.

    Attributes
    ----------
    operation : Operation
    function : callable
        Called with the input arrays, and then, where `buffer` is not None, with the array to write into.
    inputs, outputs : tuple of int
        Slots: positions in `Plan.variables`.
    buffer : int or None
        The buffer that the result is written into.
    guard : callable or None
        Returns what is wrong with the input arrays, or None.
    """

    operation: Operation
    function: Kernel
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    buffer: int | None = None
    guard: Kernel | None = None


class Plan:
    """A graph made ready to run.

    Parameters
    ----------
    graph : Graph
    backend : Backend
    names : mapping of str to int
        What the dimension names stand for.
    fold : bool
        Whether operations on constants are computed now; otherwise in each run, like all others.

    Attributes
    ----------
    graph, backend, names
        As given.
    variables : tuple of Variable
        A variable's position is its slot.
    arguments : tuple of int
        The slots of inputs and parameters, in the order in which `run` takes their values.
    outputs : tuple of int
        The slots of the graph's outputs.
    known : dict of int to array
        The slots of constants, and of what depends on constants alone.
    instructions : list of Instruction
        What there is to do in a run, in order.
    buffers : list of (shape, dtype)
    """

    def __init__(self, graph: Graph, backend: Backend, names: Mapping[str, int], fold: bool = True) -> None:
        self.graph = graph
        self.backend = backend
        self.names = names
        self.variables = graph.variables
        self.slots = {variable: slot for slot, variable in enumerate(self.variables)}
        self.shapes = [_bound_shape(variable, names) for variable in self.variables]
        self.arguments = tuple(self.slots[v] for v in (*graph.inputs, *graph.parameters))
        self.outputs = tuple(self.slots[v] for v in graph.outputs)
        self.known = {self.slots[v]: backend.asarray(v.data) for v in graph.constants if v.data is not None}
        self.instructions: list[Instruction] = []
        self.buffers: list[tuple[tuple[int, ...], str]] = []
        self._bound: list[Primitive] = []
        self._folds = fold
        for operation in graph.operations:
            self._add(operation, operation.primitive.bind(names))
        self._assign_buffers()

    def nbytes(self, slot: int) -> int:
        """Return the size of a slot's array in bytes."""
        return math.prod(self.shapes[slot]) * NUMPY_DTYPES[self.variables[slot].dtype].itemsize

    def _add(self, operation: Operation, primitive: Primitive) -> None:
        inputs = tuple(self.slots[v] for v in operation.inputs)
        outputs = tuple(self.slots[v] for v in operation.outputs)
        function = self.backend.kernel(primitive)
        guard = None
        if type(primitive).guard is not Primitive.guard:
            guard = partial(primitive.guard, self.backend.xp)
        instruction = Instruction(operation, function, inputs, outputs, guard=guard)
        small = self._folds and all(self.nbytes(slot) <= _LARGEST_FOLDED for slot in outputs)
        if not (small and all(slot in self.known for slot in inputs) and self._fold(instruction)):
            self.instructions.append(instruction)
            self._bound.append(primitive)

    def _fold(self, instruction: Instruction) -> bool:
        """Compute what depends on constants alone; what fails or is refused is left to do so in the run."""
        arrays = [self.known[slot] for slot in instruction.inputs]
        try:
            with self.backend.running():
                if instruction.guard is not None and instruction.guard(*arrays) is not None:
                    return False
                values = results_of(instruction, instruction.function(*arrays))
                for slot, value in zip(instruction.outputs, values, strict=True):
                    self.check(slot, value)
        except Exception:
            return False
        self.known.update(zip(instruction.outputs, values, strict=True))
        return True

    def check(self, slot: int, value: Any) -> None:
        """Raise where a kernel's result is not what was inferred: it must not be believed, returned or committed."""
        variable = self.variables[slot]
        if self.backend.conforms(value, self.shapes[slot], variable.dtype):
            return
        found = f"{value.dtype}{tuple(value.shape)}" if hasattr(value, "shape") else type(value).__name__
        error = RunError(
            f"{self.graph.name_of(variable)!r} came out as {found} instead of {variable.dtype}{self.shapes[slot]}",
            "the kernel of its primitive, or its `infer`, is wrong: graph_engine.testing.check_primitive finds out",
        )
        error.operation = variable.operation
        raise error.located("declared at", variable.line)

    def _assign_buffers(self) -> None:
        """Let results share memory where the earlier one is no longer read, not even through a view."""
        values, last_read = self.values_behind()
        escaping = {value for slot in self.outputs for value in values.get(slot, ())}
        free: dict[tuple[tuple[int, ...], str], list[int]] = {}
        dying: dict[int, list[int]] = {}
        for position, instruction in enumerate(self.instructions):
            primitive = self._bound[position]
            kernel = self._buffer_kernel(instruction, primitive, escaping)
            if kernel is not None and not primitive.elementwise:
                self._take_buffer(instruction, kernel, free)
            for buffer in dying.pop(position, ()):
                free.setdefault(self.buffers[buffer], []).append(buffer)
            if kernel is not None and primitive.elementwise:  # may overwrite an input that dies here
                self._take_buffer(instruction, kernel, free)
            if instruction.buffer is not None:
                read_last = last_read.get(instruction.outputs[0], position)
                dying.setdefault(max(read_last, position + 1), []).append(instruction.buffer)

    def _buffer_kernel(self, instruction: Instruction, primitive: Primitive, escaping: set[int]) -> Kernel | None:
        slot = instruction.outputs[0] if len(instruction.outputs) == 1 else -1
        if slot < 0 or slot in escaping or self.nbytes(slot) < SMALLEST_BUFFER or primitive.may_view:
            return None
        return self.backend.out_kernel(primitive)

    def _take_buffer(self, instruction: Instruction, kernel: Kernel, free: dict[Any, list[int]]) -> None:
        slot = instruction.outputs[0]
        kind = (self.shapes[slot], self.variables[slot].dtype)
        available = free.get(kind)
        if available:
            instruction.buffer = available.pop()
        else:
            instruction.buffer = len(self.buffers)
            self.buffers.append(kind)
        instruction.function = kernel

    def values_behind(self) -> tuple[dict[int, frozenset[int]], dict[int, int]]:
        """Find the results that each slot may be a view of, and where each is read last."""
        behind: dict[int, frozenset[int]] = {}
        last_read: dict[int, int] = {}
        nothing: frozenset[int] = frozenset()
        for position, instruction in enumerate(self.instructions):
            read = [behind.get(slot, nothing) for slot in instruction.inputs]
            for slot, values in zip(instruction.inputs, read, strict=True):
                for value in values:  # what is read through a view must not be overwritten by its reader
                    last_read[value] = max(last_read.get(value, 0), position + (value != slot))
            views = nothing.union(*read) if self._bound[position].may_view else nothing
            for slot in instruction.outputs:
                behind[slot] = views | {slot}
        return behind, last_read


def results_of(instruction: Instruction, results: Any) -> Sequence[Any]:
    """Return a kernel's results as a sequence, one an output."""
    if not instruction.operation.many:
        return (results,)
    count = len(instruction.outputs)
    if not isinstance(results, (tuple, list)) or len(results) != count:
        raise TypeError(f"the kernel must return a tuple of {count} arrays")
    return results


def _bound_shape(variable: Variable, names: Mapping[str, int]) -> tuple[int, ...]:
    try:
        return bind_shape(variable.shape, names)
    except FeedError as error:
        raise error.located(f"{variable.name!r} declared at", variable.line) from None
