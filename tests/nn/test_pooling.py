"""Pooling functions and layers: arguments as in PyTorch, adaptive, Lp and softmax pooling, what is refused."""

import numpy as np
import pytest

import graph_engine as ge
from graph_engine import nn

rng = np.random.default_rng(6)
NAMES = "LHWD"


def run(outputs, feeds=None):
    return ge.Engine("numpy").run(outputs, feeds or {})


@pytest.fixture
def like_torch():
    """Compare a function of ours with PyTorch's of the same name and arguments: value and gradient."""
    torch = pytest.importorskip("torch")

    def compare(name, shape, *arguments, tolerance=1e-9, **options):
        value = rng.standard_normal(shape)
        x, t = ge.input("x", shape, "float64"), torch.tensor(value, requires_grad=True)
        expected = getattr(torch.nn.functional, name)(t, *arguments, **options)
        expected.square().sum().backward()
        ours = getattr(nn, name)(x, *arguments, **options)
        got, gradient = run([ours, ge.grad(ge.sum(ge.square(ours)), x)], {x: value})
        assert got.shape == ours.shape == tuple(expected.shape)
        np.testing.assert_allclose(got, expected.detach(), rtol=tolerance, atol=1e-11)
        np.testing.assert_allclose(gradient, t.grad, rtol=tolerance, atol=1e-11)

    return compare


@pytest.mark.torch
@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("batch", [(), (2,)])
def test_functions_take_pytorch_s_arguments(like_torch, n, batch):
    shape = (*batch, 3, *(9, 8, 7)[:n])
    like_torch(f"max_pool{n}d", shape, 2)
    like_torch(f"max_pool{n}d", shape, 3, 2, 1, 2, True)
    like_torch(f"avg_pool{n}d", shape, 3, 2, 1, True, False)
    like_torch(f"avg_pool{n}d", shape, (3,) * n, stride=1)
    like_torch(f"lp_pool{n}d", shape, 2, 3, stride=2, ceil_mode=True)
    like_torch(f"lp_pool{n}d", shape, 4.0, 2)


@pytest.mark.torch
@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("kind", ["avg", "max"])
def test_adaptive_pooling_against_torch(like_torch, kind, n):
    for wanted in (1, 2, 3, 5, 9):
        sizes = tuple(int(size) for size in rng.integers(1, 10, n))
        like_torch(f"adaptive_{kind}_pool{n}d", (2, 2, *sizes), wanted)
    if n > 1:
        like_torch(f"adaptive_{kind}_pool{n}d", (2, 7, *(5, 6)[: n - 1]), (*(2,) * (n - 1), None))


@pytest.mark.torch
@pytest.mark.parametrize("n", [1, 2, 3])
def test_indices_are_pytorch_s(n):
    torch = pytest.importorskip("torch")
    x = rng.integers(0, 3, (2, 2, *(7,) * n)).astype(float)
    for name, arguments in ((f"max_pool{n}d", (3, 2, 1)), (f"adaptive_max_pool{n}d", (3,))):
        ours = run(getattr(nn, name)(x, *arguments, return_indices=True))
        theirs = getattr(torch.nn.functional, name)(torch.tensor(x), *arguments, return_indices=True)
        for got, expected in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(got, expected)


@pytest.mark.torch
@pytest.mark.parametrize("name", ["MaxPool", "AvgPool", "AdaptiveAvgPool", "AdaptiveMaxPool", "LPPool"])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_layers_against_torch(name, n):
    torch = pytest.importorskip("torch")
    arguments = {"LPPool": (2, 3, 2, True), "MaxPool": (3, 2, 1, 1, False, True), "AvgPool": (3, 2, 1, True, False)}
    x = rng.standard_normal((2, 3, *(7,) * n))
    ours = getattr(nn, f"{name}{n}d")(*arguments.get(name, (2,)))
    theirs = getattr(torch.nn, f"{name}{n}d")(*arguments.get(name, (2,)))
    np.testing.assert_allclose(run(ours(x)), theirs(torch.tensor(x)), rtol=1e-12)
    assert not ours.parameters()


def test_lp_pooling_of_zeros_has_a_gradient_of_zero():
    x = ge.input("x", (1, 1, 4), "float64")
    norms = nn.lp_pool1d(x, 2, 2)
    value, gradient = run([norms, ge.grad(ge.sum(norms), x)], {x: [[[0, 0, 3, 4]]]})
    np.testing.assert_allclose(value, [[[0, 5]]], rtol=1e-15)
    np.testing.assert_allclose(gradient, [[[0, 0, 0.6, 0.8]]], rtol=1e-15)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_softmax_pooling_is_a_weighted_mean(n):
    x = rng.standard_normal((2, 3, *(4,) * n))
    cut = x.reshape(2, 3, *(2, 2) * n)
    windows = cut.transpose(0, 1, *range(2, 2 + 2 * n, 2), *range(3, 3 + 2 * n, 2)).reshape(2, 3, *(2,) * n, -1)
    weights = np.exp(windows) / np.exp(windows).sum(-1, keepdims=True)
    pool = getattr(nn, f"SoftmaxPool{n}d")(2)
    np.testing.assert_allclose(run(pool(x)), (weights * windows).sum(-1), rtol=1e-12)


def test_softmax_pooling_lies_between_the_mean_and_the_largest():
    x = rng.standard_normal((1, 2, 5, 5))
    mean, largest, little, much = run([
        nn.avg_pool2d(x, 3, 2), nn.max_pool2d(x, 3, 2),
        nn.softmax_pool2d(x, 3, 2, beta=0), nn.softmax_pool2d(x, 3, 2, beta=1e4),
    ])  # fmt: skip
    np.testing.assert_allclose(little, mean, rtol=1e-12)
    np.testing.assert_allclose(much, largest, rtol=1e-12)


def test_softmax_pooling_has_derivatives():
    x = ge.input("x", (1, 5, 4), "float64")
    feeds = {x: rng.standard_normal((1, 5, 4))}
    loss = ge.sum(ge.square(nn.softmax_pool2d(x, (3, 2), (1, 2), beta=2)))
    ge.check_gradients(loss, feeds).raise_if_wrong()
    ge.check_gradients(ge.sum(ge.square(ge.grad(loss, x))), feeds).raise_if_wrong()


def test_a_named_batch():
    x = ge.input("images", ("batch", 3, 9, 9))
    net = nn.Sequential(nn.MaxPool2d(2), nn.AvgPool2d(2), nn.AdaptiveAvgPool2d(1), nn.SoftmaxPool2d(1))
    y = net(x)
    assert y.shape == ("batch", 3, 1, 1)
    for batch in (0, 1, 5):
        gradient = ge.grad(ge.sum(ge.square(y)), x)
        assert run(gradient, {x: np.ones((batch, 3, 9, 9), "float32")}).shape == (batch, 3, 9, 9)


def test_global_pooling_of_named_sizes():
    x = ge.input("maps", ("batch", 3, "h", "w"), "float64")
    value = rng.standard_normal((2, 3, 4, 5))
    np.testing.assert_allclose(run(nn.adaptive_avg_pool2d(x, 1), {x: value})[..., 0, 0], value.mean((2, 3)), rtol=1e-12)
    np.testing.assert_array_equal(run(nn.adaptive_max_pool2d(x, 1), {x: value})[..., 0, 0], value.max((2, 3)))


def test_the_result_has_the_name_that_is_assigned():
    x = ge.input("x", (1, 4, 4))
    smooth = nn.softmax_pool2d(x, 2)
    pooled = nn.MaxPool2d(2)(x)
    assert smooth.name == "smooth" and pooled.name == "pooled"


def test_layers_keep_their_options_as_attributes():
    pool = nn.MaxPool2d(3, stride=2, padding=1)
    assert (pool.kernel_size, pool.stride, pool.padding, pool.dilation, pool.ceil_mode) == (3, 2, 1, 1, False)
    assert repr(nn.AvgPool1d(2, name="halves")) == (
        "<AvgPool1d halves: kernel_size=2, stride=None, padding=0, ceil_mode=False, count_include_pad=True>"
    )


@pytest.mark.parametrize(
    "declare, what",
    [
        (lambda x: nn.max_pool2d(x, 7), r"no window fits into a dimension of size 6: ⌊?\(6 - 7\)/7⌋? \+ 1 = 0"),
        (lambda x: nn.max_pool2d(x, 2, padding=2), "more than half"),
        (lambda x: nn.max_pool3d(x, 2), None),
        (lambda x: nn.max_pool1d(x, 2), r"\(N, C, L\)"),
        (lambda x: nn.max_pool2d(x, (2, 2, 2)), "kernel_size is an integer of at least 1, or 2 of them"),
        (lambda x: nn.avg_pool2d(x, 2.5), "kernel_size is an integer"),
        (lambda x: nn.avg_pool2d(x, 2, stride=0), "stride is an integer of at least 1"),
        (lambda x: nn.avg_pool2d(x, 2, divisor_override=0), "divisor_override"),
        (lambda x: nn.adaptive_avg_pool2d(x, 0), "1 or more"),
        (lambda x: nn.adaptive_max_pool2d(x, (1, 2, 3)), "output_size is one number or 2"),
        (lambda x: nn.lp_pool2d(x, 0, 2), "norm_type"),
    ],
)
def test_what_is_refused(declare, what):
    x = ge.input("x", (2, 3, 6, 6))
    if what is None:  # four dimensions are one volume with channels
        assert declare(x).shape == (2, 1, 3, 3)
        return
    with pytest.raises(ge.GraphEngineError, match=what) as caught:
        declare(x)
    assert "test_pooling.py" in str(caught.value)


def test_softmax_pooling_needs_known_sizes():
    with pytest.raises(ge.ShapeError, match="must be known"):
        nn.softmax_pool2d(ge.input("x", (3, "h", 4)), 2)
