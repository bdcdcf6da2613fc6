"""What is done to each element by itself: arithmetic, functions, comparisons, logic.

A class states one primitive: what it is called, its formula, its local derivatives as a picture shows them, and how a
gradient is pulled back.
"""

from graph_engine.primitives.elementwise import (
    arithmetic,
    choices,
    comparisons,
    error_function,
    functions,
    piecewise,
    smooth,
)
from graph_engine.primitives.elementwise.arithmetic import (
    abs,
    add,
    divide,
    floor,
    multiply,
    negative,
    reciprocal,
    sign,
    square,
    subtract,
)
from graph_engine.primitives.elementwise.choices import clip, maximum, minimum, relu, where
from graph_engine.primitives.elementwise.comparisons import (
    equal,
    greater,
    greater_equal,
    isfinite,
    isnan,
    less,
    less_equal,
    logical_and,
    logical_not,
    logical_or,
    not_equal,
)
from graph_engine.primitives.elementwise.error_function import erf
from graph_engine.primitives.elementwise.functions import (
    cos,
    exp,
    expm1,
    log,
    log1p,
    pow,
    sigmoid,
    sin,
    softplus,
    sqrt,
    tan,
    tanh,
)

__all__ = [
    "PRIMITIVES",
    "abs", "add", "clip", "cos", "divide", "equal", "erf", "exp", "expm1", "floor", "greater", "greater_equal",
    "isfinite", "isnan", "less", "less_equal", "log", "log1p", "logical_and", "logical_not", "logical_or", "maximum",
    "minimum", "multiply", "negative", "not_equal", "pow", "reciprocal", "relu", "sigmoid", "sign", "sin", "softplus",
    "sqrt", "square", "subtract", "tan", "tanh", "where",
]  # fmt: skip

PRIMITIVES = (
    *arithmetic.PRIMITIVES,
    *functions.PRIMITIVES,
    *choices.PRIMITIVES,
    *comparisons.PRIMITIVES,
    *error_function.PRIMITIVES,
    *smooth.PRIMITIVES,
    *piecewise.PRIMITIVES,
)
