"""Run: a training under way, which is what callbacks are handed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from graph_engine.compiled import CompiledStep
from graph_engine.declaring import refused
from graph_engine.engine import Engine
from graph_engine.errors import DeclarationError, GraphEngineError
from graph_engine.node import Variable
from graph_engine.source import capture
from graph_engine.training.evaluation import Evaluation
from graph_engine.training.history import History
from graph_engine.training.metrics import RunningMeans, batch_arrays, count_samples

if TYPE_CHECKING:
    from graph_engine.training.callbacks import Callback

Array = np.ndarray[Any, Any]
Validation = Callable[[], Mapping[str, float]]
Step = CompiledStep | tuple[CompiledStep, int]
_MOST_SHOWN = 32


class Run:
    """A training under way: what callbacks are handed.

    Attributes
    ----------
    engine : Engine
    batches : iterable
        The training data.
    epochs : int
        How many epochs there shall be.
    epoch : int
        How many are complete.
    position : int
        How many batches of the epoch under way are done.
    step : int
        How many batches are done, over all epochs.
    means : RunningMeans
        What has been measured in the epoch under way.
    history : History
        What was measured in each complete epoch.
    stopped : str
        Why the training ends before its last epoch; empty: it does not.
    finished : bool
        Whether it came to its end; in `on_end`, False tells of an error or an interrupt.
    """

    def __init__(
        self,
        steps: Step | Sequence[Step] | Mapping[str, Step],
        batches: Any,
        epochs: int,
        validation: Validation | None = None,
        callbacks: Sequence[Callback] = (),
        guards: Sequence[str] = (),
        debug: Callable[[CompiledStep], Callable[..., Any]] | None = None,
    ) -> None:
        if isinstance(epochs, bool) or not hasattr(epochs, "__index__") or epochs < 0:
            raise refused(f"epochs are a number from 0 on, not {epochs!r}")
        if not hasattr(batches, "__iter__") or hasattr(batches, "__next__"):
            raise refused(
                f"batches are gone through once an epoch, which {type(batches).__name__!r} does not allow",
                "give ge.data.batches(...), a list, or any object whose __iter__ begins anew",
            )
        if validation is not None and not callable(validation):
            raise refused(
                f"a validation is called after each epoch, and {type(validation).__name__!r} cannot be",
                "ge.training.Evaluation(engine, inputs, {name: variable}, batches)",
            )
        guards = (guards,) if isinstance(guards, str) else tuple(guards)
        self._steps = [(name, step.with_guards(guards), times) for name, step, times in _named_steps(steps)]
        self._metrics = _metric_names(self._steps)
        self.engine: Engine = self._steps[0][1].engine
        if any(step.engine is not self.engine for _, step, _ in self._steps):
            raise refused("the steps were compiled by different engines")
        self._called = [(name, _watched(step, debug), times) for name, step, times in self._steps]
        self.batches = batches
        self.validation = validation
        self.callbacks = sorted(callbacks, key=lambda callback: callback.last)
        self.epochs = int(epochs)
        self.epoch = self.position = self.step = 0
        self.data_epoch = getattr(batches, "epoch", 0)
        self.means = RunningMeans()
        self.history = History()
        self.stopped = ""
        self.finished = False
        self.parameters = _by_name(self._steps, validation)

    # ---- what the loop does ------------------------------------------------------------------------------------

    @contextmanager
    def under_way(self) -> Iterator[None]:
        """Tell callbacks of the end in any case, and what debugs a step of any error that is raised in here."""
        with ExitStack() as debugging:
            for _, called, _ in self._called:
                if isinstance(called, AbstractContextManager):
                    debugging.enter_context(called)
            try:
                yield
            finally:
                self.call("on_end")

    def rest_of_epoch(self) -> Iterator[Any]:
        """Give the batches of the epoch under way that have not been used yet, and count them."""
        self.data_epoch = getattr(self.batches, "epoch", self.epoch)
        goes_on = hasattr(self.batches, "position")  # then it leaves out by itself what was seen
        yield from islice(self.batches, 0 if goes_on else self.position, None)
        if not self.position:
            raise refused(f"there are no batches to train on: {self.batches!r}")

    def take(self, batch: Any) -> None:
        """Do each step on a batch; an error says where the training was."""
        name = ""
        try:
            arrays = batch_arrays(batch)
            samples = count_samples(arrays)
            for name, step, times in self._called:
                for _ in range(times):
                    self._measure(name, step(*arrays), samples)
        except GraphEngineError as error:
            error.message = f"{self._where(name)}: {error.message}"
            if not error.lines:
                error.located("trained at", capture().line)
            raise
        self.position += 1
        self.step += 1

    def end_epoch(self) -> None:
        """Validate, and note what was measured."""
        measured = self.validation() if self.validation is not None else {}
        self.history.add(self.means.values(), measured)
        self.means.clear()
        self.epoch, self.position = self.epoch + 1, 0
        self.data_epoch = getattr(self.batches, "epoch", self.epoch)

    def call(self, hook: str) -> None:
        """Call a method of each callback."""
        for callback in self.callbacks:
            getattr(callback, hook)(self)

    # ---- what callbacks use ------------------------------------------------------------------------------------

    def stop(self, why: str) -> None:
        """End the training after this epoch."""
        self.stopped = why

    def metric_names(self) -> list[str]:
        """Return what is measured in each epoch, as far as it is known before the first."""
        measured = self.validation.outputs if isinstance(self.validation, Evaluation) else ()
        return list(dict.fromkeys([name for names in self._metrics.values() for name in names] + list(measured)))

    def snapshot(self) -> dict[str, Array]:
        """Return the values of all parameters: weights, what optimisers keep, counts, statistics."""
        engine = self.engine
        return {name: engine.backend.to_numpy(engine.value(p)) for name, p in self.parameters.items()}

    def restore(self, snapshot: Mapping[str, Array]) -> None:
        """Set all parameters to what they were, all at once."""
        asarray = self.engine.backend.asarray
        self.engine.store.commit({self.parameters[name]: asarray(array.copy()) for name, array in snapshot.items()})

    # ---- inside ------------------------------------------------------------------------------------------------

    def _measure(self, name: str, results: Any, samples: int) -> None:
        values = results if isinstance(results, tuple) else (results,)
        for metric, value in zip(self._metrics[name], values, strict=True):
            self.means.add(metric, float(self.engine.backend.to_numpy(value)), samples)

    def _where(self, name: str) -> str:
        """Say which epoch, step and samples are being worked on."""
        parts = [f"epoch {self.epoch + 1}", f"batch {self.position + 1} (step {self.step + 1} of the training)"]
        if name:
            parts.append(f"in {name!r}")
        if hasattr(self.batches, "indices"):
            found = [int(i) for i in self.batches.indices(self.data_epoch, self.position)]
            rest = f", ... {len(found) - _MOST_SHOWN} more" if len(found) > _MOST_SHOWN else ""
            parts.append(f"samples {', '.join(map(str, found[:_MOST_SHOWN]))}{rest}")
        return ", ".join(parts)


def _named_steps(steps: Any) -> list[tuple[str, CompiledStep, int]]:
    """Read one step, several, or several with names; each with how many times it is done on a batch."""
    if isinstance(steps, CompiledStep) or _is_repeated(steps):
        steps = [steps]
    if not isinstance(steps, (Mapping, list, tuple)) or not steps:
        raise _no_steps(steps)
    named = steps.items() if isinstance(steps, Mapping) else (("", step) for step in steps)
    found = []
    for number, (name, entry) in enumerate(named, start=1):
        step, times = entry if _is_repeated(entry) else (entry, 1)
        if not isinstance(step, CompiledStep):
            raise _no_steps(entry)
        if isinstance(times, bool) or times < 1:
            raise refused(f"a step is done once or more often on a batch, not {times!r} times")
        found.append((str(name) or ("" if len(steps) == 1 else str(number)), step, times))
    return found


def _watched(step: CompiledStep, debug: Callable[[CompiledStep], Any] | None) -> Callable[..., Any]:
    """Return what is called in the place of a step: itself, where nobody watches."""
    if debug is None:
        return step
    found: Callable[..., Any] = debug(step) if callable(debug) else debug
    if not callable(debug) or not callable(found):
        raise refused(
            f"debug is given a step, and returns what is called in its place; {found!r} cannot be called",
            'debug=viz.attach(watch="isnan")',
        )
    return found


def _is_repeated(entry: Any) -> bool:
    return isinstance(entry, tuple) and len(entry) == 2 and isinstance(entry[0], CompiledStep) and type(entry[1]) is int


def _no_steps(what: object) -> GraphEngineError:
    return refused(
        f"{what!r} is no step", "give engine.compile(...), (step, times), or several of them: a list, or {name: step}"
    )


def _metric_names(steps: Sequence[tuple[str, CompiledStep, int]]) -> dict[str, list[str]]:
    """Name what each step returns: what it minimises, or all it returns, is its loss; others keep their names."""
    found: dict[str, list[str]] = {}
    for name, step, _ in steps:
        for output in step.outputs:
            if output.size != 1:
                raise DeclarationError(
                    f"{output.name!r} is {output.spec}; a step that is trained returns single numbers", "take a mean"
                ).located("declared at", output.line)
        loss = step.outputs[0] if len(step.outputs) == 1 else step.loss
        names = ["loss" if output is loss else output.name for output in step.outputs]
        found[name] = [f"{name}.{metric}" if name else metric for metric in names]
        if len(set(names)) < len(names):
            raise refused(f"two outputs of a step have one name: {', '.join(names)}", "v.named(...)")
    return found


def _by_name(
    steps: Sequence[tuple[str, CompiledStep, int]], validation: Validation | None
) -> dict[str, Variable]:
    """Name all parameters; where several have one name, by the order in which they come too."""
    found = [parameter for _, step, _ in steps for parameter in step.parameters]
    found += validation.step.parameters if isinstance(validation, Evaluation) else ()
    named: dict[str, Variable] = {}
    for parameter in dict.fromkeys(found):
        name, number = parameter.name, 1
        while name in named:
            number += 1
            name = f"{parameter.name}#{number}"
        named[name] = parameter
    return named
