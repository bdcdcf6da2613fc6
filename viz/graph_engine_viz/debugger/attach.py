"""Attaching to a training: a compiled step that is watched while it runs at full speed.

What the watchpoints ask for is computed by the compiled step itself, as one more output, so that the device is waited
for once a step. The iteration at which a condition holds is undone, and stood at in a session.
"""

from __future__ import annotations

import itertools
import logging
import shlex
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from weakref import WeakSet

import numpy as np

from graph_engine.compiled import CompiledStep
from graph_engine.errors import DeclarationError, FileError, GraphEngineError
from graph_engine.node import Variable
from graph_engine.source import warn
from graph_engine_viz.debugger.conditions import Condition
from graph_engine_viz.debugger.measuring import Questions
from graph_engine_viz.debugger.recorder import Iteration, Recorder
from graph_engine_viz.debugger.recording import Reason, stand_where_it_holds
from graph_engine_viz.debugger.session import Session
from graph_engine_viz.debugger.watching import Known, words

__all__ = ["Stopped", "WatchedStep", "attach"]

MOST_SAID = 3
_DIRECTLY = ("not isfinite",)
_log = logging.getLogger(__name__)
_written: WeakSet[BaseException] = WeakSet()  # errors of steps, with what led to them: other steps add nothing


class Stopped(GraphEngineError, RuntimeError):
    """A training that was stopped by a watchpoint, or at the iteration that was asked for; the step was undone.

    Attributes
    ----------
    session : Session
        Stands where the condition began to hold.
    iteration : int
    reason : Reason
        What held, and for what.
    """

    def __init__(self, reason: Reason, cure: str, session: Session) -> None:
        super().__init__(reason.text, cure)
        self.session, self.trace = session, session.trace
        self.reason, self.iteration = reason, reason.iteration


def attach(
    step: CompiledStep | None = None,
    watch: str | Sequence[str] = _DIRECTLY,
    of: Variable | str | Iterable[Variable | str] | None = None,
    *,
    at: int | None = None,
    record: int = 3,
    folder: Any = None,
    on_stop: Callable[[Session], object] | None = None,
) -> Any:
    """Watch a training step while it runs; called as the step itself.

    Parameters
    ----------
    step : CompiledStep, optional
        Left out, what is returned takes it: `ge.train(step, data, epochs, debug=viz.attach(watch="isnan"))`.
    watch : str or sequence of str
        Conditions on values, gradients and updates: `isnan`, `grad.rms < 1e-6`, `update.norm / value.norm > 0.1`. By
        default, anything that is not finite.
    of : Variable, str, or several, optional
        What is watched: variables, names of variables, scopes (what is computed there, and its parameters). By default
        the outputs and all parameters that are updated by a gradient.
    at : int, optional
        Stop at this iteration, counted from 0 since it was attached, in any case.
    record : int
        The batches, keys, parameters and states of so many iterations are kept, the one that stopped among them.
    folder : path, optional
        Where they are written when a condition holds or a step fails; `graph-engine debug` opens them. In `ge.train`,
        and in `with attach(step, folder=...) as watched:`, also when any other error or Ctrl-C ends the training.
    on_stop : callable, optional
        Called with the session at a stop, after which the training goes on. By default, `Stopped` is raised. Where a
        recording was written goes to `logging`, as information from "graph_engine_viz".

    Returns
    -------
    WatchedStep
        Without `step`, a function that makes one of a step.

    Examples
    --------
    >>> import graph_engine as ge
    >>> x, w = ge.input("x"), ge.parameter("w", 1.0)
    >>> loss = (w * x) ** 2
    >>> step = ge.Engine("numpy").compile([x], loss, updates=ge.optim.SGD(10.0).minimize(loss))
    >>> watched = attach(step, watch="abs_max > 1000", of="w")
    >>> try:
    ...     while True:
    ...         value = watched(3.0)
    ... except Stopped as stopped:
    ...     print(stopped.message)
    iteration 1: the gradient of w: abs_max > 1000; the update of w: abs_max > 1000
    """
    if at is not None and (isinstance(at, bool) or not isinstance(at, int) or at < 0):
        raise DeclarationError(f"an iteration is a number from 0 on, not {at!r}")
    if not isinstance(watch, (str, Sequence)):
        raise DeclarationError(f"a condition is a text, or several in a list, not {watch!r}", 'watch="not isfinite"')
    conditions = [Condition.parse(text) for text in ([watch] if isinstance(watch, str) else watch)]
    if on_stop is not None and not callable(on_stop):
        raise DeclarationError(f"on_stop is called with a session, and {on_stop!r} cannot be")
    try:
        path = None if folder is None else Path(folder).expanduser()
    except TypeError:
        raise DeclarationError(f"a folder is a path, not {folder!r}") from None
    if path is not None and path.exists() and not path.is_dir():
        raise DeclarationError(f"{path} is a file, and what is recorded goes into a folder")
    if step is not None:
        return WatchedStep(step, conditions, of, at, record, path, on_stop)
    numbers = itertools.count(1)

    def attached(step: CompiledStep) -> WatchedStep:
        number = next(numbers)
        own = path / f"step-{number}" if path is not None and number > 1 else path  # several steps, several recordings
        return WatchedStep(step, conditions, of, at, record, own, on_stop)

    return attached


class WatchedStep:
    """A compiled step that stops where a condition holds; made by `attach`.

    As a context, it writes what it has recorded when an error leaves it that is not of its own.

    Attributes
    ----------
    step : CompiledStep
    iteration : int
        How many were done.
    recorder : Recorder
    """

    def __init__(
        self,
        step: CompiledStep,
        conditions: Sequence[Condition],
        of: Any,
        at: int | None,
        record: int,
        folder: Path | None,
        on_stop: Callable[[Session], object] | None,
    ) -> None:
        if not isinstance(step, CompiledStep):
            cure = "attach(engine.compile(inputs, loss, updates=...))"
            raise DeclarationError(f"a {type(step).__name__} is no compiled step", cure)
        self.step = step
        self.iteration = 0
        self.recorder = Recorder(step, record)
        self._at, self._folder, self._on_stop = at, folder, on_stop
        self._questions = Questions(step, conditions, of)
        guards = tuple(guard for guard in step.guards if guard != "finite")  # that is asked with the rest
        outputs = (*step.outputs, self._questions.numbers)
        self._extended = CompiledStep(step.engine, step.inputs, outputs, step.updates, guards)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.step, name)

    def __call__(self, *values: Any) -> Any:
        """Do one step; where a condition holds, undo it and stop."""
        step, store = self.step, self.step.engine.store
        if len(values) == 1 and isinstance(values[0], CompiledStep):
            raise DeclarationError("a step is attached to already", "for ge.train leave it out: debug=viz.attach(...)")
        with store.lock:
            begun = self.recorder.note(self.iteration, values).given
            before = dict(zip(step.updates, store.values(step.updates), strict=True))
            try:
                *results, numbers = self._extended(*[begun.get(v, x) for v, x in zip(step.inputs, values, strict=True)])
                self._look(results, step.engine.backend.to_numpy(numbers), before)
            except BaseException as error:
                store.commit(before)
                if isinstance(error, GraphEngineError):
                    error.trace = error.trace or self.recorder.trace(self.recorder.last)
                    self._write(self._reason_of(error), error.add_note)
                    _written.add(error)
                raise
        self.iteration += 1
        return results[0] if step.single else tuple(results)

    def __enter__(self) -> WatchedStep:
        return self

    def __exit__(self, kind: object, error: BaseException | None, where: object) -> None:
        if error is not None and error not in _written:
            last = self.iteration - 1
            reason = Reason(f"{type(error).__name__} after iteration {last}: {error}", last)
            self._write(reason, error.add_note)

    def session(self, iteration: Iteration | None = None) -> Session:
        """Return a session on an iteration that is kept, the last one by default; parameters stay as they are."""
        session = Session(self.recorder.trace(iteration or self.recorder.last), self.step.engine.backend)
        session.iterations = [(kept.number, self.recorder.again(kept)) for kept in self.recorder]
        return session

    def _look(self, results: list[Any], numbers: np.ndarray[Any, Any], before: dict[Variable, Any]) -> None:
        """Stop where a condition holds, and refuse what a guard does not let pass."""
        step, store = self.step, self.step.engine.store
        holding, finite = self._questions.holding(numbers), self._questions.finite(numbers)
        asked_for = self.iteration == self._at
        if not holding and finite and not asked_for:
            return
        after = dict(zip(step.updates, store.values(step.updates), strict=True))
        store.commit(before)
        if asked_for:
            self._at = None  # once
        if asked_for or holding:
            self._stop(holding)
        if not finite:
            step.refuse_non_finite([*results, *after.values()], self.recorder.last.given)
        store.commit(after)

    def _stop(self, holding: list[tuple[Condition, Known]]) -> None:
        """Stand where the first condition began to hold, and hand the session over."""
        session = self.session()
        reason = self._reason_to_stop(holding)
        session.note = reason.text
        stand_where_it_holds(session, reason.held)
        if self._on_stop is not None:
            self._write(reason, _log.info, partial(warn, category=UserWarning))
            self._on_stop(session)
            return
        cure = "the step was undone; error.session stands there: print(error.session.why())"
        raise Stopped(reason, cure, session)

    def _reason_to_stop(self, holding: list[tuple[Condition, Known]]) -> Reason:
        """Say what holds: first of what the step returns, which is looked at first."""
        graph, outputs = self.step.graph, self.step.outputs
        ordered = sorted(holding, key=lambda pair: (pair[1].side != "value", pair[1].variable not in outputs))
        told = [f"{words(graph, known)}: {condition.text}" for condition, known in ordered]
        more = [f"and {len(told) - MOST_SAID} more"] if len(told) > MOST_SAID else []
        text = f"iteration {self.iteration}: {'; '.join(told[:MOST_SAID] + more) or 'asked for'}"
        held = {condition.text: dict.fromkeys(graph.name_of(k.variable) for c, k in holding if c is condition)
                for condition, _ in holding}  # fmt: skip
        return Reason(text, self.iteration, tuple((condition, tuple(names)) for condition, names in held.items()))

    def _reason_of(self, error: GraphEngineError) -> Reason:
        if isinstance(error, Stopped):
            return error.reason
        return Reason(f"iteration {self.iteration}: {error.message}", self.iteration)

    def _write(
        self, reason: Reason, say: Callable[[str], None], complain: Callable[[str], None] | None = None
    ) -> None:
        """Write what led here, and say where it is; where that cannot be, what happened goes on."""
        if self._folder is None or not len(self.recorder):
            return
        try:
            written = self.recorder.save(self._folder, reason)
            say(f"recorded: graph-engine debug {shlex.quote(str(written[-1]))}")
        except FileError as problem:
            (complain or say)(f"not recorded: {problem}")
