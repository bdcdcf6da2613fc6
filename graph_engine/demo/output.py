"""Where the demonstration writes to: a folder, and a list of what is in it."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any


class Output:
    """A folder of pictures, each with a line that says what it is.

    Attributes
    ----------
    folder : Path
    pictures : module
        What draws: `draw(trace, style=...)` and `steps(trace)`.
    files : list of (Path, str)
        What has been written, and what it is.
    """

    def __init__(self, folder: Path, pictures: Any) -> None:
        self.folder = folder
        self.pictures = pictures
        self.files: list[tuple[Path, str]] = []
        folder.mkdir(parents=True, exist_ok=True)

    def save(self, picture: Any, name: str, meaning: str) -> None:
        """Write anything that has a `save`."""
        path = self.folder / name
        picture.save(path)
        self.add(path, meaning)

    def add(self, path: Path, meaning: str) -> None:
        """Note a file that has been written."""
        self.files.append((path, meaning))

    @property
    def can_export(self) -> bool:
        """Whether PNG can be written here."""
        return find_spec("vl_convert") is not None

    def list_files(self) -> None:
        """Print what has been written, and where."""
        paths = [_shown(path) for path, _ in self.files]
        width = max(map(len, paths))
        print("\nWritten:")
        for path, (_, meaning) in zip(paths, self.files, strict=True):
            print(f"  {path:{width}}  {meaning}")


def _shown(path: Path) -> str:
    """Return a path as one would type it here: relative, where it lies below."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith(os.pardir) else relative
