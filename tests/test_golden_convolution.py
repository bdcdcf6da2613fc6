"""Worked numbers of the course material about convolutions (their ids in the names), on every backend."""

import math

import numpy as np
import pytest

import graph_engine as ge
from graph_engine import nn

IMAGE = [[4, 6, 3], [8, 5, 1], [2, 4, 6]]
KERNEL = [[3, 2], [5, 1]]


def read(engine, variable):
    return engine.backend.to_numpy(engine.run(variable, {}))


def test_n2_cross_correlation(engine):
    x = ge.constant([[IMAGE]], dtype="float64")
    y = nn.conv2d(x, ge.constant([[KERNEL]], dtype="float64"))
    np.testing.assert_array_equal(read(engine, y), [[[[69, 50], [48, 43]]]])


def test_n2_as_a_product_with_a_matrix(engine):
    U = nn.convolution_matrix(KERNEL, (3, 3))
    assert U.shape == (4, 9)
    v = ge.constant(IMAGE, dtype="float64")
    product = ge.constant(U, dtype="float64") @ ge.reshape(v, (9,))
    np.testing.assert_array_equal(read(engine, product), [69, 50, 48, 43])
    np.testing.assert_array_equal(U[0], [3, 2, 0, 5, 1, 0, 0, 0, 0])


def test_n2_the_gradient_is_the_transposed_matrix(engine):
    x = ge.input("x", (1, 1, 3, 3), "float64")
    y = nn.conv2d(x, ge.constant([[KERNEL]], dtype="float64"))
    upstream = np.array([1.0, -2.0, 0.5, 3.0])
    trace = engine.trace(ge.sum(y * upstream.reshape(1, 1, 2, 2)), {x: np.reshape(IMAGE, (1, 1, 3, 3))})
    expected = nn.convolution_matrix(KERNEL, (3, 3)).T @ upstream
    np.testing.assert_array_equal(trace.grad("x").ravel(), expected)


@pytest.mark.parametrize("w, k, s, p, d", [
    (200, 3, 2, 0, 1), (99, 3, 2, 0, 1), (28, 5, 1, 2, 1), (7, 3, 3, 1, 2), (10, 10, 4, 0, 1),
])  # fmt: skip
def test_n6_the_size_of_the_output(engine, w, k, s, p, d):
    y = nn.conv1d(ge.ones((1, w)), ge.ones((1, 1, k)), stride=s, padding=p, dilation=d)
    expected = math.floor((w - 1 + 2 * p - d * (k - 1)) / s + 1)
    assert y.shape == (1, expected) == read(engine, y).shape


def test_n6_two_convolutions_of_stride_two(engine):
    once = nn.conv2d(ge.ones((1, 200, 200)), ge.ones((1, 1, 3, 3)), stride=2)
    twice = nn.conv2d(once, ge.ones((1, 1, 3, 3)), stride=2)
    assert once.shape[-2:] == (99, 99) and twice.shape[-2:] == (49, 49)
    assert read(engine, twice).shape == (1, 49, 49)


def weights(y):
    """Count what is multiplied: everything that a result depends on besides the data."""
    graph = ge.Graph(y)
    data = {"image"}
    return sum(v.spec.size for v in (*graph.inputs, *graph.parameters) if v.name not in data)


def test_n7_fully_connected():
    image = ge.input("image", 200 * 200)
    assert weights(nn.linear(image, ge.input("weight", (40_000, 200 * 200)))) == 1_600_000_000
    colours = ge.input("image", 256 * 256 * 3)
    assert weights(nn.linear(colours, ge.input("weight", (1000, 256 * 256 * 3)))) == 196_608_000


def test_n7_locally_connected_and_shared():
    image = ge.input("image", ("batch", 1, 200, 200))
    local = nn.LocallyConnected2d(1, 1, 200, 10, padding="same", bias=False)
    hidden = local(image)
    assert math.prod(hidden.shape[1:]) == 40_000 and weights(hidden) == 4_000_000
    assert weights(nn.Conv2d(1, 1, 10, bias=False)(image)) == 100
    assert weights(nn.Conv2d(1, 10, 10, bias=False)(image)) == 1000
    ten = ge.input("image", ("batch", 10, 200, 200))
    assert weights(nn.Conv2d(10, 10, 10, bias=False)(ten)) == 10_000


@pytest.mark.parametrize("s, c_in, c_out", [(0, 1, 1), (1, 3, 8), (2, 6, 16), (5, 2, 1)])
def test_n7_parameters_of_a_convolution(s, c_in, c_out):
    image = ge.input("image", ("batch", c_in, 16, 16))
    y = nn.Conv2d(c_in, c_out, 2 * s + 1)(image)
    assert weights(y) == (2 * s + 1) ** 2 * c_in * c_out + c_out


def test_n17_boxcar_mean(engine):
    image = np.zeros((10, 10))
    image[2:7, 3:8] = 90
    image[5, 4] = 0
    image[8, 2] = 90
    mean = nn.conv2d(ge.constant(image[None]), ge.full((1, 1, 3, 3), 1 / 9, dtype="float64"), stride=2)
    expected = [[0, 20, 30, 20], [0, 60, 90, 60], [0, 50, 80, 60], [10, 30, 30, 20]]
    np.testing.assert_allclose(read(engine, mean)[0], expected, rtol=1e-12, atol=1e-12)
