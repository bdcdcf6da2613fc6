"""The nodes of a graph: variables, and operations that apply primitives to them.

Variables stand free: a graph is whatever can be reached from some of them. What is current while declaring (the
scope, and during differentiation the rule that is being built) is one immutable `Context` in a context variable.
"""

from __future__ import annotations

import dataclasses
import inspect
import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

import numpy as np

from graph_engine.dims import Dim, evaluate
from graph_engine.errors import DeclarationError, DTypeError, GradientError, GraphEngineError, ShapeError
from graph_engine.source import Source, SourceLine, capture
from graph_engine.spec import DEFAULT_FLOAT, DEFAULT_INTEGER, Spec, as_dtype, kind, promote, show_shape

Kind = Literal["input", "parameter", "constant", "result"]
Phase = Literal["forward", "backward", "update"]
Operand = Any  # a Variable, or what NumPy takes for an array

_creation = itertools.count()  # the only process-wide state: creation order, which is topological


@dataclass(frozen=True, slots=True)
class Context:
    """What is current while nodes are declared.

    Attributes
    ----------
    scope : tuple of str
        The open scopes, outermost first.
    phase : {"forward", "backward", "update"}
        What the operations are for.
    owner : Operation, Variable or None
        The forward operation whose rule is being built, the variable whose gradient is being summed, or the
        parameter that is being updated.
    source : Source or None
        The line that stands for everything declared meanwhile; None: look for it.
    """

    scope: tuple[str, ...] = ()
    phase: Phase = "forward"
    owner: Operation | Variable | None = None
    source: Source | None = None


_context: ContextVar[Context] = ContextVar("graph_engine_context", default=Context())  # noqa: B039 - frozen


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
    context : Context
        Scope, phase and owner at its declaration.
    source : Source
        Where it was declared.
    index : int
        Creation order.
    """

    __slots__ = ("__weakref__", "context", "index", "inputs", "outputs", "primitive", "source")

    def __init__(self, primitive: Primitive, inputs: tuple[Variable, ...], context: Context, source: Source) -> None:
        self.primitive = primitive
        self.inputs = inputs
        self.context = context
        self.source = source
        self.index = next(_creation)
        self.outputs: tuple[Variable, ...] = ()

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
    def line(self) -> SourceLine | None:
        """The user's line that declared it."""
        return self.source.line

    def __repr__(self) -> str:
        return f"<{self.name}({', '.join(v.name for v in self.inputs)})>"


@dataclass(frozen=True)
class Primitive:
    """Something that can be done: `add`, `matmul`, `softmax`. Frozen, hashable, without arrays.

    Subclass it, as a frozen dataclass when it has attributes (each with a default, so that `Class()` works).

    Attributes
    ----------
    name : str
        Unique among all primitives; in files, errors and pictures.
    symbol : str
        What a picture writes into the operation; the name where empty.
    formula : str
        With the parameters of `infer` as placeholders: `"{x} * sigmoid({x})"`.
    version : int
        Raised when the meaning of its attributes changes; kept in files.
    elementwise : bool
        Each element of the output depends on the same element of the inputs only.
    may_view : bool
        Whether a kernel may return (a view of) one of its inputs. True is always safe; False lets plans reuse buffers.
    """

    name: ClassVar[str] = ""
    symbol: ClassVar[str] = ""
    formula: ClassVar[str] = ""
    version: ClassVar[int] = 1
    elementwise: ClassVar[bool] = False
    may_view: ClassVar[bool] = True

    def __call__(self, *inputs: Operand) -> Any:
        """Declare one operation and return its output, or a tuple of them."""
        return apply(self, as_variables(inputs))

    # `*Any, **Any` is how mypy knows that subclasses name their own inputs
    def infer(self, *specs: Any, **_: Any) -> Spec | tuple[Spec, ...]:
        """Return the specs of the outputs from those of the inputs, or raise `ShapeError` or `DTypeError`."""
        raise NotImplementedError

    def kernel(self, *arrays: Any, **_: Any) -> Any:
        """Compute with an array-API namespace, given first; return an array, or a tuple of them."""
        raise NotImplementedError

    def vjp(
        self, operation: Operation, cotangents: Sequence[Variable | None], wanted: Sequence[bool]
    ) -> Sequence[Variable | None]:
        """Build the gradient of each input that is wanted from those of the outputs; None is zero."""
        raise GradientError(f"{self.name} has no derivative rule", "give its class a `vjp`, or use ge.stop_gradient")

    def local_derivatives(self, operation: Operation) -> Sequence[str | None]:
        """Return, for each input, what a picture shows at its port.

        A factor in the placeholders of the formula and `{y}` for the output (`"{x2}"` for a product), or with `{d}`
        for the upstream gradient, a whole rule (`"{d} {x2}ᵀ"` for a matrix product).
        """
        return [None] * len(operation.inputs)

    def guard(self, *arrays: Any, **_: Any) -> str | None:
        """Given what `kernel` is given, return what is wrong with these values (labels out of range), or None."""
        return None

    def samples(self) -> Sequence[Sample]:
        """Return uses that the conformance kit tries: valid ones, and ones that must be refused."""
        return ()

    def bind(self, names: Mapping[str, int]) -> Primitive:
        """Replace dimension names in its attributes by numbers."""
        fields = dataclasses.fields(self)
        if not fields:
            return self
        bound = {field.name: _bind_value(getattr(self, field.name), names) for field in fields}
        changed = any(bound[field.name] is not getattr(self, field.name) for field in fields)
        return dataclasses.replace(self, **bound) if changed else self

    @property
    def input_names(self) -> tuple[str, ...]:
        """The placeholders of the formula: the parameters of `infer`."""
        parameters = list(inspect.signature(type(self).infer).parameters.values())[1:]
        return tuple(parameter.name for parameter in parameters)


class Sample:
    """One use of a primitive, for the conformance kit.

    Parameters
    ----------
    *inputs : array_like
        NumPy arrays; floats are retyped by the kit.
    use : Primitive, optional
        The primitive with other attributes than the one asked.
    raises : type, optional
        The error with which the declaration must be refused.
    smooth : bool
        False at a kink or tie, where finite differences mean nothing; what holds there is tested elsewhere.
    """

    def __init__(
        self,
        *inputs: Any,
        use: Primitive | None = None,
        raises: type[Exception] | None = None,
        smooth: bool = True,
    ) -> None:
        self.inputs = tuple(np.asarray(value) for value in inputs)
        self.use = use
        self.raises = raises
        self.smooth = smooth


# ---- declaring -------------------------------------------------------------------------------------------------


def apply(primitive: Primitive, inputs: tuple[Variable, ...], inner: bool = False) -> Any:
    """Declare one operation.

    Parameters
    ----------
    primitive : Primitive
    inputs : tuple of Variable
    inner : bool
        True when the user's line does not assign the result (an inserted conversion, say).
    """
    context = _context.get()
    source = context.source or capture(inner)
    try:
        specs = primitive.infer(*[v.spec for v in inputs])
    except Exception as error:
        raise _refused(primitive, inputs, source, error) from (
            None if isinstance(error, GraphEngineError) else error
        )
    operation = Operation(primitive, inputs, context, source)
    if isinstance(specs, Spec):
        result = Variable(specs, "result", source, operation)
        operation.outputs = (result,)
        return result
    operation.outputs = tuple(Variable(s, "result", source, operation, i) for i, s in enumerate(specs))
    return operation.outputs


def _refused(
    primitive: Primitive, inputs: tuple[Variable, ...], source: Source, error: Exception
) -> GraphEngineError:
    shown = ", ".join(f"{v.name}: {v.spec}" for v in inputs)
    message = error.message if isinstance(error, GraphEngineError) else f"{type(error).__name__}: {error}"
    expected = len(primitive.input_names)
    if isinstance(error, TypeError) and not isinstance(error, GraphEngineError) and expected != len(inputs):
        message = f"it takes {expected} inputs ({', '.join(primitive.input_names)}), not {len(inputs)}"
    cls = type(error) if isinstance(error, GraphEngineError) else DeclarationError
    cure = error.cure if isinstance(error, GraphEngineError) else ""
    refused = cls(f"{primitive.name}({shown}): {message}", cure)
    return refused.located("declared at", source.line)


def input(name: str, shape: Any = (), dtype: Any = DEFAULT_FLOAT, tex: str = "") -> Variable:
    """Declare a value that is fed at each run.

    Parameters
    ----------
    name : str
        It is fed by this name, or by the variable.
    shape : tuple of int or str
        A string is a named dimension, known when the graph runs: `("batch", 784)`.
    dtype : str
    tex : str
        How pictures typeset the name.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.input("images", ("batch", 784)).shape
    ('batch', 784)
    """
    variable = Variable(Spec.of(shape, dtype), "input", capture(), name=check_name(name))
    variable.tex = tex
    return variable


def parameter(name: str, value: Any, trainable: bool = True, dtype: Any = None, tex: str = "") -> Variable:
    """Declare a value that the engine keeps from run to run, and that optimisers update.

    Parameters
    ----------
    name : str
        Prefixed with the open scopes: `encoder.weight`.
    value : array_like
        The initial value; Python floats become float32, NumPy arrays keep their dtype.
    trainable : bool
        Whether `optimizer.minimize` updates it.

    Examples
    --------
    >>> import graph_engine as ge
    >>> W = ge.parameter("W", [[1.0, 2.0]])
    >>> W.shape, W.dtype, W.trainable
    ((1, 2), 'float32', True)
    """
    data = as_data(value, dtype)
    full = ".".join((*_context.get().scope, check_name(name)))
    variable = Variable(_spec_of(data), "parameter", capture(), name=full, data=data, trainable=trainable)
    variable.tex = tex
    return variable


def constant(value: Any, name: str | None = None, dtype: Any = None) -> Variable:
    """Declare a value that never changes.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.constant([1, 2, 3])
    <constant constant: int64(3,)>
    """
    data = as_data(value, dtype)
    name = None if name is None else check_name(name)
    return Variable(_spec_of(data), "constant", _context.get().source or capture(), name=name, data=data)


@contextmanager
def scope(name: str) -> Iterator[None]:
    """Put what is declared inside into a named group.

    Examples
    --------
    >>> import graph_engine as ge
    >>> with ge.scope("encoder"):
    ...     W = ge.parameter("W", 1.0)
    >>> W.name
    'encoder.W'
    """
    current = _context.get()
    with building(dataclasses.replace(current, scope=(*current.scope, check_name(name)))):
        yield


@contextmanager
def building(context: Context) -> Iterator[None]:
    """Declare under another context."""
    token = _context.set(context)
    try:
        yield
    finally:
        _context.reset(token)


def current_context() -> Context:
    """Return what is current."""
    return _context.get()


def check_name(name: object) -> str:
    """Return the name, if it is one."""
    if not isinstance(name, str) or not name.strip():
        raise DeclarationError(f"a name is a text that is not empty, not {name!r}")
    return name


# ---- values in the place of variables --------------------------------------------------------------------------


def as_variables(values: Sequence[Operand]) -> tuple[Variable, ...]:
    """Turn operands into variables; Python scalars take the dtype of the others.

    `numpy.float64` scalars are Python floats, and so are weak like them (`x * numpy.sqrt(2)` stays float32).
    """
    if all(isinstance(value, Variable) for value in values):
        return tuple(values)
    try:
        strong = [_strong_dtype(value) for value in values if not _is_weak(value)]
        dtype = promote(*strong) if strong else None
        return tuple(_as_variable(value, dtype) for value in values)
    except GraphEngineError as error:
        raise error.located("used at", capture().line) from None


def _as_variable(value: Operand, dtype: str | None) -> Variable:
    if isinstance(value, Variable):
        return value
    made = constant(value, dtype=_weak_dtype(value, dtype) if _is_weak(value) else None)
    made.source = made.source._replace(inner=True)  # the name that the line assigns belongs to the result
    return made


def _is_weak(value: object) -> bool:
    return isinstance(value, (bool, int, float))


def _strong_dtype(value: Operand) -> str:
    return value.dtype if isinstance(value, Variable) else as_data(value).dtype.name


def _weak_dtype(value: object, dtype: str | None) -> str:
    own = "bool" if isinstance(value, bool) else DEFAULT_INTEGER if isinstance(value, int) else DEFAULT_FLOAT
    order = ("bool", "integer", "float")
    if dtype is None or order.index(kind(dtype)) < order.index(kind(own)):
        return own
    return dtype


def as_data(value: Any, dtype: Any = None) -> np.ndarray[Any, Any]:
    """Turn numbers, lists or an array into a read-only NumPy array of a dtype of this engine.

    Python floats become float32, integers int64; NumPy arrays keep their dtype.
    """
    if isinstance(value, Variable):
        raise DeclarationError(
            f"{value.name!r} is a variable of the graph, not a value", "run the graph first: engine.run(v)"
        )
    if isinstance(value, float):  # numpy.float64 is one too
        wanted = DEFAULT_FLOAT
    else:
        wanted = None
    try:
        array = np.array(value, dtype=as_dtype(dtype) if dtype is not None else wanted)
    except (ValueError, TypeError, OverflowError) as error:
        raise DeclarationError(f"{_short(value)} cannot be made an array: {error}") from None
    if array.dtype.name == "float64" and dtype is None and not hasattr(value, "dtype"):
        array = array.astype(DEFAULT_FLOAT)
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise DTypeError(
            f"{_short(value)} holds {array.dtype}, not numbers of a dtype of this engine",
            "give bools, integers or real numbers of 64 bits at most",
        )
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    array.flags.writeable = False
    return array


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) < 80 else text[:77] + "..."


def _spec_of(array: np.ndarray[Any, Any]) -> Spec:
    return Spec(array.shape, array.dtype.name)


# ---- small helpers ---------------------------------------------------------------------------------------------


def _gradient_name(gradient: GradientOf) -> str:
    target, order = gradient.variable, 1
    while target._name is None and target.gradient is not None:  # grad(grad(w)), without recursion
        target, order = target.gradient.variable, order + 1
    via = f" via {gradient.operation.name}" if gradient.partial and gradient.operation is not None else ""
    return "grad(" * order + target.name + via + ")" * order


def _bind_value(value: Any, names: Mapping[str, int]) -> Any:
    if isinstance(value, Dim):
        return evaluate(value, names)
    if isinstance(value, tuple):
        bound = tuple(_bind_value(item, names) for item in value)
        return bound if any(a is not b for a, b in zip(bound, value, strict=True)) else value
    return value


def require_shape(spec: Spec, shape: tuple[int | Dim, ...], what: str) -> None:
    """Raise where a spec has another shape."""
    if spec.shape != shape:
        raise ShapeError(f"{what} has shape {show_shape(spec.shape)}, not {show_shape(shape)}")


