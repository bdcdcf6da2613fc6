"""Activations against PyTorch: value, gradient and second derivative; along dimensions; as layers."""

import inspect

import numpy as np
import pytest

import graph_engine as ge
from graph_engine import nn

rng = np.random.default_rng(11)

FUNCTIONS = {
    "leaky_relu": [{}, {"negative_slope": 0.1}, {"negative_slope": -0.5}],
    "elu": [{}, {"alpha": 0.7}],
    "selu": [{}],
    "gelu": [{}, {"approximate": "tanh"}],
    "silu": [{}],
    "softsign": [{}],
    "hardtanh": [{}, {"min_val": -0.3, "max_val": 2.0}],
    "relu6": [{}],
    "logsigmoid": [{}],
    "softplus": [{}, {"beta": 2.5}, {"beta": 0.5, "threshold": 1.0}],
    "relu": [{}], "sigmoid": [{}], "tanh": [{}],
    "softmin": [{"dim": 0}, {"dim": -1}], "softmax": [{"dim": 1}], "log_softmax": [{"dim": 0}],
    "glu": [{}, {"dim": 0}],
}  # fmt: skip
CASES = [(name, options) for name, several in FUNCTIONS.items() for options in several]
LAYERS = {
    "leaky_relu": "LeakyReLU", "elu": "ELU", "selu": "SELU", "gelu": "GELU", "silu": "SiLU", "softsign": "Softsign",
    "hardtanh": "Hardtanh", "relu6": "ReLU6", "logsigmoid": "LogSigmoid", "softplus": "Softplus", "relu": "ReLU",
    "sigmoid": "Sigmoid", "tanh": "Tanh", "softmin": "Softmin", "softmax": "Softmax", "log_softmax": "LogSoftmax",
    "glu": "GLU",
}  # fmt: skip


def run(variable, feeds=None):
    return ge.Engine("numpy").run(variable, feeds or {})


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


def derivatives(torch, ours, theirs, array, dtype):
    """Yield ours and theirs: value, gradient, gradient of a function of the gradient."""
    v = ge.input("v", array.shape, dtype)
    t = torch.tensor(array.astype(dtype), requires_grad=True)
    y, z = ours(v), theirs(t)
    weights = rng.normal(size=tuple(z.shape)).astype(dtype)
    first = ge.grad(ge.sum(y * weights), v)
    theirs_first = torch.autograd.grad((z * torch.tensor(weights)).sum(), t, create_graph=True)[0]
    second, theirs_second = ge.grad(ge.sum(ge.square(first)), v), torch.zeros_like(t)
    if theirs_first.requires_grad:
        theirs_second = torch.autograd.grad(theirs_first.square().sum(), t, allow_unused=True)[0]
        theirs_second = torch.zeros_like(t) if theirs_second is None else theirs_second
    results = ge.Engine("numpy").run([y, first, second], {v: array.astype(dtype)})
    yield from zip(results, (z, theirs_first, theirs_second), strict=True)


@pytest.mark.torch
@pytest.mark.parametrize("name, options", CASES)
@pytest.mark.parametrize("scale", [1, 30])
def test_like_pytorch(torch, name, options, scale):
    empty = (0, 4) if options.get("dim") != 0 else (4, 0)
    function, ours = getattr(torch.nn.functional, name), getattr(nn, name)
    for shape in [(4, 6), (2, 4, 2), empty]:
        array = rng.normal(size=shape) * scale
        pairs = derivatives(torch, lambda v: ours(v, **options), lambda t: function(t, **options), array, "float64")
        for got, expected in pairs:
            np.testing.assert_allclose(got, expected.detach(), rtol=1e-9, atol=1e-11)


@pytest.mark.torch
@pytest.mark.parametrize("name, options", CASES)
def test_like_pytorch_in_float32(torch, name, options):
    function = getattr(torch.nn.functional, name)
    array = rng.normal(size=(4, 6)) * 3
    pairs = derivatives(
        torch, lambda v: getattr(nn, name)(v, **options), lambda t: function(t, **options), array, "float32"
    )
    for (got, expected), tolerance in zip(pairs, (1e-6, 1e-5, 1e-4), strict=True):
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, expected.detach(), rtol=1e-5, atol=tolerance)


@pytest.mark.torch
@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name not in ("relu6", "softmin")])
def test_like_pytorch_at_kinks(torch, name):
    array = np.array([[0.0, -0.0], [1.0, -1.0], [6.0, 20.0]])
    function = getattr(torch.nn.functional, name)
    options = {"dim": -1} if "softmax" in name else {}
    pairs = derivatives(
        torch, lambda v: getattr(nn, name)(v, **options), lambda t: function(t, **options), array, "float64"
    )
    for _ in range(2):
        got, expected = next(pairs)
        np.testing.assert_allclose(got, expected.detach(), rtol=1e-9, atol=1e-12)


@pytest.mark.torch
@pytest.mark.parametrize(
    "shape, weights", [((4, 3), 3), ((4, 3), 1), ((2, 3, 5, 2), 3), ((2, 3, 5), 1), ((7,), 1), ((), 1)]
)
def test_prelu_like_pytorch(torch, shape, weights):
    x, weight, c = rng.normal(size=shape), rng.normal(size=weights), rng.normal(size=shape)
    v, w = ge.input("v", shape, "float64"), ge.input("w", weights, "float64")
    loss = ge.sum(ge.square(nn.prelu(v, w)) * c)
    t, u = torch.tensor(x, requires_grad=True), torch.tensor(weight, requires_grad=True)
    (torch.nn.functional.prelu(t, u).square() * torch.tensor(c)).sum().backward()
    for got, expected in zip(run(ge.grad(loss, [v, w]), {v: x, w: weight}), (t.grad, u.grad), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-10)


@pytest.mark.torch
@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_arguments_and_defaults_are_those_of_pytorch(torch, name):
    """But `inplace`, which has no meaning here; and `dim`, which is `axis` with the last dimension as its default."""
    native = {"gelu": {"input": "", "approximate": "none"}, "softsign": {"input": ""}, "logsigmoid": {"input": ""},
              "softplus": {"input": "", "beta": 1, "threshold": 20}}  # fmt: skip
    ours = [(p.name, p.default) for p in inspect.signature(getattr(nn, name)).parameters.values() if p.name != "axis"]
    if name in native:
        assert [argument for argument, _ in ours] == list(native[name])
        return
    parameters = inspect.signature(getattr(torch.nn.functional, name)).parameters.values()
    theirs = [(p.name, p.default) for p in parameters if p.name not in ("inplace", "_stacklevel", "dtype")]
    plain = [pair for pair in ours if pair[0] != "dim"]
    assert plain == [pair for pair in theirs if pair[0] != "dim"]
    assert ("dim" in dict(ours)) == ("dim" in dict(theirs))


@pytest.mark.parametrize("name, options", CASES)
def test_a_layer_is_its_function(name, options):
    values = ge.constant(np.linspace(-3, 3, 24).reshape(4, 6))
    layer = getattr(nn, LAYERS[name])(**options)
    np.testing.assert_array_equal(run(layer(values)), run(getattr(nn, name)(values, **options)))


@pytest.mark.parametrize("layer, function", [
    (nn.Sign(), nn.sign), (nn.Sign(-1), lambda x: nn.sign(x, -1)), (nn.Heaviside(1), lambda x: nn.heaviside(x, 1)),
    (nn.Maxout(3), lambda x: nn.maxout(x, 3)), (nn.Maxout(2, axis=0), lambda x: nn.maxout(x, 2, 0)),
])  # fmt: skip
def test_layers_that_pytorch_does_not_have(layer, function):
    values = ge.constant(np.linspace(-3, 3, 24).reshape(4, 6))
    np.testing.assert_array_equal(run(layer(values)), run(function(values)))


def test_prelu_learns_its_weight():
    x = ge.input("x", ("batch", 3))
    act = nn.PReLU(3)
    y = act(x)
    assert [name for name, _ in act.named_parameters()] == ["act.weight"]
    assert run(y, {x: [[-4, 4, -8]]}).tolist() == [[-1, 4, -2]]


def test_maxout_is_the_largest_of_each_group():
    x = rng.normal(size=(5, 12, 2))
    v = ge.input("v", ("batch", 12, 2), "float64")
    y = nn.maxout(v, 3, axis=1)
    assert y.shape == ("batch", 4, 2)
    np.testing.assert_array_equal(run(y, {v: x}), x.reshape(5, 4, 3, 2).max(2))


@pytest.mark.parametrize("function", [nn.glu, lambda x: nn.maxout(x, 2), lambda x: nn.maxout(x, 0)])
def test_a_dimension_that_cannot_be_parted_is_refused(function):
    with pytest.raises(ge.GraphEngineError, match=r"size 5|whole number"):
        function(ge.input("x", ("batch", 5)))


@pytest.mark.parametrize("function", [
    lambda x: nn.gelu(x, "erf"), lambda x: nn.softplus(x, beta=0), lambda x: nn.prelu(x, [0.1, 0.2]),
])  # fmt: skip
def test_options_that_make_no_sense_are_refused(function):
    x = ge.input("x", ("batch", 5))
    with pytest.raises(ge.GraphEngineError) as caught:
        function(x)
    assert "test_activations.py" in str(caught.value)


def test_an_activation_takes_the_name_it_is_assigned_to():
    x = ge.input("x", ("batch", 6))
    gated, largest, cut = nn.glu(x), nn.maxout(x, 2), nn.leaky_relu(x)
    assert (gated.name, largest.name, cut.name) == ("gated", "largest", "cut")
