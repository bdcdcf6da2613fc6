"""Activations, as functions of a variable; as layers they are in `activation_layers`.

Names, arguments and defaults are those of PyTorch, and so is what holds at a kink.
"""

from __future__ import annotations

from typing import Literal

from graph_engine import primitives
from graph_engine.declaring import located
from graph_engine.errors import DeclarationError, ShapeError
from graph_engine.nn.activations_along import glu, log_softmax, maxout, softmax, softmin
from graph_engine.node import Operand, Variable
from graph_engine.primitives import reshape
from graph_engine.primitives.common import as_float, as_variable
from graph_engine.primitives.elementwise import piecewise, smooth
from graph_engine.source import composite
from graph_engine.spec import show_shape

__all__ = [
    "elu", "gelu", "glu", "hardtanh", "heaviside", "identity", "leaky_relu", "log_softmax", "logsigmoid", "maxout",
    "prelu", "relu", "relu6", "selu", "sigmoid", "sign", "silu", "softmax", "softmin", "softplus", "softsign", "tanh",
]  # fmt: skip


def identity(input: Operand) -> Variable:
    """Return the value unchanged."""
    return as_variable(input)


def relu(input: Operand) -> Variable:
    """Return max(x, 0), elementwise; the derivative at 0 is 0.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.Engine("numpy").run(ge.nn.relu([-1.0, 2.0])).tolist()
    [0.0, 2.0]
    """
    return primitives.relu(input)


def sigmoid(input: Operand) -> Variable:
    """Return the logistic function 1 / (1 + exp(-x)), elementwise.

    Examples
    --------
    >>> import graph_engine as ge
    >>> float(ge.Engine("numpy").run(ge.nn.sigmoid(0.0)))
    0.5
    """
    return primitives.sigmoid(input)


def tanh(input: Operand) -> Variable:
    """Return the hyperbolic tangent, elementwise.

    Examples
    --------
    >>> import graph_engine as ge
    >>> float(ge.Engine("numpy").run(ge.nn.tanh(0.0)))
    0.0
    """
    return primitives.tanh(input)


@located
def leaky_relu(input: Operand, negative_slope: float = 0.01) -> Variable:
    """Return x above 0, `negative_slope` times x below, elementwise; the derivative at 0 is that slope.

    Parameters
    ----------
    input : Variable or array_like
    negative_slope : float
        PyTorch's is 0.01; courses often take 0.1.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.Engine("numpy").run(ge.nn.leaky_relu([-4.0, 2.0], 0.25)).tolist()
    [-1.0, 2.0]
    """
    return piecewise.LeakyRelu(float(negative_slope))(input)


@composite
@located
def prelu(input: Operand, weight: Operand) -> Variable:
    """Return x above 0, a learnt weight times x below (He et al. 2015); at 0 the derivative in x is the weight.

    Parameters
    ----------
    input : Variable or array_like
        With the channels in dimension 1 (dimension 0 where it has only one).
    weight : Variable or array_like
        One number, or one for each channel, of shape `(channels,)`.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.Engine("numpy").run(ge.nn.prelu([[-4.0, -4.0]], [0.25, 0.5])).tolist()
    [[-1.0, -2.0]]
    """
    x, slope = as_float(input), as_float(weight)
    channels = x.shape[min(1, x.ndim - 1)] if x.ndim else 1
    if slope.shape not in ((), (1,), (channels,)):
        raise ShapeError(
            f"weights of shape {show_shape(slope.shape)} do not go with {channels} channels in {show_shape(x.shape)}",
            "give one weight, or one for each channel",
        )
    if slope.ndim and x.ndim not in (1, 2):  # the channels are not last
        slope = reshape(slope, (*slope.shape, *(1,) * (x.ndim - 2)) if x.ndim else ())
    return piecewise.prelu(x, slope)


@located
def elu(input: Operand, alpha: float = 1.0) -> Variable:
    """Return x above 0, alpha (exp(x) - 1) below, elementwise (Clevert et al. 2015); the derivative at 0 is alpha.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.Engine("numpy").run(ge.nn.elu([-100.0, 2.0])).tolist()
    [-1.0, 2.0]
    """
    return piecewise.Elu(float(alpha))(input)


def selu(input: Operand) -> Variable:
    """Return 1.0507 elu(x, 1.6733), elementwise, the exact numbers being Klambauer's et al. (2017).

    Examples
    --------
    >>> import graph_engine as ge
    >>> round(float(ge.Engine("numpy").run(ge.nn.selu(1.0))), 4)
    1.0507
    """
    return piecewise.selu(input)


@located
def gelu(input: Operand, approximate: Literal["none", "tanh"] = "none") -> Variable:
    """Return x times the probability that a standard normal number is below x (Hendrycks and Gimpel 2016).

    Parameters
    ----------
    input : Variable or array_like
    approximate : {"none", "tanh"}
        By the error function, or x/2 (1 + tanh(√(2/π) (x + 0.044715 x³))).

    Examples
    --------
    >>> import graph_engine as ge
    >>> round(float(ge.Engine("numpy").run(ge.nn.gelu(1.0))), 4)
    0.8413
    """
    kinds = {"none": smooth.gelu, "tanh": smooth.gelu_tanh}
    if approximate not in kinds:
        raise DeclarationError(f"there is no approximation called {approximate!r}", "choose 'none' or 'tanh'")
    return kinds[approximate](input)


def silu(input: Operand) -> Variable:
    """Return x σ(x), elementwise (Elfwing, Uchibe and Doya 2018); also called swish.

    Examples
    --------
    >>> import graph_engine as ge
    >>> round(float(ge.Engine("numpy").run(ge.nn.silu(1.0))), 4)
    0.7311
    """
    return smooth.silu(input)


def softsign(input: Operand) -> Variable:
    """Return x / (1 + |x|), elementwise.

    Examples
    --------
    >>> import graph_engine as ge
    >>> float(ge.Engine("numpy").run(ge.nn.softsign(-1.0)))
    -0.5
    """
    return smooth.softsign(input)


def logsigmoid(input: Operand) -> Variable:
    """Return log σ(x), elementwise, without overflow.

    Examples
    --------
    >>> import graph_engine as ge
    >>> float(ge.Engine("numpy").run(ge.nn.logsigmoid(-1000.0)))
    -1000.0
    """
    return smooth.logsigmoid(input)


@located
def softplus(input: Operand, beta: float = 1.0, threshold: float = 20.0) -> Variable:
    """Return log(1 + exp(beta x)) / beta, elementwise; x itself where beta x is above the threshold.

    `ge.softplus` is the function without a threshold: its graph has the plain formula, and in float64 it differs by
    up to exp(-20).

    Parameters
    ----------
    input : Variable or array_like
    beta : float
        How sharp the bend is; not 0.
    threshold : float
        From here on the function is taken to be linear, with derivative 1.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.Engine("numpy").run(ge.nn.softplus([-1000.0, 1000.0])).tolist()
    [0.0, 1000.0]
    """
    if not beta:
        raise DeclarationError("beta is 0, by which softplus would be divided")
    return smooth.SoftplusBeta(float(beta), float(threshold))(input)


@located
def hardtanh(input: Operand, min_val: float = -1.0, max_val: float = 1.0) -> Variable:
    """Return x cut to [min_val, max_val], elementwise; the derivative at the bounds is 0.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.Engine("numpy").run(ge.nn.hardtanh([-3.0, 0.5, 3.0])).tolist()
    [-1.0, 0.5, 1.0]
    """
    return piecewise.Hardtanh(float(min_val), float(max_val))(input)


def relu6(input: Operand) -> Variable:
    """Return x cut to [0, 6], elementwise; the derivative at 0 and at 6 is 0.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.Engine("numpy").run(ge.nn.relu6([-1.0, 5.0, 9.0])).tolist()
    [0.0, 5.0, 6.0]
    """
    return piecewise.relu6(input)


@located
def sign(input: Operand, at_zero: float = 0) -> Variable:
    """Return -1 below 0 and 1 above, elementwise; the derivative is 0 everywhere, also at 0.

    Parameters
    ----------
    input : Variable or array_like
    at_zero : float
        The sign of 0: 0 as in PyTorch and NumPy; a perceptron has -1 or 1, as its course decides.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.Engine("numpy").run(ge.nn.sign([-2.0, 0.0, 2.0], at_zero=1)).tolist()
    [-1.0, 1.0, 1.0]
    """
    return primitives.sign(input) if at_zero == 0 else piecewise.Step(-1.0, float(at_zero), 1.0)(input)


@located
def heaviside(input: Operand, at_zero: float) -> Variable:
    """Return 0 below 0 and 1 above, elementwise; the derivative is 0 everywhere, also at 0.

    Parameters
    ----------
    input : Variable or array_like
    at_zero : float
        The value at 0, about which there is no agreement: 0, 1/2 or 1.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.Engine("numpy").run(ge.nn.heaviside([-2.0, 0.0, 2.0], 1)).tolist()
    [0.0, 1.0, 1.0]
    """
    return piecewise.Step(0.0, float(at_zero), 1.0)(input)
