"""What is current while nodes are declared: the scope, and during differentiation the rule that is being built.

It is one immutable `Context` in a context variable; every operation keeps the one that it was declared in.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from graph_engine.errors import DeclarationError
from graph_engine.source import Source

if TYPE_CHECKING:
    from graph_engine.node import Operation, Variable

Phase = Literal["forward", "backward", "update"]


@dataclass(frozen=True, slots=True)
class Context:
    """What is current while nodes are declared.

    Attributes
    ----------
    scope : tuple of str
        The open scopes, outermost first.
    phase : {"forward", "backward", "update"}
        What the operations are for.
    owner : Operation, Variable or None
        The forward operation whose rule is being built, the variable whose gradient is being summed, or the
        parameter that is being updated.
    source : Source or None
        The line that stands for everything declared meanwhile; None: look for it.
    """

    scope: tuple[str, ...] = ()
    phase: Phase = "forward"
    owner: Operation | Variable | None = None
    source: Source | None = None


_context: ContextVar[Context] = ContextVar("graph_engine_context", default=Context())  # noqa: B039 - frozen


@contextmanager
def building(context: Context) -> Iterator[None]:
    """Declare under another context."""
    token = _context.set(context)
    try:
        yield
    finally:
        _context.reset(token)


def current_context() -> Context:
    """Return what is current."""
    return _context.get()


def check_name(name: object) -> str:
    """Return the name, if it is one."""
    if not isinstance(name, str) or not name.strip():
        raise DeclarationError(f"a name is a text that is not empty, not {name!r}")
    return name


@contextmanager
def scope(name: str) -> Iterator[None]:
    """Put what is declared inside into a named group.

    Examples
    --------
    >>> import graph_engine as ge
    >>> with ge.scope("encoder"):
    ...     W = ge.parameter("W", 1.0)
    >>> W.name
    'encoder.W'
    """
    current = _context.get()
    with building(dataclasses.replace(current, scope=(*current.scope, check_name(name)))):
        yield
