"""Show: what an example is given to say what it found, and to put its pictures away."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from graph_engine.engine import Engine
from graph_engine.errors import DeclarationError

T = TypeVar("T")


@dataclass(frozen=True)
class Criterion:
    """What was to be reached, and what was.

    Attributes
    ----------
    what : str
    value : float
    bound : str
        In words: `"above 0.95"`.
    reached : bool
    """

    what: str
    value: float
    bound: str
    reached: bool

    def __str__(self) -> str:
        return f"{self.what}: {self.value:.4g}; criterion: {self.bound}: {'reached' if self.reached else 'NOT reached'}"


@dataclass(frozen=True)
class Saved:
    """A file that an example wrote, and what one sees in it."""

    path: Path
    caption: str


class Show:
    """Where an example says what it found, and puts its pictures.

    Parameters
    ----------
    folder : path
        Where the files go; it is made when the first one is saved.
    quick : bool
        Whether to run at a reduced size, as the tests do.
    backend : str
        What `engine` runs on.

    Attributes
    ----------
    lines : list of str
        What was said, criteria included.
    criteria : list of Criterion
    files : list of Saved

    Examples
    --------
    >>> show = Show("out", quick=True)
    >>> show.criterion("error", 0.02, below=0.1)
    error: 0.02; criterion: below 0.1: reached
    >>> show.pick(1000, quick=100)
    100
    """

    def __init__(self, folder: str | os.PathLike[str], quick: bool = False, backend: str = "numpy") -> None:
        self.folder = Path(folder)
        self.quick = quick
        self.backend = backend
        self.lines: list[str] = []
        self.criteria: list[Criterion] = []
        self.files: list[Saved] = []

    def engine(self, seed: int = 0) -> Engine:
        """Return a new engine on the chosen backend."""
        return Engine(self.backend, seed)

    def pick(self, full: T, quick: T) -> T:
        """Return one size or the other: a number of epochs, say."""
        return quick if self.quick else full

    def say(self, text: str) -> None:
        """Print a line, and keep it for the gallery."""
        self.lines.append(text)
        print(text)

    def criterion(self, what: str, value: Any, *, above: float | None = None, below: float | None = None) -> None:
        """Say what was to be reached, and what was; the example fails where it was not.

        Parameters
        ----------
        what : str
        value : number
            A value that is not finite reaches nothing.
        above, below : float, optional
            At least one of them. Bounds themselves do not count as reached.
        """
        if above is None and below is None:
            raise DeclarationError("a criterion has a bound", "give above=, below=, or both")
        number = float(value)
        reached = (above is None or number > above) and (below is None or number < below)
        bounds = [f"{name} {bound:.4g}" for name, bound in (("above", above), ("below", below)) if bound is not None]
        self.criteria.append(Criterion(what, number, " and ".join(bounds), reached))
        self.say(str(self.criteria[-1]))

    def save(self, name: str, picture: Any, caption: str) -> None:
        """Write a picture: anything with a `save`, or a figure of matplotlib.

        Parameters
        ----------
        name : str
            Of the file; its suffix says the format.
        picture : object
            With a method `save(path)` or `savefig(path)`.
        caption : str
            What one sees.
        """
        path = self.folder / name
        self.folder.mkdir(parents=True, exist_ok=True)
        if hasattr(picture, "savefig"):
            picture.savefig(path, dpi=160)
        else:
            picture.save(path)
        self.files.append(Saved(path, caption))
