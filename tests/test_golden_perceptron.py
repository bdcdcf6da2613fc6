"""Worked number N13 of the course material, on every backend: how often the perceptron's rule corrects itself."""

import numpy as np
import pytest

import graph_engine as ge


def draw_points(gap, seed, count=40):
    """Draw points (count, 3) whose last number is 1, and the side of a line on which each is, none nearer than a gap.

    The separator has length 1, with the bias inside.
    """
    rng = np.random.default_rng(seed)
    separator = rng.standard_normal(3) * [1, 1, 0.3]
    separator /= np.linalg.norm(separator)
    points = np.column_stack([rng.uniform(-1, 1, (4000, 2)), np.ones(4000)])
    points = points[np.abs(points @ separator) > gap][:count]
    return points, np.sign(points @ separator), separator


def declare():
    x, y = ge.input("x", 3, "float64"), ge.input("y", (), "float64")
    w = ge.parameter("w", np.zeros(3))
    mistake = y * ge.vecdot(w, x) <= 0
    return (x, y), w, mistake, w + ge.where(mistake, y, 0.0) * x


def learn(step, points, sides, most_epochs=200):
    """Go through the samples until none is wrong; return the number of updates."""
    updates = 0
    for _ in range(most_epochs):
        wrong = sum(bool(step(*sample)) for sample in zip(points, sides, strict=True))
        updates += wrong
        if not wrong:
            return updates
    raise AssertionError("it does not end")


def by_hand(points, sides):
    w, updates, wrong = np.zeros(3), 0, 1
    while wrong:
        wrong = 0
        for x, y in zip(points, sides, strict=True):
            if y * (w @ x) <= 0:
                w, wrong = w + y * x, wrong + 1
        updates += wrong
    return w, updates


@pytest.mark.parametrize("gap, seed", [(0.3, 0), (0.2, 1), (0.15, 2)])
def test_n13_the_perceptron_needs_at_most_r_over_gamma_squared_updates(engine, gap, seed):
    points, sides, separator = draw_points(gap, seed)
    inputs, w, mistake, new_w = declare()
    updates = learn(engine.compile(inputs, mistake, updates={w: new_w}), points, sides)
    radius, margin = np.linalg.norm(points, axis=1).max(), np.min(sides * (points @ separator))
    assert 0 < updates <= (radius / margin) ** 2
    learned, expected = engine.backend.to_numpy(engine.value(w)), by_hand(points, sides)
    assert updates == expected[1]
    np.testing.assert_allclose(learned, expected[0], rtol=1e-12, atol=1e-12)
    assert (sides * (points @ learned) > 0).all()


def test_n13_a_tie_is_a_mistake(engine):
    inputs, w, mistake, new_w = declare()
    step = engine.compile(inputs, mistake, updates={w: new_w})
    assert bool(step([0.5, -2.0, 1.0], -1.0)), "with weights of 0 every score is a tie"
    assert engine.backend.to_numpy(engine.value(w)).tolist() == [-0.5, 2.0, -1.0]
    assert not bool(step([0.5, -2.0, 1.0], -1.0)) and bool(step([2.0, 0.5, 0.0], 1.0)), "<w, x> = 0 again"


def test_n13_the_gradient_of_the_perceptron_loss_is_the_rule(engine):
    x, y, w = ge.input("x", 3, "float64"), ge.input("y", (), "float64"), ge.input("w", 3, "float64")
    loss = ge.nn.perceptron_loss(ge.vecdot(w, x), y)
    slope = ge.grad(loss, w)
    for weights, side in (([1.0, 2.0, 0.5], -1.0), ([1.0, 2.0, 0.5], 1.0), ([0.0, 0.0, 0.0], 1.0)):
        feeds = {x: [0.3, 0.4, 1.0], y: side, w: weights}
        wrong = side * np.dot(weights, feeds[x]) <= 0
        expected = -side * np.array(feeds[x]) if wrong else np.zeros(3)
        np.testing.assert_array_equal(engine.backend.to_numpy(engine.run(slope, feeds)), expected)
