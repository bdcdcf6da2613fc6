#!/usr/bin/env python3
"""Set up, try, test and measure this checkout, each with one command: ``python3 dev.py --help``.

Needs Python 3.11 and nothing else. Every command first sees to the checkout's own environment, ``.venv``: what the
command needs is installed when it is missing or when ``pyproject.toml`` changed, and left alone otherwise. What is
there is written in a stamp inside ``.venv``, after everything else has succeeded.
"""

from __future__ import annotations  # so that an older Python gets as far as saying that it is too old

import argparse
import contextlib
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


class Problem(Exception):
    """Something that the person at the keyboard can cure; the message says how."""


def say(message):
    print(f"dev.py: {message}", file=sys.stderr, flush=True)


def run(command, **options):
    """Run a command, let it print, and return its exit status."""
    sys.stdout.flush()
    return subprocess.run([str(part) for part in command], **options).returncode


def installed(*modules):
    return all(importlib.util.find_spec(module) for module in modules)


def find_chromium():
    """Return the path of a Chromium or Chrome, or None."""
    return next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)


# ---------------------------------------------------------------------------------------------- the environment


class Environment:
    """The ``.venv`` of a checkout."""

    def __init__(self, root):
        self.root = root
        self.folder = root / ".venv"
        self.python = self.folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        self.pyproject = root / "pyproject.toml"
        self._stamp = self.folder / "graph-engine-stamp.json"
        self._unfinished = self.folder / "graph-engine-unfinished"

    def ensure(self, *extras):
        """See to it that the environment holds this checkout with these extras."""
        if self.is_ready(extras):
            return
        with self._only_one_at_a_time():
            if self.is_ready(extras):  # somebody else has just done it
                return
            reason = self.reason_to_rebuild()
            if reason:
                self._create(reason)
            self._install(extras)

    def is_ready(self, extras):
        stamp = self.stamp()
        return (
            not self.reason_to_rebuild(start_python=False)
            and stamp.get("pyproject") == self._pyproject_hash()
            and self.with_implied(extras) <= self.with_implied(stamp["extras"])
        )

    def reason_to_rebuild(self, start_python=True):
        """Say why the environment has to be made anew, or return None.

        Starting its Python is the sure test of an environment that others made or that lies there half done, but
        takes as long as everything else together, so it is left out where nothing is going to be installed.
        """
        stamp = self.stamp()
        if not self.folder.exists():
            return "first time: about a minute"
        if self._unfinished.exists():
            return "again: the last set-up was interrupted"
        if stamp and stamp["python"] != _python_version():
            return f"again: it was made for Python {stamp['python']}, this is {_python_version()}"
        if stamp and stamp["root"] != str(self.root):
            return f"again: it was made in {stamp['root']}"
        if not self.python.exists() or (start_python and not self._python_starts()):
            return "again: its Python does not start"
        return None

    def stamp(self):
        """Return what was installed last, or an empty dict where that is not known."""
        try:
            return json.loads(self._stamp.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}

    def extras(self):
        """Return the extras that are installed, those that they imply included."""
        return self.with_implied(self.stamp().get("extras", ()))

    def with_implied(self, extras):
        """Return the extras and those that they name in turn, as ``test = ["graph-engine[export]"]`` does."""
        known = self._known_extras()
        found, waiting = set(), list(extras)
        while waiting:
            extra = waiting.pop()
            if extra not in found:
                found.add(extra)
                for requirement in known.get(extra, ()):
                    inner = re.match(r"graph-engine\[(.+)\]$", requirement)
                    waiting += inner[1].replace(" ", "").split(",") if inner else []
        return found

    def _create(self, reason):
        say(f"setting up {self.folder} ({reason})")
        if run([sys.executable, "-m", "venv", "--clear", "--without-pip", self.folder]):
            raise Problem(f"{self.folder} could not be made; what Python said stands above. Delete it and try again.")

    def _install(self, extras):
        # Also what was there before: a changed pyproject.toml concerns it too.
        extras = sorted(({*extras, *self.stamp().get("extras", ())}) & self._known_extras().keys())
        say(f"installing graph-engine[{','.join(extras)}] into {self.folder}")
        self._unfinished.touch()
        what = f"{self.root}[{','.join(extras)}]"
        status = run([*self._pip(), "install", "--quiet", "--disable-pip-version-check", "--editable", what])
        if status > 0:  # pip has put back what it had begun to change; killed, it has not
            self._unfinished.unlink()
        if status:
            raise Problem(
                "pip could not install what is needed; what it said stands above. Without a network: connect and run "
                "the same command again. Behind a proxy or a mirror: set HTTPS_PROXY, or pip's own settings "
                "(python3 -m pip config). If it goes on, delete .venv and try again."
            )
        self._write_stamp(extras)
        self._unfinished.unlink()

    def _pip(self):
        if run([self.python, "-c", "import pip"], **QUIET) == 0:
            return [self.python, "-m", "pip"]
        # Debian leaves ensurepip out of a bare Python; then the pip outside installs into the environment.
        if installed("ensurepip") and run([self.python, "-m", "ensurepip", "--default-pip"], **QUIET) == 0:
            return [self.python, "-m", "pip"]
        if installed("pip"):
            return [sys.executable, "-m", "pip", "--python", self.python]
        raise Problem(
            f"{sys.executable} has neither ensurepip nor pip. On Debian and Ubuntu: apt install python3-venv, "
            "and run the same command again."
        )

    def _write_stamp(self, extras):
        stamp = {
            "python": _python_version(),
            "root": str(self.root),
            "pyproject": self._pyproject_hash(),
            "extras": extras,
        }
        self._stamp.write_text(json.dumps(stamp, indent=1), encoding="utf-8")

    def _python_starts(self):
        try:
            return run([self.python, "-c", ""], **QUIET) == 0
        except OSError:
            return False

    def _pyproject_hash(self):
        return hashlib.sha256(self.pyproject.read_bytes()).hexdigest()

    def _known_extras(self):
        import tomllib  # only in 3.11 and later

        return tomllib.loads(self.pyproject.read_text(encoding="utf-8"))["project"]["optional-dependencies"]

    @contextlib.contextmanager
    def _only_one_at_a_time(self):
        """Wait while another process sets up the same environment. The lock dies with the process that holds it."""
        try:
            import fcntl
        except ImportError:  # Windows: nothing as simple there
            yield
            return
        with self.pyproject.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say("waiting for another set-up of the same .venv")
                fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _python_version():
    return "{}.{}".format(*sys.version_info)


# ---------------------------------------------------------------------------------------------- the commands


def setup(environment, options, rest):
    environment.ensure("examples", "export")
    say(f"ready: {environment.python}")
    return 0


def demo(environment, options, rest):
    environment.ensure("examples", "export")
    chosen = [f"--{name}={value}" for name in ("backend", "out") if (value := getattr(options, name)) is not None]
    return run([environment.python, "-m", "graph_engine.cli", "demo", *chosen, *rest])


def test(environment, options, rest):
    environment.ensure("test", *(["torch"] if options.torch else []))
    status = run_checks(environment)
    markers = marker_expression(options.torch, find_chromium(), options.markers)
    # pytest comes last, so that the last line printed is its own.
    return run([environment.python, "-m", "pytest", "-m", markers, *rest], cwd=environment.root) or status


def run_checks(environment):
    """Run ruff and mypy; return 1 if one of them found something."""
    checks = {"ruff": ["ruff", "check", "."], "mypy": ["mypy"]}
    failed = [
        name for name, command in checks.items() if run([environment.python, "-m", *command], cwd=environment.root)
    ]
    if failed:
        say(f"FAILED: {' and '.join(failed)} (see above). The tests follow; this run fails whatever they say.")
        return 1
    say("ruff and mypy found nothing; now the tests")
    return 0


def marker_expression(torch, chromium, wanted):
    """Return which tests run here, as pytest's ``-m`` takes it."""
    unwanted = ["gpu"]
    if not torch:
        unwanted.append("torch")
    if not chromium:
        say(f"no browser ({', '.join(CHROMIUM_NAMES)}): tests marked 'browser' are left out")
        unwanted.append("browser")
    expression = " and ".join(f"not {marker}" for marker in unwanted)
    return f"{expression} and ({wanted})" if wanted else expression


def bench(environment, options, rest):
    environment.ensure("bench", "examples", *(["torch"] if options.torch else []))
    torch = ["--torch"] if options.torch else []
    return run([environment.python, environment.root / "benchmarks/run.py", *torch, *rest])


def gpu_check(environment, options, rest):
    script = environment.root / "benchmarks/gpu_check.py"
    if options.cuda:
        environment.ensure(f"cuda{options.cuda}")
    elif installed("cupy", "numpy"):
        return run([sys.executable, script, *rest], env=with_checkout_on_path(environment.root))
    elif not environment.extras() & {"cuda12", "cuda13"}:
        raise Problem(
            f"{sys.executable} has no CuPy. Say which CUDA the driver has (nvidia-smi shows it), and CuPy is installed "
            "into .venv: python3 dev.py gpu-check --cuda 12 (or 13)."
        )
    return run([environment.python, script, *rest])


def with_checkout_on_path(root):
    """Return the process's environment with the checkout's packages importable, nothing installed."""
    folders = [root, root / "plugins", root / "viz", os.environ.get("PYTHONPATH")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(str(folder) for folder in folders if folder)}


# ---------------------------------------------------------------------------------------------- the command line


def parser():
    main_parser = argparse.ArgumentParser(
        prog="dev.py",
        description="Set up, try, test and measure this checkout. Each command makes and updates .venv by itself.",
        epilog="Start with: python3 dev.py demo",
    )
    commands = main_parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(function, name, summary, more=""):
        sub = commands.add_parser(name, help=summary, description=f"{summary}. {more}", allow_abbrev=False)
        sub.set_defaults(function=function)
        return sub

    command(setup, "setup", "make .venv with the package, the examples' needs and the exporters of PNG and PDF")

    sub = command(demo, "demo", "run the demonstration", "Other options go to 'graph-engine demo'.")
    sub.add_argument("--backend", metavar="NAME", help="where arrays live: numpy (default), cupy, ...")
    sub.add_argument("--out", metavar="DIR", help="where the pictures are written")

    sub = command(
        test, "test", "run ruff, mypy and all tests that can run here",
        "Other arguments go to pytest, paths relative to the checkout: python3 dev.py test -k grad -x; -n 2 for two "
        "processes. Tests marked gpu are left out: see gpu-check.",
    )  # fmt: skip
    sub.add_argument("--torch", action="store_true", help="also install PyTorch (large) and run the tests against it")
    sub.add_argument("-m", dest="markers", metavar="EXPR", help="of those, only the tests with these markers: -m slow")

    sub = command(bench, "bench", "run the benchmarks", "Other arguments go to benchmarks/run.py.")
    sub.add_argument("--torch", action="store_true", help="also install PyTorch (large) and measure it")

    sub = command(
        gpu_check, "gpu-check", "check the engine on this machine's CUDA device",
        "Uses the Python that runs dev.py if that has CuPy, otherwise .venv. Other arguments go to "
        "benchmarks/gpu_check.py.",
    )  # fmt: skip
    sub.add_argument("--cuda", choices=["12", "13"], help="install CuPy for this CUDA into .venv and use it")
    return main_parser


def main(arguments=None):
    if sys.version_info < (3, 11):
        say("needs Python 3.11 or newer; this is {}.{} ({})".format(*sys.version_info[:2], sys.executable))
        return 1
    options, rest = parser().parse_known_args(arguments)
    if rest and options.function is setup:
        parser().error(f"setup takes no {' '.join(rest)}")
    try:
        return options.function(Environment(ROOT), options, rest)
    except Problem as problem:
        say(problem)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
