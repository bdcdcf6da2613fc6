"""A recording: a folder with what the last iterations of a training began with, and one file that says why.

`recording.json` names the iterations, and says what ended the training and which conditions held. It is a help: without
it, each iteration is a trace file that opens by itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graph_engine.files.placing import write_beside
from graph_engine.source import warn
from graph_engine_viz.debugger.session import Session

__all__ = ["Reason", "files_of", "name_of", "note_of", "read_reason", "stand_where_it_holds", "write_reason"]

NAME = "recording.json"
FORMAT = "graph_engine.recording"


@dataclass(frozen=True)
class Reason:
    """Why a training was recorded.

    Attributes
    ----------
    text : str
        What ended it, in words.
    iteration : int
        In which iteration; or after which, where it ended between two.
    held : tuple of (str, tuple of str)
        Conditions, and the variables for which each held.
    """

    text: str
    iteration: int
    held: tuple[tuple[str, tuple[str, ...]], ...] = ()


def stand_where_it_holds(session: Session, held: Iterable[tuple[str, Sequence[str]]]) -> None:
    """Watch conditions that are known to hold somewhere in a run, and go to where the first of them does."""
    held = list(held)
    for condition, names in held:
        session.watch(condition, of=names)
    session.go(0)
    begun = any(session.stops_here(point) for point in session.points.values())
    if held and not begun and not session.continue_().points:
        session.restart()  # it holds for what was given


def write_reason(folder: Path, reason: Reason, iterations: Sequence[int]) -> None:
    """Write beside the iterations why they were recorded.

    Raises
    ------
    FileError
        Where it cannot be written.
    """
    document = {
        "format": FORMAT, "version": 1, "reason": reason.text, "iteration": reason.iteration,
        "iterations": list(iterations), "held": [[condition, list(names)] for condition, names in reason.held],
    }  # fmt: skip
    write_beside(folder / NAME, json.dumps(document, indent=1, ensure_ascii=False).encode())


def read_reason(path: Path) -> tuple[Reason, list[int]] | None:
    """Read why an iteration was recorded, and which others were with it; nothing where its folder does not say."""
    place = path.parent / NAME
    if not place.is_file():
        return None
    try:
        reason, iterations = _read(json.loads(place.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        warn(f"{place} cannot be read: {error!r}; the iteration is opened without it", UserWarning)
        return None
    return (reason, iterations) if path.name in (name_of(number) for number in iterations) else None


def _read(document: Any) -> tuple[Reason, list[int]]:
    if document["format"] != FORMAT or document["version"] != 1:
        raise ValueError("it is something else, or of another version")
    held = tuple((str(condition), tuple(map(str, names))) for condition, names in document["held"])
    return Reason(str(document["reason"]), int(document["iteration"]), held), [int(n) for n in document["iterations"]]


def name_of(number: int) -> str:
    """Return what the file of an iteration is called."""
    return f"iteration-{number:08d}.safetensors"


def files_of(path: Path, iterations: Iterable[int]) -> dict[int, Path]:
    """Return the files of the iterations that are still there."""
    files = {number: path.parent / name_of(number) for number in iterations}
    return {number: file for number, file in files.items() if file.is_file()}


def note_of(reason: Reason, number: int) -> str:
    """Say where an iteration comes from."""
    return f"recorded: {reason.text}" + ("" if number == reason.iteration else f"; this is iteration {number}")
