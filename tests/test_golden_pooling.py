"""Worked numbers of the course material on pooling (their ids in the names), on every backend."""

import numpy as np

import graph_engine as ge
from graph_engine import nn

IMAGE = np.array([[2, 3, 2, 0], [5, -2, 2, 8], [-1, -6, 7, 3], [-4, -5, 4, 2]], float)


def test_n3_max_pooling(engine):
    image = ge.input("image", (1, 4, 4), "float64")
    pooled, places = nn.max_pool2d(image, 2, return_indices=True)
    trace = engine.trace([ge.sum(pooled * [[1.0, 2.0], [3.0, 4.0]]), pooled, places], {image: IMAGE[None]})
    np.testing.assert_array_equal(trace.value(pooled), [[[5, 8], [-1, 7]]])
    np.testing.assert_array_equal(trace.value(places), [[[4, 7], [8, 10]]])
    gradient = ge.grad(ge.sum(pooled * [[1.0, 2.0], [3.0, 4.0]]), image)
    expected = [[[0, 0, 0, 0], [1, 0, 0, 2], [3, 0, 4, 0], [0, 0, 0, 0]]]
    np.testing.assert_array_equal(engine.run(gradient, {image: IMAGE[None]}), expected)


def test_n4_average_pooling(engine):
    image = ge.input("image", (1, 4, 4), "float64")
    pooled = nn.avg_pool2d(image, 2)
    np.testing.assert_array_equal(engine.run(pooled, {image: IMAGE[None]}), [[[2, 3], [-4, 4]]])
    gradient = ge.grad(ge.sum(pooled * [[1.0, 2.0], [3.0, 4.0]]), image)
    expected = np.repeat(np.repeat([[[0.25, 0.5], [0.75, 1.0]]], 2, axis=1), 2, axis=2)
    np.testing.assert_array_equal(engine.run(gradient, {image: IMAGE[None]}), expected)


def test_n3_put_back_to_where_the_maxima_were(engine):
    image = ge.input("image", (1, 4, 4), "float64")
    pooled, places = nn.max_pool2d(image, 2, return_indices=True)
    back = engine.run(nn.max_unpool2d(pooled, places, 2), {image: IMAGE[None]})
    np.testing.assert_array_equal(back, [[[0, 0, 0, 0], [5, 0, 0, 8], [-1, 0, 7, 0], [0, 0, 0, 0]]])
