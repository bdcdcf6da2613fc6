"""The command line: what it writes, what it says, and how it ends."""

import subprocess
import sys
import types
from pathlib import Path

import pytest

import graph_engine as ge
from graph_engine import plugins
from graph_engine.cli import main

LECTURE = """
import graph_engine as ge

x, y, z = ge.input("x"), ge.input("y"), ge.input("z")
w = x + y
f = w * z
output = f
feeds = {x: -2, "y": 5, z: -4}
"""
TRAINING = """
import graph_engine as ge
x, w = ge.input("x"), ge.parameter("w", 3.0)
loss = (w - x) ** 2
engine = ge.Engine("numpy")
step = engine.compile([x], loss, updates=ge.optim.SGD(0.25).minimize(loss))
feeds = {"x": 1.0}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def lecture(folder):
    (folder / "lecture.py").write_text(LECTURE)
    return "lecture.py"


@pytest.fixture
def drawn(monkeypatch):
    """What was asked of the package that draws, in place of drawing it."""
    asked = []

    def picture(subject, **options):
        def save(path):
            asked.append((subject, options, Path(path)))
            Path(path).write_text("picture")

        return types.SimpleNamespace(save=save)

    monkeypatch.setattr(plugins, "find_pictures", lambda: types.SimpleNamespace(draw=picture, steps=picture))
    return asked


def run(capsys, *arguments):
    status = main([str(argument) for argument in arguments])
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    return status, said.out, said.err


# ---- what it does ----------------------------------------------------------------------------------------------


def test_draw_a_python_file(lecture, drawn, capsys):
    assert run(capsys, "draw", lecture) == (0, "written: lecture.svg\n", "")
    ((trace, options, path),) = drawn
    assert options == {"style": "nodes"} and path.name == "lecture.svg"
    assert float(trace.value("w")) == 3.0 and float(trace.grad("x")) == -4.0
    assert trace.graph["w"].line.text == "w = x + y"


def test_draw_one_step_in_the_other_style(lecture, drawn, capsys):
    assert run(capsys, "draw", lecture, "--step", -1, "--style", "circuit", "-o", "f.png")[0] == 0
    assert drawn[0][1:] == ({"style": "circuit", "step": -1}, Path("f.png"))


def test_step_through_a_python_file(lecture, drawn, capsys):
    assert run(capsys, "steps", lecture) == (0, "written: lecture.html\n", "")
    assert len(drawn[0][0].steps) == 5


def test_a_real_picture(lecture, folder, capsys):
    assert run(capsys, "draw", lecture)[0] == 0
    assert 'data-variable="w"' in (folder / "lecture.svg").read_text()


def test_without_feeds_the_graph_alone_is_drawn(folder, drawn, capsys):
    (folder / "model.py").write_text(LECTURE.split("feeds")[0])
    assert run(capsys, "draw", "model.py")[0] == 0
    assert isinstance(drawn[0][0], ge.Graph)
    status, _, error = run(capsys, "draw", "model.py", "--step", 1)
    assert status == 2 and "has no steps to show" in error
    status, _, error = run(capsys, "steps", "model.py")
    assert status == 2 and "no values for 'x', 'y', 'z'" in error and "`feeds`" in error


@pytest.mark.parametrize("name", ["output", "loss", "f"])
def test_what_a_file_is_about(name, folder, drawn, capsys):
    (folder / "model.py").write_text(f"import graph_engine as ge\n{name} = ge.constant(2.0) * 3")
    assert run(capsys, "draw", "model.py")[0] == 0
    assert drawn[0][0].outputs[0].name == name


def test_a_training_step_is_run_once_update_included(folder, drawn, capsys):
    (folder / "training.py").write_text(TRAINING)
    assert run(capsys, "steps", "training.py")[0] == 0
    trace = drawn[0][0]
    assert [step.phase for step in trace.steps][-1] == "update" and float(trace.updated("w")) == 2.0
    assert run(capsys, "check", "training.py")[0] == 0


def test_saved_graphs_and_traces(lecture, folder, drawn, capsys):
    f = ge.sin(ge.input("x"))
    (folder / "g.json").write_text(ge.Graph(f).to_json())
    ge.Engine("numpy").trace(f, {"x": 1.0}).save(folder / "t.safetensors")
    assert run(capsys, "draw", "g.json")[0] == 0
    assert run(capsys, "draw", "t.safetensors", "--step", 0)[0] == 0
    assert run(capsys, "steps", "t.safetensors")[0] == 0
    assert run(capsys, "check", "t.safetensors")[0] == 0
    assert [type(subject).__name__ for subject, *_ in drawn] == ["Graph", "Trace", "Trace"]
    assert run(capsys, "check", "g.json")[0] == 2


def test_a_run_that_stops_is_drawn_as_far_as_it_came(folder, drawn, capsys):
    (folder / "broken.py").write_text(
        "import graph_engine as ge\n"
        "scores, labels = ge.input('scores', (1, 3)), ge.input('labels', 1, 'int64')\n"
        "y = scores * 2\n"
        "loss = ge.nn.cross_entropy(y, labels)\n"
        "feeds = {scores: [[1, 2, 3]], labels: [7]}\n"
    )
    status, out, error = run(capsys, "draw", "broken.py")
    assert status == 1 and out == "written: broken.svg\n"
    assert "cross_entropy(y, labels)" in error and "the picture shows what was done before" in error
    assert drawn[0][0].failed is not None


def test_check_prints_a_table_and_fails_where_a_gradient_is_wrong(lecture, folder, capsys):
    status, out, _ = run(capsys, "check", lecture)
    assert status == 0 and "gradients of 'f': all agree" in out
    (folder / "wrong.py").write_text(LECTURE.replace("f = w * z", "f = w * ge.stop_gradient(z)"))
    status, out, _ = run(capsys, "check", "wrong.py")
    assert status == 1 and "WRONG" in out


def test_backends_and_version(capsys):
    status, out, _ = run(capsys, "backends")
    assert status == 0 and "numpy" in out and "runs here" in out
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0 and ge.__version__ in capsys.readouterr().out


def test_demo_is_given_what_was_asked_for(folder, monkeypatch, capsys):
    from graph_engine import demo

    asked = []
    monkeypatch.setattr(demo, "main", lambda **options: asked.append(options) or 0)
    assert run(capsys, "demo", "--backend", "numpy", "--out", "here")[0] == 0
    assert asked == [{"backend": "numpy", "out": Path("here")}]


def test_a_file_finds_its_neighbours_and_its_arguments(folder, drawn, capsys):
    (folder / "sub").mkdir()
    (folder / "sub" / "a_neighbour.py").write_text("import graph_engine as ge\nvalue = ge.constant(1.0)")
    (folder / "sub" / "model.py").write_text(
        "import sys\nimport a_neighbour\nassert sys.argv == ['sub/model.py']\noutput = a_neighbour.value * 2\n"
        "if __name__ == '__main__':\n    raise SystemExit('not run as a script')"
    )
    before = list(sys.path)
    assert run(capsys, "draw", "sub/model.py", "-o", "m.svg")[0] == 0
    assert sys.path == before


@pytest.mark.parametrize("module", ["graph_engine", "graph_engine.cli"])
def test_it_is_a_module_too(module):
    ended = subprocess.run([sys.executable, "-m", module, "--version"], capture_output=True, text=True)
    assert (ended.returncode, ended.stdout.strip()) == (0, f"graph-engine {ge.__version__}")


# ---- help ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [[], ["draw"], ["steps"], ["check"], ["backends"], ["demo"]])
def test_help_teaches_with_an_example(command, capsys):
    with pytest.raises(SystemExit) as ended:
        main([*command, "--help"])
    assert ended.value.code == 0
    assert f"graph-engine {' '.join(command)}".strip() in capsys.readouterr().out


def test_the_file_in_the_help_works(folder, drawn, capsys):
    from graph_engine.cli import _EPILOG

    code = _EPILOG.split("complete:\n")[1].split("Then:")[0]
    (folder / "lecture.py").write_text("\n".join(line.strip() for line in code.splitlines()))
    assert run(capsys, "check", "lecture.py")[0] == 0


# ---- what it refuses -------------------------------------------------------------------------------------------

FILES = {
    "nothing.py": (None, "there is no file nothing.py"),
    "model.pkl": ("", "none of .py, .json, .safetensors"),
    "silent.py": ("a = 1", "silent.py does not say what it is about: it defines no variable of a graph"),
    "unnamed.py": ("import graph_engine as ge\nq = ge.input('q')", "it defines the variables q"),
    "number.py": ("output = 3", "`output` is int, not a variable"),
    "none.py": ("output = []", "`output` is list, not a variable"),
    "feeds.py": (LECTURE + "feeds = 3", "`feeds` is a int, not a dictionary"),
    "engine.py": (LECTURE + "engine = 'numpy'", "`engine` is a str, not a ge.Engine"),
    "missing.py": (LECTURE + "feeds = {x: 1}", "no value was fed for 'y', 'z'"),
    "unknown.py": (LECTURE + "feeds = {'q': 1}", "no input is called 'q'"),
    "syntax.py": ("output = = 3", "raised SyntaxError"),
    "raises.py": ("a = 1\nb = a / 0", "raised ZeroDivisionError: division by zero\n  at raises.py:2: b = a / 0"),
    "exits.py": ("import sys; sys.exit(3)", "ended itself (exit 3)"),
    "shapes.py": ("import graph_engine as ge\ny = ge.input('a', 3) + ge.input('b', 2)", "declared at shapes.py:2"),
    "step.py": (TRAINING + "feeds = {}", "no value was fed for 'x'"),
    "text.json": ("hello", "text.json: this is no graph_engine.graph"),
    "text.safetensors": ("hello", "text.safetensors is no safetensors file"),
}


@pytest.mark.parametrize("command", ["draw", "steps", "check"])
@pytest.mark.parametrize("name", FILES)
def test_a_file_that_cannot_be_used_gets_one_clear_message(name, command, folder, drawn, capsys):
    content, message = FILES[name]
    if content is not None:
        (folder / name).write_text(content)
    status, out, error = run(capsys, command, name)
    assert (status, out) == (2, "")
    assert error.startswith("graph-engine: ") and message in error
    assert drawn == []


def test_check_needs_a_real_number(folder, capsys):
    (folder / "vector.py").write_text("import graph_engine as ge\noutput = ge.constant([1.0, 2.0]) * 2")
    status, _, error = run(capsys, "check", "vector.py")
    assert status == 2 and "none of the outputs (output: float32(2,))" in error


def test_an_unforeseen_error_is_one_line_unless_asked(lecture, drawn, capsys):
    status, _, error = run(capsys, "draw", lecture, "-o", "no/such/folder/f.svg")
    assert status == 2 and error.count("\n") == 2 and "--traceback shows where" in error
    assert "no/such/folder/f.svg: No such file" in error
    with pytest.raises(FileNotFoundError):
        main(["draw", lecture, "-o", "no/such/folder/f.svg", "--traceback"])


def test_nothing_that_draws(lecture, monkeypatch, capsys):
    monkeypatch.setattr(plugins, "_scan", lambda group: {})
    status, _, error = run(capsys, "draw", lecture)
    assert status == 2 and "installed" in error


@pytest.mark.parametrize("arguments", [[], ["dance"], ["draw"], ["draw", "f.py", "--style", "cubist"]])
def test_misuse_is_explained_and_ends_with_two(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2 and "usage: graph-engine" in capsys.readouterr().err
