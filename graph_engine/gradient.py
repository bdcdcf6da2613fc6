"""Derivatives of variables, declared as variables: gradients, products with Jacobian and Hessian, and these whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

import numpy as np

from graph_engine.backward_pass import backward, backward_context
from graph_engine.context import building
from graph_engine.errors import GradientError, UnusedVariableWarning
from graph_engine.node import GradientOf, Variable
from graph_engine.operands import constant
from graph_engine.primitives.structure import full, sum_to
from graph_engine.source import capture, warn


@overload
def grad(loss: Variable, wrt: Variable) -> Variable: ...
@overload
def grad(loss: Variable, wrt: Sequence[Variable]) -> list[Variable]: ...
def grad(loss: Variable, wrt: Variable | Sequence[Variable]) -> Variable | list[Variable]:
    """Declare the gradient of a scalar loss.

    Parameters
    ----------
    loss : Variable
        A scalar (shape `()` or one element) of a float dtype.
    wrt : Variable, or sequence of Variable
        What to differentiate with respect to, of float dtypes.

    Returns
    -------
    Variable, or list of Variable
        The gradients, in the shapes of `wrt`: variables like any other, to be run, drawn, differentiated again. Zero,
        with a warning, where the loss does not depend on one.

    Raises
    ------
    GradientError
        Where the loss is no scalar, or something is no real number.

    Examples
    --------
    >>> import graph_engine as ge
    >>> x = ge.input("x")
    >>> slope = ge.grad(x * x * x, x)
    >>> curvature = ge.grad(slope, x)
    >>> engine = ge.Engine("numpy")
    >>> [float(v) for v in engine.run([slope, curvature], {x: 2})]
    [12.0, 12.0]
    """
    if isinstance(loss, Variable) and loss.size != 1:
        raise GradientError(
            f"the loss {loss.name!r} has shape {loss.spec}; a gradient is taken of one number",
            "use ge.sum or ge.mean on it, or ge.jacobian, or ge.vjp with a cotangent",
            (("declared at", loss.line),),
        )
    targets: list[Variable] = [wrt] if isinstance(wrt, Variable) else list(wrt)
    found = backward(loss, targets)
    gradients = [_or_zero(found, loss, target) for target in targets]
    return gradients[0] if isinstance(wrt, Variable) else gradients


def vjp(output: Variable, wrt: Sequence[Variable], cotangent: Variable) -> list[Variable]:
    """Declare the product of a cotangent with the Jacobian of `output` with respect to each of `wrt`.

    Parameters
    ----------
    output : Variable
        Of any shape.
    wrt : sequence of Variable
    cotangent : Variable
        Of the shape and dtype of `output`.

    Examples
    --------
    >>> import graph_engine as ge
    >>> x, c = ge.input("x", 3), ge.input("c", 3)
    >>> product, = ge.vjp(x * x, [x], c)
    >>> ge.Engine("numpy").run(product, {x: [1, 2, 3], c: [1, 0, 1]}).tolist()
    [2.0, 0.0, 6.0]
    """
    found = backward(output, wrt, cotangent)
    return [_or_zero(found, output, target) for target in wrt]


def jvp(output: Variable, wrt: Sequence[Variable], tangents: Sequence[Variable]) -> Variable:
    """Declare the product of the Jacobian with tangents: the derivative of `output` along a direction.

    It is the gradient of a vjp with respect to its cotangent (J. Townsend, "A new trick for calculating
    Jacobian vector products", 2017).

    Parameters
    ----------
    output : Variable
        Of any shape.
    wrt, tangents : sequence of Variable
        What to differentiate with respect to, and the direction in each, of its shape and dtype.

    Examples
    --------
    >>> import graph_engine as ge
    >>> x, t = ge.input("x", 3), ge.input("t", 3)
    >>> ge.Engine("numpy").run(ge.jvp(x * x, [x], [t]), {x: [1, 2, 3], t: [1, 0, 1]}).tolist()
    [2.0, 0.0, 6.0]
    """
    wrt, tangents = _as_list(wrt), _as_list(tangents)
    if [v.spec for v in wrt] != [t.spec for t in tangents]:
        raise GradientError("each variable needs one tangent, of its own shape and dtype")
    with building(backward_context(capture())):
        cotangent = full(output.shape, 0.0, output.dtype)
        products = vjp(output, wrt, cotangent)
        total = None
        for product, tangent in zip(products, tangents, strict=True):
            term = sum_to(product * tangent, ())
            total = term if total is None else total + term
    if total is None:
        raise GradientError("a derivative needs at least one variable and its tangent")
    return _or_zero(backward(total, [cotangent]), output, cotangent, silent=True)


def hvp(loss: Variable, x: Variable, vector: Variable) -> Variable:
    """Declare the product of the Hessian of `loss` at `x` with a vector of the shape of `x`.

    Examples
    --------
    >>> import graph_engine as ge
    >>> x, v = ge.input("x", 2), ge.input("v", 2)
    >>> product = ge.hvp(ge.sum(x * x * x), x, v)
    >>> ge.Engine("numpy").run(product, {x: [1, 2], v: [1, 1]}).tolist()
    [6.0, 12.0]
    """
    slope = grad(loss, x)
    return _or_zero(backward(slope, [x], vector), slope, x, silent=True)


def jacobian(output: Variable, wrt: Variable) -> Variable:
    """Declare the matrix of all derivatives.

    Parameters
    ----------
    output, wrt : Variable
        Of known shapes; the graph grows with the number of elements of `output`.

    Returns
    -------
    Variable
        Of shape `output.shape + wrt.shape`.

    Examples
    --------
    >>> import graph_engine as ge
    >>> x = ge.input("x", 2)
    >>> ge.Engine("numpy").run(ge.jacobian(x * x, x), {x: [1, 3]}).tolist()
    [[2.0, 0.0], [0.0, 6.0]]
    """
    from graph_engine.primitives import reshape, stack

    _as_list([output, wrt])
    if not isinstance(output.size, int):
        raise GradientError(f"the Jacobian of {output.name!r} has as many rows as {output.size}, which is not known")
    rows = []
    for index in range(output.size):
        seed = np.zeros(output.size)
        seed[index] = 1
        found = backward(output, [wrt], constant(seed.reshape(output.shape), dtype=output.dtype))
        rows.append(_or_zero(found, output, wrt, silent=True))
    if not rows:
        return full((*output.shape, *wrt.shape), 0.0, wrt.dtype)
    return reshape(stack(rows), (*output.shape, *wrt.shape))


def hessian(loss: Variable, x: Variable) -> Variable:
    """Declare the matrix of second derivatives of a scalar: of shape `x.shape + x.shape`.

    Examples
    --------
    >>> import graph_engine as ge
    >>> x = ge.input("x", 2)
    >>> ge.Engine("numpy").run(ge.hessian(x[0] * x[0] * x[1], x), {x: [1, 3]}).tolist()
    [[6.0, 2.0], [2.0, 0.0]]
    """
    return jacobian(grad(loss, x), x)


def _as_list(variables: Variable | Sequence[Variable]) -> list[Variable]:
    found = [variables] if isinstance(variables, Variable) else list(variables)
    for variable in found:
        if not isinstance(variable, Variable):
            raise GradientError(f"{variable!r} is no variable", "derivatives are taken of, and for, variables")
    return found


def _or_zero(found: dict[Variable, Variable], loss: Variable, target: Variable, silent: bool = False) -> Variable:
    if target in found:
        return found[target]
    if not silent:
        message = f"{loss.name!r} does not depend on {target.name!r}: its gradient is zero"
        warn(message, UnusedVariableWarning)
    with building(backward_context(capture())):
        zero: Variable = full(target.shape, 0.0, target.dtype)
    zero.gradient = GradientOf(target, loss, None, None)
    return zero
