"""Transformer layers against PyTorch's with the same weights, in float64."""

import numpy as np
import pytest

import graph_engine as ge
from graph_engine import nn

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:torch", "ignore::graph_engine.UnusedVariableWarning")
random = np.random.default_rng(7)
SIZES = (6, 2, 5, 0.0)  # d_model, nhead, dim_feedforward, dropout


def normal(*shape):
    return random.normal(size=shape)


OPTIONS = [
    {},
    {"norm_first": True},
    {"batch_first": True, "layer_norm_eps": 0.01},
    {"batch_first": True, "norm_first": True, "bias": False},
]


@pytest.mark.torch
@pytest.mark.parametrize("options", OPTIONS)
def test_encoder_layer(layer_like_torch, options):
    import torch

    ours = nn.TransformerEncoderLayer(*SIZES, **options, dtype="float64")
    theirs = torch.nn.TransformerEncoderLayer(*SIZES, **options, dtype=torch.float64)
    layer_like_torch(ours, theirs, normal(3, 4, 6))


@pytest.mark.torch
@pytest.mark.parametrize("options", OPTIONS)
def test_decoder_layer(layer_like_torch, options):
    import torch

    ours = nn.TransformerDecoderLayer(*SIZES, "gelu", **options, dtype="float64")
    theirs = torch.nn.TransformerDecoderLayer(*SIZES, "gelu", **options, dtype=torch.float64)
    memory = normal(3, 4, 6)
    layer_like_torch(ours, theirs, normal(*((3, 2, 6) if "batch_first" in options else (2, 4, 6))), memory)


def hidden(*shape):
    mask = random.uniform(size=shape) < 0.4
    mask[..., 0] = False
    return mask


@pytest.mark.torch
@pytest.mark.parametrize("norm", [True, False])
def test_encoder_with_masks(layer_like_torch, norm):
    import torch

    mask, padding = np.triu(np.ones((4, 4), bool), 1), hidden(3, 4)
    layer = nn.TransformerEncoderLayer(*SIZES, batch_first=True, dtype="float64")
    ours = nn.TransformerEncoder(layer, 2, nn.LayerNorm(6, dtype="float64") if norm else None)
    layer = torch.nn.TransformerEncoderLayer(*SIZES, batch_first=True, dtype=torch.float64)
    theirs = torch.nn.TransformerEncoder(layer, 2, torch.nn.LayerNorm(6, dtype=torch.float64) if norm else None)
    layer_like_torch(
        ours, theirs, normal(3, 4, 6), second=False,
        call=lambda layer, x: layer(x, mask, padding),
        their_call=lambda layer, x: layer(x, torch.tensor(mask), torch.tensor(padding)),
    )  # fmt: skip


@pytest.mark.torch
def test_decoder_with_masks(layer_like_torch):
    import torch

    causal, padding, memory_padding = np.triu(np.ones((4, 4), bool), 1), hidden(3, 4), hidden(3, 5)
    ours = nn.TransformerDecoder(nn.TransformerDecoderLayer(*SIZES, batch_first=True, dtype="float64"), 2)
    layer = torch.nn.TransformerDecoderLayer(*SIZES, batch_first=True, dtype=torch.float64)
    theirs = torch.nn.TransformerDecoder(layer, 2)
    masks = {"tgt_key_padding_mask": padding, "memory_key_padding_mask": memory_padding}
    tensors = {name: torch.tensor(mask) for name, mask in masks.items()}
    layer_like_torch(
        ours, theirs, normal(3, 4, 6), normal(3, 5, 6), second=False,
        call=lambda layer, x, memory: layer(x, memory, tgt_is_causal=True, **masks),
        their_call=lambda layer, x, memory: layer(x, memory, torch.tensor(causal), **tensors),
    )  # fmt: skip


def test_layers_of_a_stack_have_names_and_weights_of_their_own():
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(*SIZES), 2)
    names = [name for name, _ in encoder.named_parameters()]
    assert "encoder.layers1.self_attn.in_proj_weight" in names and "encoder.layers2.norm2.bias" in names
    first, second = (layer.linear1.weight.data for layer in encoder.layers)
    assert not np.array_equal(first, second)


def test_dropout_is_there_in_training_only():
    layer, x = nn.TransformerEncoderLayer(6, 2, 5, 0.3), ge.input("x", ("n", "batch", 6))
    with nn.training():
        trained = layer(x)
    count = [[op.primitive.name for op in ge.Graph(y).operations].count("dropout") for y in (trained, layer(x))]
    assert count == [4, 0]


def test_a_sequence_learns_to_be_reversed():
    """The smallest task for attention: put out the sequence backwards."""
    words, n = 5, 4
    ids = ge.input("ids", ("batch", n), "int64")
    table, positions = nn.Embedding(words, 16), nn.LearnedPositions(n, 16)
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 2, 32, 0.0, batch_first=True), 1)
    head = nn.Linear(16, words)
    logits = head(encoder(positions(table(ids))))
    loss = ge.mean(ge.softmax_cross_entropy(logits, ge.flip(ids, 1)))
    engine, numbers = ge.Engine("numpy"), np.random.default_rng(0)
    step = engine.compile([ids], loss, updates=ge.optim.SGD(0.3).minimize(loss))
    for _ in range(400):
        step(numbers.integers(0, words, (32, n)))
    test = numbers.integers(0, words, (64, n))
    assert (engine.run(logits, {ids: test}).argmax(-1) == test[:, ::-1]).mean() > 0.95


@pytest.mark.parametrize("name", ["rely", "located", "__name__"])
def test_an_unknown_activation_is_refused(name):
    with pytest.raises(ge.DeclarationError, match=f"no activation called '{name}'"):
        nn.TransformerEncoderLayer(6, 2, activation=name)
