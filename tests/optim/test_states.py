"""What optimisers keep: parameters with names, saved and loaded, changed all at once or not at all."""

import numpy as np
import pytest

import graph_engine as ge

MAKERS = [
    lambda: ge.optim.SGD(ge.optim.schedules.exponential(0.2, 0.99), momentum=0.9, dampening=0.1),
    lambda: ge.optim.SGD(0.1, momentum=0.9, nesterov=True, classical=True),
    lambda: ge.optim.ASGD(0.1, t0=10.0),
    lambda: ge.optim.Adagrad(0.1, lr_decay=0.1),
    lambda: ge.optim.Adadelta(),
    lambda: ge.optim.RMSprop(momentum=0.9, centered=True),
    lambda: ge.optim.Adam(0.05, amsgrad=True, clip_norm=1.0, noise=0.1, seed=3),
    lambda: ge.optim.NAdam(),
    lambda: ge.optim.Adamax(),
    lambda: ge.optim.RAdam(0.05),
]


@pytest.mark.parametrize("make", MAKERS)
def test_training_that_is_loaded_goes_on_to_the_same_bits(task, make, tmp_path):
    step = task.step(make().minimize(task.loss))
    task.train(step, 0, 20)
    task.engine.save(tmp_path / "half")
    through = task.train(step, 20, 40), task.weights()
    task.engine = ge.Engine("numpy")
    step = task.step(make().minimize(task.loss))
    task.engine.load(tmp_path / "half", step.graph.parameters)
    again = task.train(step, 20, 40), task.weights()
    assert through[0] == again[0]
    assert all(np.array_equal(a, b) for a, b in zip(through[1], again[1], strict=True))


@pytest.mark.parametrize("make", MAKERS)
def test_a_traced_step_updates_as_the_fast_one_does(task, make):
    def train(traced):
        task.engine = ge.Engine("numpy")
        step = task.step(make().minimize(task.loss))
        for i in range(3):
            (step.trace if traced else step)(task.x[i], task.y[i])
        return task.engine, step.updates

    (fast, first), (observed, second) = train(False), train(True)
    assert [p.name for p in first] == [p.name for p in second]
    for one, other in zip(first, second, strict=True):
        assert np.array_equal(fast.value(one), observed.value(other))


@pytest.mark.parametrize("make", MAKERS)
def test_nothing_changes_where_something_is_not_finite(task, make):
    step = task.step(make().minimize(task.loss), guards=["finite"])
    task.train(step, 0, 2)
    before = {p: task.engine.value(p) for p in step.updates}
    with pytest.raises(ge.GuardError, match="not finite"):
        step(task.x[2] * np.nan, task.y[2])
    assert all(np.array_equal(task.engine.value(p), value) for p, value in before.items())
    task.train(step, 2, 4)


def test_every_optimiser_runs_on_every_backend(engine):
    for make in MAKERS:
        w, b = ge.parameter("w", [[1.0, -2.0], [0.5, 3.0]]), ge.parameter("b", 1.0)
        x = ge.input("x", ("batch", 2))
        loss = ge.mean((x @ w + b) ** 2)
        step = engine.compile([x], loss, updates=make().minimize(loss))
        losses = [float(step([[1.0, 2.0], [3.0, -1.0]])) for _ in range(20)]
        assert losses[-1] < losses[0]


def test_states_are_called_after_optimiser_and_parameter():
    with ge.scope("fc1"):
        weight, bias = ge.parameter("weight", [1.0, 2.0]), ge.parameter("bias", 0.0)
    loss = ge.sum(weight * weight) + bias * bias
    optimizer = ge.optim.Adam()
    updates = optimizer.minimize(loss)
    assert {p.name for p in updates} == {
        "fc1.weight", "fc1.bias", "adam.fc1.weight.step", "adam.fc1.weight.mean", "adam.fc1.weight.square",
        "adam.fc1.bias.mean", "adam.fc1.bias.square",
    }  # fmt: skip
    assert list(optimizer.state[bias]) == ["step", "mean", "square"]
    assert not any(p.trainable for p in updates if p not in (weight, bias))


def test_two_optimisers_of_a_gan_stand_beside_each_other():
    with ge.scope("generator"):
        g = ge.parameter("w", np.array(1.0))
    with ge.scope("discriminator"):
        d = ge.parameter("w", np.array(1.0))
    loss_d, loss_g = (d * g - 1.0) ** 2 + d * d, d * g
    for_d, for_g = ge.optim.Adam(0.1), ge.optim.Adam(0.2)
    engine = ge.Engine("numpy")
    both = for_d.minimize(loss_d, [d]) | for_g.minimize(loss_g, [g])
    step = engine.compile([], [loss_d, loss_g], updates=both)
    step()
    assert float(engine.value(d)) == pytest.approx(0.9) and float(engine.value(g)) == pytest.approx(0.8)
    assert len({p.name for p in both}) == len(both) == 8


def test_the_same_optimiser_keeps_its_states_from_one_minimize_to_the_next():
    a, b = ge.parameter("a", np.array(1.0)), ge.parameter("b", np.array(1.0))
    optimizer = ge.optim.Adam(0.1)
    first, second, both = (
        optimizer.minimize(loss, p) for loss, p in [(a * a, [a]), (b * b, [b]), (a * b, [a, b])]
    )  # fmt: skip
    assert set(first) | set(second) == set(both)
    engine = ge.Engine("numpy")
    engine.compile([], (), updates=first)()
    engine.compile([], (), updates=first)()
    engine.compile([], (), updates=second)()
    counts = [int(engine.value(optimizer.state[p]["step"])) for p in (a, b)]
    assert counts == [2, 1]
    assert float(engine.value(b)) == pytest.approx(0.9)  # a first step, whatever happened to a


def test_two_optimisers_of_one_parameter_need_names(tmp_path):
    w = ge.parameter("w", 1.0)
    engine = ge.Engine("numpy")
    optimizers = [ge.optim.Adam(name="pretraining"), ge.optim.Adam()]
    steps = [engine.compile([], (), updates=optimizer.minimize(w * w)) for optimizer in optimizers]
    for step in steps:
        step()
    engine.save(tmp_path / "all")
    assert {p.name for p in engine.parameters()} >= {"pretraining.w.mean", "adam.w.mean"}


def test_half_precision_is_updated_in_single():
    w = ge.parameter("w", np.array([1.0, 2.0], "float16"))
    optimizer = ge.optim.Adam(0.125)
    engine = ge.Engine("numpy")
    loss = ge.sum(w * w)
    step = engine.compile([], loss, updates=optimizer.minimize(loss), guards=["finite"])
    step()
    assert engine.value(w).dtype == np.float16 and engine.value(w).tolist() == [0.875, 1.875]
    assert optimizer.state[w]["square"].dtype == "float32"


def test_frozen_parameters_are_not_updated(task):
    frozen = ge.parameter("frozen", np.ones(6), trainable=False)
    hidden = ge.tanh(task.images @ np.ones((5, 6)))
    head = ge.parameter("head", np.ones(6))
    loss = ge.mean((hidden * frozen) @ head)
    updates = ge.optim.Adam().minimize(loss)
    assert frozen not in updates and head in updates


def test_a_long_run_counts_exactly():
    w = ge.parameter("w", 1.0)
    optimizer = ge.optim.Adam()
    engine = ge.Engine("numpy")
    step = engine.compile([], (), updates=optimizer.minimize(w * w))
    counter = optimizer.state[w]["step"]
    step()
    engine.set_value(counter, 2**40)
    step()
    assert int(engine.value(counter)) == 2**40 + 1


def test_a_rule_that_asks_for_the_count_says_so():
    class Slower(ge.optim.Optimizer):
        def rule(self, target):
            return target.value - ge.astype(1.0 / target.number, target.dtype) * target.gradient

    class Counted(Slower):
        counts = True

    w = ge.parameter("w", 3.0)
    with pytest.raises(ge.DeclarationError, match="does not count"):
        Slower(0.1).minimize(w)
    engine = ge.Engine("numpy")
    step = engine.compile([], (), updates=Counted(0.1).minimize(w))
    step(), step()
    assert float(engine.value(w)) == 1.5
