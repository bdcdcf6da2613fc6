"""Random numbers that are the same on every machine: fixed bits, and arithmetic that IEEE 754 fixes.

The bits of a bit generator are fixed for good; those of NumPy's distributions are not, and logarithm and cosine may
differ in their last bit from one processor to the next. So both are summed here as series.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Seed = tuple[int, ...]
Shape = tuple[int, ...]

_LOG_2 = 0.6931471805599453


def fractions(shape: Shape, seed: Seed) -> Array:
    """Return numbers evenly distributed over [0, 1), multiples of 2**-53."""
    bits = np.random.PCG64(seed).random_raw(shape)
    return (np.asarray(bits) >> np.uint64(11)) * 2.0**-53


def normals(shape: Shape, seed: Seed) -> Array:
    """Return numbers of mean 0 and variance 1, as Box and Muller (1958) make them."""
    pairs = fractions((2, *shape), seed)
    radius = np.sqrt(-2 * logarithm(1 - pairs[0]))
    return np.asarray(radius * _cosine_of_turns(pairs[1]))


def truncated_normals(shape: Shape, seed: Seed, low: float, high: float) -> Array:
    """Return normal numbers of mean 0 and variance 1 between two bounds: even ones, of which some are rejected."""
    values = np.zeros(math.prod(shape))
    missing = np.arange(values.size)
    nearest = min(max(0.0, low), high)
    attempt = 0
    while missing.size:
        pairs = fractions((2, missing.size), (*seed, attempt))
        tried = low + (high - low) * pairs[0]
        good = logarithm(1 - pairs[1]) <= (nearest * nearest - tried * tried) / 2
        values[missing[good]] = tried[good]
        missing = missing[~good]
        attempt += 1
    return values.reshape(shape)


def logarithm(x: Array) -> Array:
    """Return the natural logarithm of positive numbers: the exponent, and a series in (m - 1) / (m + 1)."""
    mantissa, exponent = np.frexp(x)
    small = mantissa < math.sqrt(0.5)
    mantissa, exponent = np.where(small, 2 * mantissa, mantissa), np.where(small, exponent - 1, exponent)
    s = (mantissa - 1) / (mantissa + 1)
    series = np.zeros_like(s)
    for power in range(23, 0, -2):
        series = series * (s * s) + 1 / power
    return np.asarray(exponent * _LOG_2 + 2 * s * series)


def _cosine_of_turns(turns: Array) -> Array:
    """Return cos(2π t) for t from 0 to 1: minus the sine of a quarter turn at most, as its power series."""
    x = (0.25 - np.abs(turns - 0.5)) * (2 * math.pi)
    series = np.zeros_like(x)
    for power in range(23, 0, -2):
        series = series * -(x * x) + 1 / math.factorial(power)
    return np.asarray(-x * series)
