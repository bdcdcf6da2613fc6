"""What a screen knows of one run: when each thing is computed, where it is drawn, and its numbers, each asked once."""

from __future__ import annotations

import math
import os
from functools import cached_property
from typing import Any

import numpy as np

from graph_engine.backend import Backend
from graph_engine.errors import LookupFailed
from graph_engine.node import Variable
from graph_engine.trace import Trace
from graph_engine_viz.debugger.conditions import SIDES
from graph_engine_viz.debugger.meaning import moments_of
from graph_engine_viz.debugger.origins.reading import Reader
from graph_engine_viz.debugger.quantities import measure
from graph_engine_viz.summary import Summary, summarize
from graph_engine_viz.timeline import Timeline

__all__ = ["Looked", "Moment"]

Moment = list[int]
"""A step, and which of its primitives."""

GIVEN = (-1, 0)
"""The moment of what is there before the first step."""

LARGE = 1_000_000
"""Tensors of more elements are reduced where they live; their histogram is that of so many of them."""

_MOMENTS = ("min", "max", "mean", "std", "rms", "zeros", "nans", "infs")


class Looked:
    """One run, as a screen looks at it.

    Parameters
    ----------
    trace : Trace
    backend : Backend
        The one whose arrays the trace holds.
    """

    def __init__(self, trace: Trace, backend: Backend) -> None:
        self.trace = trace
        self.backend = backend
        self._summaries: dict[Variable, Summary] = {}
        self._rms: dict[Variable, float] = {}

    @cached_property
    def timeline(self) -> Timeline:
        """When each thing is known."""
        return Timeline(self.trace)

    @cached_property
    def reader(self) -> Reader:
        """What is known of its numbers where one asks why they are what they are."""
        return Reader(self.trace)

    @cached_property
    def moments(self) -> dict[Variable, Moment]:
        """When each result is computed; what is given has no moment."""
        return {v: list(moment) for v, moment in moments_of(self.trace.steps).items()}

    @cached_property
    def files(self) -> dict[str, str]:
        """The user's files, and what they are called on a page: without the folders that they are in."""
        return {step.line.file: os.path.basename(step.line.file) for step in self.trace.steps if step.line is not None}

    def told(self, text: str) -> str:
        """Return a text as a page shows it: it may be given to others, to whom this machine's folders say nothing."""
        for path, name in self.files.items():
            text = text.replace(path, name)
        return text

    def name(self, variable: Variable) -> str:
        """Return what a variable is called."""
        return self.trace.graph.name_of(variable)

    def moment(self, variable: Variable | None) -> Moment | None:
        """Return when a variable is known: (-1, 0) what is given, nothing for what the run did not reach."""
        if variable is None or variable not in self.trace.arrays:
            return None
        return list(GIVEN) if variable.operation is None else self.moments.get(variable)

    def computed(self, variable: Variable) -> Moment:
        """Return when a variable is computed: (-1, 0) what no step computes."""
        return self.moments.get(variable, list(GIVEN))

    def holder(self, variable: Variable, side: str) -> Variable | None:
        """Return the variable that holds a value, a gradient or a new value."""
        if side not in SIDES:
            raise LookupFailed(f"a variable has no {side!r}", f"it has {', '.join(SIDES)}")
        if side == "value":
            return variable
        return (self.trace.gradients if side == "grad" else self.trace.updates).get(variable)

    def array(self, variable: Variable, index: tuple[Any, ...] = ()) -> np.ndarray[Any, Any]:
        """Return a part of a variable's value as a NumPy array; only that part leaves its device."""
        array = self.trace.arrays[variable]
        return np.array(self.trace.to_numpy(array[index] if index else array))

    def rms(self, variable: Variable) -> float:
        """Return the root of the mean square."""
        if variable not in self._rms:
            with np.errstate(all="ignore"):
                found = measure(self.backend.xp, self.trace.arrays[variable], ["rms"], self.trace.to_numpy)
            self._rms[variable] = found["rms"]
        return self._rms[variable]

    def change(self, variable: Variable, new: Variable) -> float:
        """Return the root of the mean square of an update: the new value less the old one."""
        if not variable.size:
            return 0.0
        arrays = self.trace.arrays
        with np.errstate(all="ignore"):
            moved = arrays[new] - arrays[variable]
            return measure(self.backend.xp, moved, ["rms"], self.trace.to_numpy)["rms"]

    def summary(self, variable: Variable) -> Summary:
        """Return a variable's value in few numbers; a large one is reduced where it lives."""
        if variable not in self._summaries:
            array = self.trace.arrays[variable]
            large = math.prod(array.shape) > LARGE
            self._summaries[variable] = self._reduced(array) if large else summarize(self.trace.to_numpy(array))
        return self._summaries[variable]

    def _reduced(self, array: Any) -> Summary:
        size = math.prod(array.shape)
        with np.errstate(all="ignore"):
            found = measure(self.backend.xp, array, _MOMENTS, self.trace.to_numpy)
        flat = self.backend.xp.reshape(array, (-1,))
        sample = summarize(self.trace.to_numpy(flat[:: -(-size // LARGE)]))
        dtype = str(sample.dtype)
        if found["nans"] or found["infs"]:  # the moments are those of what is finite
            found |= {"min": sample.minimum, "max": sample.maximum, "mean": sample.mean}
            found |= {"std": sample.std, "rms": sample.rms}
        return Summary(
            tuple(array.shape), dtype, size, None, sample.histogram, found["mean"], found["std"], found["rms"],
            found["min"], found["max"], found["zeros"], round(found["nans"] * size), round(found["infs"] * size),
        )  # fmt: skip
