"""Layers and losses against PyTorch in float64: values and gradients."""

import numpy as np
import pytest

import graph_engine as ge
from graph_engine import nn

pytestmark = pytest.mark.torch
rng = np.random.default_rng(3)


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


def compare(torch, ours, inputs, theirs):
    """Compare a loss of some float64 inputs with PyTorch's, and its gradients."""
    variables = [ge.input(f"x{i}", value.shape, "float64") for i, value in enumerate(inputs)]
    trace = ge.Engine("numpy").trace(ours(*variables), dict(zip(variables, inputs, strict=True)))
    tensors = [torch.tensor(value, requires_grad=True) for value in inputs]
    expected = theirs(*tensors)
    expected.backward()
    np.testing.assert_allclose(trace.value(trace.outputs[0]), expected.detach(), rtol=1e-12, atol=1e-14)
    for variable, tensor in zip(variables, tensors, strict=True):
        np.testing.assert_allclose(trace.grad(variable), tensor.grad, rtol=1e-10, atol=1e-13)


ACTIVATIONS = ["relu", "sigmoid", "tanh", "softplus", "softmax", "log_softmax"]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(torch, name):
    x, weights = rng.normal(size=(4, 5)) * 4, rng.normal(size=(4, 5))
    options = {"dim": -1} if "softmax" in name else {}
    compare(
        torch, lambda v: ge.sum(getattr(nn, name)(v) * weights), [x],
        lambda t: (getattr(torch.nn.functional, name)(t, **options) * torch.tensor(weights)).sum(),
    )  # fmt: skip


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "binary_cross_entropy", "binary_cross_entropy_with_logits"])
def test_losses_of_numbers(torch, name, reduction):
    x, target = rng.uniform(0.01, 0.99, (6, 3)), rng.uniform(size=(6, 3))
    compare(
        torch, lambda v: getattr(nn, name)(v, target, reduction=reduction), [x],
        lambda t: getattr(torch.nn.functional, name)(t, torch.tensor(target), reduction=reduction),
    )  # fmt: skip


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("name", ["cross_entropy", "nll_loss"])
def test_losses_of_classes(torch, name, reduction):
    x, labels = rng.normal(size=(6, 4)) * 5, rng.integers(0, 4, 6)
    compare(
        torch, lambda v: getattr(nn, name)(v, labels, reduction=reduction), [x],
        lambda t: getattr(torch.nn.functional, name)(t, torch.tensor(labels), reduction=reduction),
    )  # fmt: skip


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(3,), (5, 3), (2, 5, 3)])
def test_linear(torch, shape, bias):
    layer = nn.Linear(3, 4, bias=bias, dtype="float64")
    theirs = torch.nn.Linear(3, 4, bias=bias, dtype=torch.float64)
    with torch.no_grad():
        theirs.weight.copy_(torch.tensor(layer.weight.data))
        if bias:
            theirs.bias.copy_(torch.tensor(layer.bias.data))
    x = rng.normal(size=shape)
    compare(torch, lambda v: ge.sum(ge.square(layer(v))), [x], lambda t: theirs(t).square().sum())
    v = ge.input("v", shape, "float64")
    trace = ge.Engine("numpy").trace(ge.sum(ge.square(layer(v))), {v: x})
    theirs.zero_grad()
    theirs(torch.tensor(x)).square().sum().backward()
    for parameter, tensor in zip(layer.parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(trace.grad(parameter), tensor.grad, rtol=1e-12)


def test_a_classifier_with_a_named_batch(torch):
    images, labels = ge.input("images", ("batch", 5), "float64"), ge.input("labels", "batch", "int64")
    net = nn.Sequential(
        nn.Linear(5, 7, dtype="float64"), nn.ReLU(), nn.Linear(7, 3, dtype="float64"), nn.Tanh(),
        nn.Linear(3, 4, dtype="float64"),
    )  # fmt: skip
    loss = nn.cross_entropy(net(images), labels)
    theirs = torch.nn.Sequential(
        torch.nn.Linear(5, 7), torch.nn.ReLU(), torch.nn.Linear(7, 3), torch.nn.Tanh(), torch.nn.Linear(3, 4)
    ).double()
    with torch.no_grad():
        for parameter, tensor in zip(net.parameters(), theirs.parameters(), strict=True):
            tensor.copy_(torch.tensor(parameter.data))
    engine = ge.Engine("numpy")
    for batch in (1, 9):
        x, y = rng.normal(size=(batch, 5)), rng.integers(0, 4, batch)
        trace = engine.trace(loss, {images: x, labels: y})
        theirs.zero_grad()
        expected = torch.nn.functional.cross_entropy(theirs(torch.tensor(x)), torch.tensor(y))
        expected.backward()
        np.testing.assert_allclose(trace.value(loss), expected.detach(), rtol=1e-12)
        for parameter, tensor in zip(net.parameters(), theirs.parameters(), strict=True):
            np.testing.assert_allclose(trace.grad(parameter), tensor.grad, rtol=1e-9, atol=1e-14)


def test_weights_begin_as_pytorch_lets_them(torch):
    """Not the same numbers, but the same distribution: bounds and deviation."""
    theirs = torch.nn.Linear(50, 2000)
    ours = nn.Linear(50, 2000)
    for parameter, tensor in zip(ours.parameters(), theirs.parameters(), strict=True):
        values, reference = parameter.data, tensor.detach().numpy()
        assert values.shape == reference.shape and values.dtype == reference.dtype
        assert abs(np.abs(values).max() - np.abs(reference).max()) < 1e-3
        assert abs(values.std() / reference.std() - 1) < 0.05
