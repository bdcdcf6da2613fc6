"""How parameters begin: functions of a seed that return an array, the same on every machine.

A *recipe* such as `kaiming_normal(nonlinearity="relu")` knows no shape; `layer.initialize(recipe)` hands it to a layer
or a whole network. A recipe called with a shape is an *initialiser*, which `add_parameter` takes.
"""

from __future__ import annotations

import zlib
from typing import Any

from graph_engine.nn.init.numbers import Array, Seed
from graph_engine.nn.init.recipes import (
    Initializer,
    Recipe,
    calculate_gain,
    constant,
    kaiming_normal,
    kaiming_uniform,
    lecun_normal,
    lecun_uniform,
    normal,
    ones,
    orthogonal,
    trunc_normal,
    uniform,
    xavier_normal,
    xavier_uniform,
    zeros,
)
from graph_engine.operands import as_data

__all__ = [
    "Array", "Initializer", "Recipe", "Seed", "calculate_gain", "constant", "kaiming_normal", "kaiming_uniform",
    "lecun_normal", "lecun_uniform", "normal", "ones", "orthogonal", "replaced", "seed_from", "trunc_normal", "uniform",
    "xavier_normal", "xavier_uniform", "zeros",
]  # fmt: skip


def seed_from(name: str, *numbers: int) -> Seed:
    """Make a seed of a name.

    >>> seed_from("fc1.weight") == seed_from("fc2.weight")
    False
    """
    return (*numbers, zlib.crc32(name.encode()))


def replaced(initial: Initializer | Any, recipe: Recipe, least_ndim: int = 0) -> Initializer:
    """Let a recipe stand in the place of an initial value, whose shape and dtype it takes.

    Parameters
    ----------
    initial : array_like or Initializer
    recipe : Recipe
    least_ndim : int
        With fewer dimensions it begins as it was to.
    """

    def begin(seed: Seed) -> Array:
        before = as_data(initial(seed) if callable(initial) else initial)
        return before if before.ndim < least_ndim else recipe(before.shape, before.dtype)(seed)

    return begin
