"""Running, tracing and compiling, on every backend of the suite."""

import operator

import numpy as np
import pytest

import graph_engine as ge


def numbers(engine, array):
    return engine.backend.to_numpy(array).tolist()


# ---- run -------------------------------------------------------------------------------------------------------


def test_one_output_gives_an_array_and_several_a_tuple(engine):
    x = ge.input("x")
    y, z = x + 1, x * 2
    one = engine.run(y, {x: 3})
    assert engine.backend.is_array(one) and float(one) == 4
    assert [float(v) for v in engine.run([y, z, y, x], {x: 3})] == [4, 6, 4, 3]
    assert isinstance(engine.run((y,), {x: 3}), tuple) and engine.run([]) == ()


def test_feeds_go_by_variable_or_by_name(engine):
    x, y = ge.input("x"), ge.input("y")
    assert float(engine.run(x - y, {x: 3, "y": 1})) == 2


FEEDS = [  # the input's dtype, what is fed, what is computed with
    ("float32", 3, 3.0), ("float32", True, 1.0), ("float32", 0.1, float(np.float32(0.1))),
    ("float64", 0.1, 0.1), ("float64", np.float32(0.5), 0.5), ("float32", np.float64(0.1), float(np.float32(0.1))),
    ("float32", np.array(2, "int16"), 2.0), ("float32", 1e300, np.inf), ("int64", 3, 3), ("int64", np.uint8(200), 200),
    ("int8", np.array(-5, "int64"), -5), ("int32", True, 1), ("bool", True, True), ("bool", np.True_, True),
    ("float64", [], []), ("float64", [1, 2.5], [1.0, 2.5]), ("int64", (1, 2), [1, 2]),
    ("float32", range(2), [0.0, 1.0]),
    ("float64", [np.float32(1), 2], [1.0, 2.0]), ("float32", np.array([1, 2], ">f8"), [1.0, 2.0]),
    ("float32", np.arange(6.0)[::-2], [5.0, 3.0, 1.0]), ("float32", np.zeros((0, 2)), []),
]  # fmt: skip


@pytest.mark.parametrize(("dtype", "fed", "expected"), FEEDS, ids=lambda value: repr(value)[:40])
def test_feeds_are_cast_within_their_kind(engine, dtype, fed, expected):
    array = np.asarray(fed)
    x = ge.input("x", array.shape, dtype)
    got = engine.run(x, {x: fed})
    assert engine.backend.dtype_name(got) == dtype
    assert numbers(engine, got) == expected


def test_arrays_of_the_backend_are_taken_as_they_are(engine):
    x = ge.input("x", 2)
    first = engine.run(x * 2, {x: [1, 2]})
    assert numbers(engine, engine.run(x * 2, {x: first})) == [4, 8]
    wide = ge.input("wide", 2, "float64")
    assert numbers(engine, engine.run(wide * 2, {wide: first})) == [4, 8]


def test_any_batch_size_runs_without_declaring_again(engine):
    x, y = ge.input("x", ("batch", 3)), ge.input("y", ("batch",))
    flat = ge.reshape(x, (-1,))
    both = ge.concat([x, x], axis=0)
    loss = ge.mean(ge.square(ge.sum(x, axis=1) - y)) + ge.sum(flat) * 0 + ge.mean(both) * 0
    slope = ge.grad(loss, x)
    assert (str(flat.shape), str(both.shape)) == ("('3*batch',)", "('2*batch', 3)")
    for batch in (1, 4, 7):
        data, target = np.arange(3.0 * batch).reshape(batch, 3), np.ones(batch)
        got = engine.run([loss, slope], {x: data, y: target})
        residual = data.sum(1) - 1
        np.testing.assert_allclose(float(got[0]), (residual**2).mean(), rtol=1e-6)
        expected = np.repeat(2 * residual[:, None] / batch, 3, 1)
        np.testing.assert_allclose(engine.backend.to_numpy(got[1]), expected, rtol=1e-5)


OPERATORS = [
    operator.add, operator.sub, operator.mul, operator.truediv, operator.pow, operator.matmul, operator.lt, operator.le,
    operator.gt, operator.ge,
]  # fmt: skip
OTHERS = [2, 0.5, np.float64(1.5), np.float32(1.5), np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1, 2])]


@pytest.mark.parametrize("act", OPERATORS, ids=lambda act: act.__name__)
def test_operators_take_numbers_and_arrays_on_either_side(act):
    x, value = ge.input("x", (2, 2), "float64"), np.array([[0.5, 1.5], [2.5, 3.0]])
    engine = ge.Engine("numpy")
    for other in OTHERS:
        if act is operator.matmul and np.ndim(other) == 0:
            continue
        right, left = act(x, other), act(other, x)
        assert isinstance(right, ge.Variable) and isinstance(left, ge.Variable)
        np.testing.assert_allclose(engine.run(right, {x: value}), act(value, other), rtol=1e-15)
        np.testing.assert_allclose(engine.run(left, {x: value}), act(other, value), rtol=1e-15)


def test_unary_and_logical_operators(engine):
    x = ge.input("x", 3)
    fed = {x: [-1, 0, 2]}
    for variable, expected in [
        (-x, [1, 0, -2]), (+x, [-1, 0, 2]), (abs(x), [1, 0, 2]), (~(x > 0), [True, True, False]),
        ((x > -2) & (x < 1), [True, True, False]), ((x < 0) | (x > 1), [True, False, True]),
        (x[::-1], [2, 0, -1]), (x[1], 0), (x[..., None], [[-1], [0], [2]]),
    ]:  # fmt: skip
        assert numbers(engine, engine.run(variable, fed)) == expected


def test_equality_is_identity_and_variables_are_keys():
    x, y = ge.input("x"), ge.input("y")
    assert x == x and x != y and {x: 1, y: 2}[x] == 1 and x in [x] and y not in [x]


DTYPES = [
    ("float32", 2, "float32"), ("float32", 2.5, "float32"), ("float64", 2.5, "float64"), ("int32", 2, "int32"),
    ("int32", 2.5, "float32"), ("uint8", 1, "uint8"), ("bool", 2, "int64"), ("float32", np.ones(1), "float64"),
    ("float32", np.ones(1, int), "float32"), ("int8", np.ones(1, "uint8"), "int16"), ("int64", [1.0], "float32"),
    ("float16", np.float32(1), "float32"), ("float32", np.float64(1), "float32"), ("float32", [1.0], "float32"),
]  # fmt: skip


@pytest.mark.parametrize(("dtype", "other", "expected"), DTYPES)
def test_dtypes_follow_one_table(dtype, other, expected):
    x = ge.input("x", 1, dtype)
    assert (x * other).dtype == (other * x if not isinstance(other, list) else x * other).dtype == expected


# ---- parameters ------------------------------------------------------------------------------------------------


def test_an_engine_keeps_its_own_parameters(engine, backend):
    w = ge.parameter("w", [1.0, 2.0])
    other = ge.Engine(backend)
    engine.set_value(w, [3, 4])
    assert numbers(engine, engine.run(w * 1)) == [3, 4] and numbers(other, other.run(w * 1)) == [1, 2]
    assert numbers(engine, engine.value("w")) == [3, 4] and engine.parameters() == (w,)


def test_what_an_engine_gives_is_the_callers_own():
    w = ge.parameter("w", [1.0, 2.0])
    engine = ge.Engine("numpy")
    for take in (lambda: engine.value(w), lambda: engine.run(w), lambda: engine.run([w, w])[1]):
        take()[:] = 9
        assert engine.value(w).tolist() == [1, 2]
    given = np.array([5, 6], "float32")
    engine.set_value(w, given)
    given[:] = 7
    assert engine.value(w).tolist() == [5, 6] and w.data.tolist() == [1, 2]


def test_a_parameter_copies_what_it_is_made_of():
    given = np.array([1.0, 2.0])
    w = ge.parameter("w", given)
    given[:] = 9
    assert ge.Engine("numpy").value(w).tolist() == [1, 2]
    with pytest.raises(ValueError, match="read-only"):
        w.data[:] = 3


# ---- steps -----------------------------------------------------------------------------------------------------


def test_a_compiled_step_learns(engine):
    x, y = ge.input("x", ("n",)), ge.input("y", ("n",))
    a, b = ge.parameter("a", 0.0), ge.parameter("b", 0.0)
    loss = ge.mean(ge.square(a * x + b - y))
    step = engine.compile([x, y], loss, updates=ge.optim.SGD(0.5).minimize(loss))
    data = np.linspace(-1, 1, 8)
    losses = [float(step(data, 3 * data + 2)) for _ in range(60)]
    assert losses[0] > 1 and losses[-1] < 1e-8
    assert (float(engine.value(a)), float(engine.value(b))) == pytest.approx((3, 2), abs=1e-3)


def test_a_step_takes_its_inputs_in_the_order_given_needed_or_not(engine):
    x, y, unused = ge.input("x"), ge.input("y"), ge.input("unused")
    step = engine.compile([y, unused, x], [x - y])
    assert [float(v) for v in step(1, 99, 10)] == [9.0]
    assert engine.compile([x], ())(3) == ()


def test_outputs_are_those_before_the_update(engine):
    w = ge.parameter("w", 1.0)
    step = engine.compile([], [w, w * 2], {w: w + 1})
    assert [float(v) for v in step()] == [1, 2] and [float(v) for v in step()] == [2, 4]


def test_a_learning_rate_can_be_an_input(engine):
    w, rate = ge.parameter("w", 1.0), ge.input("rate")
    step = engine.compile([rate], (), ge.optim.SGD(rate).minimize(w * w))
    step(0.25), step(0.0)
    assert float(engine.value(w)) == 0.5


def test_only_trainable_parameters_are_updated(engine):
    w, frozen = ge.parameter("w", 1.0), ge.parameter("frozen", 2.0, trainable=False)
    updates = ge.optim.SGD(0.1).minimize(w * frozen)
    assert list(updates) == [w]
    engine.compile([], (), updates)()
    assert (float(engine.value(w)), float(engine.value(frozen))) == pytest.approx((0.8, 2))


def test_guards_are_always_on_in_a_run_and_a_trace_and_chosen_in_a_step():
    logits, ids = ge.input("logits", (1, 2)), ge.input("ids", 1, "int64")
    loss = ge.nn.cross_entropy(logits, ids)
    engine = ge.Engine("numpy")
    feeds = {logits: [[0, 0]], ids: [0]}
    assert float(engine.run(loss, feeds)) == pytest.approx(np.log(2))
    for observe in (engine.run, engine.trace):
        with pytest.raises(ge.GuardError):
            observe(loss, feeds | {ids: [-1]})
    with pytest.raises(ge.GuardError):
        engine.compile([logits, ids], loss, guards=["values"])([[0, 0]], [5])


def test_a_finite_guard_looks_at_outputs_and_new_values(engine):
    w, x = ge.parameter("w", 1.0), ge.input("x")
    step = engine.compile([x], (), {w: w * x}, guards=["finite"])
    for bad in (np.inf, np.nan):
        with pytest.raises(ge.GuardError, match="is not finite"):
            step(bad)
    step(2.0)
    assert float(engine.value(w)) == 2


# ---- traces ----------------------------------------------------------------------------------------------------


def traced_step(engine):
    x, t = ge.input("x"), ge.input("t")
    w, b = ge.parameter("w", 2.0), ge.parameter("b", 1.0)
    y = ge.tanh(w * x + b)
    loss = ge.square(y - t)
    step = engine.compile([x, t], loss, updates=ge.optim.SGD(0.1).minimize(loss))
    return step, step.trace(0.5, 0.0), (w, b)


def test_a_trace_of_a_step_is_forward_backward_and_update(engine):
    step, trace, (w, b) = traced_step(engine)
    assert [step.phase for step in trace.steps] == ["forward"] * 5 + ["backward"] * 6 + ["update"] * 2
    assert [step.index for step in trace.steps] == list(range(13))
    forward = trace.steps[:5]
    backward = trace.steps[5:11]
    assert [s.operation.name for s in forward] == ["multiply", "add", "tanh", "subtract", "square"]
    assert backward[0].variable is trace.loss and trace.value(backward[0].outputs[0]) == 1
    assert [s.operation for s in backward[1:]] == [s.operation for s in reversed(forward)], "a rule for each"
    for rule in backward[1:]:
        assert rule.substeps and all(s.operation.owner is rule.operation for s in rule.substeps)
        assert rule.line == rule.operation.line
    for update, parameter in zip(trace.steps[11:], (w, b), strict=True):
        assert update.variable is parameter and update.outputs == (trace.updates[parameter],)
        expected = trace.value(parameter) - np.float32(0.1) * trace.grad(parameter)
        assert trace.updated(parameter) == pytest.approx(expected, rel=1e-6)
        assert float(engine.value(parameter)) == trace.updated(parameter)


def test_every_variable_of_a_trace_has_its_value(engine):
    _, trace, _ = traced_step(engine)
    assert all(trace.has_value(v) for v in trace.graph.variables)
    made = [v for s in trace.steps for v in s.outputs]
    assert len(set(made)) == len(made) and trace.error is None


def test_a_trace_can_be_watched(engine):
    x = ge.input("x")
    y = ge.exp(x) + 1
    seen = []
    engine.trace(y, {x: 0}, watch=lambda operation, results: seen.append((operation.name, float(results[0]))))
    assert seen == [("exp", 1.0), ("add", 2.0), ("multiply", 1.0)]


def test_a_watch_that_raises_stops_the_run():
    class Stop(Exception):
        pass

    def stop(operation, results):
        raise Stop

    with pytest.raises(Stop):
        ge.Engine("numpy").trace(ge.exp(ge.input("x")), {"x": 0}, watch=stop)


def test_a_trace_has_a_backward_pass_where_the_first_output_is_a_scalar_float(engine):
    x = ge.input("x", 2)
    total = ge.sum(x * x)
    assert engine.trace(total, {x: [1, 2]}).grad(x).tolist() == [2, 4]
    assert engine.trace([total, x], {x: [1, 2]}).loss is total
    for others in (x * 2, [x * 2, total], ge.astype(total, "int32")):
        assert engine.trace(others, {x: [1, 2]}).loss is None


def test_a_trace_prints_as_a_table(engine):
    _, trace, _ = traced_step(engine)
    lines = str(trace).splitlines()
    assert len(lines) == 14 and lines[0].split() == ["step", "phase", "operation", "result"]
    assert "b: 1 ->" in lines[-1]


# ---- determinism -----------------------------------------------------------------------------------------------


def test_keys_follow_from_the_seed(engine, backend):
    def keys(seed):
        made = ge.Engine(backend, seed=seed)
        return [numbers(made, made.next_key()) for _ in range(3)]

    assert keys(1) == keys(1) != keys(2) and len({tuple(key) for key in keys(1)}) == 3


def test_backends_are_listed_with_where_they_come_from():
    found = {info.name: info for info in ge.backends()}
    assert found["numpy"].available and found["numpy"].distribution == "graph-engine"
    assert "NumPy" in str(found["numpy"])
