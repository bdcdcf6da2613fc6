"""The values of parameters on one backend."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Mapping
from functools import partial
from threading import RLock
from typing import Any

from graph_engine.backend import Backend
from graph_engine.node import Variable


class ParameterStore:
    """Keeps the value of each parameter as long as somebody holds the parameter: a graph, a step, the user.

    Attributes
    ----------
    lock : RLock
        Held from reading values to committing new ones, so that steps in several threads lose no update.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._values: dict[int, Any] = {}
        self._parameters: dict[int, tuple[weakref.ref[Variable], ...]] = {}
        self.lock = RLock()

    def get(self, parameter: Variable) -> Any:
        """Return the value of a parameter; the first time, its initial value is uploaded."""
        value = self._values.get(id(parameter))
        if value is None and parameter.data is not None:
            value = self._backend.asarray(parameter.data)
            self.commit({parameter: value})
        return value

    def values(self, parameters: Iterable[Variable]) -> list[Any]:
        """Return the values of some parameters, in their order."""
        return [self.get(parameter) for parameter in parameters]

    def commit(self, new: Mapping[Variable, Any]) -> None:
        """Take over new values, all of them in one call that no interrupt can divide."""
        for parameter in new:
            self._watch(parameter)
        self._values.update({id(parameter): value for parameter, value in new.items()})

    def parameters(self) -> tuple[Variable, ...]:
        """Return the parameters that are kept, in the order in which they were met."""
        found = [reference() for reference, _ in list(self._parameters.values())]
        return tuple(parameter for parameter in found if parameter is not None)

    def _watch(self, parameter: Variable) -> None:
        """Forget a parameter with the last one who holds it: by methods of dictionaries, which no interrupt divides."""
        key = id(parameter)
        if key not in self._parameters:
            forget = [partial(kept.pop, key) for kept in (self._values, self._parameters)]
            self._parameters[key] = tuple([weakref.ref(parameter, each) for each in forget])
