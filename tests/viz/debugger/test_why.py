"""`why` names the operation and the line at which a planted fault arises."""

import inspect

import numpy as np
import pytest

import graph_engine as ge
from graph_engine_viz.debugger import why
from tests.viz.debugger.zoo import FAULTS


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
    assert len(FAULTS) >= 25


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
