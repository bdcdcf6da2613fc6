"""Finding the examples."""

from __future__ import annotations

import ast
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import graph_engine
from graph_engine.errors import LookupFailed

_PLACES = (
    Path(graph_engine.__file__).resolve().parent.parent / "examples",  # a checkout
    Path(sysconfig.get_path("data")) / "share" / "graph_engine" / "examples",  # an installed distribution
)


@dataclass(frozen=True)
class Example:
    """An example: a program with a docstring and a function `main`.

    Attributes
    ----------
    name : str
    path : Path
    title : str
        The first line of the docstring.
    text : str
        The rest of it.
    """

    name: str
    path: Path
    title: str
    text: str

    @property
    def code(self) -> str:
        """The program's text."""
        return self.path.read_text(encoding="utf-8")


def examples() -> dict[str, Example]:
    """Return the examples by name.

    Raises
    ------
    LookupFailed
        Where there are none on this machine.

    Examples
    --------
    >>> "lecture" in examples()
    True
    """
    folder = next((place for place in _PLACES if place.is_dir()), None)
    if folder is None:
        raise LookupFailed("the examples are not on this machine", "run it from a checkout of the repository")
    found = (_read(path) for path in sorted(folder.glob("*.py")))
    return {example.name: example for example in found if example is not None}


def _read(path: Path) -> Example | None:
    """Read the docstring of a program that has a `main`, without running it."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    if not any(isinstance(node, ast.FunctionDef) and node.name == "main" for node in tree.body):
        return None
    title, _, text = (ast.get_docstring(tree) or path.stem).partition("\n")
    return Example(path.stem, path, title.strip(), text.strip())
