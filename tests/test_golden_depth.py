"""N16 of the course material: thirty layers, where the gradient vanishes, and where it comes through."""

import numpy as np
import pytest

import graph_engine as ge

LAYERS, WIDTH, BATCH = 30, 16, 32


class Residual(ge.nn.Module):
    """x + F(x), where F is two linear layers with an activation between them."""

    def __init__(self, width, name, dtype="float32"):
        super().__init__(name=name)
        self.fc1 = ge.nn.Linear(width, width, dtype=dtype)
        self.fc2 = ge.nn.Linear(width, width, dtype=dtype)

    def inner(self, x):
        return self.fc2(ge.nn.relu(self.fc1(x)))

    def forward(self, x):
        return x + self.inner(x)


def sigmoid_layers():
    return [ge.nn.Linear(WIDTH, WIDTH, name=f"fc{i}") for i in range(LAYERS)], ge.sigmoid


def residual_layers():
    return [Residual(WIDTH, f"block{i}") for i in range(LAYERS)], ge.nn.identity


def ratios(engine, layers, activation):
    """Return how large the gradient is at the first layer, over that at the last: of outputs, and of weights."""
    x = ge.input("x", ("batch", WIDTH))
    outputs = [x]
    for layer in layers:
        outputs.append(activation(layer(outputs[-1])))
    first, last = (next(p for p in layer.parameters() if p.ndim == 2) for layer in (layers[0], layers[-1]))
    loss = ge.mean(ge.square(outputs[-1] - 1.0))
    data = np.random.default_rng(16).standard_normal((BATCH, WIDTH))
    found = engine.run(ge.grad(loss, [outputs[1], outputs[-1], first, last]), {x: data})
    rms = [np.sqrt(np.mean(engine.backend.to_numpy(g).astype("float64") ** 2)) for g in found]
    return rms[0] / rms[1], rms[2] / rms[3]


def test_n16_the_gradient_vanishes_through_thirty_layers_of_sigmoids(engine):
    assert all(0 < ratio < 1e-6 for ratio in ratios(engine, *sigmoid_layers()))


def test_n16_the_gradient_comes_through_thirty_residual_blocks(engine):
    assert all(0.01 < ratio < 100 for ratio in ratios(engine, *residual_layers()))


def test_n16_the_derivative_of_a_residual_block_is_one_more_than_that_of_its_inside(engine):
    x = ge.input("x", 5, "float64")
    block = Residual(5, "block", "float64")
    at = {x: np.random.default_rng(3).standard_normal(5)}
    whole, inner = engine.run([ge.jacobian(block(x), x), ge.jacobian(block.inner(x), x)], at)
    whole, inner = (engine.backend.to_numpy(matrix) for matrix in (whole, inner))
    np.testing.assert_allclose(whole, np.eye(5) + inner, rtol=0, atol=1e-14)
    assert np.abs(inner).max() > 0.01

    W1, b1, W2 = (p.data for p in (block.fc1.weight, block.fc1.bias, block.fc2.weight))
    alive = W1 @ at[x] + b1 > 0
    np.testing.assert_allclose(inner, (W2 * alive) @ W1, rtol=0, atol=1e-14)


def test_n16_the_gradient_through_a_chain_of_sigmoids_is_the_product_of_slopes_of_at_most_a_quarter(engine):
    chain = [ge.input("x", (), "float64")]
    for _ in range(LAYERS):
        chain.append(ge.sigmoid(chain[-1]))
    *values, gradient = engine.run([*chain[1:], ge.grad(chain[-1], chain[0])], {"x": 0.5})
    values = np.array([float(engine.backend.to_numpy(value)) for value in values])
    slopes = values * (1 - values)
    assert slopes.max() <= 0.25
    assert float(engine.backend.to_numpy(gradient)) == pytest.approx(slopes.prod(), rel=1e-12)
    assert slopes.prod() < 0.25**LAYERS
