"""What a convolution and its two gradients share: channels in groups, and the sums over the kernel's places.

They are the three faces of one trilinear form, so the derivatives of each are the two others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from graph_engine.dims import Dim, divide_exactly
from graph_engine.errors import DeclarationError, ShapeError
from graph_engine.node import Operand, Variable
from graph_engine.primitive import apply
from graph_engine.primitives.arrays import cast, widened
from graph_engine.primitives.common import as_one_dtype
from graph_engine.primitives.convolution.windows import Sliding, check_rank
from graph_engine.primitives.reduction import sum
from graph_engine.spec import Shape, Spec, show_shape


@dataclass(frozen=True)
class Grouped(Sliding):
    """What a convolution and its two gradients share.

    Attributes
    ----------
    groups : int
        Into how many parts the channels are split; each part of the output sees one part of the input.
    """

    groups: int = 1

    def __call__(self, *inputs: Operand) -> Variable:
        """Declare one operation, on operands brought to one dtype."""
        result: Variable = apply(self, as_one_dtype(inputs))
        return result

    @property
    def spatial(self) -> int:
        """The number of spatial dimensions."""
        return len(self.stride)

    def in_channels(self, weight: Spec) -> int | Dim:
        """Return how many channels go in, or raise where these weights do not go with the groups."""
        check_rank(weight, self.spatial, "weights")
        self.in_one_group(weight.shape[0], "output")
        return weight.shape[1] * self.groups

    def in_one_group(self, channels: int | Dim, what: str) -> int | Dim:
        """Return how many of these channels are in a group, or raise where they cannot be split."""
        if type(self.groups) is not int or self.groups < 1:
            raise DeclarationError(f"groups is an integer above 0, not {self.groups!r}")
        part = divide_exactly(channels, self.groups)
        if part is None:
            raise ShapeError(f"{channels} {what} channels cannot be split into {self.groups} equal groups")
        return part

    def check_channels(self, x: Spec, expected: int | Dim, weight: Spec) -> None:
        """Raise where this is not an image of that many channels."""
        check_rank(x, self.spatial, "an image")
        if x.shape[1] != expected:
            groups = f" in {self.groups} groups" if self.groups != 1 else ""
            raise ShapeError(
                f"weights of shape {show_shape(weight.shape)}{groups} take {expected} channels, "
                f"but the image of shape {show_shape(x.shape)} has {x.shape[1]}",
                "images have the shape (batch, channels, *size), weights (out_channels, in_channels/groups, *kernel)",
            )

    def described(self, notes: list[str]) -> list[str]:
        """Add the groups to what a picture shows."""
        return [*notes, f"{self.groups} groups"] if self.groups != 1 else notes


def check_bias(bias: Sequence[Spec], channels: int | Dim) -> None:
    """Raise where this is not one bias a channel, or none."""
    if len(bias) > 1 or any(spec.shape != (channels,) for spec in bias):
        shown = " and ".join(show_shape(spec.shape) for spec in bias)
        raise ShapeError(f"the bias has one number for each of {channels} output channels, not the shape {shown}")


def of_bias(c: Variable, bias: Sequence[Variable]) -> list[Variable]:
    """Return the gradient of a bias, where there is one."""
    return [sum(c, axis=(0, *range(2, c.ndim))) for _ in bias]


# ---- arrays ----------------------------------------------------------------------------------------------------


def in_groups(xp: Any, x: Any, groups: int, axis: int = 1) -> Any:
    """Split the channels: (N, C, *size) to (N, groups, C/groups, *size)."""
    shape = tuple(x.shape)
    return xp.reshape(x, (*shape[:axis], groups, shape[axis] // groups, *shape[axis + 1 :]))


def flattened(xp: Any, x: Any, spatial: int) -> Any:
    """Make the last dimensions one."""
    shape = tuple(x.shape)
    length = 1
    for size in shape[len(shape) - spatial :]:
        length *= size
    return xp.reshape(x, (*shape[: len(shape) - spatial], length))


def finished(xp: Any, result: Any, shape: Shape, bias: Sequence[Any], dtype: Any) -> Any:
    """Bring a result to its shape, add the bias, and narrow it to its dtype."""
    result = xp.reshape(result, shape)
    for offset in bias:
        result = result + xp.reshape(widened(xp, offset), (-1, *(1,) * (len(shape) - 2)))
    return cast(xp, result, dtype)
