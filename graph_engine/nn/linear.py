"""Linear: the fully connected layer."""

from __future__ import annotations

import math
from typing import Any

from graph_engine.declaring import is_whole, refused
from graph_engine.errors import DTypeError, ShapeError
from graph_engine.nn.init import uniform
from graph_engine.nn.module import Module
from graph_engine.node import Operand, Variable
from graph_engine.primitives import affine
from graph_engine.primitives.common import as_variable
from graph_engine.spec import FLOATS, as_dtype, show_shape


def linear(input: Operand, weight: Operand, bias: Operand | None = None) -> Variable:
    """Declare input @ weight.T + bias, as one operation.

    Parameters
    ----------
    input : Variable or array_like
        With `in_features` in its last dimension.
    weight : Variable or array_like
        Of shape `(out_features, in_features)`.
    bias : Variable or array_like, optional
        Of shape `(out_features,)`.

    Examples
    --------
    >>> import graph_engine as ge
    >>> y = ge.nn.linear([1.0, 2.0], [[3.0, 4.0]], [5.0])
    >>> ge.Engine("numpy").run(y).tolist()
    [16.0]
    """
    return affine.linear(input, weight) if bias is None else affine.linear(input, weight, bias)


class Linear(Module):
    """x @ weight.T + bias, along the last dimension.

    Parameters
    ----------
    in_features, out_features : int
    bias : bool
    name : str, optional
        By default the name that the program assigns the layer to.
    seed : int, optional
        What the initial values follow from; by default the layer's name.
    dtype : str

    Attributes
    ----------
    weight : Variable
        Of shape `(out_features, in_features)`, as PyTorch has it; begins uniform in ±1/sqrt(in_features).
    bias : Variable or None
        Of shape `(out_features,)`; begins likewise.

    Examples
    --------
    >>> import graph_engine as ge
    >>> fc1 = ge.nn.Linear(64, 32)
    >>> fc1(ge.input("x", ("batch", 64))).shape
    ('batch', 32)
    >>> fc1.weight
    <parameter fc1.weight: float32(32, 64)>
    """

    weight: Variable
    bias: Variable | None

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        name: str | None = None,
        seed: int | None = None,
        dtype: Any = "float32",
    ) -> None:
        super().__init__(name=name)
        if as_dtype(dtype) not in FLOATS:
            raise DTypeError(f"weights are real numbers, not {as_dtype(dtype)}", f"choose one of {', '.join(FLOATS)}")
        self.in_features = _size("in_features", in_features)
        self.out_features = _size("out_features", out_features)
        bound = 1 / math.sqrt(max(self.in_features, 1))
        self.add_parameter("weight", uniform((self.out_features, self.in_features), bound, dtype), seed=seed)
        if bias:
            self.add_parameter("bias", uniform((self.out_features,), bound, dtype), seed=seed)
        else:
            self.bias = None

    def forward(self, x: Operand) -> Variable:
        """Declare x @ weight.T + bias."""
        x = as_variable(x)
        check_features(self, x, self.in_features)
        return linear(x, self.weight, self.bias)

    def _about(self) -> str:
        return f": {self.in_features} -> {self.out_features}{'' if 'bias' in self._declared else ', no bias'}"


def check_features(layer: Module, x: Variable, size: int) -> None:
    """Raise where an input does not have the features that a layer takes."""
    if x.ndim == 0 or x.shape[-1] != size:
        raise refused(
            f"{layer.name} takes {size} features in the last dimension, but {x.name!r} has shape {show_shape(x.shape)}",
            kind=ShapeError,
        )


def _size(what: str, value: int) -> int:
    if not is_whole(value):
        raise refused(f"{what} is a number of features, not {value!r}")
    return int(value)
