"""Patches: what lies in each window as a column of a matrix (im2col), and columns added up to an image again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graph_engine.dims import divide_exactly, product
from graph_engine.errors import DeclarationError, DTypeError, ShapeError
from graph_engine.node import Operation
from graph_engine.primitive import Cotangents, Sample
from graph_engine.primitives.arrays import cast, widened
from graph_engine.primitives.convolution.forward import IMAGE
from graph_engine.primitives.convolution.windows import Sliding, bordered, check_rank, uncovered
from graph_engine.spec import Shape, Spec, kind, show_shape


@dataclass(frozen=True)
class Unfold(Sliding):
    """What lies in each window, as a column: (N, C, *size) to (N, C * elements of the kernel, number of windows).

    Attributes
    ----------
    kernel_size : tuple of int
    """

    name, formula = "unfold", "patches({x})"
    kernel_size: Shape = (1, 1)

    def infer(self, x: Spec) -> Spec:
        check_rank(x, len(self.kernel_size), "an image")
        counts = self.windows(self.kernel_size).counts(x.shape[2:])
        return x.with_shape((x.shape[0], x.shape[1] * product(self.kernel_size), product(counts)))

    def kernel(self, xp: Any, x: Any) -> Any:
        windows = self.windows(self.kernel_size)
        counts = windows.counts(tuple(x.shape[2:]))
        image = bordered(xp, x, self.padding)
        columns = xp.stack([image[(..., *parts)] for _, parts in windows.places(counts)], axis=2)
        return xp.reshape(columns, (x.shape[0], x.shape[1] * product(self.kernel_size), product(counts)))

    def vjp(self, operation: Operation, cotangents: Cotangents, wanted: Sequence[bool]) -> Cotangents:
        (c,), (x,) = cotangents, operation.inputs
        attributes = (self.stride, self.padding, self.dilation, self.kernel_size)
        return (None if c is None else Fold(*attributes, x.shape[2:])(c),)

    def local_derivatives(self, operation: Operation) -> Sequence[str]:
        return ("Σ {d} of the windows around it",)

    def notes(self, operation: Operation) -> Sequence[str]:
        return self.windows(self.kernel_size).notes(operation.inputs[0].shape[2:])

    def samples(self) -> Sequence[Sample]:
        return (
            Sample(IMAGE, use=Unfold(kernel_size=(2, 3))),
            Sample(IMAGE[:, ::3, ::-1, ::2], use=Unfold((2, 1), ((1, 2), (0, 1)), (1, 2), (2, 2))),
            Sample(IMAGE[..., 0], use=Unfold((2,), ((1, 0),), (1,), (2,))),
            Sample(IMAGE[:0], use=Unfold(kernel_size=(2, 3))),
            Sample(np.arange(24).reshape(1, 2, 3, 4), use=Unfold(kernel_size=(2, 2))),
            Sample(IMAGE, use=Unfold(kernel_size=(6, 2)), raises=ShapeError),
            Sample(IMAGE[0], use=Unfold(kernel_size=(2, 2)), raises=ShapeError),
            Sample(IMAGE, use=Unfold((0, 1), kernel_size=(2, 2)), raises=DeclarationError),
        )


@dataclass(frozen=True)
class Fold(Sliding):
    """Columns put back where `unfold` takes them from; where windows overlap, they add up.

    Attributes
    ----------
    kernel_size : tuple of int
    size : tuple of int or dimension
        The image's spatial size.
    """

    name, formula = "fold", "fold({x})"
    kernel_size: Shape = (1, 1)
    size: Shape = (1, 1)

    def infer(self, x: Spec) -> Spec:
        if kind(x.dtype) == "bool":
            raise DTypeError("bools do not add up", "convert with ge.astype")
        if len(self.size) != len(self.kernel_size):
            raise DeclarationError(f"an image of size {self.size} and a kernel of size {self.kernel_size}")
        windows = self.windows(self.kernel_size)
        counts, elements = windows.counts(self.size), product(self.kernel_size)
        channels = divide_exactly(x.shape[1], elements) if x.ndim == 3 else None
        if channels is None or x.shape[2] != product(counts):
            raise ShapeError(
                f"columns have the shape (batch, channels * {elements}, {product(counts)}), not {show_shape(x.shape)}: "
                f"there are {show_shape(counts)} windows, {', '.join(windows.arithmetic(self.size))}"
            )
        return x.with_shape((x.shape[0], channels, *self.size))

    def kernel(self, xp: Any, x: Any) -> Any:
        windows = self.windows(self.kernel_size)
        counts = windows.counts(self.size)
        channels = x.shape[1] // product(self.kernel_size)
        columns = xp.reshape(widened(xp, x), (x.shape[0], channels, *self.kernel_size, *counts))
        sizes = [n + low + high for n, (low, high) in zip(self.size, self.padding, strict=True)]
        result = xp.zeros((x.shape[0], channels, *sizes), dtype=columns.dtype)
        for place, parts in windows.places(counts):
            column = columns[(slice(None), slice(None), *place, ...)]
            result[(..., *parts)] = result[(..., *parts)] + column
        return cast(xp, bordered(xp, result, uncovered(self.padding)), x.dtype)

    def vjp(self, operation: Operation, cotangents: Cotangents, wanted: Sequence[bool]) -> Cotangents:
        (c,) = cotangents
        return (None if c is None else Unfold(self.stride, self.padding, self.dilation, self.kernel_size)(c),)

    def local_derivatives(self, operation: Operation) -> Sequence[str]:
        return ("patches({d})",)

    def notes(self, operation: Operation) -> Sequence[str]:
        return self.windows(self.kernel_size).notes(self.size)

    def samples(self) -> Sequence[Sample]:
        x = np.sin(np.arange(2 * 12 * 10.0)).reshape(2, 12, 10)
        plain = Fold(kernel_size=(2, 3), size=(3, 7))
        return (
            Sample(x, use=plain),
            Sample(x[..., ::-1], use=Fold((2, 1), ((1, 2), (0, 1)), (1, 2), (2, 2), (2, 6))),
            Sample(x[:, ::2, :4], use=Fold((2,), ((1, 0),), (1,), (2,), (7,))),
            Sample(x[:0], use=plain),
            Sample(np.arange(120).reshape(1, 12, 10), use=plain),
            Sample(x[:, :11], use=plain, raises=ShapeError),
            Sample(x[..., :9], use=plain, raises=ShapeError),
            Sample(x > 0, use=plain, raises=DTypeError),
        )
