"""Errors about the arguments of a public function, with the line that called it."""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from graph_engine.context import current_context
from graph_engine.errors import DeclarationError, GraphEngineError, Undeclared
from graph_engine.node import Variable
from graph_engine.source import capture

P = ParamSpec("P")
R = TypeVar("R")


def refused(message: str, cure: str = "", kind: type[GraphEngineError] = DeclarationError) -> GraphEngineError:
    """Return an error that shows the user's line."""
    return kind(message, cure).located("declared at", capture().line)


def is_whole(value: object, least: int = 0) -> bool:
    """Return whether this is an integer of at least so much; a bool is none.

    >>> is_whole(3), is_whole(3, least=4), is_whole(3.0), is_whole(True)
    (True, False, False, False)
    """
    if isinstance(value, bool):
        return False
    try:
        return operator.index(value) >= least  # type: ignore[arg-type]
    except TypeError:
        return False


def located(function: Callable[P, R]) -> Callable[P, R]:
    """Let errors about the arguments of a public function name it and show the user's line."""

    @wraps(function)
    def call_located(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except GraphEngineError as error:
            name = _shown_name(function, args)
            if error.lines:  # an operation inside was refused, and says so
                raise
            given = tuple(a for a in (*args, *kwargs.values()) if isinstance(a, Variable))
            shown = ", ".join(f"{a.name}: {a.spec}" for a in args if isinstance(a, Variable))
            wrong = refused(f"{name}({shown}): {error.message}", error.cure, type(error))
            wrong.undeclared = Undeclared(name, given, current_context().scope, capture())
            raise wrong from None
        except (TypeError, ValueError, AttributeError, IndexError) as error:
            mistake = DeclarationError(
                f"{function.__name__} cannot be called like this: {error}", f"see help(ge.{function.__name__})"
            )
            raise mistake.located("called at", capture().line) from error

    return call_located


def _shown_name(function: Callable[..., object], args: tuple[object, ...]) -> str:
    """Name a function, or the class whose private method it is."""
    name = function.__name__
    return type(args[0]).__name__ if name.startswith("_") and args else name
