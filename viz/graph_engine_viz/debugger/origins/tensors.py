"""Why operations on whole tensors give what is not finite: normalisers, sums of products, what computes in steps."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from graph_engine.node import Variable
from graph_engine_viz.debugger.origins.elements import SOFTMAXES
from graph_engine_viz.debugger.origins.reading import Array, Place
from graph_engine_viz.debugger.origins.report import Cause
from graph_engine_viz.summary import short

__all__ = ["OF_TENSORS", "Rule", "explain_rest", "infinite_inputs"]

Rule = Callable[[Place], Cause | None]
"""Asked about one element; None where it has nothing to say."""


def _of_given_variance(place: Place) -> Cause | None:
    """Explain batch normalisation."""
    variance = place.reader.array(place.operation.inputs[2]).astype(np.float64)
    channel = place.index[1] if len(place.index) > 1 and variance.ndim else 0
    number = float(variance.reshape(-1)[channel])
    eps = float(place.operation.primitive.eps)  # type: ignore[attr-defined]
    if number + eps < 0:
        text = f"the root of a negative number: the variance of channel {channel} is {short(number)}"
        return Cause(text, "a variance is never negative: it was set, loaded or changed from outside")
    return _no_spread(f"the variance of channel {channel}") if number + eps == 0 else None


def _of_own_variance(place: Place) -> Cause | None:
    """Explain layer, group, instance and RMS normalisation."""
    primitive = place.operation.primitive
    x = place.reader.array(place.operation.inputs[-1 if primitive.name == "standardize_gradient" else 0])
    axes = tuple(axis % x.ndim for axis in primitive.axes)  # type: ignore[attr-defined]
    around = tuple(slice(None) if axis in axes else i for axis, i in enumerate(place.index))
    group = x[around].astype(np.float64)
    spread = group - group.mean() if primitive.centred else group  # type: ignore[attr-defined]
    if float(np.mean(np.square(spread))) + float(primitive.eps) != 0:  # type: ignore[attr-defined]
        return None
    return _no_spread("the variance" if primitive.centred else "the mean square")  # type: ignore[attr-defined]


def _no_spread(what: str) -> Cause:
    return Cause(f"a division by 0: {what} is 0, and so is eps", "eps=1e-5 keeps the divisor away from 0")


def _of_too_few(place: Place) -> Cause | None:
    """Explain the mean of nothing, and the deviation of one number from itself."""
    primitive, x = place.operation.primitive, place.reader.array(place.operation.inputs[0])
    if not x.size:
        return Cause(f"the {place.primitive} of no elements is 0 / 0", "look at what was fed: its shape holds a 0")
    count = x.size // max(place.reader.size(place.output), 1)
    correction = getattr(primitive, "correction", 0)
    if count > correction:
        return None
    text = f"0 / 0: the {place.primitive} of {count}, with a correction of {short(correction)}, divides by 0"
    return Cause(text, "correction=0, or more numbers: look at the shape that was fed")


def infinite_inputs(place: Place, infinite: Sequence[Variable]) -> Cause:
    """Tell of what is not finite because of infinities among what it was computed from."""
    names = ", ".join(place.reader.name(v) for v in infinite)
    if not math.isnan(place.value):
        text = f"infinities that were declared or fed, as in a mask, come through here: {names}"
        return Cause(text, "of what is masked nothing must be chosen, and of each row something must be left")
    form = FORMS.get(place.primitive)
    if place.primitive in SOFTMAXES and _masked_whole(place):
        return Cause(
            "softmax over infinities: all of this row is -Inf, so that it is 0 / 0",
            "leave one element of each row to be seen, or mask with a large finite number: -1e9",
        )
    text = f"{form} is NaN" if form else f"there are infinities in what it is computed from: {names}"
    return Cause(text, "mend where the infinity comes from; for a mask, a large finite number does no such harm: -1e9")


def _masked_whole(place: Place) -> bool:
    x = place.reader.array(place.operation.inputs[0])
    axis = getattr(place.operation.primitive, "axis", -1)
    if not isinstance(axis, int) or not x.ndim or x.shape != place.reader.shape(place.output):
        return False
    axis %= x.ndim
    row: Array = x[tuple(slice(None) if i == axis else k for i, k in enumerate(place.index))]
    return bool(np.all(np.isneginf(row)))


def explain_rest(place: Place) -> Cause:
    """Say what can be said where no rule knows the operation."""
    if math.isfinite(place.exact):
        text = f"on the way to the result, {short(place.exact)}, a number is more than {place.dtype} can hold"
        return Cause(text, "compute this part in a wider dtype, or with smaller numbers")
    given = [(place.reader.name(v), place.reader.array(v)) for v in place.operation.inputs if v.spec.is_float]
    ranges = [f"{name} from {short(x.min())} to {short(x.max())}" for name, x in given if x.size]
    inputs = f" ({', '.join(ranges)})" if ranges else ""
    text = f"{place.primitive} of these inputs{inputs} is {short(place.value)}"
    return Cause(text, f"keep its inputs where {place.primitive} is defined and finite")


_SUM = "Inf + (-Inf)"
_PRODUCTS = "0 × Inf, or Inf - Inf, in a sum of products"
FORMS = {
    "subtract": "Inf - Inf",
    "divide": "Inf / Inf",
    "multiply": "0 × Inf",
    **dict.fromkeys(("add", "accumulate", "sum", "sum_to", "mean", "cumulative_sum", "avg_pool"), _SUM),
    **dict.fromkeys(("matmul", "linear", "einsum", "convolution", "convolution_transpose", "resize"), _PRODUCTS),
    **dict.fromkeys(("convolution_of_weight", "resize_transposed"), _PRODUCTS),
    **dict.fromkeys(SOFTMAXES, "softmax over infinities"),
    "softmax_cross_entropy": "softmax over infinities",
    "logsumexp": "Inf - Inf",
    **dict.fromkeys(("var", "std", "batch_statistics", "standardize"), "Inf less a mean that is Inf"),
}
"""What an operation meets that gives NaN where there are infinities, but no NaN, among its inputs."""

OF_TENSORS: dict[str, tuple[Rule, ...]] = {
    "batch_norm": (_of_given_variance,),
    "standardize": (_of_own_variance,),
    "standardize_gradient": (_of_own_variance,),
    **dict.fromkeys(("mean", "var", "std"), (_of_too_few,)),
}
