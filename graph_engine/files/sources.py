"""The user's lines in a file: where each operation was declared when the graph was written."""

from __future__ import annotations

from graph_engine.errors import FileError
from graph_engine.files.text import Item, as_text, check_number, take_items, take_number
from graph_engine.source import Source, SourceLine


class SavedSource(Source):
    """Where an operation was declared, as a file says it: lines and names instead of code objects.

    `frames` are the lines, innermost first, and the names that each output was assigned to.
    """

    __slots__ = ()

    @classmethod
    def of(cls, lines: tuple[SourceLine, ...], names: tuple[str | None, ...] = ()) -> SavedSource:
        """Make one from lines, and the name that was assigned to each output."""
        return cls((lines, names), False)

    @property
    def line(self) -> SourceLine | None:
        """The user's innermost line."""
        return self.lines[0] if self.lines else None

    @property
    def lines(self) -> tuple[SourceLine, ...]:
        """The user's innermost lines, from the innermost outwards."""
        lines: tuple[SourceLine, ...] = self.frames[0]
        return lines

    def name(self, output_index: int = 0) -> str | None:
        """Return the name that the user's program assigned, or None."""
        names = self.frames[1]
        return names[output_index] if not self.inner and output_index < len(names) else None


class SavedSources:
    """All sources that a document lists; nodes refer to them by number.

    Parameters
    ----------
    document : dict
        Its `lines` are lists of file, line, text and function; its `sources` are lists of numbers of lines.
    """

    def __init__(self, document: Item) -> None:
        lines = _read_lines(document)
        self._stacks = _read_stacks(document, lines)
        self._made: dict[tuple[int | None, str | None, int], SavedSource] = {}

    def of(self, item: Item, where: str, assigned: str | None = None, position: int = 0) -> SavedSource:
        """Return the source that a node refers to, with the name that was assigned to its output at a position."""
        number = take_number(item, "source", len(self._stacks), "source", where, None)
        key = (number, assigned, position)
        source = self._made.get(key)
        if source is None:
            lines = self._stacks[number] if number is not None else ()
            names = () if assigned is None else (None,) * position + (assigned,)
            source = self._made[key] = SavedSource.of(lines, names)
        return source


def _read_lines(document: Item) -> list[SourceLine]:
    lines = []
    for number, line in enumerate(take_items(document, "lines", list, "the graph", [])):
        if [type(part) for part in line] != [str, int, str, str]:
            raise FileError(f"line {number} is not a list of file, line, text and function")
        file, at, text, function = line
        lines.append(SourceLine(*[as_text(file, "a file"), at, as_text(text, "a line"), as_text(function, "a name")]))
    return lines


def _read_stacks(document: Item, lines: list[SourceLine]) -> list[tuple[SourceLine, ...]]:
    stacks = []
    for number, source in enumerate(take_items(document, "sources", list, "the graph", [])):
        where = f"source {number}"
        if any(type(line) is not int for line in source):
            raise FileError(f"{where} is not a list of line numbers")
        stacks.append(tuple([lines[check_number(line, len(lines), "line", where)] for line in source]))
    return stacks
