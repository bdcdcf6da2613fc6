"""Declaring a network as it is in training: dropout drops, batch normalisation measures its batch.

Training and evaluation are two graphs, declared from the same layers. Nothing is switched: what was declared stays.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from contextvars import ContextVar, Token
from types import TracebackType

import numpy as np

from graph_engine.context import Context, building, current_context
from graph_engine.node import Variable
from graph_engine.operands import parameter
from graph_engine.primitives import random


class Training(AbstractContextManager["Training"]):
    """What layers declared inside find: that they are in training, random keys, and where new statistics go.

    Made by `ge.nn.training`.

    Attributes
    ----------
    updates : dict of Variable to Variable
        What changes with each step besides the weights: running statistics, the count that random keys follow from.
        Give it to `engine.compile` together with the optimiser's.
    """

    def __init__(self, seed: int = 0, key: Variable | None = None) -> None:
        self.updates: dict[Variable, Variable] = {}
        self._seed = seed
        self._base = key
        self._keys_given = 0
        self._tokens: list[Token[Training | None]] = []

    def key(self) -> Variable:
        """Return a random key that nobody else has; a new one in each step."""
        if self._base is None:
            self._base = self._counted_key()
        self._keys_given += 1
        return random.fold_in(self._base, self._keys_given)

    def latest(self, statistic: Variable) -> Variable:
        """Return what a parameter will be once this step's updates so far are done."""
        return self.updates.get(statistic, statistic)

    def update(self, statistic: Variable, new: Variable) -> None:
        """Let a parameter change with each step."""
        self.updates[statistic] = new

    def _counted_key(self) -> Variable:
        with building(Context()):
            count = parameter("training.count", np.zeros((), "int64"), trainable=False)
            key = random.fold_in(random.key(self._seed), count)
        with building(Context((), "update", count)):
            self.update(count, count + 1)
        return key

    def __enter__(self) -> Training:
        self._tokens.append(_mode.set(self))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _mode.reset(self._tokens.pop())


_mode: ContextVar[Training | None] = ContextVar("graph_engine_training", default=None)


def current_training() -> Training | None:
    """Return the training that layers are being declared in, or None: then they are declared as for evaluation."""
    return _mode.get()


def training(seed: int = 0, key: Variable | None = None) -> Training:
    """Declare layers as they are in training; everywhere else they are declared as for evaluation.

    Parameters
    ----------
    seed : int
        What dropout and noise follow from; each step has numbers of its own, the same in each run of the program.
    key : Variable, optional
        A random key (`ge.random.key`, or an input that is fed one) in place of the seed and the count of steps.

    Examples
    --------
    >>> import graph_engine as ge
    >>> x = ge.input("x", ("batch", 4))
    >>> net = ge.nn.Sequential(ge.nn.Linear(4, 8), ge.nn.Dropout(0.5), ge.nn.Linear(8, 1))
    >>> output = net(x)                                # for evaluation
    >>> with ge.nn.training() as mode:
    ...     loss = ge.mean(ge.square(net(x)))          # for training: another graph, the same weights
    >>> updates = ge.optim.SGD(0.1).minimize(loss) | mode.updates
    >>> step = ge.Engine("numpy").compile([x], loss, updates=updates)
    """
    return Training(seed, key)
