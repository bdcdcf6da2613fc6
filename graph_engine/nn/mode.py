"""Declaring a network as it is in training: dropout drops, batch normalisation measures its batch.

Training and evaluation are two graphs, declared from the same layers. Nothing is switched: what was declared stays.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar, Token
from types import TracebackType

import numpy as np

from graph_engine.context import Context, building
from graph_engine.declaring import refused
from graph_engine.errors import DeclarationError
from graph_engine.node import Variable
from graph_engine.operands import parameter
from graph_engine.primitives import random


class Training(AbstractContextManager["Training"]):
    """What layers declared inside find: that they are in training, random keys, and where new statistics go.

    Made by `ge.nn.training`. Entered again, it goes on: keys are new ones, statistics follow those that are there.

    Attributes
    ----------
    updates : dict of Variable to Variable
        What changes with each step besides the weights: running statistics, the count that random keys follow from.
        Give it to `engine.compile` together with the optimiser's.
    """

    def __init__(self, seed: int = 0, key: Variable | None = None, name: str = "training") -> None:
        self.updates: dict[Variable, Variable] = {}
        self._seed = seed
        self._base = key
        self._name = name
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
            count = parameter(f"{self._name}.count", np.zeros((), "int64"), trainable=False)
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


def key_for(what: str, argument: str = "key") -> Variable:
    """Return a random key of the training that is being declared.

    Raises
    ------
    DeclarationError
        Where none is.
    """
    mode = current_training()
    if mode is None:
        raise DeclarationError(
            f"{what} needs random numbers, and no training is being declared here",
            f"declare it inside `with ge.nn.training():`, or give {argument}=ge.random.key(seed); "
            "for evaluation leave it out (training=False)",
        )
    return mode.key()


def training(seed: int = 0, key: Variable | None = None, *, name: str = "training") -> Training:
    """Declare layers as they are in training; everywhere else they are declared as for evaluation.

    Parameters
    ----------
    seed : int
        What dropout and noise follow from; each step has numbers of its own, the same in each run of the program.
    key : Variable, optional
        A random key (`ge.random.key`, or an input that is fed one) in place of the seed and the count of steps.
    name : str
        The count of steps is the parameter `name.count`. Two trainings that meet in one graph need two names; or enter
        the same one twice.

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
    if key is not None and not isinstance(key, Variable):
        raise refused(f"a random key is a variable, not {key!r}", "make one with ge.random.key(seed), or give seed=")
    return Training(seed, key, name)


@contextmanager
def evaluation() -> Iterator[None]:
    """Declare layers as for evaluation, inside of a training: a frozen part that only hands on what it sees.

    Examples
    --------
    >>> import graph_engine as ge
    >>> x = ge.input("x", ("batch", 4))
    >>> body, head = ge.nn.BatchNorm1d(4), ge.nn.Dropout(0.5)
    >>> with ge.nn.training():
    ...     with ge.nn.evaluation():
    ...         features = body(x)                     # the running statistics, which stay as they are
    ...     output = head(features)
    >>> [operation.primitive.name for operation in ge.Graph(features).operations]
    ['batch_norm']
    """
    token = _mode.set(None)
    try:
        yield
    finally:
        _mode.reset(token)
