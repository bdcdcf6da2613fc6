"""What helps where an exponential, a logarithm or a root goes wrong: it depends on what is around it."""

from __future__ import annotations

from graph_engine.node import Operation, Variable
from graph_engine_viz.debugger.origins.reading import Place, Reader

__all__ = ["for_argument", "for_exp", "for_log_of_zero", "for_root", "small"]

NEAR = 4
"""So many operations before or after are looked at."""

ADDING_UP = frozenset({"sum", "mean"})


def small(place: Place, number: float) -> str:
    """Write a small number so that it is not 0 in the dtype of a place."""
    return "1e-4" if place.dtype == "float16" else f"{number:.0e}".replace("e-0", "e-")


def for_exp(place: Place) -> str:
    """Say what helps where exp is too large."""
    after = _after(place.reader, place.operation.outputs[0])
    divided = any(user.primitive.name == "divide" and position == 1 for user, position, _ in after)
    logged = [passed for user, _, passed in after if user.primitive.name == "log"]
    summed = any(passed & ADDING_UP for _, _, passed in after)
    if place.primitive == "exp" and summed and divided:
        return "let one function do exp and what follows: ge.nn.softmax, which subtracts the largest first"
    if place.primitive == "exp" and any(passed & ADDING_UP for passed in logged):
        return "let one function do exp and what follows: ge.logsumexp, which subtracts the largest first"
    if place.primitive == "exp" and any("add" in passed for passed in logged):
        return "let one function do exp and what follows: ge.nn.softplus, which is x itself where x is large"
    if place.primitive == "exp" and logged:
        return "the logarithm of this is known without exp, where x is large: x itself, nearly"
    less = "compute it in a wider dtype" if place.dtype == "float16" else "smaller weights, a smaller learning rate"
    return f"bound the exponent: ge.clip(x, -10, 10), or a tanh times the largest that makes sense; {less}"


def for_log_of_zero(place: Place, argument: Variable) -> str:
    """Say what helps where the argument of a logarithm is 0, or almost."""
    before = _before(argument)
    keep = f"keep the number above 0: ge.log(ge.maximum(x, {small(place, 1e-12)}))"
    if "exp" in before and "subtract" in before:
        return f"exp(x) - 1 is rounded to 0 where x is small: ge.expm1(x) is not; or {keep}"
    if "expm1" in before:
        return keep
    if "exp" in before and before & ADDING_UP:
        return f"stay with logarithms: ge.logsumexp of the exponents, which subtracts the largest first; or {keep}"
    if "prod" in before:
        return f"the logarithm of a product is a sum of logarithms: ge.sum(ge.log(x)); or {keep}"
    return (
        "compute the logarithm from what is before: ge.nn.log_softmax, ge.nn.logsigmoid, cross_entropy of logits; or "
        f"{keep}"
    )


def for_root(place: Place) -> str:
    """Say what helps where the argument of a root is negative."""
    before = _before(place.operation.inputs[0])
    keep = "a difference that should be >= 0 may be just below: ge.maximum(x, 0)"
    if {"subtract", "mean"} <= before and before & {"square", "multiply", "pow"}:
        return f"in the place of mean(x * x) - mean(x) ** 2 ge.var(x), which is never below 0; or {keep}"
    return keep


def for_argument(operation: Operation) -> str:
    """Write a function so that its argument does no harm where it is not taken."""
    name = operation.primitive.name
    return HARMLESS.get(name, f"ge.{name}(ge.where(mask, x, 1))")


HARMLESS = {
    "pow": "ge.pow(ge.where(mask, x, 1), p)",
    "divide": "x / ge.where(mask, y, 1)",
    "multiply": "x * ge.log(ge.where(mask, y, 1))",
}


def _before(variable: Variable) -> frozenset[str]:
    """Return the names of the operations of the same pass that lead to a variable, as far as they are near."""
    found: set[str] = set()
    layer = [variable]
    for _ in range(NEAR):
        makers = [v.operation for v in layer if v.operation is not None]
        found |= {maker.primitive.name for maker in makers}
        layer = list(dict.fromkeys(v for maker in makers for v in maker.inputs if v.spec.is_float))[:NEAR]
    return frozenset(found)


def _after(reader: Reader, variable: Variable) -> list[tuple[Operation, int, frozenset[str]]]:
    """Return the forward uses that follow a variable, as far as they are near, and what was passed on the way."""
    found: list[tuple[Operation, int, frozenset[str]]] = []
    layer: list[tuple[Variable, frozenset[str]]] = [(variable, frozenset())]
    for _ in range(NEAR):
        users = [
            (user, position, passed)
            for v, passed in layer
            for user, position in reader.trace.graph.consumers.get(v, ())
            if user.phase == "forward"
        ][: NEAR * NEAR]
        found += users
        layer = [(v, passed | {user.primitive.name}) for user, _, passed in users for v in user.outputs]
    return found
