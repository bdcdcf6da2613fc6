"""The fast lowering of a plan: straight-line Python, one statement an operation.

The code is made in chunks of a thousand statements, since compiling one huge function takes much more memory. Within
a chunk values are local variables `v7`, a name being used again when its value is dead; between chunks they travel in
a list with one place for each slot. What computes each operation, its constants and buffers are the globals of the
code: `f7`, `k3`, `b0`. A chunk's line numbers lead back from an exception to its operation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Any

from graph_engine.failures import refuse, run_error
from graph_engine.node import Variable
from graph_engine.plan import Instruction, Plan

_CHUNK = 1000
_FILE = "<graph_engine plan>"
_LARGE = 64 * 1024  # bytes; larger values are let go as soon as nobody reads them


class FastPlan:
    """A plan as generated code.

    Parameters
    ----------
    plan : Plan
    guards : bool
        Whether values are checked before each operation that knows how to.

    Notes
    -----
    Buffers belong to it, so that one run at a time may use it; a lock sees to that.
    """

    def __init__(self, plan: Plan, guards: bool = False) -> None:
        self._plan = plan
        self._lock = Lock()
        self._size = len(plan.variables)
        self._alias = _elide(plan, {"pass_on"} if guards else {"pass_on", "checked"})
        self._statements = [i for i in plan.instructions if i.outputs[0] not in self._alias]
        self._outputs = tuple(self._alias.get(slot, slot) for slot in plan.outputs)
        self._guards = guards
        self._lines: dict[str, list[Instruction | None]] = {}
        self._space: dict[str, Any] = {}
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
                return self._owned(slots, arguments)
            except Exception as error:
                found = self._blame(error)
                raise found from found.__cause__

    @contextmanager
    def stepping(self, inputs: Sequence[Variable]) -> Iterator[Callable[[Sequence[Any]], list[Any]]]:
        """Give the bare function from the values of `inputs` to the outputs, to be called step after step.

        What it returns is not checked and may share memory with what it was given; its errors name the operation.
        """
        plan, size = self._plan, self._size
        places = [plan.slots.get(variable, size) for variable in inputs]  # what nothing depends on goes to the end
        known = [(slot, plan.known[slot]) for slot in self._outputs if slot in plan.known]

        def step(values: Sequence[Any]) -> list[Any]:
            slots: list[Any] = [None] * (size + 1)
            for place, value in zip(places, values):
                slots[place] = value
            for chunk in self._chunks:
                chunk(slots)
            for slot, value in known:
                slots[slot] = plan.backend.copy(value)
            return [slots[slot] for slot in self._outputs]

        with self._lock, plan.backend.running():
            try:
                yield step
            except Exception as error:
                found = self._blame(error)
                raise found from found.__cause__

    def _owned(self, slots: list[Any], arguments: Sequence[Any]) -> list[Any]:
        plan, results = self._plan, []
        held = {id(value) for value in arguments}
        for slot in self._outputs:
            value = plan.known[slot] if slot in plan.known else slots[slot]
            plan.check(slot, value)
            shared = slot in plan.known or id(value) in held
            results.append(plan.backend.copy(value) if shared else plan.backend.own(value))
            held.add(id(value))
        return results

    def _generate(self) -> list[Callable[[list[Any]], None]]:
        plan, space = self._plan, self._space
        space |= {f"k{slot}": value for slot, value in plan.known.items()}
        space |= {f"b{i}": plan.backend.empty(shape, dtype) for i, (shape, dtype) in enumerate(plan.buffers)}
        space["_refuse"] = refuse
        starts = range(0, len(self._statements), _CHUNK)
        parts = [self._statements[start : start + _CHUNK] for start in starts]
        last = self._last_parts(parts)
        for number, part in enumerate(parts):
            source = self._write_chunk(number, part, last, space)
            exec(compile(source, _FILE, "exec"), space)
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
        names = _Names(self._plan.known)
        lines = [f"def chunk{number}(s):"] + [f" {names.take(slot)} = s[{slot}]" for slot in loaded]
        blame: list[Instruction | None] = [None] * len(lines)
        dying = self._dying(part, {*kept, *loaded, *self._plan.known})
        for position, instruction in enumerate(part):
            inputs = [names.of(self._slot(slot)) for slot in instruction.inputs]
            dead = dying.get(position, [])
            for slot in dead:
                names.release(slot)
            outputs = [names.take(slot) for slot in instruction.outputs]
            written = self._statement(instruction, inputs, outputs, space)
            large = [names.of(slot) for slot in dead if self._plan.nbytes(slot) >= _LARGE]
            written += [f" del {name}" for name in large if name not in outputs]
            lines += written
            blame += [instruction] * len(written)
        lines += [f" s[{slot}] = {names.of(slot)}" for slot in kept]
        lines += [f" s[{slot}] = None" for slot in loaded if last.get(slot) == number]
        self._lines[f"chunk{number}"] = blame
        return "\n".join(lines) + "\n"

    def _statement(
        self, instruction: Instruction, inputs: list[str], outputs: list[str], space: dict[str, Any]
    ) -> list[str]:
        key = instruction.outputs[0]
        space[f"f{key}"] = instruction.function
        lines = []
        if self._guards and instruction.guard is not None:
            space[f"g{key}"] = instruction.guard
            lines.append(f" _refuse(g{key}({', '.join(inputs)}))")
        buffer = [] if instruction.buffer is None else [f"b{instruction.buffer}"]
        results = ", ".join(outputs) + "," * instruction.operation.many
        lines.append(f" {results} = f{key}({', '.join([*inputs, *buffer])})")
        return lines

    def _dying(self, part: list[Instruction], kept: set[int]) -> dict[int, list[int]]:
        """Say which values of a chunk each of its statements is the last to read."""
        last: dict[int, int] = {}
        for position, instruction in enumerate(part):
            last.update((self._slot(slot), position) for slot in instruction.inputs)
        found: dict[int, list[int]] = {}
        for slot, position in last.items():
            if slot not in kept:
                found.setdefault(position, []).append(slot)
        return found

    def _slot(self, slot: int) -> int:
        return self._alias.get(slot, slot)

    def _blame(self, error: Exception) -> Exception:
        """Turn a kernel's exception into one that names the operation."""
        instruction = None
        trace = error.__traceback__
        while trace is not None:
            code = trace.tb_frame.f_code
            if trace.tb_frame.f_globals is self._space:
                instruction = self._lines[code.co_name][trace.tb_lineno - 1]
            trace = trace.tb_next
        return run_error(self._plan, instruction, error)


class _Names:
    """Local variables for the values of a chunk; a name is used again when its value is dead.

    Overwriting the name frees the value, so that the next small array gets memory that is still in the cache.
    """

    def __init__(self, known: Iterable[int]) -> None:
        self._names = {slot: f"k{slot}" for slot in known}
        self._free: list[str] = []
        self._count = 0

    def take(self, slot: int) -> str:
        if self._free:
            name = self._free.pop()
        else:
            name = f"v{self._count}"
            self._count += 1
        self._names[slot] = name
        return name

    def of(self, slot: int) -> str:
        return self._names[slot]

    def release(self, slot: int) -> None:
        self._free.append(self._names[slot])


def _elide(plan: Plan, names: set[str]) -> dict[int, int]:
    """Let what only hands a value on stand for that value."""
    alias: dict[int, int] = {}
    for instruction in plan.instructions:
        if instruction.operation.primitive.name in names:
            source = instruction.inputs[0]
            alias[instruction.outputs[0]] = alias.get(source, source)
    return alias
