"""One operation, computed and checked, as the observed lowering does it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from graph_engine.failures import refuse
from graph_engine.node import Operation
from graph_engine.plan import Instruction, Plan, results_of

Watch = Callable[[Operation, tuple[Any, ...]], None]
"""Called with an operation and its results, right after it has been computed."""


def execute(plan: Plan, instruction: Instruction, arrays: list[Any]) -> Sequence[Any]:
    """Compute one operation from the values of its inputs, guard on; its results are checked."""
    if instruction.guard is not None:
        refuse(instruction.guard(*arrays))
    written = [] if instruction.buffer is None else [plan.backend.empty(*plan.buffers[instruction.buffer])]
    results = results_of(instruction, instruction.function(*arrays, *written))
    for slot, value in zip(instruction.outputs, results, strict=True):
        plan.check(slot, value)
    return results
