"""The flight recorder: what the last iterations of a training began with, so that each can be run again, anywhere.

Kept are the batches, random keys among them, and the values that the parameters and the optimiser's states had before
the step: references, since an update puts new arrays in their place. A recording is a folder with a trace file for each
iteration, which holds the graph and what was given, and nothing that can be computed from it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graph_engine.compiled import CompiledStep
from graph_engine.errors import DeclarationError, FileError
from graph_engine.feeds import bind_feeds
from graph_engine.node import Variable
from graph_engine.recent import Recent
from graph_engine.trace import Trace
from graph_engine_viz.debugger.recording import Reason, name_of, write_reason
from graph_engine_viz.debugger.rerun import rerun

__all__ = ["Iteration", "Recorder", "complete"]

_KEPT_SHAPES = 16


@dataclass(frozen=True)
class Iteration:
    """What one step of a training began with.

    Attributes
    ----------
    number : int
        Which one it was, counted from 0.
    given : mapping of Variable to array
        The values of inputs, parameters and constants.
    names : mapping of str to int
        What dimension names stood for.
    """

    number: int
    given: Mapping[Variable, Any]
    names: Mapping[str, int]


class Recorder:
    """Keeps what the last iterations of a step began with.

    Parameters
    ----------
    step : CompiledStep
    count : int
        How many iterations.
    """

    def __init__(self, step: CompiledStep, count: int) -> None:
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise DeclarationError(f"a recorder keeps a number of iterations from 1 on, not {count!r}")
        self.step = step
        self._kept: deque[Iteration] = deque(maxlen=count)
        backend = step.engine.backend
        self._constants = {v: backend.asarray(v.data) for v in step.graph.constants if v.data is not None}
        self._names: Recent[Any, dict[str, int]] = Recent(_KEPT_SHAPES)

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[Iteration]:
        """Go through the iterations, the oldest first."""
        return iter(tuple(self._kept))

    @property
    def last(self) -> Iteration:
        """The iteration that was noted last."""
        return self._kept[-1]

    def note(self, number: int, values: tuple[Any, ...]) -> Iteration:
        """Take down what an iteration begins with, before it is done; one that was undone is noted anew."""
        arrays, others = self.step.arrays(values, copy=True)
        graph, store = self.step.graph, self.step.engine.store
        shapes = (*[array.shape for array in arrays], *others)
        names = self._names.get(shapes)
        if names is None:
            names = self._names.put(shapes, bind_feeds(graph, arrays, others))
        given = dict(zip(graph.inputs, arrays, strict=True))
        given |= zip(graph.parameters, store.values(graph.parameters), strict=True)
        given |= self._constants
        if self._kept and self.last.number == number:
            self._kept.pop()
        self._kept.append(Iteration(number, given, names))
        return self.last

    def trace(self, iteration: Iteration) -> Trace:
        """Run an iteration again and keep everything; parameters stay as they are now."""
        return complete(self._begun(iteration), self.step.engine.backend)

    def again(self, iteration: Iteration) -> Callable[[], Trace]:
        """Return a function that runs an iteration again."""

        def run_again() -> Trace:
            return self.trace(iteration)

        return run_again

    def save(self, folder: Any, reason: Reason | None = None) -> list[Path]:
        """Write a file for each iteration, whose name says which, and what there is to say of why.

        Raises
        ------
        FileError
            Where one cannot be written.
        """
        path = Path(folder)
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FileError(f"{path} cannot be made: {error}") from error
        written = []
        for iteration in self:
            written.append(path / name_of(iteration.number))
            self._begun(iteration).save(written[-1])
        if reason is not None:
            write_reason(path, reason, [iteration.number for iteration in self])
        return written

    def _begun(self, iteration: Iteration) -> Trace:
        step = self.step
        return Trace(
            step.graph, step.outputs, *step.main_gradients(), step.updates, iteration.given,
            step.engine.backend.to_numpy, iteration.names,
        )  # fmt: skip


def complete(trace: Trace, backend: Any) -> Trace:
    """Compute what a trace does not hold, which may be everything but what was given."""
    return rerun(trace, {}, backend)
