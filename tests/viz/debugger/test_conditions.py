"""Conditions say what they mean, and nothing else is understood."""

import math

import numpy as np
import pytest

import graph_engine as ge
from graph_engine_viz.debugger.conditions import Condition
from graph_engine_viz.debugger.quantities import QUANTITIES, measure

SIDE = {"": {"rms": 0.5, "isnan": 0.0, "zeros": 0.95, "abs_max": 2e3, "mean": math.nan},
        "grad": {"rms": 1e-7}, "value": {"rms": 4.0}, "update": {"norm": 0.0}}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("isnan", False),
        ("not isnan", True),
        ("abs_max > 1e3", True),
        ("zeros > 0.9 and not isnan", True),
        ("rms < 0.1 or zeros >= 0.95", True),
        ("1e-8 < grad.rms < 1e-6", True),
        ("grad.rms / value.rms < 1e-6", True),
        ("-abs_max < -1999 and +rms == 0.5", True),
        ("value.rms * 2 - 8 != 0", False),
        ("abs_max < inf", True),
        ("rms / 0 == inf and -rms / 0 == -inf", True),
        ("update.norm == 0", True),
        ("mean", False),
        ("mean > 0 or mean <= 0", False),
        ("not (mean > 0)", True),
        ("0 / 0 == 0 or rms < 0", False),
        ("  rms>0.4  ", True),
        ("abs_max < 1" + "0" * 400, True),
    ],
)
def test_what_a_condition_means(text, holds):
    assert Condition.parse(text).holds(lambda side, quantity: SIDE[side][quantity]) is holds


SOME = [-math.inf, -2.0, -0.0, 0.0, 1e-300, 1.0, 3.0, 1e300, math.inf, math.nan]


@pytest.mark.parametrize(
    "text",
    ["rms", "not rms", "-rms", "rms > 1", "0 < rms <= 3 < inf", "rms / max < 1", "max / rms == inf", "rms - max",
     "rms * max > 1e308", "rms + max >= 0 and not max", "rms or max", "not (rms and max > rms)", "1 / rms > 0",
     "(rms > 0) + (max > 0) == 2", "(rms > 0) - (max > 0) < 0", "rms == nan or rms != rms", "max == 3 or 2",
     "-(rms < 1) / max != 0"],
)  # fmt: skip
def test_of_many_at_once_it_means_the_same_as_one_by_one(text):
    condition = Condition.parse(text)
    pairs = [{"rms": a, "max": b} for a in SOME for b in SOME]
    one_by_one = [condition.holds(lambda _, quantity, pair=pair: pair[quantity]) for pair in pairs]
    assert all(type(held) is bool for held in one_by_one)
    vectors = {name: np.array([pair[name] for pair in pairs]) for name in ("rms", "max")}
    assert condition.holding(lambda _, quantity: vectors[quantity]).tolist() == one_by_one


@pytest.mark.parametrize(
    "text",
    [
        "", "   ", None, 3, "1 < 2", "rms <", "x", "rms.value", "loss.rms", "rms(1)", "__import__('os').system('x')",
        "value.__class__", "value.rms.real", "rms if isnan else zeros", "lambda: rms", "[rms]", "rms[0]", "rms ** 9",
        "rms is zeros", "rms in (1, 2)", "'a' < rms", "True and rms", "rms & 1", "f'{rms}'", "(rms := 3)", "rms; rms",
        "rms\nrms", "not " * 200 + "rms", "(" * 90 + "rms" + ")" * 90 + "<" * 9, "rms < 1j", "~rms", "rms // 2",
        "rms % 2", "\0", "a" * 501,
    ],
)  # fmt: skip
def test_everything_else_is_refused(text):
    with pytest.raises(ge.DeclarationError):
        Condition.parse(text)


def test_an_error_names_the_part_and_what_there_is():
    with pytest.raises(ge.DeclarationError, match="'size'.*nothing that can be asked") as caught:
        Condition.parse("size > 3")
    assert "abs_max" in str(caught.value)
    with pytest.raises(ge.DeclarationError, match=r"'rms\(2\)' cannot stand in"):
        Condition.parse("rms(2) < 3")


ARRAYS = {
    "plain": np.array([[1.0, -2.0], [0.0, 4.0]]),
    "nan": np.array([1.0, np.nan, np.inf, 0.0]),
    "half": np.array([60000.0, -60000.0, 0.0], "float16"),
    "single": np.float32([[3.0]]),
    "integers": np.array([0, 3, -4]),
    "strided": np.arange(12.0).reshape(3, 4).T[::2],
    "0-d": np.array(-3.0),
}
WANTED = {
    "isnan": lambda x: np.isnan(x).any(),
    "isinf": lambda x: np.isinf(x).any(),
    "isfinite": lambda x: np.isfinite(x).all(),
    "nans": lambda x: np.isnan(x).mean(),
    "infs": lambda x: np.isinf(x).mean(),
    "zeros": lambda x: (x == 0).mean(),
    "min": np.min,
    "max": np.max,
    "abs_max": lambda x: np.max(np.abs(x)),
    "abs_min": lambda x: np.min(np.abs(x)),
    "mean": np.mean,
    "std": np.std,
    "rms": lambda x: np.sqrt(np.mean(x**2)),
    "norm": lambda x: np.linalg.norm(x.ravel()),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_quantities_are_numpys(name):
    array = ARRAYS[name]
    with np.errstate(all="ignore"):
        found = measure(np, array, list(QUANTITIES))
        wanted = {quantity: float(WANTED[quantity](array.astype("float64"))) for quantity in QUANTITIES}
    np.testing.assert_allclose(list(found.values()), list(wanted.values()), rtol=1e-6)


def test_of_a_tensor_without_elements_nothing_holds_but_that_it_is_finite():
    found = measure(np, np.zeros((0, 3)), list(QUANTITIES))
    assert found["isfinite"] == 1 and found["isnan"] == found["isinf"] == found["norm"] == 0
    assert all(math.isnan(found[name]) for name in ("rms", "max", "zeros", "mean"))
