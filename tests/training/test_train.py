"""The loop: what is measured, who is called, what is refused, and what stays when something fails."""

import io
import logging
import math
import sys

import numpy as np
import pytest
from trained_models import Ask, InterruptAt, Model

import graph_engine as ge
from graph_engine.training import Callback, Evaluation, Progress, RunningMeans


def line(engine, lr=0.1, guards=()):
    """Return a step that moves w towards the mean of x."""
    x, w = ge.input("x", "batch"), ge.parameter("w", 1.0)
    loss = ge.mean((w - x) ** 2)
    return engine.compile([x], loss, updates=ge.optim.SGD(lr).minimize(loss), guards=guards), w


def test_it_does_what_a_loop_by_hand_does(engine):
    step, w = line(engine)
    batches = ge.data.batches(np.arange(7.0), batch_size=3)
    history = ge.train(step, batches, 3)

    value, expected = np.float32(1), []
    for epoch in range(3):
        losses = []
        for number in range(3):
            x = np.arange(7.0)[batches.indices(epoch, number)].astype("float32")
            losses += list((value - x) ** 2)
            value = value - np.float32(0.1) * np.mean(2 * (value - x))
        expected.append(np.mean(losses))  # over samples: the last batch is smaller
    np.testing.assert_allclose(history.train["loss"], expected, rtol=1e-5)
    np.testing.assert_allclose(float(engine.value(w)), value, rtol=1e-5)
    assert batches.epoch == 3


def test_validation_is_the_mean_over_samples(engine):
    x = ge.input("x", "batch")
    data = np.random.default_rng(0).normal(size=11)
    batches = ge.data.batches(data, batch_size=4)
    batches.epoch = 5
    measure = Evaluation(engine, [x], {"mean": ge.mean(x), "square": ge.mean(x * x)}, batches)
    first = measure()
    np.testing.assert_allclose([first["mean"], first["square"]], [data.mean(), (data**2).mean()], rtol=1e-5)
    assert measure() == first and batches.epoch == 5


def test_running_means():
    means = RunningMeans()
    for value, samples in ((1.0, 3), (3.0, 1)):
        means.add("a", value, samples)
    other = RunningMeans()
    other.restore(means.state())
    assert means.values() == other.values() == {"a": 1.5}


def test_an_epoch_of_no_epochs_changes_nothing():
    step, w = line(ge.Engine("numpy"))
    assert len(ge.train(step, [np.ones(2)], 0)) == 0
    assert float(step.engine.value(w)) == 1


def test_who_is_called_when():
    class Note(Callback):
        def __init__(self, name, last=False):
            self.name, self.last = name, last

        def on_start(self, run):
            calls.append(f"{self.name} start")

        def on_step(self, run):
            calls.append(f"{self.name} {run.epoch}.{run.position}.{run.step}")

        def on_epoch(self, run):
            calls.append(f"{self.name} epoch {run.epoch}")

        def on_end(self, run):
            calls.append(f"{self.name} end {run.finished}")

    calls = []
    step, _ = line(ge.Engine("numpy"))
    ge.train(step, [np.ones(1), np.ones(2)], 1, callbacks=[Note("b", last=True), Note("a")])
    assert calls == [
        "a start", "b start", "a 0.1.1", "b 0.1.1", "a 0.2.2", "b 0.2.2", "a epoch 1", "b epoch 1",
        "a end True", "b end True",
    ]  # fmt: skip


# ---- several steps ---------------------------------------------------------------------------------------------


def gan():
    """Return the two steps of a generator of numbers about 3, and the parameters of both."""
    real = ge.input("real", (16, 1))
    shift = ge.parameter("generator.shift", 0.0)
    slope, bias = ge.parameter("critic.slope", 0.1), ge.parameter("critic.bias", 0.0)
    engine = ge.Engine("numpy")

    def critic(x):
        return x * slope + bias

    with ge.nn.training(seed=1) as mode:
        fake = shift + ge.random.normal(mode.key(), (16, 1))
    zeros, ones = np.zeros((16, 1), "float32"), np.ones((16, 1), "float32")
    with_logits = ge.nn.binary_cross_entropy_with_logits
    critic_loss = with_logits(critic(real), ones) + with_logits(critic(fake), zeros)
    generator_loss = with_logits(critic(fake), ones)
    critic_updates = ge.optim.SGD(0.05).minimize(critic_loss, [slope, bias]) | mode.updates
    generator_updates = ge.optim.SGD(0.05).minimize(generator_loss, [shift]) | mode.updates
    critic_step = engine.compile([real], critic_loss, updates=critic_updates)
    generator_step = engine.compile([real], generator_loss, updates=generator_updates)
    return critic_step, generator_step, shift, next(iter(mode.updates))


def test_two_losses_and_two_sets_of_parameters_in_turn():
    critic, generator, shift, count = gan()
    real = np.random.default_rng(0).normal(3, 1, (160, 1))
    data = ge.data.batches(real, batch_size=16)
    history = ge.train({"critic": (critic, 3), "generator": generator}, data, 30)
    assert set(history.train) == {"critic.loss", "generator.loss"}
    assert int(critic.engine.value(count)) == 30 * 10 * 4
    assert float(critic.engine.value(shift)) > 1.5


def test_steps_without_names_are_numbered():
    critic, generator, *_ = gan()
    history = ge.train([critic, (generator, 2)], [np.ones((16, 1))], 1)
    assert set(history.train) == {"1.loss", "2.loss"}


def test_parameters_of_one_name_in_two_steps_are_told_apart(tmp_path):
    def parts():
        engine, steps, weights = ge.Engine("numpy"), {}, []
        for name, start in (("a", 1.0), ("b", 2.0)):
            w = ge.parameter("w", start)
            steps[name] = engine.compile([], w * w, updates=ge.optim.SGD(0.25).minimize(w * w))
            weights.append(w)
        return steps, engine, weights

    steps, engine, weights = parts()
    ge.train(steps, [()], 1, callbacks=[ge.training.Checkpoint(tmp_path / "run")])
    others, other_engine, other_weights = parts()
    ge.train(others, [()], 1, resume=tmp_path / "run")
    assert [float(other_engine.value(w)) for w in other_weights] == [0.5, 1.0]
    assert [float(engine.value(w)) for w in weights] == [0.5, 1.0]


def test_other_outputs_keep_their_names():
    x, w = ge.input("x", "batch"), ge.parameter("w", 1.0)
    train_loss = ge.mean((w - x) ** 2)
    distance = ge.mean(ge.abs(w - x))
    step = ge.Engine("numpy").compile([x], [distance, train_loss], updates=ge.optim.SGD(0.1).minimize(train_loss))
    assert set(ge.train(step, [np.ones(3)], 1).train) == {"distance", "loss"}


# ---- failures --------------------------------------------------------------------------------------------------


def test_a_loss_that_is_not_finite_updates_nothing_and_says_where():
    step, w = line(ge.Engine("numpy"))
    data = np.ones(10)
    data[7] = math.nan
    batches = ge.data.batches(data, batch_size=2, seed=3)
    ask = Ask()
    with pytest.raises(ge.GuardError) as refused:
        ge.train(step, batches, 2, callbacks=[ask])
    number = next(n for n in range(5) if 7 in batches.indices(0, n))
    samples = ", ".join(str(i) for i in batches.indices(0, number))
    assert f"epoch 1, batch {number + 1} (step {number + 1} of the training), samples {samples}: " in str(refused.value)
    assert "'loss' is not finite" in str(refused.value)
    assert "nothing was updated; what was fed to 'x' is not finite" in str(refused.value)
    assert np.isfinite(step.engine.value(w)) and ask.run.position == number and not ask.run.finished


def test_the_checkpoint_stays_good_when_the_training_diverges(tmp_path):
    path = tmp_path / "run"
    step, w = line(ge.Engine("numpy"), lr=1e18)
    with pytest.raises(ge.GuardError, match="epoch"):
        ge.train(step, [np.zeros(1)], 10, callbacks=[ge.training.Checkpoint(path)])
    saved = step.engine.value(w)
    other, other_w = line(ge.Engine("numpy"), lr=1e18)
    ge.train(other, [np.zeros(1)], 1, resume=path)
    assert np.isfinite(saved) and other.engine.value(other_w) == saved


def test_a_label_out_of_range_is_refused_with_its_batch():
    model = Model()
    labels = np.zeros(10, "int64")
    labels[4] = 2
    before = model.bits()
    with pytest.raises(ge.GuardError, match=r"epoch 1, batch 1 .*samples 0, 1, 2, 3, 4, 5"):
        ge.train(model.step, ge.data.batches(np.zeros((10, 2)), labels, batch_size=6, shuffle=False), 1)
    assert model.bits() == before


def test_guards_can_be_left_out():
    step, w = line(ge.Engine("numpy"))
    history = ge.train(step, [np.array([math.nan])], 1, guards=())
    assert math.isnan(history.train["loss"][0]) and math.isnan(step.engine.value(w))


def test_a_step_keeps_its_own_guards():
    step, _ = line(ge.Engine("numpy"), guards=("finite",))
    with pytest.raises(ge.GuardError):
        ge.train(step, [np.array([math.nan])], 1, guards=())
    assert step.with_guards(("finite",)) is step


def test_an_interrupt_leaves_the_last_complete_step():
    interrupted, by_hand = Model(), Model()
    ask = Ask()
    with pytest.raises(KeyboardInterrupt):
        ge.train(interrupted.step, interrupted.data, 3, callbacks=[InterruptAt(10), ask])
    for _ in range(2):
        for batch in list(by_hand.data)[: 7 if by_hand.data.epoch == 1 else 3]:
            by_hand.step(*batch)
    assert interrupted.bits() == by_hand.bits() and not ask.run.finished


# ---- wrong use -------------------------------------------------------------------------------------------------

STEP, W = line(ge.Engine("numpy"))
OTHER = line(ge.Engine("numpy"))[0]
X = ge.input("x", 3)
VECTOR = ge.Engine("numpy").compile([X], X * 2)


@pytest.mark.parametrize(
    "arguments, options, match",
    [
        ((STEP, [], 1), {}, "no batches to train on"),
        ((STEP, ge.data.batches([], batch_size=3), 1), {}, "no batches to train on: <0 batches of 3, 0 samples>"),
        ((STEP, ge.data.batches([1.0], batch_size=3, drop_last=True), 1), {}, "no batches to train on"),
        ((STEP, [np.ones(0)], 1), {}, r"epoch 1, batch 1 .*: a batch of 0 samples has no mean"),
        ((STEP, [np.ones(1), []], 1), {}, r"epoch 1, batch 2 .*: this step takes 1 values \(x\), not 0"),
        ((STEP, iter([np.ones(1)]), 2), {}, "gone through once an epoch"),
        ((STEP, 3, 2), {}, "gone through once an epoch"),
        ((STEP, [np.ones(1)], -1), {}, "epochs are a number"),
        ((STEP, [np.ones(1)], 1.5), {}, "epochs are a number"),
        ((STEP, [np.ones((2, 2))], 1), {}, "epoch 1, batch 1"),
        ((STEP, [(np.ones(1), np.ones(1))], 1), {}, "this step takes 1 values"),
        ((None, [np.ones(1)], 1), {}, "is no step"),
        (([], [np.ones(1)], 1), {}, "is no step"),
        (({"a": W}, [np.ones(1)], 1), {}, "is no step"),
        (((STEP, 0), [np.ones(1)], 1), {}, "once or more often"),
        (([STEP, OTHER], [np.ones(1)], 1), {}, "different engines"),
        (([VECTOR, VECTOR], [np.ones(3)], 1), {}, "single numbers"),
        ((STEP, [np.ones(1)], 1), {"callbacks": [Ask]}, "is no callback"),
        ((STEP, [np.ones(1)], 1), {"callbacks": Ask()}, "callbacks are a list"),
        ((STEP, [np.ones(1)], 1), {"guards": ("finit",)}, "no guard called 'finit'"),
        ((STEP, [np.ones(1)], 2), {"validation": iter([{"a": 1}, {"b": 1}]).__next__}, "earlier epochs measured a"),
    ],
)
def test_wrong_use_says_what_is_wrong(arguments, options, match):
    before = STEP.engine.value(W)
    with pytest.raises(ge.GraphEngineError, match=match) as refused:
        ge.train(*arguments, **options)
    assert "test_train.py:" in str(refused.value)  # the user's own line
    STEP.engine.set_value(W, before)


def test_a_learning_rate_that_is_nan():
    with pytest.raises(ge.GraphEngineError, match="learning rate|lr"):
        ge.optim.SGD(math.nan)
    lr, w = ge.parameter("lr", 0.1, trainable=False), ge.parameter("w", 1.0)
    step = ge.Engine("numpy").compile([], w * w, updates=ge.optim.SGD(lr).minimize(w * w))
    step.engine.set_value(lr, math.nan)
    with pytest.raises(ge.GuardError, match="epoch 1, batch 1.*not finite"):
        ge.train(step, [()], 1)
    assert step.engine.value(w) == 1


@pytest.mark.parametrize(
    "outputs, batches, match",
    [
        ({"a": X}, [np.ones(3)], r"'a' is measured as a single number, not float32\(3,\)"),
        ({"a": 3}, [np.ones(3)], "'a' is measured as a single number"),
        ({"a": ge.sum(X)}, [], "no batches to measure on"),
        ({"a": ge.sum(X)}, iter([]), "only once"),
    ],
)
def test_evaluations_that_are_none(outputs, batches, match):
    with pytest.raises(ge.DeclarationError, match=match):
        Evaluation(ge.Engine("numpy"), [X], outputs, batches)()


# ---- progress --------------------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_nothing_is_printed_but_a_few_lines_are_logged(capsys, caplog):
    step, _ = line(ge.Engine("numpy"))
    with caplog.at_level(logging.INFO, "graph_engine.training"):
        ge.train(step, [np.ones(1)], 20, validation=lambda: {"loss": 0.5, "accuracy": 0.9})
    assert capsys.readouterr() == ("", "")
    assert [r.getMessage().split(":")[0] for r in caplog.records] == [f"epoch {n}/20" for n in (4, 8, 12, 16, 20)]
    assert caplog.records[0].getMessage() == "epoch 4/20: held-out loss 0.5, accuracy 90.0%"


@pytest.mark.parametrize("progress, bar", [(None, True), (False, False)])
def test_the_bar_in_a_terminal(progress, bar, monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    step, _ = line(ge.Engine("numpy"))
    ge.train(step, [np.ones(1)] * 3, 2, validation=lambda: {"accuracy": 0.9}, progress=progress)
    shown = sys.stderr.getvalue()
    assert ("6/6 steps" in shown and "held-out accuracy 90.0%" in shown) == bar


def test_without_tqdm_lines_are_logged_in_a_terminal_too(monkeypatch, caplog):
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setattr("graph_engine.training.progress.find_spec", lambda name: None)
    step, _ = line(ge.Engine("numpy"))
    with caplog.at_level(logging.INFO, "graph_engine.training"):
        ge.train(step, [np.ones(1)], 1, callbacks=[Progress(True)], progress=False)
    assert len(caplog.records) == 1
