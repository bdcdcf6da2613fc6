"""What went wrong in a run: which operation it was, on what, and where the user declared it."""

from __future__ import annotations

from graph_engine.errors import GraphEngineError, GuardError, RunError
from graph_engine.plan import Instruction, Plan


def refuse(problem: str | None) -> None:
    """Raise what a guard found, if it found something: what is wrong, and behind a semicolon what to do."""
    if problem is not None:
        wrong, _, cure = problem.partition("; ")
        raise GuardError(wrong, cure)


def run_error(plan: Plan, instruction: Instruction | None, error: Exception) -> GraphEngineError:
    """Say which operation failed, on what, and where it was declared; what happened there is the cause.

    A `RunError`, of a result that is not what was inferred, says so already.
    """
    if isinstance(error, RunError):
        return error
    found = _described(plan, instruction, error)
    found.__cause__ = error
    return found


def _described(plan: Plan, instruction: Instruction | None, error: Exception) -> GraphEngineError:
    if instruction is None:
        return RunError(f"the run failed: {type(error).__name__}: {error}")
    operation = instruction.operation
    shown = ", ".join(f"{plan.graph.name_of(v)}: {v.dtype}{plan.shapes[plan.slots[v]]}" for v in operation.inputs)
    name = f"{plan.graph.name_of(operation)}({shown})"
    if isinstance(error, GuardError):
        refused = GuardError(f"{name}: {error.message}", "; ".join(filter(None, ("nothing was updated", error.cure))))
        return refused.located("declared at", operation.line)
    failed = RunError(f"{name} failed: {type(error).__name__}: {error}", _memory_cure(plan, error))
    failed.operation = operation
    return failed.located("declared at", operation.line)


def _memory_cure(plan: Plan, error: Exception) -> str:
    if not isinstance(error, MemoryError) and "OutOfMemory" not in type(error).__name__:
        return ""
    largest = sorted(range(len(plan.variables)), key=plan.nbytes, reverse=True)[:5]
    holders = ", ".join(f"{plan.graph.name_of(plan.variables[s])} {plan.nbytes(s) / 2**20:.0f} MiB" for s in largest)
    return f"out of memory; the largest values are {holders}"
