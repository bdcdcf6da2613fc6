"""Normalisation against PyTorch in float64, running statistics over several steps, and what is refused."""

import re

import numpy as np
import pytest

import graph_engine as ge
from graph_engine import nn

pytestmark = pytest.mark.filterwarnings("ignore::graph_engine.UnusedVariableWarning")
random = np.random.default_rng(5)


def normal(*shape):
    return random.normal(size=shape) * 2 + 0.5


# ---- functions -------------------------------------------------------------------------------------------------

SHAPES = [(5, 3), (4, 3, 6), (2, 3, 4, 5), (2, 3, 2, 3, 2), (1, 3, 4), (3, 1, 2)]


@pytest.mark.torch
@pytest.mark.parametrize("affine", ["both", "weight", "neither"])
@pytest.mark.parametrize("shape", SHAPES)
def test_batch_norm_of_a_batch(like_torch, shape, affine):
    import torch.nn.functional as F

    weights = {"both": [normal(shape[1]), normal(shape[1])], "weight": [normal(shape[1])], "neither": []}[affine]
    like_torch(
        lambda x, *a: nn.batch_norm(x, None, None, *a, training=True),
        lambda x, *a: F.batch_norm(x, None, None, *a, training=True),
        normal(*shape), *weights,
    )  # fmt: skip


@pytest.mark.torch
@pytest.mark.parametrize("shape", SHAPES)
def test_batch_norm_by_running_statistics(like_torch, shape):
    c, eps = shape[1], float(random.uniform(1e-5, 0.1))
    mean, variance = normal(c), random.uniform(0.1, 2, c)
    import torch

    like_torch(
        lambda x, w, b: nn.batch_norm(x, mean, variance, w, b, eps=eps),
        lambda x, w, b: torch.nn.functional.batch_norm(x, torch.tensor(mean), torch.tensor(variance), w, b, eps=eps),
        normal(*shape), normal(c), normal(c),
    )  # fmt: skip


@pytest.mark.torch
@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_over_sigma_plus_epsilon(like_torch, training):
    """As lecture notes have it; PyTorch composes it."""

    def theirs(x, m, v, w):
        if training:
            m, v = x.mean((0, 2)), x.var((0, 2), correction=0)
        return (x - m[:, None]) / (v.sqrt() + 0.1)[:, None] * w[:, None]

    like_torch(
        lambda x, m, v, w: nn.batch_norm(x, m, v, w, training=training, eps=0.1, denominator="deviation"),
        theirs, normal(4, 3, 5), normal(3), random.uniform(0.2, 2, 3), normal(3),
    )  # fmt: skip


@pytest.mark.torch
@pytest.mark.parametrize("affine", ["both", "weight", "bias", "neither"])
@pytest.mark.parametrize(("shape", "count"), [((5, 4), 1), ((2, 3, 4), 1), ((2, 3, 4), 2), ((4,), 1), ((2, 1), 1)])
def test_layer_norm(like_torch, shape, count, affine):
    import torch.nn.functional as F

    last, eps = shape[-count:], float(random.uniform(1e-5, 0.1))
    arrays = [normal(*last) for _ in range({"both": 2, "neither": 0}.get(affine, 1))]

    def given(a):
        return (None, *a) if affine == "bias" else a

    like_torch(
        lambda x, *a: nn.layer_norm(x, last, *given(a), eps=eps),
        lambda x, *a: F.layer_norm(x, last, *given(a), eps=eps),
        normal(*shape), *arrays, second=affine != "bias",  # PyTorch's second derivative fails with a bias alone
    )  # fmt: skip


@pytest.mark.torch
@pytest.mark.parametrize("eps", [None, 0.1])
@pytest.mark.parametrize(("shape", "count"), [((5, 4), 1), ((2, 3, 4), 2), ((4,), 1)])
def test_rms_norm(like_torch, shape, count, eps):
    import torch.nn.functional as F

    last = shape[-count:]
    ours, theirs = (lambda x, w: nn.rms_norm(x, last, w, eps)), (lambda x, w: F.rms_norm(x, last, w, eps))
    like_torch(ours, theirs, normal(*shape), normal(*last))


@pytest.mark.torch
@pytest.mark.parametrize(("shape", "groups"), [((2, 6), 3), ((2, 6, 4), 2), ((2, 4, 3, 2), 4), ((1, 6, 2, 2), 1)])
def test_group_norm(like_torch, shape, groups):
    import torch.nn.functional as F

    like_torch(
        lambda x, w, b: nn.group_norm(x, groups, w, b), lambda x, w, b: F.group_norm(x, groups, w, b),
        normal(*shape), normal(shape[1]), normal(shape[1]),
    )  # fmt: skip


@pytest.mark.torch
@pytest.mark.parametrize("shape", [(2, 3, 4), (2, 3, 4, 2), (1, 2, 2, 2, 3)])
def test_instance_norm(like_torch, shape):
    import torch.nn.functional as F

    like_torch(
        lambda x, w, b: nn.instance_norm(x, weight=w, bias=b), lambda x, w, b: F.instance_norm(x, weight=w, bias=b),
        normal(*shape), normal(shape[1]), normal(shape[1]),
    )  # fmt: skip


@pytest.mark.torch
@pytest.mark.parametrize("p", [1.0, 2.0, 3.0, float("inf")])
@pytest.mark.parametrize("dim", [0, 1, -1])
def test_normalize(like_torch, p, dim):
    import torch.nn.functional as F

    like_torch(lambda x: nn.normalize(x, p, dim), lambda x: F.normalize(x, p, dim), normal(3, 4, 5))


def test_the_zero_vector_keeps_a_finite_gradient(run):
    x = ge.input("x", (1, 3), "float64")
    gradient = ge.grad(ge.sum(nn.normalize(x)), x)
    assert run(gradient, {x: np.zeros((1, 3))}).tolist() == [[1e12] * 3]  # divided by eps, as in PyTorch


def test_constant_channels_give_the_bias(run):
    y = nn.batch_norm(ge.ones((4, 2)), None, None, None, [1.0, 2.0], training=True)
    assert run(y).tolist() == [[1.0, 2.0]] * 4


def test_float32_is_close_to_float64_far_from_zero(run):
    x = (random.normal(size=(64, 8)) + 100).astype("float32")
    for function in (lambda v: nn.batch_norm(v, None, None, training=True), lambda v: nn.layer_norm(v, 8)):
        exact = run(function(ge.constant(x.astype("float64"))))
        np.testing.assert_allclose(run(function(ge.constant(x))), exact, atol=1e-4)


def test_half_precision_stays_half(run):
    x = ge.constant(normal(6, 4).astype("float16"))
    for y in (nn.layer_norm(x, 4), nn.batch_norm(x, None, None, training=True)):
        assert y.dtype == "float16" and abs(run(y).astype(float).mean()) < 1e-2


# ---- layers ----------------------------------------------------------------------------------------------------

LAYERS = [
    ("BatchNorm1d", (4,), {}, (5, 4)),
    ("BatchNorm1d", (4,), {"affine": False}, (5, 4, 3)),
    ("BatchNorm2d", (4,), {"eps": 0.1}, (5, 4, 3, 2)),
    ("BatchNorm3d", (4,), {}, (3, 4, 3, 2, 2)),
    ("BatchNorm1d", (4,), {"track_running_stats": False}, (5, 4)),
    ("InstanceNorm1d", (4,), {}, (2, 4, 3)),
    ("InstanceNorm2d", (4,), {"affine": True}, (2, 4, 3, 2)),
    ("InstanceNorm2d", (4,), {"affine": True}, (4, 3, 2)),
    ("InstanceNorm3d", (4,), {}, (2, 4, 3, 2, 2)),
    ("LayerNorm", (4,), {}, (2, 3, 4)),
    ("LayerNorm", ((3, 4),), {"bias": False}, (2, 3, 4)),
    ("LayerNorm", (4,), {"elementwise_affine": False}, (2, 3, 4)),
    ("RMSNorm", (4,), {}, (2, 3, 4)),
    ("GroupNorm", (2, 4), {}, (2, 4, 3)),
    ("GroupNorm", (2, 4), {"affine": False}, (2, 4)),
]


@pytest.mark.torch
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("name", "arguments", "options", "shape"), LAYERS)
def test_layers(layer_like_torch, name, arguments, options, shape, training):
    import torch

    ours = getattr(nn, name)(*arguments, **options, dtype="float64")
    theirs = getattr(torch.nn, name)(*arguments, **options, dtype=torch.float64).train(training)

    def call(layer, x):
        if not training:
            return layer(x)
        with nn.training():
            return layer(x)

    layer_like_torch(ours, theirs, normal(*shape), call=call, their_call=lambda layer, x: layer(x))


@pytest.mark.torch
@pytest.mark.parametrize("batch", [6, "n"])
@pytest.mark.parametrize("momentum", [0.1, 0.7, None])
@pytest.mark.parametrize("uses", [1, 2])
def test_running_statistics_over_several_steps(momentum, uses, batch):
    torch = pytest.importorskip("torch")
    bn = nn.BatchNorm2d(3, momentum=momentum, dtype="float64")
    theirs = torch.nn.BatchNorm2d(3, momentum=momentum, dtype=torch.float64)
    x = ge.input("x", (batch, 3, 2, 2), "float64")
    with nn.training() as mode:
        y = x
        for _ in range(uses):
            y = bn(y * 2.0)
    engine = ge.Engine("numpy")
    step = engine.compile([x], ge.sum(y), updates=mode.updates)
    for _ in range(4):
        value = normal(6, 3, 2, 2)
        step(value)
        tensor = torch.tensor(value)
        for _ in range(uses):
            tensor = theirs(tensor * 2.0)
    for name in ("running_mean", "running_var", "num_batches_tracked"):
        np.testing.assert_allclose(engine.value(getattr(bn, name)), getattr(theirs, name).numpy(), rtol=1e-12)
    theirs.eval()
    last = normal(6, 3, 2, 2)
    np.testing.assert_allclose(engine.run(bn(x), {x: last}), theirs(torch.tensor(last)).detach(), rtol=1e-11)


def test_a_traced_step_updates_the_same(run):
    bn, x = nn.BatchNorm1d(2), ge.input("x", ("batch", 2))
    with nn.training() as mode:
        loss = ge.sum(ge.square(bn(x)))
    updates = ge.optim.SGD(0.1).minimize(loss) | mode.updates
    value = np.array([[1.0, 2.0], [3.0, 6.0]])
    engine = ge.Engine("numpy")
    trace = engine.compile([x], loss, updates=updates).trace(value)
    assert "update" in [step.phase for step in trace.steps]
    np.testing.assert_allclose(engine.value(bn.running_mean), [0.2, 0.4], rtol=1e-6)
    np.testing.assert_allclose(engine.value(bn.running_var), [0.9 + 0.2, 0.9 + 0.8], rtol=1e-6)


def test_training_and_evaluation_differ_by_the_graph():
    bn, x = nn.BatchNorm1d(2), ge.input("x", ("batch", 2))
    with nn.training() as mode:
        trained = bn(x)
    evaluated = bn(x)
    kinds = [[op.primitive.name for op in ge.Graph(y).operations] for y in (trained, evaluated)]
    assert kinds == [["batch_statistics", "batch_norm"], ["batch_norm"]]
    assert set(ge.Graph(evaluated).parameters) == {bn.weight, bn.bias, bn.running_mean, bn.running_var}
    assert set(mode.updates) == {bn.running_mean, bn.running_var, bn.num_batches_tracked}
    assert not any(p.trainable for p in mode.updates)


def test_without_running_statistics_every_batch_counts_by_itself():
    bn, x = nn.BatchNorm1d(2, track_running_stats=False), ge.input("x", ("batch", 2))
    assert bn.running_mean is None
    with nn.training() as mode:
        bn(x)
    assert not mode.updates
    assert "batch_statistics" in [op.primitive.name for op in ge.Graph(bn(x)).operations]


# ---- refusals --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1, 3), (1, 3, 1)])
def test_one_value_for_each_channel_is_refused(shape):
    bn = nn.BatchNorm1d(3)
    with nn.training(), pytest.raises(ge.ShapeError, match=r"one value for each channel.*\n.*\n.*running statistics"):
        bn(ge.input("x", shape))
    assert bn(ge.input("x", shape)).shape == shape


def test_a_named_batch_of_one_is_refused_when_it_comes():
    bn, x = nn.BatchNorm1d(3), ge.input("x", ("batch", 3))
    with nn.training():
        loss = ge.sum(bn(x))
    engine = ge.Engine("numpy")
    engine.trace(loss, {x: np.ones((2, 3))})
    with pytest.raises(ge.GuardError, match="one value for each channel has no variance"):
        engine.trace(loss, {x: np.ones((1, 3))})
    with pytest.raises(ge.GuardError, match="larger batch"):
        engine.compile([x], loss, guards=["values"])(np.ones((1, 3)))


X = np.ones((4, 3), "float32")
REFUSED = [
    (lambda: nn.BatchNorm1d(4)(X), ge.ShapeError, "takes 4 channels"),
    (lambda: nn.BatchNorm2d(3)(X), ge.ShapeError, "of 4 dimensions"),
    (lambda: nn.batch_norm(X, None, None), ge.DeclarationError, "needs running_mean and running_var"),
    (lambda: nn.batch_norm(X, [0.0], [1.0]), ge.ShapeError, "3 channels"),
    (lambda: nn.batch_norm(X, X[0], X[0], denominator="sigma"), ge.DeclarationError, "no denominator"),
    (lambda: nn.layer_norm(X, 4), ge.ShapeError, "not the normalised ones"),
    (lambda: nn.layer_norm(X, 3, X[:, 0]), ge.ShapeError, r"shape \(4,\) is not \(3,\)"),
    (lambda: nn.group_norm(X, 2), ge.ShapeError, "not divided evenly into 2 groups"),
    (lambda: nn.instance_norm(X), ge.ShapeError, "one value for each channel"),
    (lambda: nn.instance_norm(X[..., None]), ge.ShapeError, "one value for each channel"),
    (lambda: nn.normalize(X, 0.0), ge.DeclarationError, "order p > 0"),
]


@pytest.mark.parametrize(("declare", "error", "message"), REFUSED)
def test_refused(declare, error, message):
    with pytest.raises(error) as caught:
        declare()
    assert re.search(message, caught.value.message)
    assert "test_normalization.py" in str(caught.value)
