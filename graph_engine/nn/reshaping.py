"""Layers that give their input another shape."""

from __future__ import annotations

from graph_engine.dims import product
from graph_engine.nn.module import Module
from graph_engine.node import Operand, Variable
from graph_engine.primitives import reshape
from graph_engine.primitives.common import as_variable
from graph_engine.spec import normalize_axis


class Flatten(Module):
    """Several dimensions as one: by default all but the first, the batch.

    Parameters
    ----------
    start_dim, end_dim : int
        The first and the last of them.
    name : str, optional

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.nn.Flatten()(ge.input("maps", ("batch", 16, 2, 2))).shape
    ('batch', 64)
    """

    opens_scope = False

    def __init__(self, start_dim: int = 1, end_dim: int = -1, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, x: Operand) -> Variable:
        """Declare x with these dimensions as one."""
        x = as_variable(x)
        first, last = normalize_axis(self.start_dim, x.ndim), normalize_axis(self.end_dim, x.ndim)
        return reshape(x, (*x.shape[:first], product(x.shape[first : last + 1]), *x.shape[last + 1 :]))


class Unflatten(Module):
    """One dimension as several.

    Parameters
    ----------
    dim : int
    unflattened_size : tuple of int
        Their sizes; the product is that of the dimension. One of them may be -1: what is left.
    name : str, optional

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.nn.Unflatten(1, (16, 2, 2))(ge.input("codes", ("batch", 64))).shape
    ('batch', 16, 2, 2)
    """

    opens_scope = False

    def __init__(self, dim: int, unflattened_size: tuple[int, ...], *, name: str | None = None) -> None:
        super().__init__(name=name)
        several = isinstance(unflattened_size, (tuple, list))
        self.dim, self.unflattened_size = dim, tuple(unflattened_size) if several else (unflattened_size,)

    def forward(self, x: Operand) -> Variable:
        """Declare x with this dimension as several."""
        x = as_variable(x)
        axis = normalize_axis(self.dim, x.ndim)
        return reshape(x, (*x.shape[:axis], *self.unflattened_size, *x.shape[axis + 1 :]))
