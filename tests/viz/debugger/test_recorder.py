"""The flight recorder: what it writes when a training stops or dies replays elsewhere, from the file, to the bit."""

import hashlib
import json
import logging
import subprocess
import sys

import numpy as np
import pytest

import graph_engine as ge
from graph_engine.trace import Trace
from graph_engine_viz import Stopped, attach
from graph_engine_viz.debugger import complete, open_session
from graph_engine_viz.debugger.recorder import Recorder

RNG = np.random.default_rng(1)
ELSEWHERE = """
import hashlib, json, sys
from graph_engine_viz.debugger import open_session
found = {}
for path in sys.argv[1:]:
    trace = open_session(path).trace
    names = [v for v in trace.graph.variables if v in trace.arrays]
    found[path] = [hashlib.sha256(trace.value(v).tobytes()).hexdigest() for v in names]
print(json.dumps(found))
"""


def digests(trace):
    known = [v for v in trace.graph.variables if v in trace.arrays]
    return [hashlib.sha256(trace.value(v).tobytes()).hexdigest() for v in known]


def elsewhere(*paths):
    """Open files in another process, and return what all values are there."""
    command = [sys.executable, "-W", "ignore", "-c", ELSEWHERE, *map(str, paths)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return list(json.loads(ended.stdout).values())


def network(optimiser, dtype="float32"):
    """Return a step with dropout, whose keys are drawn by the engine, and with statistics of the batches."""
    x, t = ge.input("x", ("batch", 3), dtype), ge.input("t", "batch", "int64")
    key = ge.input("key", 2, "uint32")
    with ge.scope("one"):
        h = ge.relu(ge.nn.Linear(3, 6, seed=0, dtype=dtype)(x))
    kept = ge.astype(ge.random.uniform(key, (6,)) > 0.3, dtype)
    with ge.scope("two"):
        logits = ge.nn.Linear(6, 2, seed=1, dtype=dtype)(h * kept)
    loss = ge.nn.cross_entropy(logits, t)
    engine = ge.Engine("numpy", seed=3)
    return engine.compile([x, t, key], loss, updates=optimiser.minimize(loss), guards=["values"])


def batches(step, count=8):
    sizes = RNG.integers(2, 6, count)  # they differ
    return [(RNG.normal(size=(n, 3)), RNG.integers(0, 2, n), step.engine.next_key()) for n in sizes]


# ---- what it keeps ---------------------------------------------------------------------------------------------


def test_the_last_ones_are_kept_and_run_again_to_the_same_bits():
    step, bare = network(ge.optim.Adam(0.01)), network(ge.optim.Adam(0.01))
    recorder, traces = Recorder(step, 4), []
    for number, batch in enumerate(batches(step)):
        recorder.note(number, batch)
        traces.append(bare.trace(*batch))
        step(*batch)
    assert [iteration.number for iteration in recorder] == [4, 5, 6, 7] and len(recorder) == 4
    after = [np.asarray(step.engine.value(p)).tobytes() for p in step.parameters]
    for iteration, trace in zip(recorder, traces[4:], strict=True):
        assert digests(recorder.trace(iteration)) == digests(trace)
    assert after == [np.asarray(step.engine.value(p)).tobytes() for p in step.parameters]


def test_what_was_fed_may_change_afterwards():
    step = network(ge.optim.SGD(0.1))
    recorder, (x, t, key) = Recorder(step, 1), batches(step, 1)[0]
    wanted = x.astype("float32")
    recorder.note(0, (x, t, key))
    x[:] = 7
    assert np.array_equal(recorder.trace(recorder.last).value("x"), wanted)


@pytest.mark.parametrize("count", [0, -1, 1.5, True, None])
def test_how_many_it_keeps_is_a_number(count):
    with pytest.raises(ge.DeclarationError, match="a recorder keeps a number of iterations"):
        Recorder(network(ge.optim.SGD(0.1)), count)


def test_a_trace_of_which_only_what_was_given_is_there_is_completed(tmp_path):
    step = network(ge.optim.SGD(0.1))
    recorder, batch = Recorder(step, 1), batches(step, 1)[0]
    recorder.note(0, batch)
    (path,) = recorder.save(tmp_path)
    begun = Trace.load(path)
    assert not begun.has_value("h") and begun.has_value("one.linear.weight")
    assert digests(complete(begun, ge.Engine("numpy").backend)) == digests(step.trace(*batch))


# ---- what it writes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("optimiser", "dtype"),
    [(ge.optim.SGD(0.1), "float32"), (ge.optim.SGD(0.1, momentum=0.9), "float16"), (ge.optim.Adam(0.01), "float64"),
     (ge.optim.RMSprop(0.01), "float32")],
)  # fmt: skip
def test_a_stop_replays_elsewhere_to_the_same_bits(tmp_path, optimiser, dtype):
    step = network(optimiser, dtype)
    watched = attach(step, at=5, record=2, folder=tmp_path / "here" / "recorded")
    with pytest.raises(Stopped) as caught:
        for batch in batches(step):
            watched(*batch)
    paths = sorted((tmp_path / "here" / "recorded").glob("iteration-*"))
    assert [path.name for path in paths] == ["iteration-00000004.safetensors", "iteration-00000005.safetensors"]
    replayed = elsewhere(*paths)
    assert replayed == [digests(watched.session(iteration).trace) for iteration in watched.recorder]
    assert replayed[1] == digests(caught.value.session.trace)
    assert caught.value.__notes__ == [f"recorded: graph-engine debug {paths[1]}"]


def test_a_training_that_dies_is_written_and_opens_where_it_died(tmp_path):
    step = network(ge.optim.SGD(0.1))
    watched = attach(step, folder=tmp_path)
    data = batches(step)
    data[6][1][0] = 9  # a label that there is not
    with pytest.raises(ge.GuardError) as caught:
        for batch in data:
            watched(*batch)
    assert [path.name[-13:-12] for path in sorted(tmp_path.glob("iteration-*"))] == ["4", "5", "6"]
    session = open_session(tmp_path)
    assert session.here.operation.primitive.name == caught.value.trace.failed.primitive.name
    assert digests(session.trace) == digests(caught.value.trace) == elsewhere(tmp_path)[0]


def test_a_stop_in_train_is_written(tmp_path):
    x, w = ge.input("x", ("batch", 1)), ge.parameter("w", [[1.0]])
    loss = ge.mean(ge.square(x @ w))
    step = ge.Engine("numpy").compile([x], loss, updates=ge.optim.SGD(1e15).minimize(loss))
    with np.errstate(all="ignore"), pytest.raises(Stopped):
        ge.train(step, [(np.ones((2, 1)),)] * 9, 1, debug=attach(folder=tmp_path))
    with np.errstate(all="ignore"):
        session = open_session(tmp_path)
    assert session.why().findings


def test_where_it_cannot_be_written_the_error_stays(tmp_path):
    (tmp_path / "file").write_text("in the way")
    step = network(ge.optim.SGD(0.1))
    with pytest.raises(Stopped) as caught:
        attach(step, at=0, folder=tmp_path / "file" / "recorded")(*batches(step, 1)[0])
    assert caught.value.__notes__[0].startswith("not recorded: ")
    with pytest.raises(ge.FileError):
        Recorder(step, 1).save(tmp_path / "file")


def test_with_on_stop_it_is_said_where_it_was_written(tmp_path, caplog):
    step, sessions = network(ge.optim.SGD(0.1)), []
    watched = attach(step, at=1, folder=tmp_path, on_stop=sessions.append)
    with caplog.at_level(logging.INFO, "graph_engine_viz"):
        for batch in batches(step, 3):
            watched(*batch)
    assert len(sessions) == 1
    assert caplog.messages == [f"recorded: graph-engine debug {tmp_path / 'iteration-00000001.safetensors'}"]


def test_with_on_stop_it_is_warned_where_it_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("in the way")
    step, sessions = network(ge.optim.SGD(0.1)), []
    watched = attach(step, at=0, folder=tmp_path / "file" / "recorded", on_stop=sessions.append)
    with pytest.warns(UserWarning, match="not recorded: .*file") as warned:
        watched(*batches(step, 1)[0])
    assert len(sessions) == 1 and warned[0].filename == __file__


# ---- errors between the steps ----------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, ge.FeedError])
def test_an_error_between_steps_is_recorded_by_a_context(tmp_path, error):
    step = network(ge.optim.SGD(0.1))
    with pytest.raises(error) as caught, attach(step, folder=tmp_path) as watched:
        for number, batch in enumerate(batches(step)):
            watched(*batch)
            if number == 4:
                raise error("of the loop")
    assert caught.value.__notes__ == [f"recorded: graph-engine debug {tmp_path / 'iteration-00000004.safetensors'}"]
    assert len(list(tmp_path.glob("iteration-*"))) == 3 and open_session(tmp_path).trace.has_value("loss")


def test_a_context_writes_nothing_twice_and_nothing_without_need(tmp_path):
    step = network(ge.optim.SGD(0.1))
    with attach(step, folder=tmp_path) as watched:
        watched(*batches(step, 1)[0])
    with pytest.raises(ValueError, match="at once"), attach(step, folder=tmp_path):
        raise ValueError("at once")
    with pytest.raises(ValueError, match="no folder"), attach(step) as watched:
        watched(*batches(step, 1)[0])
        raise ValueError("no folder")
    assert not list(tmp_path.glob("iteration-*"))
    with pytest.raises(Stopped) as caught, attach(step, at=0, folder=tmp_path) as watched:
        watched(*batches(step, 1)[0])
    assert len(caught.value.__notes__) == 1


class FailsAt(ge.training.Callback):
    """Raises after some steps."""

    def __init__(self, step, error):
        self.step, self.error = step, error

    def on_step(self, run):
        if run.step == self.step:
            raise self.error


class Spoilt:
    """Batches of which one cannot be read."""

    def __init__(self, data, at):
        self.data, self.at = data, at

    def __iter__(self):
        yield from self.data[: self.at]
        raise OSError("the disk is gone")


@pytest.mark.parametrize("how", ["data", "callback", "interrupt", "batch"])
def test_an_error_that_leaves_train_is_recorded(tmp_path, how):
    step = network(ge.optim.SGD(0.1))
    data = batches(step)
    error = {"callback": ValueError("of a callback"), "interrupt": KeyboardInterrupt()}.get(how)
    callbacks = [] if error is None else [FailsAt(4, error)]
    given = {"data": Spoilt(data, 4), "batch": [*data[:4], (np.ones((2, 9)), [0, 1], data[0][2])]}.get(how, data)
    kinds = {"data": OSError, "batch": ge.FeedError, "callback": ValueError, "interrupt": KeyboardInterrupt}
    with pytest.raises(kinds[how]) as caught:
        ge.train(step, given, 1, debug=attach(folder=tmp_path), callbacks=callbacks)
    assert caught.value.__notes__ == [f"recorded: graph-engine debug {tmp_path / 'iteration-00000003.safetensors'}"]
    assert len(list(tmp_path.glob("iteration-*"))) == 3 and open_session(tmp_path).trace.has_value("loss")


def test_several_steps_are_recorded_beside_each_other(tmp_path):
    one, two = network(ge.optim.SGD(0.1)), network(ge.optim.SGD(0.1))
    two = one.engine.compile(two.inputs, two.outputs[0], updates=two.updates)
    data = batches(one, 4)
    with pytest.raises(ValueError, match="stop") as caught:
        steps = {"one": (one, 2), "two": two}
        ge.train(steps, data, 1, debug=attach(folder=tmp_path), callbacks=[FailsAt(2, ValueError("stop"))])
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.safetensors")) == [
        "iteration-00000001.safetensors", "iteration-00000002.safetensors", "iteration-00000003.safetensors",
        "step-2/iteration-00000000.safetensors", "step-2/iteration-00000001.safetensors",
    ]  # fmt: skip
    assert len(caught.value.__notes__) == 2 and open_session(tmp_path).trace.has_value("loss")
    data[1][1][0] = 9  # a label that there is not
    for path in [path for path in tmp_path.rglob("*") if path.is_file()]:
        path.unlink()
    with pytest.raises(ge.GuardError) as caught:
        ge.train({"two": two, "one": one}, data, 1, debug=attach(folder=tmp_path))
    assert len(caught.value.__notes__) == 1 and not list(tmp_path.glob("step-2/*"))  # that was not at fault


def test_an_iteration_that_was_undone_and_is_done_again_is_kept_once():
    step = network(ge.optim.SGD(0.1))
    watched, data = attach(step, at=1, record=3), batches(step, 3)
    watched(*data[0])
    with pytest.raises(Stopped):
        watched(*data[1])
    watched(*data[1])
    watched(*data[2])
    assert [iteration.number for iteration in watched.recorder] == [0, 1, 2]


def test_a_callbacks_own_run_that_fails_is_recorded_too(tmp_path):
    step = network(ge.optim.SGD(0.1))
    x, t = ge.input("x", (1, 2)), ge.input("t", 1, "int64")
    with pytest.raises(ge.GuardError) as own:
        ge.Engine("numpy").trace(ge.nn.nll_loss(x, t), {x: [[1, 2]], t: [7]})
    assert own.value.trace is not None
    with pytest.raises(ge.GuardError) as caught:
        ge.train(step, batches(step, 3), 1, debug=attach(folder=tmp_path), callbacks=[FailsAt(2, own.value)])
    assert caught.value is own.value and caught.value.__notes__ and len(list(tmp_path.glob("iteration-*"))) == 2


def test_what_is_recorded_of_a_batch_is_what_the_step_is_given(monkeypatch):
    step = network(ge.optim.SGD(0.1))
    watched, given = attach(step), []
    extended = watched._extended
    monkeypatch.setattr(watched, "_extended", lambda *values: given.append(values) or extended(*values))
    images, labels, key = batches(step, 1)[0]
    watched(images.tolist(), labels.tolist(), key)  # brought to the device once
    assert all(array is watched.recorder.last.given[v] for v, array in zip(step.inputs, given[0], strict=True))


def test_a_recording_says_why_it_is_there_and_opens_where_the_condition_held(tmp_path):
    step = network(ge.optim.SGD(1e6))
    watched = attach(step, watch="value.abs_max > 100", of=["loss", "one"], folder=tmp_path / "a b")
    with pytest.raises(Stopped) as caught:
        for batch in batches(step):
            watched(*batch)
    live = caught.value.session
    assert "graph-engine debug '" in caught.value.__notes__[0]
    found = open_session(tmp_path / "a b")
    assert found.note == f"recorded: {caught.value.message}" and live.note == caught.value.message
    assert found.place == live.place and list(map(str, found.points.values())) == list(map(str, live.points.values()))
    assert [n for n, _ in found.iterations] == [n for n, _ in live.iterations]
    for (_, again), (_, here) in zip(found.iterations, live.iterations, strict=True):
        assert digests(again()) == digests(here())
    before = open_session(min((tmp_path / "a b").glob("iteration-*")))
    assert before.note.endswith(f"this is iteration {found.iterations[0][0]}") and before.place.last == 0


def test_what_ended_a_training_between_two_steps_is_kept(tmp_path):
    step = network(ge.optim.SGD(0.1))
    with pytest.raises(OSError), attach(step, folder=tmp_path) as watched:
        watched(*batches(step, 1)[0])
        raise OSError("shard 7 cannot be read")
    assert open_session(tmp_path).note == "recorded: OSError after iteration 0: shard 7 cannot be read"


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"format": "graph_engine.recording", "version": 2}', "\xff"])
def test_a_damaged_reason_hinders_nobody(tmp_path, text):
    step = network(ge.optim.SGD(0.1))
    with pytest.raises(Stopped):
        attach(step, at=0, folder=tmp_path)(*batches(step, 1)[0])
    (tmp_path / "recording.json").write_bytes(text.encode("latin-1"))
    with pytest.warns(UserWarning, match="recording.json cannot be read") as warned:
        session = open_session(tmp_path)
    assert session.note == "" and session.trace.has_value("loss") and warned[0].filename == __file__


def test_what_the_step_returns_is_named_first_and_the_rest_is_counted():
    step = network(ge.optim.SGD(0.1))
    with pytest.raises(Stopped) as caught:
        attach(step, watch="abs_max >= 0")(*batches(step, 1)[0])
    assert caught.value.message.startswith("iteration 0: loss: abs_max >= 0; ") and " more" in caught.value.message


def test_a_step_is_attached_once(tmp_path):
    step = network(ge.optim.SGD(0.1))
    with pytest.raises(ge.DeclarationError, match="leave it out"):
        ge.train(step, batches(step, 2), 1, debug=attach(step))
    (tmp_path / "file").write_text("")
    with pytest.raises(ge.DeclarationError, match="goes into a folder"):
        attach(step, folder=tmp_path / "file")


def test_without_a_folder_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    step = network(ge.optim.SGD(0.1))
    with pytest.raises(Stopped):
        attach(step, at=0)(*batches(step, 1)[0])
    assert not list(tmp_path.glob("iteration-*"))
