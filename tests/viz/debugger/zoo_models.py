"""Planted faults in attention, normalisation, half precision, loops and losses. As in `zoo`."""

from __future__ import annotations

import numpy as np

import graph_engine as ge
from tests.viz.debugger.zoo import INF, fault, traced, trained
from tests.viz.debugger.zoo_more import FAULTS, noise

__all__ = ["FAULTS"]

nn = ge.nn


def parameter(name, value, dtype="float32"):
    return ge.parameter(name, np.asarray(value, dtype))


def pressed(x, w, number):
    """Return a linear layer whose bias is a number."""
    return nn.linear(x, parameter("w", w), parameter("b", np.full(len(w), number)))


# ---- attention -------------------------------------------------------------------------------------------------


@fault("softmax", "forward", "all of this row is -Inf")
def a_mask_that_was_fed_hides_a_row():
    q, mask = ge.input("q", (3, 4)), ge.input("mask", (3, 3))
    scores = q @ ge.permute_dims(q, (1, 0))
    p = nn.softmax(scores + mask)  # here
    hidden = np.where(np.eye(3)[1][:, None] > 0, -INF, np.zeros((3, 3)))
    return traced(ge.sum(ge.square(p @ q)), {q: noise(3, 4), mask: hidden}), None


@fault("masked_softmax", "backward", "the mask hides everything", of="zero")
def attention_that_sees_nothing():
    q, k, v = (ge.input(name, (2, 3, 4)) for name in "qkv")
    seen = ge.input("seen", (2, 3, 3), "bool")
    y = nn.scaled_dot_product_attention(q, k, v, attn_mask=seen)  # here
    feeds = {q: noise(2, 3, 4), k: noise(2, 3, 4), v: noise(2, 3, 4), seen: np.zeros((2, 3, 3), bool)}
    return traced(ge.sum(ge.square(y + 1)), feeds), "q"


@fault("masked_softmax", "backward", "the mask leaves one to be seen", of="zero")
def only_the_first_word_is_asked_for():
    q, k, v = (parameter(name, noise(1, 4, 4)) for name in "qkv")
    y = nn.scaled_dot_product_attention(q, k, v, is_causal=True)  # here
    return traced(ge.sum(ge.square(y[:, 0])), {}), "k"


@fault("softmax", "backward", "one takes all", of="zero")
def attention_without_a_scale():
    q, k = ge.input("q", (3, 64)), parameter("k", noise(3, 64) * 100)
    p = nn.softmax((q * 100) @ ge.permute_dims(k, (1, 0)))  # here
    return traced(ge.sum(p * np.arange(3, dtype="float32")), {q: noise(3, 64)[::-1]}), "k"


@fault("softmax", "backward", "over one element is always 1", of="zero")
def a_softmax_of_one_unit():
    x, w = ge.input("x", (5, 3)), parameter("w", noise(1, 3))
    p = nn.softmax(nn.linear(x, w))  # here
    return traced(ge.mean(ge.square(p - 0.5)), {x: noise(5, 3)}), "w"


@fault("softmax", "backward", "their sum is always the same; what is left is rounding", of="part")
def probabilities_that_are_summed():
    x, w = ge.input("x", (4, 8)), parameter("w", noise(8, 8))
    p = nn.softmax(nn.linear(x, w))  # here
    return traced(ge.sum(p), {x: noise(4, 8)}), "w"


@fault("logsumexp", "forward", "infinities that were declared or fed")
def the_logsumexp_of_a_masked_row():
    x, seen = ge.input("x", (2, 3)), ge.input("seen", (2, 3), "bool")
    masked = ge.where(seen, x, -INF)
    z = ge.logsumexp(masked, axis=1)  # here
    return traced(ge.sum(z), {x: noise(2, 3), seen: [[True] * 3, [False] * 3]}), None


@fault("softmax_cross_entropy", "forward", "infinities that were declared or fed")
def a_label_that_is_masked():
    x, seen, labels = ge.input("x", (2, 3)), ge.input("seen", (2, 3), "bool"), ge.input("labels", 2, "int64")
    scores = ge.where(seen, x, -INF)
    loss = nn.cross_entropy(scores, labels)  # here
    return traced(loss, {x: noise(2, 3), seen: [[True, False, True], [True] * 3], labels: [1, 0]}), None


# ---- normalisation ---------------------------------------------------------------------------------------------


@fault("standardize", "backward", "of one number", of="zero")
def groups_of_one_number():
    x, w = ge.input("x", (2, 3, 1, 1)), parameter("w", noise(4, 3, 1, 1))
    h = nn.group_norm(nn.conv2d(x, w), 4)  # here
    return traced(ge.mean(ge.square(h - 1)), {x: noise(2, 3, 1, 1)}), "w"


@fault("batch_norm", "backward", "the weight of batch_norm, g, is all zero", of="zero")
def a_normalisation_that_begins_at_zero():
    x, w, g, b = ge.input("x", (4, 8)), parameter("w", noise(8, 8)), parameter("g", [0] * 8), parameter("b", [1] * 8)
    h = nn.batch_norm(nn.linear(x, w), None, None, g, b, training=True)  # here
    return traced(ge.sum(ge.square(h)), {x: noise(4, 8)}), "w"


@fault("standardize", "backward", "their variance is more than float32 can hold", of="zero")
def a_normalisation_of_huge_numbers():
    x, w = ge.input("x", (2, 4)), parameter("w", np.eye(4) * 1e25)
    y = nn.layer_norm(nn.linear(x, w), (4,))  # here
    return traced(ge.sum(ge.square(y - 1)), {x: noise(2, 4)}), "w"


@fault("linear", "backward", "cancel; what is left is rounding", of="part")
def a_bias_before_a_batch_norm():
    x, w, b = ge.input("x", (8, 3)), parameter("w", noise(6, 3)), parameter("b", [0] * 6)
    h = nn.linear(x, w, b)  # here
    y = nn.Linear(6, 1, seed=0)(nn.relu(nn.batch_norm(h, None, None, training=True)))
    return traced(ge.mean(ge.square(y - 1)), {x: noise(8, 3)}), "b"


@fault("var", "forward", "the var of 1, with a correction of 1, divides by 0")
def the_variance_of_one_number():
    x = ge.input("x", (3, "n"))
    v = ge.var(x, axis=1, correction=1)  # here
    return traced(ge.sum(v), {x: noise(3, 1)}), None


@fault("std", "backward", "std of one number", of="zero")
def the_deviation_of_one_number():
    x, w = ge.input("x", (3, 1)), parameter("w", 2.0)
    s = ge.std(w * x, axis=1)  # here
    return traced(ge.sum(s), {x: noise(3, 1)}), "w"


# ---- half precision --------------------------------------------------------------------------------------------


@fault("divide", "forward", "from multiply")
def a_variance_that_half_precision_cannot_hold():
    x = ge.input("x", 4, "float16")
    c = x - ge.mean(x)
    v = ge.mean(c * c)
    z = c / ge.sqrt(v)  # here
    return traced(ge.astype(ge.sum(z), "float32"), {x: np.float16([1e-4, 0.9e-4, 1.1e-4, 1e-4])}), None


@fault("astype", "backward", "more than float16 can hold")
def a_loss_that_is_scaled_by_too_much():
    x, w = ge.input("x", (2, 3), "float16"), parameter("w", noise(4, 3), "float16")
    y = ge.square(nn.linear(x, w))
    wide = ge.astype(y, "float32")  # here
    return traced(ge.mean(wide) * 2.0**21, {x: np.float16(noise(2, 3))}), None


@fault("astype", "update", "is lost in rounding: float16", of="zero")
def a_parameter_that_is_too_coarse():
    x, w = ge.input("x", 2, "float16"), parameter("w", [100, 200], "float16")
    loss = ge.astype(ge.sum(x * w), "float32")
    return trained([x], loss, ge.optim.SGD(1e-3), np.float16([1, 2])), ("w", "update")


# ---- activations -----------------------------------------------------------------------------------------------


@fault("gelu", "backward", "saturated gelu", of="zero")
def gelu_far_below():
    x = ge.input("x", (4, 3))
    h = nn.gelu(pressed(x, np.ones((5, 3)), -60.0))  # here
    return traced(ge.sum(ge.square(h - 1)), {x: noise(4, 3)}), "w"


@fault("exp", "backward", "saturated exp", of="zero")
def a_kernel_that_is_far_away():
    x, centre = ge.input("x", (4, 3)), parameter("centre", [50, 50, 50])
    distance = ge.sum(ge.square(x - centre), axis=1)
    k = ge.exp(-distance)  # here
    return traced(ge.mean(k), {x: noise(4, 3)}), "centre"


@fault("leaky_relu", "backward", "its slope is 0", of="zero")
def a_leaky_relu_without_a_slope():
    x = ge.input("x", (4, 3))
    h = nn.leaky_relu(pressed(x, np.ones((5, 3)), -60.0), 0.0)  # here
    return traced(ge.sum(ge.square(h - 1)), {x: noise(4, 3)}), "w"


@fault("prelu", "backward", "acts below 0", of="zero")
def a_slope_that_is_never_used():
    x, slope = ge.input("x", (4, 3)), parameter("slope", [0.25])
    h = nn.prelu(ge.square(x) + 1, slope)  # here
    return traced(ge.sum(h), {x: noise(4, 3)}), "slope"


@fault("clip", "backward", "none is beyond this bound", of="zero")
def a_bound_that_is_never_reached():
    x, bound = ge.input("x", (4, 3)), parameter("bound", 10.0)
    h = ge.clip(x, -bound, bound)  # here
    return traced(ge.sum(ge.square(h)), {x: noise(4, 3)}), "bound"


@fault("relu", "backward", "the inputs of relu are 0, where its derivative is 0", of="zero")
def layers_that_begin_at_zero():
    x = ge.input("x", (4, 3))
    h = nn.relu(pressed(x, np.zeros((5, 3)), 0.0))  # here
    y = nn.linear(h, parameter("v", noise(1, 5)))
    return traced(ge.mean(ge.square(y - 1)), {x: noise(4, 3)}), "w"


@fault("relu", "backward", "which multiplies by it", of="zero")
def the_weights_after_dead_units():
    x, v = ge.input("x", (4, 3)), parameter("v", noise(1, 5))
    h = nn.relu(pressed(x, noise(5, 3), -90.0))  # here
    y = nn.linear(h, v)
    return traced(ge.mean(ge.square(y - 1)), {x: noise(4, 3)}), "v"


@fault("multiply", "backward", "gate (sigmoid of -120)", of="zero")
def a_gate_that_is_closed():
    x, memory = ge.input("x", (4, 2)), parameter("memory", np.ones((4, 2)))
    gate = nn.sigmoid(x)
    c = gate * memory  # here
    return traced(ge.mean(ge.square(c - 1)), {x: np.full((4, 2), -120.0)}), "memory"


# ---- losses, looked-up rows, products --------------------------------------------------------------------------


@fault("softmax_cross_entropy", "backward", "there is one class", of="zero")
def a_loss_of_one_class():
    x, w, labels = ge.input("x", (5, 3)), parameter("w", noise(1, 3)), ge.input("labels", 5, "int64")
    loss = nn.cross_entropy(nn.linear(x, w), labels)  # here
    return traced(loss, {x: noise(5, 3), labels: np.zeros(5, int)}), "w"


@fault("embedding", "backward", "is padding (0)", of="zero")
def nothing_but_padding():
    words, table = ge.input("words", (2, 3), "int64"), parameter("table", noise(5, 4))
    found = nn.embedding(words, table, padding_idx=0)  # here
    return traced(ge.mean(ge.square(found)), {words: np.zeros((2, 3), int)}), "table"


@fault("prod", "backward", "2 of the numbers are 0", of="zero")
def a_product_with_two_zeros():
    x, w = ge.input("x", 4), parameter("w", 1.0)
    p = ge.prod(w * x)  # here
    return traced(p, {x: [0, 0, 1, 2]}), "w"


@fault("avg_pool", "backward", "no window reaches it", of="part")
def windows_with_gaps():
    x = parameter("x", noise(1, 1, 9))
    y = nn.avg_pool1d(x, 2, stride=4)  # here
    return traced(ge.sum(ge.square(y)), {}), "x"


@fault("log", "forward", "from exp")
def a_logsumexp_by_hand():
    x = ge.input("x", 3)
    powers = ge.exp(x)
    z = ge.log(ge.sum(powers))  # here
    return traced(z, {x: [-200, -300, -400]}), None


@fault("stop_gradient", "backward", "detached on purpose", of="zero")
def all_of_it_is_detached():
    x, w = ge.input("x", (4, 3)), parameter("w", noise(5, 3))
    target = ge.stop_gradient(nn.linear(x, w))  # here
    return traced(ge.mean(ge.square(target - 1)), {x: noise(4, 3)}), ("w", "grad")


@fault("equal", "backward", "a comparison has no gradient", of="zero")
def accuracy_as_a_loss():
    x, w, t = ge.input("x", (4, 3)), parameter("w", noise(2, 3)), ge.input("t", (4, 2))
    hits = ge.equal(nn.linear(x, w), t)  # here
    return traced(-ge.mean(ge.astype(hits, "float32")), {x: noise(4, 3), t: noise(4, 2)}), ("w", "grad")


# ---- depth and time --------------------------------------------------------------------------------------------


@fault("sigmoid", "backward", "30 times sigmoid: × ", of="part")
def sigmoids_on_sigmoids():
    h = x = ge.input("x", (4, 8))
    weights = [parameter(f"w{i}", np.linalg.qr(noise(8, 8))[0]) for i in range(30)]
    for w in weights:
        h = nn.sigmoid(nn.linear(h, w))  # here
    return traced(ge.mean(h), {x: noise(4, 8)}), "w0"


@fault("sigmoid", "backward", "it shrank on its way: ", of="zero")
def gradients_that_vanish_altogether():
    h = x = ge.input("x", (4, 8))
    for i in range(80):
        h = nn.sigmoid(nn.linear(h, parameter(f"w{i}", 0.1 * np.eye(8))))  # here
    return traced(ge.mean(h), {x: noise(4, 8)}), "w0"


@fault("matmul", "backward", "40 times matmul: × 1.", of="part")
def a_recurrence_that_explodes():
    xs, w = ge.input("xs", (40, 1, 2)), parameter("w", 3 * np.eye(2))

    def body(h, x):
        h = x + h @ w  # here
        return h, None

    last, _ = ge.scan(body, np.zeros((1, 2), "float32"), xs)
    return traced(ge.sum(last), {xs: noise(40, 1, 2)}), "xs"
