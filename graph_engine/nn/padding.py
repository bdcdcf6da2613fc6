"""Padding under PyTorch's name and in its order: the last dimension first."""

from __future__ import annotations

from collections.abc import Sequence

from graph_engine.declaring import located
from graph_engine.errors import DeclarationError, ShapeError
from graph_engine.node import Operand, Variable
from graph_engine.primitives.common import as_variable
from graph_engine.primitives.convolution import PadBorder
from graph_engine.primitives.slicing import pad as pad_with
from graph_engine.source import composite
from graph_engine.spec import show_shape


@composite
@located
def pad(input: Operand, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Variable:
    """Put more elements around the last dimensions.

    Parameters
    ----------
    input : Variable or array_like
    pad : sequence of int
        How many before and after: first the pair of the last dimension, then of the one before it, and so on. In mode
        "constant" a number below 0 takes elements away.
    mode : {"constant", "reflect", "replicate", "circular"}
        What they are: one value; what is inside, mirrored without repeating the outermost element; the outermost
        element; or what is at the other end.
    value : float, optional
        The value of mode "constant", by default 0.

    Examples
    --------
    >>> import graph_engine as ge
    >>> for mode in ("constant", "reflect", "replicate", "circular"):
    ...     print(mode, ge.Engine("numpy").run(ge.nn.pad([1, 2, 3], (2, 1), mode)).tolist())
    constant [0, 0, 1, 2, 3, 0]
    reflect [3, 2, 1, 2, 3, 2]
    replicate [1, 1, 1, 2, 3, 3]
    circular [2, 3, 1, 2, 3, 1]
    """
    x = as_variable(input)
    widths = _pairs(pad, x)
    if mode != "constant":
        if value is not None:
            raise DeclarationError(f"a value is for mode 'constant'; mode {mode!r} takes what is inside")
        bordered: Variable = PadBorder(widths, mode)(x)
        return bordered
    widths = ((0, 0),) * (x.ndim - len(widths)) + widths
    if any(min(pair) < 0 for pair in widths):
        x = x[tuple(slice(max(-low, 0), min(high, 0) or None) for low, high in widths)]
    return pad_with(x, tuple((max(low, 0), max(high, 0)) for low, high in widths), value or 0)


def _pairs(pad: Sequence[int], x: Variable) -> tuple[tuple[int, int], ...]:
    """Read what is written from the last dimension on as pairs in the order of the dimensions."""
    numbers = [int(width.__index__()) for width in pad]
    if len(numbers) % 2 or len(numbers) > 2 * x.ndim:
        raise ShapeError(
            f"{len(numbers)} numbers do not say what comes before and after the dimensions of {show_shape(x.shape)}",
            "give two for each dimension that is padded, the last dimension first",
        )
    return tuple(zip(numbers[::2], numbers[1::2], strict=True))[::-1]
