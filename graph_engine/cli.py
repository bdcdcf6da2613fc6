"""The command line: `graph-engine`, or `python -m graph_engine`."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graph_engine import asking, plugins
from graph_engine._version import __version__
from graph_engine.checking import check_gradients
from graph_engine.errors import FeedError, GradientError, GraphEngineError, LookupFailed
from graph_engine.graph import Graph
from graph_engine.opening import Opened, open_file

if TYPE_CHECKING:
    from graph_engine.gallery import Example, Result

OK, FAILED, MISUSED = 0, 1, 2

_DESCRIPTION = """\
Declare a model as a graph, run it forward and backward, and look at every value and every gradient.
"""

_EPILOG = """\
FILE is one of
  a Python file   that declares a graph, and says by its variables what it is about (see below)
  *.json          a graph that ge.Graph(...).to_json() wrote
  *.safetensors   a trace that trace.save(path) wrote

A Python file, lecture.py, complete:

  import graph_engine as ge

  x, y, z = ge.input("x"), ge.input("y"), ge.input("z")
  w = x + y
  f = w * z

  output = f                       # what it is about: a variable, or a list of them (without it: `loss`, or `f`)
  feeds = {x: -2, y: 5, z: -4}     # a value for each input; without it, the graph alone can be drawn
  # engine = ge.Engine("cupy")     # if it shall run elsewhere
  # step = engine.compile([x, y, z], loss, updates=...)     # if a training step shall be shown, update included

Then:

  graph-engine draw lecture.py                       the picture, with all values and gradients: lecture.svg
  graph-engine draw lecture.py --step 3 -o f3.svg    the picture at step 3 (of 0, 1, ...)
  graph-engine steps lecture.py                      a page to step through: lecture.html
  graph-engine check lecture.py                      gradients against finite differences
  graph-engine debug lecture.py                      the debugger, in a browser; --tui: in this terminal
  graph-engine why lecture.py x                      why a number is NaN, infinite, zero, large or small
  graph-engine compare lecture.py before.safetensors     where two runs differ by more than rounding

Exit status: 0 done; 1 a gradient is wrong, the run stopped in the middle (what it did is drawn), or two runs differ;
2 the command or the file cannot be used, and one message says why.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status.

    Parameters
    ----------
    arguments : sequence of str, optional
        Those of the process by default.

    Examples
    --------
    >>> main(["check", "no/such/file.py"])
    2
    """
    options = _parser().parse_args(arguments)
    logging.basicConfig(format="graph-engine: %(message)s")  # the library itself shows nothing that it logs
    try:
        status: int = options.command(options)
        return status
    except KeyboardInterrupt:
        return _refuse("interrupted", 130)
    except Exception as error:
        if options.traceback:
            raise
        if isinstance(error, GraphEngineError):
            return _refuse(str(error), MISUSED)
        what = f"{type(error).__name__}: {error}"
        if isinstance(error, OSError) and error.filename is not None:
            what = f"{error.filename}: {error.strerror}"
        return _refuse(f"{what}\n  --traceback shows where", MISUSED)


def _refuse(message: str, status: int) -> int:
    print(f"graph-engine: {message}", file=sys.stderr)
    return status


# ---- commands --------------------------------------------------------------------------------------------------


def draw(options: argparse.Namespace) -> int:
    """Draw a graph, or a run at one of its steps."""
    opened = open_file(options.file)
    if not opened.can_run:
        if options.step is not None:
            raise FeedError(f"{opened.path} says no values, so it has no steps to show", "leave --step out")
        subject: Any = opened.graph
        problem = None
    else:
        subject, problem = opened.trace()
    step = {} if options.step is None else {"step": options.step}
    picture = plugins.find_pictures().draw(subject, style=options.style, **step)
    return _save(picture, options.output or Path(opened.path.stem + ".svg"), problem)


def steps(options: argparse.Namespace) -> int:
    """Write a page on which one steps through a run."""
    opened = open_file(options.file)
    trace, problem = opened.trace()
    if trace.loss is None and problem is None:
        shown = ", ".join(f"{trace.graph.name_of(v)} ({v.spec})" for v in trace.outputs)
        print(f"forward only: gradients are of one number, and this is {shown}; try ge.sum of it", file=sys.stderr)
    pages = plugins.find_pictures().steps(trace, style=options.style)
    return _save(pages, options.output or Path(opened.path.stem + ".html"), problem)


def check(options: argparse.Namespace) -> int:
    """Compare gradients with finite differences."""
    opened = open_file(options.file)
    if not opened.can_run:
        opened.trace()  # says what is missing
    loss = _loss(opened)
    report = check_gradients(loss, _feeds_of(opened, loss), engine=opened.engine, seed=options.seed)
    print(report)
    return OK if report.ok else FAILED


def backends(options: argparse.Namespace) -> int:
    """List the backends that are found."""
    for info in plugins.backends():
        print(info)
    return OK


def demo(options: argparse.Namespace) -> int:
    """Run the demonstration, or examples by name."""
    from graph_engine import demo as demonstration
    from graph_engine import gallery

    if not (options.list or options.all or options.names):
        return demonstration.main(backend=options.backend, out=options.out)
    found = gallery.examples()
    if options.list:
        return _list(found)
    unknown = [name for name in options.names if name not in found]
    if unknown:
        raise LookupFailed(f"there is no example called {unknown[0]!r}", f"choose among {', '.join(found)}")
    chosen = list(found.values()) if options.all else [found[name] for name in options.names]
    results = [_run_example(example, options, f"{i}/{len(chosen)}") for i, example in enumerate(chosen, start=1)]
    gallery.write_gallery(results, options.out / "index.html")
    missed = [result.example.name for result in results if not result.reached]
    print(f"\nwritten: {options.out / 'index.html'}, one page with what was run")
    return OK if not missed else _refuse(f"criterion not reached: {', '.join(missed)}", FAILED)


def _list(found: Mapping[str, Example]) -> int:
    width = max(map(len, found))
    for name, example in found.items():
        print(f"{name:{width}}  {example.title}")
    return OK


def _run_example(example: Example, options: argparse.Namespace, number: str) -> Result:
    from graph_engine import gallery

    print(f"\n[{number}] {example.name}: {example.title}")
    together = options.all or len(options.names) > 1  # then one that fails leaves the others alone
    result = gallery.run_example(example, options.out, options.quick, options.backend, together)
    print(result.error or f"{len(result.show.files)} files in {result.show.folder}, {result.seconds:.1f} s")
    return result


def _save(picture: Any, path: Path, problem: GraphEngineError | None) -> int:
    picture.save(path)
    print(f"written: {path}")
    return OK if problem is None else _refuse(f"{problem}\n  the picture shows what was done before", FAILED)


def _loss(opened: Opened) -> Any:
    scalars = [v for v in opened.outputs if v.spec.is_float and v.size == 1]
    if not scalars:
        shown = ", ".join(f"{v.name}: {v.spec}" for v in opened.outputs)
        raise GradientError(f"none of the outputs ({shown}) is a real number whose gradients could be checked")
    return scalars[0]


def _feeds_of(opened: Opened, loss: Any) -> dict[Any, Any]:
    """Return the feeds without what only other outputs need."""
    others = {v.name for v in opened.graph.inputs} - {v.name for v in Graph(loss).inputs}
    return {key: value for key, value in (opened.feeds or {}).items() if key not in others}


# ---- arguments -------------------------------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--traceback", action="store_true", help="where something goes wrong, show where in the code")
    parser = argparse.ArgumentParser("graph-engine", description=_DESCRIPTION, epilog=_EPILOG, formatter_class=raw)
    parser.add_argument("--version", action="version", version=f"graph-engine {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(function: Any, example: str, teaching: str = "") -> argparse.ArgumentParser:
        summary = function.__doc__.strip()
        epilog = f"Example:\n  graph-engine {example}\n\n{teaching}".strip()
        sub = commands.add_parser(
            function.__name__, help=summary, description=summary, epilog=epilog, parents=[common], formatter_class=raw
        )
        sub.set_defaults(command=function)
        return sub

    sub = command(draw, "draw lecture.py --step 4 --style circuit -o f4.svg")
    _add_file(sub, ".svg, .png, .pdf or .dot; FILE's name with .svg by default")
    sub.add_argument("--step", type=int, metavar="N", help="how far: counted from 0, or from the end if negative")
    sub = command(steps, "steps lecture.py -o f.html")
    _add_file(sub, "an .html page, a .pdf, or a folder of SVG; FILE's name with .html by default")
    sub = command(check, "check lecture.py")
    sub.add_argument("file", type=Path, metavar="FILE", help="a Python file with feeds, or a saved trace")
    sub.add_argument("--seed", type=int, default=0, help="of the random directions")
    asking.add_commands(command)
    command(backends, "backends")
    sub = command(demo, "demo --list, then: graph-engine demo xor --out demo")
    sub.add_argument("names", nargs="*", metavar="NAME", help="examples to run; none: the demonstration")
    sub.add_argument("--list", action="store_true", help="list the examples")
    sub.add_argument("--all", action="store_true", help="run all examples, and build one page that shows them")
    sub.add_argument("--quick", action="store_true", help="at a reduced size: seconds each, and less is reached")
    sub.add_argument("--backend", default="numpy", metavar="NAME", help="see `graph-engine backends`")
    sub.add_argument("--out", type=Path, default=Path("out"), metavar="DIR", help="where the pictures go")
    return parser


def _add_file(sub: argparse.ArgumentParser, output: str) -> None:
    sub.add_argument("file", type=Path, metavar="FILE", help="a Python file, a saved graph, or a saved trace")
    sub.add_argument("-o", "--output", type=Path, metavar="OUT", help=output)
    sub.add_argument("--style", choices=["nodes", "circuit", "neurons"], default="nodes", help="how it is drawn")


if __name__ == "__main__":
    sys.exit(main())
