"""What layers that normalise share: weights and biases, and the channels that they are made for."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from graph_engine.declaring import refused
from graph_engine.errors import ShapeError
from graph_engine.nn.module import Module
from graph_engine.node import Operand, Variable
from graph_engine.primitives.common import as_float
from graph_engine.spec import as_dtype, show_shape


class Affine(Module):
    """What the layers share: a weight that begins with ones, a bias that begins with zeros, or neither."""

    weight: Variable | None
    bias: Variable | None

    def _add_affine(self, shape: Any, weight: bool, bias: bool, dtype: Any) -> None:
        for name, wanted, value in (("weight", weight, 1), ("bias", bias, 0)):
            if wanted:
                self.add_parameter(name, np.full(shape, value, as_dtype(dtype)))
            else:
                setattr(self, name, None)


class OfChannels(Affine):
    """What the layers of images, volumes and sequences share: they know how many dimensions and channels come."""

    dimensions: ClassVar[tuple[int, ...]] = ()
    num_features: int

    def _checked(self, input: Operand) -> Variable:
        x = as_float(input)
        if x.ndim not in self.dimensions or x.shape[1] != self.num_features:
            raise refused(
                f"{self.name} takes {self.num_features} channels, in the second of "
                f"{' or '.join(map(str, self.dimensions))} dimensions, but {x.name!r} has shape {show_shape(x.shape)}",
                kind=ShapeError,
            )
        return x

    def _about(self) -> str:
        return f": {self.num_features}"
