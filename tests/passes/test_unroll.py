"""Loops written out: the same bits, a name and a place for every step."""

import numpy as np
import pytest

import graph_engine as ge
from graph_engine.passes import merge_common, retype, unroll

rng = np.random.default_rng(1)


def recurrent(length=4, reverse=False):
    x, w = ge.input("x", (length, 3), "float64"), ge.parameter("w", rng.normal(size=(3, 3)))

    def step(h, element):
        h = ge.tanh(h @ w + element)
        return h, h * 2.0

    last, ys = ge.scan(step, np.zeros(3), x, reverse=reverse)
    loss = ge.sum(ge.square(ys) + last)
    return loss, [w, x], {x: rng.normal(size=(2 if length == "time" else length, 3))}


@pytest.mark.filterwarnings("ignore::graph_engine.errors.UnusedVariableWarning")  # of no steps
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("length", [0, 1, 4])
def test_values_and_gradients_stay_unrolled_before_and_after_differentiating(length, reverse):
    loss, wrt, feeds = recurrent(length, reverse)
    first = ge.grad(loss, wrt)
    second = ge.grad(ge.sum(first[0] * first[0]), wrt[0])
    graph, engine = ge.Graph(loss, *first, second), ge.Engine("numpy")
    expected = engine.run(graph.outputs, feeds)
    written = unroll(graph).graph
    assert all(op.primitive.name != "scan" for op in written.operations)
    for got, wanted in zip(engine.run(written.outputs, feeds), expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-13, atol=1e-14)
    plain = unroll(ge.Graph(loss)).graph.outputs[0]
    for got, wanted in zip(engine.run(ge.grad(plain, wrt), feeds), expected[1:3], strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-13, atol=1e-14)


def test_every_step_has_its_scope_and_its_names():
    loss, _, _ = recurrent(2)
    graph = unroll(ge.Graph(loss)).graph
    assert {op.scope for op in graph.operations} == {(), ("t0",), ("t1",)}
    assert {graph.name_of(v) for v in graph.variables} >= {"t0.h", "t1.h", "t0.element", "last", "ys", "loss"}


def test_a_trace_steps_through_everything_there_and_back():
    loss, _, feeds = recurrent(3)
    engine = ge.Engine("numpy")
    trace = engine.trace(unroll(ge.Graph(loss)).graph.outputs[0], feeds)
    for phase in ("forward", "backward"):
        scopes = [step.operation.scope for step in trace.steps if step.phase == phase and step.operation.scope]
        wanted = [("t0",), ("t1",), ("t2",)][:: 1 if phase == "forward" else -1]
        assert list(dict.fromkeys(scopes)) == wanted
    assert len(trace.contributions("w")) == 3
    np.testing.assert_allclose(trace.grad("w"), engine.trace(loss, feeds).grad("w"), rtol=1e-13)


def test_what_was_differentiated_before_can_be_traced_and_written():
    loss, wrt, feeds = recurrent()
    graph = unroll(ge.Graph(loss, *ge.grad(loss, wrt))).graph
    engine = ge.Engine("numpy")
    trace = engine.trace(graph.outputs, feeds)
    again = ge.Graph.from_json(graph.to_json())
    results = engine.run(again.outputs, {"x": next(iter(feeds.values()))})
    for variable, got in zip(graph.outputs, results, strict=True):
        np.testing.assert_array_equal(trace.value(variable), got)


def test_loops_in_loops_and_scopes_of_layers():
    xs = ge.input("xs", (2, 3))
    with ge.scope("net"):
        def outer(total, row):
            with ge.scope("inner"):
                last, _ = ge.scan(lambda c, x: (c * total + x, None), 0.0, row)
            return total + last, None

        total, _ = ge.scan(outer, 0.5, xs)
    graph, feeds = unroll(ge.Graph(total)).graph, {xs: rng.normal(size=(2, 3))}
    assert ("net", "t1", "inner", "t2") in {op.scope for op in graph.operations}
    engine = ge.Engine("numpy")
    assert engine.run(graph.outputs[0], feeds) == engine.run(total, feeds)


def test_a_length_that_is_not_known_is_refused_with_the_cure():
    loss, _, _ = recurrent("time")
    with pytest.raises(ge.DeclarationError, match="a number in the place of 'time'") as caught:
        unroll(ge.Graph(loss))
    assert "ge.scan(step" in str(caught.value)


# ---- other passes ----------------------------------------------------------------------------------------------


def test_equal_loops_are_merged_and_others_are_not():
    x = ge.input("x", 3)

    def loop(factor):
        return ge.scan(lambda h, v: (h * factor + v, None), 0.0, x)[0]

    def scans(*variables):
        operations = merge_common(ge.Graph(*variables)).graph.operations
        return sum(op.primitive.name == "scan" for op in operations)

    assert scans(loop(2.0) + loop(2.0)) == 1
    assert scans(loop(2.0) + loop(3.0)) == scans(loop(1.0) + loop(-1.0)) == 2


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_precision_changes_inside_too(dtype):
    loss, wrt, feeds = recurrent()
    graph = retype(ge.Graph(loss, *ge.grad(loss, wrt)), dtype).graph
    (scan,) = [op for op in graph.operations if op.primitive.name == "scan" and op.phase == "forward"]
    assert {v.dtype for v in scan.bodies[0].variables} == {dtype}
    results = ge.Engine("numpy").run(graph.outputs, {"x": next(iter(feeds.values()))})
    expected = ge.Engine("numpy").run([loss, *ge.grad(loss, wrt)], feeds)
    for got, wanted in zip(results, expected, strict=True):
        assert got.dtype == dtype
        np.testing.assert_allclose(got, wanted, rtol=0.02, atol=0.05)


def test_gradients_are_checked_in_float64_whatever_it_was():
    x, w = ge.input("x", (4, 2)), ge.parameter("w", np.float32([[0.5, -1], [1, 0.3]]))
    last, _ = ge.scan(lambda h, v: (ge.tanh(h @ w) + v * 0.1, None), ge.zeros(2), x)
    report = ge.check_gradients(ge.sum(last), {x: rng.normal(size=(4, 2))})
    assert report.ok and {c.name for c in report.variables} == {"x", "w"}
