"""Initialisers: fixed numbers, the distributions of PyTorch's, and how layers are given them."""

import math

import numpy as np
import pytest

import graph_engine as ge
from graph_engine import nn
from graph_engine.nn import init
from graph_engine.nn.init.numbers import fractions, logarithm, normals

RECIPES = {
    "zeros": {}, "ones": {}, "constant": {"value": 0.3}, "uniform": {"a": -0.5, "b": 2.0},
    "normal": {"mean": 1.0, "std": 0.1}, "trunc_normal": {"mean": 0.2, "std": 1.5, "a": -1.0, "b": 2.5},
    "xavier_uniform": {"gain": 1.5}, "xavier_normal": {"gain": 0.5},
    "kaiming_uniform": {"a": math.sqrt(5)}, "kaiming_normal": {"mode": "fan_out", "nonlinearity": "relu"},
    "orthogonal": {"gain": 2.0},
}  # fmt: skip


# ---- numbers ---------------------------------------------------------------------------------------------------


def test_the_numbers_are_fixed_for_good():
    assert fractions((2,), (7,)).tolist() == [0.625095466604667, 0.8972138009695755]
    assert normals((2,), (7,)).tolist() == [0.22508795544212298, 0.33095073950511733]


def test_the_logarithm_is_the_logarithm():
    x = np.concatenate([2.0 ** -np.arange(54), np.linspace(1e-9, 1, 10001)])
    np.testing.assert_allclose(logarithm(x), np.log(x), rtol=4e-16, atol=1e-16)


def test_normal_numbers_are_normal():
    stats = pytest.importorskip("scipy.stats")
    assert stats.kstest(normals((20000,), (1,)), "norm").pvalue > 0.01
    cut = init.trunc_normal(0.2, 1.5, -1.0, 2.5)((20000,), "float64")((3,))
    assert stats.kstest(cut, stats.truncnorm(-0.8, 2.3 / 1.5, 0.2, 1.5).cdf).pvalue > 0.01
    tail = init.trunc_normal(0.0, 1.0, 4.0, 5.0)((2000,), "float64")((3,))
    assert stats.kstest(tail, stats.truncnorm(4, 5).cdf).pvalue > 0.01


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_the_same_seed_gives_the_same_numbers(name, dtype):
    begin = getattr(init, name)(**RECIPES[name])((5, 4, 3), dtype)
    one, again, other = begin((1, 2)), begin((1, 2)), begin((1, 3))
    assert one.shape == (5, 4, 3) and one.dtype == dtype
    np.testing.assert_array_equal(one, again)
    assert name in ("zeros", "ones", "constant") or (one != other).any()


# ---- like PyTorch's --------------------------------------------------------------------------------------------


@pytest.mark.torch
@pytest.mark.parametrize("shape", [(200, 100), (40, 20, 5, 5), (30, 80, 9)])
@pytest.mark.parametrize("name", RECIPES)
def test_distributed_like_pytorch(name, shape):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    options = dict(RECIPES[name])
    theirs = torch.empty(shape, dtype=torch.float64)
    if name == "constant":
        options["val"] = options.pop("value")
    getattr(torch.nn.init, name + "_")(theirs, **options)
    ours, theirs = getattr(init, name)(**RECIPES[name])(shape, "float64")((5,)), theirs.numpy()
    spread = theirs.std()
    assert abs(ours.mean() - theirs.mean()) <= 0.03 * spread + 1e-12
    assert abs(ours.std() - spread) <= 0.02 * spread
    if "uniform" in name:
        assert abs(np.abs(ours).max() / np.abs(theirs).max() - 1) < 0.01


@pytest.mark.torch
@pytest.mark.parametrize("what", ["linear", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu", "selu"])
def test_gains_are_those_of_pytorch(what):
    torch = pytest.importorskip("torch")
    assert init.calculate_gain(what) == pytest.approx(torch.nn.init.calculate_gain(what), rel=1e-15)
    if what == "leaky_relu":
        assert init.calculate_gain(what, 0.3) == pytest.approx(torch.nn.init.calculate_gain(what, 0.3), rel=1e-15)


@pytest.mark.parametrize("shape", [(4, 7), (7, 4), (6, 2, 3), (3, 2, 2, 2)])
def test_orthogonal_rows_or_columns(shape):
    q = init.orthogonal(2.0)(shape, "float64")((0,)).reshape(shape[0], -1)
    product = q @ q.T if q.shape[0] <= q.shape[1] else q.T @ q
    np.testing.assert_allclose(product, 4 * np.eye(min(q.shape)), atol=1e-12)


@pytest.mark.parametrize("recipe, variance", [(init.lecun_uniform(), 1 / 300), (init.lecun_normal(), 1 / 300)])
def test_lecun_keeps_the_variance(recipe, variance):
    assert recipe((200, 300), "float64")((0,)).var() == pytest.approx(variance, rel=0.03)


def test_the_initialiser_of_a_shape_is_as_it_was():
    begin = init.uniform((2, 3), 0.5, "float64")
    np.testing.assert_array_equal(begin((1,)), (2 * fractions((2, 3), (1,)) - 1) * 0.5)


# ---- in layers -------------------------------------------------------------------------------------------------


def network():
    return nn.Sequential(nn.Linear(3, 4, dtype="float64"), nn.PReLU(), nn.Linear(4, 2), name="net")


def test_a_recipe_is_for_matrices_and_a_named_one_for_its_name():
    net = network().initialize(init.constant(3), bias=init.ones())
    values = {name: variable.data for name, variable in net.named_parameters()}
    assert (values["net.linear1.weight"] == 3).all() and values["net.linear1.weight"].dtype == "float64"
    assert (values["net.linear2.bias"] == 1).all() and values["net.linear2.bias"].dtype == "float32"
    assert values["net.prelu1.weight"].tolist() == [0.25], "one dimension: it begins as it was to"


def test_parameters_of_one_shape_begin_differently_and_the_same_in_each_run():
    nets = [nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3), name="net") for _ in range(2)]
    (a, _, b, _), (c, _, d, _) = [net.initialize(init.xavier_normal()).parameters() for net in nets]
    assert (a.data != b.data).all()
    np.testing.assert_array_equal(a.data, c.data)
    np.testing.assert_array_equal(b.data, d.data)


def test_the_last_word_counts():
    net = network()
    net.initialize(init.ones())
    net.initialize(init.constant(2))
    net[0].initialize(init.constant(5))
    assert (net[0].weight.data == 5).all() and (net[2].weight.data == 2).all()


def test_it_is_too_late_once_parameters_are_made():
    net = network()
    net(ge.input("x", ("batch", 3), "float64"))
    with pytest.raises(ge.DeclarationError, match=r"(?s)'net.linear1.weight' has been made already.*set_value"):
        net.initialize(init.zeros())


@pytest.mark.parametrize("use, message", [
    (lambda net: net.initialize(gain=init.ones()), "no parameter called 'gain'"),
    (lambda net: net.initialize(init.zeros), r"(?s)no recipe.*called"),
    (lambda net: net.initialize(bias=0), "0 is no recipe"),
    (lambda net: net.initialize(bias=init.xavier_uniform()).parameters(), r"(?s)shape \(4,\).*bias=ge.nn.init.zeros"),
    (lambda net: init.kaiming_normal(nonlinearity="gelu"), "no gain for 'gelu'"),
    (lambda net: init.trunc_normal(a=1, b=-1), "there are no numbers"),
    (lambda net: init.kaiming_normal(mode="fan")((2, 2))((0,)), "no mode called 'fan'"),
])  # fmt: skip
def test_what_is_refused(use, message):
    with pytest.raises(ge.GraphEngineError, match=message):
        use(network())
