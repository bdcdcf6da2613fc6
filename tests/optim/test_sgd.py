"""Gradient descent."""

import numpy as np
import pytest

import graph_engine as ge


def test_one_step_by_hand():
    w = ge.parameter("w", 3.0)
    loss = w * w
    engine = ge.Engine("numpy")
    step = engine.compile([], loss, updates=ge.optim.SGD(0.1).minimize(loss))
    assert float(step()) == 9.0
    assert float(engine.value(w)) == pytest.approx(3 - 0.1 * 6)


def test_only_trainable_parameters_are_updated():
    w, frozen = ge.parameter("w", 1.0), ge.parameter("frozen", 2.0, trainable=False)
    loss = w * frozen
    assert list(ge.optim.SGD(0.1).minimize(loss)) == [w]
    assert list(ge.optim.SGD(0.1).minimize(loss, [frozen])) == [frozen]


def test_nothing_to_train_is_an_error():
    with pytest.raises(ge.DeclarationError, match="no trainable parameter"):
        ge.optim.SGD(0.1).minimize(ge.input("x") * 2)


@pytest.mark.parametrize("lr", [-0.1, float("nan")])
def test_a_learning_rate_below_zero_is_refused(lr):
    with pytest.raises(ge.DeclarationError, match="learning rate"):
        ge.optim.SGD(lr)


def test_the_learning_rate_can_be_fed():
    rate = ge.input("rate")
    w = ge.parameter("w", 1.0)
    loss = w * 1.0
    engine = ge.Engine("numpy")
    step = engine.compile([rate], loss, updates=ge.optim.SGD(rate).minimize(loss))
    step(0.5)
    step(0.25)
    assert float(engine.value(w)) == 0.25


def test_half_precision_parameters_stay_half():
    w = ge.parameter("w", np.ones(3, "float16"))
    loss = ge.sum(w * w)
    engine = ge.Engine("numpy")
    engine.compile([], loss, updates=ge.optim.SGD(0.25).minimize(loss))()
    assert engine.value(w).dtype == np.float16
    assert engine.value(w).tolist() == [0.5] * 3


def test_a_traced_step_updates_as_the_fast_one_does():
    def train(traced):
        x, w = ge.input("x", 3), ge.parameter("w", [1.0, -1.0, 0.5])
        loss = ge.nn.mse_loss(w * x, ge.constant([1.0, 2.0, 3.0]))
        engine = ge.Engine("numpy")
        step = engine.compile([x], loss, updates=ge.optim.SGD(0.1).minimize(loss))
        for _ in range(3):
            (step.trace if traced else step)([1.0, 2.0, 3.0])
        return engine.value(w)

    assert np.array_equal(train(False), train(True))


@pytest.mark.torch
def test_fifty_steps_are_pytorchs():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(50, 8, 5)), rng.integers(0, 3, (50, 8))

    images, labels = ge.input("images", ("batch", 5), "float64"), ge.input("labels", "batch", "int64")
    net = ge.nn.Sequential(
        ge.nn.Linear(5, 6, dtype="float64"), ge.nn.Tanh(), ge.nn.Linear(6, 3, dtype="float64")
    )  # fmt: skip
    loss = ge.nn.cross_entropy(net(images), labels)
    engine = ge.Engine("numpy")
    step = engine.compile([images, labels], loss, updates=ge.optim.SGD(0.3).minimize(loss))

    theirs = torch.nn.Sequential(torch.nn.Linear(5, 6), torch.nn.Tanh(), torch.nn.Linear(6, 3)).double()
    with torch.no_grad():
        for parameter, tensor in zip(net.parameters(), theirs.parameters(), strict=True):
            tensor.copy_(torch.tensor(parameter.data))
    optimizer = torch.optim.SGD(theirs.parameters(), lr=0.3)

    for batch, classes in zip(x, y, strict=True):
        value = step(batch, classes)
        optimizer.zero_grad()
        expected = torch.nn.functional.cross_entropy(theirs(torch.tensor(batch)), torch.tensor(classes))
        expected.backward()
        optimizer.step()
        np.testing.assert_allclose(value, expected.detach(), rtol=1e-11)
    for parameter, tensor in zip(net.parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(engine.value(parameter), tensor.detach(), rtol=1e-10, atol=1e-13)
