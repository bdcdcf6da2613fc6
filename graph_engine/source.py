"""The user's line behind every operation, and the name that the line gives its result.

Declaring keeps only code objects and instruction offsets (a third of a microsecond). They become file, line, text
and name when somebody looks.
"""

from __future__ import annotations

import linecache
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, wraps
from types import CodeType
from typing import Any, NamedTuple, ParamSpec, TypeVar

from graph_engine.assigned import RETURNED, assigned_names

P = ParamSpec("P")
R = TypeVar("R")

# Up to four frames of the user's, innermost first: (code, offset, code, offset, ...).
Frames = tuple[Any, ...]
_KEPT_FRAMES = 4
_PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep
_DEMO = os.path.join(_PACKAGE, "demo", "")  # a user's program that comes with the library
_FUNCTOOLS = wraps.__code__.co_filename  # it stands between the library and itself: cached properties, dispatch
_VIZ = os.path.join("", "graph_engine_viz", "")
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
        return tuple(_source_line(code, offset) for code, offset in self._places())

    def name(self, output_index: int = 0) -> str | None:
        """Return the name that the user's program assigns, or None."""
        if self.inner:
            return None
        for code, offset in self._places():
            names = assigned_names(code).get(offset)
            if names != RETURNED:  # a returned value takes the name that the caller gives it
                return names[output_index] if names and output_index < len(names) else None
        return None

    def as_inner(self) -> Source:
        """Return the same lines, for operations whose results those lines do not name."""
        return self._replace(inner=True)

    def _places(self) -> Iterator[tuple[CodeType, int]]:
        return zip(self.frames[::2], self.frames[1::2], strict=True)


def capture(inner: bool = False) -> Source:
    """Keep the frames of the user's program that lead to the function that calls this one."""
    frame = sys._getframe(2)
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
        file = code.co_filename
        ours = file.startswith(_PACKAGE) and not file.startswith(_DEMO)
        known = _is_internal[code] = ours or file == _FUNCTOOLS
    return known


def warn(message: str, category: type[Warning]) -> None:
    """Warn at the user's own line, however deep in the library something was noticed."""
    frame, depth = sys._getframe(1), 2
    while frame.f_back is not None and (is_internal(frame.f_code) or _VIZ in frame.f_code.co_filename):
        frame, depth = frame.f_back, depth + 1
    warnings.warn(message, category, stacklevel=depth)


def composite(function: Callable[P, R]) -> Callable[P, R]:
    """Let the name that the user assigns go to what the function returns, not to its inner operations.

    Examples
    --------
    >>> import graph_engine as ge
    >>> @ge.composite
    ... def norm(x):
    ...     squared = x * x
    ...     return ge.sqrt(squared)
    >>> y = norm(ge.input("x"))
    >>> y.name
    'y'
    """

    @wraps(function)
    def call_composite(*args: P.args, **kwargs: P.kwargs) -> R:
        result = function(*args, **kwargs)
        # asked by name, as variables are defined above this file
        claim = getattr(result, "_take_assigned_name", None)
        if claim is not None and not any(result is value for value in args):  # what came in has its name already
            claim(capture())
        return result

    return call_composite


# One code object for all functions that are wrapped: `capture` knows it when it passes.
_COMPOSITE_CODE: CodeType = getattr(composite(is_internal), "__code__")  # noqa: B009 - no attribute of a Callable


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
