"""Arrays made from nothing: ranges and identity matrices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from graph_engine.dims import Dim, dimension
from graph_engine.node import Variable
from graph_engine.primitive import Primitive, Sample
from graph_engine.primitives.structure import full
from graph_engine.spec import Spec, as_dtype


@dataclass(frozen=True)
class Arange(Primitive):
    """0, 1, 2, ... up to a number or dimension, without it."""

    name, formula = "arange", "0 … {stop} - 1"
    may_view = False
    stop: int | Dim = 0
    dtype: str = "int64"

    def infer(self) -> Spec:
        return Spec((self.stop,), self.dtype)

    def kernel(self, xp: Any) -> Any:
        return xp.arange(self.stop, dtype=getattr(xp, self.dtype))

    def samples(self) -> Sequence[Sample]:
        return (Sample(), Sample(use=Arange(3)), Sample(use=Arange(4, "float32")))


@dataclass(frozen=True)
class Eye(Primitive):
    """The identity matrix."""

    name, symbol, formula = "eye", "1", "identity"
    may_view = False
    size: int | Dim = 0
    dtype: str = "float32"

    def infer(self) -> Spec:
        return Spec((self.size, self.size), self.dtype)

    def kernel(self, xp: Any) -> Any:
        return xp.eye(self.size, dtype=getattr(xp, self.dtype))

    def samples(self) -> Sequence[Sample]:
        return (Sample(), Sample(use=Eye(3)), Sample(use=Eye(2, "bool")))


def arange(stop: int | str, dtype: Any = "int64") -> Variable:
    """Declare 0, 1, 2, ... up to a number or dimension, without it.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.Engine("numpy").run(ge.arange(3), {}).tolist()
    [0, 1, 2]
    """
    result: Variable = Arange(dimension(stop), as_dtype(dtype))()
    return result


def eye(size: int | str, dtype: Any = "float32") -> Variable:
    """Declare the identity matrix.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.Engine("numpy").run(ge.eye(2), {}).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    result: Variable = Eye(dimension(size), as_dtype(dtype))()
    return result


def zeros(shape: Any, dtype: Any = "float32") -> Variable:
    """Declare zeros.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.zeros(("batch", 3)).shape
    ('batch', 3)
    """
    return full(shape, 0, dtype)


def ones(shape: Any, dtype: Any = "float32") -> Variable:
    """Declare ones.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.ones(("batch", 3)).shape
    ('batch', 3)
    """
    return full(shape, 1, dtype)


PRIMITIVES: tuple[type[Primitive], ...] = (Arange, Eye)
