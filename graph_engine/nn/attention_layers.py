"""Attention as a layer with weights of its own."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graph_engine.context import scope
from graph_engine.declaring import refused
from graph_engine.dims import product
from graph_engine.errors import ShapeError
from graph_engine.nn.attention import attend, checked_mask
from graph_engine.nn.init import uniform
from graph_engine.nn.linear import Linear, linear
from graph_engine.nn.mode import current_training
from graph_engine.nn.module import Module
from graph_engine.node import Operand, Variable
from graph_engine.primitives import add, expand_dims, logical_and, logical_not, mean, moveaxis, reshape, split, where
from graph_engine.primitives.common import as_float, as_variable
from graph_engine.spec import as_dtype, show_shape

_MASKS = "attn_mask is (l, s) or (batch * num_heads, l, s), key_padding_mask is (batch, s)"


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
            raise refused(f"{embed_dim} features are not divided evenly among {num_heads} heads")
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
            output, weights = attend(q, k, v, mask, p, is_causal)
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
                raise refused(
                    f"{self.name} takes a {what} of {features} features, in the last of 2 or 3 dimensions, "
                    f"but {x.name!r} has shape {show_shape(x.shape)}",
                    kind=ShapeError,
                )
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
                raise refused(  # where there are as many heads, it would be taken for one mask for each head
                    f"a mask of shape {show_shape(mask.shape)} does not say which head it is for: there are "
                    f"{self.num_heads}",
                    f"{_MASKS}: ge.repeat(mask, {self.num_heads}, axis=0) is the same mask for all heads of a sample",
                    ShapeError,
                )
            masks.append(checked_mask(mask, reshape(mask, shape) if per_head else mask, shape, _MASKS))
        if padding is not None:
            mask = as_variable(padding)
            laid_out = expand_dims(mask, (-3, -2)) if mask.ndim == 2 else mask
            masks.append(checked_mask(mask, laid_out, shape, _MASKS))
        if all(mask.dtype == "bool" for mask in masks):
            masks = [logical_not(mask) for mask in masks]
            return logical_and(*masks) if len(masks) == 2 else masks[0] if masks else None
        masks = [where(mask, -math.inf, 0.0) if mask.dtype == "bool" else mask for mask in masks]
        return add(*masks) if len(masks) == 2 else masks[0]

    def _about(self) -> str:
        return f": {self.embed_dim} features, {self.num_heads} heads"
