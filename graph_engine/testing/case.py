"""One sample of a primitive, declared as a graph with its derivatives."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from functools import cached_property, reduce
from typing import Any

import numpy as np

from graph_engine.gradient import grad
from graph_engine.graph import Graph
from graph_engine.node import Variable
from graph_engine.operands import constant, input
from graph_engine.primitive import Primitive, Sample
from graph_engine.primitives.elementwise import add, multiply
from graph_engine.primitives.structure import sum_to

Array = np.ndarray[Any, Any]


class Case:
    """One sample in one dtype, declared, with its first and second derivatives.

    Parameters
    ----------
    primitive : Primitive
    index : int
        Which of the primitive's samples it is.
    sample : Sample
    dtype : str
        What its real numbers are turned into.
    wide : bool
        Whether they are then turned into float64: the same numbers, computed better.
    dimensions : mapping of int to str
        Sizes that are declared as names.

    Attributes
    ----------
    feeds : dict of Variable to numpy.ndarray
    names : dict of str to int
        What those names stand for.
    """

    def __init__(
        self,
        primitive: Primitive,
        index: int,
        sample: Sample,
        dtype: str,
        wide: bool = False,
        dimensions: Mapping[int, str] | None = None,
    ) -> None:
        self.primitive = primitive
        self.index = index
        self.sample = sample
        self.dtype = dtype
        arrays = [value.astype(dtype) if value.dtype.kind == "f" else value for value in sample.inputs]
        if wide:
            arrays = [array.astype("float64") if array.dtype.kind == "f" else array for array in arrays]
        self.label = label_of(index, arrays)
        sizes = dimensions or {}
        self.names = {name: size for size, name in sizes.items()}
        self.inputs = [
            input(f"x{i}", tuple(sizes.get(size, size) for size in array.shape), array.dtype.name)
            for i, array in enumerate(arrays)
        ]
        self.feeds: dict[Variable, Array] = dict(zip(self.inputs, arrays, strict=True))
        self.floats = [v for v in self.inputs if v.spec.is_float]

    def declare(self) -> None:
        """Declare it with its derivatives: errors come here."""
        _ = self.outputs, self.gradients, self.second

    @cached_property
    def outputs(self) -> list[Variable]:
        """What the primitive makes of the inputs."""
        return as_list(self.primitive(*self.inputs))

    @cached_property
    def loss(self) -> Variable | None:
        """A weighted sum of all outputs that are real numbers."""
        return weighted_sum([v for v in self.outputs if v.spec.is_float], self.seed)

    @cached_property
    def gradients(self) -> list[Variable]:
        """The gradient of that sum in each input; none where there is no derivative rule."""
        without_rule = type(self.primitive).vjp is Primitive.vjp
        return [] if without_rule or self.loss is None else gradients_of(self.loss, self.floats)

    @cached_property
    def slope(self) -> Variable | None:
        """A weighted sum of those gradients."""
        return weighted_sum(self.gradients, self.seed + 1)

    @cached_property
    def second(self) -> list[Variable]:
        """The gradient of that, in float64, where finite differences see it."""
        return gradients_of(self.slope, self.floats) if self.slope is not None and self.dtype == "float64" else []

    @property
    def is_half(self) -> bool:
        """Whether there is half precision anywhere in it."""
        return any(v.dtype == "float16" for v in Graph(*self.outputs).variables)

    @property
    def seed(self) -> int:
        """A number of its own."""
        return zlib.crc32(f"{self.primitive}{self.index}".encode())

    def random(self) -> np.random.Generator:
        """Return numbers that are the same each time."""
        return np.random.default_rng(self.seed + 2)

    @property
    def smooth(self) -> bool:
        """Whether finite differences mean something: no kink, and float64 all the way."""
        passed = Graph(*self.outputs).variables
        return self.sample.smooth and all(v.dtype == "float64" for v in passed if v.spec.is_float)

    def evaluate(self, outputs: Sequence[Variable], feeds: Mapping[Variable, Array] | None = None) -> list[Array]:
        """Compute with the generic kernels on NumPy, one after the other."""
        graph = Graph(*outputs)
        values: dict[Variable, Any] = self.feeds | dict(feeds or {})
        values |= {v: v.data for v in graph.constants}
        with np.errstate(all="ignore"):
            for operation in graph.operations:
                kernel = operation.primitive.bind(self.names).kernel
                results = kernel(np, *[values[v] for v in operation.inputs])
                values.update(zip(operation.outputs, map(np.asarray, as_list(results)), strict=True))
        return [values[v] for v in outputs]

    def widened(self) -> Case:
        """Return the same numbers in float64."""
        return Case(self.primitive, self.index, self.sample, self.dtype, wide=True)


def gradients_of(loss: Variable, wrt: Sequence[Variable]) -> list[Variable]:
    """Declare the gradients, of which there may be none."""
    return grad(loss, wrt) if wrt else []


def weighted_sum(variables: Sequence[Variable], seed: int) -> Variable | None:
    """Sum with random weights, so that no error cancels; the array API's float64 where dtypes differ."""
    random = np.random.default_rng(seed)
    terms = []
    for variable in variables:
        # a weight for each number, broadcast where a size is not known
        shape = tuple(size if isinstance(size, int) else 1 for size in variable.shape)
        weights = constant(random.uniform(0.5, 1.5, shape) * random.choice([-1.0, 1.0], shape), dtype=variable.dtype)
        terms.append(sum_to(multiply(variable, weights), ()))
    return reduce(add, terms) if terms else None


def as_list(results: Any) -> list[Any]:
    """Return the results of a primitive or a kernel, one or several, as a list."""
    return list(results) if isinstance(results, (tuple, list)) else [results]


def label_of(index: int, arrays: Sequence[Array]) -> str:
    """Say which sample it is, and of what."""
    return f"sample {index} ({', '.join(f'{array.dtype}{array.shape}' for array in arrays)})"
