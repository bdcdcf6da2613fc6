"""Runs with a planted fault each. The line at which it arises ends in `# here`.

Every function returns a trace, what is asked about, and what the answer must name: the primitive, the pass, and a part
of the cause.
"""

from __future__ import annotations

import numpy as np

import graph_engine as ge

NAN, INF = np.nan, np.inf
FAULTS = {}


def fault(primitive, phase, cause, of=None):
    """Register a planted fault."""

    def register(function):
        FAULTS[function.__name__] = (function, primitive, phase, cause, of)
        return function

    return register


def traced(loss, feeds, **options):
    return ge.Engine("numpy").trace(loss, feeds, **options)


def trained(inputs, loss, optimizer, *batch, before=lambda engine, step: None):
    """Return the trace of one training step."""
    engine = ge.Engine("numpy")
    step = engine.compile(inputs, loss, updates=optimizer.minimize(loss))
    before(engine, step)
    return step.trace(*batch)


# ---- NaN and Inf, forward --------------------------------------------------------------------------------------


@fault("log", "forward", "the logarithm of 0")
def log_of_zero():
    p = ge.input("p", 4)
    y = ge.log(p)  # here
    return traced(-ge.sum(y * 0.25), {p: [0.5, 0.25, 0, 0.25]}), None


@fault("log", "forward", "the logarithm of a negative number, -0.5")
def log_of_a_negative_number():
    x = ge.input("x", 3)
    shifted = x - 1
    y = ge.log(shifted)  # here
    return traced(ge.mean(y), {x: [2, 0.5, 3]}), "mean"


@fault("log", "forward", "is too small for float32")
def log_of_a_softmax_that_underflows():
    x = ge.input("x", 3)
    p = ge.nn.softmax(x)
    y = ge.log(p)  # here
    return traced(-y[2], {x: [0, 50, -150]}), None


@fault("log1p", "forward", "logarithm of 0")
def log1p_of_minus_one():
    x = ge.input("x", 2)
    y = ge.log1p(-x)  # here
    return traced(ge.sum(y), {x: [0.5, 1.0]}), "y"


@fault("sqrt", "forward", "the root of a negative number")
def deviation_from_a_difference_of_means():
    x = ge.input("x", 4)
    var = ge.mean(x * x) - ge.mean(x) ** 2
    std = ge.sqrt(var - 1e-3)  # here
    return traced(std * 2, {x: [7.1, 7.1, 7.1, 7.1]}), None


@fault("exp", "forward", "exp(100) is more than float32 can hold")
def softmax_by_hand():
    x = ge.input("x", 3)
    e = ge.exp(x)  # here
    p = e / ge.sum(e)
    return traced(ge.sum(ge.square(p)), {x: [1, 100, 2]}), "p"


@fault("divide", "forward", "0 / 0")
def normaliser_of_nothing():
    x = ge.input("x", (2, 3))
    total = ge.sum(x, axis=1, keepdims=True)
    share = x / total  # here
    return traced(ge.sum(share), {x: [[1, 2, 3], [0, 0, 0]]}), None


@fault("divide", "forward", "3 divided by 0")
def division_by_zero():
    x, n = ge.input("x"), ge.input("n")
    mean = x / n  # here
    return traced(mean, {x: 3, n: 0}), "mean"


@fault("divide", "forward", "0 / 0")
def normalisation_of_equal_numbers():
    x = ge.input("x", 4)
    centred = x - ge.mean(x)
    z = centred / ge.sqrt(ge.mean(centred**2))  # here
    return traced(ge.sum(z), {x: [2, 2, 2, 2]}), "z"


@fault("reciprocal", "forward", "1 divided by 0")
def reciprocal_of_zero():
    x = ge.input("x", 2)
    y = ge.reciprocal(x)  # here
    return traced(ge.sum(y), {x: [1, 0]}), None


@fault("pow", "forward", "to a power that is not whole, 1.5")
def root_as_a_power():
    x = ge.input("x", 2)
    y = x**1.5  # here
    return traced(ge.sum(y), {x: [4, -1]}), None


@fault("pow", "forward", "0 to the power of -2")
def negative_power_of_zero():
    x = ge.input("x", 2)
    y = ge.pow(x, -2.0)  # here
    return traced(ge.sum(y), {x: [4, 0]}), None


@fault("square", "forward", "more than float32 can hold")
def numbers_that_grow():
    x = ge.input("x", 2)
    h = ge.square(x)
    h = ge.square(h)
    y = ge.square(h)  # here
    return traced(ge.sum(y), {x: [1e6, 1]}), None


@fault("matmul", "forward", "more than float32 can hold")
def a_product_that_overflows():
    a, b = ge.input("a", (2, 2)), ge.input("b", (2, 2))
    y = a @ b  # here
    return traced(ge.sum(y * 0), {a: [[1e30, 1e30], [0, 1]], b: [[1e30, 0], [1, 1]]}), None


@fault("multiply", "forward", "more than float16 can hold: at most 65504")
def half_precision_overflows():
    x = ge.input("x", 3, "float16")
    y = x * x  # here
    return traced(ge.sum(y), {x: np.float16([1, 300, 2])}), "y"


@fault("divide", "forward", "is too small for float16")
def half_precision_underflows():
    x = ge.input("x", 2, "float16")
    small = x * x
    y = x / small  # here
    return traced(ge.sum(y), {x: np.float16([1, 1e-4])}), None


@fault("astype", "forward", "more than float16 can hold")
def a_conversion_that_overflows():
    x = ge.input("x", 2)
    y = ge.astype(x, "float16")  # here
    return traced(ge.sum(y), {x: [1, 1e5]}), None


@fault("softmax", "forward", "softmax over infinities")
def a_row_that_is_masked_whole():
    scores, seen = ge.input("scores", (2, 2)), ge.input("seen", (2, 2), "bool")
    masked = ge.where(seen, scores, -INF)
    p = ge.nn.softmax(masked)  # here
    return traced(ge.sum(p[0]), {scores: np.ones((2, 2)), seen: [[True, True], [False, False]]}), "p"


@fault("subtract", "forward", "Inf - Inf")
def a_difference_of_declared_infinities():
    x = ge.input("x", 2)
    y = (x + INF) - ge.constant(np.float32(INF))  # here
    return traced(ge.sum(y), {x: [1, 2]}), None


@fault(None, "given", "the data hold NaN")
def data_with_a_hole():
    x = ge.input("x", (3, 2))  # here
    net = ge.nn.Sequential(ge.nn.Linear(2, 4, seed=0), ge.nn.Tanh(), ge.nn.Linear(4, 1, seed=1))
    return traced(ge.mean(ge.square(net(x))), {x: [[1, 2], [3, NAN], [5, 6]]}), "mean"


@fault(None, "given", "the parameter already was NaN")
def a_parameter_that_was_broken_before():
    x = ge.input("x", 2)
    w = ge.parameter("w", [1.0, 2.0])  # here
    loss = ge.sum(ge.square(x * w))

    def spoil(engine, step):
        engine.set_value(w, [1.0, NAN])

    return trained([x], loss, ge.optim.SGD(0.1), [1, 2], before=spoil), "loss"


# ---- finite forward, not backward ------------------------------------------------------------------------------


@fault("sqrt", "backward", "the derivative of sqrt is infinite at 0")
def root_at_zero():
    x = ge.input("x", 3)
    y = ge.sqrt(x)  # here
    return traced(ge.sum(y), {x: [4, 0, 1]}), "x"


@fault("sqrt", "backward", "the derivative of sqrt is infinite at 0")
def a_distance_of_nothing():
    a, b = ge.input("a", 2), ge.input("b", 2)
    squared = ge.sum(ge.square(a - b))
    distance = ge.sqrt(squared)  # here
    return traced(distance, {a: [1, 2], b: [1, 2]}), "a"


@fault("pow", "backward", "the derivative of this power is infinite at 0")
def a_power_at_zero():
    x = ge.input("x", 2)
    y = x**0.3  # here
    return traced(ge.sum(y), {x: [4, 0]}), "x"


@fault("log", "backward", "`where`")
def where_does_not_protect_the_logarithm():
    x = ge.input("x", 3)
    logs = ge.log(x)  # here
    y = ge.where(x > 0, logs, 0)
    return traced(ge.sum(y), {x: [1, 0, 2]}), "x"


@fault("sqrt", "backward", "`where`")
def where_does_not_protect_the_root():
    x = ge.input("x", 3)
    roots = ge.sqrt(x)  # here
    y = ge.where(x > 0, roots, 0)
    return traced(ge.sum(y), {x: [1, 0, 2]}), "x"


@fault("divide", "backward", "`where`")
def where_does_not_protect_the_division():
    x = ge.input("x", 3)
    inverse = 1 / x  # here
    y = ge.where(ge.not_equal(x, 0), inverse, 0)
    return traced(ge.sum(y), {x: [1, 0, 2]}), "x"


@fault("multiply", "backward", "more than float16 can hold")
def a_gradient_that_overflows_half_precision():
    x = ge.input("x", 2, "float16")
    scaled = x * np.float16(1000)  # here
    y = ge.sum(scaled * np.float16(1000))
    return traced(y * np.float16(0.001) * np.float16(1000), {x: np.float16([1e-4, 1e-4])}), "x"


# ---- update ----------------------------------------------------------------------------------------------------


@fault("sqrt", "update", "the root of a negative number")
def adams_root():
    x = ge.input("x", 2)
    w = ge.parameter("w", [1.0, 2.0])
    loss = ge.sum(ge.square(x * w))

    def spoil(engine, step):
        state = next(p for p in step.parameters if p.name.endswith("exp_avg_sq") or "square" in p.name)
        engine.set_value(state, [-1.0, 1.0])

    optimizer = ge.optim.Adam(0.1)  # here
    return trained([x], loss, optimizer, [0, 1], before=spoil), ("w", "update")


# ---- gradients of zero -----------------------------------------------------------------------------------------


@fault("relu", "backward", "dead relu", of="zero")
def dead_relu():
    x = ge.input("x", (3, 2))
    w = ge.parameter("w", np.ones((2, 4), "float32"))
    a = x @ w - 100
    h = ge.nn.relu(a)  # here
    return traced(ge.sum(h * 2), {x: np.ones((3, 2))}), "w"


@fault("sigmoid", "backward", "saturated sigmoid", of="zero")
def saturated_sigmoid():
    x = ge.input("x", 2)
    w = ge.parameter("w", 500.0)
    y = ge.nn.sigmoid(w * x)  # here
    return traced(ge.sum(y), {x: [1, 2]}), "w"


@fault("tanh", "backward", "saturated tanh", of="zero")
def saturated_tanh():
    x = ge.input("x", 2)
    y = ge.tanh(x * 100)  # here
    return traced(ge.sum(y), {x: [1, -2]}), "x"


@fault("stop_gradient", "backward", "detached on purpose", of="zero")
def a_detached_path():
    x = ge.input("x", 2)
    w = ge.parameter("w", [1.0, 2.0])
    h = ge.stop_gradient(w * x)  # here
    return traced(ge.sum(h * x), {x: [1, -2]}), "w"


@fault("where", "backward", "does not take this branch", of="zero")
def a_branch_that_is_never_taken():
    x = ge.input("x", 2)
    w = ge.parameter("w", 3.0)
    y = ge.where(x > 10, w * x, x)  # here
    return traced(ge.sum(y), {x: [1, 2]}), "w"


@fault("multiply", "backward", "by what is all zero: mask", of="zero")
def a_mask_that_is_all_zero():
    x, mask = ge.input("x", 3), ge.input("mask", 3)
    w = ge.parameter("w", 2.0)
    y = (w * x) * mask  # here
    return traced(ge.sum(y), {x: [1, 2, 3], mask: [0, 0, 0]}), "w"


@fault("linear", "backward", "by what is all zero", of="zero")
def weights_that_begin_at_zero():
    x = ge.input("x", (2, 3))
    w1 = ge.parameter("w1", np.ones((4, 3), "float32"))
    w2 = ge.parameter("w2", np.zeros((1, 4), "float32"))
    h = ge.tanh(ge.nn.linear(x, w1) * 0.01)
    y = ge.nn.linear(h, w2)  # here
    return traced(ge.sum(y), {x: np.ones((2, 3))}), "w1"


@fault("sign", "backward", "derivative of sign is 0", of="zero")
def a_sign_in_the_way():
    x = ge.input("x", 3)
    y = ge.sign(x)  # here
    return traced(ge.sum(y * x * 0 + y), {x: [1, 2, 3]}), "x"


@fault("clip", "backward", "outside of its bounds", of="zero")
def clipped_away():
    x = ge.input("x", 3)
    w = ge.parameter("w", 10.0)
    y = ge.clip(w * x, -1, 1)  # here
    return traced(ge.sum(y), {x: [1, 2, 3]}), "w"


@fault("maximum", "backward", "never chose this input", of="zero")
def never_the_larger_one():
    x = ge.input("x", 3)
    w = ge.parameter("w", -10.0)
    y = ge.maximum(w * x, x)  # here
    return traced(ge.sum(y), {x: [1, 2, 3]}), "w"


@fault("std", "backward", "all the same", of="zero")
def deviation_of_equal_numbers():
    x = ge.input("x", 3)
    s = ge.std(x)  # here
    return traced(s, {x: [5, 5, 5]}), "x"


@fault("index", "backward", "picked none of the elements", of="zero")
def never_picked():
    x = ge.input("x", 2)
    w = ge.parameter("w", [1.0, 2.0])
    both = ge.concat([x * 1, w * 1])
    y = both[:2]  # here
    return traced(ge.sum(y), {x: [1, 2]}), "w"


@fault("greater", "backward", "a comparison has no gradient", of="zero")
def a_comparison_in_the_way():
    x = ge.input("x", 3)
    w = ge.parameter("w", 1.0)
    above = x > w  # here
    return traced(ge.sum(ge.where(above, x, 0)), {x: [0, 1, 2]}), "w"
