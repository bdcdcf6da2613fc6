"""The observed lowering of a plan: an interpreter that keeps every value.

It calls the same functions as the fast lowering; a result that goes into a reused buffer there gets an array of its
own here, of the same strides, so the bits are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from graph_engine.failures import refuse, run_error
from graph_engine.node import Operation, Variable
from graph_engine.plan import Instruction, Plan, results_of

Watch = Callable[[Operation, tuple[Any, ...]], None]


class Observation:
    """What one observed run computed: a value for each variable that it reached.

    Attributes
    ----------
    values : dict of Variable to array
        The backend's own arrays.
    error : Exception or None
        What stopped the run.
    failed : Operation or None
        Where it stopped.
    """

    def __init__(self) -> None:
        self.values: dict[Variable, Any] = {}
        self.error: Exception | None = None
        self.failed: Operation | None = None


def observe(plan: Plan, arguments: Sequence[Any], watch: Watch | None = None) -> Observation:
    """Run a plan one operation at a time, guards on, and keep everything.

    Parameters
    ----------
    plan : Plan
    arguments : sequence of array
        The values of inputs and parameters.
    watch : callable, optional
        Called with each operation and its results, right after it has been computed.
    """
    seen = Observation()
    variables = plan.variables
    slots: list[Any] = [None] * len(variables)
    for slot, value in (*zip(plan.arguments, arguments, strict=True), *plan.known.items()):
        slots[slot] = seen.values[variables[slot]] = value
    with plan.backend.running():
        for instruction in plan.instructions:
            try:
                results = _execute(plan, instruction, slots)
            except Exception as error:
                seen.error = run_error(plan, instruction, error)
                seen.failed = instruction.operation
                break
            for slot, value in zip(instruction.outputs, results, strict=True):
                slots[slot] = seen.values[variables[slot]] = value
            if watch is not None:
                watch(instruction.operation, tuple(results))
    return seen


def _execute(plan: Plan, instruction: Instruction, slots: list[Any]) -> Sequence[Any]:
    arrays = [slots[slot] for slot in instruction.inputs]
    if instruction.guard is not None:
        refuse(instruction.guard(*arrays))
    if instruction.buffer is not None:
        arrays.append(plan.backend.empty(*plan.buffers[instruction.buffer]))
    results = results_of(instruction, instruction.function(*arrays))
    for slot, value in zip(instruction.outputs, results, strict=True):
        plan.check(slot, value)
    return results
