"""Pooling to as many windows as are wanted. Names and arguments are PyTorch's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graph_engine.declaring import located
from graph_engine.dims import Dim
from graph_engine.errors import DeclarationError
from graph_engine.nn.pooling import as_image
from graph_engine.nn.spatial import per_dimension
from graph_engine.node import Operand, Variable
from graph_engine.primitives import mean
from graph_engine.primitives.common import as_float, as_variable
from graph_engine.primitives.pooling import AdaptiveMaxPool, AdaptiveMaxPoolPlaces
from graph_engine.primitives.resizing import Resize
from graph_engine.source import composite

Sizes = int | None | Sequence[int | None]


@composite
@located
def adaptive_avg_pool1d(input: Operand, output_size: Sizes) -> Variable:
    """Return the means of as many windows as are wanted, of signals (N, C, L); see `adaptive_avg_pool2d`."""
    return _adaptive_avg_pool(1, input, output_size)


@composite
@located
def adaptive_avg_pool2d(input: Operand, output_size: Sizes) -> Variable:
    """Return the means of as many windows as are wanted, of images; of one window: global pooling.

    Parameters
    ----------
    input : Variable or array_like
        Of shape (N, C, H, W) or (C, H, W).
    output_size : int, or pair of int or None
        Window i of `wanted` goes from floor(i H / wanted) up to ceil((i + 1) H / wanted); None is the input's size.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.nn.adaptive_avg_pool2d(ge.input("maps", ("batch", 8, 7, 7)), 1).shape
    ('batch', 8, 1, 1)
    """
    return _adaptive_avg_pool(2, input, output_size)


@composite
@located
def adaptive_avg_pool3d(input: Operand, output_size: Sizes) -> Variable:
    """Return the means of as many windows as are wanted, of volumes (N, C, D, H, W); see `adaptive_avg_pool2d`."""
    return _adaptive_avg_pool(3, input, output_size)


def _adaptive_avg_pool(n: int, input: Operand, output_size: Sizes) -> Variable:
    x = as_image(as_float(input), n)
    sizes = _wanted(x, output_size, n)
    if sizes == (1,) * n and 0 not in x.shape[-n:]:
        return mean(x, axis=tuple(range(-n, 0)), keepdims=True)
    result: Variable = Resize(sizes, "area")(x)
    return result


@composite
@located
def adaptive_max_pool1d(input: Operand, output_size: Sizes, return_indices: bool = False) -> Any:
    """Return the largest of as many windows as are wanted, of signals (N, C, L); see `adaptive_max_pool2d`."""
    return _adaptive_max_pool(1, input, output_size, return_indices)


@composite
@located
def adaptive_max_pool2d(input: Operand, output_size: Sizes, return_indices: bool = False) -> Any:
    """Return the largest of as many windows as are wanted, of images.

    Parameters
    ----------
    input : Variable or array_like
        Of shape (N, C, H, W) or (C, H, W).
    output_size : int, or pair of int or None
        As for `adaptive_avg_pool2d`.
    return_indices : bool
        As for `max_pool2d`.

    Examples
    --------
    >>> import graph_engine as ge
    >>> image = ge.constant([[[2, 3, 2], [5, -2, 2], [-1, -6, 7]]])
    >>> ge.Engine("numpy").run(ge.nn.adaptive_max_pool2d(image, 2)).tolist()
    [[[5, 3], [5, 7]]]
    """
    return _adaptive_max_pool(2, input, output_size, return_indices)


@composite
@located
def adaptive_max_pool3d(input: Operand, output_size: Sizes, return_indices: bool = False) -> Any:
    """Return the largest of as many windows as are wanted, of volumes (N, C, D, H, W); see `adaptive_max_pool2d`."""
    return _adaptive_max_pool(3, input, output_size, return_indices)


def _adaptive_max_pool(
    n: int, input: Operand, output_size: Sizes, return_indices: bool
) -> Variable | tuple[Variable, Variable]:
    x = as_image(as_variable(input), n)
    sizes = _wanted(x, output_size, n)
    largest: Variable = AdaptiveMaxPool(sizes)(x)
    return (largest, AdaptiveMaxPoolPlaces(sizes)(x)) if return_indices else largest


def _wanted(x: Variable, output_size: Sizes, n: int) -> tuple[int | Dim, ...]:
    given = output_size if isinstance(output_size, (tuple, list)) else (output_size,) * n
    if len(given) != n:
        raise DeclarationError(f"output_size is one number or {n}, not {output_size}")
    sizes = tuple(x.shape[i - n] if size is None else size for i, size in enumerate(given))
    known = tuple(size for size in sizes if not isinstance(size, Dim))
    per_dimension("output_size", known, len(known))
    return sizes
