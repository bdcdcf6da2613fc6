"""Dropout and noise: what they do on average, the same on every backend, and nothing outside of training."""

import numpy as np
import pytest

import graph_engine as ge
from graph_engine import nn

KEY = ge.random.key(3)


def dropped(function, *shape, p, dtype="float32"):
    x = ge.input("x", shape, dtype)
    return x, function(x, p, True, key=KEY)


# ---- the course material ---------------------------------------------------------------------------------------


def test_n15_dropout_is_off_at_test_time(engine):
    x = ge.input("x", ("batch", 4))
    net = nn.Sequential(nn.Dropout(0.3), nn.AlphaDropout(0.3), nn.GaussianNoise(2.0))
    y = net(x)
    assert y is x
    assert nn.dropout(x, 0.3, training=False) is x
    values = np.arange(8.0, dtype="float32").reshape(2, 4)
    np.testing.assert_array_equal(engine.run(y, {x: values}), values)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_n15_in_training_the_expectation_is_the_value_at_test_time(engine, p):
    n = 40_000
    x, y = dropped(nn.dropout, n, p=p, dtype="float64")
    got = engine.backend.to_numpy(engine.run(y, {x: np.full(n, 3.0)}))
    assert set(np.unique(got)) == {0.0, 3.0 * (1 / (1 - p))}  # the inverted form
    deviation = 3 * np.sqrt(p / (1 - p) / n)
    assert abs(got.mean() - 3) < 4 * deviation


# ---- dropout ---------------------------------------------------------------------------------------------------


def test_the_mask_is_the_same_on_every_backend_and_in_every_dtype(engine):
    x, y = dropped(nn.dropout, 3, 5, p=0.4)
    z = nn.dropout(ge.ones((3, 5), "float64"), 0.4, key=KEY)
    narrow, wide = (engine.backend.to_numpy(v) for v in engine.run([y, z], {x: np.ones((3, 5))}))
    kept = np.array([[1, 1, 0, 1, 1], [0, 1, 1, 0, 1], [1, 1, 1, 0, 1]], bool)
    np.testing.assert_array_equal(narrow != 0, wide != 0)
    np.testing.assert_array_equal(narrow != 0, kept)


def test_the_gradient_passes_where_the_value_did(run):
    x, y = dropped(nn.dropout, 50, p=0.3, dtype="float64")
    value, slope = run([y, ge.grad(ge.sum(y), x)], {x: np.ones(50)})
    np.testing.assert_array_equal(value, slope)


def test_what_is_dropped_may_hold_anything(run):
    x, y = dropped(nn.dropout, 50, p=0.3)
    kept = run(y, {x: np.ones(50)}) != 0
    assert np.isfinite(run(y, {x: np.where(kept, 1, np.nan)})).all()


@pytest.mark.parametrize("p", [0, 1])
def test_nothing_or_everything_dropped(run, p):
    x, y = dropped(nn.dropout, 4, p=p)
    assert run(y + 0, {x: np.ones(4)}).tolist() == [1 - p] * 4


CHANNELS = [(nn.dropout1d, (2, 40, 5)), (nn.dropout2d, (2, 40, 2, 3)), (nn.dropout3d, (40, 2, 2, 2))]


@pytest.mark.parametrize(("function", "shape"), CHANNELS)
def test_whole_channels_are_dropped(run, function, shape):
    x, y = dropped(function, *shape, p=0.5)
    got = run(y, {x: np.ones(shape)})
    channels = got.reshape(2, 40, -1) if len(shape) != 4 or shape[0] == 2 else got.reshape(1, 40, -1)
    assert (channels == channels[..., :1]).all() and set(np.unique(channels)) == {0, 2}


@pytest.mark.torch
def test_alpha_dropout_keeps_mean_and_variance(run):
    torch = pytest.importorskip("torch")
    values = np.random.default_rng(0).normal(size=40_000)
    x, y = dropped(nn.alpha_dropout, 40_000, p=0.3, dtype="float64")
    got = run(y, {x: values})
    assert abs(got.mean()) < 0.03 and abs(got.var() - 1) < 0.03
    theirs = torch.nn.functional.alpha_dropout(torch.tensor(values), 0.3, True).numpy()
    assert abs(most_common(got) - most_common(theirs)) < 1e-9  # what the dropped ones become


def most_common(values):
    found, counts = np.unique(values, return_counts=True)
    return found[counts.argmax()]


def test_noise_has_the_deviation_asked_for(run):
    noise = run(nn.gaussian_noise(ge.zeros(20_000), 0.3, key=KEY))
    assert abs(noise.mean()) < 0.01 and abs(noise.std() - 0.3) < 0.01


def test_the_picture_shows_the_mask():
    x, y = dropped(nn.dropout, "batch", 3, p=0.5)
    graph = ge.Graph(y)
    assert [graph.name_of(op.outputs[0]) for op in graph.operations] == ["mask", "dropout"]
    assert y.operation.primitive.notes(y.operation) == ("p = 0.5",)


LAYERS = [
    (nn.Dropout, 2), (nn.Dropout1d, 3), (nn.Dropout2d, 4), (nn.Dropout3d, 5), (nn.AlphaDropout, 2),
    (nn.GaussianNoise, 2),
]  # fmt: skip


@pytest.mark.parametrize(("make", "ndim"), LAYERS)
def test_layers_are_there_in_training_only(make, ndim):
    layer, x = make(0.2), ge.input("x", (2, 3, 4, 4, 4)[:ndim])
    assert layer(x) is x
    with nn.training():
        assert layer(x) is not x
    assert layer(x) is x


# ---- refusals --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", [nn.dropout, nn.dropout1d, nn.gaussian_noise])
def test_without_a_key_it_says_what_to_do(function):
    with pytest.raises(ge.DeclarationError) as caught:
        function(ge.input("x", (2, 3)))
    message = str(caught.value)
    assert "needs random numbers" in message and "test_dropout.py" in message
    assert "with ge.nn.training()" in message and "key=ge.random.key(seed)" in message and "training=False" in message


@pytest.mark.parametrize("p", [-0.1, 1.5, "half", float("nan"), True])
def test_p_is_a_probability(p):
    with pytest.raises(ge.DeclarationError, match="probability to drop"):
        nn.dropout(ge.input("x", 3), p, key=KEY)
    with pytest.raises(ge.DeclarationError, match="probability to drop"):
        nn.Dropout(p)


def test_channels_need_their_dimensions():
    with pytest.raises(ge.ShapeError, match="has not 2 dimensions behind its channels"):
        nn.dropout2d(ge.input("x", (2, 3)), key=KEY)
