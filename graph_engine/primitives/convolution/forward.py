"""The convolution itself; as everywhere in neural networks, the kernel is not flipped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graph_engine.errors import DeclarationError, DTypeError, ShapeError
from graph_engine.node import Operation
from graph_engine.primitive import Cotangents, Sample
from graph_engine.primitives.arrays import widened
from graph_engine.primitives.convolution.grouped import (
    Grouped,
    check_bias,
    finished,
    flattened,
    in_groups,
    of_bias,
)
from graph_engine.primitives.convolution.windows import bordered, check_numbers
from graph_engine.spec import Spec

IMAGE = np.sin(np.arange(2 * 4 * 5 * 6.0)).reshape(2, 4, 5, 6)
KERNEL = np.cos(np.arange(6 * 4 * 2 * 3.0)).reshape(6, 4, 2, 3)


@dataclass(frozen=True)
class Convolution(Grouped):
    """Each output is the weighted sum of what lies in a window, plus a bias: the cross-correlation with a kernel.

    Images have the shape (N, C, *size), weights (O, C/groups, *kernel), for any number of spatial dimensions.
    """

    name, symbol, formula = "convolution", "conv", "conv({x}, {weight}) + {bias}"

    def infer(self, x: Spec, weight: Spec, *bias: Spec) -> Spec:
        check_numbers(x, weight, *bias)
        self.check_channels(x, self.in_channels(weight), weight)
        check_bias(bias, weight.shape[0])
        return x.with_shape((x.shape[0], weight.shape[0], *self.windows(weight.shape[2:]).counts(x.shape[2:])))

    def kernel(self, xp: Any, x: Any, weight: Any, *bias: Any) -> Any:
        windows = self.windows(tuple(weight.shape[2:]))
        counts = windows.counts(tuple(x.shape[2:]))
        image = in_groups(xp, bordered(xp, widened(xp, x), self.padding), self.groups)
        wide = in_groups(xp, widened(xp, weight), self.groups, 0)
        result = 0.0
        for place, parts in windows.places(counts):  # (g, O/g, C/g) @ (N, g, C/g, windows)
            result = result + xp.matmul(wide[(..., *place)], flattened(xp, image[(..., *parts)], self.spatial))
        return finished(xp, result, (x.shape[0], weight.shape[0], *counts), bias, x.dtype)

    def vjp(self, operation: Operation, cotangents: Cotangents, wanted: Sequence[bool]) -> Cotangents:
        from graph_engine.primitives.convolution.of_weight import ConvolutionOfWeight
        from graph_engine.primitives.convolution.transpose import ConvolutionTranspose

        (c,), (x, weight, *bias) = cotangents, operation.inputs
        if c is None:
            return [None] * len(operation.inputs)
        attributes = (self.stride, self.padding, self.dilation, self.groups)
        of_x = ConvolutionTranspose(*attributes, x.shape[2:])(c, weight) if wanted[0] else None
        of_weight = ConvolutionOfWeight(*attributes, weight.shape[2:])(x, c) if wanted[1] else None
        return [of_x, of_weight, *of_bias(c, bias)]

    def local_derivatives(self, operation: Operation) -> Sequence[str]:
        return ("convᵀ({d}, {weight})", "conv({x}, {d})", "Σ {d}")[: len(operation.inputs)]

    def notes(self, operation: Operation) -> Sequence[str]:
        x, weight = operation.inputs[:2]
        return self.described(self.windows(weight.shape[2:]).notes(x.shape[2:]))

    def samples(self) -> Sequence[Sample]:
        line, volume = Convolution((2,), ((1, 0),), (1,)), Convolution((1,) * 3, ((0, 0),) * 3, (1,) * 3)
        uneven = Convolution((2, 1), ((1, 2), (0, 1)), (1, 2))
        return (
            Sample(IMAGE, KERNEL, np.ones(6)),
            Sample(IMAGE, KERNEL[:, :2], np.arange(6.0), use=Convolution(groups=2)),
            Sample(IMAGE[..., ::2, ::-1], KERNEL[:4, :1, :, ::2], use=Convolution((2, 3), groups=4)),
            Sample(IMAGE, KERNEL, use=uneven),
            Sample(IMAGE, KERNEL, use=Convolution(padding=((-1, 1), (2, -2)))),
            Sample(IMAGE[0], KERNEL[:, :, 0], np.ones(6), use=line, raises=ShapeError),
            Sample(IMAGE[..., 0], KERNEL[..., 0], np.ones(6), use=line),
            Sample(IMAGE[:1, :, None], KERNEL[:2, :, None], np.ones(2), use=volume),
            Sample(IMAGE[:0], KERNEL, np.ones(6)),
            Sample(IMAGE, KERNEL[:0]),
            Sample(IMAGE[:, :3], KERNEL, raises=ShapeError),
            Sample(IMAGE, KERNEL, np.ones(5), raises=ShapeError),
            Sample(IMAGE[..., :2], KERNEL, raises=ShapeError),
            Sample(IMAGE, KERNEL[:5, :2], use=Convolution(groups=2), raises=ShapeError),
            Sample(IMAGE, KERNEL, use=Convolution((0, 1)), raises=DeclarationError),
            Sample(IMAGE.astype(int), KERNEL.astype(int), raises=DTypeError),
        )
