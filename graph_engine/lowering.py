"""The fast lowering of a plan: straight-line Python, one statement an operation.

The code is made in chunks of a thousand statements, since compiling one huge function takes much more memory. Within
a chunk values are local variables `v7`; between chunks they travel in a list with one place for each slot. What
computes each operation, its constants and buffers are the globals of the code: `f7`, `k3`, `b0`. A chunk's line
numbers lead back from an exception to its operation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any

from graph_engine.errors import GraphEngineError, GuardError, RunError
from graph_engine.plan import Instruction, Plan

_CHUNK = 1000
_FILE = "<graph_engine plan>"
_LARGE = 64 * 1024  # bytes; larger values are let go as soon as nobody reads them


class FastProgram:
    """A plan as generated code.

    Parameters
    ----------
    plan : Plan
    guards : bool
        Whether values are checked before each operation that knows how to.

    Notes
    -----
    Buffers belong to the program, so that one run at a time may use it; a lock sees to that.
    """

    def __init__(self, plan: Plan, guards: bool = False) -> None:
        self._plan = plan
        self._lock = Lock()
        self._size = len(plan.variables)
        self._alias = _elide(plan)
        self._statements = [i for i in plan.instructions if i.outputs[0] not in self._alias]
        self._outputs = tuple(self._alias.get(slot, slot) for slot in plan.outputs)
        self._guards = guards
        self._lines: dict[str, list[Instruction | None]] = {}
        self._chunks = self._generate()

    def run(self, arguments: Sequence[Any]) -> list[Any]:
        """Compute the outputs from the values of inputs and parameters; they share memory with nobody."""
        plan = self._plan
        slots: list[Any] = [None] * self._size
        for slot, value in zip(plan.arguments, arguments, strict=True):
            slots[slot] = value
        with self._lock, plan.backend.running():
            try:
                for chunk in self._chunks:
                    chunk(slots)
                return self._owned(slots)
            except Exception as error:
                raise self._blame(error) from error

    def _owned(self, slots: list[Any]) -> list[Any]:
        plan, results = self._plan, []
        held = {id(slots[slot]) for slot in plan.arguments}
        for slot in self._outputs:
            value = plan.known[slot] if slot in plan.known else slots[slot]
            shared = slot in plan.known or id(value) in held
            results.append(plan.backend.copy(value) if shared else plan.backend.own(value))
            held.add(id(value))
        return results

    def _generate(self) -> list[Callable[[list[Any]], None]]:
        plan = self._plan
        space: dict[str, Any] = {f"k{slot}": value for slot, value in plan.known.items()}
        space |= {f"b{i}": plan.backend.empty(shape, dtype) for i, (shape, dtype) in enumerate(plan.buffers)}
        space["_refuse"] = _refuse
        starts = range(0, len(self._statements), _CHUNK)
        parts = [self._statements[start : start + _CHUNK] for start in starts]
        last = self._last_parts(parts)
        for number, part in enumerate(parts):
            source = self._write_chunk(number, part, last, space)
            exec(compile(source, _FILE, "exec"), space)  # noqa: S102 - our own text, made of integers alone
        return [space[f"chunk{number}"] for number in range(len(parts))]

    def _last_parts(self, parts: list[list[Instruction]]) -> dict[int, int]:
        """Find the chunk that reads each slot last; outputs are read after all of them."""
        last = {self._slot(s): number for number, part in enumerate(parts) for i in part for s in i.inputs}
        return last | dict.fromkeys(self._outputs, len(parts))

    def _write_chunk(self, number: int, part: list[Instruction], last: dict[int, int], space: dict[str, Any]) -> str:
        made = {slot for instruction in part for slot in instruction.outputs}
        read = dict.fromkeys(self._slot(slot) for instruction in part for slot in instruction.inputs)
        loaded = [slot for slot in read if slot not in made and slot not in self._plan.known]
        kept = [slot for slot in sorted(made) if last.get(slot, -1) > number]
        lines = [f"def chunk{number}(s):"] + [f" v{slot} = s[{slot}]" for slot in loaded]
        blame: list[Instruction | None] = [None] * len(lines)
        releases = self._releases(part, made, set(kept))
        for position, instruction in enumerate(part):
            for line in self._statement(instruction, space):
                lines.append(line)
                blame.append(instruction)
            for slot in releases.get(position, ()):
                lines.append(f" del v{slot}")
                blame.append(None)
        lines += [f" s[{slot}] = v{slot}" for slot in kept]
        lines += [f" s[{slot}] = None" for slot in loaded if last.get(slot) == number]
        self._lines[f"chunk{number}"] = blame
        return "\n".join(lines) + ("\n pass\n" if len(lines) == 1 else "\n")

    def _statement(self, instruction: Instruction, space: dict[str, Any]) -> list[str]:
        key = instruction.outputs[0]
        arguments = [self._name(slot) for slot in instruction.inputs]
        space[f"f{key}"] = instruction.function
        lines = []
        if self._guards and instruction.guard is not None:
            space[f"g{key}"] = instruction.guard
            lines.append(f" _refuse(g{key}({', '.join(arguments)}))")
        if instruction.buffer is not None:
            arguments.append(f"b{instruction.buffer}")
        outputs = ", ".join(f"v{slot}" for slot in instruction.outputs)
        lines.append(f" {outputs} = f{key}({', '.join(arguments)})")
        return lines

    def _releases(self, part: list[Instruction], made: set[int], kept: set[int]) -> dict[int, list[int]]:
        """Say after which statement each large local value is no longer needed."""
        last: dict[int, int] = {}
        for position, instruction in enumerate(part):
            last.update((self._slot(slot), position) for slot in instruction.inputs)
        found: dict[int, list[int]] = {}
        for slot, position in last.items():
            if slot in made and slot not in kept and self._plan.nbytes(slot) >= _LARGE:
                found.setdefault(position, []).append(slot)
        return found

    def _slot(self, slot: int) -> int:
        return self._alias.get(slot, slot)

    def _name(self, slot: int) -> str:
        slot = self._slot(slot)
        return f"k{slot}" if slot in self._plan.known else f"v{slot}"

    def _blame(self, error: Exception) -> Exception:
        """Turn a kernel's exception into one that names the operation."""
        instruction = None
        trace = error.__traceback__
        while trace is not None:
            code = trace.tb_frame.f_code
            if code.co_filename == _FILE:
                instruction = self._lines[code.co_name][trace.tb_lineno - 1]
            trace = trace.tb_next
        return run_error(self._plan, instruction, error)


def run_error(plan: Plan, instruction: Instruction | None, error: Exception) -> GraphEngineError:
    """Say which operation failed, on what, and where it was declared."""
    if instruction is None:
        return RunError(f"the run failed: {type(error).__name__}: {error}")
    operation = instruction.operation
    shown = ", ".join(f"{plan.graph.name_of(v)}: {v.dtype}{plan.shapes[plan.slots[v]]}" for v in operation.inputs)
    name = f"{plan.graph.name_of(operation)}({shown})"
    if isinstance(error, GuardError):
        found: GraphEngineError = GuardError(f"{name}: {error.message}", error.cure or "nothing was updated")
    else:
        found = RunError(f"{name} failed: {type(error).__name__}: {error}", _memory_cure(plan, error))
        found.operation = operation  # type: ignore[attr-defined]
    return found.located("declared at", operation.line)


def _memory_cure(plan: Plan, error: Exception) -> str:
    if not isinstance(error, MemoryError) and "OutOfMemory" not in type(error).__name__:
        return ""
    largest = sorted(range(len(plan.variables)), key=plan.nbytes, reverse=True)[:5]
    holders = ", ".join(f"{plan.graph.name_of(plan.variables[s])} {plan.nbytes(s) / 2**20:.0f} MiB" for s in largest)
    return f"out of memory; the largest values are {holders}"


def _refuse(problem: str | None) -> None:
    if problem is not None:
        raise GuardError(problem)


def _elide(plan: Plan) -> dict[int, int]:
    """Let what only hands a value on stand for that value."""
    alias: dict[int, int] = {}
    for instruction in plan.instructions:
        if instruction.operation.primitive.name == "pass_on":
            source = instruction.inputs[0]
            alias[instruction.outputs[0]] = alias.get(source, source)
    return alias
