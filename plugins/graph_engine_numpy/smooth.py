"""Smooth functions in place, in blocks.

In float64 the error function is the generic one, block by block; in float32 it is a shorter approximation. Half
precision is left to the generic kernels.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from graph_engine.primitives.elementwise.error_function import erf_array
from graph_engine_numpy.blocks import BLOCK, stored

Kernel = Callable[..., Any]

# erf(x) / x by x², the highest power first: a rational function fitted by least squares, whose weights were moved to
# where the relative error is largest until it is the same everywhere, 1.9e-8. Beyond the end, erf is 1 in float32.
_ABOVE = (
    2.0460043548063354e-06, 2.848055554295069e-04, 3.7715068946867054e-03, 5.2765999665022864e-02,
    1.9057150141029766e-01, 1.1283791460703023e00,
)  # fmt: skip
_BELOW = (
    3.804555713690008e-05, 1.163578370591963e-03, 1.4981108511185597e-02, 1.1417320441438526e-01,
    5.022223315569222e-01, 1.0,
)  # fmt: skip
_END = 3.925


def sigmoid(primitive: Any) -> Kernel:
    """Return the kernel of `sigmoid`."""

    def block(x: Any, out: Any) -> None:
        np.divide(1, _one_and_power(x), out)

    return _in_blocks(primitive, block)


def silu(primitive: Any) -> Kernel:
    """Return the kernel of `silu`."""

    def block(x: Any, out: Any) -> None:
        np.divide(x, _one_and_power(x), out)

    return _in_blocks(primitive, block)


def erf(primitive: Any) -> Kernel:
    """Return the kernel of `erf`."""
    return _in_blocks(primitive, _erf)


def gelu(primitive: Any) -> Kernel:
    """Return the kernel of `gelu`: x/2 (1 + erf(x/√2))."""

    def block(x: Any, out: Any) -> None:
        half = np.multiply(x, 0.5)
        scaled = np.multiply(x, math.sqrt(0.5))
        _erf(scaled, scaled)
        np.add(scaled, 1, scaled)
        np.multiply(half, scaled, out)

    return _in_blocks(primitive, block)


def _in_blocks(primitive: Any, block: Callable[[Any, Any], None]) -> Kernel:
    """Return a kernel that computes block after block, into a new array or the one given."""
    generic = partial(primitive.kernel, np)

    def run(x: Any, out: Any = None) -> Any:
        if x.dtype.char not in "fd" or not x.ndim:
            return stored(generic(x), out)
        result = np.empty(x.shape, x.dtype) if out is None else out
        if x.size <= BLOCK:
            block(x, result)
            return result
        source, target = x.reshape(-1), result.reshape(-1)
        for start in range(0, x.size, BLOCK):
            part = slice(start, start + BLOCK)
            block(source[part], target[part])
        return result

    return run


def _one_and_power(x: Any) -> Any:
    """Return 1 + exp(-x)."""
    power = np.negative(x)
    np.exp(power, power)
    return np.add(power, 1, power)


def _erf(x: Any, out: Any) -> None:
    if x.dtype.char == "d":
        out[...] = erf_array(np, x)
        return
    inside = np.minimum(x, np.float32(_END))
    np.maximum(inside, np.float32(-_END), out=inside)
    squared = np.square(inside)
    above, below = _polynomial(_ABOVE, squared), _polynomial(_BELOW, squared)
    np.multiply(above, inside, above)
    np.divide(above, below, out)
    np.minimum(out, np.float32(1), out=out)
    np.maximum(out, np.float32(-1), out=out)


def _polynomial(coefficients: tuple[float, ...], x: Any) -> Any:
    total = np.multiply(x, coefficients[0])
    for coefficient in coefficients[1:-1]:
        np.add(total, coefficient, total)
        np.multiply(total, x, total)
    return np.add(total, coefficients[-1], total)


KERNELS: dict[str, Callable[[Any], Kernel]] = {"sigmoid": sigmoid, "silu": silu, "erf": erf, "gelu": gelu}
