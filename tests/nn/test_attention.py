"""Attention against PyTorch in float64: masks of both kinds, heads, named lengths, rows that see nothing."""

import re

import numpy as np
import pytest

import graph_engine as ge
from graph_engine import nn

pytestmark = pytest.mark.filterwarnings("ignore::graph_engine.UnusedVariableWarning")
random = np.random.default_rng(6)


def normal(*shape):
    return random.normal(size=shape)


def bools(*shape):
    mask = random.uniform(size=shape) < 0.6
    mask[..., 0] = True  # everybody sees somebody
    return mask


# ---- scaled dot product ----------------------------------------------------------------------------------------

SHAPES = [((3, 4), (5, 4), (5, 2)), ((2, 3, 4), (2, 5, 4), (2, 5, 4)), ((2, 3, 2, 4), (2, 3, 6, 4), (2, 3, 6, 3))]


@pytest.mark.torch
@pytest.mark.parametrize("kind", ["none", "bool", "float", "causal", "scale"])
@pytest.mark.parametrize("shapes", SHAPES)
def test_scaled_dot_product_attention(like_torch, shapes, kind):
    import torch

    size = (shapes[0][-2], shapes[1][-2])
    options = {
        "none": {}, "bool": {"attn_mask": bools(*size)}, "float": {"attn_mask": normal(*size)},
        "causal": {"is_causal": True}, "scale": {"scale": 0.3},
    }[kind]  # fmt: skip
    theirs = {k: torch.tensor(v) if isinstance(v, np.ndarray) else v for k, v in options.items()}
    like_torch(
        lambda q, k, v: nn.scaled_dot_product_attention(q, k, v, **options),
        lambda q, k, v: torch.nn.functional.scaled_dot_product_attention(q, k, v, **theirs),
        *(normal(*shape) for shape in shapes),
    )  # fmt: skip


@pytest.mark.torch
def test_a_learned_bias_of_the_scores(like_torch):
    import torch.nn.functional as F

    like_torch(
        lambda q, k, b: nn.scaled_dot_product_attention(q, k, k, b),
        lambda q, k, b: F.scaled_dot_product_attention(q, k, k, b),
        normal(2, 3, 4), normal(2, 5, 4), normal(3, 5),
    )  # fmt: skip


@pytest.mark.torch
@pytest.mark.parametrize("kind", ["bool", "float"])
def test_a_query_that_sees_nothing_gets_zeros(like_torch, kind):
    import torch

    mask = bools(3, 5)
    mask[1] = False
    mask = mask if kind == "bool" else np.where(mask, 0.0, -np.inf)
    like_torch(
        lambda q, k: nn.scaled_dot_product_attention(q, k, k, mask),
        lambda q, k: torch.nn.functional.scaled_dot_product_attention(q, k, k, torch.tensor(mask)),
        normal(2, 3, 4), normal(2, 5, 4),
    )  # fmt: skip


def test_what_is_hidden_may_hold_anything(run):
    q, k = ge.constant(normal(2, 4)), normal(3, 4)
    spoiled = np.array([*k[:2], [np.nan] * 4])
    seen = np.array([True, True, False])
    weights = [nn.scaled_dot_product_attention(q, keys, np.eye(3), seen) for keys in (k, spoiled)]
    np.testing.assert_array_equal(*run(weights))


def test_named_lengths_and_masks(run):
    q, k = ge.input("q", ("batch", "n", 4)), ge.input("k", ("batch", "m", 4))
    mask = ge.input("mask", ("n", "m"), "bool")
    output = nn.scaled_dot_product_attention(q, k, k, mask, is_causal=True)
    assert output.shape == ("batch", "n", 4)
    values = {q: normal(2, 3, 4), k: normal(2, 5, 4), mask: bools(3, 5)}
    fixed = [ge.input(v.name, value.shape, v.dtype) for v, value in values.items()]
    again = nn.scaled_dot_product_attention(fixed[0], fixed[1], fixed[1], fixed[2], is_causal=True)
    np.testing.assert_array_equal(run(output, values), run(again, dict(zip(fixed, values.values(), strict=True))))


def test_no_place_looks_ahead(run):
    x = ge.input("x", ("n", 4), "float64")
    y = nn.scaled_dot_product_attention(x, x, x, is_causal=True)
    slope = run(ge.grad(ge.sum(y[2]), x), {x: normal(6, 4)})
    assert (slope[:3] != 0).all() and (slope[3:] == 0).all()


def test_the_picture_reads_scores_and_weights():
    q = ge.input("q", ("n", 4))
    y = nn.scaled_dot_product_attention(q, q, q, is_causal=True)
    names = [ge.Graph(y).name_of(op.outputs[0]) for op in ge.Graph(y).operations]
    assert set(names) >= {"causal_mask", "scores", "weights", "y"}
    assert [op.primitive.name for op in ge.Graph(y).operations].count("masked_softmax") == 1


def test_dropped_weights(run):
    q = ge.constant(normal(3, 4))
    y = nn.scaled_dot_product_attention(q, q, np.eye(3), dropout_p=0.5, random_key=ge.random.key(2))
    weights = run(nn.scaled_dot_product_attention(q, q, np.eye(3)))
    np.testing.assert_allclose(run(y)[run(y) != 0], 2 * weights[run(y) != 0])
    with pytest.raises(ge.DeclarationError, match="random_key|training"):
        nn.scaled_dot_product_attention(q, q, q, dropout_p=0.5)


# ---- several heads ---------------------------------------------------------------------------------------------


@pytest.mark.torch
@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kdim", [None, 5])
@pytest.mark.parametrize("average", [True, False])
def test_multihead_attention(layer_like_torch, batch_first, bias, kdim, average):
    import torch

    options = {"bias": bias, "batch_first": batch_first, "kdim": kdim, "vdim": kdim and 3}
    ours = nn.MultiheadAttention(8, 2, **options, dtype="float64")
    theirs = torch.nn.MultiheadAttention(8, 2, **options, dtype=torch.float64)
    arrays = [normal(3, 4, 8), normal(3, 4, kdim or 8), normal(3, 4, 3 if kdim else 8)]
    layer_like_torch(ours, theirs, *arrays, call=lambda layer, *qkv: layer(*qkv, average_attn_weights=average))


def masks_of(padding, attention):
    hidden = ~bools(2, 5) if padding else None
    score = ~bools(3, 5) if attention else None
    numbers = {"float": (-1.5, 0.3), "infinite": (-np.inf, 0.0)}
    pairs = ((padding, hidden), (attention, score))
    return [np.where(mask, *numbers[kind]) if kind in numbers else mask for kind, mask in pairs]


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore:Support for mismatched")
@pytest.mark.parametrize("attention", [None, "bool", "float", "infinite"])
@pytest.mark.parametrize("padding", [None, "bool", "float"])
def test_masks_of_several_heads(layer_like_torch, padding, attention):
    import torch

    padding, attention = masks_of(padding, attention)
    ours = nn.MultiheadAttention(4, 2, batch_first=True, dtype="float64")
    theirs = torch.nn.MultiheadAttention(4, 2, batch_first=True, dtype=torch.float64)

    def call(layer, q, k):
        wrap = torch.tensor if layer is theirs else (lambda m: m)
        key_padding, attn = (None if m is None else wrap(m) for m in (padding, attention))
        return layer(q, k, k, key_padding_mask=key_padding, attn_mask=attn)

    layer_like_torch(ours, theirs, normal(2, 3, 4), normal(2, 5, 4), call=call)


@pytest.mark.torch
def test_a_mask_for_each_head_and_no_batch(layer_like_torch):
    import torch

    mask = ~bools(2, 3, 5)
    ours, theirs = nn.MultiheadAttention(4, 2, dtype="float64"), torch.nn.MultiheadAttention(4, 2, dtype=torch.float64)

    def call(layer, q, k):
        return layer(q, k, k, attn_mask=torch.tensor(mask) if layer is theirs else mask, need_weights=False)

    layer_like_torch(ours, theirs, normal(3, 4), normal(5, 4), call=call)


def test_heads_of_named_batches_and_lengths(run):
    attention = nn.MultiheadAttention(8, 4, batch_first=True)
    x, padding = ge.input("x", ("batch", "n", 8)), ge.input("padding", ("batch", "n"), "bool")
    output, weights = attention(x, x, x, padding, is_causal=True)
    assert output.shape == ("batch", "n", 8) and weights.shape == ("batch", "n", "n")
    hidden = np.array([[False, False, True], [False, True, True]])
    got = run(weights, {x: normal(2, 3, 8), padding: hidden})
    np.testing.assert_allclose(got.sum(-1), 1, rtol=1e-6)
    assert (got[np.broadcast_to(hidden[:, None], got.shape)] == 0).all() and (np.triu(got, 1) == 0).all()


def test_the_output_may_be_a_loss_of_a_compiled_step():
    attention, x = nn.MultiheadAttention(4, 2, 0.5), ge.input("x", ("n", "batch", 4))
    with nn.training() as mode:
        output, _ = attention(x, x, x, need_weights=False)
        loss = ge.mean(ge.square(output))
    step = ge.Engine("numpy").compile([x], loss, updates=ge.optim.SGD(0.1).minimize(loss) | mode.updates)
    values = normal(3, 2, 4)
    assert len({float(step(values)) for _ in range(4)}) == 4


def test_operations_stand_in_scopes():
    attention, x = nn.MultiheadAttention(4, 2), ge.input("x", ("n", "batch", 4))
    output, weights = attention(x, x, x)
    scopes = {op.scope for op in ge.Graph(output, weights).operations}
    assert scopes == {("attention",), ("attention", "heads"), ("attention", "out_proj")}


Q = np.ones((2, 3, 4), "float32")
REFUSED = [
    (lambda: nn.scaled_dot_product_attention(Q, Q[..., :3], Q), ge.ShapeError, "do not go together"),
    (lambda: nn.scaled_dot_product_attention(Q, Q, Q[:, :2]), ge.ShapeError, "do not go together"),
    (lambda: nn.scaled_dot_product_attention(Q, Q, Q, np.ones((4, 4), bool)), ge.ShapeError, "mask of shape"),
    (lambda: nn.MultiheadAttention(5, 2), ge.DeclarationError, "not divided evenly among 2 heads"),
    (lambda: nn.MultiheadAttention(6, 2)(Q, Q, Q), ge.ShapeError, "query of 6 features"),
    (lambda: nn.MultiheadAttention(4, 2)(Q, Q[0], Q[0]), ge.ShapeError, "takes a key"),
    (lambda: nn.MultiheadAttention(4, 2)(Q, Q, Q, np.ones((7, 2), bool)), ge.ShapeError, r"mask of shape \(7, 2\)"),
]


@pytest.mark.parametrize(("declare", "error", "message"), REFUSED)
def test_refused(declare, error, message):
    with pytest.raises(error) as caught:
        declare()
    assert re.search(message, caught.value.message)
    assert "test_attention.py" in str(caught.value)


def test_a_causal_mask_is_what_its_name_says(engine):
    mask = nn.causal_mask(3, 5)
    np.testing.assert_array_equal(engine.run(mask), np.tri(3, 5, dtype=bool))
