"""The learning rate that falls when training no longer gets better."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

from graph_engine.declaring import refused
from graph_engine.node import Variable
from graph_engine.optim.arguments import at_least, check_rate, whole

if TYPE_CHECKING:
    from graph_engine.engine import Engine


class ReduceLROnPlateau:
    """Multiply a learning rate by a factor when a metric has not got better for a while.

    It decides in Python, once an epoch, and sets a parameter in the engine: nothing of it is in the graph.

    Parameters
    ----------
    lr : Variable
        The parameter that is the optimiser's learning rate: ``ge.parameter("lr", 0.1, trainable=False)``.
    mode : {"min", "max"}
        Whether less or more is better.
    factor : float
        In (0, 1).
    patience : int
        How many epochs that are no better than the best one are allowed.
    threshold : float
        Only what is better by so much counts.
    threshold_mode : {"rel", "abs"}
        Whether that is a part of the best, or a difference.
    cooldown : int
        How many epochs after a reduction are not judged.
    min_lr : float
    eps : float
        Smaller changes are not made.

    Examples
    --------
    >>> import graph_engine as ge
    >>> rate = ge.parameter("lr", 0.5, trainable=False)
    >>> plateau = ge.optim.ReduceLROnPlateau(rate, patience=1)
    >>> engine = ge.Engine("numpy")
    >>> [plateau.step(engine, loss) for loss in (1.0, 1.0, 1.0)], round(float(engine.value(rate)), 4)
    ([False, False, True], 0.05)
    """

    def __init__(
        self,
        lr: Variable,
        mode: Literal["min", "max"] = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: Literal["rel", "abs"] = "rel",
        cooldown: int = 0,
        min_lr: float = 0.0,
        eps: float = 1e-8,
    ) -> None:
        if not isinstance(lr, Variable) or lr.kind != "parameter":
            raise refused(
                f"the learning rate is a parameter, not {lr!r}",
                "rate = ge.parameter('lr', 0.1, trainable=False); ge.optim.SGD(rate)",
            )
        if mode not in ("min", "max") or threshold_mode not in ("rel", "abs"):
            raise refused(f"mode is 'min' or 'max', threshold_mode 'rel' or 'abs', not {mode!r}, {threshold_mode!r}")
        at_least(0, 1, factor=factor)
        at_least(0, threshold=threshold, min_lr=min_lr, eps=eps)
        whole(0, patience=patience, cooldown=cooldown)
        self.lr: Variable = check_rate(lr)
        self.mode, self.factor, self.patience = mode, factor, patience
        self.threshold, self.threshold_mode = threshold, threshold_mode
        self.cooldown, self.min_lr, self.eps = cooldown, min_lr, eps
        self.best = math.inf if mode == "min" else -math.inf
        self.bad_epochs = 0
        self.cooling = 0

    def step(self, engine: Engine, metric: Any) -> bool:
        """Look at the metric of one more epoch; return whether the learning rate was reduced."""
        value = float(metric)
        if self._is_better(value):
            self.best, self.bad_epochs = value, 0
        else:
            self.bad_epochs += 1
        if self.cooling > 0:
            self.cooling, self.bad_epochs = self.cooling - 1, 0
        if self.bad_epochs <= self.patience:
            return False
        self.cooling, self.bad_epochs = self.cooldown, 0
        return self._reduce(engine)

    def state(self) -> dict[str, float]:
        """Return what is remembered, as numbers; `restore` takes it."""
        return {"best": self.best, "bad_epochs": self.bad_epochs, "cooling": self.cooling}

    def restore(self, state: dict[str, float]) -> None:
        """Go on from what `state` returned."""
        self.best = float(state["best"])
        self.bad_epochs, self.cooling = int(state["bad_epochs"]), int(state["cooling"])

    def _is_better(self, value: float) -> bool:
        sign = 1.0 if self.mode == "max" else -1.0
        if math.isinf(self.best):
            return sign * value > sign * self.best
        margin = self.threshold if self.threshold_mode == "abs" else self.threshold * self.best
        return sign * value > sign * self.best + margin

    def _reduce(self, engine: Engine) -> bool:
        old = float(engine.value(self.lr))
        new = max(old * self.factor, self.min_lr)
        if old - new <= self.eps:
            return False
        engine.set_value(self.lr, new)
        return True
