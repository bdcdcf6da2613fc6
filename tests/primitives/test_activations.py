"""Activations as primitives: the error function, what holds at kinks and jumps, half precision; values checked."""

import numpy as np
import pytest

import graph_engine as ge
from graph_engine import nn
from graph_engine.primitives.checks import checked


def value_and_slope(function, x, dtype="float64"):
    """Return the values of a function of an array, and its derivatives."""
    v = ge.input("v", np.shape(x), dtype)
    y = function(v)
    return ge.Engine("numpy").run([y, ge.grad(ge.sum(y), v)], {v: np.asarray(x, dtype)})


def test_the_error_function_is_exact_to_the_rounding():
    scipy = pytest.importorskip("scipy.special")
    x = np.concatenate([np.linspace(-7, 7, 40001), [0.46875, 4.0, 6.0, -0.46875, 1e-300, np.inf, -np.inf]])
    error = np.abs(ge.Engine("numpy").run(ge.erf(x)) - scipy.erf(x))
    assert (error <= 6 * np.spacing(np.abs(scipy.erf(x)))).all()


def test_the_error_function_keeps_nan():
    assert np.isnan(ge.Engine("numpy").run(ge.erf(np.nan)))


@pytest.mark.parametrize("function, value, slope", [
    (nn.relu, 0, 0), (nn.leaky_relu, 0, 0.01), (lambda x: nn.leaky_relu(x, 0.1), 0, 0.1),
    (lambda x: nn.prelu(x, 0.25), 0, 0.25), (nn.elu, 0, 1), (lambda x: nn.elu(x, 0.7), 0, 0.7),
    (nn.selu, 0, 1.0507009873554805 * 1.6732632423543772), (nn.relu6, 0, 0), (nn.softsign, 0, 1),
    (nn.sign, 0, 0), (lambda x: nn.sign(x, -1), -1, 0), (lambda x: nn.sign(x, at_zero=1), 1, 0),
    (lambda x: nn.heaviside(x, 0), 0, 0), (lambda x: nn.heaviside(x, 0.5), 0.5, 0),
    (lambda x: nn.heaviside(x, 1), 1, 0),
])  # fmt: skip
def test_what_holds_at_zero(function, value, slope):
    assert value_and_slope(function, 0.0) == (value, pytest.approx(slope, rel=1e-15))


@pytest.mark.parametrize("function, bounds", [(nn.hardtanh, (-1, 1)), (nn.relu6, (0, 6)),
                                              (lambda x: nn.hardtanh(x, -2, 0.5), (-2, 0.5))])  # fmt: skip
def test_hardtanh_has_no_slope_at_its_bounds(function, bounds):
    values, slopes = value_and_slope(function, [bounds[0], sum(bounds) / 2, bounds[1]])
    assert values.tolist() == [bounds[0], sum(bounds) / 2, bounds[1]] and slopes.tolist() == [0, 1, 0]


@pytest.mark.parametrize("function", [nn.sign, lambda x: nn.sign(x, at_zero=-1), lambda x: nn.heaviside(x, 1)])
def test_steps_have_no_slope_anywhere_and_keep_nan(function):
    values, slopes = value_and_slope(function, [-2.0, -1e-30, 0.0, 1e-30, 2.0])
    assert not slopes.any() and values[0] == values[1] and values[3] == values[4] == 1
    assert np.isnan(value_and_slope(function, np.nan)[0])


@pytest.mark.parametrize("function, low, high", [
    (nn.softplus, 0, 6e4), (nn.logsigmoid, -6e4, 0), (nn.gelu, 0, 6e4), (lambda x: nn.gelu(x, "tanh"), 0, 6e4),
    (nn.silu, 0, 6e4), (nn.elu, -1, 6e4), (nn.softsign, -1, 1), (nn.hardtanh, -1, 1),
])  # fmt: skip
def test_half_precision_does_not_overflow(function, low, high):
    values, slopes = value_and_slope(function, [-6e4, 6e4], "float16")
    np.testing.assert_allclose(values.astype("float64"), [low, high], rtol=1e-3)
    assert np.isfinite(slopes).all()


def test_bounds_that_are_no_interval_are_refused():
    with pytest.raises(ge.DeclarationError, match="no interval"):
        nn.hardtanh(ge.input("x"), 1, -1)


# ---- values checked on their way -------------------------------------------------------------------------------

RULES = [
    ("labels", [0, 3], "label 3 is out of range: 0 to 2"),
    ("labels", [-1, 0], "label -1 is out of range"),
    ("signs", [1.0, 0.0], "0 is neither -1 nor"),
    ("probabilities", [0.5, 1.5], "1.5 is no probability"),
    ("probabilities", [np.nan, 0.5], "nan is no probability"),
    ("distributions", [0.5, 0.4], "0.9 is the sum"),
    ("distributions", [1.5, -0.5], "-0.5 is negative"),
    ("not negative", [1.0, -2.0], "-2 is negative"),
]


@pytest.mark.parametrize("rule, wrong, message", RULES)
def test_a_checked_value_is_refused_by_its_guard(rule, wrong, message):
    wrong = np.asarray(wrong)
    v = ge.input("v", wrong.shape, wrong.dtype.name)
    y = checked(v, rule, classes=3)
    with pytest.raises(ge.GuardError, match=message):
        ge.Engine("numpy").trace(y, {v: wrong})
    with pytest.raises(ge.GuardError, match=message):
        ge.Engine("numpy").compile([v], y, guards="values")(wrong)


@pytest.mark.parametrize("rule, wrong, message", RULES)
def test_a_constant_is_checked_where_it_is_declared(rule, wrong, message):
    with pytest.raises(ge.DeclarationError, match=message):
        checked(ge.constant(np.asarray(wrong)), rule, classes=3)


def test_a_checked_value_passes_unchanged_and_costs_nothing_without_guards():
    v = ge.input("v", 2)
    assert ge.Engine("numpy").compile([v], checked(v, "signs"))([5, 7]).tolist() == [5, 7]
    good = ge.constant(np.array([1.0, -1.0]))
    assert checked(good, "signs") is good
