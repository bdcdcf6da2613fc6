"""The observed lowering of a plan: an interpreter that keeps every value.

It calls the same functions as the fast lowering; a result that goes into a reused buffer there gets an array of its
own here, of the same strides, so the bits are the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graph_engine.executing import Watch, execute
from graph_engine.failures import run_error
from graph_engine.node import Operation, Variable
from graph_engine.plan import Plan
from graph_engine.replay import Replay, Retention


@dataclass
class Observation:
    """What one observed run computed: a value for each variable that it reached.

    Attributes
    ----------
    values : mapping of Variable to array
        The backend's own arrays.
    error : Exception or None
        What stopped the run.
    failed : Operation or None
        Where it stopped.
    kept : Retention or None
        Which values stay, where there is a memory budget.
    """

    values: Mapping[Variable, Any]
    error: Exception | None = None
    failed: Operation | None = None
    kept: Retention | None = None


def observe(
    plan: Plan, arguments: Sequence[Any], watch: Watch | None = None, memory: int | None = None
) -> Observation:
    """Run a plan one operation at a time, guards on, and keep everything, or what a memory budget allows.

    Parameters
    ----------
    plan : Plan
    arguments : sequence of array
        The values of inputs and parameters.
    watch : callable, optional
        Called with each operation and its results, right after it has been computed.
    memory : int, optional
        In bytes; what is dropped is computed again when it is looked at.
    """
    if memory is not None:
        replay = Replay(plan, arguments, memory)
        replay.run(watch)
        return Observation(replay, replay.error, replay.failed, replay.retention)
    values: dict[Variable, Any] = {}
    seen = Observation(values)
    variables = plan.variables
    slots: list[Any] = [None] * len(variables)
    for slot, value in (*zip(plan.arguments, arguments, strict=True), *plan.known.items()):
        slots[slot] = values[variables[slot]] = value
    with plan.backend.running():
        for instruction in plan.instructions:
            try:
                results = execute(plan, instruction, [slots[slot] for slot in instruction.inputs])
            except Exception as error:
                seen.error = run_error(plan, instruction, error)
                seen.failed = instruction.operation
                break
            for slot, value in zip(instruction.outputs, results, strict=True):
                slots[slot] = values[variables[slot]] = value
            if watch is not None:
                watch(instruction.operation, tuple(results))
    return seen
