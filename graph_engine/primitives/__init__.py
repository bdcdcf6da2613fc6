"""The vocabulary: one small file per family of primitives."""

from graph_engine.primitives import (
    affine,
    averages,
    creation,
    cumulative,
    einstein,
    elementwise,
    extremes,
    gathering,
    joining,
    linalg,
    operators,  # noqa: F401  (they put themselves on Variable)
    probabilities,
    random,
    reduction,
    reordering,
    shape,
    slicing,
    structure,
)
from graph_engine.primitives.averages import mean, std, var
from graph_engine.primitives.creation import arange, eye, ones, zeros
from graph_engine.primitives.cumulative import cumulative_sum
from graph_engine.primitives.einstein import einsum
from graph_engine.primitives.elementwise import (
    abs,
    add,
    clip,
    cos,
    divide,
    equal,
    exp,
    expm1,
    floor,
    greater,
    greater_equal,
    isfinite,
    isnan,
    less,
    less_equal,
    log,
    log1p,
    logical_and,
    logical_not,
    logical_or,
    maximum,
    minimum,
    multiply,
    negative,
    not_equal,
    pow,
    reciprocal,
    relu,
    sigmoid,
    sign,
    sin,
    softplus,
    sqrt,
    square,
    subtract,
    tan,
    tanh,
    where,
)
from graph_engine.primitives.extremes import all, any, argmax, argmin, logsumexp, max, min
from graph_engine.primitives.indexing import one_hot, take, take_along_axis
from graph_engine.primitives.joining import concat, split, stack, unstack
from graph_engine.primitives.linalg import matmul, outer, tensordot, vecdot
from graph_engine.primitives.probabilities import log_softmax, softmax, softmax_cross_entropy
from graph_engine.primitives.reduction import prod, sum
from graph_engine.primitives.reordering import flip, repeat, roll, tile
from graph_engine.primitives.shape import (
    expand_dims,
    flatten,
    matrix_transpose,
    moveaxis,
    permute_dims,
    reshape,
    squeeze,
)
from graph_engine.primitives.slicing import pad
from graph_engine.primitives.structure import (
    accumulate,
    astype,
    broadcast_to,
    full,
    ones_like,
    pass_on,
    stop_gradient,
    sum_to,
    zeros_like,
)

__all__ = [
    "PRIMITIVES", "random",
    "accumulate", "astype", "broadcast_to", "full", "ones_like", "pass_on", "stop_gradient",
    "sum_to", "zeros_like",
    "abs", "add", "clip", "cos", "divide", "equal", "exp", "expm1", "floor", "greater", "greater_equal", "isfinite",
    "isnan", "less", "less_equal", "log", "log1p", "logical_and", "logical_not", "logical_or", "maximum", "minimum",
    "multiply", "negative", "not_equal", "pow", "reciprocal", "relu", "sigmoid", "sign", "sin", "softplus", "sqrt",
    "square", "subtract", "tan", "tanh", "where",
    "arange", "eye", "ones", "zeros",
    "expand_dims", "flatten", "matrix_transpose", "moveaxis", "permute_dims", "reshape", "squeeze",
    "concat", "split", "stack", "unstack",
    "flip", "repeat", "roll", "tile",
    "pad",
    "one_hot", "take", "take_along_axis",
    "mean", "prod", "std", "sum", "var",
    "all", "any", "argmax", "argmin", "logsumexp", "max", "min",
    "cumulative_sum",
    "matmul", "outer", "tensordot", "vecdot",
    "einsum",
    "log_softmax", "softmax", "softmax_cross_entropy",
]  # fmt: skip

PRIMITIVES = (
    *structure.PRIMITIVES,
    *elementwise.PRIMITIVES,
    *creation.PRIMITIVES,
    *shape.PRIMITIVES,
    *joining.PRIMITIVES,
    *reordering.PRIMITIVES,
    *slicing.PRIMITIVES,
    *gathering.PRIMITIVES,
    *reduction.PRIMITIVES,
    *affine.PRIMITIVES,
    *averages.PRIMITIVES,
    *extremes.PRIMITIVES,
    *cumulative.PRIMITIVES,
    *linalg.PRIMITIVES,
    *einstein.PRIMITIVES,
    *probabilities.PRIMITIVES,
    *random.PRIMITIVES,
)
