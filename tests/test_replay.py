"""A trace within a memory budget gives the same bits as one that keeps everything."""

import numpy as np
import pytest

import graph_engine as ge
from graph_engine.replay import Replay, show_bytes


def network(engine):
    """Return a compiled step of a deep network with batch normalisation and dropout, and a batch."""
    x, key = ge.input("x", (32, 16)), ge.input("key", 2, "uint32")
    with ge.nn.training(key=key) as mode:
        h = x
        for number in range(6):
            with ge.scope(f"layer{number}"):
                h = ge.nn.Dropout(0.3)(ge.nn.relu(ge.nn.BatchNorm1d(16)(ge.nn.Linear(16, 16, seed=number)(h))))
        loss = ge.mean(ge.square(h))
    step = engine.compile([x, key], loss, updates=ge.optim.Adam(0.01).minimize(loss) | mode.updates)
    return step, (np.random.default_rng(0).normal(size=(32, 16)), np.array([1, 2], "uint32"))


def lstm(engine):
    x = ge.input("x", (12, 4, 3))
    output, _ = ge.nn.LSTM(3, 5, seed=0, unroll=True)(x)
    loss = ge.sum(ge.square(output))
    step = engine.compile([x], loss, updates=ge.optim.SGD(0.1).minimize(loss))
    return step, (np.random.default_rng(0).normal(size=(12, 4, 3)),)


def traces(build, part, backend="numpy"):
    """Return a trace that keeps everything, and one within a part of the memory that this takes."""
    whole_step, batch = build(ge.Engine(backend))
    whole = whole_step.trace(*batch)
    total = sum(np.asarray(array).nbytes for v, array in whole.arrays.items() if v.operation is not None)
    step, batch = build(ge.Engine(backend))
    return whole, step.trace(*batch, memory=int(total * part))


def pairs(whole, other):
    return zip(whole.graph.variables, other.graph.variables, strict=True)


@pytest.mark.parametrize("part", [0.02, 0.2, 0.5, 1.5])
@pytest.mark.parametrize("build", [network, lstm])
def test_every_value_has_the_same_bits_in_whatever_order_one_looks(build, part):
    whole, partial = traces(build, part)
    variables = list(pairs(whole, partial))
    for order in (variables, variables[::-1], np.random.default_rng(0).permutation(len(variables)).tolist()):
        for one, other in (variables[i] for i in order) if isinstance(order[0], int) else order:
            assert whole.value(one).tobytes() == partial.value(other).tobytes()
    assert [step.phase for step in partial.steps] == [step.phase for step in whole.steps]


def memory_behind(replay):
    """Return how many bytes all that is held keeps alive: of a view, those of what it is a view of."""
    owners = {}
    given = {id(owner(array)) for array in replay._given.values()}
    for values in (replay._kept, *replay._recent.values()):
        owners |= {id(owner(array)): owner(array).nbytes for array in values.values()}
    return sum(size for number, size in owners.items() if number not in given)


def owner(array):
    return owner(array.base) if isinstance(array.base, np.ndarray) else array


@pytest.mark.parametrize("build", [network, lstm])
def test_the_budget_is_kept_while_one_walks_back_and_forth(build):
    _, partial = traces(build, 0.6)
    replay = partial.arrays
    assert isinstance(replay, Replay) and replay.retention.needed_bytes <= replay.retention.budget
    for variable in (*partial.graph.variables, *reversed(partial.graph.variables)):
        partial.value(variable)
        assert memory_behind(replay) <= replay.held_bytes <= replay.retention.budget
    assert replay.recomputed > 0


def test_a_walk_in_order_computes_no_segment_more_than_a_few_times():
    _, partial = traces(network, 0.5)
    before = partial.arrays.recomputed
    for variable in partial.graph.variables:
        partial.value(variable)
    assert partial.arrays.recomputed - before <= 3 * len(partial.graph.operations)


def test_it_says_what_it_dropped():
    _, partial = traces(network, 0.3)
    assert "values are kept" in str(partial.kept) and "computed again" in str(partial.kept)
    _, roomy = traces(network, 2)
    assert str(roomy.kept).startswith("all ") and roomy.arrays.recomputed == 0
    _, tiny = traces(network, 0)
    assert "more than the budget of 0 bytes" in str(tiny.kept)
    assert show_bytes(1536) == "1.5 KiB"


def test_the_step_is_taken_as_without_a_budget():
    engine, other = ge.Engine("numpy"), ge.Engine("numpy")
    (step, batch), (second, _) = network(engine), network(other)
    step(*batch)
    second.trace(*batch, memory=1000)
    for one, two in zip(step.parameters, second.parameters, strict=True):
        assert engine.value(one).tobytes() == other.value(two).tobytes()


def test_watching_sees_every_operation_once():
    seen = []
    engine = ge.Engine("numpy")
    step, batch = network(engine)
    step.trace(*batch, watch=lambda operation, results: seen.append(operation), memory=1000)
    assert len(seen) == len(set(seen)) and seen == sorted(seen, key=lambda op: op.index)


def test_a_run_that_fails_keeps_what_it_reached():
    x = ge.input("x", (64,))
    h = ge.nn.relu(ge.exp(x))
    labels = ge.input("labels", 64, "int64")
    logits = ge.stack([h, h * 2], axis=1)
    loss = ge.nn.cross_entropy(logits, labels)
    feeds = {x: np.ones(64), labels: np.full(64, 7)}
    with pytest.raises(ge.GuardError) as caught:
        ge.Engine("numpy").trace(loss, feeds, memory=300)
    trace = caught.value.trace
    assert trace.failed is not None and trace.has_value(h) and not trace.has_value(loss)
    np.testing.assert_allclose(trace.value(h), np.exp(np.ones(64)), rtol=1e-6)
    with pytest.raises(ge.LookupFailed, match="has not been computed"):
        trace.value(loss)


def test_what_differs_when_it_is_computed_again_is_said():
    calls = iter(range(10**6))

    class Restless(ge.Backend):
        name, xp = "restless", np

        def kernel(self, primitive):
            function = super().kernel(primitive)
            return (lambda *a: function(*a) + next(calls)) if primitive.name == "exp" else function

    x = ge.input("x", 64, "float64")
    h = ge.exp(x)
    loss = ge.sum(ge.square(ge.tanh(ge.sin(ge.cos(h)))))
    with pytest.warns(ge.ReplayWarning, match="'h' was computed again and came out with other bits") as caught:
        trace = ge.Engine(Restless()).trace(loss, {x: np.ones(64)}, memory=600)
        for variable in trace.graph.variables:
            trace.value(variable)
    assert h in trace.arrays.differing and x not in trace.arrays.differing
    assert {warning.filename for warning in caught} == {__file__}


@pytest.mark.parametrize("memory", [-1, 1.5, "1 GiB", True])
def test_a_budget_is_a_number_of_bytes(memory):
    x = ge.input("x")
    with pytest.raises(ge.DeclarationError, match="bytes"):
        ge.Engine("numpy").trace(x * x, {x: 1}, memory=memory)


def test_a_backend_is_asked_for_kernels_that_give_the_same_bits():
    class Careful(ge.Backend):
        name, xp, abilities = "careful", np, frozenset({"deterministic"})

    class Hasty(ge.Backend):
        name, xp = "hasty", np

        def reproducible(self):
            return Careful()

    x = ge.input("x", 64)
    trace = ge.Engine(Hasty()).trace(ge.sum(ge.exp(x)), {x: np.ones(64)}, memory=100)
    assert trace.arrays.plan.backend.name == "careful"


@pytest.mark.parametrize("part", [0, 0.1, 0.3, 0.6])
def test_a_view_that_is_kept_counts_for_what_is_behind_it(part):
    x = ge.input("x", (100, 50))
    h = ge.tanh(x)
    first, turned = h[0], ge.matrix_transpose(ge.square(h))[:3]
    for _ in range(5):
        h = ge.exp(-ge.square(h))
    loss = ge.sum(h) + ge.sum(first * 2) + ge.sum(ge.square(turned))
    feeds = {x: np.random.default_rng(0).normal(size=(100, 50))}
    whole = ge.Engine("numpy").trace(loss, feeds)
    total = sum(np.asarray(array).nbytes for v, array in whole.arrays.items() if v.operation is not None)
    partial = ge.Engine("numpy").trace(loss, feeds, memory=int(total * part))
    for one, other in (*pairs(whole, partial), *reversed(list(pairs(whole, partial)))):
        assert whole.value(one).tobytes() == partial.value(other).tobytes()
        assert memory_behind(partial.arrays) <= partial.arrays.held_bytes
