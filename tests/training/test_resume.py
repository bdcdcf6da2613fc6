"""Interrupted and resumed trainings come to the same bits as those without a break."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from trained_models import InterruptAt, Model

import graph_engine as ge
from graph_engine.training import Callback, Checkpoint, EarlyStopping, LiveCurves, ReduceOnPlateau

EPOCHS = 6  # of seven batches each


def callbacks(model):
    rule = ge.optim.ReduceLROnPlateau(model.lr, patience=1, threshold=0.2)
    return [EarlyStopping("loss", patience=4), ReduceOnPlateau("loss", rule)]


def train(model, *more, epochs=EPOCHS, **options):
    return ge.train(
        model.step, model.data, epochs, validation=model.validation, callbacks=[*callbacks(model), *more], **options
    )


@pytest.fixture(scope="module")
def whole():
    model = Model()
    history = train(model)
    assert float(model.engine.value(model.lr)) < 0.1  # the plateau rule did something
    return model.bits(), history.state()


@pytest.mark.parametrize("at, steps", [(20, None), (21, None), (20, 3), (21, 7), (19, 1), (3, 2)])
def test_to_the_same_bits(whole, at, steps, tmp_path):
    path = tmp_path / "run.safetensors"
    with pytest.raises(KeyboardInterrupt):
        train(Model(), Checkpoint(path, steps=steps), InterruptAt(at))
    resumed = Model()
    history = train(resumed, resume=path)
    assert history.state() == whole[1]
    assert resumed.bits() == whole[0]


def test_interrupted_again_and_again(whole, tmp_path):
    path = tmp_path / "run.safetensors"
    with pytest.raises(KeyboardInterrupt):
        train(Model(), Checkpoint(path, steps=1), InterruptAt(2))
    for at in (8, 9, 30):
        with pytest.raises(KeyboardInterrupt):
            train(Model(), Checkpoint(path, steps=2), InterruptAt(at), resume=path)
    resumed = Model()
    history = train(resumed, Checkpoint(path), resume=path)
    assert (history.state(), resumed.bits()) == (whole[1], whole[0])


def test_more_epochs_than_planned(whole, tmp_path):
    path = tmp_path / "run.safetensors"
    short = Model()
    train(short, Checkpoint(path), epochs=2)  # at its end the best weights are taken, but not in the file
    resumed = Model()
    train(resumed, resume=path)
    assert resumed.bits() == whole[0]


def test_in_the_same_process_and_engine(whole, tmp_path):
    path, model = tmp_path / "run.safetensors", Model()
    with pytest.raises(RuntimeError):
        train(model, Checkpoint(path, steps=5), InterruptAt(23, RuntimeError))
    assert train(model, resume=path).state() == whole[1]
    assert model.bits() == whole[0]


def test_augmented_images(tmp_path):
    def parts():
        data = ge.data.shapes(24, size=16)
        images, labels = ge.input("images", ("batch", 1, 16, 16)), ge.input("labels", "batch", "int64")
        logits = ge.nn.Linear(256, 3)(ge.reshape(images, (-1, 256)))
        loss = ge.nn.cross_entropy(logits, labels)
        engine = ge.Engine("numpy")
        batches = ge.data.batches(data.images, data.classes[:, 0], batch_size=5)
        changes = [ge.data.random_flip(), ge.data.random_crop(padding=2), ge.data.gaussian_noise(0.1)]
        step = engine.compile([images, labels], loss, updates=ge.optim.SGD(0.1).minimize(loss))
        return step, ge.data.augment(batches, changes, seed=2)

    path = tmp_path / "run.safetensors"
    expected = ge.train(*parts(), epochs=3).state()
    with pytest.raises(KeyboardInterrupt):
        ge.train(*parts(), epochs=3, callbacks=[Checkpoint(path, steps=1), InterruptAt(8)])
    assert ge.train(*parts(), epochs=3, resume=path).state() == expected


def test_plain_lists_of_batches(tmp_path):
    def parts():
        w = ge.parameter("w", 1.0)
        x = ge.input("x", "batch")
        loss = ge.mean((w - x) ** 2)
        step = ge.Engine("numpy").compile([x], loss, updates=ge.optim.SGD(0.1).minimize(loss))
        return step, [np.array([float(i)]) for i in range(5)]

    path = tmp_path / "run.safetensors"
    expected = ge.train(*parts(), epochs=3).state()
    with pytest.raises(KeyboardInterrupt):
        ge.train(*parts(), epochs=3, callbacks=[Checkpoint(path, steps=2), InterruptAt(9)])
    assert ge.train(*parts(), epochs=3, resume=path).state() == expected


def test_keys_of_the_engine_go_on(tmp_path):
    path, model = tmp_path / "run.safetensors", Model()
    model.engine.next_key()
    train(model, Checkpoint(path), epochs=1)
    key = model.engine.next_key()
    other = Model()
    train(other, resume=path, epochs=1)
    assert np.array_equal(other.engine.next_key(), key)


def test_early_stopping_before_the_break_holds_after_it(tmp_path):
    path = tmp_path / "run.safetensors"

    def run(model, patience, **options):
        stop = EarlyStopping("loss", patience=patience, min_delta=10)  # nothing but the first is an improvement
        hooks = [stop, Checkpoint(path)]
        return ge.train(model.step, model.data, 20, validation=model.validation, callbacks=hooks, **options)

    stopped, resumed, patient = Model(), Model(), Model()
    history = run(stopped, 2)
    assert len(history) == 3
    assert run(resumed, 2, resume=path).state() == history.state()
    assert resumed.bits() == stopped.bits()  # the best weights, out of the file
    assert len(run(patient, 3, resume=path)) == 4


# ---- a real interrupt ------------------------------------------------------------------------------------------

PROGRAM = """
    import sys
    sys.path.insert(0, sys.argv[1])
    from trained_models import Model
    import graph_engine as ge

    class Say(ge.training.Callback):
        def on_step(self, run):
            print(run.step, flush=True)

    model = Model()
    hooks = [Say(), ge.training.EarlyStopping("loss", patience=100_000), ge.training.Checkpoint(sys.argv[2], steps=1)]
    ge.train(model.step, model.data, 100_000, validation=model.validation, callbacks=hooks)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL] if os.name == "posix" else [])
def test_a_process_that_is_interrupted(number, tmp_path):
    path, here = tmp_path / "run.safetensors", Path(__file__).parent
    program = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PROGRAM), str(here), str(path)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    for line in program.stdout:
        if int(line) == 40:
            program.send_signal(number)
            break
    _, said = program.communicate(timeout=30)
    assert program.returncode == -number if number == signal.SIGKILL else "KeyboardInterrupt" in said
    if number == signal.SIGINT:
        assert [found.name for found in tmp_path.iterdir()] == ["run.safetensors"]  # nothing half written lies about

    def run(model, **options):
        stop = EarlyStopping("loss", patience=100_000)
        return ge.train(model.step, model.data, 30, validation=model.validation, callbacks=[stop], **options)

    straight, resumed = Model(), Model()
    expected = run(straight)
    assert run(resumed, resume=path).state() == expected.state()
    assert resumed.bits() == straight.bits()


# ---- what is refused -------------------------------------------------------------------------------------------


@pytest.fixture
def checkpoint(tmp_path):
    path, model = tmp_path / "run.safetensors", Model()
    train(model, Checkpoint(path), epochs=1)
    return path


def refused(model, path, match, *more, epochs=EPOCHS):
    before = model.bits(), model.data.epoch, model.engine.keys_given
    with pytest.raises(ge.FileError, match=match):
        train(model, *more, resume=path, epochs=epochs)
    assert (model.bits(), model.data.epoch, model.engine.keys_given) == before


def test_another_models(checkpoint):
    refused(Model(hidden=9), checkpoint, r"(?s)another model.*9.* but float32.*8.* in the file")


def test_other_data(checkpoint):
    refused(Model(batch_size=10), checkpoint, "other data.*'batch_size': 16.*'batch_size': 10")


def test_other_callbacks(checkpoint):
    refused(Model(), checkpoint, "other callbacks", EarlyStopping("accuracy"))


def test_a_truncated_one(checkpoint):
    whole = checkpoint.read_bytes()
    for size in (0, 7, 100, len(whole) // 2, len(whole) - 1):
        checkpoint.write_bytes(whole[:size])
        refused(Model(), checkpoint, "run.safetensors")


def test_a_changed_one(checkpoint):
    content = bytearray(checkpoint.read_bytes())
    content[-30] ^= 1
    checkpoint.write_bytes(content)
    refused(Model(), checkpoint, "damaged")


@pytest.mark.parametrize(
    "metadata, match",
    [({"format": "graph_engine.training", "version": "2"}, "version 2"), ({"format": "pt"}, "says that it is 'pt'")],
)
def test_an_unknown_version_or_something_else(metadata, match, tmp_path):
    path = tmp_path / "run.safetensors"
    path.write_bytes(safetensors.numpy.save({"w": np.zeros(3, "float32")}, metadata))
    refused(Model(), path, match)


def test_parameters_alone_are_no_checkpoint_of_a_training(tmp_path):
    model = Model()
    model.engine.save(tmp_path / "parameters")
    refused(model, tmp_path / "parameters", "is no 'graph_engine.training'")


def test_a_file_that_is_not_there(tmp_path):
    refused(Model(), tmp_path / "none", "cannot be read")


def test_a_callback_that_does_not_understand_its_state(checkpoint):
    class Strange(Callback):
        def state(self):
            return {"count": 1}

        def restore(self, state):
            if "count" not in state:
                raise KeyError("count")

    class Other(Strange):
        def state(self):
            return {"number": np.arange(3)}

    Other.__name__ = "Strange"
    train(Model(), Other(), Checkpoint(checkpoint), epochs=1)
    model, early = Model(), EarlyStopping("loss")
    with pytest.raises(ge.FileError, match="damaged: KeyError: 'count'"):
        ge.train(
            model.step, model.data, 3, validation=model.validation, resume=checkpoint,
            callbacks=[early, callbacks(model)[1], Strange()],
        )  # fmt: skip
    assert early.best is None


@pytest.mark.parametrize("at", ["fsync", "replace"])
def test_what_was_there_stays_when_writing_fails(at, checkpoint, monkeypatch):
    content = checkpoint.read_bytes()

    def fail(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, at, fail)
    with pytest.raises(KeyboardInterrupt):
        train(Model(), Checkpoint(checkpoint), epochs=1)
    assert checkpoint.read_bytes() == content and [checkpoint] == list(checkpoint.parent.iterdir())


@pytest.mark.parametrize("options", [{"every": 0}, {"steps": 0}, {"every": 1.5}, {"steps": True}])
def test_how_often_is_a_number(options):
    with pytest.raises(ge.DeclarationError, match="every so many"):
        Checkpoint("x", **options)


@pytest.mark.parametrize("callback", [Checkpoint, LiveCurves])
def test_a_place_that_cannot_be_written_to_is_refused_before_the_first_step(callback, tmp_path):
    model = Model()
    before = model.bits()
    with pytest.raises(ge.FileError, match="there is no folder"):
        train(model, callback(tmp_path / "nowhere" / "file.svg"), epochs=1)
    assert model.bits() == before
