"""Sequential: layers one after another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from graph_engine.context import current_context
from graph_engine.declaring import refused
from graph_engine.nn.module import Module
from graph_engine.nn.naming import label_all
from graph_engine.node import Operand, Variable

Layer = Callable[..., Any]


class Sequential(Module):
    """Layers one after another.

    Parameters
    ----------
    *layers : Module, or function of one variable
        Named as the program calls them, else by class and number: `linear1`, `relu1`, `linear2`.
    name : str, optional
        By default the name that the program assigns the whole to.
    **named_layers : Module, or function of one variable
        Named by their keywords; they follow the others.

    Examples
    --------
    >>> import graph_engine as ge
    >>> net = ge.nn.Sequential(ge.nn.Linear(64, 32), ge.nn.ReLU(), ge.nn.Linear(32, 10))
    >>> net
    <Sequential net: linear1, relu1, linear2>
    >>> [name for name, _ in net.named_parameters()]
    ['net.linear1.weight', 'net.linear1.bias', 'net.linear2.weight', 'net.linear2.bias']
    >>> logits = net(ge.input("images", ("batch", 64)))
    >>> logits
    <result logits: float32(batch, 10)>

    A layer is found by its position or name, and replaced by name:

    >>> net = ge.nn.Sequential(hidden=ge.nn.Linear(2, 4), act=ge.nn.tanh, out=ge.nn.Linear(4, 1))
    >>> net[0] is net.hidden
    True
    >>> net.out = ge.nn.Linear(4, 3)
    >>> net(ge.input("x", 2)).shape
    (3,)
    """

    _layers: dict[str, Layer]
    _said: frozenset[str]

    def __init__(self, *layers: Layer, name: str | None = None, **named_layers: Layer) -> None:
        super().__init__(name=name)
        for layer in (*layers, *named_layers.values()):
            _check_layer(layer)
        vars(self)["_said"] = frozenset(named_layers)
        vars(self)["_layers"] = dict(zip(label_all(map(_names, layers), named_layers), layers)) | named_layers
        self._adopt_children()

    def forward(self, x: Operand) -> Any:
        """Declare each layer's result from the one before."""
        last = next(reversed(self._layers), None)
        for label, layer in self._layers.items():
            x = layer(x)
            if label in self._said and label != last:  # the last one takes the name that the program assigns
                _give_name(x, layer, label)
        return x

    def named_children(self) -> list[tuple[str, Module]]:
        """Return the layers, without plain functions, with their names."""
        return [(label, layer) for label, layer in self._layers.items() if isinstance(layer, Module)]

    def __len__(self) -> int:
        return len(self._layers)

    def __iter__(self) -> Iterator[Layer]:
        return iter(self._layers.values())

    def __getitem__(self, position: int | slice) -> Layer:
        if isinstance(position, slice):
            chosen = dict(list(self._layers.items())[position])
            return Sequential(**chosen)  # type: ignore[arg-type]  # "name" is no label
        return list(self)[position]

    def __getattr__(self, name: str) -> Any:
        layers = vars(self).get("_layers", {})
        return layers[name] if name in layers else super().__getattr__(name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self._layers:
            _check_layer(value)
            self._layers[name] = value
            self._adopt_children()
        else:
            super().__setattr__(name, value)

    def _about(self) -> str:
        return f": {', '.join(self._layers)}"


def _names(layer: Layer) -> tuple[str | None, str]:
    """Return what the program calls a layer, and what to call it otherwise."""
    if isinstance(layer, Module):
        return layer._place.said, layer._place.fallback
    return None, getattr(layer, "__name__", None) or getattr(layer, "name", None) or "function"


def _give_name(result: Any, layer: Layer, label: str) -> None:
    """Let a result be called as its layer is, where no scope of that name is around it."""
    scope = current_context().scope
    if isinstance(layer, Module) and layer.parameters():
        return
    own = isinstance(result, Variable) and result.operation is not None and result.scope == scope
    if own and not result.has_given_name:
        result.named(".".join((*scope, label)))


def _check_layer(layer: object) -> None:
    if not callable(layer):
        raise refused(f"{layer!r} is no layer", "give layers, or functions of one variable")
