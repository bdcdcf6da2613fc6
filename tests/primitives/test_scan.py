"""Loops: values, derivatives of first and second order, what a body may do, what it costs."""

import gc
import time
import tracemalloc

import numpy as np
import pytest

import graph_engine as ge
from graph_engine.primitives.scanning import Scan

rng = np.random.default_rng(2)


def python_loop(body, init, xs, reverse=False):
    """What `scan` is to compute, on whatever the body computes with."""
    carry, rows = init, {}
    for t in reversed(range(len(xs))) if reverse else range(len(xs)):
        carry, rows[t] = body(carry, xs[t])
    return carry, [rows[t] for t in range(len(xs))]


# ---- values ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reverse", [False, True])
def test_it_is_a_python_loop(engine, reverse):
    xs, start = rng.normal(size=(5, 3)), rng.normal(size=3)

    def body(carry, x):
        return carry * 0.5 + x, carry * x

    v, init = ge.input("v", (5, 3), "float64"), ge.input("init", 3, "float64")
    last, rows = engine.run(ge.scan(body, init, v, reverse=reverse), {v: xs, init: start})
    expected_last, expected_rows = python_loop(body, start, xs, reverse)
    np.testing.assert_allclose(engine.backend.to_numpy(last), expected_last, rtol=1e-15)
    np.testing.assert_allclose(engine.backend.to_numpy(rows), expected_rows, rtol=1e-15)


def test_it_is_one_operation_which_owns_its_body():
    total, sums = ge.scan(lambda total, x: (total + x, total + x), 0.0, ge.input("xs", "time"))
    assert total.name == "total" and sums.name == "sums" and sums.shape == ("time",)
    (operation,) = ge.Graph(sums).operations
    (body,) = operation.bodies
    assert [v.name for v in body.inputs] == ["total", "x"] and len(body.operations) == 2
    assert operation.primitive.notes(operation) == ("time steps", "of 2 operations")
    assert ge.Graph(total + 1).operations[-1].bodies == ()


def test_structures_come_out_as_they_went_in(run):
    def body(carry, x):
        (a, b), (p, q) = carry, x
        return (b, a + p), (q, a, b)

    (a, b), ys = ge.scan(body, (0.0, 1.0), (ge.input("p", 3), ge.input("q", (3, 2))))
    assert [v.shape for v in (a, b, *ys)] == [(), (), (3, 2), (3,), (3,)]
    assert [float(v) for v in run([a, b], {"p": [0, 1, 2], "q": np.zeros((3, 2))})] == [2.0, 2.0]
    carry, none = ge.scan(lambda c, x: (c + x, None), 0.0, ge.input("v", 3))
    assert none is None and carry.shape == ()


def test_a_count_of_steps_in_the_place_of_xs(run):
    _, powers = ge.scan(lambda power, _: (power * 2, power), 1, length=5)
    assert run(powers).tolist() == [1, 2, 4, 8, 16]


def test_nothing_is_carried(run):
    nothing, squares = ge.scan(lambda carry, x: (None, x * x), None, ge.constant([1, 2, 3]))
    assert nothing is None and run(squares).tolist() == [1, 4, 9]


@pytest.mark.parametrize("length", ["time", 0])
@pytest.mark.parametrize("reverse", [False, True])
def test_no_steps_at_all(run, length, reverse):
    xs, init, w = ge.input("xs", (length, 2)), ge.input("init", 2), ge.input("w")
    last, rows = ge.scan(lambda h, x: (ge.tanh(h * w + x),) * 2, init, xs, reverse=reverse)
    gradients = ge.grad(ge.sum(last) + ge.sum(rows), [xs, init, w])
    results = run([last, rows, *gradients], {xs: np.zeros((0, 2)), init: [1, 2], w: 3})
    assert [r.tolist() for r in results] == [[1, 2], [], [], [1, 1], 0]
    assert results[1].shape == results[2].shape == (0, 2)


def test_one_declaration_for_every_length(run):
    xs = ge.input("xs", ("time", "batch"))
    _, sums = ge.scan(lambda h, x: (h + x, h + x), ge.zeros(("batch",)), xs)
    for shape in ((3, 2), (5, 1), (1, 4)):
        value = rng.normal(size=shape).astype("float32")
        np.testing.assert_allclose(run(sums, {xs: value}), np.cumsum(value, 0), rtol=1e-6)


def test_loops_in_loops(run):
    xs = ge.input("xs", (3, 4), "float64")

    def outer(total, row):
        inner, _ = ge.scan(lambda c, x: (c * total + x, None), ge.zeros((), "float64"), row)
        return total + inner, inner

    last, rows = ge.scan(outer, ge.full((), 0.5, "float64"), xs)
    value, total = rng.normal(size=(3, 4)), 0.5
    for row in value:
        inner = 0.0
        for x in row:
            inner = inner * total + x
        total += inner
    assert float(run(last, {xs: value})) == pytest.approx(total, rel=1e-14)
    ge.check_gradients(last + ge.sum(rows), {xs: value}).raise_if_wrong()


# ---- derivatives -----------------------------------------------------------------------------------------------


@pytest.mark.torch
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("kept", [True, False])
def test_derivatives_of_both_orders_in_carries_sequences_and_what_is_shared(like_torch, reverse, kept):
    import torch

    def body(m, h, c, x, w):
        new = m.tanh(h @ w + x) * c
        return new, c + m.sin(h * x), (new if kept else new * x)

    def ours(h, c, xs, w):
        def step(carry, x):
            h, c, y = body(ge, *carry, x, w)
            return (h, c), y

        (h, c), ys = ge.scan(step, (h, c), xs, reverse=reverse)
        return ge.concat([h, c, ge.flatten(ys)])

    def theirs(h, c, xs, w):
        (h, c), ys = python_loop(lambda s, x: ((o := body(torch, *s, x, w))[:2], o[2]), (h, c), xs, reverse)
        return torch.cat([h, c, torch.stack(ys).flatten()])

    arrays = [rng.normal(size=shape) for shape in (3, 3, (6, 3), (3, 3))]
    like_torch(ours, theirs, *arrays)


def test_only_what_is_used_gets_a_gradient(run):
    xs, a, b = ge.input("xs", 3), ge.input("a"), ge.input("b")
    (u, v), ys = ge.scan(lambda c, x: ((c[0] * a, c[1] + x * b), (c[0] * x, c[1])), (1.0, 0.0), xs)
    feeds = {xs: [1, 2, 3], a: 2, b: 3}
    assert [float(g) for g in run(ge.grad(u, [a]), feeds)] == [12.0]
    assert run(ge.grad(v, xs), feeds).tolist() == [3.0, 3.0, 3.0]
    assert run(ge.grad(ge.sum(ys[0]), xs), feeds).tolist() == [1.0, 2.0, 4.0]


def test_integers_and_bools_are_carried_without_a_gradient(run):
    xs, keep = ge.input("xs", 4), ge.input("keep", 4, "bool")

    def body(carry, element):
        count, total = carry
        x, use = element
        total = ge.where(use, total + x * x * ge.astype(count, "float32"), total)
        return (count + 1, total), None

    (count, total), _ = ge.scan(body, (0, 0.0), (xs, keep))
    feeds = {xs: [1, 2, 3, 4], keep: [True, True, False, True]}
    assert [float(v) for v in run([count, total], feeds)] == [4.0, 4.0 + 48.0]
    assert run(ge.grad(total, xs), feeds).tolist() == [0.0, 4.0, 0.0, 24.0]


def test_no_gradient_passes_stop_gradient(run):
    w = ge.input("w")
    last, _ = ge.scan(lambda h, x: (ge.stop_gradient(h * w) + w * x, None), 1.0, ge.constant([1.0, 2.0, 3.0]))
    assert float(run(ge.grad(last, w), {w: 5})) == 3.0


def test_gradient_descent_in_a_body(run):
    target = ge.input("target", 2)

    def descend(w, _):
        loss = ge.sum(ge.square(w - target))
        return w - 0.1 * ge.grad(loss, w), loss

    w, losses = ge.scan(descend, ge.zeros(2), length=3)
    found, fallen = run([w, losses], {target: [1, -1]})
    np.testing.assert_allclose(found, [1 - 0.8**3, 0.8**3 - 1], rtol=1e-6)
    np.testing.assert_allclose(fallen, [2 * 0.64**t for t in range(3)], rtol=1e-6)
    ge.check_gradients(ge.sum(w * w), {target: [1, -1]}).raise_if_wrong()


def test_a_gradient_step_belongs_to_its_scan():
    xs = ge.input("xs", 3)
    last, _ = ge.scan(lambda h, x: (ge.tanh(h + x), None), 0.0, xs)
    trace = ge.Engine("numpy").trace(last, {xs: [1, 2, 3]})
    scans = [step for step in trace.steps if step.operation is last.operation]
    assert [step.phase for step in scans] == ["forward", "backward"]
    assert {op.operation.primitive.name for op in scans[1].substeps} >= {"scan"}
    ((operation, position, _),) = trace.contributions("xs")
    assert (operation, position) == (last.operation, 1)


# ---- randomness ------------------------------------------------------------------------------------------------


def test_keys_that_are_split_step_by_step_drop_other_elements_in_every_step(run):
    def body(carry, x):
        key, mine = ge.random.split(carry)
        return key, ge.nn.dropout(x, 0.5, key=mine)

    xs = ge.ones((20, 10))
    _, dropped = ge.scan(body, ge.random.key(3), xs)
    first, again = run(dropped), run(dropped)
    assert set(first.ravel().tolist()) == {0.0, 2.0} and len({row.tobytes() for row in first}) > 15
    np.testing.assert_array_equal(first, again)


def test_a_step_counter_folded_into_a_key_gives_the_same_noise_backward(run):
    x, key = ge.input("x", 3), ge.random.key(1)

    def body(carry, _):
        h, t = carry
        return (h * ge.random.uniform(ge.random.fold_in(key, t), 3), t + 1), h

    (h, _), rows = ge.scan(body, (x, 0), length=4)
    last, slope = run([h, ge.grad(ge.sum(h), x)], {x: [1, 1, 1]})
    np.testing.assert_allclose(last, slope, rtol=1e-6)


# ---- refusals, failures ----------------------------------------------------------------------------------------


def scan_of(body=lambda h, x: (h, x), init=0.0, xs=None, **options):
    return lambda: ge.scan(body, init, xs, **options)


V = ge.input("v", (3, 2))


@pytest.mark.parametrize(
    ("declare", "error", "message"),
    [
        (scan_of(lambda h, x: (h + x, None), 0.0, V), ge.ShapeError, r"in as float32\(\) but comes out as float32\(2,"),
        (scan_of(lambda h, x: (ge.astype(h, "float64"), None), 0.0, V), ge.DTypeError, "comes out as float64"),
        (scan_of(xs=(V, ge.input("u", 4))), ge.ShapeError, "one length, but here are: 3, 4"),
        (scan_of(xs=V, length=5), ge.ShapeError, "one length, but here are: 3, 5"),
        (scan_of(xs=ge.input("number")), ge.ShapeError, "'number' is one number"),
        (scan_of(lambda h, _: (h, h)), ge.ShapeError, "here are: none"),
        (scan_of(lambda h, x: h, 0.0, V), ge.DeclarationError, "it returns a pair"),
        (scan_of(lambda h, x: ((h, h), None), 0.0, V), ge.DeclarationError, "goes in as 1 variables but"),
        (scan_of(init=None), ge.DeclarationError, "something to hand on"),
    ],
)  # fmt: skip
def test_refusals_say_what_is_wrong_and_where(declare, error, message):
    with pytest.raises(error, match=message) as caught:
        declare()
    assert caught.value.lines


def test_what_fails_inside_is_named_with_its_line(run):
    table, ids = ge.input("table", 3), ge.input("ids", 4, "int64")
    _, found = ge.scan(lambda c, i: (c, ge.take(table, i)), 0.0, ids)
    for how in (run, ge.Engine("numpy").trace):
        try:
            result = how(found, {table: [1, 2, 3], ids: [0, 1, 7, 2]})
        except ge.GraphEngineError as error:
            caught = error
        else:
            caught = result.error
        assert "take" in str(caught) and "ge.take(table, i)" in str(caught) and "7" in str(caught), caught


# ---- equality --------------------------------------------------------------------------------------------------


def declared(factor, name="xs"):
    return ge.scan(lambda h, x: (h * factor + x, h), 0.0, ge.input(name, 3))[0].operation.primitive


def test_uses_are_equal_if_their_bodies_compute_the_same():
    assert declared(2.0) == declared(2.0, "other") and hash(declared(2.0)) == hash(declared(2.0))
    assert declared(2.0) != declared(3.0)
    assert Scan() == Scan() and Scan(reverse=True) != Scan()
    assert isinstance(hash(Scan()), int) and "Body(1 operations" in repr(Scan())


# ---- cost ------------------------------------------------------------------------------------------------------


def test_a_thousand_steps_cost_a_hundred_times_ten(run):
    xs, w = ge.input("xs", ("time", 4)), ge.parameter("w", np.eye(4, dtype="float32"))
    last, ys = ge.scan(lambda h, x: (ge.tanh(h @ w + x),) * 2, ge.zeros(4), xs)
    gradients = ge.grad(ge.sum(last) + ge.sum(ys), [w, xs])
    engine = ge.Engine("numpy")

    def seconds(steps):
        feeds = {xs: np.zeros((steps, 4), "float32")}
        engine.run(gradients, feeds)
        begin = time.perf_counter()
        engine.run(gradients, feeds)
        return time.perf_counter() - begin

    assert min(seconds(4000) for _ in range(3)) < 20 * min(seconds(1000) for _ in range(3))
    assert len(ge.Graph(*gradients).operations) < 25


def test_weight_gradients_are_summed_and_not_kept_for_each_step():
    w = ge.parameter("w", np.zeros((100, 100), "float32"))
    xs = ge.input("xs", (500, 100))
    last, ys = ge.scan(lambda h, x: (ge.tanh(h @ w + x),) * 2, ge.zeros(100), xs)
    slope = ge.grad(ge.sum(ys), w)
    second = ge.grad(ge.sum(slope * slope), w)
    engine, feeds = ge.Engine("numpy"), {xs: np.zeros((500, 100), "float32")}
    engine.run(second, feeds)
    gc.collect()
    tracemalloc.start()
    engine.run(second, feeds)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8e6, "500 copies of w would be 20 MB"
