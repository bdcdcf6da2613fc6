"""The same graph in another precision."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from graph_engine.body import Body
from graph_engine.errors import DTypeError
from graph_engine.graph import Graph
from graph_engine.node import Operation, Variable
from graph_engine.passes.rewrite import Rewrite, Rewritten
from graph_engine.primitive import Primitive
from graph_engine.primitives.random import NormalFromBits, UniformFromBits
from graph_engine.primitives.structure import astype
from graph_engine.spec import FLOATS


def retype(graph: Graph, dtype: str = "float64") -> Rewritten:
    """Turn every real number of a graph into another float dtype; integers and bools stay.

    Parameters
    ----------
    graph : Graph
    dtype : {"float16", "float32", "float64"}

    Examples
    --------
    >>> import graph_engine as ge
    >>> x = ge.input("x")
    >>> y = x * 0.5
    >>> retype(ge.Graph(y)).graph["y"].spec
    Spec(shape=(), dtype='float64')
    """
    return Retype(dtype)(graph)


class Retype(Rewrite):
    """The pass behind `retype`.

    A primitive says its dtype in attributes whose names end in `dtype`; inputs, parameters and constants are replaced
    by others of the same names. Random numbers are drawn as they were, since another dtype takes other bits, and
    converted.
    """

    def __init__(self, dtype: str) -> None:
        if dtype not in FLOATS:
            raise DTypeError(f"{dtype!r} is no float dtype", f"choose one of {', '.join(FLOATS)}")
        self.dtype = dtype

    def leaf(self, variable: Variable) -> Variable:
        """Return a leaf of the other dtype."""
        if not variable.spec.is_float or variable.dtype == self.dtype:
            return variable
        name = variable.name if variable.has_given_name else None
        data = None if variable.data is None else variable.data.astype(self.dtype)
        spec = variable.spec.with_dtype(self.dtype)
        new = Variable(spec, variable.kind, variable.source, name=name, data=data, trainable=variable.trainable)
        if data is not None:
            data.flags.writeable = False
        new.tex = variable.tex
        return new

    def declare(self, operation: Operation, inputs: Sequence[Variable]) -> Sequence[Variable]:
        """Declare an operation in the other dtype, or what it draws, converted."""
        results = super().declare(operation, tuple(inputs))
        wrong = [v.spec.is_float and v.dtype != self.dtype for v in results]
        return [astype(v, self.dtype) if cast else v for v, cast in zip(results, wrong, strict=True)]

    def primitive(self, operation: Operation) -> Primitive:
        """Return the primitive with its float dtypes replaced, also in what it does inside."""
        primitive = operation.primitive
        if isinstance(primitive, (UniformFromBits, NormalFromBits)):
            return primitive
        values = {field.name: getattr(primitive, field.name) for field in dataclasses.fields(primitive)}
        changes: dict[str, Any] = {
            name: self.dtype for name, value in values.items() if name.endswith("dtype") and value in FLOATS
        }
        changes |= {name: v.changed(self.leaf, self.declare) for name, v in values.items() if isinstance(v, Body)}
        return dataclasses.replace(primitive, **changes) if changes else primitive
