"""Callbacks: what happens besides the steps of a training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from graph_engine.declaring import refused
from graph_engine.engine import Engine
from graph_engine.optim.arguments import at_least
from graph_engine.training.metrics import Direction, direction
from graph_engine.training.run import Run

Array = np.ndarray[Any, Any]
State = dict[str, Any]


class Callback:
    """What happens besides the steps of a training; each method is handed the `Run`.

    Subclasses say what they need. What a callback must remember to go on after an interruption, `state` returns and
    `restore` takes: nested dictionaries and lists of numbers, texts and NumPy arrays.

    Attributes
    ----------
    last : bool
        Whether it comes after the others; `Checkpoint` does, since it notes their states.

    Examples
    --------
    >>> import graph_engine as ge
    >>> class Losses(ge.training.Callback):
    ...     def on_epoch(self, run):
    ...         print(run.epoch, run.history.train["loss"][-1])
    >>> w = ge.parameter("w", 1.0)
    >>> step = ge.Engine("numpy").compile([], w * w, updates=ge.optim.SGD(0.25).minimize(w * w))
    >>> history = ge.train(step, [()], epochs=2, callbacks=[Losses()])
    1 1.0
    2 0.25
    """

    last = False

    def on_start(self, run: Run) -> None:
        """Before the first step; where a run is resumed, after everything has been restored."""

    def on_step(self, run: Run) -> None:
        """After each batch."""

    def on_epoch(self, run: Run) -> None:
        """After each epoch and its validation."""

    def on_end(self, run: Run) -> None:
        """At the end, also after an error or an interrupt: `run.finished` is False then."""

    def state(self) -> State:
        """Return what `restore` takes; empty: nothing is remembered."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from an earlier state."""


class EarlyStopping(Callback):
    """End the training when a metric has not got better for some epochs.

    Parameters
    ----------
    metric : str
        Its validation value counts, or where there is none, that in training.
    patience : int
        How many epochs without an improvement are waited for, at least 1.
    min_delta : float
        What counts as an improvement must be more than this.
    mode : {"min", "max"}, optional
        Which way the metric gets better; by default what its name says (loss, error; accuracy, score).
    restore_best : bool
        Whether at the end, early or not, all parameters are what they were after the best epoch.

    Attributes
    ----------
    best : float or None
    best_epoch : int
        From 1; 0 before the first.
    waited : int
        How many epochs have gone by since.

    References
    ----------
    L. Prechelt, "Early stopping - but when?", 1998.
    """

    def __init__(
        self,
        metric: str,
        patience: int = 5,
        min_delta: float = 0.0,
        mode: Direction | None = None,
        restore_best: bool = True,
    ) -> None:
        if isinstance(patience, bool) or not hasattr(patience, "__index__") or patience < 1:
            raise refused(f"patience is a number of epochs from 1 on, not {patience!r}")
        at_least(0, min_delta=min_delta)
        self.metric = metric
        self.patience = patience
        self.min_delta = min_delta
        self.mode = direction(metric, mode)
        self.restore_best = restore_best
        self._forget()

    def _forget(self) -> None:
        self.best: float | None = None
        self.best_epoch = self.waited = 0
        self._weights: dict[str, Array] = {}

    def on_start(self, run: Run) -> None:
        """Refuse a metric that nobody measures."""
        check_metric(run, self.metric)
        if not run.epoch:
            self._forget()
        self._stop_if_waited(run)

    def on_epoch(self, run: Run) -> None:
        """See whether it got better."""
        value = run.history.values(self.metric)[-1]
        self.waited += 1
        if self._improves(value):
            self.best, self.best_epoch, self.waited = value, run.epoch, 0
            self._weights = run.snapshot() if self.restore_best else {}
        self._stop_if_waited(run)

    def on_end(self, run: Run) -> None:
        """Return to the best epoch."""
        if run.finished and self._weights:
            run.restore(self._weights)

    def _improves(self, value: float) -> bool:
        if self.best is None or self.best != self.best:
            return value == value  # NaN is no improvement
        gain = self.best - value if self.mode == "min" else value - self.best
        return gain > self.min_delta

    def _stop_if_waited(self, run: Run) -> None:
        if self.waited >= self.patience:
            run.stop(f"{self.metric} did not get better for {self.waited} epochs; the best was epoch {self.best_epoch}")

    def state(self) -> State:
        """Return what was best, since when, and the parameters then."""
        return {"best": self.best, "best_epoch": self.best_epoch, "waited": self.waited, "weights": self._weights}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from an earlier state."""
        best, best_epoch, waited, weights = (state[key] for key in ("best", "best_epoch", "waited", "weights"))
        self.best, self.best_epoch, self.waited, self._weights = best, int(best_epoch), int(waited), dict(weights)


class Plateau(Protocol):
    """What `ReduceOnPlateau` asks of a rule: `ge.optim.ReduceLROnPlateau` is one."""

    def step(self, engine: Engine, metric: float) -> Any:
        """Take note of a new value; perhaps change the learning rate."""

    def state(self) -> Mapping[str, Any]:
        """Return what `restore` takes."""

    def restore(self, state: Any) -> Any:
        """Go on from an earlier state."""


class ReduceOnPlateau(Callback):
    """Hand a metric to a rule that lowers the learning rate, after each epoch.

    Parameters
    ----------
    metric : str
        Its validation value counts, or where there is none, that in training.
    rule : Plateau
        For example a `ge.optim.ReduceLROnPlateau`.
    """

    def __init__(self, metric: str, rule: Plateau) -> None:
        self.metric = metric
        self.rule = rule

    def on_start(self, run: Run) -> None:
        """Refuse a metric that nobody measures."""
        check_metric(run, self.metric)

    def on_epoch(self, run: Run) -> None:
        """Hand it over."""
        self.rule.step(run.engine, run.history.values(self.metric)[-1])

    def state(self) -> State:
        """Return the rule's state."""
        return {"rule": dict(self.rule.state())}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from an earlier state."""
        self.rule.restore(state["rule"])


def check_metric(run: Run, metric: str) -> None:
    """Refuse a metric that is not measured, as far as that is known."""
    known = [*run.metric_names(), *run.history.train, *run.history.validation]
    is_known = run.validation is None or hasattr(run.validation, "outputs")
    if is_known and metric not in known:
        raise refused(f"{metric!r} is not measured in this training", f"what is measured: {', '.join(known)}")
