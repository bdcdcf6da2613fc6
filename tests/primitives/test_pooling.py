"""Pooling: how many windows, ties, NaN, padding; against PyTorch over random configurations."""

import numpy as np
import pytest

import graph_engine as ge
from graph_engine.primitives.pooling import AvgPool, MaxPool, MaxPoolPlaces, MaxUnpool
from graph_engine.primitives.pooling.taps import Taps, transposed
from graph_engine.primitives.pooling.windows import AdaptiveWindows, Windows


def configurations(count, dilated, seed):
    """Random pooling of 1, 2 or 3 dimensions, such that a window fits."""
    random = np.random.default_rng(seed)
    found = []
    while len(found) < count:
        n = int(random.integers(1, 4))
        sizes = tuple(map(int, random.integers(1, 9 - n, n)))
        kernel, stride = (tuple(map(int, random.integers(1, 4, n))) for _ in range(2))
        padding = tuple(int(random.integers(0, k // 2 + 1)) for k in kernel)
        dilation = tuple(map(int, random.integers(1, 3 if dilated else 2, n)))
        ceil = bool(random.integers(2))
        rules = [Windows(*numbers, ceil) for numbers in zip(kernel, stride, padding, dilation, strict=True)]
        if all(rule.number(size) > 0 for rule, size in zip(rules, sizes, strict=True)) and seen(rules, sizes):
            found.append((sizes, kernel, stride, padding, dilation, ceil))
    return found


def seen(rules, sizes):
    """Whether no window lies in the padding alone."""
    places = [rule.places(size) for rule, size in zip(rules, sizes, strict=True)]
    return all(((p >= 0) & (p < size)).any(axis=0).all() for p, size in zip(places, sizes, strict=True))


MAX = configurations(60, True, seed=1)
AVG = [c for c in configurations(80, False, seed=2) if len(c[0]) < 3 or min(np.subtract(c[0], c[1])) >= 0]
# PyTorch's avg_pool3d refuses windows that are larger than the image without its padding


def image(sizes, seed=0):
    return np.random.default_rng(seed).standard_normal((2, 2, *sizes))


def computed(engine, outputs, feeds=None):
    """Run on an engine and return NumPy arrays."""
    results = engine.run(outputs, feeds or {})
    to_numpy = engine.backend.to_numpy
    return [to_numpy(r) for r in results] if isinstance(results, (tuple, list)) else to_numpy(results)


# ---- against PyTorch -------------------------------------------------------------------------------------------


@pytest.mark.torch
@pytest.mark.parametrize("sizes, kernel, stride, padding, dilation, ceil", MAX)
def test_max_pool_against_torch(like_torch, sizes, kernel, stride, padding, dilation, ceil):
    import torch

    pool = getattr(torch.nn.functional, f"max_pool{len(sizes)}d")
    like_torch(
        lambda x: ge.square(MaxPool(kernel, stride, padding, dilation, ceil)(x)),
        lambda x: pool(x, kernel, stride, padding, dilation, ceil).square(),
        image(sizes),
    )


@pytest.mark.torch
@pytest.mark.parametrize("sizes, kernel, stride, padding, dilation, ceil", MAX)
def test_places_of_maxima_against_torch_with_ties_and_nan(run, sizes, kernel, stride, padding, dilation, ceil):
    torch = pytest.importorskip("torch")
    pool = getattr(torch.nn.functional, f"max_pool{len(sizes)}d")
    x = np.random.default_rng(3).integers(-1, 2, (2, 2, *sizes)).astype(float)
    x[x < 0] = -np.inf
    x[0][np.random.default_rng(4).random(x[0].shape) < 0.1] = np.nan
    expected = pool(torch.tensor(x), kernel, stride, padding, dilation, ceil, return_indices=True)
    windows = kernel, stride, padding, dilation, ceil
    got = run([MaxPool(*windows)(x), MaxPoolPlaces(*windows)(x)])
    for ours, theirs in zip(got, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs.numpy())


@pytest.mark.torch
@pytest.mark.parametrize("include", [True, False])
@pytest.mark.parametrize("sizes, kernel, stride, padding, dilation, ceil", AVG)
def test_avg_pool_against_torch(like_torch, sizes, kernel, stride, padding, dilation, ceil, include):
    import torch

    n = len(sizes)
    pool = getattr(torch.nn.functional, f"avg_pool{n}d")
    override = None if n == 1 or sizes[0] % 3 else 5
    extra = () if n == 1 else (override,)
    like_torch(
        lambda x: ge.square(AvgPool(kernel, stride, padding, ceil, include, override)(x)),
        lambda x: pool(x, kernel, stride, padding, ceil, include, *extra).square(),
        image(sizes),
    )


@pytest.mark.torch
@pytest.mark.parametrize("dtype, tolerance", [("float32", 1e-6), ("float16", 2e-3)])
def test_average_of_other_precisions(run, dtype, tolerance):
    torch = pytest.importorskip("torch")
    x = image((9, 9)).astype(dtype)
    expected = torch.nn.functional.avg_pool2d(torch.tensor(x).double(), 3, 2, 1)
    np.testing.assert_allclose(run(AvgPool((3, 3), (2, 2), (1, 1))(x)), expected, rtol=tolerance, atol=tolerance)


def test_half_precision_averages_accumulate_in_single_precision(run):
    x = np.ones((1, 1, 64, 64), "float16") * 100  # the sum, 409600, is beyond float16
    assert run(AvgPool((64, 64), (64, 64))(x)).item() == 100


# ---- what holds at ties, NaN, padding --------------------------------------------------------------------------


def test_of_tied_ones_the_first_has_the_whole_gradient(engine):
    x = ge.input("x", (2, 2))
    gradient = ge.grad(ge.sum(MaxPool()(x)), x)
    assert computed(engine, gradient, {x: [[1, 3], [3, 3]]}).tolist() == [[0, 1], [0, 0]]
    overlapping = ge.grad(ge.sum(MaxPool((2, 1), (1, 1))(ge.reshape(x, (4, 1)))), x)
    assert computed(engine, overlapping, {x: [[3, 3], [3, 3]]}).tolist() == [[1, 1], [1, 0]]


def test_padding_never_wins(engine):
    lowest = np.iinfo("int8").min
    for x in (np.full((2, 2), -np.inf), np.full((2, 2), lowest, "int8")):
        value, places = computed(engine, [kind((2, 2), (2, 2), (1, 1))(x) for kind in (MaxPool, MaxPoolPlaces)])
        np.testing.assert_array_equal(value, x)
        np.testing.assert_array_equal(places, [[0, 1], [2, 3]])


def test_nan_wins(engine):
    x = np.array([[1.0, np.nan], [np.nan, 2.0]])
    value, place = computed(engine, [MaxPool()(x), MaxPoolPlaces()(x)])
    assert np.isnan(value).all() and place.tolist() == [[2]]


def test_beyond_the_padding_nothing_counts_in_an_average(run):
    x = np.ones((1, 5))
    assert run(AvgPool((1, 2), (1, 2), (0, 0), True)(x)).tolist() == [[1, 1, 1]]
    assert run(AvgPool((1, 2), (1, 2), (0, 1), False)(x)).tolist() == [[0.5, 1, 1]]
    assert run(AvgPool((1, 2), (1, 2), (0, 1), False, False)(x)).tolist() == [[1, 1, 1]]
    assert run(AvgPool((1, 2), (1, 2), divisor_override=4)(x)).tolist() == [[0.5, 0.5]]


def test_infinity_stays_in_its_windows(engine):
    x = ge.input("x", (2, 4), "float64")
    pooled = AvgPool()(x)
    values = np.array([[np.inf, 1, 1, 1], [1.0, 1, 1, 1]])
    assert computed(engine, pooled, {x: values}).tolist() == [[np.inf, 1]]
    gradient = ge.grad(ge.sum(pooled * [[np.inf, 4]]), x)
    assert computed(engine, gradient, {x: values}).tolist() == [[np.inf, np.inf, 1, 1]] * 2


# ---- sizes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", range(1, 12))
@pytest.mark.parametrize("kernel, stride, padding, dilation", [(2, 2, 0, 1), (3, 2, 1, 1), (2, 3, 1, 1), (3, 1, 1, 2)])
def test_windows_are_counted_one_by_one(size, kernel, stride, padding, dilation):
    reach = dilation * (kernel - 1)
    whole = [s for s in range(-padding, size + padding, stride) if s + reach < size + padding]
    assert max(Windows(kernel, stride, padding, dilation).number(size), 0) == len(whole)
    if whole:
        following = whole[-1] + stride
        more = following < size and whole[-1] + reach < size + padding - 1
        assert Windows(kernel, stride, padding, dilation, True).number(size) == len(whole) + more


def test_named_sizes(run):
    x = ge.input("x", ("n", 3, "h", "w"))
    pooled = MaxPool((3, 2), (2, 2), (1, 0), (1, 1), True)(x)
    assert pooled.shape == ("n", 3, "h//2 + 1", "(w - 1)//2 + 1")
    loss = ge.grad(ge.sum(ge.square(AvgPool()(pooled))), x)
    for shape in ((2, 3, 6, 6), (1, 3, 9, 5)):
        assert run(loss, {x: np.ones(shape, "float32")}).shape == shape


def test_no_samples(run):
    x = ge.input("x", ("n", 3, 4, 4))
    outputs = [pool(x) for pool in (MaxPool(), MaxPoolPlaces(), AvgPool())]
    gradients = [ge.grad(ge.sum(outputs[i]), x) for i in (0, 2)]
    shapes = [r.shape for r in run([*outputs, *gradients], {x: np.zeros((0, 3, 4, 4))})]
    assert shapes == [(0, 3, 2, 2)] * 3 + [(0, 3, 4, 4)] * 2


def test_a_window_that_does_not_fit_is_refused_with_the_arithmetic():
    with pytest.raises(ge.ShapeError, match=r"dimension of size 2: ⌊\(2 - 3\)/2⌋ \+ 1 = 0"):
        MaxPool((3, 3), (2, 2))(ge.input("x", (1, 1, 2, 5)))
    with pytest.raises(ge.ShapeError, match="more than half of the window"):
        AvgPool((3, 3), (1, 1), (2, 2))(ge.input("x", (1, 1, 5, 5)))


def test_arithmetic_is_written_out():
    assert Windows(2, 2).arithmetic(28) == "(28 - 2)/2 + 1 = 14"
    assert Windows(3, 1).arithmetic(28) == "(28 - 3) + 1 = 26"
    assert Windows(3, 2, 1, 2).arithmetic(28) == "⌊(28 + 2*1 - 2*(3 - 1) - 1)/2⌋ + 1 = 13"
    assert Windows(2, 2, 0, 1, True).arithmetic(5) == "⌈(5 - 2)/2⌉ + 1 = 3"
    assert Windows(2, 3, 1, 1, True).arithmetic(5) == "⌈(5 + 2*1 - 2)/3⌉ + 1 - 1 = 2"


def test_notes_for_pictures():
    pooled = MaxPool((3, 3), (2, 2), (1, 1))(ge.input("x", ("n", 3, 28, 28)))
    assert list(pooled.operation.primitive.notes(pooled.operation)) == [
        "3x3, stride 2, padding 1", "⌊(28 + 2*1 - 3)/2⌋ + 1 = 14",
    ]  # fmt: skip


def test_adaptive_windows_cover_everything():
    places = AdaptiveWindows(3).inside(7)
    assert [sorted(set(column)) for column in places.T.tolist()] == [[0, 1, 2], [2, 3, 4], [4, 5, 6]]


def test_a_transposed_map_is_the_transposed_matrix():
    random = np.random.default_rng(5)
    taps = Taps(random.integers(0, 4, (3, 6)), random.integers(0, 3, (3, 6)).astype(float))

    def matrix(t, inputs):
        result = np.zeros((t.places.shape[1], inputs))
        for places, weights in zip(*t, strict=True):
            result[np.arange(len(places)), places] += weights
        return result

    np.testing.assert_array_equal(matrix(transposed(taps, 4), 6), matrix(taps, 4).T)


# ---- unpooling -------------------------------------------------------------------------------------------------


def test_of_repeated_places_the_last_value_stands_and_has_the_gradient(engine):
    x, places = ge.input("x", (2, 2)), ge.constant([[3, 1], [3, 3]])
    result = MaxUnpool((2, 2))(x, places)
    gradient = ge.grad(ge.sum(result * [[1, 2], [3, 4]]), x)
    value, slope = computed(engine, [result, gradient], {x: [[1, 2], [5, 7]]})
    assert value.tolist() == [[0, 2], [0, 7]] and slope.tolist() == [[0, 2], [0, 4]]


def test_not_finite_values_stay_where_they_are_placed(engine):
    result = computed(engine, MaxUnpool((3,))(np.array([np.inf, np.nan]), np.array([2, 0])))
    np.testing.assert_array_equal(result, [np.nan, 0, np.inf])


@pytest.mark.parametrize("place", [-1, 4])
def test_places_out_of_range_are_refused(engine, place):
    x, places = ge.input("x", 2), ge.input("places", 2, "int64")
    with pytest.raises(ge.GraphEngineError, match=f"index {place} is out of range: 0 to 3"):
        engine.trace(MaxUnpool((4,))(x, places), {x: [1, 2], places: [0, place]})
