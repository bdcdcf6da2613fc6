"""The user's line behind every operation, and the name that the line gives its result.

Declaring keeps only code objects and instruction offsets (a third of a microsecond). They become file, line, text
and name when somebody looks: the instruction that follows the call says where its result goes, so names are found
without the source text too.
"""

from __future__ import annotations

import dis
import linecache
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, wraps
from types import CodeType
from typing import Any, NamedTuple, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

# Up to four frames of the user's, innermost first: (code, offset, code, offset, ...).
Frames = tuple[Any, ...]
_KEPT_FRAMES = 4
_PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep
_DEMO = os.path.join(_PACKAGE, "demo", "")  # a user's program that comes with the library
_is_internal: dict[CodeType, bool] = {}


@dataclass(frozen=True)
class SourceLine:
    """One line of the user's program.

    Attributes
    ----------
    file, function, text : str
        Where it stands and what it says; the text is empty where the source cannot be read.
    line : int
        Counted from 1.
    """

    file: str
    line: int
    text: str
    function: str

    def __str__(self) -> str:
        text = f": {self.text}" if self.text else ""
        return f"{self.file}:{self.line}{text}"


class Source(NamedTuple):
    """Where an operation was declared.

    Attributes
    ----------
    frames : tuple
        Code objects and offsets of the user's innermost frames.
    inner : bool
        True when the operation is a part of a composite function or layer, so that the name the user's line
        assigns belongs to another one.
    """

    frames: Frames
    inner: bool

    @property
    def line(self) -> SourceLine | None:
        """The user's innermost line."""
        return _source_line(self.frames[0], self.frames[1]) if self.frames else None

    @property
    def lines(self) -> tuple[SourceLine, ...]:
        """The user's innermost lines, from the innermost outwards."""
        pairs = zip(self.frames[::2], self.frames[1::2], strict=True)
        return tuple(_source_line(code, offset) for code, offset in pairs)

    def name(self, output_index: int = 0) -> str | None:
        """Return the name that the user's program assigns, or None."""
        if self.inner:
            return None
        for code, offset in zip(self.frames[::2], self.frames[1::2], strict=True):
            names = _targets(code).get(offset)
            if names != _RETURNED:  # a returned value takes the name that the caller gives it
                return names[output_index] if names and output_index < len(names) else None
        return None


def capture(inner: bool = False, depth: int = 2) -> Source:
    """Keep the frames of the user's program that lead to here."""
    frame = sys._getframe(depth)
    while frame is not None and is_internal(frame.f_code):
        inner = inner or frame.f_code is _COMPOSITE_CODE
        frame = frame.f_back  # type: ignore[assignment]
    kept: list[Any] = []
    while frame is not None and len(kept) < 2 * _KEPT_FRAMES:
        if not is_internal(frame.f_code):
            kept += (frame.f_code, frame.f_lasti)
        frame = frame.f_back  # type: ignore[assignment]
    return Source(tuple(kept), inner)


def is_internal(code: CodeType) -> bool:
    """Return whether this code belongs to the library."""
    known = _is_internal.get(code)
    if known is None:
        known = _is_internal[code] = code.co_filename.startswith(_PACKAGE) and not code.co_filename.startswith(_DEMO)
    return known


def composite(function: Callable[P, R]) -> Callable[P, R]:
    """Let the name that the user assigns go to what the function returns, not to its inner operations."""

    @wraps(function)
    def call_composite(*args: P.args, **kwargs: P.kwargs) -> R:
        result = function(*args, **kwargs)
        claim = getattr(result, "_take_assigned_name", None)
        if claim is not None and not any(result is value for value in args):  # what came in has its name already
            claim(capture())
        return result

    global _COMPOSITE_CODE
    _COMPOSITE_CODE = getattr(call_composite, "__code__")  # noqa: B009 - one code object for all wrapped functions
    return call_composite


_COMPOSITE_CODE: CodeType | None = None
_RETURNED: tuple[str, ...] = ("<returned>",)
_SILENT = frozenset(
    ("CACHE", "NOP", "RESUME", "EXTENDED_ARG", "KW_NAMES", "NOT_TAKEN", "MAKE_CELL", "COPY_FREE_VARS", "GEN_START")
)
_STORING = frozenset(
    ("STORE_FAST", "STORE_NAME", "STORE_GLOBAL", "STORE_DEREF", "STORE_ATTR", "STORE_FAST_STORE_FAST",
     "STORE_FAST_LOAD_FAST", "RETURN_VALUE")
)  # fmt: skip
_POPPING = ("POP_", "STORE_", "DELETE_", "JUMP", "END_", "LIST_", "SET_", "MAP_", "DICT_", "RAISE", "RERAISE")


@lru_cache(maxsize=4096)
def _targets(code: CodeType) -> dict[int, tuple[str, ...]]:
    """Map the offset of each instruction to the names its results are stored under."""
    stored: dict[int, dict[int, str]] = {}
    for (offset, index), name in _stores(code):
        stored.setdefault(offset, {}).setdefault(index, name)
    found: dict[int, tuple[str, ...]] = {}
    instructions = list(dis.get_instructions(code))
    for instruction, following in zip(instructions, instructions[1:]):
        names = stored.get(instruction.offset, {})
        if 0 in names:  # up to Python 3.12 the offset of a call may lie behind its first inline caches
            ordered = tuple(names[index] for index in range(len(names)) if index in names)
            found.update(dict.fromkeys(range(instruction.offset, following.offset, 2), ordered))
    return found


def _stores(code: CodeType) -> Iterator[tuple[tuple[int, int], str]]:
    """Run code without its values and say what is stored where: the instruction that made it, its index, the name.

    For each value the stack holds who made it: (offset, which of several results), or for a tuple that is going to be
    unpacked a list of those. What jumps leave there too much lies deeper than what is stored next, and does no harm.
    """
    stack: list[Any] = []

    def pop() -> Any:
        return stack.pop() if stack else (-1, 0)

    for instruction in dis.get_instructions(code):
        operation, argument, made = instruction.opname, instruction.arg or 0, (instruction.offset, 0)
        effect = dis.stack_effect(instruction.opcode, instruction.arg, jump=False)
        if operation in _SILENT:
            continue
        if operation in _STORING:
            value = instruction.argval  # Python 3.13 joins two instructions into one
            names = value if isinstance(value, tuple) else (value,)
            if operation == "STORE_ATTR":
                pop()
            for name in names[:1] if operation == "STORE_FAST_LOAD_FAST" else names:
                maker = pop()
                if isinstance(maker, tuple):
                    yield maker, _RETURNED[0] if operation == "RETURN_VALUE" else str(name)
            stack += [made] * (operation == "STORE_FAST_LOAD_FAST")
        elif operation == "SWAP" and argument <= len(stack):
            stack[-1], stack[-argument] = stack[-argument], stack[-1]
        elif operation == "COPY" and argument <= len(stack):
            stack.append(stack[-argument])
        elif operation == "BUILD_TUPLE":
            stack.append([pop() for _ in range(argument)])
        elif operation == "UNPACK_SEQUENCE":
            value = pop()
            offset = value[0] if isinstance(value, tuple) else -1
            together = isinstance(value, list) and len(value) == argument
            stack += value if together else [(offset, index) for index in reversed(range(argument))]
        elif operation.startswith(_POPPING):
            for _ in range(-effect):
                pop()
        else:
            for _ in range(1 - effect):
                pop()
            stack += [made] * max(effect, 1)


@lru_cache(maxsize=4096)
def _line_numbers(code: CodeType) -> list[int | None]:
    return [position[0] for position in code.co_positions()]


@lru_cache(maxsize=65536)
def _source_line(code: CodeType, offset: int) -> SourceLine:
    numbers = _line_numbers(code)
    index = offset // 2
    number = (numbers[index] if 0 <= index < len(numbers) else None) or code.co_firstlineno
    text = linecache.getline(code.co_filename, number).strip()
    return SourceLine(code.co_filename, number, text, code.co_name)


class SavedSource(Source):
    """Where an operation was declared, as a file says it: lines and names instead of code objects.

    `frames` are the lines, innermost first, and the names that each output was assigned to.
    """

    __slots__ = ()

    @classmethod
    def of(cls, lines: tuple[SourceLine, ...], names: tuple[str | None, ...] = ()) -> SavedSource:
        """Make one from lines, and the name that was assigned to each output."""
        return cls((lines, names), False)

    @property
    def line(self) -> SourceLine | None:
        """The user's innermost line."""
        return self.lines[0] if self.lines else None

    @property
    def lines(self) -> tuple[SourceLine, ...]:
        """The user's innermost lines, from the innermost outwards."""
        lines: tuple[SourceLine, ...] = self.frames[0]
        return lines

    def name(self, output_index: int = 0) -> str | None:
        """Return the name that the user's program assigned, or None."""
        names = self.frames[1]
        return names[output_index] if not self.inner and output_index < len(names) else None
