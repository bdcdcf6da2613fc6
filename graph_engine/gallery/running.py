"""Running examples: one from the command line of its own, or any by its name."""

from __future__ import annotations

import argparse
import os
import runpy
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from graph_engine.errors import GraphEngineError
from graph_engine.gallery.catalogue import Example
from graph_engine.gallery.show import Show

NEEDED = {"sklearn": "scikit-learn", "matplotlib": "matplotlib", "tqdm": "tqdm"}


@dataclass(frozen=True)
class Result:
    """What an example said and wrote, how long it took, and the error that ended it, if one did."""

    example: Example
    show: Show
    seconds: float
    error: str = ""

    @property
    def reached(self) -> bool:
        """Whether it came to its end and reached all criteria, of which there is at least one."""
        criteria = self.show.criteria
        return not self.error and bool(criteria) and all(criterion.reached for criterion in criteria)


def check_needed() -> None:
    """Raise where a package is missing that the examples use and the library does not."""
    missing = [package for module, package in NEEDED.items() if find_spec(module) is None]
    if missing:
        raise GraphEngineError(
            f"the demonstration needs {' and '.join(missing)}", 'run: pip install "graph-engine[examples]"'
        )


def run_example(
    example: Example,
    out: str | os.PathLike[str] = "out",
    quick: bool = False,
    backend: str = "numpy",
    keep_errors: bool = False,
) -> Result:
    """Run one example.

    Parameters
    ----------
    example : Example
    out : path
        Its files go into a folder of its name in there.
    quick : bool
        Whether to run at a reduced size.
    backend : str
    keep_errors : bool
        Whether an error that ends it is part of the result, and not raised.
    """
    check_needed()
    show = Show(Path(out) / example.name, quick, backend)
    began, error = time.perf_counter(), ""
    try:
        runpy.run_path(str(example.path))["main"](show)
    except Exception as raised:
        if not keep_errors:
            raise
        error = f"{type(raised).__name__}: {raised}"
    return Result(example, show, time.perf_counter() - began, error)


def run(main: Callable[[Show], None], arguments: Sequence[str] | None = None) -> None:
    """Run an example as a program, and exit: with status 1 where a criterion was not reached.

    Parameters
    ----------
    main : function of Show
    arguments : sequence of str, optional
        Those of the process by default.
    """
    check_needed()
    path = Path(sys.modules[main.__module__].__file__ or "example.py")
    parser = argparse.ArgumentParser(description=sys.modules[main.__module__].__doc__)
    parser.add_argument("--quick", action="store_true", help="at a reduced size: seconds, and less is reached")
    parser.add_argument("--out", type=Path, default=Path("out"), metavar="DIR", help="where the pictures go")
    parser.add_argument("--backend", default="numpy", metavar="NAME", help="see `graph-engine backends`")
    options = parser.parse_args(arguments)
    show = Show(options.out / path.stem, options.quick, options.backend)
    main(show)
    for saved in show.files:
        print(f"  {saved.path}  {saved.caption}")
    sys.exit(0 if all(criterion.reached for criterion in show.criteria) else 1)
