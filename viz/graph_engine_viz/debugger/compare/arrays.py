"""The two runs that are compared, each as NumPy's arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graph_engine.node import Variable
from graph_engine_viz.debugger.held import Held

__all__ = ["Side"]

Array = np.ndarray[Any, Any]

_MOST_BYTES = 64 * 2**20
"""So much of what was fetched from a device is kept."""


class Side:
    """One of two runs: the values of the variables, as NumPy's.

    Parameters
    ----------
    find : callable
        Returns a variable's array, as the run has it.
    to_numpy : callable
        Fetches it, where it is not NumPy's.
    """

    def __init__(self, find: Callable[[Variable], Any], to_numpy: Callable[[Any], Array]) -> None:
        self._find = find
        self._to_numpy = to_numpy
        self._fetched: Held[Variable] = Held(_MOST_BYTES)

    def shape(self, variable: Variable) -> tuple[int, ...]:
        """Return a shape, for which nothing has to be fetched."""
        return tuple(map(int, np.shape(self._find(variable))))

    def value(self, variable: Variable) -> Array:
        """Return a value."""
        if variable in self._fetched:
            return self._fetched[variable]
        found = self._find(variable)
        if isinstance(found, np.ndarray):
            return found
        array = self._fetched[variable] = np.asarray(self._to_numpy(found))
        self._fetched.trim()
        return array
