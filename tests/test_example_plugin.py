"""The example of a plugin is built, installed into a fresh environment and used there, as a stranger's would be."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import graph_engine

ROOT = Path(graph_engine.__file__).parents[1]
PLUGIN = ROOT / "examples" / "plugin"

USE = """
import graph_engine as ge

Swish = ge.primitives()["swish"]
found = {info.name: info for info in ge.backends()}
assert found["strict"].available and found["strict"].distribution == "graph-engine-swish", found["strict"]
assert found["strict"].reason.startswith("CPU, array_api_strict"), found["strict"]

x = ge.input("x", 3, "float64")
y = ge.sum(Swish(beta=2.0)(x))
slope = ge.grad(y, x)
curvature = ge.grad(ge.sum(slope), x)
point = [-1.0, 0.0, 2.0]
results = {name: ge.Engine(name).run([y, slope, curvature], {x: point}) for name in ("strict", "numpy")}
for strict, plain in zip(*results.values()):
    assert type(strict).__module__.startswith("array_api_strict") and abs(strict.__array__() - plain).max() < 1e-12

trace = ge.Engine("strict").trace(y, {x: point})
assert trace.steps[0].operation.primitive == Swish(2.0) and trace.grad("x").shape == (3,)
again = ge.Graph.from_json(ge.Graph(y).to_json())
assert again.operations[0].primitive == Swish(2.0)
print("used")
"""


def run(*command, **options):
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, env=environment, **options)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """Return the Python of a fresh environment with the plugin installed; nothing is downloaded."""
    folder = tmp_path_factory.mktemp("plugin")
    source = shutil.copytree(PLUGIN, folder / "source")
    offline = ["--disable-pip-version-check", "--no-index", "--no-deps"]
    run(sys.executable, "-m", "pip", "wheel", *offline, "--no-build-isolation", "-w", folder / "dist", source)
    (wheel,) = (folder / "dist").iterdir()
    run(sys.executable, "-m", "venv", "--without-pip", folder / "venv")
    python = folder / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    run(sys.executable, "-m", "pip", "--python", python, "install", *offline, wheel)
    packages = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    ours = [sysconfig.get_path("purelib"), ROOT, ROOT / "plugins", ROOT / "viz"]
    (packages / "lent.pth").write_text("\n".join(map(str, ours)))  # graph_engine and what it needs are lent, not copied
    return python


@pytest.mark.slow
def test_it_is_found_and_used_on_its_own_backend(fresh, tmp_path):
    assert run(fresh, "-W", "error", "-c", USE, cwd=tmp_path) == "used\n"


@pytest.mark.slow
def test_its_own_tests_pass(fresh, tmp_path):
    shutil.copytree(PLUGIN / "tests", tmp_path / "tests")
    assert "3 passed" in run(fresh, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests", cwd=tmp_path)


def test_it_is_not_there_where_it_is_not_installed():
    assert "swish" not in graph_engine.primitives()
    with pytest.raises(graph_engine.BackendError, match="there is no backend called 'strict'"):
        graph_engine.Engine("strict")


def test_its_readme_and_the_real_files_go_together():
    readme = (PLUGIN / "README.md").read_text()
    for name in ("graph_engine_swish/swish.py", "graph_engine_swish/strict.py", "pyproject.toml"):
        assert f"]({name})" in readme and (PLUGIN / name).exists()
