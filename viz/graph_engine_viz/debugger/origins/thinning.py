"""A gradient of which a part is zero: the operations on its way from the loss that took something away."""

from __future__ import annotations

from graph_engine.node import Operation, Variable
from graph_engine_viz.debugger.origins.cause import Cause
from graph_engine_viz.debugger.origins.cutting import cancelled
from graph_engine_viz.debugger.origins.parts import zero_slices
from graph_engine_viz.debugger.origins.reading import Reader
from graph_engine_viz.debugger.origins.report import Finding, words
from graph_engine_viz.debugger.origins.zeros import terms_of

__all__ = ["find_thinning"]

LEAST = 0.01
"""Operations that take away a smaller share than this are not told of."""


def find_thinning(reader: Reader, variable: Variable) -> tuple[Finding, ...]:
    """Go from a variable towards the loss, along the largest contributions, for as long as a part of them is zero."""
    terms, names = terms_of(reader), [f"grad({reader.name(variable)})"]
    found: list[Finding] = []
    current, share = variable, reader.zeros(reader.trace.gradients[variable])
    while share > LEAST:
        uses = [
            (op, i) for op, i in reader.trace.graph.consumers.get(current, ()) if _known(reader, terms.get((op, i)))
        ]
        if not uses:
            break
        operation, position = max(uses, key=lambda use: reader.rms(terms[use]))
        upstream = [g for v in operation.outputs if (g := reader.gradient(v)) is not None]
        arrived = max(upstream, key=reader.rms, default=None)
        if arrived is None or arrived.gradient is None:
            break
        term, before = terms[operation, position], reader.zeros(arrived)
        left, dead = reader.zeros(term), _dead_units(reader, operation)
        if dead is not None:
            found.insert(0, _finding(reader, operation, current, dead, term, names))
        elif left > before + LEAST:
            cause = _cause(reader, operation, position, term, left, before)
            found.append(_finding(reader, operation, current, cause, term, names))
        current, share = arrived.gradient.variable, min(before, left)
        names.append(f"grad({reader.name(current)})")
    return tuple(found)


def _known(reader: Reader, term: Variable | None) -> bool:
    return term is not None and reader.has(term)


def _finding(
    reader: Reader, operation: Operation, variable: Variable, cause: Cause, term: Variable, names: list[str]
) -> Finding:
    where, size = words(operation, reader.name(operation)), reader.array(term).size
    count = round(reader.zeros(term) * size)
    path = tuple(reversed(names))
    return Finding("zero", operation, variable, "backward", operation.line, where, cause, (), count, size, path)


def _dead_units(reader: Reader, operation: Operation) -> Cause | None:
    """See units that give 0 to all samples."""
    if REASONS.get(operation.primitive.name) is not _DEAD:
        return None
    y = reader.array(operation.outputs[0])
    slices = zero_slices(y) if y.ndim > 1 else ""
    if not slices:
        return None
    text = f"dead units: {operation.primitive.name} gives 0 in all of {slices}, where its inputs are at most 0"
    return Cause(text, _DEAD[1])


def _cause(reader: Reader, operation: Operation, position: int, term: Variable, left: float, before: float) -> Cause:
    alike = cancelled(reader, operation, position)
    if alike is not None:
        return alike
    name = operation.primitive.name
    slices = zero_slices(reader.array(term))
    text, cure = REASONS.get(name, (f"the derivative of {name} is 0 there", "see session.explain() at this step"))
    whole = f", all of {slices}" if slices else ""
    return Cause(
        f"{name} hands down 0 to {left:.0%} of {reader.name(operation.inputs[position])}{whole}; of what arrived "
        f"{before:.0%} was 0: {text}",
        cure,
    )


_CHOSEN = ("only what is chosen gets a gradient", "this is as it should be, unless the same are never chosen")
_PICKED = ("the others were never picked", "what is never picked is never trained: look at the indices")
_DEAD = (
    "its inputs are at most 0 there",
    "dead for all samples: a smaller learning rate, a larger bias, He's initial weights, a leaky ReLU",
)
_FLAT = ("its derivative is too small there", "smaller initial weights, normalised inputs")
_PRODUCT = ("what it is multiplied by there is 0", "look at the other factor: a mask, or inputs that are 0")

REASONS: dict[str, tuple[str, str]] = {
    **dict.fromkeys(("relu", "positive_part"), _DEAD),
    **dict.fromkeys(("sigmoid", "tanh", "softmax", "log_softmax", "masked_softmax"), _FLAT),
    **dict.fromkeys(("clip", "hardtanh", "relu6"), ("its inputs are outside of its bounds there", "wider bounds")),
    **dict.fromkeys(("max", "min", "maximum", "minimum", "max_pool", "adaptive_max_pool"), _CHOSEN),
    **dict.fromkeys(("take", "take_along_axis", "index", "embedding", "split", "unstack"), _PICKED),
    **dict.fromkeys(("multiply", "divide", "matmul", "linear", "einsum", "convolution"), _PRODUCT),
    "where": ("its mask does not take this branch there", "look at the mask"),
    "scan": ("in each of its steps something is 0, or too small", "unroll it to look inside: ge.passes.unroll"),
    "dropout": ("it was dropped there", "a smaller p"),
}
"""By primitive: why a part is zero, and what helps."""
