"""Plugins that break, contradict each other or are not installed, each in a Python of its own with made-up packages."""

import os
import subprocess
import sys
import textwrap

import pytest

PRIMITIVE = """
    import graph_engine as ge
    class {cls}(ge.Primitive):
        name = "{name}"
        def infer(self, x): return x
        def kernel(self, xp, x): return x
"""
BACKEND = """
    import numpy, graph_engine as ge
    class {cls}(ge.Backend):
        name, xp = "{name}", numpy
"""


def install(folder, distribution, group, point, code):
    """Put a made-up distribution into a folder: one module and one entry point to it."""
    module = distribution.replace("-", "_")
    (folder / f"{module}.py").write_text(textwrap.dedent(code))
    info = folder / f"{module}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    name, _, attribute = point.partition("=")
    (info / "entry_points.txt").write_text(f"[graph_engine.{group}]\n{name} = {module}:{attribute}\n")


@pytest.fixture
def python(tmp_path):
    """Return a function that runs a program beside the made-up packages and returns what it prints."""

    def run(*parts):
        path = os.pathsep.join([str(tmp_path), *(p for p in sys.path if p)])
        code = "\n".join(["import graph_engine as ge", *map(textwrap.dedent, parts)])
        environment = os.environ | {"PYTHONPATH": path}
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    return run


def refused(code):
    """Return a program that prints the error that some code raises."""
    return f"try: {code}\nexcept ge.GraphEngineError as error: print(type(error).__name__, error)"


def test_one_that_raises_on_import_warns_and_is_skipped(tmp_path, python):
    install(tmp_path, "broken-one", "primitives", "broken=Broken", "raise OSError('no library')")
    install(tmp_path, "good-one", "primitives", "good=Good", PRIMITIVE.format(cls="Good", name="good"))
    said = python("print([name in ge.primitives() for name in ('good', 'add')], ge.Engine().run(ge.add(1.0, 2.0)))")
    assert said.startswith("[True, True] 3.0\n")
    assert "PluginWarning: the plugin 'broken' of broken-one is skipped: OSError: no library" in said


def test_a_backend_that_raises_on_import_hides_no_other(tmp_path, python):
    install(tmp_path, "broken-device", "backends", "broken=Broken", "raise OSError('no driver')")
    said = python("print(*(info for info in ge.backends()), sep='\\n')", refused('ge.Engine("broken")'))
    lines = [line.split()[:3] for line in said.splitlines()]
    assert ["broken", "cannot", "run"] in lines and ["numpy", "runs", "here"] in lines
    assert "BackendError the backend 'broken' could not be loaded" in said


UNFIT = [
    ("primitives", "unfit=three", "three = 3", "the plugin 'unfit' of unfit is skipped: 3 is no class of ge.Primitive"),
    ("primitives", "unfit=Unfit", "class Unfit: name = 'u'", "is no class of ge.Primitive"),
    ("primitives", "unfit=Gone", "", "the plugin 'unfit' of unfit is skipped: AttributeError"),
    ("backends", "unfit=Unfit", "class Unfit: name = 'u'", "the backend 'unfit' is no class of ge.Backend"),
    ("backends", "unfit=Unfit", BACKEND.format(cls="Unfit", name="unfit") + """
        @classmethod
        def unavailable(cls): raise OSError("driver is angry")
     """, "BackendError the backend 'unfit' cannot run here: OSError: driver is angry"),
    ("backends", "unfit=Unfit", BACKEND.format(cls="Unfit", name="unfit") + """
        @classmethod
        def unavailable(cls): return "no such device"
     """, "BackendError the backend 'unfit' cannot run here: no such device"),
]  # fmt: skip


@pytest.mark.parametrize(("group", "point", "code", "message"), UNFIT, ids=range(len(UNFIT)))
def test_one_that_is_not_what_it_should_be(tmp_path, python, group, point, code, message):
    install(tmp_path, "unfit", group, point, code)
    said = python("print('add' in ge.primitives(), len(ge.backends()) > 1)", refused('ge.Engine("unfit")'))
    assert said.startswith("True True\n") and message in said


def test_two_backends_of_one_name_are_an_error_that_names_both(tmp_path, python):
    for distribution in ("one-device", "other-device"):
        install(tmp_path, distribution, "backends", "device=Device", BACKEND.format(cls="Device", name="device"))
    said = python("print(ge.Engine('numpy').run(ge.constant(1.0) * 1))", refused('ge.Engine("device")'))
    assert said.startswith("1.0\nPluginError two plugins offer a backend called 'device': ")
    assert "one-device (one_device:Device)" in said and "other-device (other_device:Device)" in said


@pytest.mark.parametrize("name", ["gelu2", "add"], ids=["of two strangers", "of ours and a stranger"])
def test_two_primitives_of_one_name_are_an_error_that_names_both(tmp_path, python, name):
    for k, distribution in enumerate(("one-maker", "other-maker")[: 1 if name == "add" else 2]):
        install(tmp_path, distribution, "primitives", f"p{k}=P", PRIMITIVE.format(cls="P", name=name))
    said = python(refused("ge.primitives()"))
    assert said.startswith(f"PluginError two plugins have a primitive called {name!r}: ")
    other = "graph-engine (graph_engine.primitives:PRIMITIVES)" if name == "add" else "other-maker (other_maker:P)"
    assert "one-maker (one_maker:P)" in said and other in said


def test_one_distribution_that_is_seen_twice_is_one(tmp_path, python):
    install(tmp_path, "seen", "primitives", "seen=Seen", PRIMITIVE.format(cls="Seen", name="seen"))
    said = python(f"import sys; sys.path.append({str(tmp_path)!r}); print(ge.primitives()['seen'].__name__)")
    assert said == "Seen\n"


def test_a_checkout_that_is_not_installed_says_how_to_install_it(python):
    said = python("import importlib.metadata as m; m.entry_points = lambda **_: ()", refused('ge.Engine("numpy")'))
    assert said.startswith("PluginError graph_engine is not installed") and "pip install -e ." in said


def test_nothing_is_scanned_before_somebody_asks(python):
    said = python("""
        import sys
        print("importlib.metadata" in sys.modules, "graph_engine_numpy" in sys.modules)
        ge.Engine("numpy")
        print("graph_engine_numpy" in sys.modules, "graph_engine_cupy" in sys.modules)
    """)
    assert said.splitlines()[1] == "True False" and said.splitlines()[0].endswith("False")
