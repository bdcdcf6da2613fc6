"""Resizing: what each mode does to numbers that one can check by hand, and that nothing else is touched."""

import numpy as np
import pytest

import graph_engine as ge
from graph_engine.primitives.resizing import Resize, resize_taps


def computed(engine, outputs, feeds=None):
    """Run on an engine and return NumPy arrays."""
    results = engine.run(outputs, feeds or {})
    to_numpy = engine.backend.to_numpy
    return [to_numpy(r) for r in results] if isinstance(results, (tuple, list)) else to_numpy(results)


@pytest.mark.parametrize(
    "mode, align, expected",
    [
        ("nearest", False, [0, 0, 8, 8]),
        ("linear", False, [0, 2, 6, 8]),
        ("linear", True, [0, 8 / 3, 16 / 3, 8]),
        ("area", False, [0, 0, 8, 8]),
    ],
)
def test_two_numbers_become_four(engine, mode, align, expected):
    np.testing.assert_allclose(computed(engine, Resize((4,), mode, align)(np.array([0.0, 8.0]))), expected, rtol=1e-14)


def test_nearest_rounds_down_and_nearest_exact_does_not(engine):
    x = np.arange(6.0)
    assert computed(engine, Resize((4,), "nearest")(x)).tolist() == [0, 1, 3, 4]
    assert computed(engine, Resize((4,), "nearest-exact")(x)).tolist() == [0, 2, 3, 5]


def test_an_area_is_the_mean_of_what_it_covers(engine):
    assert computed(engine, Resize((2,), "area")(np.array([1.0, 2.0, 6.0]))).tolist() == [1.5, 4]


def test_the_same_size_changes_nothing(engine):
    x = np.sin(np.arange(12.0)).reshape(3, 4)
    for mode in ("nearest", "nearest-exact", "linear", "area"):
        np.testing.assert_array_equal(computed(engine, Resize((3, 4), mode)(x)), x)


def test_infinity_is_not_spread_by_weights_of_zero(engine):
    x = ge.input("x", 3, "float64")
    assert computed(engine, Resize((5,), "linear", True)(x), {x: [np.inf, 1, 3]}).tolist() == [np.inf, np.inf, 1, 2, 3]
    gradient = ge.grad(ge.sum(Resize((2,), "area")(x) * [np.inf, 4]), x)
    assert computed(engine, gradient, {x: [1, 2, 3]}).tolist() == [np.inf, np.inf, 2]


def test_a_scale_that_is_not_the_quotient_of_the_sizes():
    assert resize_taps("nearest", 5, 6, False, 1.3).places.tolist() == [[0, 0, 1, 2, 3, 3]]
    assert resize_taps("nearest", 5, 6, False, None).places.tolist() == [[0, 0, 1, 2, 3, 4]]


def test_named_sizes(run):
    x = ge.input("x", ("n", "h", 4), "float64")
    loss = ge.sum(ge.square(Resize((5, 6), "linear")(x)))
    for height in (1, 3, 8):
        value = np.random.default_rng(1).standard_normal((2, height, 4))
        gradient = run(ge.grad(loss, x), {x: value})
        assert gradient.shape == value.shape
        np.testing.assert_allclose((gradient * value).sum(), 2 * run(loss, {x: value}), rtol=1e-12)


def test_notes_for_pictures():
    resized = Resize((8, 8), "linear", True)(ge.input("x", (1, 4, 4)))
    assert list(resized.operation.primitive.notes(resized.operation)) == ["4x4 -> 8x8", "linear, corners aligned"]
