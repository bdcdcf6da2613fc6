"""How numbers and tensors are told in few words."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_engine_viz.summary import BINS, exact, matrix_rows, short, summarize


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (-4, "-4"), (3.0, "3"), (np.float32(0.1), "0.1"), (np.float16(0.1), "0.1"), (1234567.0, "1.235e6"),
        (1e-9, "1e-9"), (math.nan, "NaN"), (math.inf, "Inf"), (-math.inf, "-Inf"), (True, "True"),
        (np.False_, "False"), (-0.0, "-0"), (2 / 3, "0.6667"), (12345.6, "1.235e4"), (999999, "999999"),
        (9_999_999, "1e7"), (-1_234_567, "-1.235e6"), (10**400, "1e400"), (np.uint8(255), "255"),
        (np.array(2.5), "2.5"), (1e308, "1e308"), (1 - 2.5j, "1-2.5i"),
    ],
)  # fmt: skip
def test_short(number, text):
    assert short(number) == text


@given(st.floats(width=32))
def test_exact_gives_the_number_back(number):
    scalar = np.float32(number)
    back = np.float32(exact(scalar))
    assert back.tobytes() == scalar.tobytes() or (np.isnan(back) and np.isnan(scalar))
    assert len(exact(scalar)) <= len(exact(np.float64(scalar)))


@given(st.floats() | st.integers())
def test_exact_gives_python_numbers_back(number):
    back = type(number)(exact(number))
    assert back == number or (math.isnan(back) and math.isnan(number))


@given(st.floats())
def test_short_is_short(number):
    assert len(short(number)) <= 11


def test_a_small_array_keeps_its_numbers_in_their_dtype():
    summary = summarize(np.array([[0.1, 0.2]], dtype="float32"))
    assert [exact(number) for number in summary.elements] == ["0.1", "0.2"]
    assert summary.text() == summary.text("gradient") == "[0.1, 0.2]"
    assert summarize(np.float32(3)).text() == "3"


def test_moments_and_extremes():
    array = np.random.default_rng(0).normal(2, 3, (300, 500)).astype("float32")
    summary = summarize(array)
    exactly = array.astype("float64")
    assert (summary.shape, summary.dtype, summary.size) == ((300, 500), "float32", 150_000)
    assert summary.mean == pytest.approx(exactly.mean())
    assert summary.std == pytest.approx(exactly.std())
    assert summary.rms == pytest.approx(np.sqrt((exactly**2).mean()))
    assert (summary.minimum, summary.maximum) == (array.min(), array.max())
    counts, _ = np.histogram(exactly, BINS)
    assert np.abs(np.array(summary.histogram.counts) - counts).sum() <= 4


@pytest.mark.parametrize("dtype", ["float16", "float64", "int8", "uint64", "bool", ">f4"])
def test_every_dtype_and_layout(dtype):
    array = (np.arange(60).reshape(6, 10) % 7).astype(dtype)[::2].T
    summary = summarize(array)
    assert summary.mean == pytest.approx(array.astype("float64").mean())
    assert summary.zeros == pytest.approx((array == 0).mean())
    assert sum(summary.histogram.counts) == summary.size == 30


def test_what_is_not_finite_is_counted_and_left_out():
    summary = summarize(np.array([1.0, 3.0, np.nan, np.inf, -np.inf, 2.0, 0.0, np.nan]))
    assert (summary.nans, summary.infs, summary.minimum, summary.maximum, summary.mean) == (2, 2, 0, 3, 1.5)
    assert summary.text("gradient") == "RMS 1.87  zeros 12 %\nNaN 2  Inf 2"
    nothing = summarize(np.full(9, np.nan))
    assert (nothing.nans, sum(nothing.histogram.counts)) == (9, 0)
    assert nothing.text() == "mean NaN std NaN\nNaN 9"


def test_constant_and_empty():
    same = summarize(np.full((3, 4), 2.5))
    assert (same.std, same.histogram.low, same.histogram.high) == (0, 2.5, 2.5)
    assert same.histogram.counts[BINS // 2] == 12
    empty = summarize(np.zeros((0, 3)))
    assert (empty.size, empty.elements, empty.zeros, empty.text()) == (0, (), 0.0, "[]")
    assert math.isnan(empty.mean)


@pytest.mark.parametrize("scale", [1e308, 1e-300, 5e-324, 1.0])
@pytest.mark.filterwarnings("error")
def test_the_largest_and_the_smallest_neither_overflow_nor_vanish(scale):
    summary = summarize(np.array([scale, -scale] * 10))
    assert summary.rms == pytest.approx(scale)
    assert summary.histogram.counts == (10, *[0] * (BINS - 2), 10)


def test_percentages_never_round_to_all_or_nothing():
    mostly = np.zeros(1000)
    mostly[3] = 1
    assert "zeros >99 %" in summarize(mostly).text()
    assert "zeros <1 %" in summarize(1 - mostly).text()
    assert "zeros" not in summarize(mostly + 1).text()


def test_a_big_array_needs_no_big_temporary():
    array = np.ones((2000, 1000), dtype="float32").T[::2]
    tracemalloc.start()
    summarize(array)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5_000_000 < array.size * 8


def test_matrix_rows():
    assert matrix_rows(np.array([[1, -20.5], [0.25, 3]], dtype="float32")) == (("   1", "-20.5"), ("0.25", "    3"))
    assert matrix_rows([1, 2, 3]) == (("1", "2", "3"),)
    assert matrix_rows(np.arange(6).reshape(1, 2, 3)) == (("0", "1", "2"), ("3", "4", "5"))
    assert matrix_rows([]) == ()
    with pytest.raises(ValueError, match="more than 6"):
        matrix_rows(np.zeros(7))
