"""The calls that a page may make of a session: nothing else can be called."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from graph_engine.errors import DeclarationError, LookupFailed
from graph_engine.node import Variable
from graph_engine_viz.debugger.session import Session

__all__ = ["CALLS", "perform"]

LONGEST = 200_000
_ELEMENT = re.compile(r"\[\s*(?P<index>-?\d{1,18}(?:\s*,\s*-?\d{1,18})*)\s*\]\s*=(?P<value>.+)", re.DOTALL)
_EDIT = "write a number for all elements, a list of lists, or one element: [0, 3] = 1.5"

Checked = Callable[[Any], Any]


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise DeclarationError(f"a whole number is needed, not {value!r}")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > LONGEST:
        raise DeclarationError(f"a text is needed, not {str(value)[:40]!r}")
    return value.strip()


def _optional(value: Any) -> str | None:
    return None if value is None or value == "" else _text(value)


def _optional_whole(value: Any) -> int | None:
    return None if value is None else _whole(value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise DeclarationError(f"true or false is needed, not {value!r}")
    return value


def _scope(value: Any) -> tuple[str, ...]:
    return tuple(_text(value).split("."))


def _edit(session: Session, name: str, text: str, run: int | None = None) -> Any:
    if run is not None and run != session.run_number:
        cure = "look at the value again, and edit it then"
        raise DeclarationError(f"this was to change run {run}, but run {session.run_number} is looked at by now", cure)
    return session.set_value(name, _new_value(session, session.trace.graph[name], text))


def _open(session: Session, scope: tuple[str, ...]) -> Any:
    return session.open(scope)


def _close(session: Session, scope: tuple[str, ...]) -> Any:
    return session.close(scope)


def _travel(session: Session, step: int) -> Any:
    return session.go(step, unfold=False)


CALLS: Mapping[str, tuple[Callable[..., Any], tuple[Checked, ...]]] = {
    "step": (Session.step, ()),
    "step_back": (Session.step_back, ()),
    "into": (Session.into, ()),
    "out": (Session.out, ()),
    "continue_": (Session.continue_, ()),
    "reverse_continue": (Session.reverse_continue, ()),
    "restart": (Session.restart, ()),
    "end": (Session.end, ()),
    "go": (Session.go, (_whole,)),
    "travel": (_travel, (_whole,)),
    "run_to": (Session.run_to, (_text, _optional)),
    "break_at": (Session.break_at, (_text, _optional)),
    "watch": (Session.watch, (_text, _optional)),
    "delete": (Session.delete, (_whole,)),
    "enable": (Session.enable, (_whole, _flag)),
    "set_value": (_edit, (_text, _text, _optional_whole)),
    "use_run": (Session.use_run, (_whole,)),
    "open": (_open, (_scope,)),
    "close": (_close, (_scope,)),
}
"""What a page may call, and how its arguments are checked; arguments that may be left out come last."""


def perform(session: Session, name: str, arguments: list[Any]) -> Any:
    """Perform one call of the table.

    Raises
    ------
    LookupFailed
        Where there is no such call.
    DeclarationError
        Where the arguments do not fit.
    """
    if name not in CALLS:
        raise LookupFailed(f"there is no call {str(name)[:40]!r}", f"calls are {', '.join(CALLS)}")
    function, checks = CALLS[name]
    required = sum(check not in (_optional, _optional_whole) for check in checks)
    if not required <= len(arguments) <= len(checks):
        raise DeclarationError(f"{name} takes {len(checks)} arguments, not {len(arguments)}")
    return function(session, *[check(value) for check, value in zip(checks, arguments, strict=False)])


def _new_value(session: Session, variable: Variable, text: str) -> Any:
    """Read what somebody typed as a variable's new value."""
    if variable not in session.trace.arrays:
        return _number(text)
    old = session.trace.value(variable)
    element = _ELEMENT.fullmatch(text)
    if element is None:
        new = _in_dtype(np.asarray(_number(text)), old.dtype)
        return np.broadcast_to(new, old.shape) if not new.ndim else new
    index = tuple(int(part) for part in element["index"].split(","))
    if len(index) != old.ndim or not all(-n <= i < n for i, n in zip(index, old.shape, strict=True)):
        raise DeclarationError(f"there is no element {list(index)} in a value of shape {old.shape}", _EDIT)
    new = np.asarray(_number(element["value"]))
    if new.ndim:
        raise DeclarationError("one element takes one number", _EDIT)
    old[index] = _in_dtype(new, old.dtype)
    return old


def _in_dtype(new: np.ndarray[Any, Any], dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """Return numbers in a variable's dtype, if it holds them; what does not fit otherwise is refused later."""
    if dtype.kind != "f" or new.dtype.kind not in "fiu":
        return new
    with np.errstate(all="ignore"):
        held = new.astype(dtype)
    lost = (np.isfinite(new) & ~np.isfinite(held)) | ((new != 0) & (held == 0))
    if lost.any():
        kind = np.finfo(dtype)
        cure = f"it holds {float(kind.smallest_subnormal):.2g} to {float(kind.max):.4g}; an infinity is written inf"
        raise DeclarationError(f"{new[lost].flat[0]} is too large or too small for {dtype}", cure)
    return held


def _number(text: str) -> Any:
    """Read a number or nested lists of numbers; `nan` and `inf` are numbers."""
    known = re.sub(r"(?i)\b(nan)\b", "NaN", re.sub(r"(?i)\binf(inity)?\b", "Infinity", text.strip()))
    try:
        value = json.loads(known)
        array = np.asarray(value)
    except (ValueError, RecursionError):
        raise DeclarationError(f"{text[:60]!r} is no number and no list of numbers", _EDIT) from None
    if array.dtype.kind not in "fiub":
        raise DeclarationError(f"{text[:60]!r} is no number and no list of numbers", _EDIT)
    if array.dtype.kind == "f" and np.isinf(array).any() and "Infinity" not in known:
        raise DeclarationError(f"{text[:60]!r} is too large for a number", "an infinity is written inf")
    return value
