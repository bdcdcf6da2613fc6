"""What the tests of primitives share: evaluating a graph, and comparing with PyTorch up to second derivatives."""

import numpy as np
import pytest

import graph_engine as ge


@pytest.fixture
def run():
    """Return a function that evaluates variables on NumPy."""
    return lambda outputs, feeds=None: ge.Engine("numpy").run(outputs, feeds or {})


@pytest.fixture
def like_torch():
    """Return a function that compares values, gradients and gradients of gradients with PyTorch in float64."""
    torch = pytest.importorskip("torch")

    def compare(function, reference, *arrays, second=True):
        inputs = [ge.input(f"x{i}", a.shape, "float64") for i, a in enumerate(arrays)]
        tensors = [torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in arrays]
        ours, theirs = function(*inputs), reference(*tensors)
        rng = np.random.default_rng(0)
        wanted, expected = [ours], [theirs]
        for _ in range(2 if second else 1):
            weights = [rng.standard_normal(tuple(v.shape)) for v in expected]
            loss = sum(ge.sum(v * w) for v, w in zip(wanted, weights, strict=True))
            torch_loss = sum((v * torch.tensor(w)).sum() for v, w in zip(expected, weights, strict=True))
            check(wanted, expected, inputs, arrays)
            if not torch_loss.requires_grad:  # linear: its gradient does not depend on the inputs
                return
            expected = torch.autograd.grad(torch_loss, tensors, create_graph=True, materialize_grads=True)
            wanted = ge.grad(loss, inputs)
        check(wanted, expected, inputs, arrays)

    def check(wanted, expected, inputs, arrays):
        results = ge.Engine("numpy").run(list(wanted), dict(zip(inputs, arrays, strict=True)))
        for result, tensor in zip(results, expected, strict=True):
            assert result.shape == tuple(tensor.shape)
            np.testing.assert_allclose(result, tensor.detach().numpy(), rtol=1e-9, atol=1e-11)

    return compare
