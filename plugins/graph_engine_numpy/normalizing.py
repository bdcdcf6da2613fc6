"""Normalisation and masked softmax, in place. Half precision is left to the generic kernels."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

Kernel = Callable[..., Any]
_sum: Any = np.add.reduce  # the functions behind np.sum and np.max: (x, axis, dtype, out, keepdims)
_max: Any = np.maximum.reduce


def batch_norm(primitive: Any) -> Kernel:
    """Return the kernel of `batch_norm`."""
    generic = partial(primitive.kernel, np)

    def run(x: Any, mean: Any, variance: Any, *affine: Any) -> Any:
        if x.dtype.char == "e":
            return generic(x, mean, variance, *affine)
        shape = (-1,) + (1,) * (x.ndim - 2)
        scale = 1 / primitive.divisor(np, variance)
        result = np.subtract(x, mean.reshape(shape))
        np.multiply(result, (scale * affine[0] if affine else scale).reshape(shape), result)
        return np.add(result, affine[1].reshape(shape), result) if len(affine) == 2 else result

    return run


def masked_softmax(primitive: Any) -> Kernel:
    """Return the kernel of `masked_softmax`."""
    generic = partial(primitive.kernel, np)

    def run(scores: Any, *mask: Any) -> Any:
        if scores.dtype.char == "e":
            return generic(scores, *mask)
        least = scores.dtype.type(-np.inf)
        result = np.where(mask[0], scores, least) if mask else scores.copy()
        top = _max(result, -1, None, None, True)
        top[top == least] = 0
        np.subtract(result, top, result)
        np.exp(result, result)
        total = _sum(result, -1, None, None, True)
        total[total == 0] = 1
        return np.divide(result, total, result)

    return run


KERNELS = {"batch_norm": batch_norm, "masked_softmax": masked_softmax}
