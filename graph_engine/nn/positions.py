"""Positions in a sequence, added to its features: fixed sines, or learned rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from graph_engine.declaring import located, refused
from graph_engine.errors import DeclarationError, ShapeError
from graph_engine.nn.dropout import Dropout
from graph_engine.nn.embedding import normal_rows
from graph_engine.nn.module import Module
from graph_engine.node import Operand, Variable
from graph_engine.operands import constant
from graph_engine.primitives import add, arange, cos, expand_dims, multiply, reshape, sin, stack
from graph_engine.primitives.common import as_float
from graph_engine.primitives.embedding import Embedding as EmbeddingPrimitive
from graph_engine.source import composite
from graph_engine.spec import FLOATS, as_dtype, normalize_axis, show_shape


@composite
@located
def sinusoidal_positions(length: int | str, dim: int, dtype: Any = "float32", *, base: float = 10000.0) -> Variable:
    """Encode positions: sin(i / base^(2k / dim)) in the even columns 2k, the cosine in the odd ones.

    Parameters
    ----------
    length : int or str
        A string is a named dimension.
    dim : int
    dtype : str
    base : float

    Returns
    -------
    Variable
        Of shape `(length, dim)`.

    References
    ----------
    A. Vaswani et al., "Attention is all you need", 2017, section 3.5.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.Engine("numpy").run(ge.nn.sinusoidal_positions(1, 4)).tolist()
    [[0.0, 1.0, 0.0, 1.0]]
    >>> ge.nn.sinusoidal_positions("n", 16).shape
    ('n', 16)
    """
    if as_dtype(dtype) not in FLOATS:
        raise DeclarationError(f"positions are encoded in real numbers, not {dtype}")
    pairs = (dim + 1) // 2
    rates = constant((base ** (-2.0 * np.arange(pairs) / dim)).astype(as_dtype(dtype)), name="rates")
    angles = multiply(expand_dims(arange(length, dtype), 1), rates)
    columns = reshape(stack([sin(angles), cos(angles)], axis=-1), (angles.shape[0], 2 * pairs))
    return columns if dim % 2 == 0 else columns[:, :dim]


class PositionalEncoding(Module):
    """The features of a sequence, plus the sines of its positions; then dropout, in training.

    Parameters
    ----------
    d_model : int
        The number of features.
    dropout : float
    axis : int
        Which dimension is the sequence: -2 for `(batch, n, d_model)`, 0 for `(n, batch, d_model)`.
    name : str, optional

    Examples
    --------
    >>> import graph_engine as ge
    >>> positions = ge.nn.PositionalEncoding(16)
    >>> positions(ge.input("x", ("batch", "n", 16))).shape
    ('batch', 'n', 16)
    """

    def __init__(self, d_model: int, dropout: float = 0.0, *, axis: int = -2, name: str | None = None) -> None:
        super().__init__(name=name)
        self.d_model, self.axis = d_model, axis
        self.dropout = Dropout(dropout)

    def forward(self, x: Operand) -> Variable:
        """Declare x plus the encoding of its positions."""
        x, axis = _sequence(self, as_float(x))
        encoded = sinusoidal_positions(x.shape[axis], self.d_model, x.dtype).named("positions")
        return self.dropout(_added(x, encoded, axis))  # type: ignore[no-any-return]

    def _about(self) -> str:
        return f": {self.d_model}"


class LearnedPositions(Module):
    """The features of a sequence, plus a learned row for each position.

    Parameters
    ----------
    max_length : int
        How many positions there are; a longer sequence is refused.
    d_model : int
        The number of features.
    axis : int
        Which dimension is the sequence: -2 for `(batch, n, d_model)`, 0 for `(n, batch, d_model)`.
    name : str, optional
    seed : int, optional
    dtype : str

    Attributes
    ----------
    weight : Variable
        Of shape `(max_length, d_model)`; begins normal, of mean 0 and variance 1.

    Examples
    --------
    >>> import graph_engine as ge
    >>> positions = ge.nn.LearnedPositions(100, 16)
    >>> positions(ge.input("x", ("batch", "n", 16))).shape
    ('batch', 'n', 16)
    """

    weight: Variable

    def __init__(
        self,
        max_length: int,
        d_model: int,
        *,
        axis: int = -2,
        name: str | None = None,
        seed: int | None = None,
        dtype: Any = "float32",
    ) -> None:
        super().__init__(name=name)
        self.max_length, self.d_model, self.axis = max_length, d_model, axis
        self.add_parameter("weight", normal_rows((max_length, d_model), dtype=dtype), seed=seed)

    def forward(self, x: Operand) -> Variable:
        """Declare x plus the rows of its positions."""
        x, axis = _sequence(self, as_float(x))
        length = x.shape[axis]
        if isinstance(length, int) and length > self.max_length:
            raise refused(
                f"{x.name!r} of shape {show_shape(x.shape)} is too long: {self.name} has {self.max_length} positions",
                kind=ShapeError,
            )
        return _added(x, EmbeddingPrimitive()(arange(length), self.weight), axis)

    def _about(self) -> str:
        return f": {self.max_length} positions, {self.d_model}"


def _sequence(layer: PositionalEncoding | LearnedPositions, x: Variable) -> tuple[Variable, int]:
    """Check that the features are those of the layer, and find the dimension that is the sequence."""
    if x.ndim < 2 or x.shape[-1] != layer.d_model:
        raise refused(
            f"{layer.name} takes sequences of {layer.d_model} features, but {x.name!r} has shape {show_shape(x.shape)}",
            kind=ShapeError,
        )
    return x, normalize_axis(layer.axis, x.ndim)


def _added(x: Variable, rows: Variable, axis: int) -> Variable:
    """Add one row for each place along a dimension."""
    length, features = rows.shape
    return add(x, reshape(rows, (length, *(1,) * (x.ndim - axis - 2), features)))
