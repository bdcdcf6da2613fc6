"""Replay: the values of a run, within a memory budget. What was dropped is computed again when somebody looks at it.

The instructions of a plan are cut into segments, each of one phase (forward, backward, update). Kept are the values
that a later segment of the same phase reads. So any segment can be run again from what is kept and from values of an
earlier phase, whose segments are run again first: never more than one of each phase after the other. What has been
computed again stays as long as there is room.

The first run is made in the same way: a backward pass asks for forward values as a person does, so that it needs no
more memory than looking at it. This is checkpointing as in Chen et al., "Training Deep Nets with Sublinear Memory
Cost" (2016), with the segments chosen from the sizes of the values.
"""

from __future__ import annotations

import zlib
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from graph_engine.declaring import is_whole
from graph_engine.errors import DeclarationError, ReplayWarning
from graph_engine.executing import Watch, execute
from graph_engine.failures import run_error
from graph_engine.node import Operation, Variable
from graph_engine.plan import Plan
from graph_engine.source import warn

_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


def show_bytes(count: float) -> str:
    """Write a number of bytes for people.

    Examples
    --------
    >>> show_bytes(512), show_bytes(3 * 2**20)
    ('512 bytes', '3.0 MiB')
    """
    unit = 0
    while count >= 1024 and unit < len(_UNITS) - 1:
        count, unit = count / 1024, unit + 1
    return f"{count:.{1 if unit else 0}f} {_UNITS[unit]}"


class Retention:
    """Which values of a run are kept; decided before it from their sizes.

    Parameters
    ----------
    plan : Plan
    budget : int
        In bytes, for everything that is computed.

    Attributes
    ----------
    starts : list of int
        The first instruction of each segment.
    kept : frozenset of int
        The slots of the values that stay.
    kept_bytes, total_bytes : int
        The size of what stays, and of everything.
    extra_bytes : list of int
        Of each segment, the size of what it computes that does not stay, and of what that may be a view of.
    needed_bytes : int
        What stays, and the largest set of segments needed at one time; more than `budget` where it cannot be met.
    """

    def __init__(self, plan: Plan, budget: int) -> None:
        if not is_whole(budget):
            raise DeclarationError(f"a memory budget is a number of bytes, not {budget!r}", "memory=2 * 2**30 is 2 GiB")
        self.plan = plan
        self.budget = budget
        self.made_by = {slot: i for i, instruction in enumerate(plan.instructions) for slot in instruction.outputs}
        self._sizes = [sum(plan.nbytes(slot) for slot in instruction.outputs) for instruction in plan.instructions]
        self._last_reads = self._find_last_reads()
        self._behind, _ = plan.values_behind()
        self.total_bytes = sum(self._sizes)
        self.starts, self.kept, self.needed_bytes = self._choose()
        self.kept_bytes = sum(plan.nbytes(slot) for slot in self.kept)
        self.extra_bytes = [self._extra(segment) for segment in range(len(self.starts))]

    def segment_of(self, position: int) -> int:
        """Return the segment that an instruction belongs to."""
        return bisect_right(self.starts, position) - 1

    def instructions(self, segment: int) -> range:
        """Return the positions of a segment's instructions."""
        ends = (*self.starts[1:], len(self.plan.instructions))
        return range(self.starts[segment], ends[segment])

    def __str__(self) -> str:
        count = len(self.made_by)
        if len(self.kept) == count:
            return f"all {count:,} values are kept: {show_bytes(self.total_bytes)}"
        text = (
            f"{len(self.kept):,} of {count:,} values are kept, {show_bytes(self.kept_bytes)} of "
            f"{show_bytes(self.total_bytes)}; the others are computed again when they are looked at, "
            f"in {len(self.starts):,} segments"
        )
        if self.needed_bytes > self.budget:
            text += f"; {show_bytes(self.needed_bytes)} are needed, more than the budget of {show_bytes(self.budget)}"
        return text

    def _find_last_reads(self) -> dict[int, int]:
        """Find the last instruction of its own phase that reads each slot."""
        last: dict[int, int] = {}
        instructions = self.plan.instructions
        for position, instruction in enumerate(instructions):
            phase = instruction.operation.phase
            for slot in instruction.inputs:
                maker = self.made_by.get(slot)
                if maker is not None and instructions[maker].operation.phase == phase:
                    last[slot] = position
        return last

    def _choose(self) -> tuple[list[int], frozenset[int], int]:
        """Cut ever finer, until everything fits or nothing is gained."""
        best: tuple[list[int], frozenset[int], int] | None = None
        if self.total_bytes <= self.budget:
            return self._cut(1), frozenset(self.made_by), self.total_bytes
        pieces = 2
        while pieces <= 2 * max(len(self._sizes), 1):
            starts = self._cut(pieces)
            kept = self._crossing(starts)
            needed = self._needed(starts, kept)
            if best is None or needed < best[2]:
                best = starts, kept, needed
            if best[2] <= self.budget or needed > 2 * best[2]:
                break
            pieces *= 2
        assert best is not None
        return best

    def _cut(self, pieces: int) -> list[int]:
        """Cut into parts of about equal size, and where a phase ends."""
        starts: list[int] = []
        most, taken, phase = self.total_bytes / pieces, 0, ""
        for position, (instruction, size) in enumerate(zip(self.plan.instructions, self._sizes, strict=True)):
            if instruction.operation.phase != phase or (taken and taken + size > most):
                starts.append(position)
                taken, phase = 0, instruction.operation.phase
            taken += size
        return starts

    def _extra(self, segment: int) -> int:
        made = {slot for i in self.instructions(segment) for slot in self.plan.instructions[i].outputs}
        held = made.union(*(self._behind[slot] for slot in made)) - self.kept
        return sum(self.plan.nbytes(slot) for slot in held)

    def _crossing(self, starts: list[int]) -> frozenset[int]:
        """Find the values that a later segment of their own phase reads, and those that they may be views of.

        The memory behind a view stays as long as it does, so what is there is kept, too.
        """
        crossing = (
            slot
            for slot, last in self._last_reads.items()
            if bisect_right(starts, last) != bisect_right(starts, self.made_by[slot])
        )
        return frozenset().union(*(self._behind[slot] for slot in crossing))

    def _needed(self, starts: list[int], kept: frozenset[int]) -> int:
        """Return the size of what is kept, and of the segments that the most demanding one needs at one time."""
        sizes = [0] * len(starts)
        reads: list[set[int]] = [set() for _ in starts]
        for position, instruction in enumerate(self.plan.instructions):
            segment = bisect_right(starts, position) - 1
            sizes[segment] += self._sizes[position]
            for slot in instruction.inputs:
                maker = self.made_by.get(slot)
                if maker is not None and slot not in kept:
                    reads[segment].add(bisect_right(starts, maker) - 1)
        most = 0
        for segment, direct in enumerate(reads):  # an update may read what is backward, that what is forward
            needed = {segment, *direct}
            for other in direct - {segment}:
                needed |= reads[other]
            most = max(most, sum(sizes[other] for other in needed))
        return most + sum(self.plan.nbytes(slot) for slot in kept)


class Replay(Mapping[Variable, Any]):
    """The value of each variable that a run has reached, by variable; some are computed anew when asked for.

    Parameters
    ----------
    plan : Plan
    arguments : sequence of array
        The values of inputs and parameters; nobody may change them.
    budget : int
        In bytes, for everything that is computed.

    Attributes
    ----------
    retention : Retention
    error, failed : Exception and Operation, or None
        What stopped the run, and where.
    recomputed : int
        How many operations were computed again so far.
    differing : dict of Variable to None
        What did not come out with the same bits again. Looked for where a backend does not promise it.
    """

    def __init__(self, plan: Plan, arguments: Sequence[Any], budget: int) -> None:
        self.plan = plan
        self.retention = Retention(plan, budget)
        self.error: Exception | None = None
        self.failed: Operation | None = None
        self.recomputed = 0
        self.differing: dict[Variable, None] = {}
        self._given = dict(zip(plan.arguments, arguments, strict=True)) | plan.known
        self._kept: dict[int, Any] = {}
        self._recent: OrderedDict[int, dict[int, Any]] = OrderedDict()
        self._reached = 0
        self._checks = "deterministic" not in plan.backend.abilities
        self._digests: dict[int, int] = {}

    @property
    def held_bytes(self) -> int:
        """The size of all that is there now, without having to be computed again."""
        return self.retention.kept_bytes + sum(self.retention.extra_bytes[segment] for segment in self._recent)

    # ---- the first run -----------------------------------------------------------------------------------------

    def run(self, watch: Watch | None = None) -> None:
        """Run everything once, guards on; what fails is in `error` and `failed`."""
        with self.plan.backend.running():
            for segment in range(len(self.retention.starts)):
                known = self._read_by(segment)
                results: dict[int, Any] = {}
                for position in self.retention.instructions(segment):
                    if not self._first(position, known, results, watch):
                        break
                self._remember(segment, results)
                if self.error is not None:
                    return

    def _first(self, position: int, known: dict[int, Any], results: dict[int, Any], watch: Watch | None) -> bool:
        instruction = self.plan.instructions[position]
        try:
            values = execute(self.plan, instruction, [known[slot] for slot in instruction.inputs])
        except Exception as error:
            self.error, self.failed = run_error(self.plan, instruction, error), instruction.operation
            return False
        for slot, value in zip(instruction.outputs, values, strict=True):
            known[slot] = results[slot] = value
            if slot in self.retention.kept:
                self._kept[slot] = value
            elif self._checks:
                self._digests[slot] = self._digest(value)
        self._reached = position + 1
        if watch is not None:
            watch(instruction.operation, tuple(values))
        return True

    # ---- looking -----------------------------------------------------------------------------------------------

    def __getitem__(self, variable: Variable) -> Any:
        if variable not in self:
            raise KeyError(variable)
        slot = self.plan.slots[variable]
        for place in (self._given, self._kept):
            if slot in place:
                return place[slot]
        with self.plan.backend.running():
            return self._segment(self._maker(slot))[slot]

    def __contains__(self, variable: object) -> bool:
        slot = self.plan.slots.get(variable) if isinstance(variable, Variable) else None
        return slot is not None and (slot in self._given or self.retention.made_by[slot] < self._reached)

    def __iter__(self) -> Iterator[Variable]:
        return (variable for variable in self.plan.variables if variable in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _maker(self, slot: int) -> int:
        return self.retention.segment_of(self.retention.made_by[slot])

    def _segment(self, segment: int) -> Mapping[int, Any]:
        """Return what a segment computed, and compute it again where it is not there."""
        if segment in self._recent:
            self._recent.move_to_end(segment)
            return self._recent[segment]
        known = self._read_by(segment)
        results: dict[int, Any] = {}
        for position in self.retention.instructions(segment):
            if position >= self._reached:
                break
            instruction = self.plan.instructions[position]
            made = {slot: self._kept[slot] for slot in instruction.outputs if slot in self._kept}
            if len(made) < len(instruction.outputs):
                values = execute(self.plan, instruction, [known[slot] for slot in instruction.inputs])
                made = dict(zip(instruction.outputs, values, strict=True)) | made
                self.recomputed += 1
            results |= made
            known |= made
        self._compare(results)
        self._remember(segment, results)
        return results

    def _read_by(self, segment: int) -> dict[int, Any]:
        """Return what a segment reads and other segments computed, and all that is kept or given."""
        positions = self.retention.instructions(segment)
        read = {slot for position in positions for slot in self.plan.instructions[position].inputs}
        known = {slot: place[slot] for place in (self._given, self._kept) for slot in read if slot in place}
        others = [slot for slot in read - known.keys() if self._maker(slot) != segment]
        for slot in sorted(others, key=self.retention.made_by.__getitem__):  # each segment once
            known[slot] = self._segment(self._maker(slot))[slot]
        return known

    def _remember(self, segment: int, results: dict[int, Any]) -> None:
        """Keep what a segment computed, and let go what was looked at longest ago where there is no room."""
        self._recent[segment] = results
        while self.held_bytes > self.retention.budget and len(self._recent) > 1:
            self._recent.popitem(last=False)

    # ---- the same bits -----------------------------------------------------------------------------------------

    def _digest(self, value: Any) -> int:
        return zlib.crc32(self.plan.backend.to_numpy(value).tobytes())

    def _compare(self, results: Mapping[int, Any]) -> None:
        """Say what came out differently."""
        for slot, value in results.items():
            variable = self.plan.variables[slot]
            same = slot not in self._digests or self._digests[slot] == self._digest(value)
            if same or variable in self.differing:
                continue
            self.differing[variable] = None
            name, backend = self.plan.graph.name_of(variable), self.plan.backend.name
            text = f"{name!r} was computed again and came out with other bits: {backend!r} is not deterministic there"
            warn(text, ReplayWarning)
