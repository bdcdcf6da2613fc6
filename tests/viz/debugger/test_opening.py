"""A session opens on whatever holds a run: what ran, what failed, what could not be declared, and what was recorded."""

import json
import sys
import urllib.request
import webbrowser

import numpy as np
import pytest

import graph_engine as ge
import graph_engine_viz as viz
from graph_engine_viz.debugger import Session, open_session


def small():
    x, y, z = ge.input("x"), ge.input("y"), ge.input("z")
    w = x + y
    f = w * z
    return f, {x: -2, y: 5, z: -4}


def training(rate=0.1, guards=()):
    x, w = ge.input("x", ("batch", 2)), ge.parameter("w", [[1.0], [2.0]])
    loss = ge.mean(ge.square(x @ w))
    engine = ge.Engine("numpy")
    return engine.compile([x], loss, updates=ge.optim.SGD(rate, momentum=0.9).minimize(loss), guards=guards), w


def labels_out_of_range():
    x, t = ge.input("x", (2, 3)), ge.input("t", 2, "int64")
    logits = x * 2
    loss = ge.nn.cross_entropy(logits, t)
    return loss, {x: np.ones((2, 3)), t: [0, 7]}


def refused():
    x = ge.input("x", ("batch", 4))
    with ge.scope("encoder"):
        h = ge.nn.relu(ge.nn.Linear(4, 8, seed=0)(x))
    with ge.scope("decoder"):
        return h @ ge.parameter("W", [[1.0, 2.0], [3.0, 4.0]])


def shown(debugging, what="state", **arguments):
    """Ask as the page does."""
    address, _, token = debugging.url.partition("?token=")
    body = json.dumps({"what": what, "arguments": arguments}).encode()
    headers = {"X-Token": token, "Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(address + "answer", body, headers), timeout=10) as answer:
        return json.load(answer)


# ---- from what ran ---------------------------------------------------------------------------------------------


def test_an_engine_outputs_and_feeds():
    f, feeds = small()
    session = open_session(ge.Engine("numpy"), f, feeds)
    assert session.place.last == 0 and session.trace.grad("x") == -4


def test_what_else_a_trace_is_told_is_handed_on():
    f, feeds = small()
    session = open_session(ge.Engine("numpy"), f, feeds=feeds, backward=False, memory=1 << 20)
    assert session.trace.loss is None and session.trace.kept is not None


def test_a_trace_and_a_session():
    f, feeds = small()
    session = open_session(ge.Engine("numpy").trace(f, feeds))
    assert open_session(session) is session
    assert session.backend.name == "numpy"


def test_a_trace_knows_its_backend():
    class Other(ge.Backend):
        name, xp = "other", np

    f, feeds = small()
    backend = Other()
    assert open_session(ge.Engine(backend).trace(f, feeds)).backend is backend


def test_a_step_and_what_it_is_called_with_changes_nothing():
    step, w = training()
    before = step.engine.value(w)
    session = open_session(step, [[1.0, 2.0], [3.0, 4.0]])
    assert np.array_equal(step.engine.value(w), before) and session.steps[-1].phase == "update"
    step([[1.0, 2.0], [3.0, 4.0]])
    assert np.array_equal(step.engine.value(w), session.trace.updated("w"))


def test_a_step_that_is_not_finite_is_opened_in_spite_of_its_guard():
    step, _ = training(guards=["finite"])
    assert open_session(step, [[np.inf, 0.0]]).why().findings[0].variable.name == "x"


def test_a_watched_step():
    step, _ = training()
    watched = viz.attach(step)
    watched([[1.0, 2.0]])
    assert open_session(watched).trace.value("x").tolist() == [[1.0, 2.0]]


@pytest.mark.parametrize("what", [3, [], np.ones(2), ge.Graph, lambda: 0])
def test_what_holds_no_run_is_refused(what):
    with pytest.raises(ge.DeclarationError, match="there is no run in"):
        open_session(what)


def test_what_does_not_belong_to_it_is_refused():
    f, feeds = small()
    trace = ge.Engine("numpy").trace(f, feeds)
    wrong = (((trace, f), {}), ((trace,), {"memory": 3}), (("model.py", 1), {}), ((Session(trace), 1), {}))
    for given, options in wrong:
        with pytest.raises(ge.DeclarationError, match="is not opened like this"):
            open_session(*given, **options)


# ---- post-mortem -----------------------------------------------------------------------------------------------


def test_a_run_that_failed_is_opened_at_the_failing_node():
    loss, feeds = labels_out_of_range()
    session = open_session(ge.Engine("numpy"), loss, feeds)
    assert session.here.operation is session.trace.failed and "cross_entropy" in session.explain()[0]
    assert session.value("logits").shape == (2, 3) and session.continue_().reason == "failure"


def test_in_an_except_block():
    loss, feeds = labels_out_of_range()
    try:
        ge.Engine("numpy").trace(loss, feeds)
    except ge.GuardError as error:
        assert open_session().trace is error.trace and open_session(error).trace is error.trace


def test_an_error_that_came_of_another_one():
    loss, feeds = labels_out_of_range()
    try:
        try:
            ge.Engine("numpy").trace(loss, feeds)
        except ge.GuardError as error:
            raise RuntimeError("the experiment failed") from error
    except RuntimeError:
        assert open_session().here.operation is not None


def test_at_the_prompt_after_an_error(monkeypatch):
    with pytest.raises(ge.ShapeError) as caught:
        refused()
    monkeypatch.setattr(sys, "last_exc", caught.value, raising=False)
    assert len(open_session().steps) == 3


def test_a_step_that_its_guard_refused():
    step, _ = training(guards=["finite"])
    with pytest.raises(ge.GuardError) as caught:
        step.trace([[np.nan, 0.0]])
    assert open_session(caught.value).why().findings[0].variable.name == "x"


def test_a_training_that_was_stopped():
    watched = viz.attach(training(rate=1e30)[0])
    with pytest.raises(viz.Stopped) as caught:
        for _ in range(10):
            watched([[1.0, 2.0]])
    assert open_session(caught.value) is caught.value.session


def test_what_could_not_be_declared_is_shown_up_to_there():
    with pytest.raises(ge.ShapeError) as caught:
        refused()
    session = open_session(caught.value)
    assert [step.operation.name for step in session.steps] == [
        "encoder.linear.linear", "encoder.relu", "decoder.matmul: refused",
    ]  # fmt: skip
    assert session.here.line.text == 'return h @ ge.parameter("W", [[1.0, 2.0], [3.0, 4.0]])'
    assert "the inner dimensions differ" in session.explain()[0]
    assert session.value("decoder.W").shape == (2, 2)
    with pytest.raises(ge.LookupFailed, match="has not been computed"):
        session.value("h")
    assert "matmul?" in viz.draw(session.trace).svg


def test_a_function_that_refuses_its_arguments():
    x = ge.input("x", (3, 4))
    z = x * 2
    with pytest.raises(ge.GraphEngineError) as caught:
        ge.nn.nll_loss(z, x)
    session = open_session(caught.value)
    assert [step.operation.name for step in session.steps] == ["multiply", "nll_loss: refused"]
    assert session.steps[-1].inputs == (z, x)


def test_an_error_that_left_nothing():
    f, feeds = small()
    with pytest.raises(ge.FeedError) as caught:
        ge.Engine("numpy").run(f, {})
    with pytest.raises(ge.DeclarationError, match="holds no values and no graph") as told:
        open_session(caught.value)
    assert told.value.__cause__ is caught.value


def test_nothing_at_all(monkeypatch):
    for name in ("last_exc", "last_value"):
        monkeypatch.setattr(sys, name, None, raising=False)
    with pytest.raises(ge.DeclarationError, match="there is no error to look at"):
        open_session()


# ---- from files ------------------------------------------------------------------------------------------------

LECTURE = """
import graph_engine as ge
x = ge.input("x")
w = ge.parameter("w", 2.0)
loss = ge.log(w * x)
feeds = {x: 0.0}
"""


def test_a_python_file(tmp_path):
    path = tmp_path / "lecture.py"
    path.write_text(LECTURE)
    for given in (path, str(path)):
        assert open_session(given).why().operation.primitive.name == "log"


@pytest.mark.parametrize(
    ("more", "last"),
    [
        ("ge.ones((2, 3)) @ ge.ones((2, 3))", "matmul: refused"),
        ("t = ge.input('t', 1, 'int64'); step = ge.Engine().compile([t], ge.nn.cross_entropy(ge.ones((1, 2)) * w, t))\n"
         "feeds = {t: [5]}", "softmax_cross_entropy"),
        ("y = ge.one_hot(ge.input('t', 2, 'int64'), 3); ge.Engine().trace(y, {'t': [0, 9]})", "one_hot"),
    ],
)  # fmt: skip
def test_a_python_file_that_fails(tmp_path, more, last):
    path = tmp_path / "broken.py"
    path.write_text(LECTURE + more)
    session = open_session(path)
    assert session.here.operation.primitive.name.startswith(last)


@pytest.mark.parametrize("text", ["1 +", "import nothing_like_this", "x = 1", "raise SystemExit(3)"])
def test_a_python_file_that_holds_nothing(tmp_path, text):
    path = tmp_path / "nothing.py"
    path.write_text(text)
    with pytest.raises(ge.FileError):
        open_session(path)


def test_a_saved_trace(tmp_path):
    f, feeds = small()
    ge.Engine("numpy").trace(f, feeds).save(tmp_path / "run.safetensors")
    assert open_session(tmp_path / "run.safetensors").trace.grad("x") == -4


def test_a_saved_trace_of_a_run_that_failed(tmp_path):
    loss, feeds = labels_out_of_range()
    with pytest.raises(ge.GuardError) as caught:
        ge.Engine("numpy").trace(loss, feeds)
    caught.value.trace.save(tmp_path / "run.safetensors")
    session = open_session(tmp_path / "run.safetensors")
    assert session.here.operation is session.trace.failed


def test_a_recording_and_the_folder_of_it(tmp_path):
    step, _ = training()
    watched = viz.attach(step, at=3, folder=tmp_path)
    with pytest.raises(viz.Stopped) as caught:
        for number in range(10):
            watched([[1.0, number]])
    for path in (tmp_path, tmp_path / "iteration-00000003.safetensors"):
        opened = open_session(path)
        for one, other in zip(opened.trace.graph.variables, caught.value.session.trace.graph.variables, strict=True):
            assert np.array_equal(opened.trace.value(one), caught.value.session.trace.value(other))


@pytest.mark.parametrize("name", ["nothing.py", "nothing.txt", "."])
def test_paths_that_lead_nowhere(tmp_path, name):
    with pytest.raises(ge.FileError):
        open_session(tmp_path / name)


# ---- in a browser ----------------------------------------------------------------------------------------------


@pytest.fixture
def opened(monkeypatch):
    """The addresses that a browser was asked for, on a machine that has one."""
    addresses = []
    monkeypatch.setattr(webbrowser, "open", addresses.append)
    monkeypatch.setenv("DISPLAY", ":0")
    return addresses


def test_it_is_served_and_moves_with_the_session(opened, capfd):
    f, feeds = small()
    debugging = viz.debug(ge.Engine("numpy"), f, feeds)
    assert shown(debugging)["at"] == 0
    debugging.session.step()
    assert shown(debugging)["at"] == 1
    assert shown(debugging, "do", call="step")["at"] == 2 and debugging.session.place.last == 2
    assert "nothing" in shown(debugging, "inspect", variable="nothing")["error"]
    debugging.stop()
    assert capfd.readouterr() == ("", "")


def test_a_browser_is_opened_where_there_is_one(opened, monkeypatch):
    f, feeds = small()
    debugging = viz.debug(ge.Engine("numpy"), f, feeds)
    for _ in range(100):
        if not opened:
            debugging._ended.wait(0.05)
    assert opened == [debugging.url]
    debugging.stop()
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    viz.debug(debugging.session).stop()
    assert len(opened) == 1


def test_a_browser_that_fails(opened, monkeypatch):
    def fail(url):
        raise webbrowser.Error("no browser")

    monkeypatch.setattr(webbrowser, "open", fail)
    f, feeds = small()
    viz.debug(ge.Engine("numpy"), f, feeds).stop()


def test_it_says_its_address():
    f, feeds = small()
    debugging = viz.debug(ge.Engine("numpy"), f, feeds, browser=False)
    assert repr(debugging) == f"debugger: {debugging.url}" and f'href="{debugging.url}"' in debugging._repr_html_()
    debugging.stop()
    debugging.wait()  # it has ended
    debugging.stop()


def test_a_port_that_cannot_be_had():
    f, feeds = small()
    debugging = viz.debug(ge.Engine("numpy"), f, feeds, browser=False)
    port = int(debugging.url.split(":")[2].split("/")[0])
    for wrong in (port, 70_000):
        with pytest.raises(ge.DeclarationError, match=f"port {wrong} cannot be had"):
            viz.debug(debugging.session, port=wrong, browser=False)
    debugging.stop()


def test_a_step_alone_is_watched():
    step, _ = training(rate=1e30)
    watched = viz.debug(step, watch="abs_max > 1e20", of="w")
    with pytest.raises(viz.Stopped, match="abs_max > 1e20"):
        for _ in range(5):
            watched([[1.0, 2.0]])


def test_in_an_except_block_it_shows_the_error(opened):
    try:
        refused()
    except ge.ShapeError:
        debugging = viz.debug()
    assert "refused" in shown(debugging)["text"]
    debugging.stop()


def test_the_public_names():
    assert {"Session", "Stopped", "attach", "compare", "debug", "why"} <= set(viz.__all__)
    assert viz.Session is Session
