"""Two runs side by side: rounding is told from a difference, and a difference from what inherits it."""

import numpy as np
import pytest

import graph_engine as ge
from graph_engine_viz.debugger import Session, compare

RNG = np.random.default_rng(0)


def model(dtype="float32"):
    """Return the loss of a network with a convolution, batch statistics, softmax; and feeds."""
    x, t = ge.input("x", (6, 1, 8, 8), dtype), ge.input("t", 6, "int64")
    with ge.nn.training(seed=0):
        h = ge.nn.relu(ge.nn.BatchNorm2d(4, dtype=dtype)(ge.nn.Conv2d(1, 4, 3, seed=1, dtype=dtype)(x)))
        logits = ge.nn.Linear(144, 5, seed=2, dtype=dtype)(ge.nn.Flatten()(ge.tanh(h)))
    loss = ge.nn.cross_entropy(logits, t)
    return loss, {x: RNG.normal(size=(6, 1, 8, 8)), t: RNG.integers(0, 5, 6)}


class Generic(ge.Backend):
    """NumPy by the generic kernels alone."""

    name, xp = "generic", np


def broken(primitive, change):
    """Return a backend of which one kernel gives something else."""

    class Broken(Generic):
        name = "broken"

        def kernel(self, used):
            function = super().kernel(used)
            return (lambda *arrays: change(function(*arrays))) if used.name == primitive else function

    return Broken()


def test_a_run_is_equal_to_itself():
    loss, feeds = model()
    trace = ge.Engine("numpy").trace(loss, feeds)
    result = compare(trace, trace)
    assert {found.verdict for found in result} == {"equal"} and result.first is None
    assert len(result) == len(trace.graph.variables) and "variables are equal" in str(result)


def test_two_backends_differ_by_rounding():
    loss, feeds = model()
    result = compare(ge.Engine("numpy").trace(loss, feeds), ge.Engine(Generic()).trace(loss, feeds))
    assert result.first is None, str(result)
    assert {found.verdict for found in result} <= {"equal", "rounding", "inherited"}


@pytest.mark.parametrize(
    ("primitive", "change"),
    [
        ("tanh", lambda y: y * np.float32(1 + 1e-4)),
        ("relu", lambda y: y + np.float32(1e-5)),
        ("linear", lambda y: np.round(y, 3)),
        ("convolution", lambda y: y[..., ::-1].copy()),
    ],
)
def test_a_kernel_that_is_wrong_is_found(primitive, change):
    loss, feeds = model()
    result = compare(ge.Engine("numpy").trace(loss, feeds), ge.Engine(broken(primitive, change)).trace(loss, feeds))
    assert result.first.verdict == "diverged", str(result)
    assert result.operation.primitive.name == primitive and result.first.excess > 1
    assert str(result.line.line) in str(result)


def test_a_wrong_backward_kernel_is_found_in_the_backward_pass():
    loss, feeds = model()
    wrong = broken("convolution_of_weight", lambda y: y * np.float32(1.001))
    result = compare(ge.Engine("numpy").trace(loss, feeds), ge.Engine(wrong).trace(loss, feeds))
    assert result.operation.phase == "backward" and result.operation.primitive.name == "convolution_of_weight"


def test_two_precisions_differ_by_rounding():
    loss, feeds = model()
    engine = ge.Engine("numpy")
    wide = ge.passes.retype(ge.Graph(loss), "float64").graph.outputs[0]
    result = compare(engine.trace(loss, feeds), engine.trace(wide, {v.name: value for v, value in feeds.items()}))
    assert result.first is None and result.of(loss).relative < 1e-5, str(result)
    x = next(iter(feeds))
    assert result.of(x).verdict == "rounding"


def test_before_and_after_an_edit():
    loss, feeds = model()
    session = Session(ge.Engine("numpy").trace(loss, feeds))
    h = next(op for op in session.trace.graph.operations if op.primitive.name == "relu").outputs[0]
    session.set_value(h, session.trace.value(h) * 1.5)
    before, after = session.runs
    result = compare(before, after)
    assert result.first.variable is h and result.of(h).verdict == "diverged"
    assert result.of(loss).verdict == "inherited"
    assert all(found.verdict == "equal" for found in result if found.variable.index < h.index)


def test_a_reference_by_names():
    x = ge.input("x", 3, "float64")
    hidden = ge.exp(x)
    total = ge.sum(hidden)
    trace = ge.Engine("numpy").trace(total, {x: [1, 2, 3]})
    good = {"x": np.array([1.0, 2, 3]), "hidden": np.exp([1.0, 2, 3]), "grad(x)": np.exp([1.0, 2, 3])}
    assert compare(trace, good).first is None
    bad = good | {"hidden": np.exp([1.0, 2, 3.001])}
    found = compare(trace, bad).first
    assert found.name == "hidden" and found.place == (2,) and found.values[1] == bad["hidden"][2]
    assert compare(trace, {"grad(x)": good["grad(x)"] * 2}).first.verdict == "unknown"
    with pytest.raises(ge.LookupFailed, match="no variable of this run"):
        compare(trace, {"nothing": 1})


def test_nan_and_inf_are_compared_too():
    x = ge.input("x", 3)
    y = ge.log(x)
    engine = ge.Engine("numpy")
    one = engine.trace(ge.sum(y), {x: [0, -1, 2]})
    assert compare(one, one).first is None
    other = Session(one)
    other.set_value("y", [-np.inf, 0, np.log(2)])
    found = compare(one, other.trace).first
    assert found.variable is y and found.place == (1,) and found.absolute == np.inf


def test_shapes_that_differ():
    x = ge.input("x", ("n",))
    y = ge.sum(ge.square(x))
    engine = ge.Engine("numpy")
    result = compare(engine.trace(y, {x: [1, 2]}), engine.trace(y, {x: [1, 2, 3]}))
    assert result.first.name == "x (2,) and (3,)"


def test_runs_without_elements():
    x = ge.input("x", (0, 2))
    trace = ge.Engine("numpy").trace(ge.sum(ge.exp(x)), {x: np.zeros((0, 2))})
    assert compare(trace, trace).first is None


def test_rolled_and_unrolled():
    x = ge.input("x", (5, 2, 3))
    output, _ = ge.nn.LSTM(3, 4, seed=0)(x)
    loss = ge.sum(ge.square(output))
    unrolled = ge.passes.unroll(ge.Graph(loss))
    feeds = {"x": RNG.normal(size=(5, 2, 3))}
    engine = ge.Engine("numpy")
    one = engine.trace(loss, feeds, backward=False)
    other = engine.trace(unrolled.graph.outputs[0], feeds, backward=False)
    result = compare(one, other)
    assert result.first is None and result.of(loss).relative < 1e-6


def test_a_loop_in_two_precisions_differs_by_rounding():
    x = ge.input("x", (6, 2, 3))
    output, _ = ge.nn.LSTM(3, 4, seed=0)(x)
    loss, feeds = ge.sum(ge.square(output)), {"x": RNG.normal(size=(6, 2, 3))}
    engine = ge.Engine("numpy")
    wide = ge.passes.retype(ge.Graph(loss), "float64").graph.outputs[0]
    result = compare(engine.trace(loss, feeds), engine.trace(wide, feeds))
    assert result.first is None, str(result)


def test_terms_that_cancel_are_no_false_alarm():
    x, w = ge.input("x", (400, 4)), ge.input("w", (4, 50))
    loss = ge.sum(x @ w)
    twice = np.repeat(RNG.normal(size=(400, 2)), 2, axis=1)  # pairs of terms that are almost each other's opposite
    feeds = {"x": twice, "w": np.repeat(RNG.normal(size=(2, 50)), 2, axis=0) * [[1], [-1.0001], [1], [-1.0001]]}
    engine = ge.Engine("numpy")
    wide = ge.passes.retype(ge.Graph(loss), "float64").graph.outputs[0]
    result = compare(engine.trace(loss, feeds), engine.trace(wide, feeds))
    assert result.first is None, str(result)


def test_numbered_constants_are_paired_by_what_uses_them():
    x = ge.input("x", 3)

    def model(extra):
        h = ge.maximum(x, 0.0) if extra else x
        y = (h + np.float32([1, 2, 3])).named("y")
        return ge.sum(y * np.float32([3, 4, 5])).named("loss")

    engine = ge.Engine("numpy")
    one, other = engine.trace(model(False), {x: [1, 2, 3]}), engine.trace(model(True), {x: [1, 2, 3]})
    constants = [found for found in compare(one, other) if found.variable.kind == "constant"]
    assert constants and {found.verdict for found in constants} == {"equal"}
