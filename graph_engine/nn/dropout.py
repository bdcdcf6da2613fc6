"""Dropout and noise: functions of an explicit random key, and layers that are there in training only."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import ClassVar

from graph_engine.declaring import located
from graph_engine.errors import DeclarationError, ShapeError
from graph_engine.nn.mode import current_training, key_for
from graph_engine.nn.module import Module
from graph_engine.node import Operand, Variable
from graph_engine.primitives import add, multiply, random, where
from graph_engine.primitives.common import as_float
from graph_engine.primitives.dropping import Dropout as DropoutPrimitive
from graph_engine.primitives.dropping import RandomMask
from graph_engine.source import capture, composite
from graph_engine.spec import Shape, show_shape

_ALPHA = -1.7580993408473766  # what SELU tends to on the left: -scale * alpha


@composite
@located
def dropout(input: Operand, p: float = 0.5, training: bool = True, *, key: Variable | None = None) -> Variable:
    """Set elements to 0 by chance, and divide the others by 1 - p: in expectation nothing changes.

    The same elements are dropped on every backend and in every dtype.

    Parameters
    ----------
    input : Variable or array_like
    p : float
        The probability to drop an element.
    training : bool
        Where it is false, the input is returned.
    key : Variable, optional
        A random key, used once; by default one of the `ge.nn.training()` that is open.

    References
    ----------
    N. Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", 2014.

    Examples
    --------
    >>> import graph_engine as ge
    >>> y = ge.nn.dropout(ge.ones(6), 0.5, key=ge.random.key(2))
    >>> ge.Engine("numpy").run(y).tolist()
    [0.0, 2.0, 2.0, 0.0, 0.0, 2.0]
    """
    x = as_float(input)
    return _dropped(x, p, training, key, x.shape)


@composite
@located
def dropout1d(input: Operand, p: float = 0.5, training: bool = True, *, key: Variable | None = None) -> Variable:
    """Set whole channels of `(n, channels, length)` or `(channels, length)` to 0; else as `dropout`.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.nn.dropout1d(ge.input("x", ("batch", 4, 10)), key=ge.random.key(0)).shape
    ('batch', 4, 10)
    """
    return _channels_dropped(input, p, training, key, 1)


@composite
@located
def dropout2d(input: Operand, p: float = 0.5, training: bool = True, *, key: Variable | None = None) -> Variable:
    """Set whole channels of `(n, channels, height, width)` or `(channels, height, width)` to 0; else as `dropout`.

    Examples
    --------
    >>> import graph_engine as ge
    >>> y = ge.nn.dropout2d(ge.ones((1, 4, 1, 2)), key=ge.random.key(2))
    >>> ge.Engine("numpy").run(y)[0, :, 0].tolist()
    [[0.0, 0.0], [2.0, 2.0], [2.0, 2.0], [0.0, 0.0]]
    """
    return _channels_dropped(input, p, training, key, 2)


@composite
@located
def dropout3d(input: Operand, p: float = 0.5, training: bool = True, *, key: Variable | None = None) -> Variable:
    """Set whole channels of `(n, channels, depth, height, width)` or one such sample to 0; else as `dropout`.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.nn.dropout3d(ge.input("x", ("batch", 4, 3, 3, 3)), key=ge.random.key(0)).shape
    ('batch', 4, 3, 3, 3)
    """
    return _channels_dropped(input, p, training, key, 3)


@composite
@located
def alpha_dropout(input: Operand, p: float = 0.5, training: bool = False, *, key: Variable | None = None) -> Variable:
    """Set elements to where SELU saturates; a mean of 0 and a variance of 1 stay what they are.

    Parameters
    ----------
    input, p, training, key
        As for `dropout`, but `training` is false by default, as in PyTorch.

    References
    ----------
    G. Klambauer et al., "Self-normalizing neural networks", 2017.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.nn.alpha_dropout(ge.ones(4), 0.5, training=True, key=ge.random.key(1)).shape
    (4,)
    """
    x, p = as_float(input), _probability(p)
    if not training or p == 0:
        return x
    mask = _mask(x.shape, p, key)
    if p == 1:
        return where(mask, x, 0.0)
    scale = 1 / math.sqrt((1 - p) * (1 + p * _ALPHA**2))
    return add(multiply(where(mask, x, _ALPHA), scale), -scale * _ALPHA * p)


@composite
@located
def gaussian_noise(input: Operand, std: float = 1.0, training: bool = True, *, key: Variable | None = None) -> Variable:
    """Add random numbers of mean 0.

    Parameters
    ----------
    input : Variable or array_like
    std : float
        Their standard deviation.
    training, key
        As for `dropout`.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.nn.gaussian_noise(ge.input("x", ("batch", 3)), 0.1, key=ge.random.key(0)).shape
    ('batch', 3)
    """
    x = as_float(input)
    if not (isinstance(std, (int, float)) and 0 <= std < math.inf):
        raise DeclarationError(f"a standard deviation is a number >= 0, not {std!r}")
    if not training or std == 0:
        return x
    noise = random.normal(key_for("noise") if key is None else key, x.shape, x.dtype).named("noise")
    return add(x, multiply(noise, std))


def _channels_dropped(input: Operand, p: float, training: bool, key: Variable | None, spatial: int) -> Variable:
    x = as_float(input)
    if x.ndim not in (spatial + 1, spatial + 2):
        raise ShapeError(f"x of shape {show_shape(x.shape)} has not {spatial} dimensions behind its channels")
    return _dropped(x, p, training, key, (*x.shape[:-spatial], *(1,) * spatial))


def _dropped(x: Variable, p: float, training: bool, key: Variable | None, shape: Shape) -> Variable:
    p = _probability(p)
    if not training or p == 0:
        return x
    result: Variable = DropoutPrimitive(p)(x, _mask(shape, p, key))
    return result


def _mask(shape: Shape, p: float, key: Variable | None) -> Variable:
    mask: Variable = RandomMask(shape, p)(key_for("dropout") if key is None else key)
    return mask.named("mask")


def _probability(p: float) -> float:
    if isinstance(p, bool) or not isinstance(p, (int, float)) or not 0 <= p <= 1:
        raise DeclarationError(f"p is the probability to drop, a number from 0 to 1, not {p!r}")
    return float(p)


# ---- layers ----------------------------------------------------------------------------------------------------


class Dropout(Module):
    """Elements set to 0 by chance inside `ge.nn.training()`; elsewhere the input unchanged.

    Parameters
    ----------
    p : float
        The probability to drop an element; the others are divided by 1 - p.
    name : str, optional

    Examples
    --------
    >>> import graph_engine as ge
    >>> drop, x = ge.nn.Dropout(0.2), ge.input("x", ("batch", 4))
    >>> drop(x) is x
    True
    >>> with ge.nn.training() as mode:
    ...     y = drop(x)
    >>> [operation.primitive.name for operation in ge.Graph(y).operations]
    ['fold_in', 'fold_in', 'random_mask', 'dropout']
    """

    function: ClassVar[Callable[..., Variable]] = dropout

    def __init__(self, p: float = 0.5, *, name: str | None = None) -> None:
        super().__init__(name=name)
        try:
            self.p = _probability(p)
        except DeclarationError as error:
            raise error.located("declared at", capture().line) from None

    def forward(self, x: Operand) -> Variable:
        """Declare x with elements dropped, or x."""
        return type(self).function(x, self.p, current_training() is not None)

    def _about(self) -> str:
        return f": p = {self.p:g}"


class Dropout1d(Dropout):
    """Whole channels of `(n, channels, length)` set to 0 inside `ge.nn.training()`; see `Dropout`."""

    function = dropout1d


class Dropout2d(Dropout):
    """Whole channels of `(n, channels, height, width)` set to 0 inside `ge.nn.training()`; see `Dropout`."""

    function = dropout2d


class Dropout3d(Dropout):
    """Whole channels of `(n, channels, depth, height, width)` set to 0 inside `ge.nn.training()`; see `Dropout`."""

    function = dropout3d


class AlphaDropout(Dropout):
    """Elements set to where SELU saturates inside `ge.nn.training()`; see `alpha_dropout`."""

    function = alpha_dropout


class GaussianNoise(Module):
    """Random numbers of mean 0 added inside `ge.nn.training()`; elsewhere the input unchanged.

    Parameters
    ----------
    std : float
        Their standard deviation.
    name : str, optional

    Examples
    --------
    >>> import graph_engine as ge
    >>> noisy, x = ge.nn.GaussianNoise(0.1), ge.input("x", ("batch", 4))
    >>> noisy(x) is x
    True
    """

    def __init__(self, std: float = 1.0, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.std = std

    def forward(self, x: Operand) -> Variable:
        """Declare x with noise, or x."""
        return gaussian_noise(x, self.std, current_training() is not None)

    def _about(self) -> str:
        return f": std = {self.std:g}"
