"""Why nothing is handed down through a use of a variable although something arrived: causes and cures by primitive."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from graph_engine.node import Operation, Variable
from graph_engine.spec import NUMPY_DTYPES
from graph_engine_viz.debugger.origins.cause import Cause
from graph_engine_viz.debugger.origins.causes import at
from graph_engine_viz.debugger.origins.reading import Place, Reader
from graph_engine_viz.summary import short

__all__ = ["FLAT", "cancelled", "dead_before", "why_cut"]

Rule = Callable[[Reader, Operation, int], Cause | None]


def why_cut(reader: Reader, operation: Operation, position: int, term: Variable) -> Cause:
    """Say why nothing is handed down through a use although something arrived.

    Parameters
    ----------
    reader : Reader
    operation : Operation
    position : int
        Which of its inputs is looked at.
    term : Variable
        What was handed down to it.
    """
    rule = REASONS.get(operation.primitive.name)
    found = rule(reader, operation, position) if rule is not None else None
    return (
        found
        or cancelled(reader, operation, position)
        or _underflowed(reader, operation, term)
        or _flat(reader, operation, position)
    )


def _dead(reader: Reader, operation: Operation, position: int) -> Cause:
    x = reader.array(operation.inputs[0])
    return Cause(
        f"dead {operation.primitive.name}: where a gradient arrives its inputs are at most 0 (the largest of all is "
        f"{short(x.max())}), and its derivative is 0",
        _FOR_DEAD,
    )


def dead_before(reader: Reader, operation: Operation, position: int) -> tuple[Operation, Cause] | None:
    """Find a dead unit further back that left only zeros to this operation, whose derivative at 0 is 0."""
    variable, found = operation.inputs[position], None
    if not reader.all_zero(variable):
        return None
    while variable.operation is not None and variable.operation is not found:
        found = variable.operation
        zero = (v for v in found.inputs if v.operation is not None and v.spec.is_float and reader.all_zero(v))
        variable = next(zero, variable)
    if found is None or REASONS.get(found.primitive.name) is not _dead or reader.all_zero(found.inputs[0]):
        return None
    name, largest = found.primitive.name, reader.array(found.inputs[0]).max()
    text = (
        f"dead {name}: all its inputs are at most 0 (the largest is {short(largest)}), so that it gives nothing but 0; "
        f"so does what follows, up to {operation.primitive.name} ({at(operation)}), whose derivative at 0 is taken as 0"
    )
    return found, Cause(text, _FOR_DEAD)


_FOR_DEAD = "a smaller learning rate, a larger bias, He's initial weights, or a leaky ReLU"


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
        f"where a gradient arrives, the inputs of {operation.primitive.name} are outside of its bounds (they are "
        f"{short(x.min())} to {short(x.max())})",
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


def _factor(reader: Reader, operation: Operation, position: int) -> Cause | None:
    others = [v for i, v in enumerate(operation.inputs) if i != position and v.spec.is_float and reader.has(v)]
    cure = "weights that begin at zero hand nothing down: ge.nn.init; a mask that is all zero takes everything away"
    zero = [v for v in others if reader.all_zero(v)]
    if zero:
        named = ", ".join(f"{reader.name(v)} ({_kind(v)})" for v in zero)
        return Cause(f"{operation.primitive.name} by what is all zero: {named}", cure)
    upstream = reader.gradient(operation.outputs[0])
    if upstream is None or operation.primitive.name != "multiply" or not others:
        return None
    if np.any(reader.array(upstream) * reader.array(others[0])):
        return None
    return Cause(f"where a gradient arrives, the other factor, {reader.name(others[0])}, is 0", cure)


def _picked(reader: Reader, operation: Operation, position: int) -> Cause:
    return Cause(
        f"{operation.primitive.name} picked none of the elements that are looked at",
        "look at the indices: what is never picked is never trained",
    )


def _equal(reader: Reader, operation: Operation, position: int) -> Cause:
    return Cause(
        f"the numbers are all the same: their {operation.primitive.name} is 0, where its derivative is taken as 0",
        "look at where they come from",
    )


def _dropped(reader: Reader, operation: Operation, position: int) -> Cause:
    return Cause(f"{operation.primitive.name} dropped all of it", "a smaller p")


def cancelled(reader: Reader, operation: Operation, position: int) -> Cause | None:
    """See contributions of one number to many add up to nothing."""
    name, x, y = operation.primitive.name, operation.inputs[position], operation.outputs[0]
    added = name in ADDING or (name in WITH_BIAS and position == 2)
    if not added or reader.array(x).size >= reader.array(y).size:
        return None
    return Cause(
        f"it is added to {reader.array(y).size:,} numbers, and the gradients that come back from there cancel",
        "a bias in front of a normalisation has no effect: bias=False; otherwise look at what undoes it later",
    )


def _underflowed(reader: Reader, operation: Operation, term: Variable) -> Cause | None:
    """See a product that is not zero become too small for its dtype."""
    upstream = [g for v in operation.outputs if (g := reader.gradient(v)) is not None]
    largest = max((float(np.max(np.abs(reader.array(g)), initial=0.0)) for g in upstream), default=0.0)
    smallest = float(np.finfo(NUMPY_DTYPES[term.dtype]).smallest_subnormal)
    maker = term.operation
    if maker is None or not any(reader.has(v) for v in maker.inputs) or not reader.array(term).size:
        return None
    source = next((reader.array(v) for v in maker.inputs if reader.array(v).shape == reader.array(term).shape), None)
    index = (0,) * reader.array(term).ndim
    if source is not None and source.dtype.kind == "f":
        index = tuple(int(i) for i in np.unravel_index(int(np.argmax(np.abs(source))), source.shape))
    exact = Place(reader, maker, term, index).exact
    if not 0 < abs(exact) < smallest:
        return None
    return Cause(
        f"what is handed down, {short(exact)}, is too small for {term.dtype}: at least {short(smallest)}; the gradient "
        f"that arrived was at most {short(largest)}",
        "scale the loss and divide the gradients by the same number, or compute this part in a wider dtype",
    )


def _certain(reader: Reader, operation: Operation, position: int) -> Cause:
    return Cause(
        "each sample has its label with certainty: softmax less the label is 0, or too small for its dtype",
        "nothing is left to learn from these samples; if they should not be so easy, smaller logits",
    )


def _flat(reader: Reader, operation: Operation, position: int) -> Cause:
    name = operation.primitive.name
    if reader.all_zero(operation.inputs[position]):
        text = f"all inputs of {name} are 0, where its derivative is 0"
        return Cause(text, "look at where the zeros come from; at a minimum it is as it should be")
    text = f"the derivative of {name} is 0 at these inputs, wherever a gradient arrives"
    return Cause(text, "see session.explain() at this step")


def _kind(variable: Variable) -> str:
    return variable.operation.primitive.name if variable.operation is not None else variable.kind


ADDING = ("add", "subtract", "broadcast_to")
WITH_BIAS = ("linear", "convolution")

REASONS: dict[str, Rule] = {
    **dict.fromkeys(("relu", "positive_part"), _dead),
    **dict.fromkeys(("sigmoid", "tanh", "erf", "softsign", "logsigmoid"), _saturated),
    **dict.fromkeys(("softmax", "log_softmax", "masked_softmax"), _saturated),
    **dict.fromkeys(("clip", "hardtanh", "relu6"), _clipped),
    **dict.fromkeys(("max", "min", "maximum", "minimum", "max_pool", "adaptive_max_pool"), _not_chosen),
    "where": _not_taken,
    **dict.fromkeys(("multiply", "divide", "matmul", "linear", "einsum", "convolution"), _factor),
    **dict.fromkeys(("take", "take_along_axis", "index", "embedding", "split", "unstack"), _picked),
    **dict.fromkeys(("std", "var"), _equal),
    "softmax_cross_entropy": _certain,
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
