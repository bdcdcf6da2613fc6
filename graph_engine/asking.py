"""The commands that look into a run: `debug`, `why`, `compare`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from graph_engine import plugins
from graph_engine.errors import FileError, LookupFailed, PluginError

OK, FAILED = 0, 1

_KEYS = """\
Keys, on the page and in the terminal:

  l h    step, and step back                 j k    into and out of a scope or a backward rule
  c C    go on, and back, to where it stops  b w    stop here (a breakpoint), stop where numbers are so (a watchpoint)
  n N    next and previous place at which something that is not finite arose
  /      search          e    edit a value and run again          m    compare with the run before
  ?      all keys        q    leave (terminal)

From a machine reached over ssh, use --tui, or take the page to your own browser:

  there:  graph-engine debug FILE --port 8000 --no-browser
  here:   ssh -L 8000:localhost:8000 there      and open the address that it printed
"""

_WATCHING = """\
FILE may also be what was recorded of a training that died, or its folder:

  step = engine.compile([x, t], loss, updates=ge.optim.Adam(1e-3).minimize(loss))
  ge.train(step, batches, 10, debug=viz.attach(watch="not isfinite", folder="recorded"))

  graph-engine debug recorded
"""

_WHY = """\
Without NODE: where the first NaN or Inf of the run arose, forward, backward or in an update. Of a NODE: why it is not
finite, why its gradient is zero, or what made its gradient large or small on its way from the loss.
"""

_COMPARE = """\
Both are a Python file, a saved trace or a recording; FILE_B also arrays by name, as many as there are: .npz or
.safetensors. Each variable is judged: equal, different as rounding explains, different because what it is computed
from is, or diverged. The first that diverged is named. Exit status: 0 nothing diverged; 1 something did.
"""


def add_commands(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the commands.

    Parameters
    ----------
    command : callable
        Makes the parser of a function, with an example and what else its help says.
    """
    file = "a Python file, a saved trace, or a recording"
    sub = command(debug, "debug lecture.py", f"{_KEYS}\n{_WATCHING}")
    sub.add_argument("file", type=Path, metavar="FILE", help=file)
    sub.add_argument("--tui", action="store_true", help="in this terminal, not in a browser")
    sub.add_argument("--save", type=Path, metavar="OUT.html", help="write a page that needs no server, and end")
    sub.add_argument("--port", type=int, default=0, metavar="N", help="of the page's server; a free one by default")
    sub.add_argument("--no-browser", action="store_true", help="print the address, and open no browser")
    sub = command(why, "why model.py\n  graph-engine why model.py encoder.fc1.weight --of grad", _WHY)
    sub.add_argument("file", type=Path, metavar="FILE", help=file)
    sub.add_argument("node", nargs="?", metavar="NODE", help="a variable's name; by default what is first not finite")
    sub.add_argument("--of", choices=["value", "grad", "update"], help="which of its numbers")
    sub = command(compare, "compare before.safetensors after.py", _COMPARE)
    sub.add_argument("file_a", type=Path, metavar="FILE_A", help=file)
    sub.add_argument("file_b", type=Path, metavar="FILE_B", help=f"{file}, or an .npz or .safetensors of arrays")


def debug(options: argparse.Namespace) -> int:
    """Step through a run, forward and backward, stop and look at every number: in a browser, or in this terminal."""
    debugger = _debugger()
    if options.save is not None and options.save.suffix.lower() != ".html":
        raise FileError(f"{options.save} is no page", "give a name that ends in .html")
    session = debugger.open_session(options.file)
    _tell_failure(session)
    if options.save is not None:
        session.save(options.save)
        print(f"written: {options.save}")
    elif options.tui:
        debugger.walk(session)
    else:
        shown = debugger.show(session, options.port, not options.no_browser)
        print(f"{shown.url}\nopen this address in a browser of this machine; Ctrl-C ends it", flush=True)
        if os.environ.get("SSH_CONNECTION"):
            port = shown.url.split(":")[2].split("/")[0]
            print(f"from another machine: ssh -L {port}:localhost:{port} there, and the same address", flush=True)
        shown.wait()
    return OK


def why(options: argparse.Namespace) -> int:
    """Say why a number is NaN, infinite, zero, large or small: which operation made it so, and on which line."""
    session = _debugger().open_session(options.file)
    failed = _tell_failure(session)
    print(session.why(options.node, options.of))
    return FAILED if failed else OK


def compare(options: argparse.Namespace) -> int:
    """Compare two runs, and find where they first differ by more than rounding explains."""
    debugger = _debugger()
    one = debugger.open_session(options.file_a).trace
    other = _reference(options.file_b) or debugger.open_session(options.file_b).trace
    comparison = debugger.compare(one, other)
    print(comparison)
    return OK if comparison.first is None else FAILED


def _debugger() -> Any:
    found = getattr(plugins.find_pictures(), "debugger", None)
    if found is None:
        raise PluginError("the package that draws here has no debugger", "install graph-engine as a whole")
    return found


def _tell_failure(session: Any) -> bool:
    """Say where the run comes from, and what stopped it, if something did."""
    if session.note:
        print(f"graph-engine: {session.note}\n", file=sys.stderr)
    if session.trace.error is not None:
        print(f"graph-engine: the run stopped: {session.trace.error}\n", file=sys.stderr)
    return session.trace.error is not None


def _reference(path: Path) -> dict[str, Any] | None:
    """Read arrays by name, if that is what a file holds."""
    reader = {".npz": _arrays_of_npz, ".safetensors": _arrays_of_safetensors}.get(path.suffix.lower())
    if reader is None:
        return None
    try:
        found = reader(path)
    except Exception as error:  # whatever the readers say to a damaged file
        raise FileError(f"{path} cannot be read: {error}") from error
    if found is not None and not found:
        raise LookupFailed(f"{path} holds no arrays")
    return found


def _arrays_of_npz(path: Path) -> dict[str, Any]:
    with np.load(path, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def _arrays_of_safetensors(path: Path) -> dict[str, Any] | None:
    """Read a file of arrays and nothing else; of one that this library wrote, it knows more."""
    from safetensors import safe_open

    with safe_open(path, framework="np") as file:
        if "crc32" in (file.metadata() or {}):
            return None
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
