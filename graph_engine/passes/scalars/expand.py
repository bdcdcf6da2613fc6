"""The pass: every tensor becomes its elements, every operation what it does to them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from graph_engine.collector import paused_collection
from graph_engine.context import building
from graph_engine.declaring import located
from graph_engine.dims import Dim, evaluate
from graph_engine.errors import DeclarationError, FeedError
from graph_engine.graph import Graph
from graph_engine.node import Operation, Variable
from graph_engine.operands import constant
from graph_engine.passes.scalars.naming import element_name, element_tex
from graph_engine.passes.scalars.rules import RULES, Elements, elements_of, rule_of
from graph_engine.spec import Spec, bind_names, show_shape

if TYPE_CHECKING:
    from graph_engine.engine import Engine
    from graph_engine.trace import Trace

__all__ = ["Scalars", "scalars"]

Typeset = Callable[[Variable, tuple[int, ...]], str]


@dataclass(frozen=True)
class Scalars:
    """A graph of scalars, and how it belongs to the graph of tensors that it was made from.

    Attributes
    ----------
    graph : Graph
        Of scalars.
    source : Graph
        Of tensors.
    became : dict of Variable to numpy.ndarray
        The elements that each variable became, scalar variables in the variable's shape.
    names : dict of str to int
        What the dimension names stand for.
    """

    graph: Graph
    source: Graph = field(repr=False)
    became: Mapping[Variable, Elements] = field(repr=False)
    names: Mapping[str, int] = field(default_factory=dict)

    @cached_property
    def outputs(self) -> tuple[Variable, ...]:
        """The scalars that the outputs of the source became, one after another."""
        return tuple(v for output in self.source.outputs for v in self.became[output].reshape(-1))

    @cached_property
    def parameters(self) -> dict[Variable, Elements]:
        """The elements of each parameter."""
        return {parameter: self.became[parameter] for parameter in self.source.parameters}

    def __getitem__(self, variable: Variable | str) -> Elements:
        """Return the elements of a variable of the source, found by itself or by name."""
        return self.became[self.source[variable]]

    def feeds(self, feeds: Mapping[Any, Any]) -> dict[Variable, Any]:
        """Turn feeds of the source into feeds of the scalars.

        Parameters
        ----------
        feeds : mapping
            By variable or by name.
        """
        made: dict[Variable, Any] = {}
        for key, value in feeds.items():
            variable = self.source[key]
            elements, array = self.became[variable], np.asarray(value)
            if array.shape != elements.shape:
                raise FeedError(
                    f"{variable.name!r} became scalars in the shape {show_shape(elements.shape)}, "
                    f"and was fed {show_shape(array.shape)}",
                    "make the scalars again, with these feeds: scalars(graph, feeds)",
                )
            made |= zip(elements.reshape(-1), array.reshape(-1), strict=True)
        return made

    def value(self, trace: Trace, variable: Variable | str) -> np.ndarray[Any, Any]:
        """Put the values of a tensor's elements together, from a trace of the scalars."""
        return self._gathered(variable, trace.value)

    def grad(self, trace: Trace, variable: Variable | str) -> np.ndarray[Any, Any]:
        """Put the gradients of a tensor's elements together, from a trace of the scalars."""
        return self._gathered(variable, trace.grad)

    def _gathered(self, variable: Variable | str, read: Callable[[Variable], Any]) -> np.ndarray[Any, Any]:
        elements = self[variable]
        return np.array([read(v) for v in elements.reshape(-1)]).reshape(elements.shape)


@located
def scalars(
    graph: Graph,
    feeds: Mapping[Any, Any] | None = None,
    *,
    limit: int = 1000,
    engine: Engine | None = None,
    tex: Typeset | None = None,
) -> Scalars:
    r"""Turn every tensor of a small graph into single numbers, and every operation into what it does to them.

    A matrix product becomes products and sums, what is elementwise is done to each element, softmax and cross-entropy
    are written out (as on the blackboard, without the shift that keeps large scores from overflowing), and what only
    moves elements vanishes. Values and gradients are those of the graph; every weight has its own chain rule.

    Parameters
    ----------
    graph : Graph
        Forward only; the gradients follow from the scalars.
    feeds : mapping, optional
        Say how large dimensions with names are; their numbers are not used.
    limit : int
        More scalars than that are refused.
    engine : Engine, optional
        Where parameters have the values that the scalars begin with; by default the initial ones.
    tex : callable of Variable and index, optional
        How an element is typeset; by default ``w^{2}_{22}`` for ``W2[1,1]``, counted from 1.

    Returns
    -------
    Scalars

    Raises
    ------
    DeclarationError
        Where there are too many scalars, an operation has no rule, or a dimension is not known.

    Examples
    --------
    >>> import graph_engine as ge
    >>> x, W1 = ge.input("x", 2), ge.parameter("W1", [[1.0, 2.0], [3.0, 4.0]])
    >>> small = scalars(ge.Graph(ge.sum(ge.tanh(W1 @ x))))
    >>> [v.name for v in small[W1].reshape(-1)], small[W1][0, 1].tex
    (['W1[0,0]', 'W1[0,1]', 'W1[1,0]', 'W1[1,1]'], 'w^{1}_{12}')
    >>> trace = ge.Engine("numpy").trace(small.outputs, small.feeds({x: [0.1, 0.2]}))
    >>> small.grad(trace, W1).shape
    (2, 2)
    """
    names = _names(graph, feeds or {})
    _check(graph, names, limit)
    expansion = _Expansion(graph, names, engine, tex)
    with paused_collection():
        became = expansion.run()
    outputs = [v for output in graph.outputs for v in became[output].reshape(-1)]
    return Scalars(Graph(*outputs), graph, became, names)


class _Expansion:
    """Declares the scalars, in the order of the graph."""

    def __init__(self, graph: Graph, names: Mapping[str, int], engine: Engine | None, tex: Typeset | None) -> None:
        self.graph = graph
        self.names = names
        self.engine = engine
        self.tex = tex
        self.became: dict[Variable, Elements] = {}

    def run(self) -> dict[Variable, Elements]:
        for variable in self.graph.variables:
            if variable.operation is None:
                self.became[variable] = self._leaf(variable)
            elif variable not in self.became:
                self._apply(variable.operation)
        return self.became

    def _leaf(self, variable: Variable) -> Elements:
        """Make a leaf for each element: an input, a parameter with its number, or a constant."""
        shape = _shape_of(variable, self.names)
        data = variable.data
        if self.engine is not None and variable.kind == "parameter":
            data = np.asarray(self.engine.value(variable))
        return elements_of([self._element(variable, shape, data, index) for index in np.ndindex(shape)], shape)

    def _element(self, variable: Variable, shape: tuple[int, ...], data: Any, index: tuple[int, ...]) -> Variable:
        if variable.kind == "constant" and not variable.has_given_name:
            return constant(data[index], dtype=variable.dtype)
        number = None if data is None else np.array(data[index])
        if number is not None:
            number.flags.writeable = False
        new = Variable(
            Spec((), variable.dtype), variable.kind, variable.source,
            name=element_name(variable.name, index), data=number, trainable=variable.trainable,
        )  # fmt: skip
        new.tex = self._typeset(variable, shape, index)
        return new

    def _apply(self, operation: Operation) -> None:
        rule = rule_of(operation.primitive)
        assert rule is not None
        source = operation.source.as_inner()
        with building(dataclasses.replace(operation.context, owner=None, source=source)):
            results = rule(operation.primitive.bind(self.names), *[self.became[v] for v in operation.inputs])
        for output, elements in zip(operation.outputs, results if operation.many else (results,), strict=True):
            self.became[output] = elements.reshape(_shape_of(output, self.names))
            self._name(output)

    def _name(self, output: Variable) -> None:
        """Name new elements after the result that they are of; what was there before keeps its name."""
        elements = self.became[output]
        name = self.graph.name_of(output)
        for index in np.ndindex(elements.shape):
            element: Any = elements[index]
            if element.kind == "result" and not element.has_given_name:
                element.named(element_name(name, index), tex=self._typeset(output, elements.shape, index))

    def _typeset(self, variable: Variable, shape: tuple[int, ...], index: tuple[int, ...]) -> str:
        if self.tex is not None:
            return self.tex(variable, index)
        return element_tex(variable, self.graph.name_of(variable), shape, index)


# ---- checks ----------------------------------------------------------------------------------------------------


def _shape_of(variable: Variable, names: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(evaluate(dim, names) for dim in variable.shape)


def _names(graph: Graph, feeds: Mapping[Any, Any]) -> dict[str, int]:
    """Find what dimension names stand for."""
    fed = [(graph[key], np.shape(value)) for key, value in feeds.items()]
    names = bind_names((variable.name, variable.shape, shape) for variable, shape in fed)
    for variable in graph.variables:
        for dim in variable.shape:
            missing = [name for name in dim.names if name not in names] if isinstance(dim, Dim) else []
            if missing:
                raise DeclarationError(
                    f"how large {missing[0]!r} is is not known, so {graph.name_of(variable)!r} has no elements yet",
                    "give the feeds: scalars(graph, feeds)",
                )
    return names


def _check(graph: Graph, names: Mapping[str, int], limit: int) -> None:
    """Refuse what is too large, and operations without a rule, before anything is declared."""
    for operation in graph.operations:
        if operation.phase != "forward":
            raise DeclarationError(
                f"{graph.name_of(operation)!r} belongs to a {operation.phase} pass",
                "make scalars of the forward graph, and differentiate them",
            )
        if rule_of(operation.primitive) is None:
            known = ", ".join(sorted(RULES))
            raise DeclarationError(
                f"{graph.name_of(operation)!r} has no rule for single numbers ({operation.primitive.name})",
                f"write it with what has one: all that is elementwise, {known}",
            ).located("declared at", operation.line)
    counts = {v: _count(v, names) for v in graph.variables}
    if sum(counts.values()) > limit:
        largest = max(counts, key=lambda v: counts[v])
        raise DeclarationError(
            f"that would be about {sum(counts.values()):,} scalars, more than {limit:,}; "
            f"the most, {counts[largest]:,}, for {graph.name_of(largest)!r} {show_shape(largest.shape)}",
            "take a smaller network or fewer samples, or raise the limit: scalars(graph, limit=...)",
        )


def _count(variable: Variable, names: Mapping[str, int]) -> int:
    """Count the scalars that a variable takes, with the products that it is the sum of."""
    size = math.prod(_shape_of(variable, names))
    operation = variable.operation
    if operation is None or operation.primitive.name not in ("linear", "matmul"):
        return size
    return size * (1 + _shape_of(operation.inputs[0], names)[-1])
