"""The nodes of a graph: variables, and operations that apply primitives to them.

Variables stand free: a graph is whatever can be reached from some of them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from graph_engine.context import Context, Phase, check_name
from graph_engine.dims import Dim
from graph_engine.errors import DeclarationError
from graph_engine.source import Source, SourceLine
from graph_engine.spec import Spec, show_shape

if TYPE_CHECKING:
    from graph_engine.graph import Graph
    from graph_engine.primitive import Primitive

Kind = Literal["input", "parameter", "constant", "result"]
Operand = Any  # a Variable, or what NumPy takes for an array

_creation = itertools.count()  # the only process-wide state: creation order, which is topological


_INSTEAD = {
    "backward": "ge.grad(loss, parameters) gives gradients, optimizer.minimize(loss) updates",
    "grad": "ge.grad(loss, variable), or after a run trace.grad(variable)",
    "item": "float(engine.run(variable, feeds)) is its number in a run",
    "numpy": "engine.run(variable, feeds) is its value in a run",
    "detach": "ge.stop_gradient(variable)",
    "to": "ge.astype(variable, dtype); the engine says on which device it runs",
    "view": "ge.reshape(variable, shape)",
    "requires_grad": "gradients are what one asks ge.grad for; ge.parameter(..., trainable=False) is not updated",
}
"""What people look for on a variable who come from elsewhere."""


class GradientOf(NamedTuple):
    """What a gradient variable is the gradient of.

    Attributes
    ----------
    variable, loss : Variable
        It is d loss / d variable, or one term of it.
    operation, input_index : Operation and int, or None
        The use of the variable that this term came through; None for a sum of several terms, and for the seed.
    partial : bool
        True for one term of several.
    """

    variable: Variable
    loss: Variable
    operation: Operation | None
    input_index: int | None
    partial: bool = False


class Variable:
    """A value in a graph: an input, a parameter, a constant, or the result of an operation.

    Attributes
    ----------
    spec : Spec
        Shape and dtype.
    kind : {"input", "parameter", "constant", "result"}
    operation : Operation or None
        What computes it, for a result.
    output_index : int
        Which of the operation's outputs it is.
    data : numpy.ndarray or None
        The value of a constant, the initial value of a parameter (read-only).
    trainable : bool
        Whether optimisers update it (parameters).
    gradient : GradientOf or None
        What it is the gradient of.
    source : Source
        Where it was declared.
    index : int
        Creation order.
    tex : str
        How pictures typeset its name, where that was said.
    """

    __slots__ = (
        "__weakref__", "_name", "data", "gradient", "index", "kind", "operation", "output_index", "source", "spec",
        "tex", "trainable",
    )  # fmt: skip

    def __init__(
        self,
        spec: Spec,
        kind: Kind,
        source: Source,
        operation: Operation | None = None,
        output_index: int = 0,
        name: str | None = None,
        data: np.ndarray[Any, Any] | None = None,
        trainable: bool = False,
    ) -> None:
        self.spec = spec
        self.kind: Kind = kind
        self.source = source
        self.operation = operation
        self.output_index = output_index
        self.data = data
        self.trainable = trainable
        self.gradient: GradientOf | None = None
        self.tex = ""
        self._name = name
        self.index = next(_creation)

    @property
    def shape(self) -> tuple[int | Dim, ...]:
        """The shape; names stand for what is known at each run."""
        return self.spec.shape

    @property
    def dtype(self) -> str:
        """The dtype's name."""
        return self.spec.dtype

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self.spec.shape)

    @property
    def size(self) -> int | Dim:
        """The number of elements."""
        return self.spec.size

    @property
    def name(self) -> str:
        """The name given or assigned, else one after scope and primitive; a graph numbers repeats."""
        if self._name is not None:
            return self._name
        if self.gradient is not None:
            return _gradient_name(self.gradient)
        assigned = self.source.name(self.output_index)
        if assigned is not None:
            return assigned
        return self.operation.name if self.operation is not None else self.kind

    @property
    def has_given_name(self) -> bool:
        """Whether the name was said, not found."""
        return self._name is not None

    @property
    def line(self) -> SourceLine | None:
        """The user's line that declared it."""
        return self.source.line

    @property
    def scope(self) -> tuple[str, ...]:
        """The scope it was declared in."""
        if self.operation is not None:
            return self.operation.scope
        return tuple(self.name.split(".")[:-1]) if self.kind == "parameter" else ()

    def named(self, name: str, tex: str = "") -> Variable:
        r"""Decide the name for good, and how pictures typeset it.

        Examples
        --------
        >>> import graph_engine as ge
        >>> (ge.input("x") * 2).named("y", tex=r"\hat{y}").name
        'y'
        """
        if self._name is not None and self._name != name:
            raise DeclarationError(f"{self._name!r} already has its name", "name a variable once")
        self._name, self.tex = check_name(name), tex or self.tex
        return self

    def _take_assigned_name(self, source: Source) -> None:
        if self.operation is not None and self.operation.context.source is None:
            self.source = source

    def __getattr__(self, name: str) -> Any:
        instead = _INSTEAD.get(name)
        hint = f"; a variable is a node of a graph: {instead}" if instead else ""
        raise AttributeError(f"a variable has no {name!r}{hint}", name=name, obj=self)

    def __repr__(self) -> str:
        return f"<{self.kind} {self.name}: {self.spec}>"

    def __bool__(self) -> bool:
        raise DeclarationError(
            f"{self.name!r} has no truth value: it is known only when the graph runs",
            "use ge.where(condition, a, b), or run the graph first and branch on its result",
            (("declared at", self.line),),
        )

    def __iter__(self) -> Iterator[Any]:
        raise DeclarationError(
            f"{self.name!r} cannot be iterated over",
            "use ge.split, indexing such as v[0], or *ge.unstack(v)",
            (("declared at", self.line),),
        )

    def __len__(self) -> int:
        raise DeclarationError(
            f"{self.name!r} has no length; its shape is {show_shape(self.shape)}",
            "use v.shape[0]",
            (("declared at", self.line),),
        )

    def __float__(self) -> float:
        raise DeclarationError(
            f"{self.name!r} is no number: it has a value only when the graph runs",
            "run the graph first: float(engine.run(v, feeds))",
            (("declared at", self.line),),
        )

    __int__ = __float__

    def __reduce__(self) -> Any:
        raise DeclarationError(
            f"{self.name!r} cannot be copied or pickled: a variable is itself, and files hold no code",
            "ge.Graph(v).to_json() writes what it depends on; trace.save and engine.save write values",
        )

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise DeclarationError(
            f"{self.name!r} is no array: it has a value only when the graph runs",
            "use ge's functions on it (ge.exp instead of numpy.exp), or engine.run first",
            (("declared at", self.line),),
        )

    if TYPE_CHECKING:  # graph_engine.primitives.operators puts them here

        def __add__(self, other: Operand) -> Variable: ...
        def __radd__(self, other: Operand) -> Variable: ...
        def __sub__(self, other: Operand) -> Variable: ...
        def __rsub__(self, other: Operand) -> Variable: ...
        def __mul__(self, other: Operand) -> Variable: ...
        def __rmul__(self, other: Operand) -> Variable: ...
        def __truediv__(self, other: Operand) -> Variable: ...
        def __rtruediv__(self, other: Operand) -> Variable: ...
        def __pow__(self, other: Operand) -> Variable: ...
        def __rpow__(self, other: Operand) -> Variable: ...
        def __matmul__(self, other: Operand) -> Variable: ...
        def __rmatmul__(self, other: Operand) -> Variable: ...
        def __neg__(self) -> Variable: ...
        def __pos__(self) -> Variable: ...
        def __abs__(self) -> Variable: ...
        def __invert__(self) -> Variable: ...
        def __and__(self, other: Operand) -> Variable: ...
        def __rand__(self, other: Operand) -> Variable: ...
        def __or__(self, other: Operand) -> Variable: ...
        def __ror__(self, other: Operand) -> Variable: ...
        def __lt__(self, other: Operand) -> Variable: ...
        def __le__(self, other: Operand) -> Variable: ...
        def __gt__(self, other: Operand) -> Variable: ...
        def __ge__(self, other: Operand) -> Variable: ...
        def __getitem__(self, key: Any) -> Variable: ...
        @property
        def T(self) -> Variable: ...


class Operation:
    """One use of a primitive on variables.

    Attributes
    ----------
    primitive : Primitive
    inputs, outputs : tuple of Variable
    many : bool
        Whether its primitive gives a tuple, be it of one.
    context : Context
        Scope, phase and owner at its declaration.
    source : Source
        Where it was declared.
    index : int
        Creation order.
    """

    __slots__ = ("__weakref__", "context", "index", "inputs", "many", "outputs", "primitive", "source")

    def __init__(self, primitive: Primitive, inputs: tuple[Variable, ...], context: Context, source: Source) -> None:
        self.primitive = primitive
        self.inputs = inputs
        self.context = context
        self.source = source
        self.index = next(_creation)
        self.outputs: tuple[Variable, ...] = ()
        self.many = False

    def give(self, specs: Spec | tuple[Spec, ...]) -> Variable | tuple[Variable, ...]:
        """Make the outputs, of the specs that the primitive inferred, and return them as it gives them."""
        self.many = not isinstance(specs, Spec)
        listed: tuple[Spec, ...] = (specs,) if isinstance(specs, Spec) else tuple(specs)
        self.outputs = tuple([Variable(s, "result", self.source, self, i) for i, s in enumerate(listed)])
        return self.outputs if self.many else self.outputs[0]

    @property
    def name(self) -> str:
        """Scope and primitive; a graph numbers repeats."""
        return ".".join((*self.context.scope, self.primitive.name))

    @property
    def scope(self) -> tuple[str, ...]:
        """The open scopes, outermost first."""
        return self.context.scope

    @property
    def phase(self) -> Phase:
        """`forward`, `backward` or `update`."""
        return self.context.phase

    @property
    def owner(self) -> Operation | Variable | None:
        """The forward operation whose rule it belongs to, or the variable that it sums the gradient of or updates."""
        return self.context.owner

    @property
    def bodies(self) -> tuple[Graph, ...]:
        """The graphs that it computes inside of itself (`scan`)."""
        return self.primitive.bodies

    @property
    def line(self) -> SourceLine | None:
        """The user's line that declared it."""
        return self.source.line

    def __repr__(self) -> str:
        return f"<{self.name}({', '.join(v.name for v in self.inputs)})>"


def _gradient_name(gradient: GradientOf) -> str:
    target, order = gradient.variable, 1
    while target._name is None and target.gradient is not None:  # grad(grad(w)), without recursion
        target, order = target.gradient.variable, order + 1
    via = f" via {gradient.operation.name}" if gradient.partial and gradient.operation is not None else ""
    return "grad(" * order + target.name + via + ")" * order
