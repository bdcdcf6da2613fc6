"""Checkpoints: the values of parameters, by their full names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graph_engine.errors import FileError, NameClashError
from graph_engine.files.tensors import read_tensors, write_tensors
from graph_engine.node import Variable
from graph_engine.spec import show_shape

Array = np.ndarray[Any, Any]

FORMAT = "graph_engine.parameters"
VERSION = 1
_MOST_NAMED = 10


def save_parameters(values: Mapping[Variable, Array], path: Any) -> None:
    """Write the values of parameters to a file, under their full names.

    Raises
    ------
    NameClashError
        Where two parameters have one name.
    FileError
        Where the file cannot be written; what was there before is unchanged.
    """
    named = _by_name(tuple(values))
    write_tensors(path, {name: values[variable] for name, variable in named.items()}, FORMAT, VERSION)


def load_parameters(path: Any, wanted: Sequence[Variable]) -> dict[Variable, Array]:
    """Read the values of exactly these parameters.

    Raises
    ------
    FileError
        Where the file holds another model's parameters, or is damaged.
    """
    named = _by_name(tuple(wanted))
    found = read_tensors(path, FORMAT, VERSION)
    check_model(path, named, found)
    return {parameter: found[name] for name, parameter in named.items()}


def check_model(path: Any, named: Mapping[str, Variable], found: Mapping[str, Array]) -> None:
    """Refuse a file that does not hold exactly these parameters, by all that differs."""
    problems = [f"{name!r} is missing" for name in named if name not in found]
    problems += [f"{name!r} is not a parameter of this model" for name in found if name not in named]
    for name, parameter in named.items():
        if name in found:
            problems += _misfit(parameter, found[name])
    if problems:
        rest = [f"... and {len(problems) - _MOST_NAMED} more"] if len(problems) > _MOST_NAMED else []
        shown = "\n".join(f"  {problem}" for problem in [*problems[:_MOST_NAMED], *rest])
        raise FileError(f"{path} is a checkpoint of another model:\n{shown}", "nothing was changed")


def _misfit(parameter: Variable, array: Array) -> list[str]:
    if (array.shape, array.dtype.name) == (parameter.shape, parameter.dtype):
        return []
    return [f"{parameter.name!r} is {parameter.spec}, but {array.dtype}{show_shape(array.shape)} in the file"]


def _by_name(parameters: Sequence[Variable]) -> dict[str, Variable]:
    named: dict[str, Variable] = {}
    for parameter in parameters:
        other = named.setdefault(parameter.name, parameter)
        if other is not parameter:
            raise NameClashError(
                f"two parameters are called {parameter.name!r}, so a file cannot tell them apart",
                "say which to save: engine.save(path, parameters=ge.Graph(loss).parameters)",
                (("declared at", other.line), ("declared at", parameter.line)),
            )
    return named
