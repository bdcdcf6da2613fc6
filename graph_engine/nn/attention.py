"""Attention: each place of a sequence takes from the others what answers to it."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from graph_engine.context import scope
from graph_engine.declaring import located
from graph_engine.dims import dimension, product
from graph_engine.errors import DeclarationError, DTypeError, ShapeError
from graph_engine.nn.dropout import dropout
from graph_engine.nn.init import uniform
from graph_engine.nn.linear import Linear, linear
from graph_engine.nn.mode import current_training
from graph_engine.nn.module import Module
from graph_engine.node import Operand, Variable
from graph_engine.primitives import (
    add,
    expand_dims,
    logical_and,
    logical_not,
    matmul,
    matrix_transpose,
    mean,
    moveaxis,
    multiply,
    reshape,
    softmax,
    split,
    where,
)
from graph_engine.primitives.attending import CausalMask, MaskedSoftmax, fits
from graph_engine.primitives.common import as_float, as_one_dtype, as_variable
from graph_engine.source import capture, composite
from graph_engine.spec import Shape, as_dtype, show_shape

_MASKS = "attn_mask is (l, s) or (batch * num_heads, l, s), key_padding_mask is (batch, s)"


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
    output, _ = _attend(as_float(q), as_float(k), as_float(v), mask, dropout_p, is_causal, scale, random_key)
    return output


def _attend(
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
        _checked_mask(mask, mask, scores.shape, "attn_mask broadcasts to the scores, (..., l, s)")
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


def _checked_mask(mask: Variable, laid_out: Variable, shape: Shape, cure: str = _MASKS) -> Variable:
    """Return the mask as it is laid out, if that broadcasts to the weights and says what it means."""
    if mask.dtype != "bool" and not mask.spec.is_float:
        raise DTypeError(
            f"a mask is bool, or real numbers to add to the scores; {mask.name!r} is {mask.spec}",
            "of ones and zeros: ge.astype(mask, 'bool')",
        ).located("declared at", capture().line)
    if not fits(laid_out.shape, shape):
        raise ShapeError(
            f"a mask of shape {show_shape(mask.shape)} does not go with weights of shape {show_shape(shape)}", cure
        ).located("declared at", capture().line)
    return laid_out


def _check_sequences(q: Variable, k: Variable, v: Variable) -> None:
    if min(q.ndim, k.ndim, v.ndim) < 2 or q.shape[-1] != k.shape[-1] or k.shape[-2] != v.shape[-2]:
        raise ShapeError(
            f"queries {show_shape(q.shape)}, keys {show_shape(k.shape)} and values {show_shape(v.shape)} do not go "
            "together",
            "queries are (..., l, e), keys (..., s, e), values (..., s, v)",
        )


class MultiheadAttention(Module):
    """Attention by several heads, each of which looks at projections of its own.

    Parameters
    ----------
    embed_dim : int
        The number of features of queries and results.
    num_heads : int
        Which divides `embed_dim`.
    dropout : float
        The probability to drop a weight, inside `ge.nn.training()`.
    bias : bool
        Whether the projections have biases.
    kdim, vdim : int, optional
        The number of features of keys and values, where it is another.
    batch_first : bool
        Whether sequences are `(batch, n, features)`; by default they are `(n, batch, features)`, as in PyTorch.
    name : str, optional
    seed : int, optional
    dtype : str

    Attributes
    ----------
    in_proj_weight : Variable
        The projections of queries, keys and values one below the other, `(3 embed_dim, embed_dim)`; with `kdim` or
        `vdim` there are q_proj_weight, k_proj_weight and v_proj_weight in its place. They begin as Glorot has it.
    in_proj_bias : Variable or None
    out_proj : Linear

    Examples
    --------
    >>> import graph_engine as ge
    >>> attention, x = ge.nn.MultiheadAttention(16, 4, batch_first=True), ge.input("x", ("batch", "n", 16))
    >>> output, weights = attention(x, x, x, is_causal=True)
    >>> output.shape, weights.shape
    (('batch', 'n', 16), ('batch', 'n', 'n'))
    """

    in_proj_bias: Variable | None

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        *,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        name: str | None = None,
        seed: int | None = None,
        dtype: Any = "float32",
    ) -> None:
        super().__init__(name=name)
        if num_heads < 1 or embed_dim % num_heads:
            raise DeclarationError(
                f"{embed_dim} features are not divided evenly among {num_heads} heads"
            ).located("declared at", capture().line)
        self.embed_dim, self.num_heads, self.dropout = embed_dim, num_heads, dropout
        self.kdim, self.vdim, self.batch_first = kdim or embed_dim, vdim or embed_dim, batch_first
        if self.kdim == self.vdim == embed_dim:
            self._add_projection("in_proj_weight", 3 * embed_dim, embed_dim, seed, dtype)
        else:
            self._add_projection("q_proj_weight", embed_dim, embed_dim, seed, dtype)
            self._add_projection("k_proj_weight", embed_dim, self.kdim, seed, dtype)
            self._add_projection("v_proj_weight", embed_dim, self.vdim, seed, dtype)
        self.out_proj = Linear(embed_dim, embed_dim, bias, seed=seed, dtype=dtype)
        if bias:
            self.add_parameter("in_proj_bias", np.zeros(3 * embed_dim, as_dtype(dtype)))
            self.out_proj.add_parameter("bias", np.zeros(embed_dim, as_dtype(dtype)))
        else:
            self.in_proj_bias = None

    def _add_projection(self, name: str, rows: int, columns: int, seed: int | None, dtype: Any) -> None:
        self.add_parameter(name, uniform((rows, columns), math.sqrt(6 / (rows + columns)), dtype), seed=seed)

    def forward(
        self,
        query: Operand,
        key: Operand,
        value: Operand,
        key_padding_mask: Operand | None = None,
        need_weights: bool = True,
        attn_mask: Operand | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Variable, Variable | None]:
        """Declare the attention of queries to keys and values.

        Parameters
        ----------
        query, key, value : Variable or array_like
            Of shape `(l, batch, embed_dim)`, `(s, batch, kdim)`, `(s, batch, vdim)`, or with the batch first; without a
            batch `(l, embed_dim)` and so on.
        key_padding_mask : Variable or array_like, optional
            Of shape `(batch, s)`, or `(s,)` without a batch: True for what is **not** looked at, or numbers to add.
        need_weights : bool
            Whether the second result is the weights, or None.
        attn_mask : Variable or array_like, optional
            Of shape `(l, s)` or `(batch * num_heads, l, s)`: True for what is **not** looked at, or numbers to add.
        average_attn_weights : bool
            Whether the weights are the mean over the heads.
        is_causal : bool
            Whether place i looks at the places j <= i only, whatever else is masked.

        Returns
        -------
        output : Variable
            In the shape of the queries.
        weights : Variable or None
            Of shape `(batch, l, s)`, or `(batch, num_heads, l, s)` for each head by itself.
        """
        q, k, v = self._checked(query, key, value)
        q, k, v = (self._heads(x) for x in self._projected(q, k, v))
        mask = self._mask(key_padding_mask, attn_mask, q, k)
        with scope("heads"):
            p = self.dropout if current_training() is not None else 0.0
            output, weights = _attend(q, k, v, mask, p, is_causal)
        joined = moveaxis(output, -3, -2)
        output = self.out_proj(reshape(joined, (*joined.shape[:-2], self.embed_dim)))
        if output.ndim == 3 and not self.batch_first:
            output = moveaxis(output, 0, 1)
        if not need_weights:
            return output, None
        return output, mean(weights, axis=-3) if average_attn_weights else weights

    def _checked(self, *sequences: Operand) -> list[Variable]:
        """Return queries, keys and values with the batch first."""
        variables = [as_float(x) for x in sequences]
        wanted = (self.embed_dim, self.kdim, self.vdim)
        for what, x, features in zip(("query", "key", "value"), variables, wanted, strict=True):
            if x.ndim != variables[0].ndim or x.ndim not in (2, 3) or x.shape[-1] != features:
                raise ShapeError(
                    f"{self.name} takes a {what} of {features} features, in the last of 2 or 3 dimensions, "
                    f"but {x.name!r} has shape {show_shape(x.shape)}"
                ).located("declared at", capture().line)
        swapped = variables[0].ndim == 3 and not self.batch_first
        return [moveaxis(x, 0, 1) if swapped else x for x in variables]

    def _projected(self, *sequences: Variable) -> list[Variable]:
        """Return the projections of queries, keys and values."""
        if "in_proj_weight" in self._declared:
            weights = split(self.in_proj_weight, 3)
        else:
            weights = (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight)
        biases = (None, None, None) if self.in_proj_bias is None else split(self.in_proj_bias, 3)
        return [linear(x, w, b).named(n) for x, w, b, n in zip(sequences, weights, biases, "qkv", strict=True)]

    def _heads(self, x: Variable) -> Variable:
        """Give each head its features: `(..., n, embed_dim)` to `(..., num_heads, n, head_dim)`."""
        parted = reshape(x, (*x.shape[:-1], self.num_heads, self.embed_dim // self.num_heads))
        return moveaxis(parted, -2, -3)

    def _mask(self, padding: Operand | None, attention: Operand | None, q: Variable, k: Variable) -> Variable | None:
        """Combine the masks, in which True hides, into one in which True shows, or into numbers to add."""
        shape = (*q.shape[:-1], k.shape[-2])
        masks = []
        if attention is not None:
            mask = as_variable(attention)
            per_head = mask.ndim == 3 and len(shape) == 4 and mask.size == product(shape)
            if mask.ndim == 3 and len(shape) == 4 and not per_head and mask.shape[0] == shape[0] != 1:
                raise ShapeError(  # where there are as many heads, it would be taken for one mask for each head
                    f"a mask of shape {show_shape(mask.shape)} does not say which head it is for: there are "
                    f"{self.num_heads}",
                    f"{_MASKS}: ge.repeat(mask, {self.num_heads}, axis=0) is the same mask for all heads of a sample",
                ).located("declared at", capture().line)
            masks.append(_checked_mask(mask, reshape(mask, shape) if per_head else mask, shape))
        if padding is not None:
            mask = as_variable(padding)
            masks.append(_checked_mask(mask, expand_dims(mask, (-3, -2)) if mask.ndim == 2 else mask, shape))
        if all(mask.dtype == "bool" for mask in masks):
            masks = [logical_not(mask) for mask in masks]
            return logical_and(*masks) if len(masks) == 2 else masks[0] if masks else None
        masks = [where(mask, -math.inf, 0.0) if mask.dtype == "bool" else mask for mask in masks]
        return add(*masks) if len(masks) == 2 else masks[0]

    def _about(self) -> str:
        return f": {self.embed_dim} features, {self.num_heads} heads"
