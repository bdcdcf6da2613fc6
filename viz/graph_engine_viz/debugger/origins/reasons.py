"""Rules about an operation that hands nothing down to one of its inputs, though something arrived."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from graph_engine.node import Operation, Variable
from graph_engine_viz.debugger.origins.reading import Array, Reader
from graph_engine_viz.debugger.origins.report import Cause
from graph_engine_viz.summary import short

__all__ = [
    "FOR_DEAD", "Reason", "at_zero", "certain", "clipped", "dead", "dropped", "equal", "factor", "flat", "looked_up",
    "many_factors", "masked", "multiplied", "normalised", "not_chosen", "not_taken", "picked", "power", "saturated",
    "shared", "sloped",
]  # fmt: skip

Reason = Callable[[Reader, Operation, int], Cause | None]
"""Asked about an operation and which of its inputs is looked at; None where it has nothing to say."""

_WITH_BIAS = ("linear", "convolution", "convolution_transpose")
FOR_DEAD = "a smaller learning rate, a larger bias, He's initial weights, or a leaky ReLU"
_SEEN = "look at the mask: True is what may be seen"


# ---- functions of one number -----------------------------------------------------------------------------------


def dead(reader: Reader, operation: Operation, position: int) -> Cause | None:
    """See a rectifier that is given nothing above 0."""
    x = _reached(reader, operation)
    if not np.any(x):
        return at_zero(reader, operation, position)
    return Cause(
        f"dead {operation.primitive.name}: where a gradient arrives its inputs are at most 0 (the largest is "
        f"{short(x.max())}), and its derivative is 0",
        f"{FOR_DEAD}; in a loss it is right: nothing is left to learn",
    )


def sloped(reader: Reader, operation: Operation, position: int) -> Cause | None:
    """See a leaky rectifier whose slope is 0, or is never used."""
    name, x = operation.primitive.name, _reached(reader, operation)
    if position == 1:
        text = f"the weight of {name} acts below 0; where a gradient arrives its inputs are {short(x.min())} and more"
        return Cause(text, "nothing to mend, unless its inputs should be below 0 at times")
    slope = getattr(operation.primitive, "negative_slope", None)
    if np.any(x > 0) or (np.all(reader.array(operation.inputs[1])) if slope is None else slope):
        return None
    text = f"where a gradient arrives the inputs of {name} are at most 0 (at most {short(x.max())}), and its slope is 0"
    return Cause(text, "a slope above 0: negative_slope=0.01; for PReLU, weights that begin at 0.25")


def saturated(reader: Reader, operation: Operation, position: int) -> Cause | None:
    """See numbers so far out that a derivative is too small."""
    x, name = _reached(reader, operation), operation.primitive.name
    if not np.any(x):
        return None
    inputs = f"of magnitudes {_span(np.abs(x))}" if x.min() < 0 < x.max() else _span(x)
    return Cause(
        f"saturated {name}: where a gradient arrives its inputs are {inputs}, where its derivative comes out as 0 in "
        f"{operation.outputs[0].dtype}",
        "smaller initial weights, normalised inputs, a normalisation layer before it, a smaller learning rate; at the "
        "end, a loss of logits",
    )


def clipped(reader: Reader, operation: Operation, position: int) -> Cause:
    """See numbers out of bounds, or bounds that are not reached."""
    x, name = _reached(reader, operation), operation.primitive.name
    there = f"where a gradient arrives, the inputs of {name} are {_span(x)}"
    if position:
        return Cause(f"{there}: none is beyond this bound", "only what is cut gives its bound a gradient")
    return Cause(f"{there}: outside of its bounds", "wider bounds, or none in training")


def at_zero(reader: Reader, operation: Operation, position: int) -> Cause | None:
    """See nothing but zeros, where a function of one number is flat."""
    if np.any(_reached(reader, operation)):
        return None
    text = f"where a gradient arrives, the inputs of {operation.primitive.name} are 0, where its derivative is 0"
    return Cause(text, "look at where the zeros come from: weights that begin at zero? At a minimum it is right")


def flat(reader: Reader, operation: Operation, position: int) -> Cause:
    """Say what holds of any function."""
    given = [reader.array(v) for v in operation.inputs if v.spec.is_float and reader.has(v)]
    spans = "; its inputs are " + ", ".join(_span(x) for x in given if x.size) if any(x.size for x in given) else ""
    text = f"{operation.primitive.name} hands down 0 where a gradient arrives{spans}"
    return Cause(text, "look at its inputs, and at what arrives: viz.debug(trace)")


# ---- choices ---------------------------------------------------------------------------------------------------


def not_chosen(reader: Reader, operation: Operation, position: int) -> Cause:
    """See what was never the largest or smallest."""
    return Cause(
        f"{operation.primitive.name} never chose this input, and only what is chosen gets a gradient",
        "look at what it is compared with",
    )


def not_taken(reader: Reader, operation: Operation, position: int) -> Cause:
    """See a mask that takes the other branch."""
    return Cause("where a gradient arrives, the mask of `where` does not take this branch", "look at the mask")


def picked(reader: Reader, operation: Operation, position: int) -> Cause:
    """See what was not picked."""
    return Cause(
        f"{operation.primitive.name} picked none of the elements that are looked at",
        "look at the indices",
    )


def looked_up(reader: Reader, operation: Operation, position: int) -> Cause:
    """See rows of a table that were not asked for, or do not learn."""
    padding, ids = getattr(operation.primitive, "padding", -1), reader.array(operation.inputs[0])
    if padding >= 0 and np.all(ids == padding):
        return Cause(f"all that was looked up is padding ({padding}), which gets no gradient", "look at what was fed")
    return picked(reader, operation, position)


def dropped(reader: Reader, operation: Operation, position: int) -> Cause:
    """See a dropout of everything."""
    return Cause(f"{operation.primitive.name} dropped it wherever a gradient arrives", "a smaller p")


# ---- products --------------------------------------------------------------------------------------------------


def factor(reader: Reader, operation: Operation, position: int) -> Cause | None:
    """See a product with what is zero."""
    name, given = operation.primitive.name, multiplied(operation)
    if position >= len(given):
        return None
    others = [v for i, v in enumerate(given) if i != position and v.spec.is_float and reader.has(v)]
    cure = "weights that begin at zero hand nothing down: ge.nn.init; a mask that is all zero takes everything away"
    zero = [v for v in others if reader.all_zero(v)]
    if zero:
        named = ", ".join(f"{reader.name(v)} ({_kind(reader, v)})" for v in zero)
        return Cause(f"{name} {'of' if name == 'divide' else 'by'} what is all zero: {named}", cure)
    if name == "divide" or not others:
        return None
    named = ", ".join(reader.name(v) for v in others)
    if name == "multiply":
        return Cause(f"where a gradient arrives, the other factor, {named}, is 0", cure)
    return Cause(f"where a gradient arrives, what it is multiplied by, of {named}, is 0", cure)


def multiplied(operation: Operation) -> tuple[Variable, ...]:
    """Return what a product multiplies; a bias is only added."""
    return operation.inputs[:2] if operation.primitive.name in _WITH_BIAS else operation.inputs


def many_factors(reader: Reader, operation: Operation, position: int) -> Cause | None:
    """See a product of many numbers of which two are 0."""
    x = reader.array(operation.inputs[0])
    if np.count_nonzero(x) > x.size - 2:
        return None
    text = f"{x.size - np.count_nonzero(x)} of the numbers are 0: whichever one of them changes, their product stays 0"
    return Cause(text, "look at where the zeros come from; a product of many small numbers is a sum of logarithms")


def power(reader: Reader, operation: Operation, position: int) -> Cause | None:
    """See a power that does not change."""
    base, exponent = (reader.array(v) for v in operation.inputs)
    if position == 0 and not np.any(exponent):
        return Cause("a number to the power of 0 is 1, whatever it is", "look at the exponent")
    if position == 1 and np.all((base == 0) | (base == 1)):
        return Cause("a base of 0 or 1 stays what it is, whatever the exponent", "look at the base")
    return None


# ---- normalisers -----------------------------------------------------------------------------------------------


def shared(reader: Reader, operation: Operation, position: int) -> Cause | None:
    """Explain a softmax: shares of 1."""
    name, axis = operation.primitive.name, getattr(operation.primitive, "axis", -1)
    if not isinstance(axis, int):
        return None
    if reader.shape(operation.inputs[0])[axis] == 1:
        text = f"{name} over one element is always 1 (dimension {axis}), whatever is fed"
        return Cause(text, "for one score use ge.sigmoid and a binary loss; or another axis")
    y = reader.array(operation.outputs[0])
    if np.any((y > 1e-3) & (y < 1 - 1e-3)):
        return None
    x = reader.array(operation.inputs[0])
    with np.errstate(all="ignore"):
        ranges = np.max(x, axis=axis) - np.min(x, axis=axis)
    apart = _span(ranges[np.isfinite(ranges)]) if np.isfinite(ranges).any() else "far"
    return Cause(
        f"saturated {name}: one takes all, as the scores lie {apart} apart",
        "smaller scores: smaller initial weights, normalised inputs, in attention a scale of 1/√d",
    )


def masked(reader: Reader, operation: Operation, position: int) -> Cause | None:
    """Explain a softmax over what may be seen."""
    if not np.any(reader.array(operation.outputs[0])):
        return Cause("the mask hides everything: there is nothing to choose from", _SEEN)
    upstream = reader.gradient(operation.outputs[0])
    if len(operation.inputs) > 1 and upstream is not None:
        arrived = reader.array(upstream)
        seen = np.broadcast_to(reader.array(operation.inputs[1]), arrived.shape).sum(axis=-1)
        if np.all(seen[np.any(arrived, axis=-1)] <= 1):
            text = "where a gradient arrives the mask leaves one to be seen, whose weight is always 1"
            return Cause(text, _SEEN)
    return shared(reader, operation, position)


def certain(reader: Reader, operation: Operation, position: int) -> Cause | None:
    """Explain a softmax whose logarithm is a loss."""
    if reader.shape(operation.inputs[0])[getattr(operation.primitive, "axis", -1)] == 1:
        text = "there is one class: its probability is always 1, whatever is fed"
        return Cause(text, "for one score use ge.nn.binary_cross_entropy_with_logits; or another axis")
    return Cause(
        "each sample has its label with certainty: softmax less the label is 0, or too small for its dtype",
        "nothing is left to learn from these samples; if they should not be so easy, smaller logits",
    )


def normalised(reader: Reader, operation: Operation, position: int) -> Cause | None:
    """Explain layer, group, instance and batch normalisation."""
    primitive, name = operation.primitive, operation.primitive.name
    at = 3 if name == "batch_norm" else 1
    if len(operation.inputs) > at and position < at and reader.all_zero(operation.inputs[at]):
        text = f"the weight of {name}, {reader.name(operation.inputs[at])}, is all zero"
        return Cause(text, "a weight that begins at 1; that of a last layer of a branch may begin at 0 on purpose")
    x = reader.array(operation.inputs[0])
    if not np.isfinite(np.square(x)).all():
        text = f"{name} of numbers as large as {short(np.abs(x).max())}: their variance is more than {x.dtype} can hold"
        return Cause(text, "smaller numbers before it: look at where they grow")
    if name != "standardize" or position > 1 or not primitive.centred:  # type: ignore[attr-defined]
        return None
    axes = primitive.axes  # type: ignore[attr-defined]
    if np.prod([x.shape[axis] for axis in axes]) == 1:
        return Cause(f"{name} of one number: less its own mean it is 0, whatever it is", "larger groups")
    if position == 1 and np.all(x.max(axis=axes) == x.min(axis=axes)):
        return Cause(f"what is given to {name} is all the same: less its mean it is 0", "look at where it comes from")
    return None


def equal(reader: Reader, operation: Operation, position: int) -> Cause | None:
    """Explain a deviation of 0."""
    name, x, y = operation.primitive.name, reader.array(operation.inputs[0]), reader.array(operation.outputs[-1])
    upstream = reader.gradient(operation.outputs[-1])
    if x.size == y.size:
        return Cause(f"{name} of one number is 0, whatever it is", "more numbers, or another axis")
    if upstream is None or np.any(y[reader.array(upstream) != 0]):
        return None
    wide = x.astype(np.float64)
    exact = reader.compute(operation, [wide / (np.abs(wide).max() or 1)])[-1]
    if not np.any(exact[reader.array(upstream) != 0]):
        text = f"where a gradient arrives, the numbers are all the same: their {name} is 0, its derivative taken as 0"
        return Cause(text, "look at where they come from")
    text = f"the numbers lie so close together that their {name} is 0 in {operation.outputs[-1].dtype}"
    return Cause(text, "a wider dtype, or larger numbers before it")


# ---- what rules ask --------------------------------------------------------------------------------------------


def _reached(reader: Reader, operation: Operation) -> Array:
    """Return the numbers a function was given, where a gradient arrives."""
    x, upstream = reader.array(operation.inputs[0]), reader.gradient(operation.outputs[0])
    arrived = np.zeros(()) if upstream is None else reader.array(upstream)
    return x[arrived != 0] if arrived.shape == x.shape and np.any(arrived) else x


def _span(x: Array) -> str:
    low, high = short(x.min()), short(x.max())
    return low if low == high else f"{low} to {high}"


def _kind(reader: Reader, variable: Variable) -> str:
    """Say what a variable is; of a function of one number, what it was given, too."""
    variable = reader.meant.get(variable, variable)
    operation = variable.operation
    if operation is None:
        return variable.kind
    name, given = operation.primitive.name, operation.inputs[0] if operation.inputs else None
    if not operation.primitive.elementwise or len(operation.inputs) != 1 or given is None or reader.all_zero(given):
        return name
    return f"{name} of {_span(reader.array(given))}"
