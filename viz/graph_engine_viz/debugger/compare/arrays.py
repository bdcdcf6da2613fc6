"""Arrays that cost something to get, of which the ones used last are kept."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

import numpy as np

from graph_engine.node import Variable

__all__ = ["Recent", "Side"]

Array = np.ndarray[Any, Any]
Key = TypeVar("Key", bound=Hashable)

_MOST_BYTES = 64 * 2**20
"""So much of what was fetched from a device is kept."""


class Recent(Generic[Key]):
    """Arrays by keys; `trim` forgets the ones not used for longest, until they are few enough bytes.

    Parameters
    ----------
    most : int
        So many bytes.

    Examples
    --------
    >>> kept = Recent(16)
    >>> kept["a"] = kept["b"] = np.ones(2, "float32")
    >>> kept["c"] = kept["a"]  # used last: "a" and "c"
    >>> kept.trim()
    >>> [key in kept for key in "abc"]
    [True, False, True]
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._bytes = 0
        self._arrays: dict[Key, Array] = {}

    def __contains__(self, key: Key) -> bool:
        return key in self._arrays

    def __getitem__(self, key: Key) -> Array:
        array = self._arrays[key] = self._arrays.pop(key)
        return array

    def __setitem__(self, key: Key, array: Array) -> None:
        before = self._arrays.pop(key, None)
        self._bytes += array.nbytes - (0 if before is None else before.nbytes)
        self._arrays[key] = array

    def trim(self) -> None:
        """Forget what was not used for longest, if all is too much."""
        while self._bytes > self._most:
            self._bytes -= self._arrays.pop(next(iter(self._arrays))).nbytes


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
        self._fetched: Recent[Variable] = Recent(_MOST_BYTES)

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
