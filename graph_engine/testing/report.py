"""What came of the checks: a report of failures."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from graph_engine.errors import UnusedVariableWarning


class ConformanceError(AssertionError):
    """Something does not do what it must; the message is the report."""


class Disagreement(Exception):
    """What one check found wrong."""


class Inapplicable(Exception):
    """A check does not apply; with a reason where a reader would expect that it does."""


@dataclass(frozen=True)
class Failure:
    """One thing that is wrong.

    Attributes
    ----------
    check : str
        The check that found it.
    subject : str
        The primitive with its attributes, or the backend.
    sample : str
        Which of its samples, in which dtype; empty where it is about none.
    backend : str
        Where it ran; empty where that does not matter.
    message : str
        What was expected, and what came.
    """

    check: str
    subject: str
    sample: str
    backend: str
    message: str

    def __str__(self) -> str:
        where = f" on {self.backend}" if self.backend else ""
        sample = f", {self.sample}" if self.sample else ""
        return f"{self.subject}{sample}{where}: {self.check}: {self.message}"


@dataclass
class Report:
    """What was checked, and what was wrong.

    Attributes
    ----------
    failures : list of Failure
    done : Counter of str
        How often each check was made.
    notes : list of str
        What could not be checked, and why.
    """

    failures: list[Failure] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing was wrong, and something was checked."""
        return not self.failures and bool(self.done)

    def raise_if_failed(self) -> None:
        """Raise `ConformanceError` with the whole report where anything was wrong."""
        if not self.ok:
            raise ConformanceError(str(self))

    def __str__(self) -> str:
        done = ", ".join(f"{name} {count}" for name, count in self.done.items()) or "nothing"
        count = "1 failure" if len(self.failures) == 1 else f"{len(self.failures)} failures"
        lines = [f"{count} in {self.done.total()} checks ({done})"]
        lines += [f"  {failure}" for failure in self.failures] + [f"  note: {note}" for note in self.notes]
        return "\n".join(lines)

    def attempt(
        self, check: str, act: Callable[..., object], *given: Any, subject: object, sample: str = "", backend: str = ""
    ) -> bool:
        """Make one check and keep what came of it; return whether nothing was wrong."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UnusedVariableWarning)  # samples of size 0 and constant gradients
                warnings.simplefilter("ignore", RuntimeWarning)  # NumPy's, on means of nothing
                act(*given)
        except Inapplicable as error:
            note = f"{subject}: {check}: {error}"
            if error.args and note not in self.notes:
                self.notes.append(note)
            return True
        except Exception as error:
            problem = str(error) if isinstance(error, Disagreement) else f"{type(error).__name__}: {error}"
            self.failures.append(Failure(check, str(subject), sample, backend, problem))
            self.done[check] += 1
            return False
        self.done[check] += 1
        return True
