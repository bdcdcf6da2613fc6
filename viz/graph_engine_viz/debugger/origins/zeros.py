"""Where a gradient became zero: forward from a variable along its uses, to where something arrived and nothing left.

At each use the gradient that comes back from above is compared with the term that is handed down. Where the first is
not zero and the second is, there it was cut; where both are zero the cut is further on, towards the loss.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from graph_engine.node import Operation, Variable
from graph_engine_viz.debugger.origins.causes import Cause
from graph_engine_viz.debugger.origins.reading import Reader
from graph_engine_viz.debugger.origins.report import Finding, words
from graph_engine_viz.summary import short

__all__ = ["find_cuts", "terms_of"]

MOST_FINDINGS = 5


def find_cuts(reader: Reader, variable: Variable) -> tuple[Finding, ...]:
    """Find where the gradient of a variable was cut off; those nearest to it first."""
    terms = terms_of(reader)
    consumers = reader.trace.graph.consumers
    towards: dict[Variable, Variable | None] = {variable: None}
    queue = [variable]
    found: list[Finding] = []
    while queue and len(found) < MOST_FINDINGS:
        current = queue.pop(0)
        for operation, position in consumers.get(current, ()):
            if operation.phase != "forward":
                continue
            cause = _cut(reader, operation, position, terms.get((operation, position)))
            if cause is not None:
                found.append(_finding(reader, operation, current, cause, _path(reader, current, towards)))
                continue
            for output in operation.outputs:
                if output not in towards and output.spec.is_float:
                    towards[output] = current
                    queue.append(output)
    return tuple({finding.operation: finding for finding in reversed(found)}.values())[::-1]


def terms_of(reader: Reader) -> dict[tuple[Operation, int], Variable]:
    """Find what is handed down through each use."""
    trace = reader.trace
    return {
        (record.operation, record.input_index): variable
        for variable in trace.graph.variables
        if (record := variable.gradient) is not None
        and record.loss is trace.loss
        and record.operation is not None
        and record.input_index is not None
    }


def _cut(reader: Reader, operation: Operation, position: int, term: Variable | None) -> Cause | None:
    """Say why nothing is handed down through a use although something arrived; None where nothing arrived."""
    name = operation.primitive.name
    if name == "astype" and not operation.outputs[0].spec.is_float:
        return Cause("a conversion to whole numbers has no gradient", "convert after what is trained")
    if name in FLAT:
        return Cause(FLAT[name], "gradients need a function that changes smoothly")
    upstream = [g for v in operation.outputs if (g := reader.gradient(v)) is not None]
    arrived = [g for g in upstream if not reader.all_zero(g)]
    if not arrived:
        return None
    if term is None or not reader.has(term):
        return Cause(f"{name} hands no gradient down to this input", "its derivative with respect to it is zero")
    if not reader.all_zero(term):
        return None
    rule = REASONS.get(name, _generic)
    return rule(reader, operation, position)


Rule = Callable[[Reader, Operation, int], Cause]


def _dead(reader: Reader, operation: Operation, position: int) -> Cause:
    x = reader.array(operation.inputs[0])
    return Cause(
        f"dead {operation.primitive.name}: where a gradient arrives its inputs are at most 0 (the largest of all is "
        f"{short(x.max())}), and its derivative is 0",
        "a smaller learning rate, a larger bias, He's initial weights, or a leaky ReLU",
    )


def _saturated(reader: Reader, operation: Operation, position: int) -> Cause:
    x = np.abs(reader.array(operation.inputs[0]))
    return Cause(
        f"saturated {operation.primitive.name}: its inputs are as large as {short(x.max())} (the smallest magnitude is "
        f"{short(x.min())}), where its derivative is too small for {operation.outputs[0].dtype}",
        "smaller initial weights, normalised inputs, a normalisation layer before it; at the end, a loss of logits",
    )


def _clipped(reader: Reader, operation: Operation, position: int) -> Cause:
    x = reader.array(operation.inputs[0])
    return Cause(
        f"the inputs of {operation.primitive.name}, {short(x.min())} to {short(x.max())}, are outside of its bounds",
        "wider bounds, or none in training",
    )


def _not_chosen(reader: Reader, operation: Operation, position: int) -> Cause:
    return Cause(
        f"{operation.primitive.name} never chose this input, and only what is chosen gets a gradient",
        "look at what it is compared with",
    )


def _not_taken(reader: Reader, operation: Operation, position: int) -> Cause:
    mask = reader.array(operation.inputs[0])
    return Cause(
        f"the mask of `where` does not take this branch ({int(mask.sum()):,} of {mask.size:,} are true)",
        "look at the mask",
    )


def _factor(reader: Reader, operation: Operation, position: int) -> Cause:
    others = [v for i, v in enumerate(operation.inputs) if i != position and v.spec.is_float]
    zero = [v for v in others if reader.has(v) and reader.all_zero(v)]
    if not zero:
        return _generic(reader, operation, position)
    named = ", ".join(f"{reader.name(v)} ({_kind(v)})" for v in zero)
    return Cause(
        f"{operation.primitive.name} by what is all zero: {named}",
        "weights that begin at zero hand nothing down: ge.nn.init; a mask that is all zero takes everything away",
    )


def _picked(reader: Reader, operation: Operation, position: int) -> Cause:
    return Cause(
        f"{operation.primitive.name} picked none of the elements that are looked at",
        "look at the indices: what is never picked is never trained",
    )


def _unread(reader: Reader, operation: Operation, position: int) -> Cause:
    users = [user for v in operation.outputs for user, _ in reader.trace.graph.consumers.get(v, ())]
    names = ", ".join(dict.fromkeys(reader.name(user) for user in users if user.phase == "forward"))
    return Cause(
        f"no part of it is read: {names} after {operation.primitive.name} picks other parts",
        "look at the indices: what is never picked is never trained",
    )


def _equal(reader: Reader, operation: Operation, position: int) -> Cause:
    return Cause(
        f"the numbers are all the same: their {operation.primitive.name} is 0, where its derivative is taken as 0",
        "look at where they come from",
    )


def _dropped(reader: Reader, operation: Operation, position: int) -> Cause:
    return Cause(f"{operation.primitive.name} dropped all of it", "a smaller p")


def _generic(reader: Reader, operation: Operation, position: int) -> Cause:
    return Cause(
        f"the gradient that arrived times the derivative of {operation.primitive.name} is 0, or too small for "
        f"{operation.outputs[0].dtype}",
        "see session.explain() at this step; where numbers are tiny, scale the loss or compute in float64",
    )


def _kind(variable: Variable) -> str:
    return variable.operation.primitive.name if variable.operation is not None else variable.kind


REASONS: dict[str, Rule] = {
    **dict.fromkeys(("relu", "positive_part"), _dead),
    **dict.fromkeys(("sigmoid", "tanh", "erf", "softsign", "logsigmoid"), _saturated),
    **dict.fromkeys(("softmax", "log_softmax", "masked_softmax"), _saturated),
    **dict.fromkeys(("clip", "hardtanh", "relu6"), _clipped),
    **dict.fromkeys(("max", "min", "maximum", "minimum", "max_pool", "adaptive_max_pool"), _not_chosen),
    "where": _not_taken,
    **dict.fromkeys(("multiply", "divide", "matmul", "linear", "einsum", "convolution"), _factor),
    **dict.fromkeys(("take", "take_along_axis", "index", "embedding", "split", "unstack"), _picked),
    **dict.fromkeys(("concat", "stack"), _unread),
    **dict.fromkeys(("std", "var"), _equal),
    "dropout": _dropped,
}  # fmt: skip
"""By the operation at which the gradient was cut."""

_COMPARISONS = ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "isnan", "isfinite")

FLAT = {
    "stop_gradient": "stop_gradient hands nothing down: this path was detached on purpose",
    **{name: f"the derivative of {name} is 0 everywhere" for name in ("sign", "step", "floor")},
    **dict.fromkeys(_COMPARISONS, "a comparison has no gradient"),
    **dict.fromkeys(("argmax", "argmin", "one_hot"), "a place has no gradient"),
}
"""Operations that hand nothing down whatever arrives."""


def _finding(reader: Reader, operation: Operation, variable: Variable, cause: Cause, path: tuple[str, ...]) -> Finding:
    name = reader.name(operation)
    return Finding("zero", operation, variable, "backward", operation.line, words(operation, name), cause, path=path)


def _path(reader: Reader, variable: Variable, towards: dict[Variable, Variable | None]) -> tuple[str, ...]:
    names, current = [], variable
    while current is not None:
        names.append(f"grad({reader.name(current)})")
        current = towards[current]  # type: ignore[assignment]
    return tuple(names)
