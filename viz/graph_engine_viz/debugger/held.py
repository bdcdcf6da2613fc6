"""Arrays that cost something to get, of which the ones used last are held."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Generic, TypeVar

import numpy as np

__all__ = ["Held"]

Array = np.ndarray[Any, Any]
Key = TypeVar("Key", bound=Hashable)


class Held(Generic[Key]):
    """Arrays by keys; `trim` forgets the ones not used for longest, until they are few enough bytes.

    Parameters
    ----------
    most : int
        So many bytes.

    Examples
    --------
    >>> kept = Held(16)
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
