"""A graph that is declared again computes the same, and says what became of what."""

import numpy as np
import pytest

import graph_engine as ge
from graph_engine.passes import Rewrite, merge_common, retype


def network():
    random = np.random.default_rng(0)
    x = ge.input("x", ("batch", 3), tex="X")
    with ge.scope("net"):
        weight = ge.parameter("weight", random.normal(size=(3, 4)).astype("float32"), tex="W")
        hidden = ge.tanh(x @ weight).named("hidden", tex="h")
    loss = ge.mean(hidden * hidden)
    return loss, weight, {"x": random.normal(size=(5, 3))}


def everything():
    loss, weight, feeds = network()
    return ge.Graph(loss, ge.grad(loss, weight)), feeds


def bits(arrays):
    return [np.asarray(array).tobytes() for array in arrays]


@pytest.mark.parametrize("rewrite", [Rewrite(), merge_common, lambda graph: retype(graph, "float32")])
def test_the_same_bits_come_out(rewrite):
    graph, feeds = everything()
    engine = ge.Engine("numpy")
    assert bits(engine.run(rewrite(graph).graph.outputs, feeds)) == bits(engine.run(graph.outputs, feeds))


def test_it_prints_as_before_and_keeps_lines_scopes_and_phases():
    graph, _ = everything()
    rewritten = Rewrite()(graph)
    assert str(rewritten.graph) == str(graph)
    for old, new in zip(graph.operations, rewritten.graph.operations, strict=True):
        assert new is not old and rewritten.origin[new] is old and rewritten.became[old] is new
        assert (new.primitive, new.scope, new.phase, new.line) == (old.primitive, old.scope, old.phase, old.line)
    for new in rewritten.graph.variables:
        old = rewritten.origin[new]
        assert (new.name, new.tex, new.line) == (old.name, old.tex, old.line)


def test_rules_belong_to_the_new_operations_and_gradients_to_the_new_variables():
    graph, _ = everything()
    new = Rewrite()(graph).graph
    for operation in new.operations:
        assert operation.owner is None or operation.owner in new
    records = [v.gradient for v in new.variables if v.gradient is not None]
    assert records and all(record.variable in new and record.loss is new.outputs[0] for record in records)


def test_a_traced_step_of_the_new_graph_has_the_steps_of_the_old():
    graph, feeds = everything()
    engine = ge.Engine("numpy")
    before, after = (engine.trace(g.outputs, feeds) for g in (graph, Rewrite()(graph).graph))
    assert str(after) == str(before)


def test_inputs_and_parameters_stay_so_feeds_and_engines_go_on_to_fit():
    loss, weight, feeds = network()
    engine = ge.Engine("numpy")
    engine.set_value(weight, np.zeros((3, 4)))
    assert float(engine.run(Rewrite()(ge.Graph(loss)).graph.outputs[0], feeds)) == 0.0


def test_operations_of_several_outputs():
    x = ge.input("x", 4)
    first, second = ge.split(x, 2)
    rewritten = Rewrite()(ge.Graph(second, first))
    assert [v.output_index for v in rewritten.graph.outputs] == [1, 0]
    assert len(rewritten.graph.operations) == 1


@pytest.mark.slow
@pytest.mark.parametrize("rewrite", [Rewrite(), merge_common, retype])
def test_a_long_chain_needs_no_recursion(rewrite):
    y = ge.input("x")
    for _ in range(100_000):
        y = ge.sin(y)
    assert len(rewrite(ge.Graph(y)).graph.operations) == 100_000


# ---- another precision -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("draw", [ge.random.normal, ge.random.uniform])
def test_numbers_are_drawn_as_they_were_and_converted(draw):
    key, x = ge.random.key(3), ge.input("x", 4)
    noise = draw(key, (4,))
    loss = ge.sum(x * noise)
    new = retype(ge.Graph(loss, ge.grad(loss, x))).graph
    feeds = {"x": np.arange(4.0)}
    engine = ge.Engine("numpy")
    _, gradient = engine.run(new.outputs, feeds)
    assert gradient.dtype == np.float64
    np.testing.assert_array_equal(gradient, engine.run(noise, {}).astype(np.float64))
    assert ge.check_gradients(loss, {x: np.arange(4.0)}).ok


def test_numbers_are_drawn_as_they_were_within_a_loop():
    keys = ge.input("keys", (3, 2), "uint32")

    def body(h, key):
        return h + ge.random.normal(key, (2,)), None

    last, _ = ge.scan(body, ge.constant(np.zeros(2, "float32")), keys)
    feeds = {"keys": np.arange(6, dtype="uint32").reshape(3, 2)}
    engine = ge.Engine("numpy")
    wide = engine.run(retype(ge.Graph(last)).graph.outputs[0], feeds)
    np.testing.assert_allclose(wide, engine.run(last, feeds), rtol=1e-6)
    assert wide.dtype == np.float64


def test_everything_real_is_retyped_and_nothing_else():
    x, labels = ge.input("x", 3), ge.input("labels", 3, "int32")
    mask = ge.greater(x, 0)
    total = ge.sum(ge.where(mask, ge.astype(labels, "float32") * 0.5, ge.full(3, 2.0)) * x)
    graph = retype(ge.Graph(total, mask, ge.grad(total, x))).graph
    assert {v.dtype for v in graph.variables if v.spec.is_float} == {"float64"}
    assert graph["labels"].dtype == "int32" and graph.outputs[1].dtype == "bool"
    feeds = {"x": [1.0, -2.0, 3.0], "labels": [1, 2, 3]}
    assert float(ge.Engine("numpy").run(graph.outputs[0], feeds)) == 0.5 - 4.0 + 4.5


def test_parameters_keep_their_names_and_values():
    loss, weight, _ = network()
    new = retype(ge.Graph(loss)).graph.parameters[0]
    assert (new.name, new.tex, new.trainable, new.dtype) == ("net.weight", "W", True, "float64")
    assert np.array_equal(new.data, weight.data) and not new.data.flags.writeable


def test_more_digits_come_out():
    x = ge.input("x")
    y = x + 1e-10
    engine = ge.Engine("numpy")
    assert engine.run(y, {x: 1.0}) == 1.0
    assert engine.run(retype(ge.Graph(y)).graph.outputs[0], {"x": 1.0}) == pytest.approx(1 + 1e-10, rel=1e-15)


def test_only_float_dtypes():
    with pytest.raises(ge.DTypeError, match="'int32' is no float dtype"):
        retype(ge.Graph(ge.input("x")), "int32")


# ---- what is computed twice ------------------------------------------------------------------------------------


def count(graph, primitive):
    return sum(op.primitive.name == primitive for op in graph.operations)


def test_what_is_computed_twice_is_computed_once():
    x = ge.input("x")
    rewritten = merge_common(ge.Graph(ge.exp(x * 2) / (1 + ge.exp(x * 2))))
    assert count(rewritten.graph, "exp") == count(rewritten.graph, "multiply") == 1
    assert len(rewritten.graph.constants) == 2


def test_several_old_operations_become_the_first():
    x = ge.input("x")
    one, two = ge.exp(x), ge.exp(x)
    rewritten = merge_common(ge.Graph(one + two))
    assert rewritten.became[one] is rewritten.became[two]
    assert rewritten.origin[rewritten.became[two]] is one


def test_attributes_that_are_equal_but_not_the_same_are_told_apart():
    zero, minus = ge.full((), 0.0), ge.full((), -0.0)
    graph = merge_common(ge.Graph(1 / zero, 1 / minus)).graph
    assert [float(v) for v in ge.Engine("numpy").run(graph.outputs, {})] == [float("inf"), float("-inf")]


def test_constants_of_other_bits_are_told_apart():
    x = ge.input("x")
    graph = merge_common(ge.Graph(x * 0.0, x * -0.0, x * float("nan"), x * float("nan"))).graph
    assert len(graph.constants) == 3


def test_what_has_a_name_of_its_own_stays():
    x = ge.input("x")
    graph = merge_common(ge.Graph(ge.exp(x).named("a"), ge.exp(x).named("b"))).graph
    assert [v.name for v in graph.outputs] == ["a", "b"]


def test_gradients_stay_gradients():
    loss, weight, feeds = network()
    graph = merge_common(ge.Graph(loss, ge.grad(loss, weight))).graph
    assert graph.outputs[1].gradient.variable is weight
    trace = ge.Engine("numpy").trace(loss, feeds)
    (after,) = ge.Engine("numpy").run([graph.outputs[1]], feeds)
    assert after.tobytes() == trace.grad(weight).tobytes()
