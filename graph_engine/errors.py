"""Errors that say what is wrong, where the user declared it, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from graph_engine.source import SourceLine

__all__ = [
    "BackendError", "DTypeError", "DeclarationError", "FeedError", "FileError", "GradientError", "GraphEngineError",
    "GuardError", "LookupFailed", "NameClashError", "PluginError", "PluginWarning", "RepeatedRandomnessWarning",
    "ReplayWarning", "RunError", "ShapeError", "UnusedVariableWarning",
]  # fmt: skip


class Undeclared(NamedTuple):
    """An operation that could not be declared.

    Attributes
    ----------
    name : str
        Of the primitive or function.
    inputs : tuple of Variable
        What it was to be given.
    scope : tuple of str
    source : Source
    """

    name: str
    inputs: tuple[Any, ...]
    scope: tuple[str, ...]
    source: Any


class GraphEngineError(Exception):
    """Base of every error of this library.

    Parameters
    ----------
    message : str
        What is wrong, in the user's words.
    cure : str, optional
        What to do about it.
    lines : sequence of (str, SourceLine or None), optional
        The user's own lines that matter, each with a word that says why.

    Attributes
    ----------
    trace : Trace or None
        What had been computed, where the error stopped an observed run.
    undeclared : Undeclared or None
        What could not be declared, where the error tells of that.
    """

    trace: Any = None
    undeclared: Undeclared | None = None

    def __init__(self, message: str, cure: str = "", lines: tuple[tuple[str, SourceLine | None], ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.cure = cure
        self.lines = lines

    def located(self, why: str, line: SourceLine | None) -> GraphEngineError:
        """Return this error with one more of the user's lines."""
        self.lines = (*self.lines, (why, line))
        return self

    def __str__(self) -> str:
        parts = [self.message]
        parts += [f"  {why} {line}" for why, line in self.lines if line is not None]
        if self.cure:
            parts.append(f"  {self.cure}")
        return "\n".join(parts)


class ShapeError(GraphEngineError, ValueError):
    """Shapes that do not go together."""


class DTypeError(GraphEngineError, TypeError):
    """Types of numbers that do not go together."""


class DeclarationError(GraphEngineError, TypeError):
    """A graph, or a part of one, that cannot be declared like this."""


class NameClashError(GraphEngineError, ValueError):
    """Two inputs or parameters of one name in one graph."""


class LookupFailed(GraphEngineError, KeyError):
    """A name that is not in the graph, or that several variables answer to."""


class FeedError(GraphEngineError, ValueError):
    """A feed that is missing, unknown, or of the wrong shape, kind or device."""


class GradientError(GraphEngineError, ValueError):
    """A derivative that cannot be taken, or a rule that returned something wrong."""


class GuardError(GraphEngineError, ValueError):
    """A value that a guard refuses; nothing was updated."""


class RunError(GraphEngineError, RuntimeError):
    """A run that failed in the middle; nothing was updated.

    Attributes
    ----------
    operation : Operation or None
        The operation that failed.
    """

    operation: Any = None


class BackendError(GraphEngineError, RuntimeError):
    """A backend that is not there or cannot run here."""


class PluginError(GraphEngineError, RuntimeError):
    """Plugins that contradict each other."""


class FileError(GraphEngineError, ValueError):
    """A file that is not what it says, not for this model or version, or that cannot be written."""


class PluginWarning(UserWarning):
    """A plugin that could not be loaded and is skipped."""


class UnusedVariableWarning(UserWarning):
    """A gradient with respect to something that the loss does not depend on."""


class ReplayWarning(UserWarning):
    """A value that was computed again and did not come out with the same bits."""


class RepeatedRandomnessWarning(UserWarning):
    """A training step whose random numbers are the same each time: the count that they follow from stands still."""
