"""The courses' forms of momentum, Nesterov and averaging, against their formulas; clipping, noise, penalties."""

import numpy as np
import pytest

import graph_engine as ge

A = np.array([[3.0, 1.0], [1.0, 2.0]])  # loss = w A w / 2, so that the gradient is A w
START = np.array([1.0, -2.0])


def descend(optimizer, count=20, **options):
    """Return the parameter after each of some updates."""
    w = ge.parameter("w", START)
    loss = ge.sum(w * (A @ w)) / 2.0
    engine = ge.Engine("numpy")
    step = engine.compile([], loss, updates=optimizer.minimize(loss), **options)
    path = []
    for _ in range(count):
        step()
        path.append(engine.value(w))
    return np.array(path)


def by_hand(rule, count=20):
    w, path, kept = START, [], np.zeros(2)
    for t in range(count):
        w, kept = rule(t, w, kept)
        path.append(w)
    return np.array(path)


def test_momentum_with_the_rate_inside_of_the_velocity():
    def rule(t, w, v):
        v = 0.9 * v - 0.05 * A @ w
        return w + v, v

    expected = by_hand(rule)
    np.testing.assert_allclose(descend(ge.optim.SGD(0.05, 0.9, classical=True)), expected, rtol=1e-12)
    np.testing.assert_allclose(descend(ge.optim.SGD(0.05, 0.9)), expected, rtol=1e-12)  # the rate is constant


def test_momentum_with_the_rate_inside_differs_where_the_rate_changes():
    def rule(t, w, v):
        v = 0.9 * v - 0.05 * 0.8**t * A @ w
        return w + v, v

    schedule = ge.optim.schedules.exponential(0.05, 0.8)
    np.testing.assert_allclose(descend(ge.optim.SGD(schedule, 0.9, classical=True)), by_hand(rule), rtol=1e-12)
    assert not np.allclose(descend(ge.optim.SGD(schedule, 0.9)), by_hand(rule))


def test_nesterovs_gradient_is_taken_where_the_velocity_leads():
    def rule(t, w, v):
        v = 0.9 * v - 0.05 * A @ (w + 0.9 * v)
        return w + v, v

    found = descend(ge.optim.SGD(0.05, 0.9, nesterov=True, classical=True))
    np.testing.assert_allclose(found, by_hand(rule), rtol=1e-12)


def test_nesterovs_loss_is_still_that_of_the_parameter():
    w = ge.parameter("w", np.array(2.0))
    loss = w * w
    engine = ge.Engine("numpy")
    optimizer = ge.optim.SGD(0.1, 0.9, nesterov=True, classical=True)
    step = engine.compile([], loss, updates=optimizer.minimize(loss))
    for _ in range(5):
        before = float(engine.value(w))
        assert float(step()) == pytest.approx(before**2, rel=1e-12)


def test_the_plain_average_is_that_of_all_iterates():
    optimizer = ge.optim.ASGD(0.05, plain=True)
    w = ge.parameter("w", START)
    loss = ge.sum(w * (A @ w)) / 2.0
    engine = ge.Engine("numpy")
    step = engine.compile([], loss, updates=optimizer.minimize(loss))
    path = []
    for _ in range(30):
        step()
        path.append(engine.value(w))
    np.testing.assert_allclose(np.array(path), descend(ge.optim.SGD(0.05), 30), rtol=1e-12)
    engine.compile([], updates=optimizer.averages())()
    np.testing.assert_allclose(engine.value(w), np.mean(path, axis=0), rtol=1e-12)


def test_penalties_as_arguments_are_penalties_in_the_loss():
    def penalised(optimizer, penalty):
        w = ge.parameter("w", START)
        loss = ge.sum(w * (A @ w)) / 2.0 + penalty([w])
        engine = ge.Engine("numpy")
        step = engine.compile([], loss, updates=optimizer.minimize(loss))
        for _ in range(20):
            step()
        return engine.value(w)

    for options in ({}, {"momentum": 0.9, "nesterov": True, "classical": True}):
        found = descend(ge.optim.SGD(0.05, weight_decay=0.3, l1=0.2, **options))[-1]
        expected = penalised(
            ge.optim.SGD(0.05, **options), lambda p: 0.15 * ge.optim.l2_penalty(p) + 0.2 * ge.optim.l1_penalty(p)
        )
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_noise_has_its_deviation_decays_and_is_the_same_for_the_same_seed():
    def noise(seed, t, **options):
        w = ge.parameter("w", np.zeros(20_000))
        optimizer = ge.optim.SGD(1.0, noise=0.5, seed=seed, **options)
        engine = ge.Engine("numpy")
        step = engine.compile([], (), updates=optimizer.apply({w: ge.zeros_like(w)}))
        engine.set_value(optimizer.state[w]["step"], t)
        step()
        return engine.value(w)

    assert np.array_equal(noise(1, 0), noise(1, 0))
    assert not np.array_equal(noise(1, 0), noise(2, 0)) and not np.array_equal(noise(1, 0), noise(1, 1))
    assert noise(1, 0).std() == pytest.approx(0.5, rel=0.03)
    assert noise(1, 99).std() == pytest.approx(0.5 / 100**0.275, rel=0.03)
    assert noise(1, 99, noise_decay=0.0).std() == pytest.approx(0.5, rel=0.03)


def test_parameters_of_one_update_get_different_noise():
    a, b = ge.parameter("a", np.zeros(4)), ge.parameter("b", np.zeros(4))
    engine = ge.Engine("numpy")
    updates = ge.optim.SGD(1.0, noise=1.0).apply({a: ge.zeros_like(a), b: ge.zeros_like(b)})
    engine.compile([], (), updates=updates)()
    assert not np.array_equal(engine.value(a), engine.value(b))


@pytest.mark.parametrize("options", [{"clip_value": 1.0}, {"clip_norm": 1.0}, {"clip_norm": 1.0, "clip_value": 1.0}])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_the_guard_sees_gradients_that_are_not_finite_through_clipping(options, bad):
    x, w = ge.input("x", 2), ge.parameter("w", [1.0, 1.0])
    engine = ge.Engine("numpy")
    loss = ge.sum(x * w)
    step = engine.compile([x], (), updates=ge.optim.SGD(0.1, **options).minimize(loss), guards=["finite"])
    with pytest.raises(ge.GuardError, match="not finite"):
        step([1.0, bad])
    step([1.0, 50.0])
    assert float(np.abs(engine.value(w) - 1.0).max()) <= 0.1001


def test_a_rate_that_is_no_number_at_a_run_is_refused_by_the_guard():
    rate, w = ge.input("rate"), ge.parameter("w", 1.0)
    engine = ge.Engine("numpy")
    step = engine.compile([rate], (), updates=ge.optim.SGD(rate).minimize(w * w), guards=["finite"])
    with pytest.raises(ge.GuardError):
        step(float("nan"))
    assert float(engine.value(w)) == 1.0


def test_clipping_leaves_small_gradients_as_they_are_and_keeps_dtypes():
    gradients = [ge.constant(np.array([0.3, 0.4], "float16")), ge.constant(np.array([0.0]))]
    small = ge.optim.clip_grad_norm(gradients, 1.0)
    values = ge.Engine("numpy").run(small)
    assert [v.dtype.name for v in values] == ["float16", "float64"]
    np.testing.assert_array_equal(values[0], np.array([0.3, 0.4], "float16"))


def test_gradients_can_be_made_by_hand():
    w = ge.parameter("w", [1.0, 2.0])
    engine = ge.Engine("numpy")
    updates = ge.optim.SGD(1.0).apply({w: ge.sign(ge.grad(ge.sum(w * w), w))})
    engine.compile([], (), updates=updates)()
    assert engine.value(w).tolist() == [0.0, 1.0]


@pytest.mark.parametrize(
    ("declare", "words"),
    [
        (lambda w: ge.optim.SGD("fast"), "learning rate"),
        (lambda w: ge.optim.Adam(float("inf")), "learning rate"),
        (lambda w: ge.optim.Adam(ge.constant([0.1, 0.2])), "one real number"),
        (lambda w: ge.optim.Adam(betas=(0.9, 1.0)), "betas"),
        (lambda w: ge.optim.Adam(betas=0.9), "betas"),
        (lambda w: ge.optim.SGD(nesterov=True), "needs momentum"),
        (lambda w: ge.optim.SGD(momentum=-1), "momentum"),
        (lambda w: ge.optim.SGD(momentum=0.9, dampening=0.1, classical=True), "no dampening"),
        (lambda w: ge.optim.RMSprop(weight_decay=float("nan")), "weight_decay"),
        (lambda w: ge.optim.SGD(clip_norm=0.0), "clip_norm"),
        (lambda w: ge.optim.SGD(noise="much"), "noise"),
        (lambda w: ge.optim.SGD(seed=-1, noise=1.0), "seed"),
        (lambda w: ge.optim.SGD().minimize(3.0), "a loss is"),
        (lambda w: ge.optim.SGD().minimize(w * w, [ge.input("x")]), "only parameters"),
        (lambda w: ge.optim.SGD().apply({w: ge.constant([1.0, 2.0])}), "the gradient of 'w'"),
        (lambda w: ge.optim.SGD().apply({w: 1.0}), "the gradient of 'w'"),
        (lambda w: ge.optim.SGD().apply({}), "no gradients"),
        (lambda w: ge.optim.clip_grad_norm([w], -1.0), "max_norm"),
        (lambda w: ge.optim.clip_grad_norm([], 1.0), "no gradients"),
        (lambda w: ge.optim.l1_penalty(w), "list of parameters"),
    ],
)
def test_senseless_arguments_are_refused(declare, words):
    with pytest.raises(ge.GraphEngineError, match=words) as raised:
        declare(ge.parameter("w", 1.0))
    assert "test_conventions.py" in str(raised.value)
