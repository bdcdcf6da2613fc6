"""A saved trace answers every question and prints as it did when it was made."""

import json
import random

import numpy as np
import pytest
from saved_models import lecture, perceptron, same, training_step

import graph_engine as ge


def saved(trace, path):
    trace.save(path)
    return ge.Trace.load(path)


def compare(before, after):
    assert str(after) == str(before) and str(after.graph) == str(before.graph)
    assert dict(after.names) == dict(before.names)
    assert [v.name for v in after.outputs] == [v.name for v in before.outputs]
    pairs = list(zip(before.graph.variables, after.graph.variables, strict=True))
    for old, new in pairs:
        assert after.has_value(new) == before.has_value(old)
        assert after.has_grad(new) == before.has_grad(old)
        if before.has_value(old):
            assert same(after.value(new), before.value(old))
        if before.has_grad(old):
            assert same(after.grad(new), before.grad(old))
            for (op, i, term), (op2, i2, term2) in zip(
                before.contributions(old), after.contributions(new), strict=True
            ):
                assert (op.name, i) == (op2.name, i2) and same(term, term2)
    for old, new in zip(before.steps, after.steps, strict=True):
        assert (new.index, new.phase, new.line) == (old.index, old.phase, old.line)
        assert len(new.substeps) == len(old.substeps)
        assert [v.name for v in new.outputs] == [v.name for v in old.outputs]
        if old.phase == "forward":
            for a, b in zip(
                before.local_derivatives(old.operation), after.local_derivatives(new.operation), strict=True
            ):
                assert a is b is None or same(a, b)


@pytest.mark.parametrize("make", [lecture, perceptron])
def test_forward_and_backward(make, tmp_path):
    loss, feeds = make()
    trace = ge.Engine("numpy").trace(loss, feeds)
    after = saved(trace, tmp_path / "t.safetensors")
    compare(trace, after)
    assert after.loss.name == trace.loss.name


def test_a_training_step_with_its_updates(tmp_path):
    loss, feeds = perceptron()
    step = training_step(ge.Engine("numpy"), loss)
    values = [feeds[v.name] for v in step.inputs]
    step(*values)
    trace = step.trace(*values)
    after = saved(trace, tmp_path / "t.safetensors")
    compare(trace, after)
    for name in ("net.weight", "net.head.weight"):
        assert same(after.updated(name), trace.updated(name))
        assert same(after.graph[name].data, trace.value(name))  # what the run began with


def test_several_outputs_and_no_backward_pass(tmp_path):
    x = ge.input("x", 3, "int64")
    trace = ge.Engine("numpy").trace([x * 2, x > 1, ge.sum(x)], {x: [1, 2, 3]})
    after = saved(trace, tmp_path / "t.safetensors")
    compare(trace, after)
    with pytest.raises(ge.LookupFailed, match="no backward pass"):
        after.grad("x")


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint64", "float16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(), (2, 3), (0, 2)])
def test_values_of_every_dtype_and_shape(dtype, shape, tmp_path):
    x = ge.input("x", shape, dtype)
    trace = ge.Engine("numpy").trace(ge.equal(x, x), {x: np.ones(shape, dtype)})
    compare(trace, saved(trace, tmp_path / "t.safetensors"))


def test_numbers_that_are_not_finite(tmp_path):
    x = ge.input("x", 3)
    trace = ge.Engine("numpy").trace(ge.sum(ge.log(x)), {x: [0.0, -1.0, np.inf]})
    compare(trace, saved(trace, tmp_path / "t.safetensors"))


class Fails(ge.Primitive):
    name = "fails"

    def infer(self, x):
        return x

    def kernel(self, xp, x):
        raise ZeroDivisionError("on purpose")

    def vjp(self, operation, cotangents, wanted):
        return cotangents


def test_a_run_that_failed_in_the_middle(tmp_path, monkeypatch):
    from graph_engine.files import reader

    monkeypatch.setattr(reader, "vocabulary", lambda: dict(ge.primitives()) | {"fails": Fails})
    x = ge.input("x")
    y = x * 2
    z = ge.exp(Fails()(y))
    with pytest.raises(ge.RunError) as stopped:
        ge.Engine("numpy").trace(z, {x: 1.0})
    trace = stopped.value.trace
    after = saved(trace, tmp_path / "t.safetensors")
    compare(trace, after)
    assert str(after.error) == str(trace.error) and "on purpose" in str(after.error)
    assert after.failed.name == "fails" and after.error.trace is after
    with pytest.raises(ge.LookupFailed, match="the run stopped at fails"):
        after.value(after.graph.outputs[0])


def test_nothing_is_stored_twice(tmp_path):
    x = ge.input("x")
    trace = ge.Engine("numpy").trace(ge.sum(x * ge.constant(np.zeros(100_000))), {x: 1.0})
    trace.save(tmp_path / "t")
    once = sum(np.asarray(a).nbytes for a in trace.arrays.values())
    assert (tmp_path / "t").stat().st_size < once + 20_000


# ---- damaged files ---------------------------------------------------------------------------------------------


def test_every_truncation_and_every_flipped_byte_is_noticed(tmp_path):
    loss, feeds = perceptron()
    trace = ge.Engine("numpy").trace(loss, feeds)
    path = tmp_path / "t"
    trace.save(path)
    data, chance = path.read_bytes(), random.Random(0)
    damaged = [data[:length] for length in range(0, len(data), max(1, len(data) // 150))]
    for _ in range(200):
        place = chance.randrange(len(data))
        damaged.append(data[:place] + bytes([data[place] ^ (1 << chance.randrange(8))]) + data[place + 1 :])
    for content in damaged:
        path.write_bytes(content)
        try:
            after = ge.Trace.load(path)
        except ge.FileError:
            continue
        compare(trace, after)


def forged(path, change, more=None):
    """Change the JSON of a trace and write it with a checksum that fits."""
    from graph_engine.files.tensors import read_tensors, write_tensors

    held = read_tensors(path, "graph_engine.trace", 1)
    document = json.loads(held["trace"].tobytes())
    change(document)
    held["trace"] = np.frombuffer(json.dumps(document).encode(), "uint8")
    write_tensors(path, held | (more or {}), "graph_engine.trace", 1)


FORGERIES = {
    "no such variable": (lambda d: d.update(outputs=[99]), {}, "refers to variable 99"),
    "no such loss": (lambda d: d.update(loss=-1), {}, "refers to variable -1"),
    "a loss in words": (lambda d: d.update(loss="f"), {}, "'loss' is 'f'"),
    "no such operation": (lambda d: d.update(failed=99), {}, "refers to operation 99"),
    "a pair of three": (lambda d: d.update(gradients=[[1, 2, 3]]), {}, "in place of two variables"),
    "a dimension of letters": (lambda d: d.update(names={"n": "x"}), {}, "'names' does not map"),
    "a negative dimension": (lambda d: d.update(names={"n": -1}), {}, "'names' does not map"),
    "another key": (lambda d: d.update(code="import os"), {}, "the key 'code' means nothing"),
    "no graph": (lambda d: d.pop("graph"), {}, "'graph' is missing"),
    "an error that is none": (
        lambda d: d.update(error={"type": "x", "message": 1, "cure": "", "lines": []}), {}, "'message' is 1",
    ),
    "a value of nothing": (lambda d: None, {"99": np.zeros(1)}, "refers to variable 99"),
    "a value with a name": (lambda d: None, {"weights": np.zeros(1)}, "belongs to no variable"),
    "an input of another shape": (lambda d: None, {"0": np.zeros(7, "float32")}, "but its value is float32"),
    "an input of another dtype": (lambda d: None, {"0": np.zeros((), "float64")}, "but its value is float64"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "more", "match"), FORGERIES.values(), ids=FORGERIES)
def test_forged_traces_are_refused(change, more, match, tmp_path):
    f, feeds = lecture()
    path = tmp_path / "t"
    ge.Engine("numpy").trace(f, feeds).save(path)
    forged(path, change, more)
    with pytest.raises(ge.FileError, match=match):
        ge.Trace.load(path)


def test_an_error_class_is_only_looked_up_among_ours(tmp_path):
    f, feeds = lecture()
    path = tmp_path / "t"
    ge.Engine("numpy").trace(f, feeds).save(path)
    forged(path, lambda d: d.update(error={"type": "TYPE_CHECKING", "message": "m", "cure": "", "lines": []}))
    assert type(ge.Trace.load(path).error) is ge.RunError


def test_a_checkpoint_is_no_trace(tmp_path):
    engine = ge.Engine("numpy")
    engine.meet(ge.parameter("w", 1.0))
    engine.save(tmp_path / "w")
    with pytest.raises(ge.FileError, match="says that it is 'graph_engine.parameters'"):
        ge.Trace.load(tmp_path / "w")
