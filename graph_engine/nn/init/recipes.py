"""Recipes: how parameters of any shape begin. Names and arguments are those of `torch.nn.init`."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, overload

import numpy as np

from graph_engine.declaring import refused
from graph_engine.errors import DeclarationError, ShapeError
from graph_engine.nn.init.numbers import Array, Seed, Shape, fractions, normals, truncated_normals
from graph_engine.spec import as_dtype, show_shape

Initializer = Callable[[Seed], Array]
Mode = Literal["fan_in", "fan_out"]


@dataclass(frozen=True)
class Recipe:
    """How a parameter begins, whatever its shape: given a shape and a dtype, it makes a function of a seed.

    Parameters
    ----------
    name : str
    fill : callable
        A function of a shape and a seed that returns an array of float64.

    Examples
    --------
    >>> import graph_engine as ge
    >>> begin = ge.nn.init.constant(0.5)((2, 2), "float32")
    >>> begin((1,)).tolist()
    [[0.5, 0.5], [0.5, 0.5]]
    """

    name: str
    fill: Callable[[Shape, Seed], Array]

    def __call__(self, shape: Shape, dtype: Any = "float32") -> Initializer:
        """Return the initialiser of a parameter."""

        def initial(seed: Seed) -> Array:
            return np.asarray(self.fill(shape, seed)).astype(as_dtype(dtype))

        return initial


def constant(value: float) -> Recipe:
    """Begin with one number everywhere.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.nn.init.constant(7)((2,))((0,)).tolist()
    [7.0, 7.0]
    """
    return Recipe("constant", lambda shape, seed: np.full(shape, float(value)))


def zeros() -> Recipe:
    """Begin with 0: right for biases; with weights of 0 all units of a layer stay alike for ever."""
    return constant(0)


def ones() -> Recipe:
    """Begin with 1, as the gain of a normalisation does."""
    return constant(1)


@overload
def uniform(a: float = 0.0, b: float = 1.0) -> Recipe: ...
@overload
def uniform(a: tuple[int, ...], b: float, dtype: Any = "float32") -> Initializer: ...
def uniform(a: Any = 0.0, b: float = 1.0, dtype: Any = "float32") -> Recipe | Initializer:
    """Begin with numbers evenly distributed between a and b.

    Parameters
    ----------
    a, b : float
        Or a shape and a bound: then it is the initialiser of that shape, with numbers between -b and b.
    dtype : str
        Of that initialiser.

    Examples
    --------
    >>> import graph_engine as ge
    >>> begin = ge.nn.init.uniform((2, 3), 0.5)
    >>> begin((1,)).shape, bool(abs(begin((1,))).max() < 0.5)
    ((2, 3), True)
    """
    if isinstance(a, tuple):
        return _even("uniform", lambda shape: b)(a, dtype)
    middle, reach = (a + b) / 2, (b - a) / 2
    return Recipe("uniform", lambda shape, seed: middle + reach * (2 * fractions(shape, seed) - 1))


def normal(mean: float = 0.0, std: float = 1.0) -> Recipe:
    """Begin with normally distributed numbers.

    Examples
    --------
    >>> import graph_engine as ge
    >>> values = ge.nn.init.normal(5.0, 0.1)((1000,))((0,))
    >>> bool(abs(values.mean() - 5) < 0.02)
    True
    """
    return Recipe("normal", lambda shape, seed: mean + std * normals(shape, seed))


def trunc_normal(mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0) -> Recipe:
    """Begin with normally distributed numbers, those outside of [a, b] left out.

    Examples
    --------
    >>> import graph_engine as ge
    >>> bool(abs(ge.nn.init.trunc_normal()((1000,))((0,))).max() <= 2)
    True
    """
    if not (a < b and std > 0 and math.isfinite(b - a)):
        raise refused(f"between {a} and {b}, with a deviation of {std}, there are no numbers")
    low, high = (a - mean) / std, (b - mean) / std
    return Recipe("trunc_normal", lambda shape, seed: mean + std * truncated_normals(shape, seed, low, high))


def lecun_uniform() -> Recipe:
    """Begin evenly distributed with variance 1 / fan_in (LeCun et al. 1998)."""
    return _even("lecun_uniform", lambda shape: math.sqrt(3 / _fan(shape, "fan_in")))


def lecun_normal() -> Recipe:
    """Begin normally distributed with deviation 1 / sqrt(fan_in) (LeCun et al. 1998): the courses' N(0, 1/√d)."""
    return _spread("lecun_normal", lambda shape: math.sqrt(1 / _fan(shape, "fan_in")))


def xavier_uniform(gain: float = 1.0) -> Recipe:
    """Begin evenly distributed with variance 2 gain² / (fan_in + fan_out) (Glorot and Bengio 2010).

    Examples
    --------
    >>> import graph_engine as ge
    >>> values = ge.nn.init.xavier_uniform()((50, 100))((0,))
    >>> bool(0.19 < abs(values).max() < 0.2)
    True
    """
    return _even("xavier_uniform", lambda shape: gain * math.sqrt(6 / _both_fans(shape)))


def xavier_normal(gain: float = 1.0) -> Recipe:
    """Begin normally distributed with variance 2 gain² / (fan_in + fan_out) (Glorot and Bengio 2010)."""
    return _spread("xavier_normal", lambda shape: gain * math.sqrt(2 / _both_fans(shape)))


def kaiming_uniform(a: float = 0, mode: Mode = "fan_in", nonlinearity: str = "leaky_relu") -> Recipe:
    """Begin evenly distributed with variance gain² / fan (He et al. 2015).

    Parameters
    ----------
    a : float
        The slope below 0 of the leaky ReLU that follows.
    mode : {"fan_in", "fan_out"}
        Whether values keep their variance on the way forward, or gradients on the way back.
    nonlinearity : str
        What follows, as for `calculate_gain`.
    """
    gain = calculate_gain(nonlinearity, a)
    return _even("kaiming_uniform", lambda shape: gain * math.sqrt(3 / _fan(shape, mode)))


def kaiming_normal(a: float = 0, mode: Mode = "fan_in", nonlinearity: str = "leaky_relu") -> Recipe:
    """Begin normally distributed with variance gain² / fan (He et al. 2015).

    Parameters
    ----------
    a, mode, nonlinearity
        As for `kaiming_uniform`.

    Examples
    --------
    >>> import graph_engine as ge
    >>> values = ge.nn.init.kaiming_normal(nonlinearity="relu")((50, 200))((0,))
    >>> bool(abs(values.std() - 0.1) < 0.005)
    True
    """
    gain = calculate_gain(nonlinearity, a)
    return _spread("kaiming_normal", lambda shape: gain / math.sqrt(_fan(shape, mode)))


def orthogonal(gain: float = 1.0) -> Recipe:
    """Begin with rows or columns, whichever are fewer, that are orthogonal and of length gain (Saxe et al. 2013).

    They come from a QR decomposition, so that from machine to machine the last bits may differ.

    Examples
    --------
    >>> import numpy as np, graph_engine as ge
    >>> Q = ge.nn.init.orthogonal()((3, 5), "float64")((0,))
    >>> bool(np.allclose(Q @ Q.T, np.eye(3)))
    True
    """

    def fill(shape: Shape, seed: Seed) -> Array:
        _fan(shape, "fan_in")
        values = normals(shape, seed).reshape(shape[0], -1)
        wide = values.shape[0] < values.shape[1]
        q, r = np.linalg.qr(values.T if wide else values)
        q = q * np.where(np.diag(r) < 0, -1.0, 1.0)
        return np.asarray(gain * (q.T if wide else q).reshape(shape))

    return Recipe("orthogonal", fill)


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """Return by how much weights are to be larger because of what follows them.

    Parameters
    ----------
    nonlinearity : str
        "linear", "sigmoid", "tanh", "relu", "leaky_relu", "selu", "conv1d" ...
    param : float, optional
        The slope below 0 of a leaky ReLU; 0.01 by default.

    Examples
    --------
    >>> import graph_engine as ge
    >>> round(ge.nn.init.calculate_gain("relu"), 4)
    1.4142
    """
    gains = {"tanh": 5 / 3, "relu": math.sqrt(2), "selu": 3 / 4, "linear": 1.0, "identity": 1.0, "sigmoid": 1.0}
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        return math.sqrt(2 / (1 + slope * slope))
    if nonlinearity.startswith("conv"):
        return 1.0
    if nonlinearity not in gains:
        raise refused(f"there is no gain for {nonlinearity!r}", f"choose {', '.join(gains)} or leaky_relu")
    return gains[nonlinearity]


def _even(name: str, bound: Callable[[Shape], float]) -> Recipe:
    return Recipe(name, lambda shape, seed: (2 * fractions(shape, seed) - 1) * bound(shape))


def _spread(name: str, deviation: Callable[[Shape], float]) -> Recipe:
    return Recipe(name, lambda shape, seed: normals(shape, seed) * deviation(shape))


def _both_fans(shape: Shape) -> int:
    return _fan(shape, "fan_in") + _fan(shape, "fan_out")


def _fan(shape: Shape, mode: str) -> int:
    """Return how many inputs each output sees, or how many outputs each input reaches; 1 where there is none."""
    if mode not in ("fan_in", "fan_out"):
        raise DeclarationError(f"there is no mode called {mode!r}", "choose fan_in or fan_out")
    if len(shape) < 2:
        raise refused(
            f"a parameter of shape {show_shape(shape)} has no inputs and outputs to count",
            "this recipe is for matrices and kernels; let biases begin by another: bias=ge.nn.init.zeros()",
            ShapeError,
        )
    return max(shape[1 if mode == "fan_in" else 0] * math.prod(shape[2:]), 1)
