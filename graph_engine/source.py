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
from collections.abc import Callable
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
            if names is not _RETURNED:  # a returned value takes the name that the caller gives it
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
        known = _is_internal[code] = code.co_filename.startswith(_PACKAGE)
    return known


def composite(function: Callable[P, R]) -> Callable[P, R]:
    """Let the name that the user assigns go to what the function returns, not to its inner operations."""

    @wraps(function)
    def call_composite(*args: P.args, **kwargs: P.kwargs) -> R:
        result = function(*args, **kwargs)
        claim = getattr(result, "_take_assigned_name", None)
        if claim is not None:
            claim(capture())
        return result

    global _COMPOSITE_CODE
    _COMPOSITE_CODE = getattr(call_composite, "__code__")  # noqa: B009 - one code object for all wrapped functions
    return call_composite


_COMPOSITE_CODE: CodeType | None = None
_RETURNED: tuple[str, ...] = ("<returned>",)


@lru_cache(maxsize=4096)
def _targets(code: CodeType) -> dict[int, tuple[str, ...]]:
    """Map the offset of each instruction to the names its result is stored under."""
    instructions = [i for i in dis.get_instructions(code) if i.opname not in ("CACHE", "NOP", "EXTENDED_ARG", "COPY")]
    found: dict[int, tuple[str, ...]] = {}
    for position, instruction in enumerate(instructions[:-1]):
        following = instructions[position + 1 : position + 10]
        names = _stored(following)
        if names:
            found[instruction.offset] = names
    return found


def _stored(following: list[dis.Instruction]) -> tuple[str, ...]:
    """Read the names that the next instructions store into."""
    first = following[0]
    if first.opname == "RETURN_VALUE":
        return _RETURNED
    if first.opname == "UNPACK_SEQUENCE":
        count = first.arg or 0
        stores = [name for i in following[1:] for name in _store_names(i)]
        return tuple(stores[:count]) if len(stores) >= count else ()
    if first.opname.startswith("LOAD_") and len(following) > 1 and following[1].opname == "STORE_ATTR":
        return (str(following[1].argval),)
    return _store_names(first)[:1]


def _store_names(instruction: dis.Instruction) -> tuple[str, ...]:
    if instruction.opname in ("STORE_FAST", "STORE_NAME", "STORE_GLOBAL", "STORE_DEREF"):
        return (str(instruction.argval),)
    if instruction.opname == "STORE_FAST_STORE_FAST":  # Python 3.13 joins two instructions into one
        return tuple(str(name) for name in instruction.argval)
    if instruction.opname == "STORE_FAST_LOAD_FAST":
        return (str(instruction.argval[0]),)
    return ()


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
