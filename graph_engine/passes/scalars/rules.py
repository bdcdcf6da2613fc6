"""How each primitive is done on single numbers: a table from its name to a rule.

A rule is given the primitive (dimension names replaced by numbers) and the elements of its inputs, NumPy arrays of
scalar variables. It returns the elements of the result, in any shape of the right size; of several results a tuple.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np

from graph_engine.node import Variable
from graph_engine.operands import constant
from graph_engine.passes.scalars.naming import name_product
from graph_engine.primitive import Primitive
from graph_engine.primitives import astype, divide, equal, exp, log, multiply, subtract, where
from graph_engine.primitives.structure import Accumulate
from graph_engine.spec import normalize_axes, normalize_axis

Elements: TypeAlias = np.ndarray[Any, Any]
Rule = Callable[..., Any]


def rule_of(primitive: Primitive) -> Rule | None:
    """Return how a primitive is done on single numbers, or None."""
    found = RULES.get(primitive.name)
    return found or (elementwise if primitive.elementwise else None)


# ---- what rules are made of ------------------------------------------------------------------------------------


def elements_of(variables: Sequence[Any], shape: Sequence[int]) -> Elements:
    """Put variables into an array."""
    array = np.empty(len(variables), dtype=object)
    for place, variable in enumerate(variables):  # NumPy would ask a list of variables for their numbers
        array[place] = variable
    return array.reshape(tuple(shape))


def added(terms: Iterable[Variable], dtype: str | None = None) -> Variable:
    """Declare one sum of all terms."""
    terms = list(terms)
    if not terms:
        return constant(0, dtype=dtype or "float32")
    dtype = dtype or str(np.result_type(*[term.dtype for term in terms]))
    terms = [term if term.dtype == dtype else astype(term, dtype) for term in terms]
    total: Variable = terms[0] if len(terms) == 1 else Accumulate()(*terms)
    return total


def product_sum(left: Iterable[Variable], right: Iterable[Variable], more: Sequence[Variable] = ()) -> Variable:
    """Declare Σ left × right, and what is added besides; a weight comes first, as on the blackboard."""
    pairs = list(zip(left, right, strict=True))
    pairs = [(b, a) if b.kind == "parameter" != a.kind else (a, b) for a, b in pairs]
    terms = [multiply(a, b) for a, b in pairs]
    if len(terms) + len(more) > 1:
        for term, (a, b) in zip(terms, pairs, strict=True):
            name_product(term, a, b)
    return added([*terms, *more])


def last_axes(x: Elements, axes: Sequence[int]) -> Elements:
    """Move axes to the end and join them to one; what is before is joined to the first."""
    moved = np.moveaxis(x, axes, range(x.ndim - len(axes), x.ndim))
    count = math.prod(x.shape[axis] for axis in axes)
    return moved.reshape(-1, count) if count else moved.reshape(math.prod(moved.shape[: x.ndim - len(axes)]), 0)


# ---- rules -----------------------------------------------------------------------------------------------------


def elementwise(primitive: Primitive, *inputs: Elements) -> Elements:
    """Apply it to the elements that stand at the same place."""
    alike = np.broadcast_arrays(*inputs) if inputs else []
    made = [primitive(*operands) for operands in zip(*(x.reshape(-1) for x in alike), strict=True)]
    return elements_of(made, alike[0].shape)


def moved(primitive: Primitive, *inputs: Elements) -> Any:
    """Put the same elements into another order: nothing is computed."""
    results = primitive.kernel(np, *inputs)
    return elements_of([results], ()) if isinstance(results, Variable) else results


def made(primitive: Primitive) -> Elements:
    """Declare the numbers that come from nowhere as constants."""
    numbers = np.asarray(primitive.kernel(np))
    return elements_of([constant(number) for number in numbers.reshape(-1)], numbers.shape)


def linear(primitive: Primitive, x: Elements, weight: Elements, *bias: Elements) -> Elements:
    """Σ w x + b, for each sample and each unit."""
    samples = x.reshape(-1, weight.shape[1])
    units = range(len(weight))
    return elements_of(
        [product_sum(weight[j], sample, [b[j] for b in bias]) for sample in samples for j in units],
        (*x.shape[:-1], len(weight)),
    )


def matmul(primitive: Primitive, left: Elements, right: Elements) -> Elements:
    """Σ of products, rows by columns."""
    rows = left[None] if left.ndim == 1 else left
    columns = right[:, None] if right.ndim == 1 else right
    outer = np.broadcast_shapes(rows.shape[:-2], columns.shape[:-2])
    rows = np.broadcast_to(rows, (*outer, *rows.shape[-2:]))
    columns = np.broadcast_to(columns, (*outer, *columns.shape[-2:]))
    shape = (*outer, rows.shape[-2], columns.shape[-1])
    places = np.ndindex(shape)
    return elements_of([product_sum(rows[(*o, i)], columns[(*o, slice(None), j)]) for *o, i, j in places], shape)


def total(primitive: Any, x: Elements) -> Elements:
    """One sum of all elements along the axes."""
    groups = last_axes(x, normalize_axes(primitive.axis, x.ndim))
    return elements_of([added(group) for group in groups], (len(groups),))


def mean(primitive: Any, x: Elements) -> Elements:
    """The sum, divided by how many there are."""
    groups = last_axes(x, normalize_axes(primitive.axis, x.ndim))
    means = [added(group) if len(group) == 1 else divide(added(group), len(group)) for group in groups]
    return elements_of(means, (len(groups),))


def prod(primitive: Any, x: Elements) -> Elements:
    """Products, one after another."""
    groups = last_axes(x, normalize_axes(primitive.axis, x.ndim))
    return elements_of([functools.reduce(multiply, group) for group in groups], (len(groups),))


def softmax(primitive: Any, x: Elements) -> Elements:
    """exp(x) over the sum of all exp(x)."""
    return _along(x, primitive.axis, lambda row: _shares([exp(z) for z in row]))


def log_softmax(primitive: Any, x: Elements) -> Elements:
    """X less the logarithm of the sum of all exp(x)."""
    return _along(x, primitive.axis, _log_shares)


def logsumexp(primitive: Any, x: Elements) -> Elements:
    """The logarithm of the sum of all exp(x)."""
    groups = last_axes(x, normalize_axes(primitive.axis, x.ndim))
    return elements_of([log(added(exp(z) for z in group)) for group in groups], (len(groups),))


def softmax_cross_entropy(primitive: Primitive, logits: Elements, labels: Elements) -> Elements:
    """The logarithm of the sum of all exp(z), less the z at the label."""
    rows = logits.reshape(-1, logits.shape[-1])
    losses = [
        subtract(log(added(exp(z) for z in row)), _at_label(row, label))
        for row, label in zip(rows, labels.reshape(-1), strict=True)
    ]
    return elements_of(losses, labels.shape)


def _at_label(row: Elements, label: Variable) -> Variable:
    if label.data is not None:
        chosen: Variable = row[int(label.data)]
        return chosen
    return added(where(equal(label, k), z, 0) for k, z in enumerate(row))


def _along(x: Elements, axis: int, rule: Callable[[Elements], Sequence[Variable]]) -> Elements:
    """Apply a rule to each row of elements along an axis."""
    last = np.moveaxis(x, axis, -1)
    rows = last.reshape(-1, last.shape[-1])
    new = elements_of([v for row in rows for v in rule(row)], last.shape)
    return np.moveaxis(new, -1, normalize_axis(axis, x.ndim))


def _shares(powers: Sequence[Variable]) -> list[Variable]:
    whole = added(powers)
    return [divide(power, whole) for power in powers]


def _log_shares(row: Elements) -> list[Variable]:
    whole = log(added(exp(z) for z in row))
    return [subtract(z, whole) for z in row]


MOVED = (
    "broadcast_to", "concat", "flip", "index", "matrix_transpose", "permute_dims", "reshape", "roll", "split", "stack",
    "unstack",
)  # fmt: skip

RULES: dict[str, Rule] = {
    "linear": linear,
    "matmul": matmul,
    "sum": total,
    "mean": mean,
    "prod": prod,
    "softmax": softmax,
    "log_softmax": log_softmax,
    "logsumexp": logsumexp,
    "softmax_cross_entropy": softmax_cross_entropy,
    **dict.fromkeys(MOVED, moved),
    **dict.fromkeys(("arange", "eye", "full"), made),
}
"""Besides these, everything that is elementwise."""
