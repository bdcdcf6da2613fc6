"""Two runs side by side: rounding is told from a difference, and a difference from what inherits it."""

import time
from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
import pytest

import graph_engine as ge
from graph_engine.testing import strict_backend
from graph_engine_viz.debugger import Session, compare
from graph_engine_viz.debugger.compare import rounding
from graph_engine_viz.debugger.compare.alignment import align
from graph_engine_viz.debugger.compare.difference import WORDS
from graph_engine_viz.debugger.compare.exactly import Exactly

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


@pytest.mark.parametrize("told", [True, False])
def test_of_several_that_became_one_the_gradients_are_added_up(told):
    x = ge.input("x", 3)
    loss = ge.sum(ge.exp(x * 2) + ge.tanh(x * 2))
    made = ge.passes.merge_common(ge.Graph(loss))
    one, other = (ge.Engine("numpy").trace(of, {x: [0.1, 0.2, 0.3]}) for of in (loss, made.became[loss]))
    for found in (compare(one, other, made.became if told else None), compare(other, one)):
        assert found.first is None and found.of(x).verdict == "equal" and len(found) > 8


def test_a_comparison_is_a_sequence():
    x = ge.input("x")
    trace = ge.Engine("numpy").trace(ge.sin(x), {x: 1.0})
    found = compare(trace, trace)
    assert found[1:] == list(found)[1:] and found[-1] == list(found)[-1]


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


@pytest.mark.parametrize("dtypes", [("float16", "float32"), ("float32", "float16"), ("float64", "float32")])
def test_a_step_declared_in_another_precision_converts_elsewhere(dtypes):
    def step(dtype):
        x, t = ge.input("x", (5, 4), dtype), ge.input("t", 5, "int64")
        with ge.nn.training(seed=0) as mode:
            h = ge.nn.BatchNorm1d(6, dtype=dtype)(ge.nn.Linear(4, 6, seed=0, dtype=dtype, name="one")(x))
        loss = ge.nn.cross_entropy(ge.nn.Linear(6, 3, seed=1, dtype=dtype, name="two")(ge.tanh(h)), t)
        return ge.Engine("numpy").compile([x, t], loss, updates=ge.optim.Adam(0.01).minimize(loss) | mode.updates)

    batch = np.random.default_rng(3).normal(size=(5, 4)).astype("float16"), [0, 1, 2, 0, 1]
    result = compare(*(step(dtype).trace(*batch) for dtype in dtypes))
    assert len(result) == len(result.one.graph.variables) and result.first is None, str(result)


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
    assert compare(trace, {"grad(x)": good["grad(x)"] * 2}).first.verdict == "diverged"
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
    assert result.first.variable is x and result.first.shapes == ((2,), (3,))
    assert "x: has another shape: (2,) and (3,)" in str(result)
    assert result.of(y.operation.inputs[0]).verdict == "inherited"
    loss = compare(engine.trace(y, {x: [1, 2]}), {"y": np.zeros(3)}).first
    assert str(loss) == "y: has another shape: () and (3,)"  # and no number is invented
    assert np.isnan([loss.absolute, loss.relative, *loss.values]).all()


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


# ---- a changed model -------------------------------------------------------------------------------------------


def chain(x, numbers):
    """Return a chain of products, sums and squashes, of which nothing has a name."""
    for number in numbers:
        x = ge.tanh(x * np.float32(number)) + np.float32(0.5 * number)
    return x


def layers(x, extra):
    """Return layers of one kind in a row, of which nothing but the weights has a name."""
    for number in range(6):
        w = ge.parameter(f"w{number}", np.random.default_rng(number).normal(size=(4, 4)), dtype="float32")
        x = ge.relu(x @ w)
        if number in extra:
            x = ge.relu(x * np.float32(extra[number]))
    return x


def both(one, other, feeds, **options):
    engine = ge.Engine("numpy")
    return compare(engine.trace(one, feeds, **options), engine.trace(other, feeds, **options))


def counts(comparison):
    return Counter(found.verdict for found in comparison)


@pytest.mark.parametrize("where", [0, 1, 7, 11])
def test_what_is_inserted_moves_nothing(where):
    x = ge.input("x", 5, "float32")
    numbers = [1 + i / 10 for i in range(12)]
    one = ge.sum(chain(x, numbers))
    other = ge.sum(chain(chain(x, numbers[:where]) * np.float32(1), numbers[where:]))
    result = both(one, other, {x: RNG.normal(size=5)})
    assert result.first is None, str(result)
    assert len(result) == len(result.one.graph.variables) and set(counts(result)) == {"equal"}


def test_what_is_inserted_is_where_it_diverges_and_the_rest_inherits_it():
    x = ge.input("x", 5, "float32")
    numbers = [1 + i / 10 for i in range(12)]
    one = ge.sum(chain(x, numbers))
    other = ge.sum(chain(ge.exp(chain(x, numbers[:2])), numbers[2:]))
    result = both(one, other, {x: RNG.normal(size=5)})
    assert result.first.verdict == "diverged" and result.operation.primitive.name == "multiply"
    assert result.operation.inputs[1].data == np.float32(1.2)
    found = [d.variable for d in result if d.verdict == "diverged"]
    assert {v.gradient.variable.operation.primitive.name for v in found[1:]} == {"add"}  # the same, on the way back
    assert len(found) == 2 and not counts(result)["unknown"]


@pytest.mark.parametrize("extra", [{0: 1}, {2: 1}, {5: 1}, {1: 1, 2: 1, 4: 1}, {0: 2, 1: -3, 5: 4}])
@pytest.mark.parametrize("before", [{}, {3: 1}])
def test_layers_are_found_by_their_weights(before, extra):
    x = ge.input("x", (3, 4))
    result = both(ge.sum(layers(x, before)), ge.sum(layers(x, before | extra)), {x: RNG.normal(size=(3, 4))})
    for variable, counterpart in result.pairs.items():
        operation = variable.operation
        if operation is not None and operation.phase == "forward" and operation.primitive.name == "matmul":
            assert operation.inputs[1].name == counterpart.operation.inputs[1].name
    assert len(result) == len(result.one.graph.variables)
    operations = [found.variable.operation for found in result if found.verdict != "equal"]
    assert set(extra.values()) != {1} or {op.phase for op in operations} <= {"backward"}  # of relu at zero


def test_constants_that_were_changed_diverge():
    x = ge.input("x", 5)
    result = both(ge.sum(chain(x, [1, 2, 3])), ge.sum(chain(x, [1, 2.5, 3])), {x: RNG.normal(size=5)})
    diverged = [found for found in result if found.verdict == "diverged"]
    assert diverged[0].variable.kind == "constant" and diverged[0].values == (2, 2.5)
    assert len(result) == len(result.one.graph.variables)


def test_what_was_left_out_is_computed_from_what_is_before_it():
    x = ge.input("x", 5)
    result = both(ge.sum(ge.exp(ge.sin(ge.tanh(x)))), ge.sum(ge.exp(ge.tanh(x))), {x: RNG.normal(size=5)})
    assert result.first.verdict == "diverged" and result.operation.primitive.name == "exp"
    assert both(ge.sum(ge.exp(ge.abs(ge.tanh(x)))), ge.sum(ge.exp(ge.tanh(x))), {x: [1, 2, 3, 4, 5]}).first is None


def test_a_graph_and_what_a_pass_made_of_it():
    x = ge.input("x", 5, "float32")
    loss = ge.sum(chain(x, [1, 2]) * chain(x, [1, 2]) + chain(x, [1, 3]))
    feeds = {"x": RNG.normal(size=5)}
    merged = ge.passes.merge_common(ge.Graph(loss))
    assert len(merged.graph.operations) < len(ge.Graph(loss).operations)
    for became in (merged.became, None):
        engine = ge.Engine("numpy")
        one, other = (engine.trace(loss, feeds, backward=False) for loss in (loss, merged.graph.outputs[0]))
        result = compare(one, other, became)
        assert set(counts(result)) == {"equal"} and len(result) == len(one.graph.variables)


def test_outputs_in_another_order():
    x = ge.input("x", 5)
    engine, feeds = ge.Engine("numpy"), {x: RNG.normal(size=5)}
    one = engine.trace([ge.sum(ge.tanh(x)), ge.sum(ge.exp(x))], feeds, backward=False)
    other = engine.trace([ge.sum(ge.exp(x)), ge.sum(ge.tanh(x))], feeds, backward=False)
    assert set(counts(compare(one, other))) == {"equal"}


def test_weights_that_are_used_in_each_step_of_time():
    x, w = ge.input("x", (4, 3)), ge.parameter("w", RNG.normal(size=(3, 3)), dtype="float32")

    def recurrent(extra):
        h = ge.constant(np.zeros(3, "float32"))
        for step in range(4):
            h = ge.tanh(h @ w + x[step])
            h = ge.abs(ge.abs(h)) if extra and step == 1 else h
        return ge.sum(h)

    result = both(recurrent(False), recurrent(True), {x: np.abs(RNG.normal(size=(4, 3)))})
    assert not counts(result)["unknown"] and len(result) == len(result.one.graph.variables)


@pytest.mark.parametrize("changed", [False, True])
def test_of_many_operations_each_is_looked_at_a_few_times(changed):
    def took(count):
        x = ge.input("x", 2)
        numbers = RNG.normal(size=count)
        engine = ge.Engine("numpy")
        one = engine.trace(ge.sum(chain(x, numbers)), {x: [1, 2]}, backward=False)
        inserted = chain(ge.exp(chain(x, numbers[:3])) if changed else x, numbers[3 * changed :])
        other = engine.trace(ge.sum(inserted), {x: [1, 2]}, backward=False)
        start = time.process_time()
        pairs = align(one, other)
        assert len(pairs) == len(one.graph.variables)
        return time.process_time() - start

    took(100)
    few, many = min(took(400) for _ in range(3)), took(3400)  # 10,200 operations
    assert many < 20 * few


# ---- an attribute that was changed -----------------------------------------------------------------------------

IMAGES = RNG.normal(size=(2, 3, 8, 8)).astype("float32")
ROWS = RNG.normal(size=(6, 8)).astype("float32")
KERNEL = ge.parameter("kernel", RNG.normal(size=(4, 3, 3, 3)), dtype="float32")

CHANGED = {
    "eps: 1e-05 and 0.5": (lambda x, eps: ge.nn.layer_norm(x, (8,), eps=eps), ROWS, 1e-5, 0.5),
    "eps: 1e-05 and 1e-06": (lambda x, eps: ge.nn.layer_norm(x, (8,), eps=eps), ROWS, 1e-5, 1e-6),
    "eps: 0.001 and 0.1": (lambda x, eps: ge.nn.rms_norm(x, (8,), eps=eps), ROWS, 1e-3, 0.1),
    "eps: 1e-05 and 0.25": (lambda x, eps: ge.nn.group_norm(x, 3, eps=eps), IMAGES, 1e-5, 0.25),
    "axes: (-1,) and (-2, -1)": (lambda x, shape: ge.nn.layer_norm(x, shape), ROWS, (8,), (6, 8)),
    "count_include_pad: True and False": (
        lambda x, count: ge.nn.avg_pool2d(x, 3, 1, 1, count_include_pad=count), IMAGES, True, False,
    ),
    "dilation: (1, 1) and (2, 2)": (
        lambda x, by: ge.nn.conv2d(x, KERNEL, padding=by, dilation=by), IMAGES, 1, 2,
    ),
    "axis: (0,) and (1,)": (lambda x, axis: ge.flip(x, axis), ROWS, 0, 1),
    "shift: (1,) and (2,)": (lambda x, by: ge.roll(x, by, 0), ROWS, 1, 2),
    "stride: (1, 1) and (2, 2)": (lambda x, by: ge.nn.conv2d(x, KERNEL, stride=by), IMAGES, 1, 2),
}  # fmt: skip


def activated(function, fed, attribute, dtype="float32"):
    x = ge.input("x", fed.shape, dtype)
    y = function(x, attribute).named("y")
    return ge.Engine("numpy").trace(ge.mean(y * y * y), {x: fed})


@pytest.mark.parametrize("words", CHANGED)
def test_an_attribute_that_differs_is_where_it_diverges(words):
    function, fed, one, other = CHANGED[words]
    result = compare(activated(function, fed, one), activated(function, fed, other))
    assert result.first.verdict == "diverged" and words in result.first.changed, str(result)
    assert words in str(result)
    assert all(found.verdict != "rounding" for found in result)


def test_an_attribute_that_differs_is_found_in_another_precision_too():
    function, fed, one, other = CHANGED["eps: 1e-05 and 1e-06"]
    double = [activated(function, fed.astype("float64"), eps, "float64") for eps in (one, other)]
    assert compare(activated(function, fed, one), double[0]).first is None
    assert compare(activated(function, fed, one), double[1]).first.changed == ("eps: 1e-05 and 1e-06",)


def test_an_attribute_that_makes_no_difference_is_none():
    x = ge.input("x", (4, 1))
    one, other = ge.sum(ge.exp(ge.flip(x, 0)) * 0 + 1), ge.sum(ge.exp(ge.flip(x, 1)) * 0 + 1)
    result = both(one, other, {x: [[1], [2], [2], [1]]})
    assert set(counts(result)) == {"equal"}


@pytest.mark.parametrize(
    "function",
    [
        lambda x, slope: ge.nn.leaky_relu(x, slope),
        lambda x, alpha: ge.nn.elu(x, 1 + alpha),
        lambda x, bound: ge.clip(x, -bound, bound),
        lambda x, weight: x * np.float32(weight),
    ],
)
def test_a_number_that_differs_is_inherited_and_never_rounding(function):
    result = compare(activated(function, ROWS, 0.01), activated(function, ROWS, 0.3))
    assert result.first is not None and result.of("y").verdict in ("diverged", "inherited")


def test_an_operation_that_differs_is_named():
    runs = (activated(lambda x, pool: pool(x, 2), IMAGES, pool) for pool in (ge.nn.avg_pool2d, ge.nn.max_pool2d))
    result = compare(*runs)
    assert result.first.name == "y" and result.first.changed[0].startswith("operation: ")


def test_an_index_that_was_found_another_way_diverges():
    function = lambda x, axis: ge.astype(ge.argmax(x, axis), "float32")  # noqa: E731
    square = ROWS[:, :6] * 3
    result = compare(activated(function, square, 0), activated(function, square, 1))
    assert result.operation.primitive.name == "argmax" and result.first.changed == ("axis: 0 and 1",)


# ---- a reference with gaps -------------------------------------------------------------------------------------


def gapped():
    """Return a run with intermediate results, and what they are in double precision."""
    rng = np.random.default_rng(5)
    x = ge.input("x", (64, 8))
    w, v = (ge.parameter(n, rng.normal(size=(8, 8)), dtype="float32") for n in "wv")
    h = ge.tanh(x @ w).named("h")
    s = (ge.exp(h) @ v).named("s")
    loss = ge.mean(s * s).named("loss")
    feeds = {x: rng.normal(size=(64, 8)).astype("float32")}
    trace = ge.Engine("numpy").trace(loss, feeds)
    given = {"x": feeds[x], "w": trace.value(w), "v": trace.value(v)}
    wide = {name: array.astype("float64") for name, array in given.items()}
    found = {"h": np.tanh(wide["x"] @ wide["w"])}
    found["s"] = np.exp(found["h"]) @ wide["v"]
    upstream = 2 * found["s"] / found["s"].size
    found |= {"loss": np.mean(found["s"] ** 2), "grad(v)": np.exp(found["h"]).T @ upstream}
    found["grad(w)"] = wide["x"].T @ ((upstream @ wide["v"].T) * np.exp(found["h"]) * (1 - found["h"] ** 2))
    return trace, given, found


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("names", [["h", "s", "loss"], ["loss"], ["s"], ["grad(w)"], ["h", "grad(w)", "grad(v)"]])
def test_what_is_missing_in_a_reference_is_no_divergence(names, dtype):
    trace, given, found = gapped()
    for known in ({}, given):
        result = compare(trace, known | {name: found[name].astype(dtype) for name in names})
        assert result.first is None, str(result)


@pytest.mark.parametrize("name", ["h", "s", "loss", "grad(w)"])
@pytest.mark.parametrize("factor", [1.5, 1 + 1e-4])
def test_what_is_wrong_in_a_reference_with_gaps_is_where_it_diverges(name, factor):
    trace, _, found = gapped()
    result = compare(trace, found | {name: found[name] * factor})
    assert result.first.name == name and result.first.verdict == "diverged", str(result)


def test_what_is_wrong_in_a_gap_is_seen_where_it_ends():
    trace, given, found = gapped()
    exp = next(op for op in trace.graph.operations if op.primitive.name == "exp").outputs[0]
    session = Session(trace)
    session.set_value(exp, trace.value(exp) * 1.01)
    assert compare(session.trace, given | found).first.name == "s"


def test_a_mask_in_a_gap_may_flip_where_it_is_a_tie():
    x, w = ge.input("x", (40, 30)), ge.parameter("w", RNG.normal(size=(30, 20)), dtype="float32")
    loss = ge.sum(ge.relu(ge.relu(x @ w) - ge.max(ge.relu(x @ w), axis=1, keepdims=True)))  # zero at its largest
    feeds = {x: RNG.normal(size=(40, 30)).astype("float32")}
    engine = ge.Engine("numpy")
    double = engine.trace(ge.passes.retype(ge.Graph(loss), "float64").graph.outputs[0], {"x": feeds[x]})
    result = compare(engine.trace(loss, feeds), {"loss": double.value(double.outputs[0])})
    assert result.first is None, str(result)


def chain_of_gaps(count):
    """Return a run of a chain, and as reference only what comes out of it at each of its links."""
    x = ge.input("x", 3)
    h, known = x, []
    for i in range(count):
        h = ge.tanh(h * np.float32(1.01))
        known.append(ge.sum(h).named(f"k{i}"))
    trace = ge.Engine("numpy").trace(known, {x: [0.1, 0.2, 0.3]}, backward=False)
    return trace, {v.name: trace.value(v) * np.float32(1 + 1e-7 * (i % 3)) for i, v in enumerate(known)}


def test_each_gap_is_filled_once(monkeypatch):
    looked = Counter()

    def counted(name, size):
        function = getattr(Exactly, name)

        def instead(*arguments):
            found = function(*arguments)
            looked[name] += size(found)
            return found

        monkeypatch.setattr(Exactly, name, instead)

    counted("_gap", len)
    counted("_called", lambda _: 1)

    def work(count):
        looked.clear()
        assert compare(*chain_of_gaps(count)).first is None
        return dict(looked)

    few, many = work(60), work(240)
    assert all(many[name] < 5 * few[name] for name in few), (few, many)


def test_what_follows_from_a_kernel_that_refuses_cannot_be_judged(monkeypatch):
    trace, reference = chain_of_gaps(6)
    refuse_double(monkeypatch, trace, "tanh")
    result = compare(trace, {name: reference[name] * np.float32(1.5) for name in ("k0", "k3", "k5")})
    assert {found.verdict for found in result} == {"unknown"} and "float32 only" in str(result.of("k5"))


# ---- what cannot be judged -------------------------------------------------------------------------------------


def refuse_double(monkeypatch, trace, name):
    """Make a primitive of a run one that refuses double precision."""
    primitive = next(op.primitive for op in trace.graph.operations if op.primitive.name == name)

    def kernel(self, xp, *arrays, **options):
        raise TypeError("float32\nonly")

    monkeypatch.setattr(type(primitive), "kernel", kernel)


@pytest.mark.parametrize("moved", [False, True])
def test_where_a_kernel_refuses_double_precision_it_cannot_be_told(monkeypatch, moved):
    x = ge.input("x", 3)
    y = ge.tanh(x).named("y")
    engine = ge.Engine("numpy")
    one = engine.trace(ge.sum(y), {x: [0.1, 0.2, 0.3]})
    reference = {"x": one.value(x) * np.float32(1 + moved), "y": np.nextafter(one.value("y"), np.float32(1))}
    refuse_double(monkeypatch, one, "tanh")
    found = compare(one, reference).of("y")
    assert found.verdict == "unknown" and np.isnan(found.excess) and found.relative < 1e-6
    assert "cannot be judged" in str(found)
    assert "tanh cannot be computed in float64: TypeError: float32 only" in str(found)
    assert compare(one, {"y": one.value("y")}).of("y").verdict == "equal"


def test_a_mistake_of_this_library_is_not_hidden(monkeypatch):
    def mistaken(*_):
        raise ZeroDivisionError

    x = ge.input("x", 3)
    trace = ge.Engine("numpy").trace(ge.sum(ge.exp(x).named("y")), {x: [1, 2, 3]})
    monkeypatch.setattr(rounding, "_in_bounds", mistaken)
    with pytest.raises(ZeroDivisionError):
        compare(trace, {"y": trace.value("y") * 2}).first  # noqa: B018


def test_whole_numbers_in_a_reference_are_numbers():
    x = ge.input("x", 3)
    trace = ge.Engine("numpy").trace(ge.sum((x * np.float32(2)).named("y")), {x: [1, 2, 3]})
    assert compare(trace, {"y": np.array([2, 4, 6])}).of("y").verdict == "equal"
    assert compare(trace, {"y": np.array([2, 4, 7])}).of("y").verdict == "diverged"


def test_each_verdict_has_words_for_one_and_for_several():
    x = ge.input("x", 3)
    trace = ge.Engine("numpy").trace(ge.sum(ge.exp(x).named("y")), {x: [1, 2, 3]})
    wrong = {"y": trace.value("y") * 2}
    assert "1 differs by more than rounding explains" in str(compare(trace, wrong))
    wrong["grad(x)"] = trace.grad(x) * 3
    assert "2 differ by more than rounding explains" in str(compare(trace, wrong))
    assert all(one.replace("differs", "differ").split()[0] == many.split()[0]
               for verdict, (one, many) in WORDS.items() if verdict != "equal")  # fmt: skip


# ---- what is fetched from a device -----------------------------------------------------------------------------


@dataclass
class OnDevice:
    """An array that has to be fetched."""

    array: np.ndarray

    @property
    def shape(self):
        return self.array.shape


def on_device(trace):
    """Return a run whose arrays have to be fetched, and how often each was."""
    fetched = Counter()

    def to_numpy(held):
        fetched[id(held)] += 1
        return held.array

    arrays = {v: OnDevice(np.asarray(trace.to_numpy(array))) for v, array in trace.arrays.items()}
    return replace(trace, arrays=arrays, to_numpy=to_numpy), fetched


def test_each_array_is_fetched_once():
    loss, feeds = model()
    one, mine = on_device(ge.Engine("numpy").trace(loss, feeds))
    other, theirs = on_device(ge.Engine(Generic()).trace(loss, feeds))
    assert str(compare(one, other)) and set(mine.values()) == set(theirs.values()) == {1}


def test_shapes_that_differ_need_nothing_to_be_fetched():
    x = ge.input("x", ("n",))
    y = ge.exp(x).named("y")
    runs = [on_device(ge.Engine("numpy").trace(ge.sum(y), {x: np.ones(n)})) for n in (2, 3)]
    assert compare(runs[0][0], runs[1][0]).of("y").verdict == "inherited"
    assert not runs[0][1] and not runs[1][1]


# ---- honest pairs ----------------------------------------------------------------------------------------------

LINE = np.linspace(-1, 1.5, 2000, dtype="float32").reshape(100, 20)
SIGNS = np.where(np.arange(2000).reshape(100, 20) % 3, 1, -1).astype("float32")
HONEST = {
    **{name: (lambda x, name=name: getattr(ge.nn, name)(x), LINE) for name in (
        "elu", "gelu", "glu", "hardtanh", "leaky_relu", "logsigmoid", "selu", "silu", "softmax", "softplus", "softsign",
    )},
    **{name: (lambda x, name=name: getattr(ge.nn, name)(x, SIGNS), LINE) for name in (
        "mse_loss", "huber_loss", "hinge_loss", "soft_margin_loss", "poisson_nll_loss",
    )},
    "convolution": (lambda x: ge.nn.conv2d(x, KERNEL, stride=2, padding=1), IMAGES),
    "transposed": (lambda x: ge.nn.conv_transpose2d(ge.nn.conv2d(x, KERNEL), KERNEL, stride=2), IMAGES),
    "batch_norm": (lambda x: ge.nn.batch_norm(x, None, None, training=True), IMAGES),
    "instance_norm": (lambda x: ge.nn.instance_norm(x), IMAGES),
    "attention": (lambda x: ge.nn.scaled_dot_product_attention(x, ge.sin(x), x), LINE.reshape(4, 25, 20)),
    "lstm": (lambda x: ge.nn.LSTM(20, 5, seed=0, name="lstm")(x)[0], LINE.reshape(20, 5, 20)),
    "gru": (lambda x: ge.nn.GRU(20, 5, seed=0, name="gru")(x)[0], LINE.reshape(20, 5, 20)),
    "interpolate": (lambda x: ge.nn.interpolate(x, scale_factor=1.7, mode="bilinear"), IMAGES),
    "lp_pool": (lambda x: ge.nn.lp_pool2d(ge.abs(x) + np.float32(0.1), 3.0, 2), IMAGES),
}  # fmt: skip


@pytest.mark.parametrize("scale", [1, 8])
@pytest.mark.parametrize("name", HONEST)
def test_honest_backends_differ_by_rounding(name, scale):
    function, fed = HONEST[name]
    with ge.nn.training(seed=0):
        x = ge.input("x", fed.shape)
        y = function(x)
    loss = ge.mean(y * y * y)  # the mean square of what is normalized is a constant
    trace = ge.Engine("numpy").trace(loss, {x: fed * np.float32(scale)})
    for backend in (strict_backend(), Generic()):
        result = compare(trace, ge.Engine(backend).trace(loss, {x: fed * np.float32(scale)}))
        assert result.first is None, f"{backend.name}: {result}"
    for primitive in {op.primitive.name for op in trace.graph.operations if op.outputs[0].spec.is_float}:
        wrong = broken(primitive, lambda y: tuple(map(larger, y)) if isinstance(y, tuple) else larger(y))
        result = compare(trace, ge.Engine(wrong).trace(loss, {x: fed * np.float32(scale)}))
        assert result.first is not None, primitive


def larger(array):
    """Return real numbers larger by a thousandth."""
    return array * np.float32(1.001) if np.asarray(array).dtype.kind == "f" else array


def test_a_wrong_logarithm_of_a_large_number_is_found():
    x = ge.input("x", 3)
    loss, feeds = ge.sum(ge.log(x)), {x: [1e6, 2e6, 3e6]}
    runs = (ge.Engine(backend).trace(loss, feeds) for backend in (Generic(), broken("log", larger)))
    assert compare(*runs).operation.primitive.name == "log"


# ---- what is not compared --------------------------------------------------------------------------------------


def test_a_name_of_several_variables_is_refused():
    x = ge.input("x", 3)
    with ge.scope("bn"):
        a, b = ge.exp(x).named("h"), ge.sin(x).named("h")
    trace = ge.Engine("numpy").trace(ge.sum(a * b), {x: [1, 2, 3]})
    names = [trace.graph.name_of(v) for v in (a, b)]
    by_name = {v.name: trace.value(v) for v in trace.graph.variables}
    with pytest.raises(ge.NameClashError, match=f"may be any of 2 .* {names[0]}, {names[1]}[^$]*name_of"):
        compare(trace, by_name)
    told_apart = {trace.graph.name_of(v): trace.value(v) for v in trace.graph.variables}
    assert set(counts(compare(trace, told_apart))) == {"equal"}


def test_a_name_that_an_input_has_means_the_input():
    x = ge.input("x", 3)
    given = x
    x = ge.exp(x)
    trace = ge.Engine("numpy").trace(ge.sum(x), {given: [1, 2, 3]})
    assert trace.graph.name_of(x) == "x_1" and compare(trace, {"x": [1, 2, 3]}).first is None
    with pytest.raises(ge.NameClashError):
        compare(trace, {"x": np.exp([1, 2, 3])})


def test_what_is_no_run_is_refused():
    x = ge.input("x", 3)
    trace = ge.Engine("numpy").trace(ge.sum(ge.exp(x)), {x: [1, 2, 3]})
    for wrong in [
        (trace, None), ({"x": 1}, trace), (trace, "x"), (None, trace), (trace, trace, "x"), (trace, trace, {1: 2}),
    ]:  # fmt: skip
        with pytest.raises(ge.DeclarationError):
            compare(*wrong)
    for array in ("abc", object(), [1, "a"], [1j, 0, 0], [[1], [1, 2]]):
        with pytest.raises(ge.FeedError, match="'x'"):
            compare(trace, {"x": array})


# ---- other names -----------------------------------------------------------------------------------------------


def test_parameters_that_have_other_names_are_paired_by_what_uses_them():
    def run(scope, bias):
        x, t = ge.input("x", (5, 4)), ge.input("t", 5, "int64")
        with ge.scope(scope):
            h = ge.relu(ge.nn.Linear(4, 6, seed=0, name="one")(x))
            loss = ge.nn.cross_entropy(ge.nn.Linear(6, 3, seed=1, name="two")(h), t)
        engine = ge.Engine("numpy")
        changed = next(p for p in ge.Graph(loss).parameters if p.name.endswith("one.bias"))
        engine.set_value(changed, np.float32(engine.value(changed) + np.float32([bias] + [0] * 5)))
        return engine.trace(loss, {x: np.random.default_rng(1).normal(size=(5, 4)), t: [0, 1, 2, 0, 1]})

    same = compare(run("a", 0), run("b", 0))
    assert len(same) == len(same.one.graph.variables) and set(counts(same)) == {"equal"}
    result = compare(run("a", 0), run("b", 0.1))
    assert result.first.name == "a.one.bias" and counts(result)["diverged"] == 1 and not counts(result)["unknown"]
