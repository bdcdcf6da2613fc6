"""Max unpooling, interpolation and pixel shuffle against PyTorch; what is refused."""

from functools import partial

import numpy as np
import pytest

import graph_engine as ge
from graph_engine import nn

rng = np.random.default_rng(8)
LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}


def run(outputs, feeds=None):
    return ge.Engine("numpy").run(outputs, feeds or {})


@pytest.fixture
def functional():
    return pytest.importorskip("torch").nn.functional


def compare(functional, ours, theirs, *arrays):
    """Compare value and gradients, of first and second order, with PyTorch in float64."""
    import torch

    inputs = [ge.input(f"x{i}", a.shape, "float64") for i, a in enumerate(arrays)]
    tensors = [torch.tensor(a, requires_grad=True) for a in arrays]
    result, expected = ours(*inputs), theirs(*tensors)
    slopes = ge.grad(ge.sum(ge.square(result) * result), inputs)
    expected_slopes = torch.autograd.grad((expected**3).sum(), tensors, create_graph=True)
    seconds = ge.grad(sum(ge.sum(ge.square(s)) for s in slopes), inputs)
    expected_seconds = torch.autograd.grad(sum(s.square().sum() for s in expected_slopes), tensors)
    got = run([result, *slopes, *seconds], dict(zip(inputs, arrays, strict=True)))
    for value, tensor in zip(got, [expected, *expected_slopes, *expected_seconds], strict=True):
        assert value.shape == tuple(tensor.shape)
        np.testing.assert_allclose(value, tensor.detach(), rtol=1e-9, atol=1e-11)


# ---- interpolation ---------------------------------------------------------------------------------------------


@pytest.mark.torch
@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("mode", ["nearest", "nearest-exact", "area", "linear", "corners"])
def test_interpolation_against_torch(functional, n, mode):
    options = {"mode": LINEAR[n] if mode in ("linear", "corners") else mode}
    if mode in ("linear", "corners"):
        options["align_corners"] = mode == "corners"
    for _ in range(6):
        sizes, wanted = rng.integers(1, 7, n), tuple(map(int, rng.integers(1, 10, n)))
        factors = tuple(_growing(size) for size in sizes)
        x = rng.standard_normal((2, 2, *sizes))
        for chosen in (
            {"size": wanted}, {"scale_factor": factors}, {"scale_factor": factors, "recompute_scale_factor": True}
        ):  # fmt: skip
            compare(functional, *(partial(f.interpolate, **options, **chosen) for f in (nn, functional)), x)


def _growing(size):
    """A factor that does not give the same size or twice the size.

    There, with a factor that is not whole, PyTorch's gradient of nearest is not that of its value.
    """
    factors = [round(float(f), 2) for f in rng.uniform(0.5, 4, 100)]
    return next(f for f in factors if int(size * f) not in (0, size, 2 * size))


@pytest.mark.torch
@pytest.mark.parametrize("mode", ["nearest", "nearest-exact", "linear"])
def test_a_factor_is_used_as_it_was_given(functional, mode):
    import torch

    for size in range(1, 11):
        x = rng.standard_normal((1, 1, size))
        for factor in np.arange(1, 3, 0.07).round(2).tolist():
            expected = functional.interpolate(torch.tensor(x), scale_factor=factor, mode=mode)
            got = run(nn.interpolate(x, scale_factor=factor, mode=mode))
            np.testing.assert_allclose(got, expected, rtol=1e-9, err_msg=f"{size} by {factor}")


@pytest.mark.torch
def test_the_nearest_pixel_of_images_that_keep_or_double_their_size(like_torch, functional):
    for factor in (1.2, 2.1, (1.3, 2.05)):
        x = rng.standard_normal((1, 2, 3, 4))
        like_torch(*(partial(f.interpolate, scale_factor=factor) for f in (nn, functional)), x)


@pytest.mark.torch
@pytest.mark.parametrize("mode", ["nearest", "nearest-exact"])
def test_the_nearest_is_pytorch_s_for_all_sizes(functional, mode):
    import torch

    for size in range(1, 24):
        x = np.arange(size, dtype="float32").reshape(1, 1, size)
        for wanted in range(1, 40):
            got = nn.interpolate(x, wanted, mode=mode).operation.primitive.maps((size,))[0].places[0]
            expected = functional.interpolate(torch.tensor(x), wanted, mode=mode)
            np.testing.assert_array_equal(got, expected[0, 0], err_msg=f"{size} -> {wanted}")


def test_a_named_batch_and_named_sizes():
    x = ge.input("x", ("batch", 2, "h", "w"), "float64")
    up = nn.interpolate(x, scale_factor=2, mode="bilinear")
    assert up.shape == ("batch", 2, "2*h", "2*w")
    value = rng.standard_normal((3, 2, 4, 5))
    assert run(ge.grad(ge.sum(ge.square(up)), x), {x: value}).shape == value.shape
    with pytest.raises(ge.ShapeError, match="only by whole numbers"):
        nn.interpolate(x, scale_factor=1.5)


@pytest.mark.parametrize(
    "options, what",
    [
        ({}, "size or scale_factor"),
        ({"size": 4, "scale_factor": 2}, "size or scale_factor"),
        ({"size": 4, "mode": "bicubic"}, "mode is one of"),
        ({"size": 4, "mode": "linear"}, "'linear' takes 1 dimensions"),
        ({"size": 4, "align_corners": True}, "align_corners is for"),
        ({"size": 4, "mode": "bilinear", "antialias": True}, "no antialiased interpolation"),
        ({"size": 4, "recompute_scale_factor": True}, "says nothing beside size"),
        ({"size": (4, 4, 4)}, "3 numbers for 2 dimensions"),
        ({"size": 0}, "sizes are 1 or more"),
        ({"scale_factor": -1}, "above 0"),
        ({"scale_factor": 0.1}, "sizes are 1 or more"),
    ],
)
def test_what_interpolation_refuses(options, what):
    with pytest.raises(ge.GraphEngineError, match=what):
        nn.interpolate(ge.input("x", (1, 1, 3, 3)), **options)


@pytest.mark.torch
def test_layers_against_torch():
    torch = pytest.importorskip("torch")
    x = rng.standard_normal((2, 8, 3, 4))
    for name, arguments in {
        "Upsample": ((5, 6),), "UpsamplingNearest2d": (None, 2), "UpsamplingBilinear2d": (None, 2),
        "PixelShuffle": (2,),
    }.items():  # fmt: skip
        ours, theirs = getattr(nn, name)(*arguments), getattr(torch.nn, name)(*arguments)
        np.testing.assert_allclose(run(ours(x)), theirs(torch.tensor(x)), rtol=1e-12)
    up = nn.Upsample(scale_factor=1.5, mode="bilinear", align_corners=True)
    theirs = torch.nn.Upsample(scale_factor=1.5, mode="bilinear", align_corners=True)
    np.testing.assert_allclose(run(up(x)), theirs(torch.tensor(x)), rtol=1e-12)


# ---- max unpooling ---------------------------------------------------------------------------------------------


@pytest.mark.torch
@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("kernel, stride, padding, size", [(2, None, 0, 6), (2, 2, 0, 7), (2, 3, 1, 8), (3, 3, 1, 5)])
def test_max_unpooling_against_torch(functional, n, kernel, stride, padding, size):
    names = f"max_pool{n}d", f"max_unpool{n}d"
    x = rng.standard_normal((2, 2, *(size,) * n))

    def there_and_back(f):
        pool, unpool = (getattr(f, name) for name in names)

        def both(v):
            largest, places = pool(v, kernel, stride, padding, return_indices=True)
            return unpool(largest, places, kernel, stride, padding, output_size=(size,) * n)

        return both

    compare(functional, there_and_back(nn), there_and_back(functional), x)


def test_an_unpooling_layer_takes_the_whole_shape():
    x = ge.input("x", ("batch", 3, 7, 7))
    pool, unpool = nn.MaxPool2d(2, return_indices=True), nn.MaxUnpool2d(2)
    assert unpool(*pool(x)).shape == ("batch", 3, 6, 6)
    assert unpool(*pool(x), output_size=x.shape).shape == ("batch", 3, 7, 7)


def test_overlapping_windows_put_a_value_back_once():
    x = ge.input("x", (1, 3), "float64")
    largest, places = nn.max_pool1d(x, 2, 1, return_indices=True)
    back = nn.max_unpool1d(largest, places, 2, 1)
    value, gradient = run([back, ge.grad(ge.sum(back), x)], {x: [[1, 5, 2]]})
    assert value.tolist() == [[0, 5, 0]] and gradient.tolist() == [[0, 1, 0]]


def test_what_unpooling_refuses():
    x, places = ge.input("x", (1, 2, 2)), ge.input("places", (1, 2, 2), "int64")
    with pytest.raises(ge.ShapeError, match="less than a stride"):
        nn.max_unpool2d(x, places, 2, output_size=(6, 4))
    with pytest.raises(ge.DeclarationError, match="output_size has 2 numbers"):
        nn.max_unpool2d(x, places, 2, output_size=(4,))
    with pytest.raises(ge.DTypeError, match="places are integers"):
        nn.max_unpool2d(x, x, 2)
    with pytest.raises(ge.ShapeError, match=r"(?s)nothing is left of it: \(3, -1\).*give output_size"):
        nn.max_unpool2d(x, places, 2, (1, 1), (0, 2))


# ---- pixel shuffle ---------------------------------------------------------------------------------------------


@pytest.mark.torch
def test_pixel_shuffle_against_torch(functional):
    x = rng.standard_normal((2, 18, 2, 3))
    compare(functional, lambda v: nn.pixel_shuffle(v, 3), lambda t: functional.pixel_shuffle(t, 3), x)
    x = rng.standard_normal((2, 2, 4, 6))
    compare(functional, lambda v: nn.pixel_unshuffle(v, 2), lambda t: functional.pixel_unshuffle(t, 2), x)


def test_what_pixel_shuffle_refuses():
    with pytest.raises(ge.ShapeError, match="6 channels cannot be divided by 4"):
        nn.pixel_shuffle(ge.input("x", (6, 2, 2)), 2)
    with pytest.raises(ge.ShapeError, match="5 columns cannot be divided by 2"):
        nn.pixel_unshuffle(ge.input("x", (3, 4, 5)), 2)
