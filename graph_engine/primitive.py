"""Primitive: something that can be done; and how one use of it is declared."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from graph_engine.context import current_context
from graph_engine.dims import Dim, evaluate
from graph_engine.errors import DeclarationError, GradientError, GraphEngineError, Undeclared
from graph_engine.node import Operand, Operation, Variable
from graph_engine.operands import as_variables
from graph_engine.source import Source, capture
from graph_engine.spec import Spec

if TYPE_CHECKING:
    from graph_engine.backend import Backend
    from graph_engine.graph import Graph

Cotangents = Sequence[Variable | None]  # None is zero


@dataclass(frozen=True, eq=False)
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

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((type(self), *sorted(vars(self).items())))

    # `*Any, **Any` is how mypy knows that subclasses name their own inputs
    def infer(self, *specs: Any, **_: Any) -> Spec | tuple[Spec, ...]:
        """Return the specs of the outputs from those of the inputs, or raise `ShapeError` or `DTypeError`."""
        raise NotImplementedError(f"{type(self).__name__} does not say what comes out: write its `infer`")

    def kernel(self, *arrays: Any, **_: Any) -> Any:
        """Compute with an array-API namespace, given first; return an array, or a tuple of them."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it computes: write its `kernel`")

    def vjp(self, operation: Operation, cotangents: Cotangents, wanted: Sequence[bool]) -> Cotangents:
        """Build the gradient of each input that is wanted from those of the outputs; None is zero."""
        raise GradientError(f"{self.name} has no derivative rule", "give its class a `vjp`, or use ge.stop_gradient")

    def local_derivatives(self, operation: Operation) -> Sequence[str | None]:
        """Return, for each input, what a picture shows at its port.

        A factor in the placeholders of the formula and `{y}` for the output (`"{x2}"` for a product), or with `{d}`
        for the upstream gradient, a whole rule (`"{d} {x2}ᵀ"` for a matrix product).
        """
        return [None] * len(operation.inputs)

    def notes(self, operation: Operation) -> Sequence[str]:
        """Return short lines that a picture shows under the symbol: `"3x3, stride 2"`, `"(28 - 3)/2 + 1 = 13"`."""
        return ()

    @property
    def bodies(self) -> tuple[Graph, ...]:
        """The graphs that it computes inside of itself (`scan`)."""
        return ()

    def lowered(self, backend: Backend) -> Callable[..., Any]:
        """Return what computes it on a backend that has no kernel of its own for it."""
        return partial(self.kernel, backend.xp)

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


def apply(primitive: Primitive, inputs: tuple[Variable, ...], inner: bool = False) -> Any:
    """Declare one operation.

    Parameters
    ----------
    primitive : Primitive
    inputs : tuple of Variable
    inner : bool
        True when the user's line does not assign the result (an inserted conversion, say).
    """
    context = current_context()
    source = context.source or capture(inner)
    try:
        specs = check_inferred(primitive.infer(*[v.spec for v in inputs]))
    except Exception as error:
        raise _refused(primitive, inputs, source, error) from (
            None if isinstance(error, GraphEngineError) else error
        )
    return Operation(primitive, inputs, context, source).give(specs)


def check_inferred(specs: Any) -> Spec | tuple[Spec, ...]:
    """Return what `infer` returned, if it is a spec or a tuple of them."""
    if isinstance(specs, Spec) or (isinstance(specs, tuple) and all(isinstance(spec, Spec) for spec in specs)):
        return specs
    raise DeclarationError(f"its `infer` returned {specs!r}", "infer returns a ge.Spec, or a tuple of them")


def _refused(primitive: Primitive, inputs: tuple[Variable, ...], source: Source, error: Exception) -> GraphEngineError:
    shown = ", ".join(f"{v.name}: {v.spec}" for v in inputs)
    if isinstance(error, GraphEngineError):
        refused = type(error)(f"{primitive.name}({shown}): {error.message}", error.cure)
    else:
        refused = DeclarationError(f"{primitive.name}({shown}): {_reason(primitive, len(inputs), error)}")
    refused.undeclared = Undeclared(primitive.name, inputs, current_context().scope, source)
    return refused.located("declared at", source.line)


def _reason(primitive: Primitive, count: int, error: Exception) -> str:
    names = primitive.input_names
    if isinstance(error, TypeError) and count != len(names):  # Python's own message speaks of `infer` and of `self`
        return f"it takes {len(names)} inputs ({', '.join(names)}), not {count}"
    return f"{type(error).__name__}: {error}"


def _bind_value(value: Any, names: Mapping[str, int]) -> Any:
    if isinstance(value, Dim):
        return evaluate(value, names)
    if isinstance(value, tuple):
        bound = tuple(_bind_value(item, names) for item in value)
        return bound if any(a is not b for a, b in zip(bound, value, strict=True)) else value
    return value
