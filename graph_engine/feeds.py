"""Feeds: what a user gives, checked and brought to the backend, before anything runs."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from graph_engine.backend import Backend
from graph_engine.errors import FeedError, GraphEngineError
from graph_engine.graph import Graph
from graph_engine.node import Variable
from graph_engine.source import SourceLine
from graph_engine.spec import NUMBER_KINDS, NUMPY_DTYPES, Shape, bind_names, kind, show_shape

_KIND_OF = {"b": "bool", "i": "integer", "u": "integer", "f": "float"}  # by the letter that NumPy has for it


class Fed(NamedTuple):
    """The shape that an input was fed: it may say what dimension names stand for."""

    name: str
    declared: Shape
    actual: tuple[int, ...]
    line: SourceLine | None


def arrange(
    backend: Backend, graph: Graph, feeds: Mapping[Any, Any], copy: bool = False
) -> tuple[list[Any], tuple[Fed, ...]]:
    """Return the arrays of a graph's inputs, in their order, and what else was fed that may bind dimension names.

    Parameters
    ----------
    backend : Backend
    graph : Graph
    feeds : mapping
        By variable or by name.
    copy : bool
        Whether the arrays must share no memory with what was fed.
    """
    if not isinstance(feeds, Mapping):
        raise FeedError(f"feeds are a dictionary {{input: value}}, not {feeds!r}")
    found: dict[Variable, Any] = {}
    for key, value in feeds.items():
        variable = _input_of(graph, key)
        if variable in found:
            raise FeedError(f"{variable.name!r} is fed twice, by variable and by name")
        found[variable] = value
    missing = [v for v in graph.inputs if v not in found]
    if missing:
        names = ", ".join(repr(v.name) for v in missing)
        raise FeedError(f"no value was fed for {names}", "run(f, {x: value, ...})").located(
            "declared at", missing[0].line
        )
    arrays = [upload(backend, v, found[v], copy) for v in graph.inputs]
    if len(found) == len(arrays):
        return arrays, ()
    needed = set(graph.inputs)
    return arrays, tuple(only_shape(variable, value) for variable, value in found.items() if variable not in needed)


def only_shape(variable: Variable, value: Any) -> Fed:
    """Return the shape of what was fed to an input that is not computed with: it may bind dimension names."""
    array = value if isinstance(getattr(value, "shape", None), tuple) else _as_array(variable, value)
    return Fed(variable.name, variable.shape, tuple(array.shape), variable.line)


def _input_of(graph: Graph, key: Any) -> Variable:
    if isinstance(key, Variable):
        if key.kind == "input":
            return key
        cures = {
            "parameter": "engine.set_value(parameter, value) changes a parameter",
            "result": "it is computed; only inputs are fed",
            "constant": "it never changes; declare it with ge.input to feed it",
        }
        raise FeedError(f"{key.name!r} is a {key.kind}, not an input", cures[key.kind]).located(
            "declared at", key.line
        )
    for variable in graph.inputs:
        if variable.name == key:
            return variable
    close = difflib.get_close_matches(str(key), [v.name for v in graph.inputs], n=1)
    guess = f"did you mean {close[0]!r}? " if close else ""
    known = ", ".join(repr(v.name) for v in graph.inputs) or "none"
    raise FeedError(f"no input is called {key!r}", f"{guess}inputs are {known}")


def upload(backend: Backend, variable: Variable, value: Any, copy: bool = False) -> Any:
    """Bring one value to the backend, in the variable's dtype.

    Raises
    ------
    FeedError
        Where it is of another device, is no array of numbers, or of a kind that does not go into the variable.
    """
    if isinstance(value, np.ndarray):
        if value.dtype == NUMPY_DTYPES[variable.dtype] and backend.is_array(value):
            return backend.copy(value) if copy else backend.contiguous(value)
    elif backend.is_array(value):
        return _cast_on_device(backend, variable, value, copy)
    return backend.asarray(_cast(variable, _as_array(variable, value)))


def _as_array(variable: Variable, value: Any) -> np.ndarray[Any, Any]:
    _refuse_foreign(variable, value)
    if isinstance(value, np.ma.MaskedArray):
        raise _no_numbers(variable, "a masked array; value.filled(...) gives its masked places a number")
    try:
        array = np.asarray(value)
    except Exception as error:  # whatever a stranger's __array__ raises
        ragged = "inhomogeneous" in str(error)
        what = "rows of different lengths" if ragged else getattr(error, "message", error)
        raise _no_numbers(variable, what) from None
    if array.dtype.kind not in _KIND_OF:
        raise _no_numbers(variable, f"{array.dtype} of shape {show_shape(array.shape)}")
    return array


def _no_numbers(variable: Variable, what: object) -> GraphEngineError:
    error = FeedError(f"{variable.name!r} was fed something else than numbers: {what}")
    return error.located("declared at", variable.line)


def _cast(variable: Variable, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    _check_kind(variable, _KIND_OF[array.dtype.kind])
    dtype = NUMPY_DTYPES[variable.dtype]
    if array.dtype == dtype:
        return array
    if variable.spec.is_float:
        with np.errstate(all="ignore"):
            return array.astype(dtype)
    cast = array.astype(dtype)
    if not np.array_equal(cast, array):
        raise FeedError(
            f"{variable.name!r} is {variable.dtype}, which does not hold {array.min()} to {array.max()}"
        ).located("declared at", variable.line)
    return cast


def _cast_on_device(backend: Backend, variable: Variable, value: Any, copy: bool) -> Any:
    dtype = backend.dtype_name(value)
    if dtype == variable.dtype:
        return backend.copy(value) if copy else backend.contiguous(value)
    _check_kind(variable, kind(dtype))
    return backend.contiguous(backend.xp.astype(value, getattr(backend.xp, variable.dtype)))


def _check_kind(variable: Variable, given: str) -> None:
    wanted = kind(variable.dtype)
    if NUMBER_KINDS.index(given) > NUMBER_KINDS.index(wanted):
        raise FeedError(
            f"{variable.name!r} is {variable.dtype}, and was fed {given} numbers",
            "convert them first, or declare the input with another dtype",
        ).located("declared at", variable.line)


def _refuse_foreign(variable: Variable, value: Any) -> None:
    """Refuse arrays that live on another device: transfers are the user's to make."""
    if isinstance(value, (np.ndarray, np.generic)) or not hasattr(value, "__dlpack_device__"):
        return
    try:
        device = int(value.__dlpack_device__()[0])
    except Exception as error:  # an array without data, say
        raise _no_numbers(variable, f"{type(value).__name__}: {error}") from None
    if device != 1:  # kDLCPU of the DLPack standard
        raise FeedError(
            f"{variable.name!r} was fed an array of {type(value).__module__} on another device",
            "move it to this engine's backend, or to NumPy, first",
        ).located("declared at", variable.line)


def bind_feeds(graph: Graph, arrays: Sequence[Any], others: Sequence[Fed] = ()) -> dict[str, int]:
    """Find what the dimension names stand for; refuse shapes that do not fit, with the input's line."""
    fed = [Fed(v.name, v.shape, tuple(a.shape), v.line) for v, a in zip(graph.inputs, arrays, strict=True)]
    fed += others
    try:
        return bind_names((name, declared, actual) for name, declared, actual, _ in fed)
    except FeedError as error:
        for name, _, _, line in fed:
            if repr(name) in error.message:
                error.located(f"{name!r} declared at", line)
        raise


def check_parameter_value(parameter: Variable, array: Any) -> Any:
    """Return the array, if it has the shape of the parameter."""
    if tuple(array.shape) != parameter.shape:
        raise FeedError(
            f"{parameter.name!r} has shape {show_shape(parameter.shape)}, not {show_shape(array.shape)}"
        ).located("declared at", parameter.line)
    return array
