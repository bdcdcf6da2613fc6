"""What `why` answers: objects to work with, which read as sentences."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from graph_engine.node import Operation, Variable
from graph_engine.source import SourceLine
from graph_engine_viz.debugger.origins.reading import Element
from graph_engine_viz.summary import short

__all__ = ["MOST_FINDINGS", "Answer", "Cause", "Factor", "Finding", "found_at", "passed", "words"]

MOST_PASSED = 12

MOST_FINDINGS = 5
"""More are not told at once."""


class Cause(NamedTuple):
    """Why something is as it is, and what helps."""

    text: str
    cure: str = ""


@dataclass(frozen=True)
class Finding:
    """One place that explains what was asked.

    Attributes
    ----------
    what : str
        What is found there, in words: `NaN`, `Inf`, `NaN and Inf`, `zero`, `a vanishing gradient`,
        `an exploding gradient`, `nothing but rounding`, `a change of zero`, `the failure`.
    operation : Operation or None
        Where it arose; None where it was there from the beginning.
    variable : Variable
        What it arose in.
    phase : str
        `forward`, `backward` or `update`; `given` for what was fed, kept or declared.
    line : SourceLine or None
        The user's line; in the backward pass, that of the forward operation.
    where : str
        The place in words.
    cause : Cause
        Why, and what helps: `.text` and `.cure`.
    elements : tuple of Element
        The first of the elements concerned, with what they were computed from.
    count, size : int
        How many elements are concerned, of how many.
    path : tuple of str
        What it went through from here to what was asked about.
    """

    what: str
    operation: Operation | None
    variable: Variable
    phase: str
    line: SourceLine | None
    where: str
    cause: Cause
    elements: tuple[Element, ...] = ()
    count: int = 0
    size: int = 0
    path: tuple[str, ...] = field(default=(), repr=False)

    def __str__(self) -> str:
        lines = [f"{self.what} {'arose ' if self.operation is not None else ''}{self.where}"]
        if self.line is not None:
            lines.append(f"  {self.line}")
        if self.count:
            lines.append(f"  in {self.count:,} of {self.size:,} elements" if self.size > 1 else "")
        lines += [f"  {_element(element)}" for element in self.elements]
        lines += [f"  cause: {self.cause.text}", f"  cure: {self.cause.cure}" if self.cause.cure else ""]
        if len(self.path) > 1:
            lines.append(f"  from there: {_path(self.path)}")
        return "\n".join(line for line in lines if line)


@dataclass(frozen=True)
class Factor:
    """What one operation contributes to a gradient's size.

    Attributes
    ----------
    operation : Operation
    name : str
    arrived, left : float
        The root mean square of the gradient that came back to it, and of the term that it handed down.
    line : SourceLine or None
    position : int
        Which of the operation's inputs it was handed to.
    """

    operation: Operation
    name: str
    arrived: float
    left: float
    line: SourceLine | None
    position: int = 0

    @property
    def factor(self) -> float:
        """By how much the gradient grew here."""
        return self.left / self.arrived if self.arrived else math.nan

    @property
    def log(self) -> float:
        """The decimal logarithm of the factor; NaN where there is none, or an infinite one."""
        return math.log10(self.factor) if 0 < self.factor < math.inf else math.nan

    def __str__(self) -> str:
        return f"× {short(self.factor, 3):>9}  RMS {short(self.left, 3):>9}  {self.name}"


@dataclass(frozen=True)
class Answer:
    """What `why` answers.

    Attributes
    ----------
    question : str
        What was asked about, and how it is.
    findings : tuple of Finding
        The first is the earliest.
    text : str
        What there is to say besides.
    factors : tuple of Factor
        Where a gradient's size was asked about: what each operation contributed, the one next to the loss first.
    """

    question: str
    findings: tuple[Finding, ...] = ()
    text: str = ""
    factors: tuple[Factor, ...] = ()

    @property
    def operation(self) -> Operation | None:
        """The operation of the first finding."""
        return self.findings[0].operation if self.findings else None

    @property
    def line(self) -> SourceLine | None:
        """The user's line of the first finding."""
        return self.findings[0].line if self.findings else None

    def __str__(self) -> str:
        return "\n".join(part for part in (self.question, self.text, *map(str, self.findings)) if part)


def found_at(
    what: str,
    operation: Operation,
    variable: Variable,
    name: str,
    cause: Cause,
    *,
    phase: str = "backward",
    elements: tuple[Element, ...] = (),
    count: int = 0,
    size: int = 0,
    path: tuple[str, ...] = (),
) -> Finding:
    """Tell of an operation that explains what was asked, where it was declared; the rest as in `Finding`.

    Parameters
    ----------
    name : str
        What the operation is called.
    """
    where, owner = words(operation, name), operation.owner
    line = owner.line if isinstance(owner, Operation) else operation.line
    return Finding(what, operation, variable, phase, line, where, cause, elements, count, size, path)


def passed(
    towards: Mapping[Variable, Variable | None], variable: Variable, name: Callable[[Variable], str]
) -> tuple[str, ...]:
    """Name what is passed on the way from a variable, step by step, to where there is no further one."""
    names, current = [name(variable)], towards.get(variable)
    while current is not None:
        names.append(name(current))
        current = towards.get(current)
    return tuple(names)


def words(operation: Operation, name: str) -> str:
    """Say where an operation is: in which pass, and of what.

    Parameters
    ----------
    operation : Operation
    name : str
        What it is called.
    """
    owner = operation.owner
    if operation.phase == "update" and isinstance(owner, Variable):
        return f"in the update of {owner.name}, at {operation.primitive.name}"
    if operation.phase == "backward" and isinstance(owner, Operation):
        return f"in the backward rule of {owner.primitive.name}, at {operation.primitive.name}"
    if operation.phase == "backward":
        return f"where gradients are added up, at {operation.primitive.name}"
    return f"at {name}" if name == operation.primitive.name else f"at {name} ({operation.primitive.name})"


def _element(element: Element) -> str:
    place = f"[{', '.join(map(str, element.index))}]: " if element.index else ""
    inputs = ", ".join(f"{name} = {short(value)}" for name, value in element.inputs)
    return f"{place}{inputs} gave {short(element.value)}" if inputs else f"{place}{short(element.value)}"


def _path(names: tuple[str, ...]) -> str:
    if len(names) > MOST_PASSED:
        half = MOST_PASSED // 2
        names = (*names[:half], f"... {len(names) - 2 * half} more ...", *names[-half:])
    return " -> ".join(names)
