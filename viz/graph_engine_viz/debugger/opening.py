"""Opening a session on whatever holds a run, and showing it in a browser."""

from __future__ import annotations

import contextlib
import inspect
import os
import sys
import webbrowser
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from graph_engine.backend import Backend
from graph_engine.compiled import CompiledStep
from graph_engine.engine import Engine
from graph_engine.errors import DeclarationError, FileError, GraphEngineError
from graph_engine.opening import open_file
from graph_engine.plugins import find_backend
from graph_engine.trace import Trace
from graph_engine_viz.debugger.attach import Stopped, WatchedStep, attach
from graph_engine_viz.debugger.postmortem import causes, current_error, trace_of_error
from graph_engine_viz.debugger.recorder import Recorder, complete
from graph_engine_viz.debugger.recording import files_of, name_of, note_of, read_reason, stand_where_it_holds
from graph_engine_viz.debugger.session import Session

if TYPE_CHECKING:
    from graph_engine_viz.debugger.server import Server

__all__ = ["Debugging", "debug", "open_session"]

_EXPECTED = (
    "give an engine, outputs and feeds; a trace; a step and what it is called with; an error; a path; or nothing, in "
    "an except block"
)


def debug(what: Any = None, /, *given: Any, port: int = 0, browser: bool = True, **options: Any) -> Any:
    """Open the debugger in a browser: stand at any step of a run, look at every number, go on or back.

    A compiled step alone is not run: what is returned is called in its place, and stops where a number is wrong.

    Parameters
    ----------
    what, *given
        What is looked at:

        - `debug(engine, outputs, feeds)`: what `engine.trace(outputs, feeds)` returns, or as far as it comes;
        - `debug(trace)`;
        - `debug(step, *values)`: one step of a training, which changes no parameter;
        - `debug(step)`: `attach(step, ...)`, which see;
        - `debug(path)`: a Python file, a saved trace, a recording (a file of it, or its folder);
        - `debug(error)`, or `debug()` in an except block, or at the prompt after an error: post-mortem. A run that
          failed is shown up to where it did, a graph that could not be declared up to what was refused;
        - `debug(session)`.
    port : int
        Of the local server; by default, one that is free.
    browser : bool
        False: open none.
    **options
        For `engine.trace` or `attach`.

    Returns
    -------
    Debugging, or WatchedStep
        `.url` is where the page is; a program that has nothing else to do calls `.wait()`.

    Examples
    --------
    >>> import graph_engine as ge
    >>> x, y, z = ge.input("x"), ge.input("y"), ge.input("z")
    >>> f = (x + y) * z
    >>> debugging = debug(ge.Engine("numpy"), f, {x: -2, y: 5, z: -4}, browser=False)
    >>> debugging.session.run_to("x").place.last, float(debugging.session.grad("x"))
    (4, -4.0)
    >>> debugging.stop()
    """
    if isinstance(what, CompiledStep) and not given:
        return attach(what, **options)
    session = open_session(what, *given, **options)
    return show(session, port, browser)


def open_session(what: Any = None, /, *given: Any, **options: Any) -> Session:
    """Return a session on a run; as `debug`, without a browser.

    Parameters
    ----------
    what, *given, **options
        As for `debug`.

    Examples
    --------
    >>> import graph_engine as ge
    >>> x = ge.input("x", ("n",))
    >>> try:
    ...     ge.matmul(x * 2, ge.parameter("W", [[1.0]]))
    ... except ge.ShapeError:
    ...     session = open_session()
    >>> [step.operation.name for step in session.steps]
    ['multiply', 'matmul: refused']
    """
    if what is None:
        what = current_error()
    opened = next((opened for kind, opened in _KINDS.items() if isinstance(what, kind)), None)
    if opened is None:
        raise DeclarationError(f"there is no run in {what!r}", _EXPECTED)
    try:
        inspect.signature(opened).bind(what, *given, **options)
    except TypeError as error:
        raise DeclarationError(f"a {type(what).__name__} is not opened like this: {error}", _EXPECTED) from None
    return opened(what, *given, **options)


# ---- from what -------------------------------------------------------------------------------------------------


def _of_engine(engine: Engine, *given: Any, **options: Any) -> Session:
    try:
        return Session(engine.trace(*given, **options), engine.backend)
    except GraphEngineError as error:
        if error.trace is None:
            raise
        return _of_trace(error.trace)


def _of_step(step: CompiledStep, *values: Any) -> Session:
    recorder = Recorder(step, 1)
    recorder.note(0, values)
    return _at_failure(Session(recorder.trace(recorder.last), step.engine.backend))


def _of_trace(trace: Trace) -> Session:
    backend = getattr(trace.to_numpy, "__self__", None)  # an engine's trace has its backend's method
    backend = backend if isinstance(backend, Backend) else find_backend("numpy")
    computed = (v for operation in trace.graph.operations for v in operation.outputs)
    is_recording = trace.error is None and not any(v in trace.arrays for v in computed)
    return _at_failure(Session(complete(trace, backend) if is_recording else trace, backend))


def _of_error(error: BaseException) -> Session:
    found = _left_by(error)
    if found is None:
        cure = "observe the run: engine.trace(...) in the place of engine.run, step.trace(...) in that of step(...)"
        raise DeclarationError(f"this {type(error).__name__} holds no values and no graph: {error}", cure) from error
    return found


def _left_by(error: BaseException) -> Session | None:
    stopped = next((found for found in causes(error) if isinstance(found, Stopped)), None)
    if stopped is not None:
        return stopped.session
    trace = trace_of_error(error)
    return None if trace is None else _of_trace(trace)


def _of_path(given: str | os.PathLike[str]) -> Session:
    path = Path(given)
    if path.is_dir():
        path = _last_recorded(path)
    try:
        opened = open_file(path)
        trace, _ = opened.trace()
    except GraphEngineError as error:
        found = _left_by(error)
        if found is None:
            raise
        return found
    return _as_recorded(_of_trace(trace), path)


def _last_recorded(folder: Path) -> Path:
    """Return the last iteration of the recording that was written last, where a folder holds several."""
    found = [path for place in ("", "step-*/") for path in folder.glob(f"{place}iteration-*.safetensors")]
    if not found:
        raise FileError(f"{folder} holds no recording of a training", "give a file: a Python file, or a saved trace")
    return max(found, key=lambda path: (path.stat().st_mtime_ns, path.name))


def _as_recorded(session: Session, path: Path) -> Session:
    """Let a session on an iteration that was recorded know of the others, and stand where what was watched for held."""
    told = read_reason(path)
    if told is None:
        return session
    reason, iterations = told
    number = next(number for number in iterations if name_of(number) == path.name)
    session.note = note_of(reason, number)
    session.iterations = [(n, _again(file)) for n, file in files_of(path, iterations).items()]
    if number == reason.iteration and session.trace.failed is None:
        stand_where_it_holds(session, reason.held)
    return session


def _again(path: Path) -> Callable[[], Trace]:
    def run_again() -> Trace:
        return _of_trace(Trace.load(path)).trace

    return run_again


def _at_failure(session: Session) -> Session:
    """Stand where the run failed, if it did."""
    if session.trace.failed is not None:
        session.go(len(session.steps) - 1)
    return session


def _itself(what: Any) -> Any:
    return what


_KINDS: Mapping[type, Callable[..., Session]] = {
    Session: _itself,
    WatchedStep: WatchedStep.session,
    Engine: _of_engine,
    CompiledStep: _of_step,
    Trace: _of_trace,
    BaseException: _of_error,
    str: _of_path,
    os.PathLike: _of_path,
}


# ---- in a browser ----------------------------------------------------------------------------------------------


class Debugging:
    """A session that is shown in a browser; made by `debug`. It prints as its address, in a notebook as a link.

    Attributes
    ----------
    session : Session
        May be moved from here, too.
    url : str
        Where the page is. Whoever has the address can use it, so it is not for others.
    """

    def __init__(self, session: Session, server: Server) -> None:
        self.session = session
        self.url = server.url
        self._server = server
        self._ended = Event()

    def wait(self) -> None:
        """Wait until `stop` is called elsewhere, or Ctrl-C is pressed; then close the page's server."""
        with contextlib.suppress(KeyboardInterrupt):
            while not self._ended.wait(1.0):
                pass
        self.stop()

    def stop(self) -> None:
        """Close the page's server; the session stays."""
        self._server.stop()
        self._ended.set()

    def __repr__(self) -> str:
        return f"debugger: {self.url}"

    def _repr_html_(self) -> str:
        return f'<a href="{self.url}" target="_blank" rel="noopener noreferrer">debugger</a>'


def show(session: Session, port: int = 0, browser: bool = True) -> Debugging:
    """Serve the page of a session, and open it where there is a browser.

    Parameters
    ----------
    session : Session
    port : int
    browser : bool

    Returns
    -------
    Debugging

    Raises
    ------
    DeclarationError
        Where the port cannot be had.
    """
    from graph_engine_viz.debugger.html import page_html
    from graph_engine_viz.debugger.screen import Screen
    from graph_engine_viz.debugger.server import serve

    try:
        debugging = Debugging(session, serve(Screen(session), page_html(), port))
    except (OSError, OverflowError) as error:
        raise DeclarationError(f"port {port} cannot be had: {error}", "port=0 takes one that is free") from error
    if browser and _has_display():
        Thread(target=_open_browser, args=(debugging.url,), daemon=True).start()  # some take seconds to return
    return debugging


def _has_display() -> bool:
    """Whether a window can be opened: a browser for terminals would take the terminal over."""
    return sys.platform in ("darwin", "win32") or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def _open_browser(url: str) -> None:
    with contextlib.suppress(Exception):  # without it, the address is enough
        webbrowser.open(url)
