"""Early stopping, plateaus, live curves; the history and its picture; the learning-rate sweep."""

import json
import math

import numpy as np
import pytest
from trained_models import Ask, Model

import graph_engine as ge
from graph_engine.training import EarlyStopping, History, LiveCurves, ReduceOnPlateau, learning_rate_sweep


def counting(values):
    """Return a step that counts its epochs in a parameter, and a validation that measures the values in turn."""
    count = ge.parameter("count", 0.0)
    step = ge.Engine("numpy").compile([], count * 1, updates={count: count + 1})
    numbers = iter(values)
    return step, count, lambda: {"loss": next(numbers)}


@pytest.mark.parametrize(
    "values, options, epochs, best",
    [
        ([5, 4, 3, 3, 3, 3], {"patience": 2}, 5, 3),
        ([5, 4, 6, 3, 4, 4], {"patience": 2}, 6, 4),
        ([5, 4.9, 4.8, 4.7], {"patience": 2, "min_delta": 0.5}, 3, 1),
        ([5, 4.7, 4.4, 4.1, 4.0], {"patience": 2, "min_delta": 0.5}, 5, 3),  # slow steps add up
        ([1, 2, 1, 1], {"patience": 2, "mode": "max"}, 4, 2),
        ([math.nan, 5, math.nan, math.nan], {"patience": 2}, 4, 2),
        ([3, 2, 1], {"patience": 1}, 3, 3),
    ],
)
def test_early_stopping(values, options, epochs, best):
    step, count, validation = counting(values)
    stop, ask = EarlyStopping("loss", **options), Ask()
    history = ge.train(step, [()], len(values), validation=validation, callbacks=[stop, ask])
    assert len(history) == epochs and stop.best_epoch == best and stop.best == values[best - 1]
    assert float(step.engine.value(count)) == best  # the parameters of the best epoch
    assert bool(ask.run.stopped) == (stop.waited >= options["patience"])


def test_without_restoring_the_best():
    step, count, validation = counting([1, 2, 3])
    ge.train(step, [()], 3, validation=validation, callbacks=[EarlyStopping("loss", 5, restore_best=False)])
    assert float(step.engine.value(count)) == 3


def test_a_callback_used_again_begins_anew():
    stop = EarlyStopping("loss", patience=1)
    for values in ([1, 2], [5, 6]):
        step, _, validation = counting(values)
        ge.train(step, [()], 2, validation=validation, callbacks=[stop])
        assert stop.best == values[0]


def test_early_stopping_on_a_real_training():
    model = Model()
    stop = EarlyStopping("accuracy", patience=3)
    history = ge.train(model.step, model.data, 40, validation=model.validation, callbacks=[stop])
    assert stop.best == max(history.validation["accuracy"]) == model.validation()["accuracy"]


def test_a_rate_that_falls_on_a_plateau():
    lr = ge.parameter("lr", 1.0, trainable=False)
    step, _, validation = counting([5, 5, 5, 5, 5, 5])
    rule = ge.optim.ReduceLROnPlateau(lr, factor=0.5, patience=1)
    ge.train(step, [()], 6, validation=validation, callbacks=[ReduceOnPlateau("loss", rule)])
    assert float(step.engine.value(lr)) == 0.25


@pytest.mark.parametrize("callback", [EarlyStopping("accuracy"), ReduceOnPlateau("accuracy", None)])
def test_a_metric_that_nobody_measures(callback):
    step, _, _ = counting([])
    with pytest.raises(ge.DeclarationError, match="(?s)'accuracy' is not measured.*loss"):
        ge.train(step, [()], 1, callbacks=[callback])


@pytest.mark.parametrize(
    "make, match",
    [
        (lambda: EarlyStopping("loss", patience=0), "patience"),
        (lambda: EarlyStopping("loss", min_delta=math.nan), "min_delta"),
        (lambda: EarlyStopping("perplexity"), 'must be said\n.*mode="min"'),
        (lambda: EarlyStopping("loss", mode="least"), "must be said"),
        (lambda: LiveCurves("curves"), "what kind of picture"),
        (lambda: LiveCurves("curves.svg", every=0), "every so many"),
    ],
)
def test_wrong_use(make, match):
    with pytest.raises(ge.DeclarationError, match=match):
        make()


# ---- the history -----------------------------------------------------------------------------------------------


def some_history():
    history = History()
    for train, held_out in ((3.0, 3.1), (2.0, 2.0), (1.0, 2.5)):
        history.add({"loss": train}, {"loss": held_out, "accuracy": 1 / held_out})
    return history


def test_a_history_in_a_file(tmp_path):
    history = some_history()
    history.add({"loss": math.inf}, {"loss": math.nan, "accuracy": 0.1})
    history.save(tmp_path / "history.json")
    json.loads((tmp_path / "history.json").read_text(), parse_constant=pytest.fail)  # any reader of JSON reads it
    read = History.load(tmp_path / "history.json")
    assert read.state() == history.state() and len(read) == 4
    assert math.isnan(read.validation["loss"][-1]) and read.train["loss"][-1] == math.inf


@pytest.mark.parametrize(
    "text, match",
    [
        ("", "cannot be read"), ("[]", "is no"), ('{"format": "graph_engine.history", "version": 2}', "version 2"),
        ('{"format": "graph_engine.history", "version": 1}', "damaged"),
        (
            '{"format": "graph_engine.history", "version": 1, "epochs": 2, "train": {"a": [1]}, "validation": {}}',
            "damaged",
        ),
    ],
)  # fmt: skip
def test_files_that_are_no_history(text, match, tmp_path):
    (tmp_path / "history.json").write_text(text)
    with pytest.raises(ge.FileError, match=match):
        History.load(tmp_path / "history.json")


def test_the_best_epoch():
    history = some_history()
    assert (history.best_epoch(), history.best_epoch("accuracy"), history.best_epoch("loss", "max")) == (2, 2, 1)
    assert History().train == {}
    with pytest.raises(ge.LookupFailed, match="no metric is called 'speed'"):
        history.best_epoch("speed")


def test_the_picture_says_what_is_what():
    figure = some_history().plot()
    loss, accuracy = figure.axes
    colors = {line.get_label(): line.get_color() for line in loss.lines}
    assert colors["training"] == "#0B5FA5" and colors["held out"] == "#B84300"
    texts = {t.get_text(): t for t in loss.texts}
    assert set(texts) == {"training", "held out", "best: epoch 2"}
    assert texts["held out"].get_color() == "#B84300"
    assert {t.get_text() for t in accuracy.texts} == {"held out", "best: epoch 2"}
    training = next(line for line in loss.lines if line.get_label() == "training")
    assert training.get_xdata().tolist() == [0.5, 1.5, 2.5]  # the mean over an epoch stands in its middle


def test_pictures_of_odd_histories():
    nothing, lost = History(), History()
    lost.add({"loss": math.nan})
    for history in (nothing, lost):
        history.plot().savefig("/dev/null", format="svg")


# ---- live curves -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix, begins", [("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_live_curves(suffix, begins, tmp_path):
    path = tmp_path / f"curves.{suffix}"
    step, _, validation = counting([3, 2, 1])
    ge.train(step, [()], 3, validation=validation, callbacks=[LiveCurves(path, every=2)])
    assert path.read_bytes().startswith(begins) and [path] == list(tmp_path.iterdir())


def test_live_curves_are_the_same_in_each_run(tmp_path):
    for name in ("a.svg", "b.svg"):
        step, _, validation = counting([3, 2, 1])
        ge.train(step, [()], 3, validation=validation, callbacks=[LiveCurves(tmp_path / name)])
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_an_unknown_kind_of_picture(tmp_path):
    step, _, validation = counting([3])
    with pytest.raises(ge.DeclarationError, match="cannot be written as 'xyz'"):
        ge.train(step, [()], 1, validation=validation, callbacks=[LiveCurves(tmp_path / "curves.xyz")])


def test_in_a_notebook_the_picture_is_replaced(monkeypatch):
    from IPython import display

    class Handle:
        def update(self, picture):
            updates.append(picture)

    shown, updates = [], []
    monkeypatch.setattr("graph_engine.training.live._in_notebook", lambda: True)
    monkeypatch.setattr(display, "display", lambda picture, display_id: shown.append(picture) or Handle())
    step, _, validation = counting([3, 2, 1])
    ge.train(step, [()], 3, validation=validation, callbacks=[LiveCurves()])
    assert len(shown) == 1 and len(updates) == 2


# ---- the sweep -------------------------------------------------------------------------------------------------


def test_a_sweep_is_a_training_for_each_rate_from_one_start():
    model = Model()
    for _ in range(3):
        model.step(*next(iter(model.data)))
    before, epoch = model.bits(), model.data.epoch
    sweep = learning_rate_sweep(model.step, model.lr, model.data, low=1e-3, high=1.0, count=4, epochs=2)
    assert model.bits() == before and model.data.epoch == epoch
    np.testing.assert_allclose(sweep.rates, [1e-3, 1e-2, 1e-1, 1])
    for rate, loss in zip(sweep.rates, sweep.losses, strict=True):
        other = Model()
        for _ in range(3):
            other.step(*next(iter(other.data)))
        other.engine.set_value(other.lr, rate)
        assert ge.train(other.step, other.data, 2).train["loss"][-1] == loss
    assert sweep.losses[sweep.rates.index(sweep.best)] == min(sweep.losses) < sweep.losses[0]


def test_rates_that_are_too_high():
    w, lr = ge.parameter("w", 1.0), ge.parameter("lr", 0.1, trainable=False)
    loss = w * w
    step = ge.Engine("numpy").compile([], loss, updates=ge.optim.SGD(lr).minimize(loss))
    sweep = learning_rate_sweep(step, lr, [()] * 50, rates=[0.1, 1e6])
    assert sweep.losses[0] < 1 and sweep.losses[1] == math.inf and sweep.best == 0.1
    assert float(step.engine.value(w)) == 1 and "inf" in str(sweep)
    assert {t.get_text() for t in sweep.plot().axes[0].texts} == {"not finite", "best: 0.1"}


@pytest.mark.parametrize(
    "options, match",
    [
        ({"rates": []}, "takes rates"), ({"rates": [math.nan]}, "takes rates"), ({"low": 0}, "from a rate > 0"),
        ({"count": 1}, "from a rate > 0"), ({"epochs": 0}, "an epoch or more"),
    ],
)  # fmt: skip
def test_sweeps_that_are_none(options, match):
    model = Model()
    with pytest.raises(ge.DeclarationError, match=match):
        learning_rate_sweep(model.step, model.lr, model.data, **options)


def test_a_rate_that_the_step_does_not_have():
    model = Model()
    with pytest.raises(ge.DeclarationError, match="is no parameter of this step"):
        learning_rate_sweep(model.step, ge.parameter("lr", 0.1), model.data)
