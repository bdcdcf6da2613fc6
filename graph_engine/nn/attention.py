"""Attention: each place of a sequence takes from the others what answers to it."""

from __future__ import annotations

import functools
import math

from graph_engine.declaring import located, refused
from graph_engine.dims import dimension
from graph_engine.errors import DTypeError, ShapeError
from graph_engine.nn.dropout import dropout
from graph_engine.node import Operand, Variable
from graph_engine.primitives import add, logical_and, matmul, matrix_transpose, multiply, softmax
from graph_engine.primitives.attending import CausalMask, MaskedSoftmax, fits
from graph_engine.primitives.common import as_float, as_one_dtype, as_variable
from graph_engine.source import composite
from graph_engine.spec import Shape, show_shape


@located
def causal_mask(length: int | str, source_length: int | str | None = None) -> Variable:
    """Declare which places may be seen, where nobody looks ahead: j <= i.

    Parameters
    ----------
    length : int or str
        Of what looks; a string is a named dimension.
    source_length : int or str, optional
        Of what is looked at; by default the same.

    Returns
    -------
    Variable
        bool, of shape `(length, source_length)`.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.Engine("numpy").run(ge.nn.causal_mask(3)).astype(int).tolist()
    [[1, 0, 0], [1, 1, 0], [1, 1, 1]]
    """
    mask: Variable = CausalMask(dimension(length), dimension(length if source_length is None else source_length))()
    return mask


@composite
@located
def scaled_dot_product_attention(
    query: Operand,
    key: Operand,
    value: Operand,
    attn_mask: Operand | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    *,
    random_key: Variable | None = None,
) -> Variable:
    """Return softmax(query keyᵀ scale) value: means of the values, weighed by how well their keys answer the query.

    Parameters
    ----------
    query : Variable or array_like
        Of shape `(..., l, e)`.
    key : Variable or array_like
        Of shape `(..., s, e)`.
    value : Variable or array_like
        Of shape `(..., s, v)`.
    attn_mask : Variable or array_like, optional
        That broadcasts to `(..., l, s)`: bools, True for what may be seen; or numbers that are added to the scores. A
        query that may see nothing gets zeros, and hands no gradient on (as PyTorch's kernels have it).
    dropout_p : float
        The probability to drop a weight; not 0, it needs random numbers.
    is_causal : bool
        Whether place i sees the places j <= i only; it may be combined with a mask.
    scale : float, optional
        By default 1 / sqrt(e).
    random_key : Variable, optional
        What dropout follows from; by default a key of the `ge.nn.training()` that is open.

    References
    ----------
    A. Vaswani et al., "Attention is all you need", 2017.

    Examples
    --------
    >>> import graph_engine as ge
    >>> q, k, v = (ge.input(name, ("batch", "n", 8)) for name in "qkv")
    >>> ge.nn.scaled_dot_product_attention(q, k, v, is_causal=True).shape
    ('batch', 'n', 8)
    """
    q, k, v = as_one_dtype([query, key, value])
    mask = None if attn_mask is None else as_variable(attn_mask)
    _check_sequences(as_float(q), k, v)
    output, _ = attend(as_float(q), as_float(k), as_float(v), mask, dropout_p, is_causal, scale, random_key)
    return output


def attend(
    q: Variable,
    k: Variable,
    v: Variable,
    mask: Variable | None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    random_key: Variable | None = None,
) -> tuple[Variable, Variable]:
    """Declare attention; return its output and its weights."""
    if scale is None:
        if not isinstance(q.shape[-1], int):
            raise ShapeError(f"how many features there are is not known: {show_shape(q.shape)}", "give scale=")
        scale = 1 / math.sqrt(max(q.shape[-1], 1))
    scores = multiply(matmul(q, matrix_transpose(k)), scale)
    seen = [causal_mask(q.shape[-2], k.shape[-2])] if is_causal else []
    if mask is not None:
        checked_mask(mask, mask, scores.shape, "attn_mask broadcasts to the scores, (..., l, s)")
    if mask is not None and mask.dtype == "bool":
        seen.append(mask)
    elif mask is not None:
        scores = add(scores, mask)
    scores.named("scores")
    if mask is None and not is_causal:
        weights = softmax(scores)
    else:
        weights = MaskedSoftmax()(scores, *([functools.reduce(logical_and, seen)] if seen else []))
    weights = dropout(weights, dropout_p, dropout_p > 0, key=random_key).named("weights")
    return matmul(weights, v), weights


def checked_mask(mask: Variable, laid_out: Variable, shape: Shape, cure: str) -> Variable:
    """Return the mask as it is laid out, if that broadcasts to the weights and says what it means."""
    if mask.dtype != "bool" and not mask.spec.is_float:
        raise refused(
            f"a mask is bool, or real numbers to add to the scores; {mask.name!r} is {mask.spec}",
            "of ones and zeros: ge.astype(mask, 'bool')",
            DTypeError,
        )
    if not fits(laid_out.shape, shape):
        raise refused(
            f"a mask of shape {show_shape(mask.shape)} does not go with weights of shape {show_shape(shape)}",
            cure,
            ShapeError,
        )
    return laid_out


def _check_sequences(q: Variable, k: Variable, v: Variable) -> None:
    if min(q.ndim, k.ndim, v.ndim) < 2 or q.shape[-1] != k.shape[-1] or k.shape[-2] != v.shape[-2]:
        raise ShapeError(
            f"queries {show_shape(q.shape)}, keys {show_shape(k.shape)} and values {show_shape(v.shape)} do not go "
            "together",
            "queries are (..., l, e), keys (..., s, e), values (..., s, v)",
        )
