"""Learning-rate sweep: the same training from the same start, once for each of several rates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graph_engine.compiled import CompiledStep
from graph_engine.declaring import refused
from graph_engine.errors import GuardError
from graph_engine.node import Variable
from graph_engine.training.loop import train

_GUARDS = ("values", "finite")


@dataclass(frozen=True)
class Sweep:
    """What a learning-rate sweep found. See `learning_rate_sweep`.

    Attributes
    ----------
    rates : tuple of float
    losses : tuple of float
        The mean over the last epoch at each rate; infinite where the training left the finite numbers.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]

    @property
    def best(self) -> float:
        """The rate with the least loss."""
        return self.rates[int(np.argmin(self.losses))]

    def __str__(self) -> str:
        rows = [f"{rate:<10.3g} {loss:.4g}" for rate, loss in zip(self.rates, self.losses, strict=True)]
        return "\n".join([f"{'rate':10} loss", *rows])

    def plot(self) -> Any:
        """Draw the loss over the rate, on a logarithmic axis; crosses at the top: not finite.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from graph_engine.training.curves import draw_sweep

        return draw_sweep(self.rates, self.losses, self.best)


def learning_rate_sweep(
    step: CompiledStep,
    lr: Variable,
    batches: Any,
    *,
    low: float = 1e-4,
    high: float = 1.0,
    count: int = 9,
    rates: Sequence[float] | None = None,
    epochs: int = 1,
) -> Sweep:
    """Train with several learning rates, each time from the same start and on the same batches.

    Afterwards everything is as it was before: the parameters, and the place in the data.

    Parameters
    ----------
    step : CompiledStep
        Its first output is the loss.
    lr : Variable
        The parameter that the optimiser was given as its rate: `ge.parameter("lr", 0.1, trainable=False)`.
    batches : iterable
        As `ge.train` takes them.
    low, high, count : float, float, int
        So many rates, evenly spaced on a logarithmic scale.
    rates : sequence of float, optional
        These rates in place of them.
    epochs : int
        How long each training is.

    Returns
    -------
    Sweep

    Examples
    --------
    >>> import graph_engine as ge
    >>> w, lr = ge.parameter("w", 1.0), ge.parameter("lr", 0.1, trainable=False)
    >>> engine = ge.Engine("numpy")
    >>> step = engine.compile([], w * w, updates=ge.optim.SGD(lr).minimize(w * w))
    >>> sweep = ge.training.learning_rate_sweep(step, lr, [()], rates=[0.01, 0.1, 0.5], epochs=3)
    >>> print(sweep)
    rate       loss
    0.01       0.9224
    0.1        0.4096
    0.5        0
    >>> sweep.best, float(engine.value(w))
    (0.5, 1.0)
    """
    chosen = _rates(low, high, count) if rates is None else [float(rate) for rate in rates]
    if not chosen or any(not 0 <= rate < math.inf for rate in chosen) or epochs < 1:
        raise refused(f"a sweep takes rates >= 0 and an epoch or more, not {chosen} and {epochs!r}")
    if lr not in step.parameters:
        raise refused(
            f"{lr!r} is no parameter of this step", 'lr = ge.parameter("lr", 0.1, trainable=False); ge.optim.SGD(lr)'
        )
    guarded, engine = step.with_guards(_GUARDS), step.engine
    start = {parameter: engine.value(parameter) for parameter in step.parameters}
    places = {name: getattr(batches, name) for name in ("epoch", "position") if hasattr(batches, name)}
    keys_given = engine.keys_given
    losses = []
    try:
        for rate in chosen:
            _go_back(engine, start, batches, places, keys_given)
            engine.set_value(lr, rate)
            losses.append(_last_loss(guarded, batches, epochs))
    finally:
        _go_back(engine, start, batches, places, keys_given)
    return Sweep(tuple(chosen), tuple(losses))


def _rates(low: float, high: float, count: int) -> list[float]:
    if not 0 < low < high < math.inf or count < 2:
        raise refused(f"a sweep goes from a rate > 0 up to a higher one in 2 or more: {low}, {high}, {count}")
    return [float(rate) for rate in np.geomspace(low, high, count)]


def _go_back(engine: Any, start: dict[Variable, Any], batches: Any, places: dict[str, int], keys_given: int) -> None:
    engine.store.commit({parameter: engine.backend.copy(value) for parameter, value in start.items()})
    engine.keys_given = keys_given
    for name, place in places.items():
        setattr(batches, name, place)


def _last_loss(step: CompiledStep, batches: Any, epochs: int) -> float:
    try:
        history = train(step, batches, epochs, progress=False)
    except GuardError as error:
        if "is not finite" not in error.message:
            raise
        return math.inf
    return next(iter(history.train.values()))[-1]
