"""Operations that own a body, on disk."""

import json

import numpy as np
import pytest

import graph_engine as ge

rng = np.random.default_rng(4)


def network():
    x, w = ge.input("x", (4, "batch", 3)), ge.parameter("w", rng.normal(size=(3, 3)).astype("float32"))

    def step(h, element):
        h = ge.tanh(h @ w + element * 0.5)
        inner, _ = ge.scan(lambda c, _: (c * c, None), h, length=2)
        return h, inner

    last, ys = ge.scan(step, ge.zeros(("batch", 3)), x)
    loss = ge.sum(ys) + ge.sum(last)
    return ge.Graph(loss, *ge.grad(loss, [x, w])), {"x": rng.normal(size=(4, 2, 3))}


def test_a_graph_comes_back_equal_and_computes_the_same():
    graph, feeds = network()
    again = ge.Graph.from_json(graph.to_json())
    assert [op.primitive for op in again.operations] == [op.primitive for op in graph.operations]
    assert str(again) == str(graph) and again.to_json() == ge.Graph.from_json(again.to_json()).to_json()
    engine = ge.Engine("numpy")
    for got, wanted in zip(engine.run(again.outputs, feeds), engine.run(graph.outputs, feeds), strict=True):
        np.testing.assert_array_equal(got, wanted)


def test_names_and_lines_of_the_body_come_back():
    graph, _ = network()
    again = ge.Graph.from_json(graph.to_json())
    old, new = (next(op.bodies[0] for op in g.operations if op.bodies) for g in (graph, again))
    assert str(new) == str(old) and "element" in str(new)
    assert [op.line.text for op in new.operations] == [op.line.text for op in old.operations]


def test_networkx_and_text_see_one_operation():
    graph, _ = network()
    names = [data["name"] for _, data in graph.to_networkx().nodes(data=True) if data["kind"] == "operation"]
    assert names.count("scan") == 1 and "scan(" in str(graph)


def test_a_trace_is_saved_and_loaded(tmp_path):
    graph, feeds = network()
    trace = ge.Engine("numpy").trace(graph.outputs[0], feeds)
    trace.save(tmp_path / "run.trace")
    again = ge.Trace.load(tmp_path / "run.trace")
    assert str(again) == str(trace)


def body_of(document):
    return next(op for op in document["operations"] if op["primitive"] == "scan")["attributes"]["body"]


def change_inputs(body):
    body["inputs"] = body["inputs"][1:]


def name_no_variable(body):
    body["inputs"][0] = 99


def name_one_twice(body):
    body["inputs"][1] = body["inputs"][0]


def lose_the_graph(body):
    body["body"] = 3


def add_a_key(body):
    body["more"] = 1


def open_it(body):
    body["body"]["variables"][body["inputs"][0]]["kind"] = "parameter"


def unknown_primitive(body):
    body["body"]["operations"][0]["primitive"] = "stranger"


def other_shape(body):
    body["body"]["variables"][body["inputs"][1]]["shape"] = [7]


DAMAGE = [
    change_inputs, name_no_variable, name_one_twice, lose_the_graph, add_a_key, open_it, unknown_primitive, other_shape,
]  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda f: f.__name__)
def test_damage_is_refused_by_name(damage):
    graph, _ = network()
    document = json.loads(graph.to_json())
    damage(body_of(document))
    with pytest.raises(ge.FileError, match="scan"):
        ge.Graph.from_json(json.dumps(document))


def test_bodies_nested_without_end_are_refused():
    document = json.loads(network()[0].to_json())
    body = body_of(document)
    operation = {"primitive": "scan", "inputs": [0], "outputs": [1], "version": 1, "attributes": {}, "source": 0}
    inner = body
    for _ in range(60):
        attributes = {"body": {"inputs": [], "body": dict(inner["body"])}}
        inner["body"]["operations"] = [dict(operation, attributes=attributes)]
        inner = inner["body"]["operations"][0]["attributes"]["body"]
    with pytest.raises(ge.FileError):
        ge.Graph.from_json(json.dumps(document))
