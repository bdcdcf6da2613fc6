"""A mapping on top of another one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from graph_engine.node import Variable

__all__ = ["Overlay"]


class Overlay(Mapping[Variable, Any]):
    """The values of a run of which some were replaced; the run itself is not copied.

    Parameters
    ----------
    below : mapping of Variable to array
    above : dict of Variable to array
        What is looked up first.

    Attributes
    ----------
    hidden : set of Variable
        What has no value any more: the run with the replaced values did not get so far.
    fixed : set of Variable
        Whose values were put in, not computed.
    """

    def __init__(self, below: Mapping[Variable, Any], above: dict[Variable, Any]) -> None:
        self.below = below
        self.above = above
        self.hidden: set[Variable] = set()
        self.fixed: set[Variable] = set()

    @classmethod
    def on(cls, arrays: Mapping[Variable, Any], above: Mapping[Variable, Any]) -> Overlay:
        """Put values over others; of an overlay over an overlay one is made."""
        known = arrays if isinstance(arrays, Overlay) else cls(arrays, {})
        found = cls(known.below, known.above | dict(above))
        found.fixed = known.fixed | above.keys()
        return found

    def __getitem__(self, variable: Variable) -> Any:
        if variable in self.hidden:
            raise KeyError(variable)
        return self.above[variable] if variable in self.above else self.below[variable]

    def __contains__(self, variable: object) -> bool:
        return variable not in self.hidden and (variable in self.above or variable in self.below)

    def __iter__(self) -> Iterator[Variable]:
        found = (*self.below, *(variable for variable in self.above if variable not in self.below))
        return (variable for variable in found if variable not in self.hidden)

    def __len__(self) -> int:
        return sum(1 for _ in self)
