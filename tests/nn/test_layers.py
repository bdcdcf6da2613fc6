"""Layers and losses: shapes, values known beforehand, and what is refused."""

import numpy as np
import pytest

import graph_engine as ge
from graph_engine import nn


def run(variable, feeds=None):
    return ge.Engine("numpy").run(variable, feeds or {})


def test_linear_is_the_textbook_formula():
    x = ge.input("x", ("batch", 3))
    fc1 = nn.Linear(3, 2)
    values = np.arange(12.0, dtype="float32").reshape(4, 3)
    expected = values @ fc1.weight.data.T + fc1.bias.data
    np.testing.assert_allclose(run(fc1(x), {x: values}), expected, rtol=1e-6)


@pytest.mark.parametrize("shape", [(3,), ("n", 3), ("n", "time", 3), (0, 3)])
def test_linear_works_along_the_last_dimension(shape):
    assert nn.Linear(3, 2)(ge.input("x", shape)).shape == (*shape[:-1], 2)


def test_linear_without_bias():
    layer = nn.Linear(3, 2, bias=False)
    assert layer.bias is None and len(layer.parameters()) == 1


@pytest.mark.parametrize("shape", [(), (4,), ("n", 4), ("n", "features")])
def test_linear_refuses_other_features(shape):
    x = ge.input("x", shape)
    fc1 = nn.Linear(3, 2)
    with pytest.raises(ge.ShapeError, match="fc1 takes 3 features") as caught:
        fc1(x)
    assert "fc1(x)" in str(caught.value)


@pytest.mark.parametrize("size", [-1, 2.5, "3", True, None])
def test_linear_refuses_sizes_that_are_none(size):
    with pytest.raises(ge.DeclarationError, match="in_features"):
        nn.Linear(size, 2)


def test_linear_refuses_integer_weights():
    with pytest.raises(ge.DTypeError, match="real numbers"):
        nn.Linear(2, 2, dtype="int64")


def test_sequential_refuses_what_is_no_layer():
    with pytest.raises(ge.DeclarationError, match="no layer"):
        nn.Sequential(nn.Linear(2, 2), 3)


def test_unflatten_leaves_one_size_open():
    x = ge.input("x", ("batch", 12, 2))
    assert nn.Unflatten(1, (-1, 3))(x).shape == nn.Unflatten(-2, [4, 3])(x).shape == ("batch", 4, 3, 2)
    with pytest.raises(ge.ShapeError, match="do not fill shape"):
        nn.Unflatten(1, 5)(x)


def test_the_batch_can_change_from_run_to_run():
    x = ge.input("x", ("batch", 3))
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2), nn.Softmax())
    engine = ge.Engine("numpy")
    out = net(x)
    for batch in (1, 5, 0):
        assert engine.run(out, {x: np.ones((batch, 3), "float32")}).shape == (batch, 2)


@pytest.mark.parametrize("function, layer", [
    (nn.relu, nn.ReLU()), (nn.sigmoid, nn.Sigmoid()), (nn.tanh, nn.Tanh()), (nn.softplus, nn.Softplus()),
    (nn.identity, nn.Identity()), (nn.softmax, nn.Softmax()), (nn.log_softmax, nn.LogSoftmax()),
    (lambda x: nn.softmax(x, axis=0), nn.Softmax(axis=0)),
])  # fmt: skip
def test_activation_layers_are_their_functions(function, layer):
    values = np.linspace(-3, 3, 12).reshape(3, 4)
    np.testing.assert_array_equal(run(function(ge.constant(values))), run(layer(ge.constant(values))))


# ---- losses ----------------------------------------------------------------------------------------------------


def test_cross_entropy_of_huge_scores():
    loss = nn.cross_entropy(ge.constant([[1e4, 0.0], [0.0, -1e4]]), ge.constant([0, 1]), reduction="none")
    assert run(loss).tolist() == [0.0, 1e4]


def test_cross_entropy_is_nll_of_log_softmax():
    logits = ge.constant(np.sin(np.arange(12.0)).reshape(4, 3))
    labels = ge.constant([0, 2, 1, 1])
    one = nn.cross_entropy(logits, labels)
    other = nn.nll_loss(nn.log_softmax(logits), labels)
    np.testing.assert_allclose(run(one), run(other), rtol=1e-12)


def test_reductions():
    x, t = ge.constant([1.0, 2.0, 4.0]), ge.constant([1.0, 1.0, 1.0])
    values = {r: run(nn.mse_loss(x, t, reduction=r)).tolist() for r in ("none", "sum", "mean")}
    assert values["none"] == [0.0, 1.0, 9.0] and values["sum"] == 10.0
    assert values["mean"] == pytest.approx(10 / 3)


def test_an_unknown_reduction_is_refused():
    with pytest.raises(ge.DeclarationError, match=r"(?s)mse_loss.*'avg'.*choose mean, sum, none"):
        nn.mse_loss(ge.constant([1.0]), ge.constant([1.0]), reduction="avg")


@pytest.mark.parametrize(
    "loss", [nn.mse_loss, nn.l1_loss, nn.binary_cross_entropy, nn.binary_cross_entropy_with_logits]
)
def test_shapes_that_would_broadcast_to_all_pairs_are_refused(loss):
    prediction, target = ge.input("prediction", ("batch", 1)), ge.input("target", "batch")
    with pytest.raises(ge.ShapeError, match=r"\(batch, 1\).*\(batch,\)"):
        loss(prediction, target)


def test_a_number_as_target_is_as_exact_as_the_prediction():
    assert run(nn.l1_loss(np.zeros(2), 0.1)) == 0.1


def test_a_target_can_be_one_number():
    assert run(nn.binary_cross_entropy_with_logits(ge.constant([0.0, 0.0]), 1.0)) == pytest.approx(np.log(2))


@pytest.mark.parametrize("loss", [nn.cross_entropy, nn.nll_loss])
def test_labels_of_another_shape_are_refused(loss):
    with pytest.raises(ge.ShapeError):
        loss(ge.input("logits", ("batch", 3)), ge.input("labels", ("batch", 1), "int64"))


def test_binary_cross_entropy_at_the_ends():
    p = ge.input("p", 4)
    loss = nn.binary_cross_entropy(p, np.array([0, 1, 0, 1.0], "float32"), reduction="none")
    trace = ge.Engine("numpy").trace(ge.sum(loss), {p: [0, 1, 1, 0]})
    np.testing.assert_allclose(trace.value(loss), [0, 0, 100, 100], rtol=1e-3)
    assert np.isfinite(trace.grad(p)).all()


def test_binary_cross_entropy_from_logits_is_exact_where_the_model_is_right():
    loss = nn.binary_cross_entropy_with_logits(ge.constant([50.0, -50.0]), ge.constant([1.0, 0.0]), reduction="none")
    np.testing.assert_allclose(run(loss), np.exp(-50.0), rtol=1e-5)


def test_the_loss_takes_the_name_it_is_assigned_to():
    x = ge.input("x", ("batch", 3))
    error = nn.mse_loss(x, 0.0)
    assert error.name == "error"
    assert ge.Graph(error).name_of(error.operation.inputs[0]) != "error"
