"""Formulas as runs of text that say what they are: names, values, gradients.

A program writes them in plain text (`-4`, `∂f/∂w`), a picture typesets and colours them.
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Literal, TypeAlias

from graph_engine.graph import Graph
from graph_engine.node import Operation, Variable
from graph_engine_viz.typeset import Run, parse, plain

__all__ = ["Line", "Part", "Role", "Words", "fill", "line_text", "local_factors", "operation_notes"]
__all__ += ["use_mark"]

Role = Literal["plain", "value", "gradient", "note", "index"]

LONGEST_NAME = 22


@dataclass(frozen=True)
class Part:
    """A piece of a formula; `value` and `gradient` are numbers, `note` explains, `index` names one element."""

    runs: tuple[Run, ...]
    role: Role = "plain"

    @property
    def text(self) -> str:
        """The piece in plain text."""
        return plain(self.runs)


Line: TypeAlias = tuple[Part, ...]


def part(text: str, role: Role = "plain") -> Part:
    """Make a piece of upright text."""
    return Part((Run(text),), role)


def line_text(line: Iterable[Part]) -> str:
    """Write a formula in plain text.

    Examples
    --------
    >>> line_text([part("w = "), part("-2", "value")])
    'w = -2'
    """
    return "".join(piece.text for piece in line)


class Words:
    """How the variables of a graph are called in pictures.

    Parameters
    ----------
    graph : Graph
        It numbers repeats, so names are its own.
    longest : int
        Longer names are cut in formulas; a name's end tells more than its beginning.
    inside : tuple of str
        The scopes around all of it.
    """

    def __init__(self, graph: Graph, longest: int = LONGEST_NAME, inside: tuple[str, ...] = ()) -> None:
        self.graph = graph
        self.longest = longest
        self.inside = inside

    def name(self, variable: Variable, scope: tuple[str, ...] = (), longest: int | None = None) -> tuple[Run, ...]:
        """Typeset a variable's name, without the scopes that stand around it anyway."""
        if variable.tex:
            return tuple(parse(variable.tex, tex=True))
        name = _without(self.graph.name_of(variable), scope)
        if self.inside:
            name = _without(name, self.inside)
        return tuple(parse(_shorter(name, self.longest if longest is None else longest)))

    def short_name(self, variable: Variable) -> tuple[Run, ...]:
        """Typeset a name for formulas: without its scopes, except the last where parameters share a name."""
        scope = variable.scope
        if variable.kind == "parameter" and self._shared[variable.name.rpartition(".")[2]] > 1:
            scope = scope[:-1]
        return self.name(variable, scope)

    @cached_property
    def _shared(self) -> Counter[str]:
        return Counter(parameter.name.rpartition(".")[2] for parameter in self.graph.parameters)

    def slope(self, of: Variable, by: Variable, use: str = "") -> tuple[Run, ...]:
        """Typeset a derivative: ∂f/∂w; by one use of a variable: ∂f/∂w①."""
        marked = (Run(use),) if use else ()
        return (Run("∂"), *_as_one(self.short_name(of)), Run("/∂"), *_as_one(self.short_name(by)), *marked)


def _without(name: str, scope: tuple[str, ...]) -> str:
    """Leave out the scopes at the beginning of a name, as many of them as are there."""
    for depth in range(len(scope), 0, -1):
        prefix = ".".join(scope[:depth]) + "."
        if name.startswith(prefix) and len(name) > len(prefix):
            return name[len(prefix) :]
    return name


def _as_one(runs: tuple[Run, ...]) -> tuple[Run, ...]:
    """Put brackets around a name that is a derivative itself, or a product: ∂(w₁x₁)."""
    several = any(a.shift and not b.shift for a, b in pairwise(runs)) and not runs[0].text.startswith("(")
    return (Run("("), *runs, Run(")")) if several or runs[0].text.startswith("∂") else runs


def _shorter(name: str, longest: int) -> str:
    return name if len(name) <= longest else "…" + name[len(name) - longest + 1 :]


def is_bare_number(variable: Variable) -> bool:
    """Say whether it is a constant number without a name, like the 2 in ``2 * x``: it is called what it is."""
    data = variable.data
    return variable.kind == "constant" and not variable.has_given_name and data is not None and data.size == 1


def local_factors(operation: Operation) -> tuple[str | None, ...]:
    """Return the local derivative that is drawn at each input; a faulty primitive draws none."""
    try:
        found = tuple(operation.primitive.local_derivatives(operation))
    except Exception:  # a picture must not fail where the computation did not
        found = ()
    return found if len(found) == len(operation.inputs) else (None,) * len(operation.inputs)


FLOOR = re.compile(r"⌊(.*?)⌋")  # few fonts have these brackets


def operation_notes(operation: Operation) -> list[str]:
    """Return what a picture says about an operation besides its symbol; a faulty primitive says nothing."""
    try:
        return [FLOOR.sub(r"floor(\1)", str(note)) for note in operation.primitive.notes(operation)]
    except Exception:  # a picture must not fail where the computation did not
        return []


def use_mark(operation: Operation, position: int) -> str:
    """Tell the uses of a variable apart that one operation uses several times.

    Examples
    --------
    >>> import graph_engine as ge
    >>> x, y = ge.input("x"), ge.input("y")
    >>> [use_mark((x * x).operation, position) for position in (0, 1)]
    ['①', '②']
    >>> use_mark((x * y).operation, 0)
    ''
    """
    uses = [place for place, variable in enumerate(operation.inputs) if variable is operation.inputs[position]]
    number = uses.index(position) + 1
    if len(uses) == 1:
        return ""
    return chr(ord("①") + number - 1) if number <= 9 else f"({number})"  # fonts have few such signs


PLACEHOLDER = re.compile(r"\{(\w+)\}")
POWER = re.compile(r"\s*\*\*\s*(\d+)|\s*\*\*\s*|\s\*\s")


def fill(formula: str, operation: Operation, show: Callable[[Variable | None], Line], upstream: Line = ()) -> Line:
    """Put something in the place of each placeholder of a primitive's formula.

    Parameters
    ----------
    formula : str
        With the names of inputs, or their numbers, of attributes, `y` for the result and `d` for what comes from above.
    operation : Operation
    show : callable
        What stands for a variable.
    upstream : Line
        What stands for `d`.
    """
    places = _placeholders(operation)
    for name in operation.primitive.input_names[len(operation.inputs) :]:  # an input that may be left out
        formula = re.sub(r"(\s*\+\s*|,\s*)?\{" + name + r"\}", "", formula)
    pieces: list[Part] = []
    texts = PLACEHOLDER.split(formula)
    for number, text in enumerate(texts):
        if number % 2 == 0:
            pieces += _literal(text)
        elif text == "d" and upstream:
            pieces += upstream
        elif text in places:
            shown = show(places[text])
            pieces += _wrapped(shown, texts[number - 1], texts[number + 1])
        else:
            pieces.append(part(_attribute(operation, text)))
    return tuple(pieces)


def _placeholders(operation: Operation) -> dict[str, Variable]:
    names = operation.primitive.input_names
    places = dict(zip(names, operation.inputs, strict=False))
    places |= {str(number): variable for number, variable in enumerate(operation.inputs)}
    if operation.outputs:
        places.setdefault("y", operation.outputs[0])
    return places


def _attribute(operation: Operation, name: str) -> str:
    primitive = operation.primitive
    known = {field.name for field in dataclasses.fields(primitive)}
    return str(getattr(primitive, name)) if name in known else "{" + name + "}"


def _literal(text: str) -> list[Part]:
    """Write ``*`` as ×, ``** 2`` as a superscript."""
    pieces: list[Part] = []
    place = 0
    for match in POWER.finditer(text):
        pieces.append(part(text[place : match.start()]))
        if match[1]:
            pieces.append(Part((Run(match[1], "normal", 1),)))
        else:
            pieces.append(part("^" if "**" in match[0] else " × "))
        place = match.end()
    pieces.append(part(text[place:]))
    return [piece for piece in pieces if piece.text]


def _wrapped(shown: Line, before: str, after: str) -> Line:
    """Put a negative number in brackets where a sign before it or a power after it would mislead."""
    negative = line_text(shown).startswith("-")
    if negative and (before.rstrip()[-1:] in tuple("+-−*×/÷@^") and before.strip() or after.lstrip().startswith("**")):
        return (part("("), *shown, part(")"))
    return shown
