"""The names under which a program stores what its instructions make, read from its bytecode.

`a, b = f(x)` compiles to a call, an unpacking and two stores. One walk through the instructions, in the order in which
they stand, keeps on a stack not the values but who made each of them, so that a store tells which instruction its name
belongs to. Nothing is run and no source text is needed. What jumps leave on the stack too much lies deeper than what is
stored next, and does no harm.

Names of instructions are those of CPython 3.11 to 3.14; see `dis` in the standard library.
"""

from __future__ import annotations

import dis
from collections.abc import Callable
from functools import lru_cache
from types import CodeType
from typing import NamedTuple, TypeAlias

RETURNED = ("<returned>",)  # in the place of a name, where the function hands the result to its caller


class Maker(NamedTuple):
    """Who made a value: the instruction at an offset, and which of its outputs it is."""

    offset: int
    output: int = 0


_Value: TypeAlias = "Maker | list[_Value]"  # a list, last one first, for a tuple that is most likely unpacked again
_UNKNOWN = Maker(-1)


@lru_cache(maxsize=4096)
def assigned_names(code: CodeType) -> dict[int, tuple[str, ...]]:
    """Map the offset of each instruction to the names that its results are stored under.

    Examples
    --------
    >>> code = compile("a, b = f(x)", "<example>", "exec")
    >>> ("a", "b") in assigned_names(code).values()
    True
    """
    walk = _Walk()
    instructions = list(dis.get_instructions(code))
    for instruction in instructions:
        _STEPS.get(instruction.opname, _Walk.any_other)(walk, instruction)
    found: dict[int, tuple[str, ...]] = {}
    for instruction, following in zip(instructions, instructions[1:]):
        names = walk.names.get(instruction.offset, {})
        if 0 in names:  # up to Python 3.12 the offset of a call may lie behind its first inline caches
            ordered = tuple(names[output] for output in range(len(names)) if output in names)
            found.update(dict.fromkeys(range(instruction.offset, following.offset, 2), ordered))
    return found


class _Walk:
    """What is known after the instructions so far: who made what lies on the stack, and which names that has."""

    def __init__(self) -> None:
        self.stack: list[_Value] = []
        self.names: dict[int, dict[int, str]] = {}  # offset -> output -> name

    def pop(self) -> _Value:
        return self.stack.pop() if self.stack else _UNKNOWN

    def call_it(self, name: str) -> None:
        """Take the topmost value and note its name; the first name counts."""
        maker = self.pop()
        if isinstance(maker, Maker):
            self.names.setdefault(maker.offset, {}).setdefault(maker.output, name)

    # ---- one method for each kind of instruction ---------------------------------------------------------------

    def nothing(self, instruction: dis.Instruction) -> None:
        pass

    def store(self, instruction: dis.Instruction) -> None:
        self.call_it(str(instruction.argval))

    def store_attribute(self, instruction: dis.Instruction) -> None:
        self.pop()  # the object
        self.call_it(str(instruction.argval))

    def store_two(self, instruction: dis.Instruction) -> None:
        for name in instruction.argval:
            self.call_it(str(name))

    def store_and_load(self, instruction: dis.Instruction) -> None:
        self.call_it(str(instruction.argval[0]))
        self.stack.append(Maker(instruction.offset))

    def hand_back(self, instruction: dis.Instruction) -> None:
        self.call_it(*RETURNED)

    def swap(self, instruction: dis.Instruction) -> None:
        depth = instruction.arg or 0
        if depth <= len(self.stack):
            self.stack[-1], self.stack[-depth] = self.stack[-depth], self.stack[-1]
        else:
            self.any_other(instruction)

    def copy(self, instruction: dis.Instruction) -> None:
        depth = instruction.arg or 0
        if depth <= len(self.stack):
            self.stack.append(self.stack[-depth])
        else:
            self.any_other(instruction)

    def build_tuple(self, instruction: dis.Instruction) -> None:
        self.stack.append([self.pop() for _ in range(instruction.arg or 0)])

    def unpack(self, instruction: dis.Instruction) -> None:
        value, count = self.pop(), instruction.arg or 0
        if isinstance(value, list) and len(value) == count:
            self.stack += value
        else:
            offset = value.offset if isinstance(value, Maker) else -1
            self.stack += [Maker(offset, output) for output in reversed(range(count))]

    def consume(self, instruction: dis.Instruction) -> None:
        for _ in range(-_effect(instruction)):
            self.pop()

    def any_other(self, instruction: dis.Instruction) -> None:
        """Take any values and leave what it makes of them, one value at least."""
        if instruction.opname.startswith(_CONSUMING):
            self.consume(instruction)
            return
        effect = _effect(instruction)
        for _ in range(1 - effect):
            self.pop()
        self.stack += [Maker(instruction.offset)] * max(effect, 1)


def _effect(instruction: dis.Instruction) -> int:
    """Return by how many values the stack grows."""
    return dis.stack_effect(instruction.opcode, instruction.arg, jump=False)


_CONSUMING = ("POP_", "STORE_", "DELETE_", "JUMP", "END_", "LIST_", "SET_", "MAP_", "DICT_", "RAISE", "RERAISE")
_SILENT = (
    "CACHE", "NOP", "RESUME", "EXTENDED_ARG", "KW_NAMES", "NOT_TAKEN", "MAKE_CELL", "COPY_FREE_VARS", "GEN_START",
)  # fmt: skip
_STEPS: dict[str, Callable[[_Walk, dis.Instruction], None]] = dict.fromkeys(_SILENT, _Walk.nothing) | {
    "STORE_FAST": _Walk.store,
    "STORE_NAME": _Walk.store,
    "STORE_GLOBAL": _Walk.store,
    "STORE_DEREF": _Walk.store,
    "STORE_ATTR": _Walk.store_attribute,
    "STORE_FAST_STORE_FAST": _Walk.store_two,  # Python 3.13 joins two instructions into one
    "STORE_FAST_LOAD_FAST": _Walk.store_and_load,
    "RETURN_VALUE": _Walk.hand_back,
    "SWAP": _Walk.swap,
    "COPY": _Walk.copy,
    "BUILD_TUPLE": _Walk.build_tuple,
    "UNPACK_SEQUENCE": _Walk.unpack,
}
