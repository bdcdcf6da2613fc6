"""Operations that take gradients away, in families: why all of a gradient is zero behind one, or a part of it.

Of a cut, `whole` is asked: a rule that looks at the numbers. Of a gradient that is zero in places, `part` is told.
"""

from __future__ import annotations

from typing import NamedTuple

from graph_engine_viz.debugger.origins import reasons
from graph_engine_viz.debugger.origins.reasons import Reason
from graph_engine_viz.debugger.origins.report import Cause

__all__ = ["DEAD", "FAMILIES", "HANDING_NOTHING", "UNITS", "WINDOWS", "Family"]


class Family(NamedTuple):
    """What operations of one kind do to a gradient.

    Attributes
    ----------
    whole : Reason
        Says why nothing is handed down, though something arrived.
    part : Cause
        Why nothing is handed down to some elements.
    """

    whole: Reason
    part: Cause


DEAD = Family(reasons.dead, Cause("its inputs are at most 0 there", reasons.FOR_DEAD))
_SLOPED = Family(
    reasons.sloped,
    Cause("its inputs are at most 0 there, and so is the slope; or above 0, for its weight", "a slope above 0"),
)
_SATURATED = Family(
    reasons.saturated, Cause("its derivative is 0 there, or too small", "smaller initial weights, normalised inputs")
)
_EXPONENTIAL = Family(
    reasons.saturated, Cause("exp is too small there", "stay with logarithms: ge.logsumexp, ge.nn.log_softmax")
)
_SHARED = Family(
    reasons.shared,
    Cause("its weight is too small there, or what arrives is all the same", "smaller scores, normalised inputs"),
)
_MASKED = Family(reasons.masked, Cause("the mask hides it, or its weight is too small", "look at the mask"))
_LABELLED = Family(
    reasons.certain,
    Cause("softmax less the label is 0 there, or too small", "it is learned, or its scores are too large to learn"),
)
_BOUNDED = Family(reasons.clipped, Cause("its inputs are outside of its bounds there", "wider bounds"))
_CHOSEN = Family(
    reasons.not_chosen,
    Cause("only what is chosen gets a gradient", "this is as it should be, unless the same are never chosen"),
)
_PICKED = Family(
    reasons.picked,
    Cause("it does not pick the others, or nothing arrives for them", "look at the indices"),
)
_LOOKED_UP = Family(
    reasons.looked_up,
    Cause("the others were not looked up, or are padding, or nothing arrives for them", "look at what was looked up"),
)
_WINDOWED = Family(reasons.flat, Cause("no window reaches it", "a stride of at most the size of the window"))
_CROPPED = Family(reasons.flat, Cause("it lies in the padding, which is cut off", "less padding, or larger patches"))
_PRODUCT = Family(
    reasons.factor,
    Cause(
        "what is multiplied there is 0, or the products cancel", "look at the other factor: is it a mask, are inputs 0"
    ),
)
_SLIDING = Family(
    reasons.factor,
    Cause(
        "what is multiplied there is 0, or the products cancel, or no window reaches it",
        "look at the other factor and the stride",
    ),
)
_MANY = Family(reasons.many_factors, Cause("another of the numbers is 0", "look at where the zeros come from"))
_POWER = Family(
    reasons.power,
    Cause("its base is 0 there, or 1, or its exponent is 0", "look at where they come from"),
)
_NORMALISED = Family(
    reasons.normalised,
    Cause("its weight is 0 there, or its numbers are all the same", "look at its weight, and at what it is given"),
)
_SPREAD = Family(reasons.equal, Cause("the numbers are all the same there", "look at where they come from"))
_AT_ZERO = Family(
    reasons.at_zero,
    Cause("its inputs are 0 there, and so is its derivative", "look at where the zeros come from"),
)
_BRANCHED = Family(reasons.not_taken, Cause("its mask does not take this branch there", "look at the mask"))
_DROPPED = Family(reasons.dropped, Cause("it was dropped there", "a smaller p"))
_LOOPED = Family(
    reasons.flat,
    Cause("something in it is 0, or too small", "unroll it to look inside: ge.passes.unroll"),
)

FAMILIES: dict[str, Family] = {
    **dict.fromkeys(("relu", "positive_part"), DEAD),
    **dict.fromkeys(("leaky_relu", "prelu"), _SLOPED),
    **dict.fromkeys(("sigmoid", "tanh", "erf", "softsign", "logsigmoid", "softplus", "softplus_beta"), _SATURATED),
    **dict.fromkeys(("elu", "selu", "silu", "gelu", "gelu_tanh", "reciprocal"), _SATURATED),
    **dict.fromkeys(("exp", "expm1"), _EXPONENTIAL),
    **dict.fromkeys(("softmax", "logsumexp"), _SHARED),
    "masked_softmax": _MASKED,
    **dict.fromkeys(("softmax_cross_entropy", "log_softmax"), _LABELLED),
    **dict.fromkeys(("clip", "hardtanh", "relu6"), _BOUNDED),
    **dict.fromkeys(("max", "min", "maximum", "minimum", "max_pool", "adaptive_max_pool"), _CHOSEN),
    **dict.fromkeys(("take", "take_along_axis", "index", "split", "unstack", "unpad_border", "max_unpool"), _PICKED),
    "embedding": _LOOKED_UP,
    **dict.fromkeys(("avg_pool", "unfold", "resize"), _WINDOWED),
    **dict.fromkeys(("multiply", "divide", "matmul", "linear", "einsum"), _PRODUCT),
    **dict.fromkeys(("convolution", "convolution_transpose"), _SLIDING),
    "fold": _CROPPED,
    "prod": _MANY,
    "pow": _POWER,
    **dict.fromkeys(("standardize", "batch_norm"), _NORMALISED),
    **dict.fromkeys(("std", "var", "batch_statistics"), _SPREAD),
    **dict.fromkeys(("square", "abs", "cos"), _AT_ZERO),
    "where": _BRANCHED,
    "dropout": _DROPPED,
    "scan": _LOOPED,
}
"""By primitive."""

UNITS = (DEAD, _SLOPED, _SATURATED, _BOUNDED)
"""In which something is wrong where all of a unit is taken away."""

WINDOWS = (_WINDOWED, _CROPPED)
"""In which something is wrong where no window reaches an element."""

_COMPARISONS = ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "isnan", "isfinite")
_PLACES = ("argmax", "argmin", "one_hot", "max_pool_places", "adaptive_max_pool_places")

_STOPPED = Cause(
    "stop_gradient hands nothing down: this path was detached on purpose", "leave it out, if it is not meant"
)
_SMOOTH = "gradients need a function that changes smoothly"

HANDING_NOTHING: dict[str, Cause] = {
    "stop_gradient": _STOPPED,
    **{name: Cause(f"the derivative of {name} is 0 everywhere", _SMOOTH) for name in ("sign", "step", "floor")},
    **dict.fromkeys(_COMPARISONS, Cause("a comparison has no gradient", _SMOOTH)),
    **dict.fromkeys(_PLACES, Cause("a place has no gradient", _SMOOTH)),
    **dict.fromkeys(("all", "any"), Cause("a truth has no gradient", _SMOOTH)),
}
"""Operations that hand nothing down whatever arrives."""
