"""Choices by a mask, in bits: a branch for each element costs more where the mask follows no pattern."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from graph_engine_numpy.blocks import BLOCK, stored

Kernel = Callable[..., Any]
_WORDS = {4: np.int32, 8: np.int64}  # by the size of an element
_SMALL = 2048  # elements; below, a branch costs less than more calls


def where(primitive: Any) -> Kernel:
    """Return the kernel of `where`: x2 ^ ((x1 ^ x2) & mask) on the bits."""

    def run(condition: Any, x1: Any, x2: Any, out: Any = None) -> Any:
        shape, size, word = condition.shape, condition.size, _WORDS.get(x1.itemsize)
        if size < _SMALL or word is None or not {x1.shape, x2.shape} <= {(), shape}:
            return stored(np.where(condition, x1, x2), out)
        result = np.empty(shape, x1.dtype) if out is None else out
        chosen, *values, bits = (v.reshape(-1) for v in (condition, x1, x2, result))
        for start in range(0, size, BLOCK):
            part = slice(start, start + BLOCK)
            first, second = ((v if v.size == 1 else v[part]).view(word) for v in values)
            found = np.bitwise_and(np.bitwise_xor(first, second), _filled(chosen[part], word))
            np.bitwise_xor(found, second, bits[part].view(word))
        return result

    return run


def dropout(primitive: Any) -> Kernel:
    """Return the kernel of `dropout`."""
    generic = partial(primitive.kernel, np)
    scale = 1 / (1 - primitive.p) if primitive.p < 1 else None

    def run(x: Any, mask: Any, out: Any = None) -> Any:
        if scale is None or x.dtype.char not in "fd" or x.size < _SMALL or mask.size != x.size:
            return stored(generic(x, mask), out)
        word = _WORDS[x.itemsize]
        result = np.empty(x.shape, x.dtype) if out is None else out
        source, kept, bits = (v.reshape(-1) for v in (x, mask, result))
        for start in range(0, x.size, BLOCK):
            part = slice(start, start + BLOCK)
            scaled = np.multiply(source[part], scale)
            np.bitwise_and(scaled.view(word), _filled(kept[part], word), bits[part].view(word))
        return result

    return run


def _filled(mask: Any, word: Any) -> Any:
    """Return words of ones where a mask holds, of zeros elsewhere."""
    return np.negative(mask.view(np.int8)).astype(word)


KERNELS: dict[str, Callable[[Any], Kernel]] = {"where": where, "dropout": dropout}
