"""The transposed convolution: the gradient of a convolution in its image, and a layer that makes images larger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graph_engine.errors import DeclarationError, ShapeError
from graph_engine.node import Operation
from graph_engine.primitive import Cotangents, Sample
from graph_engine.primitives.arrays import widened
from graph_engine.primitives.convolution.forward import IMAGE, KERNEL, Convolution
from graph_engine.primitives.convolution.grouped import (
    Grouped,
    check_bias,
    finished,
    flattened,
    in_groups,
    of_bias,
)
from graph_engine.primitives.convolution.of_weight import ConvolutionOfWeight
from graph_engine.primitives.convolution.windows import bordered, check_numbers, uncovered
from graph_engine.spec import Shape, Spec


@dataclass(frozen=True)
class ConvolutionTranspose(Grouped):
    """Each input is spread over a window, weighted by the kernel; where windows overlap, they add up.

    Inputs have the shape (N, O, *counts), weights (O, C/groups, *kernel), the result (N, C, *size): stride, padding and
    dilation are those of the convolution from (N, C, *size) to (N, O, *counts).

    Attributes
    ----------
    size : tuple of int or dimension
        The result's spatial size: with strides above 1 several have as many windows.
    """

    name, symbol, formula = "convolution_transpose", "convᵀ", "convᵀ({x}, {weight}) + {bias}"
    size: Shape = (1, 1)

    def infer(self, x: Spec, weight: Spec, *bias: Spec) -> Spec:
        check_numbers(x, weight, *bias)
        channels = self.in_channels(weight)
        self.check_channels(x, weight.shape[0], weight)
        check_bias(bias, channels)
        if len(self.size) != self.spatial:
            raise DeclarationError(f"the size is {self.spatial} dimensions, not {self.size}")
        self.windows(weight.shape[2:]).check(self.size, x.shape[2:])
        return x.with_shape((x.shape[0], channels, *self.size))

    def kernel(self, xp: Any, x: Any, weight: Any, *bias: Any) -> Any:
        counts, count, channels = tuple(x.shape[2:]), x.shape[0], weight.shape[1] * self.groups
        spread = flattened(xp, in_groups(xp, widened(xp, x), self.groups), self.spatial)
        wide = xp.moveaxis(in_groups(xp, widened(xp, weight), self.groups, 0), 1, 2)
        sizes = [n + low + high for n, (low, high) in zip(self.size, self.padding, strict=True)]
        result = xp.zeros((count, self.groups, weight.shape[1], *sizes), dtype=spread.dtype)
        for place, parts in self.windows(tuple(weight.shape[2:])).places(counts):
            term = xp.matmul(wide[(..., *place)], spread)  # (g, C/g, O/g) @ (N, g, O/g, windows)
            old = result[(..., *parts)]
            result[(..., *parts)] = old + xp.reshape(term, old.shape)
        image = bordered(xp, result, uncovered(self.padding))
        return finished(xp, image, (count, channels, *self.size), bias, x.dtype)

    def vjp(self, operation: Operation, cotangents: Cotangents, wanted: Sequence[bool]) -> Cotangents:
        (c,), (x, weight, *bias) = cotangents, operation.inputs
        if c is None:
            return [None] * len(operation.inputs)
        attributes = (self.stride, self.padding, self.dilation, self.groups)
        of_x = Convolution(*attributes)(c, weight) if wanted[0] else None
        of_weight = ConvolutionOfWeight(*attributes, weight.shape[2:])(c, x) if wanted[1] else None
        return [of_x, of_weight, *of_bias(c, bias)]

    def local_derivatives(self, operation: Operation) -> Sequence[str]:
        return ("conv({d}, {weight})", "conv({d}, {x})", "Σ {d}")[: len(operation.inputs)]

    def notes(self, operation: Operation) -> Sequence[str]:
        x, weight = operation.inputs[:2]
        windows = self.windows(weight.shape[2:])
        lines = [windows.words(), *dict.fromkeys(windows.backwards(self.size, x.shape[2:]))]
        return self.described(lines)

    def samples(self) -> Sequence[Sample]:
        x = np.sin(np.arange(2 * 6 * 4 * 3.0)).reshape(2, 6, 4, 3)
        uneven = ConvolutionTranspose((2, 1), ((1, 2), (0, 1)), (1, 2), size=(6, 6))
        line = ConvolutionTranspose((2,), ((1, 0),), (1,), size=(8,))
        same = ConvolutionTranspose(size=(5, 5))
        return (
            Sample(x, KERNEL, np.ones(4), use=same),
            Sample(x, KERNEL[:, :2], np.ones(4), use=ConvolutionTranspose(groups=2, size=(5, 5))),
            Sample(x, KERNEL, use=uneven),
            Sample(x[:, :4, ::2, ::-1], KERNEL[:4, :1], use=ConvolutionTranspose((2, 3), groups=4, size=(5, 9))),
            Sample(x, KERNEL, use=ConvolutionTranspose(padding=((-1, 1), (2, -2)), size=(5, 5))),
            Sample(x[..., 0], KERNEL[..., 0], np.ones(4), use=line),
            Sample(x[:0], KERNEL, use=same),
            Sample(x, KERNEL, use=ConvolutionTranspose(size=(6, 5)), raises=ShapeError),
            Sample(IMAGE, KERNEL, use=same, raises=ShapeError),
            Sample(x, KERNEL, np.ones(6), use=same, raises=ShapeError),
        )
