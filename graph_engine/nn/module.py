"""Module: a layer, or a tree of layers, that can be called."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

from graph_engine.context import building, check_name, current_context
from graph_engine.declaring import refused
from graph_engine.nn.init import Initializer, Recipe, replaced, seed_from
from graph_engine.nn.naming import Place
from graph_engine.node import Variable
from graph_engine.operands import parameter
from graph_engine.source import capture, composite


@dataclass(frozen=True)
class Declared:
    """A parameter that is still to be made."""

    initial: Initializer | Any
    trainable: bool
    seed: int | None


class Module:
    """A layer: it keeps parameters and other layers, and is called on variables. Subclass it and write `forward`.

    Layers assigned to attributes (also in lists and dictionaries) belong to it and are named after the attributes.

    Parameters
    ----------
    name : str, optional
        By default the name that the program assigns the layer to.

    Examples
    --------
    >>> import graph_engine as ge
    >>> class Residual(ge.nn.Module):
    ...     def __init__(self, size):
    ...         self.inner = ge.nn.Linear(size, size)
    ...     def forward(self, x):
    ...         return x + ge.nn.relu(self.inner(x))
    >>> block = Residual(8)
    >>> block(ge.input("x", ("batch", 8))).shape
    ('batch', 8)
    >>> [name for name, _ in block.named_parameters()]
    ['block.inner.weight', 'block.inner.bias']
    """

    opens_scope: ClassVar[bool] = True  # whether its operations stand in a group of their own
    _place: Place
    _declared: dict[str, Declared]

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Note the line that makes the layer: here, so that a subclass need not call `__init__`."""
        module = super().__new__(cls)
        place = Place(cls.__name__.lower(), capture(), current_context().scope)
        vars(module).update(_place=place, _declared={})
        return module

    def __init__(self, *, name: str | None = None) -> None:
        if name is not None:
            self._place.given = check_name(name)

    @property
    def name(self) -> str:
        """The full name; fixed once a parameter has been made or the layer has been called."""
        return ".".join(self._place.path)

    # ---- calling -----------------------------------------------------------------------------------------------

    @composite
    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """Declare what `forward` says, in the layer's scope; the name that is assigned goes to the result."""
        self._adopt_children()
        if not self.opens_scope:
            return self.forward(*inputs, **options)
        with building(replace(current_context(), scope=self._place.settle())):
            return self.forward(*inputs, **options)

    def forward(self, *inputs: Any, **options: Any) -> Any:
        """Declare the layer's result from its inputs."""
        raise NotImplementedError(f"{type(self).__name__} does not say what it does: write its `forward`")

    # ---- parameters --------------------------------------------------------------------------------------------

    def add_parameter(
        self, name: str, initial: Any, *, trainable: bool = True, seed: int | None = None
    ) -> None:
        """Let the layer have a parameter, as its attribute `name`; it is made when it is first needed.

        Parameters
        ----------
        name : str
        initial : array_like or Initializer
            Its value, or a function of a seed that returns it.
        trainable : bool
        seed : int, optional
            By default the parameter's full name says how it begins: differently from any other, the same in each run.
        """
        self._declared[check_name(name)] = Declared(initial, trainable, seed)

    def initialize(self, recipe: Recipe | None = None, /, **by_name: Recipe) -> Self:
        """Let parameters begin by other recipes, in this layer and all layers inside; before they are made.

        Parameters
        ----------
        recipe : Recipe, optional
            For the trainable parameters of two or more dimensions: matrices and kernels.
        **by_name : Recipe
            For all parameters of that name, in whichever layer, whatever their dimensions.

        Returns
        -------
        Module
            The layer itself.

        Raises
        ------
        DeclarationError
            Where a parameter has been made already, because the layer was called or the parameter asked for.

        Examples
        --------
        >>> import graph_engine as ge
        >>> net = ge.nn.Sequential(ge.nn.Linear(64, 32), ge.nn.ReLU(), ge.nn.Linear(32, 10))
        >>> net.initialize(ge.nn.init.kaiming_normal(nonlinearity="relu"), bias=ge.nn.init.zeros())
        <Sequential net: linear1, relu1, linear2>
        >>> net[0].bias.data.max()
        np.float32(0.0)
        """
        for what in (recipe, *by_name.values()):
            if what is not None and not isinstance(what, Recipe):
                raise refused(f"{what!r} is no recipe", "give one of ge.nn.init, called: ge.nn.init.xavier_uniform()")
        declared = [(module, name) for module in self.modules() for name in module._declared]
        unknown = sorted(set(by_name) - {name for _, name in declared})
        if unknown:
            raise refused(f"{self.name} has no parameter called {unknown[0]!r}")
        chosen = [(module, name) for module, name in declared if name in by_name or recipe is not None]
        made = [f"{module.name}.{name}" for module, name in chosen if name in vars(module)]
        if made:
            raise refused(
                f"{made[0]!r} has been made already", "initialize before the layers are called; later: engine.set_value"
            )
        for module, name in chosen:
            module._replace(name, recipe, by_name)
        return self

    def _replace(self, name: str, recipe: Recipe | None, by_name: dict[str, Recipe]) -> None:
        declared = self._declared[name]
        if name in by_name:
            initial = replaced(declared.initial, by_name[name])
        elif recipe is not None and declared.trainable:
            initial = replaced(declared.initial, recipe, least_ndim=2)
        else:
            return
        self._declared[name] = replace(declared, initial=initial)

    def _make(self, name: str) -> Variable:
        initial, seed = self._declared[name].initial, self._declared[name].seed
        path = self._place.settle()
        if callable(initial):
            initial = initial(seed_from(name, seed) if seed is not None else seed_from(".".join((*path, name))))
        with building(replace(current_context(), scope=path)):
            made = parameter(name, initial, self._declared[name].trainable)
        made.source = self._place.source
        return made

    def __getattr__(self, name: str) -> Any:
        """Make a parameter that is asked for the first time."""
        declared = vars(self).get("_declared", {})
        if name not in declared:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        made = vars(self)[name] = self._make(name)
        return made

    def parameters(self) -> list[Variable]:
        """Return all parameters, this layer's first, then those of the layers inside, in their order."""
        found = [value for module in self.modules() for value in module._own_parameters()]
        return list(dict.fromkeys(found))

    def named_parameters(self) -> list[tuple[str, Variable]]:
        """Return all parameters with their full names."""
        return [(variable.name, variable) for variable in self.parameters()]

    def _own_parameters(self) -> Iterator[Variable]:
        for name in self._declared:
            yield getattr(self, name)
        for name, value in vars(self).items():
            yield from (v for _, v in _items(name, value) if isinstance(v, Variable) and v.kind == "parameter")

    # ---- layers inside -----------------------------------------------------------------------------------------

    def named_children(self) -> list[tuple[str, Module]]:
        """Return the layers that this one is made of, with their names in it."""
        found = [pair for name, value in vars(self).items() for pair in _items(name, value)]
        return [(name, value) for name, value in found if isinstance(value, Module)]

    def modules(self) -> list[Module]:
        """Return this layer and all layers inside of it, each once."""
        self._adopt_children()
        found: dict[Module, None] = {}
        stack = [self]
        while stack:
            module = stack.pop()
            if module not in found:
                found[module] = None
                module._adopt_children()
                stack += [child for _, child in reversed(module.named_children())]
        return list(found)

    def _adopt_children(self) -> None:
        for label, child in self.named_children():
            child._place.join(self._place, label)

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        self._adopt_children()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}{self._about()}>"

    def _about(self) -> str:
        children = ", ".join(label for label, _ in self.named_children())
        return f": {children}" if children else ""


def _items(name: str, value: Any) -> list[tuple[str, Any]]:
    """Name what an attribute holds: itself, or the members of a list or a dictionary."""
    if isinstance(value, (list, tuple)):
        return [(f"{name}{i}", member) for i, member in enumerate(value, start=1)]
    if isinstance(value, dict):
        return [(f"{name}_{key}", member) for key, member in value.items()]
    return [(name, value)]
