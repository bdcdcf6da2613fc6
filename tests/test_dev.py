"""The decisions of dev.py: what it installs, when, and which commands it runs. Nothing is installed here."""

import shutil
import subprocess
import sys
from types import SimpleNamespace

import pytest

import dev

EXTRAS_OF_DEMO = ("examples", "export")


class Processes:
    """Stands for ``subprocess.run``: keeps the commands and leaves behind the little that dev.py looks at."""

    def __init__(self):
        self.started = []
        self.outcomes = {}  # a word of a command: the exit status, or the exception, that it ends with

    def __call__(self, command, **options):
        self.started.append((command, options))
        if "venv" in command:
            make_environment(dev.Environment(dev.ROOT))
        outcome = next((self.outcomes[word] for word in command if word in self.outcomes), 0)
        if isinstance(outcome, BaseException):
            raise outcome
        return SimpleNamespace(returncode=outcome)

    def commands(self, word):
        return [command for command, _ in self.started if word in command]


def make_environment(environment):
    shutil.rmtree(environment.folder, ignore_errors=True)
    environment.python.parent.mkdir(parents=True)
    environment.python.touch()


@pytest.fixture
def processes(monkeypatch):
    processes = Processes()
    monkeypatch.setattr(subprocess, "run", processes)
    return processes


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """Return the environment of a checkout that is nothing but the true pyproject.toml; its path has a space."""
    root = tmp_path / "my checkout"
    root.mkdir()
    shutil.copy(dev.ROOT / "pyproject.toml", root)
    monkeypatch.setattr(dev, "ROOT", root)
    return dev.Environment(root)


@pytest.fixture
def ready(checkout, processes):
    """Return a checkout that is set up for the demo, with nothing on record yet."""
    checkout.ensure(*EXTRAS_OF_DEMO)
    processes.started.clear()
    return checkout


def requested(processes):
    """Return the extras of the one pip install."""
    [command] = processes.commands("--editable")
    return set(command[-1].rpartition("[")[2].rstrip("]").split(","))


def is_rebuilt(processes):
    return any("--clear" in command for command in processes.commands("venv"))


# ---- setting up


def test_first_time_makes_the_environment_and_installs(checkout, processes, capsys):
    checkout.ensure("examples")
    assert processes.commands("venv")[0][-1] == str(checkout.folder)
    assert processes.commands("--editable")[0][-1] == f"{checkout.root}[examples]"
    assert "first time: about a minute" in capsys.readouterr().err


def test_nothing_runs_when_nothing_changed(ready, processes):
    dev.Environment(ready.root).ensure(*EXTRAS_OF_DEMO)
    assert processes.started == []


def test_extras_add_up_in_the_same_environment(ready, processes):
    ready.ensure("test")
    assert requested(processes) == {"examples", "export", "test"}
    assert not is_rebuilt(processes)


def test_demo_after_test_installs_nothing(ready, processes):
    ready.ensure("test")
    processes.started.clear()
    ready.ensure(*EXTRAS_OF_DEMO)
    assert processes.started == []


def test_demo_after_test_alone_installs_nothing(checkout, processes):
    checkout.ensure("test")
    processes.started.clear()
    checkout.ensure(*EXTRAS_OF_DEMO)
    assert processes.started == []


def test_a_changed_pyproject_installs_all_extras_again(ready, processes):
    with ready.pyproject.open("a") as file:
        file.write("\n# changed\n")
    ready.ensure("bench")
    assert requested(processes) == {"examples", "export", "bench"}
    assert not is_rebuilt(processes)


def test_an_extra_that_is_gone_is_not_asked_for(ready, processes):
    text = ready.pyproject.read_text()
    ready.pyproject.write_text(text.replace("export = [", "export_renamed = ["))
    ready.ensure("bench")
    assert requested(processes) == {"examples", "bench"}


@pytest.mark.parametrize("end", [KeyboardInterrupt(), -9], ids=["interrupted", "killed"])
def test_an_interrupted_installation_is_begun_anew(checkout, processes, end):
    processes.outcomes["install"] = end
    with pytest.raises((KeyboardInterrupt, dev.Problem)):
        checkout.ensure("examples")
    assert checkout.stamp() == {}
    processes.started.clear()
    processes.outcomes.clear()
    checkout.ensure("examples")
    assert is_rebuilt(processes)
    assert checkout.is_ready(["examples"])


def test_interrupted_while_adding_extras_is_begun_anew_with_all_of_them(ready, processes):
    processes.outcomes["install"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        ready.ensure("test")
    assert not ready.is_ready(EXTRAS_OF_DEMO)


def test_a_refused_installation_leaves_what_was_there(ready, processes):
    processes.outcomes["install"] = 1
    with pytest.raises(dev.Problem, match="Without a network: connect"):
        ready.ensure("test")
    processes.started.clear()
    ready.ensure(*EXTRAS_OF_DEMO)
    assert processes.started == []


def test_an_environment_without_python_is_rebuilt(ready, processes):
    ready.python.unlink()
    ready.ensure("examples")
    assert is_rebuilt(processes)


@pytest.mark.parametrize("end", [1, OSError("exec format error")], ids=["fails", "cannot be executed"])
def test_an_environment_whose_python_does_not_start_is_rebuilt(ready, processes, end):
    processes.outcomes[""] = end  # python -c ""
    ready.ensure("test")
    assert is_rebuilt(processes)


@pytest.mark.parametrize("version", [(3, 99), (4, 0)])
def test_another_python_rebuilds(ready, processes, monkeypatch, version):
    monkeypatch.setattr(sys, "version_info", (*version, 0, "final", 0))
    ready.ensure(*EXTRAS_OF_DEMO)
    assert is_rebuilt(processes)


def test_a_copied_checkout_does_not_run_the_original(ready, processes, monkeypatch, tmp_path):
    copy = shutil.copytree(ready.root, tmp_path / "copy")
    monkeypatch.setattr(dev, "ROOT", copy)
    dev.Environment(copy).ensure(*EXTRAS_OF_DEMO)
    assert is_rebuilt(processes)
    assert processes.commands("--editable")[0][-1].startswith(str(copy))


def test_an_environment_made_by_hand_is_kept(checkout, processes):
    make_environment(checkout)
    checkout.ensure("examples")
    assert not is_rebuilt(processes)
    assert requested(processes) == {"examples"}


def test_a_damaged_stamp_installs_again(ready, processes):
    ready._stamp.write_text('{"python": ')
    ready.ensure("examples")
    assert requested(processes) == {"examples"}


def test_waits_for_another_set_up_and_uses_what_it_did(checkout, processes, monkeypatch):
    fcntl = pytest.importorskip("fcntl")
    make_environment(checkout)
    with checkout.pyproject.open() as other:
        fcntl.flock(other, fcntl.LOCK_EX)

        def finish_the_other(message):
            assert "waiting" in message
            checkout._write_stamp(["examples"])
            fcntl.flock(other, fcntl.LOCK_UN)

        monkeypatch.setattr(dev, "say", finish_the_other)
        checkout.ensure("examples")
    assert processes.started == []


# ---- which pip


@pytest.mark.parametrize(
    ("outside", "expected"),
    [
        ({"ensurepip", "pip"}, ["{venv}", "-m", "pip", "install"]),
        ({"pip"}, [sys.executable, "-m", "pip", "--python", "{venv}", "install"]),
    ],
)
def test_pip_where_the_environment_has_none(checkout, processes, monkeypatch, outside, expected):
    processes.outcomes["import pip"] = 1
    monkeypatch.setattr(dev, "installed", lambda *modules: outside >= {*modules})
    checkout.ensure("examples")
    [command] = processes.commands("install")
    assert command[: len(expected)] == [word.format(venv=checkout.python) for word in expected]


def test_no_pip_anywhere_says_what_to_install(checkout, processes, monkeypatch):
    processes.outcomes["import pip"] = 1
    monkeypatch.setattr(dev, "installed", lambda *modules: False)
    with pytest.raises(dev.Problem, match="apt install python3-venv"):
        checkout.ensure("examples")
    assert checkout.stamp() == {}


# ---- pyproject.toml and dev.py agree


def test_the_test_extra_implies_what_the_demo_needs():
    implied = dev.Environment(dev.ROOT).with_implied(["test"])
    assert implied == {"test", "export", "examples", "notebook"}


@pytest.mark.parametrize("extra", ["examples", "export", "test", "torch", "bench", "cuda12", "cuda13"])
def test_the_extras_that_commands_ask_for_exist(extra):
    assert extra in dev.Environment(dev.ROOT)._known_extras()


def test_the_markers_are_registered(pytestconfig):
    registered = {line.partition(":")[0] for line in pytestconfig.getini("markers")}
    assert {"torch", "browser", "gpu", "slow"} <= registered


# ---- the commands



def test_demo_passes_its_options_on_and_stays_in_the_callers_folder(ready, processes):
    assert dev.main(["demo", "--backend", "cupy", "--out", "my pictures", "--steps", "3"]) == 0
    [(command, options)] = processes.started
    assert command == [str(ready.python), "-m", "graph_engine.cli", "demo",
                       "--backend=cupy", "--out=my pictures", "--steps", "3"]  # fmt: skip
    assert "cwd" not in options


@pytest.mark.parametrize("command", ["setup", "demo"])
def test_what_setup_and_demo_install(checkout, processes, command):
    assert dev.main([command]) == 0
    assert requested(processes) == {"examples", "export"}


def test_demo_hands_back_the_exit_status(ready, processes):
    processes.outcomes["demo"] = 3
    assert dev.main(["demo"]) == 3


def test_setup_refuses_what_it_would_ignore(ready, processes):
    with pytest.raises(SystemExit):
        dev.main(["setup", "--torch"])


def test_checks_come_first_and_pytest_last(ready, processes):
    ready.ensure("test")
    processes.started.clear()
    assert dev.main(["test", "-k", "a or b", "-x"]) == 0
    tools = [(command[2], options["cwd"]) for command, options in processes.started]
    assert tools == [("ruff", ready.root), ("mypy", ready.root), ("pytest", ready.root)]
    assert processes.started[-1][0][-3:] == ["-k", "a or b", "-x"]


@pytest.mark.parametrize("tool", ["ruff", "mypy"])
def test_a_failed_check_is_named_before_pytest_and_fails_the_run(ready, processes, capsys, monkeypatch, tool):
    ready.ensure("test")
    processes.outcomes[tool] = 1
    said = []
    monkeypatch.setattr(dev, "say", lambda message: said.append((message, len(processes.commands("pytest")))))
    assert dev.main(["test"]) == 1
    assert len(processes.commands("pytest")) == 1
    assert any(f"FAILED: {tool} " in message and not pytest_runs for message, pytest_runs in said)
    assert not any(pytest_runs for _, pytest_runs in said), "pytest's closing line must be the last"


def test_pytests_own_status_wins(ready, processes):
    ready.ensure("test")
    processes.outcomes.update(ruff=1, pytest=5)
    assert dev.main(["test"]) == 5


@pytest.mark.parametrize("torch", [False, True])
def test_torch_is_installed_and_tested_only_when_asked_for(ready, processes, torch):
    dev.main(["test", *(["--torch"] if torch else [])])
    [command] = processes.commands("pytest")
    assert ("torch" in requested(processes)) is torch
    assert ("not torch" in command[command.index("-m", 2) + 1]) is not torch


@pytest.mark.parametrize(
    ("torch", "chromium", "wanted", "expected"),
    [
        (False, "/usr/bin/chromium", None, "not gpu and not torch"),
        (True, "/usr/bin/chromium", None, "not gpu"),
        (True, None, None, "not gpu and not browser"),
        (False, None, "slow or torch", "not gpu and not torch and not browser and (slow or torch)"),
    ],
)
def test_which_tests_run(capsys, torch, chromium, wanted, expected):
    assert dev.marker_expression(torch, chromium, wanted) == expected
    assert ("'browser' are left out" in capsys.readouterr().err) is (chromium is None)


@pytest.mark.parametrize(
    ("present", "expected"),
    [({"google-chrome", "chromium"}, "/bin/chromium"), ({"google-chrome"}, "/bin/google-chrome"), (set(), None)],
)
def test_find_chromium(monkeypatch, present, expected):
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}" if name in present else None)
    assert dev.find_chromium() == expected


@pytest.mark.parametrize("torch", [[], ["--torch"]])
def test_bench(ready, processes, torch):
    assert dev.main(["bench", "--quick", *torch]) == 0
    assert requested(processes) == {"bench", "examples", "export", *(["torch"] if torch else [])}
    script = str(ready.root / "benchmarks" / "run.py")
    assert processes.started[-1][0] == [str(ready.python), script, *torch, "--quick"]


def test_gpu_check_uses_a_python_that_has_cupy(checkout, processes, monkeypatch):
    monkeypatch.setattr(dev, "installed", lambda *modules: True)
    monkeypatch.setenv("PYTHONPATH", "before")
    assert dev.main(["gpu-check", "--fast"]) == 0
    [(command, options)] = processes.started
    assert command == [sys.executable, str(checkout.root / "benchmarks" / "gpu_check.py"), "--fast"]
    folders = options["env"]["PYTHONPATH"].split(dev.os.pathsep)
    assert folders == [str(checkout.root), str(checkout.root / "plugins"), str(checkout.root / "viz"), "before"]
    assert not checkout.folder.exists()


def test_gpu_check_without_cupy_says_how_to_get_it(ready, processes, monkeypatch, capsys):
    monkeypatch.setattr(dev, "installed", lambda *modules: False)
    assert dev.main(["gpu-check"]) == 1
    assert "gpu-check --cuda 12" in capsys.readouterr().err
    assert processes.started == []


def test_gpu_check_remembers_the_cupy_that_it_installed(ready, processes, monkeypatch):
    monkeypatch.setattr(dev, "installed", lambda *modules: "cupy" not in modules)
    assert dev.main(["gpu-check", "--cuda", "13"]) == 0
    assert "cuda13" in requested(processes)
    processes.started.clear()
    assert dev.main(["gpu-check"]) == 0
    [(command, _)] = processes.started
    assert command == [str(ready.python), str(ready.root / "benchmarks" / "gpu_check.py")]


def test_a_problem_is_said_and_fails(checkout, processes, capsys):
    processes.outcomes["install"] = 1
    assert dev.main(["setup"]) == 1
    assert "dev.py: pip could not install" in capsys.readouterr().err


def test_an_interruption_shows_no_traceback(ready, processes):
    processes.outcomes["demo"] = KeyboardInterrupt()
    assert dev.main(["demo"]) == 130


def test_an_old_python_is_told_so(monkeypatch, capsys):
    monkeypatch.setattr(sys, "version_info", (3, 9, 2, "final", 0))
    assert dev.main(["setup"]) == 1
    assert "needs Python 3.11 or newer; this is 3.9" in capsys.readouterr().err


def test_help_from_another_folder(tmp_path):
    help_text = subprocess.run(
        [sys.executable, dev.ROOT / "dev.py", "--help"], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout
    for command in ("setup", "demo", "test", "bench", "gpu-check"):
        assert f"\n    {command}" in help_text
