"""What an optimiser's rule sees: one parameter, its gradient, what is kept for it, and how many updates there were."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from graph_engine.declaring import refused
from graph_engine.node import Variable
from graph_engine.primitives.structure import astype, convert

if TYPE_CHECKING:
    from graph_engine.optim.optimizer import Optimizer

Updates = dict[Variable, Variable]
Scalar = float | Variable


class Round:
    """What the parameters of one `minimize` share: the updates, the counter, and numbers that are computed once.

    Attributes
    ----------
    updates : dict of Variable to Variable
        What has been declared so far.
    counter : Variable or None
        Counts the updates of those parameters that no earlier round counts.
    """

    def __init__(self) -> None:
        self.updates: Updates = {}
        self.counter: Variable | None = None
        self._known: dict[Any, Any] = {}

    def once(self, key: Any, make: Callable[[], Any]) -> Any:
        """Return what was made under this key, or make it."""
        if key not in self._known:
            self._known[key] = make()
        return self._known[key]


class Target:
    """One parameter, while its new value is declared.

    Attributes
    ----------
    parameter : Variable
    dtype : str
        What is computed in: the parameter's own, but float32 for half precision.
    value : Variable
        The parameter, in that dtype.
    gradient : Variable
        What the rule is to follow downwards: clipped, with noise and penalties, in that dtype.
    """

    def __init__(self, optimizer: Optimizer, round: Round, parameter: Variable, gradient: Variable) -> None:
        self._optimizer = optimizer
        self._round = round
        self.parameter = parameter
        self.dtype = working_dtype(parameter)
        self.value = convert(parameter, self.dtype)
        self.gradient = convert(gradient, self.dtype)
        self._counter = self._count() if optimizer.counts else None

    # ---- what is kept ------------------------------------------------------------------------------------------

    def state(self, name: str, initial: float = 0.0, shape: tuple[Any, ...] | None = None) -> Variable:
        """Return what is kept under a name from update to update; it begins as an array of one number."""
        shape = self.parameter.shape if shape is None else shape
        return self._optimizer.kept(self.parameter, name, np.full(shape, initial, self.dtype))

    def keep(self, name: str, new: Variable) -> Variable:
        """Declare the new value of what is kept under a name, and return it."""
        self._round.updates[self._optimizer.state[self.parameter][name]] = new
        return new

    # ---- how often ---------------------------------------------------------------------------------------------

    @property
    def counter(self) -> Variable:
        """The parameter that counts the updates made before this one (int64); only where the optimiser `counts`."""
        if self._counter is None:
            raise refused(f"{type(self._optimizer).__name__} does not count its updates", "say `counts = True` in it")
        return self._counter

    @property
    def done(self) -> Variable:
        """How many updates were made before this one (float64)."""
        counter = self.counter
        done: Variable = self._round.once(("done", counter), lambda: astype(counter, "float64"))
        return done

    @property
    def number(self) -> Variable:
        """The number of this update, from 1 (float64)."""
        new = self._round.updates[self.counter]
        number: Variable = self._round.once(("number", new), lambda: astype(new, "float64"))
        return number

    def _count(self) -> Variable:
        states = self._optimizer.state.setdefault(self.parameter, {})
        if "step" not in states:
            if self._round.counter is None:
                self._round.counter = self._optimizer.kept(self.parameter, "step", np.array(0, "int64"))
            states["step"] = self._round.counter
        counter = states["step"]
        if counter not in self._round.updates:
            self._round.updates[counter] = counter + 1
        return counter

    # ---- numbers that all parameters share ---------------------------------------------------------------------

    @property
    def lr(self) -> Scalar:
        """The learning rate as it was given; a schedule's at this update."""
        lr = self._optimizer.lr
        if isinstance(lr, Variable) or not callable(lr):
            return lr
        schedule = lr
        scheduled: Scalar = self._round.once(("lr", self.counter), lambda: _rate_of(schedule, self.done))
        return scheduled

    @property
    def rate(self) -> Scalar:
        """The learning rate, in the dtype that is computed in."""
        return self.shared(_only_lr)[0]

    def shared(self, numbers: Callable[[Target], tuple[Scalar, ...]]) -> tuple[Scalar, ...]:
        """Return numbers that depend on learning rate and count alone, in the dtype that is computed in.

        They are declared once for all parameters that are counted together.
        """
        key = (numbers, self._counter, self.dtype)
        found: tuple[Scalar, ...] = self._round.once(
            key, lambda: tuple(convert(n, self.dtype) if isinstance(n, Variable) else n for n in numbers(self))
        )
        return found


def working_dtype(parameter: Variable) -> str:
    """Return the dtype that updates of a parameter are computed and kept in."""
    return "float32" if parameter.dtype == "float16" else parameter.dtype


def is_schedule(lr: Any) -> bool:
    """Say whether a learning rate is a function of the number of updates."""
    return callable(lr) and not isinstance(lr, Variable)


def _only_lr(target: Target) -> tuple[Scalar, ...]:
    return (target.lr,)


def _rate_of(schedule: Callable[[Variable], Any], done: Variable) -> Variable:
    cure = "ge.optim.schedules has some: lr=ge.optim.schedules.exponential(0.1, gamma=0.99)"
    try:
        rate = schedule(done)
    except TypeError as error:
        raise refused(f"{schedule!r} is no schedule, a function of the number of updates: {error}", cure) from error
    if not isinstance(rate, Variable) or rate.shape != () or not rate.spec.is_float:
        got = rate.spec if isinstance(rate, Variable) else repr(rate)
        raise refused(f"a schedule makes one real number from the number of updates, not {got}", cure)
    return rate
