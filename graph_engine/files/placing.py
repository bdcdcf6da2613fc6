"""Where a file is written: beside its place at first, then renamed into it."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any

from graph_engine.errors import FileError

UNCHANGED = "what was there before is unchanged"


def placed(path: Any) -> tuple[Path, Path]:
    """Return where a file goes, links followed, and a name beside it to write under first.

    Raises
    ------
    FileError
        Where there is no folder for it, or something other than a file: renaming would replace a device.
    """
    target = Path(os.path.realpath(path))
    if not os.path.isdir(target.parent):
        raise FileError(f"{target} could not be written: there is no folder {target.parent}", "make it first")
    if os.path.exists(target) and not os.path.isfile(target):
        what = "a folder" if os.path.isdir(target) else "no ordinary file"
        raise FileError(f"{target} could not be written: it is {what}", UNCHANGED)
    return target, target.with_name(f".{target.name[:100]}.{secrets.token_hex(8)}.tmp")
