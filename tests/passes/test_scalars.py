"""A graph of single numbers gives the values and the gradients of the graph of tensors that it was made from."""

import numpy as np
import pytest

import graph_engine as ge
from graph_engine.passes import scalars

RANDOM = np.random.default_rng(3)


def numbers(*shape):
    return RANDOM.normal(size=shape)


def f64(name, *shape):
    return ge.input(name, shape, "float64")


def agree(loss, feeds, *variables):
    """Compare both graphs: the loss, the gradients of all parameters, and the values of some variables."""
    engine = ge.Engine("numpy")
    graph = ge.Graph(loss)
    small = scalars(graph, feeds)
    trace = engine.trace(loss, feeds)
    (output,) = small.outputs
    fine = engine.trace(output, small.feeds(feeds))
    assert all(v.shape == () for v in small.graph.variables)
    for variable in (loss, *variables):
        np.testing.assert_allclose(small.value(fine, variable), trace.value(variable), rtol=1e-12, atol=1e-15)
    for parameter in graph.parameters:
        np.testing.assert_allclose(small.grad(fine, parameter), trace.grad(parameter), rtol=1e-12, atol=1e-15)
    return small


def hidden(x, n=3, m=4):
    return x @ ge.parameter("W1", numbers(n, m)) + ge.parameter("b1", numbers(m))


LOSSES = {
    "mean of squares": lambda a: ge.mean(ge.square(a)),
    "sum along an axis": lambda a: ge.mean(ge.tanh(ge.sum(a, axis=1, keepdims=True)) * a),
    "mean along an axis": lambda a: ge.sum(ge.exp(ge.mean(a, axis=0))),
    "product": lambda a: ge.sum(ge.prod(a, axis=-1)),
    "softmax": lambda a: -ge.mean(ge.log(ge.softmax(a)[:, 1])),
    "softmax along the first axis": lambda a: ge.sum(ge.square(ge.softmax(a, axis=0))),
    "log-softmax": lambda a: -ge.mean(ge.log_softmax(a)[:, 0]),
    "logsumexp": lambda a: ge.sum(ge.logsumexp(a, axis=1)),
    "reshape and transpose": lambda a: ge.mean(ge.sigmoid(ge.permute_dims(ge.reshape(a, (-1, 2)), (1, 0)))),
    "concat, flip, index": lambda a: ge.sum(ge.concat([ge.flip(a), a * 2], axis=1)[:, :7] ** 2),
    "where and comparison": lambda a: ge.sum(ge.where(a > 0, a, 0.1 * a)),
    "relu": lambda a: ge.sum(ge.relu(a)),
    "broadcast": lambda a: ge.sum(ge.broadcast_to(ge.sum(a, axis=0), (3, 4)) * numbers(3, 4)),
    "binary cross-entropy": lambda a: ge.nn.binary_cross_entropy_with_logits(a, np.float64(1)),
    "matrix by matrix": lambda a: ge.sum(ge.tanh(a @ ge.matrix_transpose(a))),
    "matrix by vector": lambda a: ge.sum(ge.tanh(a @ ge.parameter("w", numbers(4)))),
    "stack of matrices": lambda a: ge.sum(ge.tanh(ge.constant(numbers(2, 3, 4)) @ ge.matrix_transpose(a))),
}


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("batch", [1, 2])
def test_values_and_gradients_are_those_of_the_tensors(name, batch):
    x = f64("x", "batch", 3)
    a = hidden(x)
    agree(LOSSES[name](a), {x: numbers(batch, 3)}, a)


@pytest.mark.parametrize("labels", [[2], [0, 1, 2]])
def test_cross_entropy_of_class_labels(labels):
    x, y = f64("x", "batch", 3), ge.input("y", "batch", "int64")
    loss = ge.nn.cross_entropy(hidden(x, 3, 3), y)
    agree(loss, {x: numbers(len(labels), 3), y: labels})
    x = f64("x", len(labels), 3)
    agree(ge.nn.cross_entropy(hidden(x, 3, 3), ge.constant(labels)), {x: numbers(len(labels), 3)})


def test_layers():
    net = ge.nn.Sequential(ge.nn.Linear(2, 2, dtype="float64"), ge.nn.Tanh(), ge.nn.Linear(2, 1, dtype="float64"))
    x, t = f64("x", "batch", 2), f64("t", "batch", 1)
    small = agree(ge.nn.mse_loss(net(x), t), {x: numbers(1, 2), t: numbers(1, 1)})
    weights = small["net.linear1.weight"]
    assert [v.name for v in weights[1]] == ["net.linear1.weight[1,0]", "net.linear1.weight[1,1]"]
    assert [v.tex for v in weights[1]] == ["w^{1}_{21}", "w^{1}_{22}"]


def test_what_only_moves_elements_vanishes():
    x = f64("x", 2, 3)
    y = ge.permute_dims(ge.reshape(x, (3, 2)), (1, 0))
    small = scalars(ge.Graph(y))
    assert small.graph.operations == ()
    assert small[y][0, 1] is small[x][0, 2]


def test_a_unit_is_one_sum_of_products():
    x = ge.input("x", (1, 2))
    h = ge.nn.linear(x, ge.parameter("W", [[1.0, 2.0]]), ge.parameter("b", [3.0]))
    small = scalars(ge.Graph(h))
    (unit,) = small.outputs
    assert [op.primitive.name for op in small.graph.operations] == ["multiply", "multiply", "accumulate"]
    assert [v.name for v in unit.operation.inputs] == ["W[0,0]*x[0,0]", "W[0,1]*x[0,1]", "b[0]"]
    assert [v.tex for v in unit.operation.inputs] == ["w_{1} x_{1}", "w_{2} x_{2}", "b"]
    assert ge.Engine("numpy").run(unit, small.feeds({"x": [[10, 20]]})) == 53


def test_every_operation_keeps_its_line_and_scope():
    x = ge.input("x", 2)
    with ge.scope("layer"):
        h = ge.tanh(x)  # this line
    small = scalars(ge.Graph(h))
    assert {op.line.text for op in small.graph.operations} == {"h = ge.tanh(x)  # this line"}
    assert {op.scope for op in small.graph.operations} == {("layer",)}
    assert [v.name for v in small.outputs] == ["h[0]", "h[1]"]


def test_an_update_of_the_scalars_is_that_of_the_tensors():
    x, W = f64("x", 3), ge.parameter("W", numbers(2, 3))
    loss = ge.sum(ge.tanh(W @ x))
    feeds = {x: numbers(3)}
    small = scalars(ge.Graph(loss))
    whole = ge.Engine("numpy").compile([x], loss, updates=ge.optim.SGD(0.1).minimize(loss))
    fine = ge.Engine("numpy").compile(
        list(small[x]), small.outputs[0], updates=ge.optim.SGD(0.1).minimize(small.outputs[0])
    )
    trace, single = whole.trace(feeds[x]), fine.trace(*feeds[x])
    updated = [single.updated(v) for v in small[W].reshape(-1)]
    np.testing.assert_allclose(updated, trace.updated(W).reshape(-1), rtol=1e-13)
    assert sum(step.phase == "update" for step in single.steps) == 6


def test_parameters_begin_where_an_engine_has_got_to():
    W = ge.parameter("W", [1.0, 2.0], trainable=False)
    y = ge.sum(W)
    engine = ge.Engine("numpy")
    engine.set_value(W, [3.0, 4.0])
    assert [float(v.data) for v in scalars(ge.Graph(y)).parameters[W]] == [1.0, 2.0]
    small = scalars(ge.Graph(y), engine=engine)
    assert [float(v.data) for v in small[W]] == [3.0, 4.0] and not small[W][0].trainable


def test_names_can_be_typeset_otherwise():
    W = ge.parameter("W", [[1.0, 2.0]])
    small = scalars(ge.Graph(W * 1.0), tex=lambda v, index: rf"\omega_{{{index[1]}}}")
    assert [v.tex for v in small[W][0]] == [r"\omega_{0}", r"\omega_{1}"]


def test_what_cannot_be_done_is_refused_with_a_cure():
    x = ge.input("x", ("batch", 2))
    with pytest.raises(ge.DeclarationError, match=r"how large 'batch' is(.|\n)*scalars\(graph, feeds\)"):
        scalars(ge.Graph(x * 2))
    big = ge.input("big", 500) @ ge.parameter("W", np.zeros((500, 3), "float32"))
    with pytest.raises(ge.DeclarationError, match=r"3,503 scalars, more than 1,000(.|\n)*limit="):
        scalars(ge.Graph(big))
    running = ge.cumulative_sum(ge.input("v", 3))
    with pytest.raises(ge.DeclarationError, match=r"no rule for single numbers \(cumulative_sum\)(.|\n)*elementwise"):
        scalars(ge.Graph(running))
    p = ge.parameter("p", [1.0])
    with pytest.raises(ge.DeclarationError, match=r"backward pass"):
        scalars(ge.Graph(ge.grad(ge.sum(p * p), p)))


def test_feeds_of_another_shape_are_refused():
    x = ge.input("x", ("batch", 2))
    small = scalars(ge.Graph(x * 2), {x: [[1, 2]]})
    with pytest.raises(ge.FeedError, match=r"\(1, 2\), and was fed \(2, 2\)"):
        small.feeds({x: [[1, 2], [3, 4]]})
