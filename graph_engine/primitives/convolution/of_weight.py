"""The gradient of a convolution in its weights: how images and what windows over them gave go together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graph_engine.errors import DeclarationError, ShapeError
from graph_engine.node import Operation
from graph_engine.primitive import Cotangents, Sample
from graph_engine.primitives.arrays import widened
from graph_engine.primitives.convolution.forward import IMAGE, Convolution
from graph_engine.primitives.convolution.grouped import Grouped, finished, flattened, in_groups
from graph_engine.primitives.convolution.windows import bordered, check_numbers, check_rank
from graph_engine.spec import Shape, Spec, show_shape


@dataclass(frozen=True)
class ConvolutionOfWeight(Grouped):
    """For each place in the kernel, the products of what it met in an image with the gradients there, summed.

    Images have the shape (N, C, *size), gradients (N, O, *counts), the result (O, C/groups, *kernel).

    Attributes
    ----------
    size : tuple of int or dimension
        The kernel's spatial size.
    """

    name, symbol, formula = "convolution_of_weight", "conv", "conv({x}, {gradient})"
    size: Shape = (1, 1)

    def infer(self, x: Spec, gradient: Spec) -> Spec:
        check_numbers(x, gradient)
        check_rank(x, self.spatial, "an image")
        check_rank(gradient, self.spatial, "a gradient")
        if len(self.size) != self.spatial:
            raise DeclarationError(f"the size is {self.spatial} dimensions, not {self.size}")
        if x.shape[0] != gradient.shape[0]:
            raise ShapeError(f"{show_shape(x.shape)} and {show_shape(gradient.shape)} are not of one batch")
        channels = self.in_one_group(x.shape[1], "input")
        self.in_one_group(gradient.shape[1], "output")
        self.windows(self.size).check(x.shape[2:], gradient.shape[2:])
        return x.with_shape((gradient.shape[1], channels, *self.size))

    def kernel(self, xp: Any, x: Any, gradient: Any) -> Any:
        image = in_groups(xp, bordered(xp, widened(xp, x), self.padding), self.groups)
        wide = in_groups(xp, widened(xp, gradient), self.groups)
        right = flattened(xp, xp.moveaxis(wide, 0, 2), self.spatial + 1)  # (g, O/g, N * windows)
        counts, terms = tuple(gradient.shape[2:]), []
        for _, parts in self.windows(self.size).places(counts):
            met = flattened(xp, xp.moveaxis(image[(..., *parts)], 0, 2), self.spatial + 1)
            terms.append(xp.matmul(right, xp.matrix_transpose(met)))  # (g, O/g, C/g)
        shape = (gradient.shape[1], x.shape[1] // self.groups, *self.size)
        return finished(xp, xp.stack(terms, axis=-1), shape, (), x.dtype)

    def vjp(self, operation: Operation, cotangents: Cotangents, wanted: Sequence[bool]) -> Cotangents:
        from graph_engine.primitives.convolution.transpose import ConvolutionTranspose

        (c,), (x, gradient) = cotangents, operation.inputs
        if c is None:
            return [None, None]
        attributes = (self.stride, self.padding, self.dilation, self.groups)
        of_x = ConvolutionTranspose(*attributes, x.shape[2:])(gradient, c) if wanted[0] else None
        return [of_x, Convolution(*attributes)(x, c) if wanted[1] else None]

    def local_derivatives(self, operation: Operation) -> Sequence[str]:
        return ("convᵀ({gradient}, {d})", "conv({x}, {d})")

    def notes(self, operation: Operation) -> Sequence[str]:
        return self.described([self.windows(self.size).words()])

    def samples(self) -> Sequence[Sample]:
        gradient = np.cos(np.arange(2 * 6 * 4 * 4.0)).reshape(2, 6, 4, 4)
        uneven = ConvolutionOfWeight((2, 1), ((1, 2), (0, 1)), (1, 2), size=(2, 2))
        plain, line = ConvolutionOfWeight(size=(2, 3)), ConvolutionOfWeight((2,), ((1, 0),), (1,), size=(2,))
        return (
            Sample(IMAGE, gradient, use=plain),
            Sample(IMAGE, gradient, use=ConvolutionOfWeight(groups=2, size=(2, 3))),
            Sample(IMAGE[..., :5], gradient, use=uneven),
            Sample(IMAGE[:, ::2, ::2, ::-1], gradient[:, :4, :2], use=ConvolutionOfWeight(groups=2, size=(2, 3))),
            Sample(IMAGE[..., 0], gradient[..., :3, 0], use=line),
            Sample(IMAGE[:0], gradient[:0], use=plain),
            Sample(IMAGE, gradient[:1], use=plain, raises=ShapeError),
            Sample(IMAGE, gradient, use=ConvolutionOfWeight(size=(2, 2)), raises=ShapeError),
            Sample(IMAGE, gradient, use=ConvolutionOfWeight(groups=3, size=(2, 3)), raises=ShapeError),
        )
