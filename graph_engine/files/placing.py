"""Where a file is written: beside its place at first, then renamed into it."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from graph_engine.errors import FileError

UNCHANGED = "what was there before is unchanged"


class Unwritten(FileError, OSError):
    """A file that could not be written: an error of this library and one of the operating system."""


class NoSuchFolder(Unwritten, FileNotFoundError):
    """A file that could not be written, as there is no folder for it."""


class NotAllowed(Unwritten, PermissionError):
    """A file that could not be written, as one may not."""


_KINDS = {FileNotFoundError: NoSuchFolder, PermissionError: NotAllowed}


def write_beside(path: Any, content: bytes) -> None:
    """Write a file beside its place and rename it into it: whoever reads it meanwhile finds the old or the new one.

    Parameters
    ----------
    path : path
        Links are followed, and stay links.
    content : bytes

    Raises
    ------
    FileError
        Where it cannot be written; it is an `OSError`, too. What was there before is unchanged, and nothing else
        is left.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_beside(Path(folder, "a.txt"), b"all of it")
    ...     Path(folder, "a.txt").read_bytes(), os.listdir(folder)
    (b'all of it', ['a.txt'])
    """
    with beside(path) as temporary:
        temporary.write_bytes(content)


@contextmanager
def beside(path: Any) -> Iterator[Path]:
    """Give a name to write under; what is written there takes its place at the end, or goes where anything fails.

    Raises
    ------
    FileError
        As from `write_beside`, also for an `OSError` of whoever writes.
    """
    target = placed(path)
    temporary = target.with_name(f".{target.name[:50]}.{secrets.token_hex(8)}.tmp")  # at most 255 bytes
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except OSError as error:
        raise _unwritten(path, error) from error
    finally:
        with suppress(OSError):  # which would hide the first
            temporary.unlink(missing_ok=True)


def placed(path: Any) -> Path:
    """Return where a file goes, links followed.

    Raises
    ------
    FileError
        Where there is no folder for it, or something other than a file: renaming would replace a device.
    """
    target = Path(os.path.realpath(path))
    if not os.path.isdir(target.parent):
        missing = FileNotFoundError(errno.ENOENT, f"there is no folder {target.parent}")
        raise _unwritten(path, missing, "make it first")
    if os.path.isdir(target):
        raise _unwritten(path, IsADirectoryError(errno.EISDIR, "it is a folder"))
    if os.path.exists(target) and not os.path.isfile(target):
        raise _unwritten(path, OSError(errno.EINVAL, "it is no ordinary file"))
    return target


def _unwritten(path: Any, error: OSError, cure: str = UNCHANGED) -> Unwritten:
    """Return an error in terms of the user's path, not of what is beside it."""
    reason = error.strerror or str(error)
    unwritten = _KINDS.get(type(error), Unwritten)(f"'{path}' could not be written: {reason}", cure)
    unwritten.errno, unwritten.strerror, unwritten.filename = error.errno, reason, os.fspath(path)
    return unwritten
