"""What NumPy does better than the generic kernels: bare ufuncs, and results written into a given array."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graph_engine_numpy import convolution, masking, normalizing, parametric, pooling, randomness, smooth

Make = Callable[[Any], Callable[..., Any]]

UFUNCS: dict[str, np.ufunc] = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.true_divide,
    "pow": np.power,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "negative": np.negative,
    "square": np.square,
    "sqrt": np.sqrt,
    "abs": np.absolute,
    "sign": np.sign,
    "floor": np.floor,
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "tanh": np.tanh,
    "equal": np.equal,
    "not_equal": np.not_equal,
    "less": np.less,
    "less_equal": np.less_equal,
    "greater": np.greater,
    "greater_equal": np.greater_equal,
    "logical_and": np.logical_and,
    "logical_or": np.logical_or,
    "logical_not": np.logical_not,
    "isfinite": np.isfinite,
    "isnan": np.isnan,
}


def _always(function: Callable[..., Any]) -> Make:
    return lambda primitive: function


def _relu(x: Any, out: Any = None) -> Any:
    return np.maximum(x, x.dtype.type(0), out=out)


def _maximum_into(x1: Any, x2: Any, out: Any) -> Any:  # NumPy wants this one's `out` by name
    return np.maximum(x1, x2, out=out)


def _minimum_into(x1: Any, x2: Any, out: Any) -> Any:
    return np.minimum(x1, x2, out=out)


KERNELS: dict[str, Make] = {name: _always(ufunc) for name, ufunc in UFUNCS.items()} | {
    "relu": _always(_relu),
    "matmul": _always(np.matmul),
    "matrix_transpose": _always(np.matrix_transpose),
    "linear": parametric.linear,
    "split": parametric.split,
    "sum": parametric.sum_over,
    "mean": parametric.mean_over,
    "sum_to": parametric.sum_to,
    "softmax": parametric.softmax,
    "softmax_cross_entropy": parametric.softmax_cross_entropy,
    "one_hot": parametric.one_hot,
    "scatter_add": parametric.scatter_add,
    "add_along_axis": parametric.add_along_axis,
    **masking.KERNELS,
    **normalizing.KERNELS,
    **pooling.KERNELS,
    **convolution.KERNELS,
    **randomness.KERNELS,
    **smooth.KERNELS,
}

OUT_KERNELS: dict[str, Make] = {name: _always(ufunc) for name, ufunc in UFUNCS.items()} | {
    "relu": _always(_relu),
    "maximum": _always(_maximum_into),
    "minimum": _always(_minimum_into),
    "matmul": _always(np.matmul),
    **masking.KERNELS,
    **smooth.KERNELS,
}
