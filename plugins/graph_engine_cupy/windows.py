"""Convolution and pooling on a GPU: strided windows, and one large product of matrices.

Written for any namespace with NumPy's names: `xp` is CuPy, in the tests NumPy. Half precision, which accumulates in
float32, is left to the generic kernels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from graph_engine.primitives.convolution.windows import bordered, uncovered

Kernel = Callable[..., Any]
_SLAB = 1 << 28  # bytes that the copied windows of a part of a batch may take


def convolution(xp: Any, primitive: Any) -> Kernel:
    """Return the kernel of `convolution`."""
    generic = partial(primitive.kernel, xp)

    def run(x: Any, weight: Any, *bias: Any) -> Any:
        if x.dtype.char not in "fd":
            return generic(x, weight, *bias)
        out, groups, size = weight.shape[0], primitive.groups, weight.shape[2:]
        counts = primitive.windows(size).counts(x.shape[2:])
        rows = weight.reshape(groups, out // groups, math.prod(weight.shape[1:]))
        result = xp.empty((len(x), out, *counts), x.dtype)
        for slab, columns in _columns(xp, primitive, x, size, counts):
            result[slab] = xp.moveaxis(xp.matmul(rows, columns).reshape(out, len(result[slab]), *counts), 0, 1)
        return _with_bias(result, bias)

    return run


def convolution_of_weight(xp: Any, primitive: Any) -> Kernel:
    """Return the kernel of `convolution_of_weight`."""
    generic = partial(primitive.kernel, xp)

    def run(x: Any, gradient: Any) -> Any:
        if x.dtype.char not in "fd":
            return generic(x, gradient)
        out, inside, groups = gradient.shape[1], x.shape[1] // primitive.groups, primitive.groups
        total = xp.zeros((groups, out // groups, inside * math.prod(primitive.size)), x.dtype)
        for slab, columns in _columns(xp, primitive, x, primitive.size, gradient.shape[2:]):
            total += xp.matmul(_by_group(xp, gradient[slab], groups), xp.swapaxes(columns, 1, 2))
        return total.reshape(out, inside, *primitive.size)

    return run


def convolution_transpose(xp: Any, primitive: Any) -> Kernel:
    """Return the kernel of `convolution_transpose`."""
    generic = partial(primitive.kernel, xp)

    def run(x: Any, weight: Any, *bias: Any) -> Any:
        if x.dtype.char not in "fd":
            return generic(x, weight, *bias)
        counts, groups, size = x.shape[2:], primitive.groups, weight.shape[2:]
        channels = weight.shape[1] * groups
        rows = weight.reshape(groups, len(weight) // groups, math.prod(weight.shape[1:]))
        products = xp.matmul(xp.swapaxes(rows, 1, 2), _by_group(xp, x, groups))
        columns = products.reshape(channels, *size, len(x), *counts)
        padded = [n + low + high for n, (low, high) in zip(primitive.size, primitive.padding, strict=True)]
        spread = xp.zeros((channels, len(x), *padded), x.dtype)
        for place, parts in primitive.windows(size).places(counts):
            spread[(..., *parts)] += columns[(slice(None), *place)]
        inside = bordered(xp, spread, uncovered(primitive.padding))
        return _with_bias(xp.ascontiguousarray(xp.moveaxis(inside, 0, 1)), bias)

    return run


def max_pool(xp: Any, primitive: Any) -> Kernel:
    """Return the kernel of `max_pool`: the largest of slices, rows first."""
    rules, generic = primitive.rules(), partial(primitive.kernel, xp)

    def run(x: Any) -> Any:
        if x.dtype.char not in "fd" or not x.size:
            return generic(x)
        return _folded(xp, xp.maximum, x, rules, -math.inf)

    return run


def avg_pool(xp: Any, primitive: Any) -> Kernel:
    """Return the kernel of `avg_pool`: the sum of slices, rows first."""
    rules, generic = primitive.rules(), partial(primitive.kernel, xp)

    def run(x: Any) -> Any:
        if x.dtype.char not in "fd" or not x.size:
            return generic(x)
        divisor = primitive.divisor(xp, x.shape[x.ndim - len(rules) :], x.dtype)
        return _folded(xp, xp.add, x, rules, 0) / divisor

    return run


def _columns(xp: Any, primitive: Any, x: Any, size: Any, counts: Any) -> Iterator[tuple[slice, Any]]:
    """Give parts of a batch, with what lies in each window: (groups, C/groups * size of a kernel, N * windows)."""
    groups, inside = primitive.groups, x.shape[1] // primitive.groups
    step = max(_SLAB // max(x.shape[1] * math.prod(size) * math.prod(counts) * x.itemsize, 1), 1)
    for start in range(0, len(x), step):
        slab = slice(start, min(start + step, len(x)))
        image = bordered(xp, x[slab], primitive.padding)
        of_batch, of_channel, *of_place = image.strides
        within = (d * step for d, step in zip(primitive.dilation, of_place, strict=True))
        between = (s * step for s, step in zip(primitive.stride, of_place, strict=True))
        shape = (groups, inside, *size, len(image), *counts)
        strides = (inside * of_channel, of_channel, *within, of_batch, *between)
        seen = xp.lib.stride_tricks.as_strided(image, shape, strides)
        yield slab, seen.reshape(groups, inside * math.prod(size), len(image) * math.prod(counts))


def _by_group(xp: Any, x: Any, groups: int) -> Any:
    """Return (N, C, *counts) as (groups, C/groups, N * windows)."""
    inside, windows = x.shape[1] // groups, math.prod(x.shape[2:])
    return xp.moveaxis(x.reshape(len(x), groups, inside, windows), 0, 2).reshape(groups, inside, len(x) * windows)


def _with_bias(result: Any, bias: Any) -> Any:
    for offset in bias:
        result += offset.reshape(-1, *(1,) * (result.ndim - 2))
    return result


def _folded(xp: Any, function: Any, x: Any, rules: Any, border: float) -> Any:
    """Combine each window, one dimension after the other."""
    first = x.ndim - len(rules)
    sizes = x.shape[first:]
    margins = []
    for rule, n in zip(rules, sizes, strict=True):
        end = (rule.number(n) - 1) * rule.stride + rule.reach - rule.padding
        margins.append((rule.padding, max(end - n, 0)))
    if any(map(any, margins)):
        x = xp.pad(x, [(0, 0)] * first + margins, constant_values=border)
    for axis, rule in enumerate(rules, start=first):
        span = (x.shape[axis] - rule.reach) // rule.stride * rule.stride + 1
        before = (slice(None),) * axis
        parts = [x[(*before, slice(i, i + span, rule.stride))] for i in range(0, rule.reach, rule.dilation)]
        x = parts[0].copy()
        for part in parts[1:]:
            function(x, part, out=x)
    return x


KERNELS: dict[str, Callable[[Any, Any], Kernel]] = {
    "convolution": convolution,
    "convolution_of_weight": convolution_of_weight,
    "convolution_transpose": convolution_transpose,
    "max_pool": max_pool,
    "avg_pool": avg_pool,
}
