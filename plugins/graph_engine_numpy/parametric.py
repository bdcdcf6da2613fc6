"""Kernels with attributes that NumPy does better than the generic ones: reductions, softmax, sums at places.

Each function takes a primitive and returns what computes it. Half precision, which accumulates in float32, is left to
the generic kernels.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

Kernel = Callable[..., Any]
_sum: Any = np.add.reduce  # the functions behind np.sum and np.max: (x, axis, dtype, out, keepdims)
_max: Any = np.maximum.reduce
_LARGE = 1 << 13  # elements of a matrix


def _accumulates_itself(x: Any) -> bool:
    return x.dtype.char in "fd"


def sum_over(primitive: Any) -> Kernel:
    """Return the kernel of `sum`."""
    axis, keepdims, generic = primitive.axis, primitive.keepdims, partial(primitive.kernel, np)

    def run(x: Any) -> Any:
        return _sum(x, axis, None, None, keepdims) if _accumulates_itself(x) else generic(x)

    return run


def mean_over(primitive: Any) -> Kernel:
    """Return the kernel of `mean`."""
    axis, keepdims, generic = primitive.axis, primitive.keepdims, partial(primitive.kernel, np)

    def run(x: Any) -> Any:
        if not (_accumulates_itself(x) and x.size):
            return generic(x)
        total = _sum(x, axis, None, None, keepdims)
        return total / total.dtype.type(x.size / total.size)

    return run


def sum_to(primitive: Any) -> Kernel:
    """Return the kernel of `sum_to`; the usual case is a bias, whose leading dimensions are summed over."""
    shape, generic = primitive.shape, partial(primitive.kernel, np)
    leading = [tuple(range(count)) for count in range(32)]

    def run(x: Any) -> Any:
        extra = x.ndim - len(shape)
        if x.shape[extra:] == shape and _accumulates_itself(x):
            return _sum(x, leading[extra])
        return generic(x)

    return run


def linear(primitive: Any) -> Kernel:
    """Return the kernel of `linear`; the bias is added in place.

    A small batch times a large matrix is faster as the matrix times the batch, both as they lie in memory.
    """
    generic = partial(primitive.kernel, np)

    def run(x: Any, weight: Any, *bias: Any) -> Any:
        if not _accumulates_itself(x) or x.ndim == 1:
            return generic(x, weight, *bias)
        if x.ndim == 2 and 8 < len(x) <= 32 and weight.size >= _LARGE:
            product, result = np.matmul(weight, x.T).T, np.empty((len(x), len(weight)), x.dtype)
            return np.add(product, bias[0] if bias else 0, result)
        result = np.matmul(x, weight.T)
        return np.add(result, bias[0], result) if bias else result

    return run


def split(primitive: Any) -> Kernel:
    """Return the kernel of `split`."""
    axis, ends = primitive.axis, list(accumulate(primitive.sizes, initial=0))
    slices = [slice(start, stop) for start, stop in pairwise(ends)]
    before = (slice(None),) * axis if axis >= 0 else (Ellipsis,)
    after = (slice(None),) * (-1 - axis) if axis < 0 else ()
    parts = [(*before, part, *after) for part in slices]
    return lambda x: tuple([x[part] for part in parts])


def softmax(primitive: Any) -> Kernel:
    """Return the kernel of `softmax`."""
    axis, generic = primitive.axis, partial(primitive.kernel, np)

    def run(x: Any) -> Any:
        if not _accumulates_itself(x):
            return generic(x)
        result = np.subtract(x, _max(x, axis, None, None, True))
        np.exp(result, result)
        return np.divide(result, _sum(result, axis, None, None, True), result)

    return run


def softmax_cross_entropy(primitive: Any) -> Kernel:
    """Return the kernel of `softmax_cross_entropy`; one row of scores a sample is the usual case."""
    generic = partial(primitive.kernel, np)

    def run(logits: Any, labels: Any) -> Any:
        if logits.ndim != 2 or not _accumulates_itself(logits):
            return generic(logits, labels)
        below = np.subtract(logits, _max(logits, 1, None, None, True))
        chosen = below[np.arange(len(labels)), labels]
        return np.log(_sum(np.exp(below, below), 1)) - chosen

    return run


def one_hot(primitive: Any) -> Kernel:
    """Return the kernel of `one_hot`."""
    classes, dtype = np.arange(primitive.num_classes), np.dtype(primitive.dtype)
    return lambda x: np.equal(np.expand_dims(x, -1), classes).astype(dtype)


def scatter_add(primitive: Any) -> Kernel:
    """Return the kernel of `scatter_add`; each place gets what is meant for it and nothing else, NaN included."""
    size, axis = primitive.size, primitive.axis

    def run(updates: Any, indices: Any) -> Any:
        after = axis + indices.ndim
        wide = updates.astype(np.float32) if updates.dtype.char == "e" else updates
        result = np.zeros((*updates.shape[:axis], size, *updates.shape[after:]), wide.dtype)
        np.add.at(result, (*(slice(None),) * axis, indices), wide)
        return result.astype(updates.dtype, copy=False)

    return run


def add_along_axis(primitive: Any) -> Kernel:
    """Return the kernel of `add_along_axis`; along the last dimension, NumPy adds fast at places in one flat array."""
    size, axis = primitive.size, primitive.axis

    def run(updates: Any, indices: Any) -> Any:
        wide = np.moveaxis(updates, axis, -1)
        places = np.moveaxis(indices, axis, -1).astype(np.int64, copy=False)
        dtype = np.float32 if updates.dtype.char == "e" else updates.dtype
        result = np.zeros((*wide.shape[:-1], size), dtype)
        rows = np.arange(math.prod(wide.shape[:-1])).reshape(*wide.shape[:-1], 1)
        flat = np.where(places < 0, places + size, places) + rows * size
        np.add.at(result.reshape(-1), flat.reshape(-1), wide.astype(dtype, copy=False).reshape(-1))
        return np.ascontiguousarray(np.moveaxis(result, -1, axis)).astype(updates.dtype, copy=False)

    return run
