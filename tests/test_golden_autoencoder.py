"""Worked number N14 of the course material, on every backend: what a linear autoencoder reaches."""

import numpy as np
import pytest

import graph_engine as ge


def draw_data():
    """Draw centred points (40, 5) whose directions matter in the proportions 4, 2, 0.8, 0.7, 0.6."""
    rng = np.random.default_rng(14)
    rotation, _ = np.linalg.qr(rng.standard_normal((5, 5)))
    data = rng.standard_normal((40, 5)) * [4, 2, 0.8, 0.7, 0.6] @ rotation
    return (data - data.mean(0)) / 3


@pytest.mark.parametrize("k", [1, 2])
def test_n14_linear_autoencoder_reaches_the_rank_k_optimum(engine, k):
    data = draw_data()
    x = ge.input("x", ("batch", 5), "float64")
    encoder = ge.nn.Linear(5, k, bias=False, dtype="float64", seed=1)
    decoder = ge.nn.Linear(k, 5, bias=False, dtype="float64", seed=2)
    loss = ge.mean(ge.sum(ge.square(decoder(encoder(x)) - x), axis=1))
    step = engine.compile([x], loss, updates=ge.optim.SGD(0.1, momentum=0.9).minimize(loss))
    losses = [float(step(data)) for _ in range(400)]

    _, values, directions = np.linalg.svd(data, full_matrices=False)
    optimum = np.sum(values[k:] ** 2) / len(data)
    assert min(losses) >= optimum * (1 - 1e-12), "no code of k numbers does better"
    assert losses[-1] == pytest.approx(optimum, rel=1e-9)
    down, up = (engine.backend.to_numpy(engine.value(layer.weight)) for layer in (encoder, decoder))
    np.testing.assert_allclose(up @ down, directions[:k].T @ directions[:k], atol=1e-5)
