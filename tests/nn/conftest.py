"""What the tests of layers share: comparing a layer with PyTorch's, up to second derivatives."""

import re

import numpy as np
import pytest

import graph_engine as ge
from tests.primitives.conftest import like_torch, run  # noqa: F401


@pytest.fixture
def layer_like_torch():
    """Return a function that compares a float64 layer and PyTorch's, with the same random weights.

    Values, gradients in inputs and parameters, and the gradients of those.
    """
    torch = pytest.importorskip("torch")

    def compare(ours, theirs, *arrays, call=lambda layer, *inputs: layer(*inputs), their_call=None, second=True):
        random, engine = np.random.default_rng(1), ge.Engine("numpy")
        inputs = [ge.input(f"x{i}", a.shape, "float64") for i, a in enumerate(arrays)]
        tensors = [torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in arrays]
        parameters = [p for p in ours.parameters() if p.trainable]
        names = [torch_name(ours, p) for p in parameters]
        known = dict(theirs.named_parameters())
        assert sorted(names) == sorted(known)
        for parameter, name in zip(parameters, names, strict=True):
            value = random.normal(size=parameter.shape) * 0.5
            engine.set_value(parameter, value)
            with torch.no_grad():
                known[name].copy_(torch.tensor(value))
        wanted = as_list(call(ours, *inputs))
        with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):  # the others have no second derivative
            expected = as_list((their_call or call)(theirs, *tensors))
        ours_all, theirs_all = inputs + parameters, tensors + [known[name] for name in names]
        feeds = dict(zip(inputs, arrays, strict=True))
        for _ in range(2 if second else 1):
            agree(engine.run(wanted, feeds), expected)
            weights = [random.normal(size=tuple(t.shape)) for t in expected]
            loss = sum(ge.sum(v * w) for v, w in zip(wanted, weights, strict=True))
            torch_loss = sum((t * torch.tensor(w)).sum() for t, w in zip(expected, weights, strict=True))
            expected = torch.autograd.grad(torch_loss, theirs_all, create_graph=True, materialize_grads=True)
            wanted = ge.grad(loss, ours_all)
        agree(engine.run(wanted, feeds), expected)

    return compare


def agree(results, tensors):
    for result, tensor in zip(results, tensors, strict=True):
        assert result.shape == tuple(tensor.shape)
        np.testing.assert_allclose(result, tensor.detach().numpy(), rtol=1e-9, atol=1e-10)


def as_list(value):
    return [v for v in value if v is not None] if isinstance(value, tuple) else [value]


def torch_name(module, parameter):
    """Return what PyTorch calls a parameter: layers of a list are counted from 0."""
    inner = parameter.name.removeprefix(module.name + ".")
    return re.sub(r"layers(\d+)", lambda match: f"layers.{int(match[1]) - 1}", inner)
