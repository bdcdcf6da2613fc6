"""Attaching to a training: a compiled step that is watched while it runs at full speed.

What the watchpoints ask for is computed by the compiled step itself, as one more output, so that the device is waited
for once a step. The iteration at which a condition holds is undone, and stood at in a session.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np

import graph_engine as ge
from graph_engine.compiled import CompiledStep
from graph_engine.errors import DeclarationError, FileError, GraphEngineError, LookupFailed
from graph_engine.node import Variable
from graph_engine_viz.debugger.conditions import SIDES, Condition
from graph_engine_viz.debugger.quantities import reductions
from graph_engine_viz.debugger.recorder import Iteration, Recorder
from graph_engine_viz.debugger.session import Session
from graph_engine_viz.debugger.watching import Known, asked, words

__all__ = ["Stopped", "WatchedStep", "attach"]

_DIRECTLY = ("not isfinite",)


class Stopped(GraphEngineError, RuntimeError):
    """A training that was stopped by a watchpoint, or at the iteration that was asked for; the step was undone.

    Attributes
    ----------
    session : Session
        Stands where the condition began to hold.
    iteration : int
    """

    def __init__(self, message: str, cure: str, session: Session, iteration: int) -> None:
        super().__init__(message, cure)
        self.session = session
        self.iteration = iteration


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
        What is watched; by default the outputs and all parameters that are updated by a gradient.
    at : int, optional
        Stop at this iteration, counted from 0 since it was attached, in any case.
    record : int
        The batches, keys, parameters and states of so many iterations are kept, the one that stopped among them.
    folder : path, optional
        Where they are written when a condition holds or a step fails; `graph-engine debug` opens them.
    on_stop : callable, optional
        Called with the session at a stop, after which the training goes on. By default, `Stopped` is raised.

    Returns
    -------
    WatchedStep

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
    if step is None:
        return partial(attach, watch=watch, of=of, at=at, record=record, folder=folder, on_stop=on_stop)
    conditions = [watch] if isinstance(watch, str) else list(watch)
    return WatchedStep(step, [Condition.parse(text) for text in conditions], of, at, record, folder, on_stop)


class WatchedStep:
    """A compiled step that stops where a condition holds; made by `attach`.

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
        conditions: list[Condition],
        of: Any,
        at: int | None,
        record: int,
        folder: Any,
        on_stop: Callable[[Session], object] | None,
    ) -> None:
        if not isinstance(step, CompiledStep):
            raise DeclarationError(f"{step!r} is no compiled step", "attach(engine.compile(inputs, loss, updates=...))")
        self.step = step
        self.iteration = 0
        self.recorder = Recorder(step, record)
        self._conditions = conditions
        self._at, self._folder, self._on_stop = at, folder, on_stop
        self._knowns = _watched(step, of)
        self._places, numbers = _declare(step, conditions, self._knowns)
        guards = tuple(guard for guard in step.guards if guard != "finite")  # of the numbers, some may be NaN
        self._extended = CompiledStep(step.engine, step.inputs, (*step.outputs, numbers), step.updates, guards)
        self._finite = "finite" in step.guards

    def __getattr__(self, name: str) -> Any:
        return getattr(self.step, name)

    def __call__(self, *values: Any) -> Any:
        """Do one step; where a condition holds, undo it and stop."""
        step, store = self.step, self.step.engine.store
        with store.lock:
            self.recorder.note(self.iteration, values)
            before = dict(zip(step.updates, store.values(step.updates), strict=True))
            try:
                results = self._extended(*values)
            except GraphEngineError as error:
                self._died(error)
                raise
            after = dict(zip(step.updates, store.values(step.updates), strict=True))
            holding = self._holding(step.engine.backend.to_numpy(results[-1]))
            if holding or self.iteration == self._at:
                store.commit(before)
                self._at = None if self.iteration == self._at else self._at  # asked for once
                self._stop(holding)
                store.commit(after)
            if self._finite and not self._all_finite(*results[:-1], *after.values()):
                store.commit(before)
                self._refuse(values)
        self.iteration += 1
        return results[0] if step.single else results[:-1]

    def session(self, iteration: Iteration | None = None) -> Session:
        """Return a session on an iteration that is kept, the last one by default; parameters stay as they are."""
        session = Session(self.recorder.trace(iteration or self.recorder.last), self.step.engine.backend)
        session.iterations = [(kept.number, partial(self.recorder.trace, kept)) for kept in self.recorder]
        return session

    def _holding(self, numbers: np.ndarray[Any, Any]) -> list[tuple[Condition, Known]]:
        """Return the conditions that hold now, and for what."""

        def number(known: Known, side: str, quantity: str) -> float:
            place = self._places.get((known._replace(side=side or known.side), quantity))
            return float("nan") if place is None else float(numbers[place])

        pairs = [(condition, known) for condition in self._conditions for known in self._knowns]
        return [
            (condition, known)
            for condition, known in pairs
            if asked(condition, known) and condition.holds(partial(number, known))
        ]

    def _stop(self, holding: list[tuple[Condition, Known]]) -> None:
        """Stand where the first condition began to hold, and hand the session over."""
        session = self.session()
        graph = session.trace.graph
        for condition in dict.fromkeys(condition for condition, _ in holding):
            session.watch(condition.text, of=[known.variable for found, known in holding if found is condition])
        session.go(0)
        begun = any(session.stops_here(point) for point in session.points.values())
        if holding and not begun and not session.continue_().points:
            session.restart()  # it holds for what was given
        said = "; ".join(f"{words(graph, known)}: {condition.text}" for condition, known in holding[:3])
        message = f"iteration {self.iteration}: {said or 'asked for'}"
        cure = "the step was undone; error.session stands there: print(error.session.why())"
        stopped = Stopped(message, cure, session, self.iteration)
        self._write(stopped)
        if self._on_stop is None:
            raise stopped
        self._on_stop(session)

    def _all_finite(self, *arrays: Any) -> bool:
        variables = (*self.step.outputs, *self.step.updates.values())
        real = [array for variable, array in zip(variables, arrays, strict=True) if variable.spec.is_float]
        return self.step.engine.backend.all_finite(real)

    def _refuse(self, values: tuple[Any, ...]) -> None:
        """Let the step say in its own words that it is not finite."""
        try:
            self.step(*values)
        except GraphEngineError as error:
            self._died(error)
            raise

    def _died(self, error: GraphEngineError) -> None:
        """Let the error carry the run, and write what led to it."""
        error.trace = self.recorder.trace(self.recorder.last)
        self._write(error)

    def _write(self, error: GraphEngineError) -> None:
        """Write what led to an error; where that cannot be, the error says so, and stays."""
        if self._folder is None:
            return
        try:
            error.add_note(f"recorded: graph-engine debug {self.recorder.save(self._folder)[-1]}")
        except FileError as problem:
            error.add_note(f"not recorded: {problem}")


def _watched(step: CompiledStep, of: Any) -> list[Known]:
    """Return all that is looked at in each step."""
    _, gradients = step.main_gradients()
    if of is None:
        found = [*step.outputs, *(p for p in step.updates if p in gradients)]
    else:
        names = [of] if isinstance(of, (str, Variable)) else list(of)
        found = [variable for name in names for variable in _named(step, name)]
    real = [v for v in dict.fromkeys(found) if v.spec.is_float]
    there: dict[str, Collection[Variable]] = {"value": real, "grad": gradients, "update": step.updates}
    return [Known(v, side) for v in real for side in SIDES if v in there[side]]


def _named(step: CompiledStep, name: Variable | str) -> list[Variable]:
    if isinstance(name, Variable) or name in step.graph:
        return [step.graph[name]]
    inside = [p for p in step.graph.parameters if p.name.startswith(f"{name}.")]
    if not inside:
        raise LookupFailed(f"{name!r} is no variable and no scope of this step")
    return inside


def _declare(
    step: CompiledStep, conditions: list[Condition], knowns: list[Known]
) -> tuple[dict[tuple[Known, str], int], Variable]:
    """Declare the numbers that the conditions ask for: one vector, and where in it each of them is."""
    _, gradients = step.main_gradients()
    needed = {
        (known._replace(side=side or known.side), quantity): None
        for condition in conditions
        for known in knowns
        if asked(condition, known)
        for side, quantity in condition.needed
        if side != "grad" or known.variable in gradients
    }
    numbers = [ge.constant(0.0)]  # so that there is a vector in any case
    places: dict[tuple[Known, str], int] = {}
    for known, quantity in needed:
        variable = known.variable
        if known.side == "grad":
            variable = gradients[variable]
        elif known.side == "update":
            variable = step.updates[variable] - variable
        wide = variable if variable.dtype != "float16" else ge.astype(variable, "float32")
        places[known, quantity] = len(numbers)
        numbers += reductions(ge, wide, [quantity])
    return places, ge.stack([ge.astype(number, "float64") for number in numbers])
