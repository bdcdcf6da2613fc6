"""The places at which a session can stand: a step, one primitive of a step's rule, or a folded scope as a whole.

What is open decides: a folded scope is passed in one go, an opened one operation by operation; a backward rule that is
opened is passed primitive by primitive. Going forward and back over the same places changes nothing that is open.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Sequence
from itertools import groupby
from typing import NamedTuple

from graph_engine.trace import Step
from graph_engine_viz.debugger.meaning import Scope, scope_of

__all__ = ["Place", "Places"]


class Place(NamedTuple):
    """Where a session stands.

    Attributes
    ----------
    last : int
        Everything up to this step has been done.
    substep : int or None
        Of it, only the primitives up to this one.
    first : int
        The step that the place begins with: another one for a folded scope.
    scope : tuple of str or None
        The folded scope that it is.
    """

    last: int
    substep: int | None = None
    first: int = -1
    scope: Scope | None = None


class Places(Sequence[Place]):
    """All places of a run in order, for what is open.

    Parameters
    ----------
    steps : sequence of Step
    opened : collection of scope
        A scope is open where all around it are, too.
    rules : collection of int
        The steps whose primitives are passed one by one.
    """

    def __init__(self, steps: Sequence[Step], opened: Collection[Scope], rules: Collection[int]) -> None:
        self._places: list[Place] = []
        folded: dict[Scope, Scope | None] = {}

        def fold(step: Step) -> tuple[Scope | None, str]:
            around = scope_of(step)
            if around not in folded:
                folded[around] = _folded(around, opened)
            return folded[around], step.phase

        for (scope, _), members in groupby(steps, key=fold):
            if scope is None:
                for step in members:
                    self._add(step, rules)
            else:
                passed = [step.index for step in members]
                self._places.append(Place(passed[-1], None, passed[0], scope))
        self._ends = [place.last for place in self._places]

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: int) -> Place:  # type: ignore[override]
        return self._places[index]

    def find(self, step: int, substep: int | None = None) -> int:
        """Return the number of the place that a step, or a primitive of it, belongs to."""
        number = bisect_left(self._ends, step)
        while self._places[number].substep is not None and self._places[number].substep != substep:
            if number + 1 == len(self._places) or self._places[number + 1].last != step:
                break  # without a substep: the last one, with which the step is done
            number += 1
        return number

    def _add(self, step: Step, rules: Collection[int]) -> None:
        if step.index not in rules:
            self._places.append(Place(step.index, None, step.index))
            return
        self._places += [Place(step.index, substep, step.index) for substep in range(len(step.substeps))]


def _folded(scope: Scope, opened: Collection[Scope]) -> Scope | None:
    """Return the outermost scope around something that is not open."""
    return next((scope[:depth] for depth in range(1, len(scope) + 1) if scope[:depth] not in opened), None)
