"""Convolutions by NumPy: windows are copied into a matrix (im2col), and one product of matrices does the rest.

The batch is taken in slabs whose matrix stays in the processor's cache. Half precision, which accumulates in float32,
is left to the generic kernels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from graph_engine.primitives.convolution.forward import Convolution
from graph_engine.primitives.convolution.windows import bordered, uncovered

Kernel = Callable[..., Any]
_SLAB = 1 << 20  # bytes


def _accumulates_itself(x: Any) -> bool:
    return x.dtype.char in "fd"


def convolution(primitive: Any) -> Kernel:
    """Return the kernel of `convolution`."""
    generic = partial(primitive.kernel, np)

    def run(x: Any, weight: Any, *bias: Any) -> Any:
        if not _accumulates_itself(x):
            return generic(x, weight, *bias)
        out, groups, size = weight.shape[0], primitive.groups, weight.shape[2:]
        counts = primitive.windows(size).counts(x.shape[2:])
        rows = weight.reshape(groups, out // groups, math.prod(weight.shape[1:]))
        result = np.empty((len(x), out, *counts), x.dtype)
        for slab, image in _slabs(primitive, x, size, counts):
            product = np.matmul(rows, _columns(primitive, image, size, counts))
            np.copyto(result[slab], np.moveaxis(product.reshape(out, len(image), *counts), 1, 0))
        return _with_bias(result, bias)

    return run


def convolution_transpose(primitive: Any) -> Kernel:
    """Return the kernel of `convolution_transpose`."""
    generic = partial(primitive.kernel, np)

    def run(x: Any, weight: Any, *bias: Any) -> Any:
        if not _accumulates_itself(x):
            return generic(x, weight, *bias)
        counts, inside, groups, size = x.shape[2:], weight.shape[1], primitive.groups, weight.shape[2:]
        if set(primitive.stride) == {1} and len(weight) <= groups * inside:
            return convolution(_mirrored(primitive, x, size))(x, _mirrored_weight(weight, groups), *bias)
        padded = [n + low + high for n, (low, high) in zip(primitive.size, primitive.padding, strict=True)]
        places = list(primitive.windows(size).places(counts))
        rows = weight.reshape(groups, len(weight) // groups, math.prod(weight.shape[1:])).swapaxes(1, 2)
        result = np.empty((len(x), groups * inside, *primitive.size), x.dtype)
        for slab in _parts(len(x), groups * inside * math.prod(size) * math.prod(counts) * x.itemsize):
            images = x[slab]
            product = _product(rows, _by_group(images, groups))
            columns = product.reshape(groups * inside, *size, len(images), *counts)
            spread = np.zeros((groups * inside, len(images), *padded), x.dtype)
            for place, parts in places:
                target = spread[(..., *parts)]
                np.add(target, columns[(slice(None), *place)], target)
            np.copyto(result[slab], np.moveaxis(bordered(np, spread, uncovered(primitive.padding)), 1, 0))
        return _with_bias(result, bias)

    return run


def convolution_of_weight(primitive: Any) -> Kernel:
    """Return the kernel of `convolution_of_weight`."""
    generic = partial(primitive.kernel, np)

    def run(x: Any, gradient: Any) -> Any:
        if not _accumulates_itself(x):
            return generic(x, gradient)
        out, inside, groups, size = gradient.shape[1], x.shape[1] // primitive.groups, primitive.groups, primitive.size
        result = np.zeros((out, inside, *size), x.dtype)
        total = result.reshape(groups, out // groups, inside * math.prod(size))
        for slab, image in _slabs(primitive, x, size, gradient.shape[2:]):
            columns = _columns(primitive, image, size, gradient.shape[2:])
            total += np.matmul(_by_group(gradient[slab], groups), np.swapaxes(columns, 1, 2))
        return result

    return run


def _mirrored(primitive: Any, x: Any, size: Any) -> Convolution:
    """Return the convolution that does the same as a transposed one of stride 1, by the mirrored kernel."""
    pairs = []
    for n, count, k, d, (low, _) in zip(
        primitive.size, x.shape[2:], size, primitive.dilation, primitive.padding, strict=True
    ):
        reach = d * (k - 1)
        pairs.append((reach - low, n - count + low))
    return Convolution(primitive.stride, tuple(pairs), primitive.dilation, primitive.groups)


def _mirrored_weight(weight: Any, groups: int) -> Any:
    parts = weight.reshape(groups, len(weight) // groups, *weight.shape[1:]).swapaxes(1, 2)
    mirrored = parts[(..., *(slice(None, None, -1),) * (weight.ndim - 2))]
    return mirrored.reshape(groups * weight.shape[1], len(weight) // groups, *weight.shape[2:])


def _slabs(primitive: Any, x: Any, size: Any, counts: Any) -> Iterator[tuple[slice, Any]]:
    """Return parts of a batch, with their borders of zeros."""
    for slab in _parts(len(x), x.shape[1] * math.prod(size) * math.prod(counts) * x.itemsize):
        yield slab, bordered(np, x[slab], primitive.padding)


def _parts(count: int, nbytes: int) -> Iterator[slice]:
    step = max(_SLAB // max(nbytes, 1), 1)
    return (slice(start, min(start + step, count)) for start in range(0, count, step))


def _columns(primitive: Any, image: Any, size: Any, counts: Any) -> Any:
    """Return what lies in each window as a column: (groups, C/groups * elements of the kernel, N * windows)."""
    of_batch, of_channel, *of_place = image.strides
    inside = image.shape[1] // primitive.groups
    strides = (
        inside * of_channel,
        of_channel,
        *(d * step for d, step in zip(primitive.dilation, of_place, strict=True)),
        of_batch,
        *(s * step for s, step in zip(primitive.stride, of_place, strict=True)),
    )
    shape = (primitive.groups, inside, *size, len(image), *counts)
    seen = as_strided(image, shape, strides, writeable=False)
    return seen.reshape(primitive.groups, inside * math.prod(size), len(image) * math.prod(counts))


def _by_group(x: Any, groups: int) -> Any:
    """Return (N, C, *counts) as (groups, C/groups, N * windows)."""
    parts = x.reshape(len(x), groups, x.shape[1] // groups, math.prod(x.shape[2:]))
    return np.moveaxis(parts, 0, 2).reshape(groups, parts.shape[2], len(x) * parts.shape[3])


def _product(left: Any, right: Any) -> Any:
    """Multiply matrices; a column by a row (of depthwise convolutions) is no work for BLAS."""
    return np.multiply(left, right) if left.shape[-1] == 1 else np.matmul(left, right)


def _with_bias(result: Any, bias: Any) -> Any:
    for offset in bias:
        np.add(result, offset.reshape(-1, *(1,) * (result.ndim - 2)), result)
    return result


KERNELS: dict[str, Callable[[Any], Kernel]] = {
    "convolution": convolution,
    "convolution_transpose": convolution_transpose,
    "convolution_of_weight": convolution_of_weight,
}
