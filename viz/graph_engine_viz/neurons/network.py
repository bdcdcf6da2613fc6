"""Finding a network of layers in a graph: what multiplies by weights, one after another, and the loss at the end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from graph_engine.errors import DeclarationError, LookupFailed
from graph_engine.graph import Graph
from graph_engine.node import Operation, Variable

__all__ = ["Layer", "Network", "find_network", "peeled", "sample_of"]

Array: TypeAlias = np.ndarray[Any, Any]

TURNED = ("permute_dims", "matrix_transpose")
KEPT = (*TURNED, "reshape", "expand_dims", "squeeze", "pass_on", "stop_gradient", "astype")
ACTIVATIONS = frozenset({
    "celu", "elu", "gelu", "hard_sigmoid", "hard_tanh", "hardsigmoid", "hardtanh", "heaviside", "leaky_relu",
    "log_softmax", "mish", "prelu", "relu", "relu6", "selu", "sigmoid", "sign", "silu", "softmax", "softplus",
    "softsign", "step", "tanh",
})  # fmt: skip
"""What may follow the last layer and is not a part of the loss; between layers anything may stand."""


@dataclass(frozen=True)
class Layer:
    """Units that add up weighted inputs.

    Attributes
    ----------
    weight, bias : Variable
    transposed : bool
        Whether the weights' first dimension is that of the inputs, not of the units.
    data : Variable
        What is multiplied.
    z, a : Variable
        The sums; what is made of them.
    units, inputs : int
    """

    weight: Variable
    bias: Variable | None
    transposed: bool
    data: Variable
    z: Variable
    a: Variable
    units: int
    inputs: int

    @property
    def activation(self) -> str:
        """The name of what is done to the sums; empty for nothing."""
        operation = self.a.operation
        if self.a is self.z or operation is None:
            return ""
        return operation.primitive.name if self.z in operation.inputs else "f"

    def matrix(self, array: Array) -> Array:
        """Return weights, or their gradients, with a row for each unit."""
        if array.ndim == 1:
            return array[None]
        return array.T if self.transposed else array


@dataclass(frozen=True)
class Network:
    """A network of layers.

    Attributes
    ----------
    graph : Graph
    layers : tuple of Layer
    target : Variable or None
        What the loss compares the last layer with.
    loss : Variable or None
    """

    graph: Graph
    layers: tuple[Layer, ...]
    target: Variable | None
    loss: Variable | None

    @property
    def operations(self) -> tuple[Operation, ...]:
        """The operations of the graph."""
        return self.graph.operations

    @property
    def variables(self) -> tuple[Variable, ...]:
        """What a picture shows."""
        shown = [self.layers[0].data]
        for layer in self.layers:
            shown += [layer.weight, *([layer.bias] if layer.bias is not None else []), layer.z, layer.a]
        shown += [v for v in (self.target, self.loss) if v is not None]
        return tuple(dict.fromkeys(shown))


def sample_of(array: Array, units: int, sample: int) -> Array:
    """Return what the units have for one sample."""
    rows = array.reshape(-1, units)
    if not -len(rows) <= sample < len(rows):
        raise LookupFailed(f"there is no sample {sample}: the run has {len(rows)}", f"count from 0 to {len(rows) - 1}")
    row: Array = rows[sample]
    return row


def find_network(graph: Graph, operations: Sequence[Operation] | None = None, loss: Variable | None = None) -> Network:
    """Find the longest chain of layers.

    Parameters
    ----------
    graph : Graph
    operations : sequence of Operation, optional
        Where to look; by default those of the forward pass.
    loss : Variable, optional
        By default an output of one number that is computed from the last layer.

    Raises
    ------
    DeclarationError
        Where there is no layer.

    Examples
    --------
    >>> import graph_engine as ge
    >>> net = ge.nn.Sequential(ge.nn.Linear(3, 2), ge.nn.Tanh(), ge.nn.Linear(2, 1))
    >>> found = find_network(ge.Graph(net(ge.input("x", ("batch", 3)))))
    >>> [(layer.inputs, layer.units, layer.activation) for layer in found.layers]
    [(3, 2, 'tanh'), (2, 1, '')]
    """
    if operations is None:
        operations = [operation for operation in graph.operations if operation.phase == "forward"]
    finder = _Finder(operations)
    chain = finder.longest()
    if not chain:
        raise DeclarationError(
            "there is no network of neurons in this graph: no layer was found, that is linear(x, W, b) or x @ W + b, "
            "with a parameter W of one or two dimensions",
            'draw the graph itself: style="nodes"',
        )
    layers = finder.with_activations(chain)
    below = finder.descendants(layers[-1].a)
    if loss is None:
        loss = next((v for v in graph.outputs if v in below and v.size == 1 and v.spec.is_float), None)
    elif loss not in below:
        loss = None
    return Network(graph, layers, _target(loss, layers[-1].a, layers[0].data), loss)


class _Finder:
    """Looks for layers among some operations."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self.operations = tuple(operations)
        self.users: dict[Variable, list[Operation]] = {}
        for operation in self.operations:
            for variable in dict.fromkeys(operation.inputs):
                self.users.setdefault(variable, []).append(operation)
        found = [layer for operation in self.operations if (layer := self._layer(operation)) is not None]
        self.layers = {layer.z: layer for layer in found}
        self.sums = {v: layer for layer in found for v in (layer.z, _product(layer))}

    def longest(self) -> list[Layer]:
        """Return the longest chain; of several the last."""
        chains: dict[Variable, list[Layer]] = {}
        best: list[Layer] = []
        for layer in self.layers.values():
            before = self._before(layer)
            chains[layer.z] = [*(chains[before.z] if before is not None else []), layer]
            best = chains[layer.z] if len(chains[layer.z]) >= len(best) else best
        return best

    def with_activations(self, chain: list[Layer]) -> tuple[Layer, ...]:
        """Say what each layer's sums become: what the next layer reads, of the last what an activation gives."""
        inner = [replace(layer, a=peeled(after.data)) for layer, after in zip(chain, chain[1:], strict=False)]
        last = chain[-1]
        users = self.users.get(last.z, [])
        if len(users) == 1 and users[0].primitive.name in ACTIVATIONS:
            last = replace(last, a=users[0].outputs[0])
        return (*inner, last)

    def descendants(self, variable: Variable) -> set[Variable]:
        """Find what is computed from a variable."""
        found, stack = {variable}, [variable]
        while stack:
            for operation in self.users.get(stack.pop(), []):
                new = [v for v in operation.outputs if v not in found]
                found.update(new)
                stack += new
        return found - {variable}

    def _before(self, layer: Layer) -> Layer | None:
        """Return the layer whose units this one reads, if it reads those of exactly one."""
        found: set[Variable] = set()
        seen: set[Variable] = set()
        stack = [layer.data]
        while stack:
            variable = stack.pop()
            if variable in seen:
                continue
            seen.add(variable)
            if variable in self.sums:
                found.add(self.sums[variable].z)
            elif variable.operation is not None:
                stack += variable.operation.inputs
        before = self.layers[found.pop()] if len(found) == 1 else None
        return before if before is not None and before.units == layer.inputs else None

    def _layer(self, operation: Operation) -> Layer | None:
        if operation.primitive.name == "linear":
            data, weight, *bias = operation.inputs
            return self._made(operation, data, weight, False, bias[0] if bias else None)
        if operation.primitive.name != "matmul":
            return None
        left, right = operation.inputs
        if _is_weight(right):
            return self._made(operation, left, right, True)
        return self._made(operation, right, left, False) if _is_weight(left) and right.ndim == 1 else None

    def _made(
        self, operation: Operation, data: Variable, weight: Variable, transposed: bool, bias: Variable | None = None
    ) -> Layer | None:
        source = peeled(weight, TURNED)
        shape = weight.shape if weight.ndim == 2 else (weight.shape[0], 1) if transposed else (1, *weight.shape)
        inputs, units = shape if transposed else shape[::-1]
        if not _is_weight(weight) or not isinstance(units, int) or not isinstance(inputs, int):
            return None
        turned = transposed != (weight is not source)
        z = operation.outputs[0]
        layer = Layer(source, bias, turned, data, z, z, units, inputs)
        return layer if bias is not None else self._with_bias(layer)

    def _with_bias(self, layer: Layer) -> Layer:
        """Take what is added to the products as the bias, if it is a parameter."""
        users = self.users.get(layer.z, [])
        if len(users) != 1 or users[0].primitive.name != "add":
            return layer
        bias = next((peeled(v) for v in users[0].inputs if v is not layer.z), None)
        if bias is None or bias.kind != "parameter" or bias.size != layer.units:
            return layer
        total = users[0].outputs[0]
        return replace(layer, bias=bias, z=total, a=total)


def _product(layer: Layer) -> Variable:
    """Return the sums before the bias."""
    operation = layer.z.operation
    assert operation is not None
    if operation.primitive.name == "add":
        return next(v for v in operation.inputs if peeled(v) is not layer.bias)
    return layer.z


def peeled(variable: Variable, moving: Sequence[str] = KEPT) -> Variable:
    """Go back over what only moves elements, or writes them in another dtype."""
    while variable.operation is not None and variable.operation.primitive.name in moving:
        variable = variable.operation.inputs[0]
    return variable


def _is_weight(variable: Variable) -> bool:
    source = peeled(variable, TURNED)
    return source.kind in ("parameter", "constant") and source.ndim in (1, 2) and source.ndim == variable.ndim


def _target(loss: Variable | None, output: Variable, data: Variable) -> Variable | None:
    """Find the input, or else the constant, that the loss is computed from besides the network's output."""
    leaves: dict[Variable, None] = {}
    seen, stack = {output}, [loss] if loss is not None else []
    while stack:
        variable = stack.pop()
        if variable in seen:
            continue
        seen.add(variable)
        if variable.operation is None:
            leaves[variable] = None
        else:
            stack += variable.operation.inputs
    inputs = [v for v in leaves if v.kind == "input" and v is not data]
    named = [v for v in leaves if v.kind == "constant" and (v.has_given_name or v.size != 1)]
    return next(iter([*inputs, *named]), None)
