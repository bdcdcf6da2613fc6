"""The examples run at a reduced size and reach their criteria; they can be drawn, and are what the README shows."""

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import graph_engine as ge
import graph_engine_viz as viz
from graph_engine import gallery

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
FOUND = gallery.examples()
DRAWN = ("lecture", "xor", "digits", "gradient_of_gradient")  # those that the command line draws as well


def run(folder, *arguments):
    done = subprocess.run([sys.executable, *arguments], cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_program_in_the_folder_is_an_example():
    assert set(FOUND) == {path.stem for path in EXAMPLES.glob("*.py")}


@pytest.mark.parametrize("name", FOUND)
def test_an_example_is_short_and_says_what_it_is_about(name):
    example = FOUND[name]
    assert len(example.title) <= 110 and example.text
    assert 20 <= len(example.code.splitlines()) <= 120


@pytest.mark.parametrize("name", FOUND)
def test_an_example_reaches_its_criterion_and_shows_it(name, tmp_path):
    result = gallery.run_example(FOUND[name], tmp_path, quick=True)
    assert result.reached, [str(criterion) for criterion in result.show.criteria]
    suffixes = {saved.path.suffix for saved in result.show.files}
    assert suffixes >= {".svg", ".html"}, "the diagram of its graph, and a page to step through"
    assert all(saved.path.stat().st_size > 500 and saved.caption for saved in result.show.files)


def test_an_example_is_a_program(tmp_path):
    printed = run(tmp_path, EXAMPLES / "lecture.py", "--quick", "--out", "pictures")
    assert "reached" in printed and (tmp_path / "pictures/lecture/lecture.html").exists()


@pytest.mark.parametrize("name", DRAWN)
def test_an_example_can_be_drawn_and_stepped(name, tmp_path):
    path = EXAMPLES / f"{name}.py"
    run(tmp_path, "-m", "graph_engine.cli", "draw", path)
    run(tmp_path, "-m", "graph_engine.cli", "steps", path)
    assert (tmp_path / f"{name}.svg").read_text(encoding="utf-8").lstrip().startswith("<")
    assert "data-steps" in (tmp_path / f"{name}.html").read_text(encoding="utf-8")


def test_the_notebook_runs_and_shows_pictures(tmp_path):
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    notebook = nbformat.read(EXAMPLES / "lecture.ipynb", as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code), "a notebook is kept without outputs"
    nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    kinds = {cell.source: {kind for output in cell.outputs for kind in output.get("data", {})} for cell in code}
    assert "image/svg+xml" in kinds["viz.draw(trace)"]
    assert "image/svg+xml" in kinds['viz.draw(trace, step=3, style="circuit")']
    assert "text/html" in kinds["viz.steps(trace)"]
    assert "-4.0" in code[-1].outputs[0]["data"]["text/plain"]


def test_the_picture_in_the_readme_is_what_the_example_draws():
    example = runpy.run_path(str(EXAMPLES / "lecture.py"))
    trace = ge.Engine("numpy").trace(example["output"], example["feeds"])
    assert viz.draw(trace).svg == (EXAMPLES / "lecture.svg").read_text(encoding="utf-8")


def test_the_code_in_the_readme_runs(tmp_path):
    text = (EXAMPLES.parent / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert len(blocks) == 4
    (tmp_path / "readme.py").write_text("\n".join(blocks), encoding="utf-8")
    assert "3.0 -4.0" in run(tmp_path, "readme.py")
    assert (tmp_path / "f.html").exists() and (tmp_path / "step.svg").exists()
