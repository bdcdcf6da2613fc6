"""The demonstration: what it prints, what it writes, and when it fails."""

import re

import numpy as np
import pytest

import graph_engine as ge
from graph_engine import demo
from graph_engine.demo import digits, lecture

FILES = {
    "lecture.svg", "lecture-circuit.svg", "lecture.html", "digits-curves.png", "digits-step.svg", "digits-step.html",
}  # fmt: skip


def test_the_demonstration(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert demo.main("numpy", "out", epochs=10) == 0
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written >= FILES and written <= FILES | {"lecture.png"}
    printed = capsys.readouterr()
    assert re.search(r"2 +forward +multiply +f = -12", printed.out)
    assert re.search(r"Held-out accuracy 9\d\.\d%; criterion: above 95%: reached", printed.out)
    listed = re.findall(r"^  (out\S+)  +\S", printed.out, re.MULTILINE)
    assert {path.split("/")[-1].split("\\")[-1] for path in listed} == written
    assert "epoch 10/10: held-out loss" in printed.err  # no terminal here: lines in place of a bar


def test_too_little_training_is_told_apart(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(digits, "LEARNING_RATE", 0.001)
    assert demo.main("numpy", tmp_path, epochs=1) == 1
    assert "NOT reached" in capsys.readouterr().out


def test_a_missing_package_is_named_before_anything_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("graph_engine.gallery.running.find_spec", lambda name: None if name == "tqdm" else object())
    with pytest.raises(ge.GraphEngineError, match=r"(?s)needs tqdm.*pip install.*graph-engine\[examples\]"):
        demo.main("numpy", tmp_path / "out")
    assert capsys.readouterr().out == "" and not (tmp_path / "out").exists()


def test_a_backend_that_is_not_there(tmp_path):
    with pytest.raises(ge.BackendError, match="no backend called 'abacus'"):
        demo.main("abacus", tmp_path / "out")


def test_the_lecture_example(engine):
    trace = lecture.trace_example(engine)
    assert [float(trace.value(name)) for name in "xyzwf"] == [-2, 5, -4, 3, -12]
    assert [float(trace.grad(name)) for name in "xyzwf"] == [-4, -4, 3, -4, 1]
    assert trace.steps[0].line.text == "w = x + y"


def test_the_digits_are_learnt_on_every_backend(engine):
    training = digits.Training(engine)
    trace = training.trace_step()
    assert {step.phase for step in trace.steps} == {"forward", "backward", "update"}
    assert {p.name for p in trace.updates} == {"fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"}
    training.run(epochs=4)
    history = training.history
    assert history.validation["accuracy"][-1] > 0.9
    assert len(history) == 4 and history.train["loss"][-1] < history.train["loss"][0]


def test_the_traced_step_is_a_step_of_the_training():
    one, other = digits.Training(ge.Engine("numpy")), digits.Training(ge.Engine("numpy"))
    batch = [array[: digits.BATCH_SIZE] for array in one.train_data]
    one.step(*batch)
    other.trace_step()
    for name in ("fc1.weight", "fc2.bias"):
        assert np.array_equal(one.engine.value(name), other.engine.value(name))
