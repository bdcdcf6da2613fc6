"""A training that is watched: it stops where a number is wrong, undoes the step, and is else the same to the bit."""

from functools import partial

import numpy as np
import pytest

import graph_engine as ge
from graph_engine_viz import Session, Stopped, attach

RNG = np.random.default_rng(0)
DATA = [(RNG.normal(size=(4, 3)), RNG.integers(0, 2, 4)) for _ in range(12)]
OPTIMISERS = {
    "sgd": lambda: ge.optim.SGD(0.1),
    "momentum": lambda: ge.optim.SGD(0.1, momentum=0.9),
    "adam": lambda: ge.optim.Adam(0.01),
    "rmsprop": lambda: ge.optim.RMSprop(0.01),
    "adagrad": lambda: ge.optim.Adagrad(0.1),
}


def make(optimiser=None, guards=(), outputs=False, dtype="float32"):
    """Return a training step of a small network; equal calls give equal trainings."""
    x, t = ge.input("x", ("batch", 3), dtype), ge.input("t", "batch", "int64")
    with ge.scope("one"):
        h = ge.tanh(ge.nn.Linear(3, 5, seed=0, dtype=dtype)(x))
    with ge.scope("two"):
        logits = ge.nn.Linear(5, 2, seed=1, dtype=dtype)(h)
    loss = ge.nn.cross_entropy(logits, t).named("loss")
    updates = (optimiser or ge.optim.SGD(0.1)).minimize(loss)
    returned = [loss, ge.mean(h).named("activity")] if outputs else loss
    return ge.Engine("numpy").compile([x, t], returned, updates=updates, guards=guards)


def growing(rate=10.0, **options):
    """Return a step of one weight that runs away, by a factor of -179, and what it is called with."""
    x, w = ge.input("x"), ge.parameter("w", 1.0)
    loss = (w * x) ** 2
    return ge.Engine("numpy").compile([x], loss, updates=ge.optim.SGD(rate).minimize(loss), **options), 3.0


def bits(step):
    """Return all that a step keeps, to the bit."""
    return {p.name: np.asarray(step.engine.value(p)).tobytes() for p in step.parameters}


def train(called, data=DATA):
    return [np.asarray(called(*batch)).tobytes() for batch in data]


def run_until_stopped(watched, data):
    with pytest.raises(Stopped) as caught:
        for batch in data:
            watched(*batch)
    return caught.value


# ---- it changes nothing ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OPTIMISERS)
def test_watched_or_not_it_is_the_same_to_the_bit(name):
    bare, step = make(OPTIMISERS[name]()), make(OPTIMISERS[name]())
    watched = attach(step, watch=["not isfinite", "grad.rms > 1e6", "update.norm / value.norm > 100"])
    assert train(bare) == train(watched) and bits(bare) == bits(step)
    assert watched.iteration == len(DATA)


def test_what_it_returns_and_what_it_has_is_the_steps():
    step = make(outputs=True)
    watched = attach(step)
    loss, activity = watched(*DATA[0])
    assert loss.shape == activity.shape == ()
    assert watched.inputs is step.inputs and watched.engine is step.engine and watched.loss is step.loss
    with pytest.raises(AttributeError):
        watched.nothing  # noqa: B018


def test_without_watchpoints_it_records():
    watched = attach(make(), watch=())
    train(watched)
    assert len(watched.recorder) == 3


# ---- where it stops --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", [0, 1, 7])
def test_at_an_iteration_with_the_step_undone(at):
    bare, step = make(ge.optim.Adam(0.01)), make(ge.optim.Adam(0.01))
    watched = attach(step, at=at)
    stopped = run_until_stopped(watched, DATA)
    train(bare, DATA[:at])
    assert bits(bare) == bits(step) and stopped.iteration == watched.iteration == at
    assert stopped.message == f"iteration {at}: asked for"
    bare_trace = bare.trace(*DATA[at])
    for one, other in zip(bare_trace.graph.variables, stopped.session.trace.graph.variables, strict=True):
        assert bare_trace.value(one).tobytes() == stopped.session.trace.value(other).tobytes()
    train(watched, DATA[at:])  # what was asked for once does not stop it again
    assert watched.iteration == len(DATA)


@pytest.mark.parametrize(
    ("watch", "of", "holds"),
    [("value.abs_max > 100", "w", lambda t: abs(t.value("w")) > 100),
     ("grad.abs_max > 1000", "w", lambda t: abs(t.grad("w")) > 1000),
     ("update.abs_max > 1000", "w", lambda t: abs(t.updated("w") - t.value("w")) > 1000),
     ("update.norm > 100 * value.norm", None, lambda t: True),
     ("rms > 1e6", "multiply", lambda t: max(abs(t.value("multiply")), abs(t.grad("multiply"))) > 1e6),
     ("not isfinite", None, lambda t: not np.isfinite([t.value("loss"), t.grad("w"), t.updated("w")]).all()),
     ("value.abs_max > 10 and not value.isnan", "loss", lambda t: t.value("loss") > 10)],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:overflow")
def test_at_the_first_iteration_where_a_condition_holds(watch, of, holds):
    (step, x), (bare, _) = growing(), growing()
    watched, before = attach(step, watch=watch, of=of), {}
    with pytest.raises(Stopped) as caught:
        for _ in range(30):
            before = bits(step)
            watched(x)
    assert bits(step) == before  # undone
    first = next(number for number in range(30) if holds(bare.trace(x)))
    assert caught.value.iteration == first


def test_the_session_stands_where_it_began_to_hold():
    step, x = growing()
    with np.errstate(all="ignore"):
        stopped = run_until_stopped(attach(step), [(x,)] * 30)
    session = stopped.session
    assert "watchpoint 1: not isfinite holds for" in "".join(session.stops_here(p) for p in session.points.values())
    assert session.why().operation is not None
    assert f"iteration {stopped.iteration}: " in stopped.message and "not isfinite" in stopped.message


def test_it_stands_at_the_first_step_too_and_at_the_start_for_what_was_given():
    step = make()
    first = step.graph.operations[0].outputs[0]
    assert run_until_stopped(attach(step, watch="value.abs_max > 0", of=first), DATA).session.place.last == 0
    stopped = run_until_stopped(attach(step, watch="value.abs_max > 0", of="two.linear.weight"), DATA)
    assert stopped.session.place.last == 0 and stopped.message == "iteration 0: two.linear.weight: value.abs_max > 0"


def test_what_has_no_gradient_has_no_condition_on_it():
    x, w = ge.input("x"), ge.parameter("w", 1.0)
    count = ge.parameter("count", 0.0, trainable=False)
    loss = (w * x) ** 2
    updates = ge.optim.SGD(0.1).minimize(loss) | {count: count + 1}
    step = ge.Engine("numpy").compile([x], loss, updates=updates)
    watched = attach(step, watch="update.norm > 1e6 * grad.norm", of=["w", "count"])
    watched(1.0)
    watched = attach(step, watch="update.norm >= 1", of=["w", "count"])
    assert run_until_stopped(watched, [(0.0,)]).message == "iteration 0: the update of count: update.norm >= 1"


def test_several_conditions_and_what_is_watched():
    step = make()
    watched = attach(step, watch=["grad.norm > 1e9", "update.zeros >= 0"], of=["one.linear.weight", "two"])
    stopped = run_until_stopped(watched, DATA)
    names = ("one.linear.weight", "two.linear.weight", "two.linear.bias")
    said = "; ".join(f"the update of {name}: update.zeros >= 0" for name in names)
    assert stopped.message == f"iteration 0: {said}"


def test_a_result_inside_can_be_watched():
    step = make()
    hidden = next(op for op in step.graph.operations if op.primitive.name == "tanh").outputs[0]
    stopped = run_until_stopped(attach(step, watch="value.abs_max > 0.1", of=hidden), DATA)
    assert stopped.session.here.operation.primitive.name == "tanh"


def test_half_precision_is_widened():
    step = make(dtype="float16")
    watched = attach(step, watch="norm > 1e9")
    train(watched)  # squares of float16 overflow at 256
    stopped = run_until_stopped(attach(step, watch="grad.abs_max > 0"), DATA)
    assert stopped.session.trace.grad("one.linear.weight").dtype == np.float16


# ---- going on --------------------------------------------------------------------------------------------------


def test_with_on_stop_the_training_goes_on():
    bare, step, sessions = make(ge.optim.Adam(0.01)), make(ge.optim.Adam(0.01)), []
    watched = attach(step, watch="value.abs_max > 0", of="loss", on_stop=sessions.append)
    assert train(bare) == train(watched) and bits(bare) == bits(step)
    assert len(sessions) == len(DATA) and all(isinstance(session, Session) for session in sessions)


def test_in_on_stop_the_step_is_undone():
    step, x = growing()
    seen = []
    watched = attach(step, at=2, on_stop=lambda session: seen.append((bits(step), session.trace.value("w").tobytes())))
    for _ in range(4):
        before = bits(step)
        watched(x)
        if seen and len(seen) == 1:
            assert seen == [(before, before["w"])]
            seen.append(None)
    assert len(seen) == 2


def test_an_earlier_iteration_can_be_looked_at():
    watched = attach(make(), record=4)
    train(watched)
    numbers = [iteration.number for iteration in watched.recorder]
    assert numbers == [8, 9, 10, 11]
    session = watched.session(next(iter(watched.recorder)))
    assert np.array_equal(session.trace.value("x"), DATA[8][0].astype("float32"))


# ---- guards and errors -----------------------------------------------------------------------------------------


def test_a_watchpoint_is_before_a_guard():
    step, x = growing(guards=["finite"])
    with np.errstate(all="ignore"):
        stopped = run_until_stopped(attach(step, watch="not isfinite"), [(x,)] * 30)
    assert stopped.session.why().findings


def test_a_guard_refuses_what_no_watchpoint_holds_for():
    step, x = growing(guards=["finite"])
    bare, _ = growing(guards=["finite"])
    watched = attach(step, watch="value.isnan", of="w")
    with np.errstate(all="ignore"), pytest.raises(ge.GuardError) as caught:
        for _ in range(30):
            watched(x)
    with np.errstate(all="ignore"), pytest.raises(ge.GuardError) as told:
        for _ in range(30):
            bare(x)
    assert caught.value.message == told.value.message and bits(step) == bits(bare)
    assert not np.isfinite(caught.value.trace.value("loss"))


def test_a_step_that_fails_leaves_the_run():
    step = make(guards=["values"])
    watched = attach(step)
    watched(*DATA[0])
    before = bits(step)
    with pytest.raises(ge.GuardError) as caught:
        watched(DATA[1][0], [0, 1, 9, 1])
    assert caught.value.trace.failed.primitive.name == "softmax_cross_entropy" and bits(step) == before
    watched(*DATA[1])
    assert watched.iteration == 2


def test_wrong_feeds_are_refused_as_without_it():
    watched = attach(make())
    with pytest.raises(ge.FeedError, match="takes 2 values"):
        watched(1.0)
    with pytest.raises(ge.FeedError):
        watched(np.ones((4, 7)), DATA[0][1])
    assert watched.iteration == 0


class Counting(ge.Backend):
    """NumPy, which notes each time that somebody waits for a result."""

    name, xp = "counting", np

    def __init__(self):
        self.waited = []

    def to_numpy(self, array):
        self.waited.append("to_numpy")
        return np.asarray(array)

    def all_finite(self, arrays):
        self.waited.append("all_finite")
        return super().all_finite(arrays)

    def kernel(self, primitive):
        return partial(primitive.kernel, np)  # as on a device


@pytest.mark.parametrize("watch", [(), "not isfinite", "grad.rms > 1e9", ["update.norm > 1e9", "isnan"]])
def test_the_device_is_waited_for_once_a_step_with_a_guard_too(watch):
    x, w = ge.input("x"), ge.parameter("w", 1.0)
    loss = (w * x) ** 2
    step = ge.Engine(Counting()).compile([x], loss, updates=ge.optim.Adam(0.1).minimize(loss), guards=["finite"])
    watched, backend = attach(step, watch=watch), step.engine.backend
    backend.waited.clear()
    watched(3.0)
    assert backend.waited == ["to_numpy"]


@pytest.mark.parametrize("x", [np.nan, 1e30, 1e19])
def test_a_guard_refuses_in_the_same_words_and_goes_on(x):
    (step, _), (bare, _) = growing(guards=["finite"]), growing(guards=["finite"])
    watched = attach(step, watch=())
    with np.errstate(all="ignore"):
        for called in (bare, watched):
            called(1.0)
        before = bits(step)
        with pytest.raises(ge.GuardError) as told, np.errstate(all="ignore"):
            bare(x)
        with pytest.raises(ge.GuardError) as caught:
            watched(x)
    assert str(caught.value) == str(told.value) and bits(step) == before == bits(bare)
    assert watched(0.5).tobytes() == bare(0.5).tobytes() and bits(step) == bits(bare)


@pytest.mark.parametrize(
    "options",
    [{"of": "nothing"}, {"of": ["one.linear.weight", "nothing"]}, {"of": ge.input("x")}, {"watch": "nothing > 1"},
     {"watch": "__import__('os')"}, {"watch": ["isnan", "rms >"]}, {"record": 0}, {"record": True}, {"record": 1.5},
     {"of": "loss", "watch": "update.norm > 1"}, {"of": "t", "watch": "max > 1"}, {"of": []},
     {"at": -1}, {"at": True}, {"at": 1.5}, {"at": "3"}, {"on_stop": 3}, {"folder": 3}],
)  # fmt: skip
def test_what_cannot_be_watched_is_refused(options):
    with pytest.raises((ge.LookupFailed, ge.DeclarationError)):
        attach(make(), **options)


@pytest.mark.parametrize("step", [3, "step", lambda x: x])
def test_what_is_no_step_is_refused(step):
    with pytest.raises(ge.DeclarationError, match="is no compiled step"):
        attach(step)


# ---- what interrupts it ----------------------------------------------------------------------------------------


class Interrupting(ge.Backend):
    """NumPy, of which the nth product is interrupted."""

    name, xp = "interrupting", np

    def __init__(self, at):
        self.left = at

    def kernel(self, primitive):
        function = super().kernel(primitive)

        def run(*arrays):
            self.left -= primitive.name == "measured" or primitive.name == "multiply"
            if not self.left:
                raise KeyboardInterrupt
            return function(*arrays)

        return run


@pytest.mark.parametrize("at", range(1, 9))
def test_an_interrupt_within_a_step_changes_nothing(at):
    x, w = ge.input("x"), ge.parameter("w", 1.0)
    loss = (w * x) ** 2
    step = ge.Engine(Interrupting(at)).compile([x], loss, updates=ge.optim.SGD(0.1).minimize(loss))
    watched = attach(step)
    seen = [step.engine.value(w).tobytes()]
    with pytest.raises(KeyboardInterrupt):
        for _ in range(9):
            watched(0.5)
            seen.append(step.engine.value(w).tobytes())
    assert step.engine.value(w).tobytes() == seen[watched.iteration] == seen[-1]
    watched(0.5)


def test_what_raises_in_on_stop_leaves_the_step_undone():
    step, x = growing()
    before = bits(step)

    def fail(session):
        raise KeyboardInterrupt

    watched = attach(step, at=0, on_stop=fail)
    with pytest.raises(KeyboardInterrupt):
        watched(x)
    assert bits(step) == before and watched.iteration == 0
    watched(x)
    assert watched.iteration == 1


# ---- in train --------------------------------------------------------------------------------------------------


def test_in_train_it_stops_and_says_where():
    x, t, w = ge.input("x", ("batch", 1)), ge.input("t", ("batch", 1)), ge.parameter("w", [[1.0]])
    loss = ge.nn.mse_loss(x @ w, t)
    step = ge.Engine("numpy").compile([x, t], loss, updates=ge.optim.SGD(1e15).minimize(loss))
    data = ge.data.batches(np.ones((8, 1)), np.zeros((8, 1)), batch_size=2)
    said = r"epoch 1, batch \d .*iteration \d: .*not isfinite"
    with np.errstate(all="ignore"), pytest.raises(Stopped, match=said) as caught:
        ge.train(step, data, 5, debug=attach())
    assert caught.value.session.why().findings and np.isfinite(step.engine.value(w)).all()


def test_in_train_with_on_stop_it_is_the_same_to_the_bit():
    inputs, labels = np.concatenate([x for x, _ in DATA]), np.concatenate([t for _, t in DATA])
    bare, step, sessions = make(ge.optim.Adam(0.01)), make(ge.optim.Adam(0.01)), []
    histories = [
        ge.train(used, ge.data.batches(inputs, labels, batch_size=8, seed=1), 3, debug=debug)
        for used, debug in ((bare, None), (step, attach(at=5, on_stop=sessions.append)))
    ]
    assert bits(bare) == bits(step) and histories[0].state() == histories[1].state() and len(sessions) == 1
