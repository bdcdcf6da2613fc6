"""More planted faults: in loops, in parts of a tensor, behind normalisers, masks and updates. As in `zoo`."""

from __future__ import annotations

import numpy as np

import graph_engine as ge
from tests.viz.debugger.zoo import FAULTS, INF, fault, traced, trained

__all__ = ["FAULTS"]


def noise(*shape):
    return np.random.default_rng(1).normal(size=shape)


def looped(body, init, xs, result=1, **options):
    """Return the sum of what a scan gives."""
    return ge.sum(ge.scan(body, ge.constant(np.float32(init)), xs, **options)[result])


# ---- in a loop -------------------------------------------------------------------------------------------------


@fault("log", "forward", "the logarithm of 0")
def a_step_of_a_loop():
    xs = ge.input("xs", 6)

    def body(h, x):
        h = 0.5 * h + ge.log(x)  # here
        return h, h

    return traced(looped(body, 0.0, xs), {xs: [1, 2, 3, 0, 5, 6]}), None


@fault("divide", "forward", "0 / 0")
def a_loop_in_a_loop():
    rows = ge.input("rows", ("time", 4))

    def inner(h, x):
        h = h + x / x  # here
        return h, h

    def outer(c, row):
        total, _ = ge.scan(inner, 0.0, row)
        return c + total, total

    values = np.ones((3, 4))
    values[1, 2] = 0
    return traced(looped(outer, 0.0, rows, reverse=True), {rows: values}), None


@fault("sqrt", "backward", "infinite at 0")
def a_root_in_a_loop():
    xs, w = ge.input("xs", 5), ge.parameter("w", 1.0)

    def body(h, x):
        h = h * 0.5 + ge.sqrt(w * x)  # here
        return h, h

    return traced(looped(body, 0.0, xs), {xs: [1, 2, 0, 3, 4]}), "w"


@fault("multiply", "backward", "more than float32 can hold")
def gradients_that_explode_in_a_loop():
    xs, w = ge.input("xs", 60), ge.parameter("w", 30.0)

    def body(h, x):
        h = w * h + x  # here
        return h, h

    return traced(looped(body, 0.0, xs, result=0), {xs: np.zeros(60)}), "xs"


@fault("relu", "backward", "dead relu", of="zero")
def dead_in_a_loop():
    xs, w = ge.input("xs", (5, 2)), ge.parameter("w", np.eye(2, dtype="float32"))

    def body(h, x):
        h = ge.nn.relu(x @ w + h - 100)  # here
        return h, h

    return traced(looped(body, [0, 0], xs), {xs: noise(5, 2)}), "w"


@fault("stop_gradient", "backward", "detached on purpose", of="zero")
def detached_in_a_loop():
    xs, w = ge.input("xs", (5, 2)), ge.parameter("w", np.eye(2, dtype="float32"))

    def body(h, x):
        h = ge.stop_gradient(ge.tanh(x @ w + h))  # here
        return h, h

    return traced(looped(body, [0, 0], xs), {xs: noise(5, 2)}), "w"


# ---- normalisers, masks, products ------------------------------------------------------------------------------


@fault("batch_norm", "forward", "the variance of channel 1 is -1")
def a_variance_that_was_spoilt():
    x = ge.input("x", (3, 2))
    y = ge.nn.BatchNorm1d(2)(x)  # here
    engine, loss = ge.Engine("numpy"), ge.mean(ge.square(y))
    engine.compile([x], loss)
    engine.set_value(next(p for p in ge.Graph(loss).parameters if "var" in p.name), [1.0, -1.0])
    return engine.trace(loss, {x: noise(3, 2)}), None


@fault("standardize", "forward", "a division by 0: the variance is 0, and so is eps")
def a_normalisation_without_eps():
    x = ge.input("x", (2, 4))
    y = ge.nn.layer_norm(x, (4,), eps=0.0)  # here
    return traced(ge.sum(ge.square(y)), {x: [[1, 2, 3, 4], [2, 2, 2, 2]]}), None


@fault("log", "forward", "from prod")
def a_likelihood_as_a_product():
    x = ge.input("x", 400)
    likelihood = ge.prod(ge.nn.sigmoid(x))
    loss = -ge.log(likelihood)  # here
    return traced(loss, {x: noise(400) - 1}), None


@fault("divide", "forward", "from astype")
def an_eps_that_half_precision_cannot_hold():
    x, eps = ge.input("x", 3, "float16"), ge.input("eps")
    size = ge.sqrt(ge.sum(x * x)) + ge.astype(eps, "float16")
    y = x / size  # here
    return traced(ge.sum(y), {x: [0, 0, 0], eps: 1e-9}), None


@fault("subtract", "forward", "Inf - Inf")
def the_largest_of_a_masked_row():
    x, seen = ge.input("x", (2, 3)), ge.input("seen", (2, 3), "bool")
    masked = ge.where(seen, x, -INF)
    shifted = masked - ge.max(masked, axis=1, keepdims=True)  # here
    shown = np.array([[True, False, True], [False, False, False]])
    return traced(ge.sum(ge.exp(shifted)), {x: noise(2, 3), seen: shown}), None


# ---- gradients of zero, or zero in part ------------------------------------------------------------------------


@fault("relu", "backward", "dead units: relu gives 0 in all of [:, 4 to 9]", of="part")
def some_dead_units():
    x = ge.input("x", (5, 3))
    w = ge.parameter("w", np.concatenate([np.ones((4, 3)), -np.ones((6, 3))]).astype("float32"))
    h = ge.nn.relu(ge.nn.linear(x, w))  # here
    y = ge.nn.Linear(10, 1, seed=0)(h)
    return traced(ge.mean(ge.square(y)), {x: np.abs(noise(5, 3))}), "w"


@fault("relu", "backward", "so that it gives nothing but 0", of="zero")
def dead_before_a_normalisation():
    x, w = ge.input("x", (4, 3)), ge.parameter("w", noise(5, 3).astype("float32"))
    h = ge.nn.relu(ge.nn.linear(x, w) - 50)  # here
    with ge.nn.training():
        y = ge.nn.relu(ge.nn.BatchNorm1d(5)(h))
    return traced(ge.mean(ge.square(y + 1)), {x: noise(4, 3)}), "w"


@fault("max", "backward", "never chose", of="zero")
def the_smaller_one_of_a_stack():
    a, b = ge.input("a", 4), ge.parameter("b", np.full(4, -5, "float32"))
    both = ge.stack([a, b * 1])
    y = ge.max(both, axis=0)  # here
    return traced(ge.sum(y), {a: noise(4)}), "b"


@fault("add", "backward", "cancel", of="zero")
def a_bias_that_is_subtracted_again():
    x, b = ge.input("x", 4), ge.parameter("b", 1.0)
    y = x + b  # here
    centred = y - ge.mean(y)
    return traced(ge.sum(centred * np.float32([1, 2, 3, 4])), {x: noise(4)}), "b"


@fault("astype", "backward", "is too small for float16", of="zero")
def a_gradient_that_half_precision_cannot_hold():
    x, w = ge.input("x", (3, 2), "float16"), ge.parameter("w", np.ones((1, 2), "float16"))
    y = ge.nn.linear(x, w)
    wide = ge.astype(y, "float32")  # here
    return traced(ge.mean(wide) * 1e-9, {x: noise(3, 2)}), "w"


# ---- updates that change nothing -------------------------------------------------------------------------------


@fault("multiply", "update", "multiply of what is 0", of="zero")
def a_learning_rate_of_zero():
    x, w = ge.input("x", 2), ge.parameter("w", [1.0, 2.0])
    return trained([x], ge.sum(ge.square(x * w)), ge.optim.SGD(0.0), [1, 2]), ("w", "update")


@fault("subtract", "update", "is lost in rounding", of="zero")
def an_update_that_is_too_small():
    x, w = ge.input("x", 2), ge.parameter("w", [1e4, 2e4])
    return trained([x], ge.sum(x * w), ge.optim.SGD(1e-6), [1, 2]), ("w", "update")
