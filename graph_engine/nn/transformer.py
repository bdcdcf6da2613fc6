"""The transformer: encoder and decoder layers of attention and a small network, and stacks of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

from graph_engine.declaring import refused
from graph_engine.nn import activations
from graph_engine.nn.attention_layers import MultiheadAttention
from graph_engine.nn.dropout import Dropout
from graph_engine.nn.linear import Linear
from graph_engine.nn.module import Module
from graph_engine.nn.normalization_layers import LayerNorm
from graph_engine.node import Operand, Variable
from graph_engine.primitives import add
from graph_engine.primitives.common import as_float

Activation = str | Callable[[Variable], Variable]


class _Layer(Module):
    """What encoder and decoder layers share: how residual branches are added, and the network of two linear layers."""

    norm_first: bool

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = "relu",
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        *,
        name: str | None = None,
        dtype: Any = "float32",
    ) -> None:
        super().__init__(name=name)
        self._arguments = (
            d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias, dtype,
        )  # fmt: skip
        self.activation = _activation(activation)
        self.norm_first = norm_first
        self._build(d_model, nhead, dim_feedforward, dropout, layer_norm_eps, batch_first, bias, dtype)

    def _build(
        self, size: int, heads: int, hidden: int, p: float, eps: float, batch_first: bool, bias: bool, dtype: Any
    ) -> None:
        self.self_attn = MultiheadAttention(size, heads, p, bias, batch_first=batch_first, dtype=dtype)
        self.linear1 = Linear(size, hidden, bias, dtype=dtype)
        self.dropout = Dropout(p)
        self.linear2 = Linear(hidden, size, bias, dtype=dtype)
        self.norm1 = LayerNorm(size, eps, bias=bias, dtype=dtype)
        self.norm2 = LayerNorm(size, eps, bias=bias, dtype=dtype)
        self.dropout1 = Dropout(p)
        self.dropout2 = Dropout(p)

    def another(self) -> Self:
        """Make a layer like this one, with weights of its own."""
        *arguments, dtype = self._arguments
        return type(self)(*arguments, dtype=dtype)  # type: ignore[arg-type]

    def _residual(self, x: Variable, branch: Callable[[Variable], Variable], norm: LayerNorm) -> Variable:
        """Add a branch: normalised before it, or after the sum."""
        if self.norm_first:
            return add(x, branch(norm(x)))
        return norm(add(x, branch(x)))  # type: ignore[no-any-return]

    def _feed_forward(self, x: Variable) -> Variable:
        return self.linear2(self.dropout(self.activation(self.linear1(x))))  # type: ignore[no-any-return]


class TransformerEncoderLayer(_Layer):
    """Self-attention and a network of two linear layers, each added to what it looks at, and normalised.

    Parameters
    ----------
    d_model : int
        The number of features.
    nhead : int
        The number of heads, which divides `d_model`.
    dim_feedforward : int
        The size of the hidden layer.
    dropout : float
    activation : str, or function of one variable
        A name under `ge.nn`: "relu", "gelu".
    layer_norm_eps : float
    batch_first : bool
        Whether sequences are `(batch, n, d_model)`; by default they are `(n, batch, d_model)`, as in PyTorch.
    norm_first : bool
        Whether to normalise what goes into a branch, in place of the sum that comes out.
    bias : bool
    name : str, optional
    dtype : str

    References
    ----------
    A. Vaswani et al., "Attention is all you need", 2017.

    Examples
    --------
    >>> import graph_engine as ge
    >>> layer = ge.nn.TransformerEncoderLayer(16, 4, 32, batch_first=True)
    >>> layer(ge.input("x", ("batch", "n", 16))).shape
    ('batch', 'n', 16)
    """

    def forward(
        self,
        src: Operand,
        src_mask: Operand | None = None,
        src_key_padding_mask: Operand | None = None,
        is_causal: bool = False,
    ) -> Variable:
        """Declare the layer; the masks are those of `MultiheadAttention`: True hides."""

        def look(x: Variable) -> Variable:
            seen, _ = self.self_attn(x, x, x, src_key_padding_mask, False, src_mask, is_causal=is_causal)
            return self.dropout1(seen)  # type: ignore[no-any-return]

        x = self._residual(as_float(src), look, self.norm1)
        return self._residual(x, lambda x: self.dropout2(self._feed_forward(x)), self.norm2)


class TransformerDecoderLayer(_Layer):
    """As the encoder's layer, with attention to the encoder's result between its two parts.

    Parameters
    ----------
    d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias, name, dtype
        As for `TransformerEncoderLayer`.

    Examples
    --------
    >>> import graph_engine as ge
    >>> layer = ge.nn.TransformerDecoderLayer(16, 4, 32, batch_first=True)
    >>> target, memory = ge.input("target", ("batch", "m", 16)), ge.input("memory", ("batch", "n", 16))
    >>> layer(target, memory, tgt_is_causal=True).shape
    ('batch', 'm', 16)
    """

    def _build(
        self, size: int, heads: int, hidden: int, p: float, eps: float, batch_first: bool, bias: bool, dtype: Any
    ) -> None:
        super()._build(size, heads, hidden, p, eps, batch_first, bias, dtype)
        self.multihead_attn = MultiheadAttention(size, heads, p, bias, batch_first=batch_first, dtype=dtype)
        self.norm3 = LayerNorm(size, eps, bias=bias, dtype=dtype)
        self.dropout3 = Dropout(p)

    def forward(
        self,
        tgt: Operand,
        memory: Operand,
        tgt_mask: Operand | None = None,
        memory_mask: Operand | None = None,
        tgt_key_padding_mask: Operand | None = None,
        memory_key_padding_mask: Operand | None = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Variable:
        """Declare the layer; the masks are those of `MultiheadAttention`: True hides."""

        def look(x: Variable) -> Variable:
            seen, _ = self.self_attn(x, x, x, tgt_key_padding_mask, False, tgt_mask, is_causal=tgt_is_causal)
            return self.dropout1(seen)  # type: ignore[no-any-return]

        def recall(x: Variable) -> Variable:
            seen, _ = self.multihead_attn(
                x, memory, memory, memory_key_padding_mask, False, memory_mask, is_causal=memory_is_causal
            )
            return self.dropout2(seen)  # type: ignore[no-any-return]

        x = self._residual(as_float(tgt), look, self.norm1)
        x = self._residual(x, recall, self.norm2)
        return self._residual(x, lambda x: self.dropout3(self._feed_forward(x)), self.norm3)


class TransformerEncoder(Module):
    """Encoder layers one after another.

    Parameters
    ----------
    encoder_layer : TransformerEncoderLayer
        What each of them is like. They begin with weights of their own (PyTorch's begin with copies of one).
    num_layers : int
    norm : Module, optional
        What the result goes through.
    name : str, optional

    Examples
    --------
    >>> import graph_engine as ge
    >>> encoder = ge.nn.TransformerEncoder(ge.nn.TransformerEncoderLayer(16, 4, 32, batch_first=True), 2)
    >>> encoder(ge.input("x", ("batch", "n", 16))).shape
    ('batch', 'n', 16)
    """

    norm: Module | None

    def __init__(
        self,
        encoder_layer: TransformerEncoderLayer,
        num_layers: int,
        norm: Module | None = None,
        *,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        self.layers = [encoder_layer.another() for _ in range(num_layers)]
        self.norm = norm

    def forward(
        self,
        src: Operand,
        mask: Operand | None = None,
        src_key_padding_mask: Operand | None = None,
        is_causal: bool = False,
    ) -> Variable:
        """Declare all layers; the masks are those of `MultiheadAttention`: True hides."""
        x = as_float(src)
        for layer in self.layers:
            x = layer(x, mask, src_key_padding_mask, is_causal)
        return x if self.norm is None else self.norm(x)


class TransformerDecoder(Module):
    """Decoder layers one after another.

    Parameters
    ----------
    decoder_layer : TransformerDecoderLayer
        What each of them is like. They begin with weights of their own (PyTorch's begin with copies of one).
    num_layers : int
    norm : Module, optional
        What the result goes through.
    name : str, optional

    Examples
    --------
    >>> import graph_engine as ge
    >>> decoder = ge.nn.TransformerDecoder(ge.nn.TransformerDecoderLayer(16, 4, 32, batch_first=True), 2)
    >>> target, memory = ge.input("target", ("batch", "m", 16)), ge.input("memory", ("batch", "n", 16))
    >>> decoder(target, memory, tgt_is_causal=True).shape
    ('batch', 'm', 16)
    """

    norm: Module | None

    def __init__(
        self,
        decoder_layer: TransformerDecoderLayer,
        num_layers: int,
        norm: Module | None = None,
        *,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        self.layers = [decoder_layer.another() for _ in range(num_layers)]
        self.norm = norm

    def forward(
        self,
        tgt: Operand,
        memory: Operand,
        tgt_mask: Operand | None = None,
        memory_mask: Operand | None = None,
        tgt_key_padding_mask: Operand | None = None,
        memory_key_padding_mask: Operand | None = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Variable:
        """Declare all layers; the masks are those of `MultiheadAttention`: True hides."""
        x = as_float(tgt)
        masks = (tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask)
        for layer in self.layers:
            x = layer(x, memory, *masks, tgt_is_causal, memory_is_causal)
        return x if self.norm is None else self.norm(x)


def _activation(activation: Activation) -> Callable[[Variable], Variable]:
    """Find an activation by its name."""
    known = {name: getattr(activations, name) for name in activations.__all__}
    found = known.get(activation) if isinstance(activation, str) else activation
    if not callable(found) or isinstance(found, type):
        raise refused(
            f"there is no activation called {activation!r}", "name a function under ge.nn, or give a function"
        )
    return found
