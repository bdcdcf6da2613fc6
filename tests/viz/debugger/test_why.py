"""`why` names the operation and the line at which a planted fault arises."""

import inspect

import numpy as np
import pytest

import graph_engine as ge
from graph_engine_viz.debugger import why
from tests.viz.debugger.zoo_models import FAULTS


def faulty_line(function):
    lines, start = inspect.getsourcelines(function)
    return start + next(i for i, line in enumerate(lines) if line.rstrip().endswith("# here"))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found(name):
    function, primitive, phase, cause, _ = FAULTS[name]
    trace, asked = function()
    answer = why(trace, *asked) if isinstance(asked, tuple) else why(trace, asked)
    text = str(answer)
    first = answer.findings[0]
    assert cause in first.cause.text, text
    assert first.phase == phase, text
    if phase != "update":  # there the line is the optimiser's
        assert first.line is not None and first.line.line == faulty_line(function), text
    operation = first.operation
    owner = operation.owner if operation is not None and phase == "backward" else None
    found = None if operation is None else (owner or operation).primitive.name
    assert found == primitive, text
    assert first.cause.cure, text


def test_there_are_enough_of_them():
    assert len(FAULTS) >= 90


def masked_scores(x, fill):
    seen = ge.constant(np.tril(np.ones((4, 4))) > 0)
    return ge.nn.softmax(ge.where(seen, x, fill))


HEALTHY = {
    "a constant": lambda x: masked_scores(x, -np.inf),
    "full": lambda x: masked_scores(x, ge.full((4, 4), -np.inf, "float32")),
    "a padding": lambda x: ge.max(ge.nn.pad(x, (1, 1), value=-np.inf), axis=-1),
    "added": lambda x: ge.nn.softmax(x + np.triu(np.full((4, 4), -np.inf, "float32"), 1)),
    "a loop": lambda x: ge.scan(lambda h, row: (ge.maximum(h, row),) * 2, np.full(4, -np.inf, "float32"), x)[1],
}


@pytest.mark.parametrize("name", HEALTHY)
def test_infinities_that_were_declared_are_no_fault(name):
    x = ge.input("x", (4, 4))
    trace = ge.Engine("numpy").trace(
        ge.sum(ge.square(HEALTHY[name](x))), {x: np.random.default_rng(0).normal(size=(4, 4))}
    )
    assert str(why(trace)).startswith("everything in this run is finite")


def test_infinities_that_were_fed_are_a_fault_where_they_do_harm():
    x, mask = ge.input("x", (4, 4)), ge.input("mask", (4, 4))
    loss = ge.sum(ge.square(ge.nn.softmax(x + mask)))
    values = np.random.default_rng(0).normal(size=(4, 4))
    below = np.where(np.tril(np.ones((4, 4))) > 0, 0, -np.inf)
    assert str(why(ge.Engine("numpy").trace(loss, {x: values, mask: below}))).startswith("everything")
    harmful = why(ge.Engine("numpy").trace(ge.sum(x + mask), {x: values, mask: below}))
    assert "the data hold Inf" in str(harmful)


def test_the_step_of_a_loop_is_named():
    xs = ge.input("xs", 6)
    last, _ = ge.scan(lambda h, x: (h + ge.log(x), None), 0.0, xs)
    answer = why(ge.Engine("numpy").trace(last, {xs: [1, 2, 3, 0, 5, 6]}))
    assert "at step 4 of 6 of scan: at log" in str(answer), str(answer)


def test_what_vanishes_in_a_loop_is_told():
    xs, w = ge.input("xs", (20, 2)), ge.parameter("w", 0.1 * np.eye(2, dtype="float32"))
    last, _ = ge.scan(lambda h, x: (ge.tanh(x + h @ w), None), np.zeros(2, "float32"), xs)
    trace = ge.Engine("numpy").trace(ge.sum(last), {xs: np.random.default_rng(0).normal(size=(20, 2))})
    assert "20 times matmul: × 1e-20, 0.1 each on average" in str(why(trace, "w"))


@pytest.mark.parametrize(("primitive", "phase"), [("exp", "forward"), ("square", "backward"), ("sqrt", "update")])
def test_of_a_run_that_failed_it_says_where(primitive, phase):
    class Failing(ge.Backend):
        name, xp = "failing", np

        def kernel(self, used):
            def fail(*arrays):
                raise MemoryError("out of memory")

            return fail if used.name == primitive else super().kernel(used)

    x, w = ge.input("x", 3), ge.parameter("w", [1.0, 2.0, 3.0])
    h = ge.tanh(w * x)
    loss = ge.sum(h * h + ge.exp(w))
    step = ge.Engine(Failing()).compile([x], loss, updates=ge.optim.Adam(0.1).minimize(loss))
    with pytest.raises(ge.RunError) as caught:
        step.trace([1, 2, 3])
    for answer in (why(caught.value.trace), why(caught.value.trace, "w", "update")):
        assert answer.findings[0].phase == phase and answer.operation.primitive.name == primitive
    assert "the run stopped before the new value of w was reached" in str(answer)


@pytest.mark.parametrize("layer", [ge.nn.RNN, ge.nn.GRU, ge.nn.LSTM])
def test_recurrent_layers_can_be_asked_about(layer):
    xs = ge.input("xs", ("time", 2, 3))
    ys, _ = layer(3, 4, num_layers=2, bidirectional=True, seed=0)(xs)
    trace = ge.Engine("numpy").trace(ge.mean(ge.square(ys)), {xs: np.random.default_rng(0).normal(size=(6, 2, 3))})
    assert "inside of" in str(why(trace, "xs"))
    for parameter in trace.graph.parameters:
        assert "RMS" in str(why(trace, parameter))


def test_of_an_update_it_says_by_how_much():
    x, w = ge.input("x", 2), ge.parameter("w", [1.0, 2.0])
    loss = ge.sum(x * w)
    trace = ge.Engine("numpy").compile([x], loss, updates=ge.optim.SGD(0.1).minimize(loss)).trace([0, 1])
    assert "changed by RMS 0.0707" in str(why(trace, "w", "update")) and "50% of it" in str(why(trace, "w", "update"))


# ---- what else is asked ----------------------------------------------------------------------------------------


def chain(factor, count=5):
    x = ge.input("x", 3)
    h = x
    for number in range(count):
        with ge.scope(f"layer{number}"):
            h = h * factor
    return ge.Engine("numpy").trace(ge.sum(h), {x: [1, 2, 3]})


def test_of_a_gradient_the_factors_multiply_to_it():
    answer = why(chain(0.1), "x")
    assert [round(factor.factor, 6) for factor in answer.factors] == [1.0, *[0.1] * 5]
    assert "has RMS 1e-5" in str(answer) and "furthest from 1 is 0.1" in str(answer)
    trace = chain(30.0)
    product = np.prod([factor.factor for factor in why(trace, "x").factors])
    np.testing.assert_allclose(product, np.sqrt(np.mean(trace.grad("x") ** 2)), rtol=1e-6)


def test_numbers_of_which_half_precision_holds_few_digits():
    x, w = ge.input("x", 3, "float16"), ge.parameter("w", np.ones(3, "float16"))
    loss = ge.mean(ge.astype(w * x, "float32")) * 1e-5
    answer = why(ge.Engine("numpy").trace(loss, {x: np.float16([1, 2, 3])}), "w")
    assert "below 6.104e-5, where float16 holds fewer and fewer digits: scale the loss" in str(answer)


def test_what_makes_a_gradient_large_comes_before_what_makes_it_zero_in_part():
    h = ge.input("x", (8, 16))
    layers = [h]
    for seed in range(12):
        w = 3 * np.random.default_rng(seed).normal(size=(16, 16)).astype("float32")
        layers.append(ge.nn.linear(h, w))
        h = ge.nn.relu(layers[-1])
    values = np.random.default_rng(0).normal(size=(8, 16))
    answer = why(ge.Engine("numpy").trace(ge.mean(h), {layers[0]: values}), layers[1])
    assert "11 times linear" in answer.findings[0].cause.text and len(answer.findings) == 1, str(answer)
    assert "relu hands down 0 to 59 of 128 elements of linear at which something arrives" in answer.text


def test_at_a_branch_the_larger_contribution_is_followed():
    x = ge.input("x", 2)
    small, large = x * 0.001, x * 100
    trace = ge.Engine("numpy").trace(ge.sum(small + large), {x: [1, 2]})
    assert why(trace, "x").factors[-1].operation is large.operation


def test_of_a_finite_value_it_says_so():
    answer = why(chain(2.0), "x", of="value")
    assert str(answer) == "x is finite; its largest magnitude is 3" and answer.operation is None
    assert str(why(chain(2.0))).startswith("everything in this run is finite")


def test_what_is_not_a_part_of_the_run():
    x, unused = ge.input("x"), ge.parameter("unused", 1.0)
    trace = ge.Engine("numpy").trace(x * 2, {x: 1})
    with pytest.raises(ge.LookupFailed, match="nothing that was asked for depends on it"):
        why(trace, unused)
    with pytest.raises(ge.LookupFailed, match="was not updated"):
        why(trace, "x", of="update")
    with pytest.raises(ge.DeclarationError, match="not 'colour'"):
        why(trace, "x", of="colour")


def test_what_has_no_gradient():
    x, n = ge.input("x"), ge.input("n", dtype="int64")
    y = x * ge.astype(n, "float32")
    trace = ge.Engine("numpy").trace(y, {x: 1, n: 2})
    assert "only floats have gradients" in str(why(trace, "n", of="grad"))
    forward = ge.Engine("numpy").trace(y, {x: 1, n: 2}, backward=False)
    assert "no backward pass was run" in str(why(forward, "x", of="grad"))


def test_what_nothing_depends_on():
    x, w, other = ge.input("x", 3), ge.parameter("w", 1.0), ge.parameter("other", 1.0)
    trace = ge.Engine("numpy").trace([ge.sum(w * x), ge.sum(other * x)], {x: [1, 2, 3]})
    assert "does not depend on it\nif it should be trained, use it" in str(why(trace, "other", of="grad"))


def test_a_run_that_stopped():
    logits, labels = ge.input("logits", (2, 3)), ge.input("labels", 2, "int64")
    loss = ge.nn.cross_entropy(logits, labels)
    with pytest.raises(ge.GuardError) as caught:
        ge.Engine("numpy").trace(loss, {logits: np.ones((2, 3)), labels: [0, 7]})
    answer = why(caught.value.trace, "logits", of="grad")
    assert "stopped before" in str(answer) and answer.operation is caught.value.trace.failed


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("memory", [None, 2000])
def test_a_real_model_in_training(memory):
    """A learning rate that is too large: some steps later the loss is NaN, and its weights were infinite before."""
    x, t = ge.input("x", (8, 4)), ge.input("t", (8, 1))
    net = ge.nn.Sequential(*[layer for seed in range(6) for layer in (ge.nn.Linear(4, 4, seed=seed), ge.nn.ReLU())])
    loss = ge.mean(ge.square(ge.nn.Linear(4, 1, seed=9)(net(x)) - t))
    step = ge.Engine("numpy").compile([x, t], loss, updates=ge.optim.SGD(1e3).minimize(loss))
    rng = np.random.default_rng(0)
    batch = rng.normal(size=(8, 4)), rng.normal(size=(8, 1))
    for _ in range(20):
        trace = step.trace(*batch, memory=memory)
        if not all(np.isfinite(trace.value(v)).all() for v in (loss, *trace.updates.values())):
            break
    answer = why(trace)
    assert answer.operation is not None and "can hold" in answer.findings[0].cause.text, str(answer)


def test_arrays_without_elements_and_scalars():
    x = ge.input("x", (0, 3))
    trace = ge.Engine("numpy").trace(ge.mean(x), {x: np.zeros((0, 3))})
    answer = why(trace)
    assert answer.operation is not None and answer.operation.primitive.name in ("mean", "divide")
    assert "zero" in str(why(trace, "x", of="grad"))


def test_of_several_inputs_that_hold_infinities_the_first_is_named():
    x, y = ge.input("x"), ge.input("y")
    trace = ge.Engine("numpy").trace(x * 2 + y, {x: np.inf, y: np.inf})
    assert why(trace).findings[0].variable is x
