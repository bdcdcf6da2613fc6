"""Making images larger again: max unpooling, interpolation, pixel shuffle. Names and arguments are PyTorch's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graph_engine.declaring import located
from graph_engine.dims import Dim, dimension, divide_exactly
from graph_engine.errors import DeclarationError, ShapeError
from graph_engine.nn.pooling import Numbers, as_image, kernel_and_stride
from graph_engine.nn.spatial import per_dimension
from graph_engine.node import Operand, Variable
from graph_engine.primitives import permute_dims, reshape
from graph_engine.primitives.common import as_float, as_variable
from graph_engine.primitives.pooling import MaxUnpool
from graph_engine.primitives.resizing import Resize, scaled_size
from graph_engine.source import composite
from graph_engine.spec import show_shape

# ---- max unpooling ---------------------------------------------------------------------------------------------


@composite
@located
def max_unpool1d(
    input: Operand, indices: Operand, kernel_size: Numbers, stride: Numbers | None = None, padding: Numbers = 0,
    output_size: Sequence[int] | None = None,
) -> Variable:  # fmt: skip
    """Put the maxima of signals (N, C, L) back to their places among zeros; see `max_unpool2d`."""
    return _max_unpool(1, input, indices, kernel_size, stride, padding, output_size)


@composite
@located
def max_unpool2d(
    input: Operand, indices: Operand, kernel_size: Numbers, stride: Numbers | None = None, padding: Numbers = 0,
    output_size: Sequence[int] | None = None,
) -> Variable:  # fmt: skip
    """Put the maxima of images back to their places among zeros.

    A value is placed, not added. Where indices repeat (overlapping windows), the last value in reading order stands,
    and it alone has the gradient; PyTorch gives the gradient to those that were overwritten as well.

    Parameters
    ----------
    input : Variable or array_like
        Of shape (N, C, H, W) or (C, H, W).
    indices : Variable or array_like
        Integers of that shape, as `max_pool2d` returns them; checked to be in range when values are checked.
    kernel_size, stride, padding
        Those of the pooling.
    output_size : sequence of int, optional
        The size (or whole shape) before pooling, where several have the same pooled size;
        by default (H - 1) stride - 2 padding + kernel_size.

    Examples
    --------
    >>> import graph_engine as ge
    >>> image = ge.constant([[[2, 3], [5, -2]]])
    >>> largest, places = ge.nn.max_pool2d(image, 2, return_indices=True)
    >>> ge.Engine("numpy").run(ge.nn.max_unpool2d(largest, places, 2)).tolist()
    [[[0, 0], [5, 0]]]
    """
    return _max_unpool(2, input, indices, kernel_size, stride, padding, output_size)


@composite
@located
def max_unpool3d(
    input: Operand, indices: Operand, kernel_size: Numbers, stride: Numbers | None = None, padding: Numbers = 0,
    output_size: Sequence[int] | None = None,
) -> Variable:  # fmt: skip
    """Put the maxima of volumes (N, C, D, H, W) back to their places among zeros; see `max_unpool2d`."""
    return _max_unpool(3, input, indices, kernel_size, stride, padding, output_size)


def _max_unpool(
    n: int, input: Operand, indices: Operand, kernel_size: Numbers, stride: Numbers | None, padding: Numbers,
    output_size: Sequence[int] | None,
) -> Variable:  # fmt: skip
    x = as_image(as_variable(input), n)
    kernel, step = kernel_and_stride(kernel_size, stride, n)
    width = per_dimension("padding", padding, n)
    windows = zip(x.shape[-n:], kernel, step, width, strict=True)
    usual = tuple((size - 1) * s - 2 * p + k for size, k, s, p in windows)
    if output_size is None and any(isinstance(size, int) and size < 1 for size in usual):
        raise ShapeError(f"nothing is left of it: {show_shape(usual)}", "give output_size, the size before pooling")
    result: Variable = MaxUnpool(usual if output_size is None else _output_size(output_size, usual, step))(x, indices)
    return result


def _output_size(
    given: Sequence[int], usual: tuple[int | Dim, ...], step: tuple[int, ...]
) -> tuple[int | Dim, ...]:
    n = len(usual)
    if len(given) not in (n, n + 1, n + 2):
        raise DeclarationError(f"output_size has {n} numbers, or is the whole shape, not {show_shape(given)}")
    sizes = tuple(dimension(size) for size in given[-n:])
    for size, middle, s in zip(sizes, usual, step, strict=True):
        if isinstance(size, int) and isinstance(middle, int) and abs(size - middle) >= s:
            raise ShapeError(
                f"output_size {show_shape(sizes)} is not what was pooled: each lies less than a stride "
                f"({show_shape(step)}) from {show_shape(usual)}"
            )
    return sizes


# ---- interpolation ---------------------------------------------------------------------------------------------

_DIMENSIONS = {"linear": 1, "bilinear": 2, "trilinear": 3}
_MODES = ("nearest", "nearest-exact", "area", *_DIMENSIONS)


@composite
@located
def interpolate(
    input: Operand, size: Any = None, scale_factor: Any = None, mode: str = "nearest",
    align_corners: bool | None = None, recompute_scale_factor: bool | None = None, antialias: bool = False,
) -> Variable:  # fmt: skip
    """Resize signals, images or volumes.

    Parameters
    ----------
    input : Variable or array_like
        Of shape (N, C, L), (N, C, H, W) or (N, C, D, H, W).
    size : int or tuple of int, optional
        The sizes afterwards.
    scale_factor : float or tuple of float, optional
        Or by how much they grow; the new size is floor(size * scale_factor).
    mode : {"nearest", "nearest-exact", "linear", "bilinear", "trilinear", "area"}
        The nearest element (its place rounded down; or exactly the nearest), between the two nearest along each
        dimension, or the mean of an area, as `adaptive_avg_pool2d`.
    align_corners : bool, optional
        For (bi-, tri-) linear: whether the middles of the corner elements stay where they are, rather than their outer
        edges, which is the default.
    recompute_scale_factor : bool, optional
        Whether places follow from the quotient of the sizes rather than from `scale_factor` as it was given.
    antialias : bool
        True is refused: there is no antialiased mode.

    Examples
    --------
    >>> import graph_engine as ge
    >>> signal = ge.constant([[[0.0, 1.0]]])
    >>> ge.Engine("numpy").run(ge.nn.interpolate(signal, scale_factor=2, mode="linear")).tolist()
    [[[0.0, 0.25, 0.75, 1.0]]]
    """
    x = as_float(input)
    _check_mode(x, mode, align_corners, antialias)
    sizes, scales = _new_sizes(x.shape[2:], size, scale_factor)
    if recompute_scale_factor and size is not None:
        raise DeclarationError("recompute_scale_factor says nothing beside size", "give scale_factor, or leave it out")
    kept = () if recompute_scale_factor or mode == "area" else scales
    if mode == "nearest" and x.ndim == 4:  # PyTorch's images, though not its signals and volumes, do the same
        kept = tuple(None if new in (n, 2 * n) else s for n, new, s in zip(x.shape[2:], sizes, kept, strict=False))
    result: Variable = Resize(sizes, "linear" if mode in _DIMENSIONS else mode, bool(align_corners), kept)(x)
    return result


def _check_mode(x: Variable, mode: str, align_corners: bool | None, antialias: bool) -> None:
    if antialias:
        raise DeclarationError("there is no antialiased interpolation", "shrink with mode='area', which averages")
    if mode not in _MODES:
        raise DeclarationError(f"mode is one of {', '.join(_MODES)}, not {mode!r}")
    if align_corners is not None and mode not in _DIMENSIONS:
        raise DeclarationError(f"align_corners is for {', '.join(_DIMENSIONS)}, not for {mode!r}")
    if x.ndim - 2 not in ((_DIMENSIONS[mode],) if mode in _DIMENSIONS else (1, 2, 3)):
        wanted = f"{_DIMENSIONS[mode]}" if mode in _DIMENSIONS else "1 to 3"
        raise ShapeError(f"{mode!r} takes {wanted} dimensions behind batch and channels, not {show_shape(x.shape)}")


def _new_sizes(
    before: tuple[int | Dim, ...], size: Any, scale_factor: Any
) -> tuple[tuple[int | Dim, ...], tuple[float | None, ...]]:
    """Return the sizes afterwards, and the factors where they were given."""
    if (size is None) == (scale_factor is None):
        raise DeclarationError("give size or scale_factor, one of them")
    given = size if scale_factor is None else scale_factor
    items = tuple(given) if isinstance(given, (tuple, list)) else (given,) * len(before)
    if len(items) != len(before):
        raise DeclarationError(f"{len(items)} numbers for {len(before)} dimensions: {given}")
    if scale_factor is None:
        return tuple(dimension(item) for item in items), ()
    factors = tuple(float(item) for item in items)
    if not all(0 < factor < float("inf") for factor in factors):
        raise DeclarationError(f"scale_factor is a number above 0, not {scale_factor}")
    return tuple(scaled_size(n, factor) for n, factor in zip(before, factors, strict=True)), factors


# ---- pixel shuffle ---------------------------------------------------------------------------------------------


@composite
@located
def pixel_shuffle(input: Operand, upscale_factor: int) -> Variable:
    """Make pixels of channels: (*, C r², H, W) becomes (*, C, H r, W r).

    Source: Shi et al., "Real-time single image and video super-resolution using an efficient sub-pixel convolutional
    neural network", CVPR 2016.

    Parameters
    ----------
    input : Variable or array_like
    upscale_factor : int
        r.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.nn.pixel_shuffle(ge.input("x", ("batch", 12, 5, 6)), 2).shape
    ('batch', 3, 10, 12)
    """
    x, (r,) = _stack_of_images(input), per_dimension("upscale_factor", upscale_factor, 1, 1)
    *before, c, h, w = x.shape
    channels = _divided("channels", c, r * r)
    n = len(before)
    parts = reshape(x, (*before, channels, r, r, h, w))
    moved = permute_dims(parts, [*range(n + 1), n + 3, n + 1, n + 4, n + 2])
    return reshape(moved, (*before, channels, h * r, w * r))


@composite
@located
def pixel_unshuffle(input: Operand, downscale_factor: int) -> Variable:
    """Make channels of pixels: (*, C, H r, W r) becomes (*, C r², H, W); `pixel_shuffle` backwards.

    Parameters
    ----------
    input : Variable or array_like
    downscale_factor : int
        r.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.nn.pixel_unshuffle(ge.input("x", ("batch", 3, 10, 12)), 2).shape
    ('batch', 12, 5, 6)
    """
    x, (r,) = _stack_of_images(input), per_dimension("downscale_factor", downscale_factor, 1, 1)
    *before, c, h, w = x.shape
    rows, columns = _divided("rows", h, r), _divided("columns", w, r)
    n = len(before)
    parts = reshape(x, (*before, c, rows, r, columns, r))
    moved = permute_dims(parts, [*range(n + 1), n + 2, n + 4, n + 1, n + 3])
    return reshape(moved, (*before, c * (r * r), rows, columns))


def _stack_of_images(input: Operand) -> Variable:
    x = as_variable(input)
    if x.ndim < 3:
        raise ShapeError(f"the input has the shape (..., C, H, W), not {show_shape(x.shape)}")
    return x


def _divided(what: str, size: int | Dim, by: int) -> int | Dim:
    quotient = divide_exactly(size, by)
    if quotient is None:
        raise ShapeError(f"{size} {what} cannot be divided by {by}")
    return quotient
