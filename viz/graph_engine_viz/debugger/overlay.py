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
    above : mapping of Variable to array
        What is looked up first.
    """

    def __init__(self, below: Mapping[Variable, Any], above: Mapping[Variable, Any]) -> None:
        self.below = below
        self.above = above

    def __getitem__(self, variable: Variable) -> Any:
        return self.above[variable] if variable in self.above else self.below[variable]

    def __contains__(self, variable: object) -> bool:
        return variable in self.above or variable in self.below

    def __iter__(self) -> Iterator[Variable]:
        yield from self.below
        yield from (variable for variable in self.above if variable not in self.below)

    def __len__(self) -> int:
        return sum(1 for _ in self)
