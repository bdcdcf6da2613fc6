"""Inputs, parameters and constants; and what a user may write in the place of a variable: numbers, lists, arrays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from graph_engine.context import check_name, current_context
from graph_engine.declaring import located
from graph_engine.dims import Dim
from graph_engine.errors import DeclarationError, DTypeError, GraphEngineError
from graph_engine.node import Operand, Variable
from graph_engine.source import capture
from graph_engine.spec import DEFAULT_FLOAT, DEFAULT_INTEGER, NUMBER_KINDS, Spec, as_dtype, kind, promote


@located
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


@located
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
    dtype : str, optional
        By default what the value says.
    tex : str
        How pictures typeset the name.

    Examples
    --------
    >>> import graph_engine as ge
    >>> W = ge.parameter("W", [[1.0, 2.0]])
    >>> W.shape, W.dtype, W.trainable
    ((1, 2), 'float32', True)
    """
    data = as_data(value, dtype)
    full = ".".join((*current_context().scope, check_name(name)))
    variable = Variable(_spec_of(data), "parameter", capture(), name=full, data=data, trainable=trainable)
    variable.tex = tex
    return variable


@located
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
    return Variable(_spec_of(data), "constant", current_context().source or capture(), name=name, data=data)


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
    made.source = made.source.as_inner()  # the name that the line assigns belongs to the result
    return made


def _is_weak(value: object) -> bool:
    return isinstance(value, (bool, int, float))


def _strong_dtype(value: Operand) -> str:
    return value.dtype if isinstance(value, Variable) else as_data(value).dtype.name


def _weak_dtype(value: object, dtype: str | None) -> str:
    own = "bool" if isinstance(value, bool) else DEFAULT_INTEGER if isinstance(value, int) else DEFAULT_FLOAT
    if dtype is None or NUMBER_KINDS.index(kind(dtype)) < NUMBER_KINDS.index(kind(own)):
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
    if isinstance(value, Dim):
        raise DeclarationError(
            f"how large {str(value)!r} is is known only when the graph runs",
            "ge.full((), x.shape[i], 'float32') declares it as a value; ge.mean divides by it",
        )
    wanted: str | None = None
    if dtype is not None:
        wanted = as_dtype(dtype)
    elif isinstance(value, float):  # numpy.float64 is one too
        wanted = DEFAULT_FLOAT
    try:
        with np.errstate(all="ignore"):
            array = np.array(value, dtype=wanted)
    except (ValueError, TypeError, OverflowError) as error:
        raise DeclarationError(f"{_short(value)} cannot be made an array: {error}") from None
    if array.dtype.name == "float64" and dtype is None and not hasattr(value, "dtype"):
        with np.errstate(all="ignore"):
            array = array.astype(DEFAULT_FLOAT)
    if isinstance(value, float) and math.isfinite(value) and not np.isfinite(array):
        raise DTypeError(f"{value} is too large for {array.dtype}", "use float64: ge.astype(x, 'float64')")
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
