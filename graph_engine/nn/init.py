"""How parameters begin: functions of a seed that return an array, the same on every machine."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

from graph_engine.spec import as_dtype

Array = np.ndarray[Any, Any]
Seed = tuple[int, ...]
Initializer = Callable[[Seed], Array]


def seed_from(name: str, *numbers: int) -> Seed:
    """Make a seed of a name.

    >>> seed_from("fc1.weight") == seed_from("fc2.weight")
    False
    """
    return (*numbers, zlib.crc32(name.encode()))


def uniform(shape: tuple[int, ...], bound: float, dtype: Any = "float32") -> Initializer:
    """Return an initialiser with numbers between -bound and bound.

    Examples
    --------
    >>> import graph_engine as ge
    >>> begin = ge.nn.init.uniform((2, 3), 0.5)
    >>> begin((1,)).shape, bool(abs(begin((1,))).max() < 0.5)
    ((2, 3), True)
    """

    def initial(seed: Seed) -> Array:
        # The bits of a bit generator are fixed for good; those of NumPy's distributions are not.
        bits = np.random.PCG64(seed).random_raw(shape)
        fractions = (np.asarray(bits) >> np.uint64(11)) * 2.0**-53
        values: Array = ((2 * fractions - 1) * bound).astype(as_dtype(dtype))
        return values

    return initial
