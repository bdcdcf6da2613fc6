"""Random bits in place, in blocks that stay in the processor's cache; single keys in Python's integers.

The function is that of `graph_engine.primitives.random.threefry`, and the bits are the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

Kernel = Callable[..., Any]
_BLOCK = 32768  # counters
_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY, _WORD = 0x1BD11BDA, 0xFFFFFFFF
_FOLDS = 2


def random_bits(primitive: Any) -> Kernel:
    """Return the kernel of `random_bits`."""
    shape, stream = primitive.shape, primitive.stream

    def run(key: Any) -> Any:
        result = np.empty(shape, np.uint32)
        flat = result.reshape(-1)
        for first, second, part in _blocks(key, flat, stream):
            part[0::2] = first
            part[1::2] = second[: len(part) // 2]
        return result

    return run


def random_mask(primitive: Any) -> Kernel:
    """Return the kernel of `random_mask`."""
    shape, threshold = primitive.shape, math.ceil(primitive.p * 2**32)

    def run(key: Any) -> Any:
        if threshold > _WORD:
            return np.zeros(shape, np.bool)
        result = np.empty(shape, np.bool)
        for first, second, part in _blocks(key, result.reshape(-1), 0):
            np.greater_equal(first, threshold, part[0::2])
            np.greater_equal(second[: len(part) // 2], threshold, part[1::2])
        return result

    return run


def fold_in(primitive: Any) -> Kernel:
    """Return the kernel of `fold_in`."""

    def run(key: Any, number: Any) -> Any:
        fresh = _one_pair(key.tolist(), 0, _FOLDS)
        value = int(number) & 0xFFFFFFFFFFFFFFFF
        return np.array(_one_pair(fresh, value & _WORD, value >> 32), np.uint32)

    return run


def _blocks(key: Any, flat: Any, stream: int) -> Iterator[tuple[Any, Any, Any]]:
    """Give the two words of some counters, and the part of the result that takes them in turns."""
    for start in range(0, (len(flat) + 1) // 2, _BLOCK):
        part = flat[2 * start : 2 * (start + _BLOCK)]
        first = np.arange(start, start + (len(part) + 1) // 2, dtype=np.uint32)
        second = np.full_like(first, stream)
        _encrypt(key, first, second)
        yield first, second, part


def _schedule(key: Any) -> Iterator[tuple[tuple[int, ...], int, int]]:
    """Give, for each block of four rounds, how far to rotate, and what to add to the two words then."""
    words = (*key, key[0] ^ key[1] ^ _PARITY)
    for block in range(5):
        after = words[(block + 1) % 3], (words[(block + 2) % 3] + block + 1) & _WORD
        yield _ROTATIONS[block % 2], *after


def _encrypt(key: Any, x0: Any, x1: Any) -> None:
    first, second = key.tolist()
    spare = np.empty_like(x0)
    np.add(x0, first, x0)
    np.add(x1, second, x1)
    for rotations, add0, add1 in _schedule((first, second)):
        for rotation in rotations:
            np.add(x0, x1, x0)
            np.left_shift(x1, rotation, spare)
            np.right_shift(x1, 32 - rotation, x1)
            np.bitwise_or(x1, spare, x1)
            np.bitwise_xor(x1, x0, x1)
        np.add(x0, add0, x0)
        np.add(x1, add1, x1)


def _one_pair(key: Any, x0: int, x1: int) -> list[int]:
    x0, x1 = (x0 + key[0]) & _WORD, (x1 + key[1]) & _WORD
    for rotations, add0, add1 in _schedule(key):
        for rotation in rotations:
            x0 = (x0 + x1) & _WORD
            x1 = x0 ^ ((x1 << rotation | x1 >> (32 - rotation)) & _WORD)
        x0, x1 = (x0 + add0) & _WORD, (x1 + add1) & _WORD
    return [x0, x1]


KERNELS: dict[str, Callable[[Any], Kernel]] = {
    "random_bits": random_bits,
    "random_mask": random_mask,
    "fold_in": fold_in,
}
