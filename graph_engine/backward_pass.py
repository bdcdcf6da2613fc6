"""The backward pass, as graph: walk the operations in reverse and let each one's rule build its part.

Every variable that the loss reaches gets contributions, one for each use. When the rule of its earliest use has been
built, no more can come: the gradient is then the one contribution, or an `accumulate` of them. So each step of the
backward pass is one rule followed by the sums that it completes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from graph_engine.collector import paused_collection
from graph_engine.context import Context, building, current_context
from graph_engine.errors import GradientError, GraphEngineError
from graph_engine.graph import Graph
from graph_engine.node import GradientOf, Operation, Variable
from graph_engine.primitive import apply
from graph_engine.primitives.structure import accumulate, full, pass_on
from graph_engine.source import Source, capture


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
    with paused_collection(), building(backward_context(capture())):
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
    with paused_collection(), building(backward_context(capture())):
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


def backward_context(source: Source) -> Context:
    """Return what the operations of a backward pass are declared in."""
    base = current_context()
    return Context(base.scope, "backward", None, base.source or source)
