"""Pooling as NumPy does it better than the generic kernels: slices in the place of gathered copies.

Each function takes a primitive and returns what computes it. Half precision is left to the generic kernels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

Kernel = Callable[..., Any]


def _computes_itself(x: Any) -> bool:
    return bool(x.dtype.char in "fd" and x.size)


def _margins(rules: Any, sizes: tuple[int, ...]) -> list[tuple[int, int]]:
    """Return how much wider the image must be on each side for all windows to lie in it."""
    ends = [(rule.number(n) - 1) * rule.stride + rule.reach - rule.padding for rule, n in zip(rules, sizes)]
    return [(rule.padding, max(end - n, 0)) for rule, end, n in zip(rules, ends, sizes)]


def _padded(x: Any, rules: Any, value: float) -> Any:
    """Return an image in which all windows lie."""
    first = x.ndim - len(rules)
    margins = _margins(rules, x.shape[first:])
    return np.pad(x, [(0, 0)] * first + margins, constant_values=value) if any(map(any, margins)) else x


def _numbered(rules: Any, sizes: tuple[int, ...]) -> Any:
    """Return the place in the flattened image of everything in the padded one."""
    result = np.zeros((), np.int64)
    for size, (before, after) in zip(sizes, _margins(rules, sizes), strict=True):
        result = result[..., None] * size + np.arange(-before, size + after)
    return result


def _slices(x: Any, rule: Any, axis: int) -> Iterator[Any]:
    """Return, for each offset in a window, what stands there in all windows along a dimension of a padded image."""
    span = (x.shape[axis] - rule.reach) // rule.stride * rule.stride + 1
    before = (slice(None),) * axis
    for offset in range(0, rule.reach, rule.dilation):
        yield x[(*before, slice(offset, offset + span, rule.stride))]


def max_pool(primitive: Any) -> Kernel:
    """Return the kernel of `max_pool`: the largest of slices, rows first."""
    rules, generic = primitive.rules(), partial(primitive.kernel, np)

    def run(x: Any) -> Any:
        return _folded(np.maximum, _padded(x, rules, -np.inf), rules) if _computes_itself(x) else generic(x)

    return run


def max_pool_places(primitive: Any) -> Kernel:
    """Return the kernel of `max_pool_places`: from the last place in a window to the first, which stays where tied."""
    rules, generic = primitive.rules(), partial(primitive.kernel, np)

    def run(x: Any) -> Any:
        if not _computes_itself(x):
            return generic(x)
        first = x.ndim - len(rules)
        padded = _padded(x, rules, -np.inf)
        best = _folded(np.maximum, padded, rules)
        if not np.isfinite(best).all():  # padding might equal the largest; NaN does not equal itself
            return generic(x)
        parts = _all_slices(padded, rules, first)
        which = np.full(best.shape, len(parts) - 1, np.min_scalar_type(len(parts)))
        for position in range(len(parts) - 2, -1, -1):
            np.copyto(which, which.dtype.type(position), where=parts[position] == best)
        numbered = _all_slices(_numbered(rules, x.shape[first:]), rules, 0)
        corner = (0,) * len(rules)
        offsets = np.array([part[corner] - numbered[0][corner] for part in numbered])
        return np.add(offsets[which], numbered[0])

    return run


def avg_pool(primitive: Any) -> Kernel:
    """Return the kernel of `avg_pool`: the sum of slices, rows first."""
    rules, generic = primitive.rules(), partial(primitive.kernel, np)

    def run(x: Any) -> Any:
        if not _computes_itself(x):
            return generic(x)
        total = _folded(np.add, _padded(x, rules, 0), rules)
        return np.divide(total, primitive.divisor(np, x.shape[x.ndim - len(rules) :], x.dtype), total)

    return run


def avg_pool_transposed(primitive: Any) -> Kernel:
    """Return the kernel of `avg_pool_transposed`: each number added to the slices it was summed over."""
    rules, generic, sizes = primitive.rules(), partial(primitive.kernel, np), primitive.sizes

    def run(y: Any) -> Any:
        if not _computes_itself(y):
            return generic(y)
        first = y.ndim - len(rules)
        y = np.divide(y, primitive.divisor(np, sizes, y.dtype))
        margins = _margins(rules, sizes)
        for axis in range(y.ndim - 1, first - 1, -1):
            rule, size, margin = rules[axis - first], sizes[axis - first], margins[axis - first]
            y = _shared_out(y, rule, axis, size + sum(margin))
        inside = (slice(before, before + size) for (before, _), size in zip(margins, sizes, strict=True))
        return np.ascontiguousarray(y[(..., *inside)])

    return run


def _shared_out(y: Any, rule: Any, axis: int, size: int) -> Any:
    result = np.zeros((*y.shape[:axis], size, *y.shape[axis + 1 :]), y.dtype)
    for part in _slices(result, rule, axis):
        np.add(part, y, part)
    return result


def max_unpool(primitive: Any) -> Kernel:
    """Return the kernel of `max_unpool`; NumPy lets the last of repeated places stand."""
    sizes = primitive.sizes
    size = int(np.prod(sizes))

    def run(x: Any, indices: Any) -> Any:
        before = x.shape[: x.ndim - len(sizes)]
        rows = int(np.prod(before))
        result = np.zeros((rows, size), x.dtype)
        if rows:
            result[np.arange(rows)[:, None], indices.reshape(rows, -1)] = x.reshape(rows, -1)
        return result.reshape(*before, *sizes)

    return run


def last_at_place(primitive: Any) -> Kernel:
    """Return the kernel of `last_at_place`."""
    size = primitive.size

    def run(indices: Any) -> Any:
        count = indices.shape[-1]
        places = indices.reshape(-1, count).astype(np.int64, copy=False)
        rows, order = np.arange(len(places))[:, None], np.arange(count)
        last = np.empty((len(places), size), np.int64)
        last[rows, places] = order
        return (last[rows, places] == order).reshape(indices.shape)

    return run


def _folded(function: np.ufunc, padded: Any, rules: Any) -> Any:
    """Combine each window, one dimension after the other, in a new array."""
    x = padded
    for axis, rule in enumerate(rules, start=x.ndim - len(rules)):
        parts = _slices(x, rule, axis)
        x = np.array(next(parts))
        for part in parts:
            function(x, part, out=x)
    return x


def _all_slices(x: Any, rules: Any, first: int) -> list[Any]:
    """Return, for each place in a window, what stands there in all windows, in reading order."""
    parts = [x]
    for axis, rule in enumerate(rules, start=first):
        parts = [piece for part in parts for piece in _slices(part, rule, axis)]
    return parts


KERNELS: dict[str, Callable[[Any], Kernel]] = {
    "max_pool": max_pool,
    "max_pool_places": max_pool_places,
    "avg_pool": avg_pool,
    "avg_pool_transposed": avg_pool_transposed,
    "max_unpool": max_unpool,
    "last_at_place": last_at_place,
}
