"""The backward pass, as graph: walk the operations in reverse and let each one's rule build its part.

Every variable that the loss reaches gets contributions, one for each use. When the rule of its earliest use has been
built, no more can come: the gradient is then the one contribution, or an `accumulate` of them. So each step of the
backward pass is one rule followed by the sums that it completes.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, overload

import numpy as np

from graph_engine.collector import paused_collection
from graph_engine.context import Context, building, current_context
from graph_engine.errors import GradientError, GraphEngineError, UnusedVariableWarning
from graph_engine.graph import Graph
from graph_engine.node import GradientOf, Operation, Variable
from graph_engine.operands import constant
from graph_engine.primitive import apply
from graph_engine.primitives.structure import accumulate, full, pass_on, sum_to
from graph_engine.source import Source, capture


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
    with building(_backward_context(capture())):
        cotangent = full(output.shape, 0.0, output.dtype)
        products = vjp(output, wrt, cotangent)
        total = None
        for product, tangent in zip(products, tangents, strict=True):
            term = sum_to(product * tangent, ())
            total = term if total is None else total + term
    if total is None:
        raise GradientError("a derivative needs at least one variable and its tangent")
    return _or_zero(backward(total, [cotangent]), output, cotangent, warn=False)


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
    return _or_zero(backward(slope, [x], vector), slope, x, warn=False)


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
        rows.append(_or_zero(found, output, wrt, warn=False))
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


# ---- the pass --------------------------------------------------------------------------------------------------


def backward(
    loss: Variable, wrt: Sequence[Variable], cotangent: Variable | None = None
) -> dict[Variable, Variable]:
    """Declare the backward pass and return the gradient of every variable on the way, the loss included.

    Parameters
    ----------
    loss : Variable
    wrt : sequence of Variable
        Only what lies between these and the loss is differentiated.
    cotangent : Variable, optional
        d(something)/d(loss); ones by default.
    """
    _check(loss, wrt, cotangent)
    with paused_collection(), building(_backward_context(capture())):
        return _Backward((loss,), wrt).run((cotangent,))


def pull_back(
    outputs: Sequence[Variable], cotangents: Sequence[Variable], wrt: Sequence[Variable]
) -> list[Variable | None]:
    """Declare the backward pass from several outputs at once, given their cotangents; None is zero.

    Parameters
    ----------
    outputs, cotangents : sequence of Variable
        Of float dtypes; a cotangent has the shape and dtype of its output.
    wrt : sequence of Variable
    """
    if not outputs:
        return [None] * len(wrt)
    with paused_collection(), building(_backward_context(capture())):
        found = _Backward(outputs, wrt).run(cotangents)
    return [found.get(variable) for variable in wrt]


class _Backward:
    """The state of one backward pass: what has to be differentiated, and the contributions so far."""

    def __init__(self, losses: Sequence[Variable], wrt: Sequence[Variable]) -> None:
        self.losses = losses
        self.loss = losses[0]
        self.operations, self.depends = _between(losses, wrt)
        self.contributions: dict[Variable, list[Variable]] = {}
        self.gradients: dict[Variable, Variable] = {}
        self.last_rule: dict[Variable, Operation] = {}  # the earliest use, whose rule comes last
        for operation in self.operations:
            for variable in operation.inputs:
                self.last_rule.setdefault(variable, operation)

    def run(self, cotangents: Sequence[Variable | None]) -> dict[Variable, Variable]:
        for loss, cotangent in zip(self.losses, cotangents, strict=True):
            self.contributions.setdefault(loss, []).append(self._seed(loss, cotangent))
        for loss in dict.fromkeys(self.losses):
            if loss not in self.last_rule:
                self._complete(loss)
        for operation in reversed(self.operations):
            cotangents = [self.gradients.get(v) for v in operation.outputs]
            if any(c is not None for c in cotangents):
                self._build_rule(operation, cotangents)
            for variable in dict.fromkeys(operation.inputs):
                if self.last_rule[variable] is operation and variable in self.contributions:
                    self._complete(variable)
        return self.gradients

    def _seed(self, loss: Variable, cotangent: Variable | None) -> Variable:
        with building(replace(current_context(), source=loss.source.as_inner(), owner=loss)):
            seed: Variable = full(loss.shape, 1.0, loss.dtype) if cotangent is None else apply(pass_on, (cotangent,))
        seed.gradient = GradientOf(loss, loss, None, None)
        return seed

    def _build_rule(self, operation: Operation, cotangents: list[Variable | None]) -> None:
        wanted = [v in self.depends for v in operation.inputs]
        with building(Context(operation.scope, "backward", operation, operation.source.as_inner())):
            terms = _call_rule(operation, cotangents, wanted)
            for position, (variable, term) in enumerate(zip(operation.inputs, terms, strict=True)):
                if term is None or not wanted[position]:
                    continue
                _check_term(operation, variable, term)
                if term.operation is None or term.operation.owner is not operation or term.gradient is not None:
                    term = apply(pass_on, (term,))  # the rule hands on a variable that exists already
                term.gradient = GradientOf(variable, self.loss, operation, position, partial=True)
                self.contributions.setdefault(variable, []).append(term)

    def _complete(self, variable: Variable) -> None:
        terms = self.contributions.pop(variable)
        total = terms[0]
        record = total.gradient
        if len(terms) > 1 or record is None:
            with building(Context(variable.scope, "backward", variable, variable.source.as_inner())):
                total = accumulate(*terms)
            record = GradientOf(variable, self.loss, None, None)
        total.gradient = record._replace(partial=False)
        self.gradients[variable] = total


def _as_list(variables: Variable | Sequence[Variable]) -> list[Variable]:
    found = [variables] if isinstance(variables, Variable) else list(variables)
    for variable in found:
        if not isinstance(variable, Variable):
            raise GradientError(f"{variable!r} is no variable", "derivatives are taken of, and for, variables")
    return found


def _between(losses: Sequence[Variable], wrt: Sequence[Variable]) -> tuple[list[Operation], set[Variable]]:
    """Find the operations between `wrt` and the losses, and the variables among them that have gradients."""
    depends = set(wrt)
    operations = []
    for operation in Graph(*losses).operations:
        if operation.primitive.name == "stop_gradient" or not any(v in depends for v in operation.inputs):
            continue
        operations.append(operation)
        depends.update(v for v in operation.outputs if v.spec.is_float)
    return operations, depends


def _call_rule(
    operation: Operation, cotangents: list[Variable | None], wanted: list[bool]
) -> Sequence[Variable | None]:
    primitive = operation.primitive
    try:
        terms = primitive.vjp(operation, cotangents, wanted)
    except GraphEngineError as error:
        raise error.located(f"while differentiating {operation.name}, declared at", operation.line) from None
    except Exception as error:
        raise GradientError(
            f"the vjp of {primitive.name} failed: {type(error).__name__}: {error}",
            lines=(("used at", operation.line),),
        ) from error
    if not isinstance(terms, (list, tuple)) or len(terms) != len(operation.inputs):
        raise GradientError(
            f"the vjp of {primitive.name} must return {len(operation.inputs)} gradients, one an input",
            lines=(("used at", operation.line),),
        )
    return terms


def _check_term(operation: Operation, variable: Variable, term: Any) -> None:
    if isinstance(term, Variable) and term.spec == variable.spec:
        return
    got = term.spec if isinstance(term, Variable) else repr(term)
    raise GradientError(
        f"the vjp of {operation.primitive.name} returned {got} as the gradient of {variable.name!r}, "
        f"which is {variable.spec}",
        "a gradient has the shape and dtype of its variable (ge.sum_to undoes broadcasting)",
        (("used at", operation.line),),
    )


def _check(loss: Variable, wrt: Sequence[Variable], cotangent: Variable | None) -> None:
    for variable in (loss, *wrt, *([] if cotangent is None else [cotangent])):
        if not isinstance(variable, Variable):
            raise GradientError(f"{variable!r} is no variable", "ge.grad(loss, [w1, w2]) takes variables")
        if not variable.spec.is_float:
            raise GradientError(
                f"{variable.name!r} is {variable.spec}; only real numbers have derivatives",
                "convert it with ge.astype(v, 'float32')",
                (("declared at", variable.line),),
            )
    if cotangent is not None and cotangent.spec != loss.spec:
        raise GradientError(f"the cotangent is {cotangent.spec}, but {loss.name!r} is {loss.spec}")


def _or_zero(found: dict[Variable, Variable], loss: Variable, target: Variable, warn: bool = True) -> Variable:
    if target in found:
        return found[target]
    if warn:
        line = capture().line
        message = f"{loss.name!r} does not depend on {target.name!r}: its gradient is zero"
        place = (line.file, line.line) if line is not None else ("<unknown>", 0)
        warnings.warn_explicit(message, UnusedVariableWarning, *place)
    with building(_backward_context(capture())):
        zero: Variable = full(target.shape, 0.0, target.dtype)
    zero.gradient = GradientOf(target, loss, None, None)
    return zero


def _backward_context(source: Source) -> Context:
    base = current_context()
    return Context(base.scope, "backward", None, base.source or source)
