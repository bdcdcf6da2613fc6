"""Recurrent networks against PyTorch, with the same weights: values, gradients, gradients of gradients."""

import numpy as np
import pytest

import graph_engine as ge
from graph_engine import nn
from graph_engine.passes import unroll

rng = np.random.default_rng(5)
KINDS = ["RNN", "LSTM", "GRU"]


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


def twin(torch, ours, *args, **options):
    """Return PyTorch's layer of the same name, arguments and weights."""
    theirs = getattr(torch.nn, type(ours).__name__)(*args, **options, dtype=torch.float64)
    names = [name for name, _ in theirs.named_parameters()]
    assert names == [v.name.rpartition(".")[2] for v in ours.parameters()]
    with torch.no_grad():
        for name, tensor in theirs.named_parameters():
            assert getattr(ours, name).shape == tuple(tensor.shape)
            tensor.copy_(torch.tensor(getattr(ours, name).data))
    return theirs


def flat(result):
    """List the variables or tensors in nested tuples."""
    return [v for part in result for v in flat(part)] if isinstance(result, (tuple, list)) else [result]


def compare(torch, ours, theirs, arrays, state_of=lambda states: states, second=True, tolerance=1e-9):
    """Compare values, gradients in inputs and weights, and the gradients of a sum of squared gradients."""
    dtype = ours.parameters()[0].dtype
    inputs = [ge.input(f"x{i}", a.shape, dtype) for i, a in enumerate(arrays)]
    tensors = [torch.tensor(a, dtype=getattr(torch, dtype), requires_grad=True) for a in arrays]

    def call(layer, values):
        return flat(layer(values[0], state_of(values[1:])) if len(values) > 1 else layer(values[0]))

    outputs, expected = call(ours, inputs), call(theirs, tensors)
    targets, torch_targets = [*inputs, *ours.parameters()], [*tensors, *theirs.parameters()]
    weights = [rng.normal(size=tuple(t.shape)) for t in expected]
    loss = sum(ge.sum(ge.square(v) * w.astype(dtype)) for v, w in zip(outputs, weights, strict=True))
    pairs = zip(expected, weights, strict=True)
    torch_loss = sum((t.square() * torch.tensor(w, dtype=t.dtype)).sum() for t, w in pairs)
    wanted, expected = list(outputs), list(expected)
    gradients = ge.grad(loss, targets)
    torch_gradients = torch.autograd.grad(torch_loss, torch_targets, create_graph=second)
    wanted += gradients
    expected += torch_gradients
    if second:
        wanted += ge.grad(sum(ge.sum(g * g) for g in gradients), targets)
        expected += torch.autograd.grad(sum((g * g).sum() for g in torch_gradients), torch_targets)
    results = ge.Engine("numpy").run(wanted, dict(zip(inputs, arrays, strict=True)))
    for got, tensor in zip(results, expected, strict=True):
        assert got.shape == tuple(tensor.shape)
        scale = max(1.0, float(tensor.detach().abs().max()))
        np.testing.assert_allclose(got, tensor.detach().numpy(), rtol=tolerance, atol=tolerance * scale)


@pytest.mark.torch
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "options",
    [{}, {"num_layers": 2}, {"bidirectional": True}, {"batch_first": True}, {"bias": False},
     {"num_layers": 2, "bidirectional": True, "batch_first": True}],
    ids=str,
)  # fmt: skip
def test_networks(torch, kind, options):
    ours = getattr(nn, kind)(3, 4, **options, name="net", dtype="float64")
    compare(torch, ours, twin(torch, ours, 3, 4, **options), [rng.normal(size=(5, 2, 3))])


@pytest.mark.torch
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("batch", [(2,), ()])
def test_with_a_first_state(torch, kind, batch):
    options = {"num_layers": 2, "bidirectional": True}
    ours = getattr(nn, kind)(3, 4, **options, name="net", dtype="float64")
    states = [rng.normal(size=(4, *batch, 4)) for _ in range(2 if kind == "LSTM" else 1)]
    compare(
        torch, ours, twin(torch, ours, 3, 4, **options), [rng.normal(size=(4, *batch, 3)), *states],
        tuple if kind == "LSTM" else lambda found: found[0],
    )  # fmt: skip


@pytest.mark.torch
@pytest.mark.parametrize("kind", KINDS)
def test_twenty_steps_in_float32(torch, kind):
    ours = getattr(nn, kind)(3, 8, name="net")
    theirs = twin(torch, ours, 3, 8).float()
    compare(torch, ours, theirs, [rng.normal(size=(20, 4, 3)).astype("float32")], second=False, tolerance=1e-5)


@pytest.mark.torch
def test_with_relu(torch):
    ours = nn.RNN(3, 4, 1, "relu", name="net", dtype="float64")
    compare(torch, ours, twin(torch, ours, 3, 4, 1, "relu"), [rng.normal(size=(5, 2, 3))])


@pytest.mark.torch
@pytest.mark.parametrize("kind", ["RNNCell", "LSTMCell", "GRUCell"])
@pytest.mark.parametrize("batch", [(2,), ()])
@pytest.mark.parametrize("given", [True, False])
@pytest.mark.parametrize("bias", [True, False])
def test_cells(torch, kind, batch, given, bias):
    ours = getattr(nn, kind)(3, 4, bias, name="cell", dtype="float64")
    states = [rng.normal(size=(*batch, 4)) for _ in range(2 if kind == "LSTMCell" else 1)] if given else []
    compare(
        torch, ours, twin(torch, ours, 3, 4, bias), [rng.normal(size=(*batch, 3)), *states],
        tuple if kind == "LSTMCell" else lambda found: found[0],
    )  # fmt: skip


@pytest.mark.torch
@pytest.mark.parametrize("kind", KINDS)
def test_sequences_of_several_lengths_are_packed_sequences(torch, kind):
    ours = getattr(nn, kind)(3, 4, bidirectional=True, name="net", dtype="float64")
    theirs = twin(torch, ours, 3, 4, bidirectional=True)
    values, lengths = rng.normal(size=(6, 3, 3)), np.array([2, 6, 1])
    x, steps = ge.input("x", ("time", "batch", 3), "float64"), ge.input("steps", "batch", "int64")
    found = flat(ours(x, lengths=steps))
    slope = ge.grad(sum(ge.sum(v * v) for v in found), x)
    tensor = torch.tensor(values, requires_grad=True)
    packed = torch.nn.utils.rnn.pack_padded_sequence(tensor, torch.tensor(lengths), enforce_sorted=False)
    output, state = theirs(packed)
    expected = [torch.nn.utils.rnn.pad_packed_sequence(output)[0], *flat(state)]
    expected += torch.autograd.grad(sum((v * v).sum() for v in expected), tensor)
    for got, wanted in zip(ge.Engine("numpy").run([*found, slope], {x: values, steps: lengths}), expected, strict=True):
        np.testing.assert_allclose(got, wanted.detach(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_declared_step_by_step_it_computes_the_same(kind):
    rolled, written = (
        getattr(nn, kind)(3, 4, 2, bidirectional=True, unroll=unroll, name="net", dtype="float64")
        for unroll in (False, True)
    )
    x = ge.input("x", (4, 2, 3), "float64")
    feeds = {x: rng.normal(size=(4, 2, 3))}
    results = []
    for layer in (rolled, written):
        outputs = flat(layer(x))
        gradients = ge.grad(sum(ge.sum(ge.square(v)) for v in outputs), [x, *layer.parameters()])
        results.append(ge.Engine("numpy").run([*outputs, *gradients], feeds))
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14)
    scopes = {op.scope for op in ge.Graph(written(x)[0]).operations}
    assert ("net", "l1_reverse", "t3") in scopes


def test_dropout_between_layers_in_training_only():
    layer = nn.GRU(3, 4, num_layers=2, dropout=0.5)
    x = ge.input("x", (5, 2, 3))
    feeds = {x: rng.normal(size=(5, 2, 3))}
    engine = ge.Engine("numpy")
    plain = engine.run(layer(x)[0], feeds)
    with nn.training():
        dropped = engine.run(layer(x)[0], feeds)
    assert not np.allclose(plain, dropped)
    np.testing.assert_array_equal(plain, engine.run(layer(x)[0], feeds))


def test_weights_begin_within_one_over_the_root_of_the_hidden_size():
    lstm = nn.LSTM(3, 16)
    bound = max(float(np.abs(v.data).max()) for v in lstm.parameters())
    assert 0.23 < bound <= 0.25


def test_a_network_trains():
    rnn, readout = nn.RNN(1, 8, seed=1), nn.Linear(8, 1, seed=2)
    x, target = ge.input("x", (6, "batch", 1)), ge.input("target", ("batch", 1))
    _, h = rnn(x)
    loss = nn.mse_loss(readout(h[0]), target)
    step = ge.Engine("numpy").compile([x, target], loss, updates=ge.optim.SGD(0.1).minimize(loss))
    values = rng.normal(size=(6, 32, 1)).astype("float32")
    losses = [float(step(values, values.sum(axis=0) / 3)) for _ in range(150)]
    assert losses[-1] < 0.1 * losses[0]


@pytest.mark.parametrize(
    ("declare", "message"),
    [
        (lambda: nn.LSTM(3, 4)(ge.input("x", (5, 2, 4))), "takes 3 features"),
        (lambda: nn.LSTM(3, 4)(ge.input("x", (3,))), "takes .time, n, features."),
        (lambda: nn.LSTM(3, 4)(ge.input("x", (5, 2, 3)), ge.zeros((1, 2, 4))), "is a pair .h, c."),
        (lambda: nn.GRU(3, 4, 2)(ge.input("x", (5, 2, 3)), ge.zeros((1, 2, 4))), r"states of shape \(2, 2, 4\)"),
        (lambda: nn.RNN(3, 4, unroll=True)(ge.input("x", ("time", 2, 3))), "cannot be declared step by step"),
        (lambda: nn.RNN(3, 4, nonlinearity="sin"), "'tanh' or 'relu'"),
        (lambda: nn.RNN(3, 0), "hidden_size is a number from 1"),
        (lambda: nn.RNN(3, 4, dropout=2), "dropout is a probability"),
        (lambda: nn.GRUCell(3, 4)(ge.input("x", (2, 4))), "takes 3 features"),
        (lambda: nn.lstm_cell(ge.zeros(2), ge.zeros(1), ge.zeros((4, 2)), ge.zeros((4, 1))), "is a pair .h, c."),
    ],
)
def test_refusals_say_what_is_wrong(declare, message):
    with pytest.raises(ge.GraphEngineError, match=message):
        declare()


def test_gates_have_the_names_of_the_field_in_every_step():
    x = ge.input("x", (2, 3))
    for layer in (nn.LSTM(3, 4, name="net"), nn.LSTM(3, 4, name="net", unroll=True)):
        graph = unroll(ge.Graph(layer(x)[0])).graph
        names = {graph.name_of(v) for v in graph.variables}
        assert {f"net.l0.t{t}.{gate}" for t in (0, 1) for gate in "ifgo"} <= names
