"""safetensors files: written beside and renamed into place, checked before they are believed."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from graph_engine.errors import FileError
from graph_engine.files.placing import beside
from graph_engine.spec import DTYPES

Array = np.ndarray[Any, Any]


def write_tensors(path: Any, tensors: Mapping[str, Array], kind: str, version: int) -> None:
    """Write named arrays to a file, all or nothing: an older file stays as it was until the new one is complete.

    Parameters
    ----------
    path : path
    tensors : mapping of str to array
    kind, version : str, int
        What the file is.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    dense = {name: np.asarray(array, order="C") for name, array in tensors.items()}
    for name, array in dense.items():
        if array.dtype.name not in DTYPES:
            raise FileError(f"{name!r} holds {array.dtype}, not numbers of a dtype of this engine")
    metadata = {"format": kind, "version": str(version), "crc32": _checksum(dense)}
    with beside(path) as temporary:
        temporary.touch(exist_ok=False)
        mode = temporary.stat().st_mode  # what files here are given; save_file makes private ones
        try:
            save_file(dense, temporary, metadata=metadata)
        except SafetensorError as error:  # such as a full disk
            raise OSError(str(error)) from error
        temporary.chmod(mode)


def read_tensors(path: Any, kind: str, version: int) -> dict[str, Array]:
    """Read the named arrays of a file of this kind and version.

    Raises
    ------
    FileError
        Where it cannot be read, is something else, or is damaged.
    """
    from safetensors import safe_open

    path = Path(path)
    try:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            _check_metadata(metadata, path, kind, version)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileError:
        raise
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror or error}") from error
    except Exception as error:  # whatever the reader says to a damaged header
        raise FileError(f"{path} is no safetensors file, or damaged: {error}") from error
    for name, array in tensors.items():
        if array.dtype.name not in DTYPES:
            raise FileError(f"{path}: {name!r} holds {array.dtype}, which this engine does not have")
    if metadata.get("crc32") != _checksum(tensors):
        raise FileError(f"{path} is damaged: its checksum does not fit what it holds")
    return tensors


def _check_metadata(metadata: Mapping[str, str], path: Path, kind: str, version: int) -> None:
    found = metadata.get("format")
    if found != kind:
        what = f"says that it is {found[:80]!r}" if found else "does not say what it is"
        raise FileError(f"{path} is no {kind!r}: it {what}")
    if metadata.get("version") != str(version):
        shown = str(metadata.get("version"))[:20]
        raise FileError(f"{path} is of version {shown}; this library reads version {version}", "update graph_engine")


def _checksum(tensors: Mapping[str, Array]) -> str:
    value = 0
    for name in sorted(tensors):
        array = tensors[name]
        value = zlib.crc32(f"{name}\0{array.dtype.name}{array.shape}".encode(), value)
        if array.size:
            value = zlib.crc32(array.reshape(-1).view(np.uint8).data, value)
    return f"{value:08x}"
