"""The command line's debugger: `debug`, `why` and `compare` on files."""

import os
import re
import signal
import subprocess
import sys
import types
import urllib.request

import numpy as np
import pytest

import graph_engine as ge
from graph_engine import plugins
from graph_engine.cli import main

MODEL = """
import graph_engine as ge

x = ge.input("x", 3)
w = ge.parameter("w", [1.0, 2.0, 3.0])
y = ge.log(w * x)
loss = ge.sum(y)
feeds = {x: [1.0, 2.0, 4.0]}
"""
BROKEN = """
import graph_engine as ge
scores, labels = ge.input("scores", (1, 3)), ge.input("labels", 1, "int64")
y = scores * 2
loss = ge.nn.cross_entropy(y, labels)
feeds = {scores: [[1, 2, 3]], labels: [7]}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.py").write_text(MODEL)
    (tmp_path / "nan.py").write_text(MODEL.replace("2.0, 4.0", "-2.0, 4.0"))
    (tmp_path / "other.py").write_text(MODEL.replace("2.0, 4.0", "2.0, 4.5"))
    (tmp_path / "label7.py").write_text(BROKEN)
    (tmp_path / "shapes.py").write_text(MODEL.replace("ge.sum(y)", "ge.sum(y @ ge.ones((2, 2)))"))
    return tmp_path


def run(capsys, *arguments):
    status = main([str(argument) for argument in arguments])
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    return status, said.out, said.err


# ---- why -------------------------------------------------------------------------------------------------------


def test_why_names_the_first_that_is_not_finite(folder, capsys):
    status, out, error = run(capsys, "why", "nan.py")
    assert (status, error) == (0, "") and "y holds NaN" in out and "nan.py:6: y = ge.log(w * x)" in out


def test_why_of_a_node_and_of_one_of_its_numbers(folder, capsys):
    assert "the gradient of x has RMS" in run(capsys, "why", "model.py", "x")[1]
    assert run(capsys, "why", "nan.py", "y", "--of", "value")[1].startswith("y holds NaN")
    assert run(capsys, "why", "nan.py", "x", "--of", "grad")[1].startswith("the gradient of x has RMS")
    assert "everything in this run is finite" in run(capsys, "why", "model.py")[1]


def test_why_of_what_is_not_there(folder, capsys):
    status, out, error = run(capsys, "why", "model.py", "nothing")
    assert (status, out) == (2, "") and "nothing" in error
    with pytest.raises(SystemExit):
        main(["why", "model.py", "x", "--of", "colour"])


def test_why_of_a_run_that_stopped_says_what_stopped_it(folder, capsys):
    status, out, error = run(capsys, "why", "label7.py", "y")
    assert status == 1 and "the run stopped: softmax_cross_entropy" in error and out


# ---- compare ---------------------------------------------------------------------------------------------------


def test_compare_two_files(folder, capsys):
    assert run(capsys, "compare", "model.py", "model.py")[:2] == (0, "11 of 11 variables are equal\n")
    status, out, _ = run(capsys, "compare", "model.py", "other.py")
    assert status == 1 and "the first: x:" in out


def test_compare_with_a_saved_trace_and_with_arrays(folder, capsys):
    x = ge.input("x", 3)
    y = ge.exp(x)
    ge.Engine("numpy").trace(ge.sum(y), {x: [1, 2, 3]}).save("saved.safetensors")
    assert run(capsys, "compare", "saved.safetensors", "saved.safetensors")[0] == 0
    np.savez("good.npz", x=np.float32([1, 2, 3]), y=np.exp(np.float32([1, 2, 3])))
    assert run(capsys, "compare", "saved.safetensors", "good.npz")[0] == 0
    np.savez("bad.npz", x=np.float32([1, 2, 3]), y=np.float32([1, 2, 3]))
    assert run(capsys, "compare", "saved.safetensors", "bad.npz")[0] == 1


def test_compare_with_a_file_of_arrays_that_somebody_else_wrote(folder, capsys):
    from safetensors.numpy import save_file

    save_file({"y": np.log(np.float32([1, 4, 12]))}, "good.safetensors", metadata={"format": "pt"})
    assert run(capsys, "compare", "model.py", "good.safetensors")[0] == 0
    save_file({"y": np.float32([1, 4, 12])}, "bad.safetensors")
    assert run(capsys, "compare", "model.py", "bad.safetensors")[0] == 1


_UNREADABLE = [
    "nothing.npz", "text.npz", "empty.npz", "objects.npz", "unknown.npz", "nothing.py",
    "nothing.safetensors", "text.safetensors", "none.safetensors",
]  # fmt: skip


@pytest.mark.parametrize("name", _UNREADABLE)
def test_compare_with_what_cannot_be_read(folder, capsys, name):
    from safetensors.numpy import save_file

    for kind in ("npz", "safetensors"):
        (folder / f"text.{kind}").write_text("hello")
    save_file({}, "none.safetensors")
    np.savez("empty.npz")
    np.savez("objects.npz", x=np.array([{}], dtype=object))
    np.savez("unknown.npz", nothing=np.ones(3))
    status, out, error = run(capsys, "compare", "model.py", name)
    assert (status, out) == (2, "") and error.startswith("graph-engine: ")


# ---- debug -----------------------------------------------------------------------------------------------------


@pytest.fixture
def debugger(monkeypatch):
    """What was asked of the debugger, in place of showing it."""
    from graph_engine_viz import debugger

    asked = []

    def show(session, *options):
        asked.append(("show", session, options))
        return types.SimpleNamespace(url="http://127.0.0.1:8000/?token=t", wait=lambda: asked.append(("wait",)))

    monkeypatch.setattr(debugger, "show", show)
    monkeypatch.setattr(debugger, "walk", lambda session: asked.append(("walk", session)))
    monkeypatch.delenv("SSH_CONNECTION", raising=False)
    return asked


def test_debug_prints_the_address_and_waits(folder, debugger, capsys):
    status, out, error = run(capsys, "debug", "model.py")
    assert (status, error) == (0, "") and out.startswith("http://127.0.0.1:8000/?token=t\n") and "ssh" not in out
    (_, session, options), waited = debugger
    assert options == (0, True) and waited == ("wait",) and session.place.last == 0


def test_debug_says_what_a_tunnel_needs(folder, debugger, capsys, monkeypatch):
    monkeypatch.setenv("SSH_CONNECTION", "1 2 3 4")
    assert "ssh -L 8000:localhost:8000" in run(capsys, "debug", "model.py")[1]


def test_debug_with_options(folder, debugger, capsys):
    assert run(capsys, "debug", "model.py", "--port", 8123, "--no-browser")[0] == 0
    assert debugger[0][2] == (8123, False)
    assert run(capsys, "debug", "--tui", "model.py") == (0, "", "")
    assert debugger[-1][0] == "walk"


@pytest.mark.parametrize(("name", "last"), [("label7.py", "softmax_cross_entropy"), ("shapes.py", "matmul: refused")])
def test_debug_opens_what_failed(name, last, folder, debugger, capsys):
    status, _, error = run(capsys, "debug", name)
    assert status == 0 and "the run stopped: " in error
    assert debugger[0][1].here.operation.primitive.name == last


def test_debug_what_cannot_be_opened(folder, debugger, capsys):
    (folder / "silent.py").write_text("a = 1")
    for name in ("nothing.py", "silent.py", "."):
        status, out, error = run(capsys, "debug", name)
        assert (status, out) == (2, "") and error.startswith("graph-engine: ")
    assert not debugger


def test_debug_saves_a_page(folder, capsys):
    assert run(capsys, "debug", "model.py", "--save", "out.html") == (0, "written: out.html\n", "")
    assert "<!doctype html>" in (folder / "out.html").read_text()[:100].lower()


def test_debug_serves_until_it_is_interrupted(folder):
    command = [sys.executable, "-m", "graph_engine", "debug", "model.py", "--no-browser"]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=environment, **pipes) as program:
        url = program.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\?token=[\w-]{43}", url)
        with urllib.request.urlopen(url, timeout=10) as page:
            assert b"debugger" in page.read()
        program.send_signal(signal.SIGINT)
        _, error = program.communicate(timeout=20)
    assert program.returncode == 0 and error == ""


def test_a_package_that_draws_without_a_debugger(folder, monkeypatch, capsys):
    monkeypatch.setattr(plugins, "find_pictures", types.SimpleNamespace)
    status, _, error = run(capsys, "debug", "model.py")
    assert status == 2 and "has no debugger" in error


@pytest.mark.parametrize(
    ("command", "taught"),
    [("debug", ["--tui", "--save OUT.html", "ssh -L", "debug=viz.attach"]), ("why", ["--of grad", "NODE"]),
     ("compare", ["rounding", ".npz"])],
)  # fmt: skip
def test_help_teaches(command, taught, capsys):
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    out = capsys.readouterr().out
    assert ended.value.code == 0 and f"graph-engine {command}" in out and all(text in out for text in taught)
