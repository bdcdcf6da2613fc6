"""Means over batches, and which way a metric gets better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from graph_engine.declaring import refused
from graph_engine.errors import FeedError

Direction = Literal["min", "max"]
_BETTER: dict[str, Direction] = {"loss": "min", "error": "min", "accuracy": "max", "score": "max"}


class RunningMeans:
    """Means of named numbers, each weighted by how many samples it stands for.

    So the mean over an epoch is that over its samples, also where the last batch is smaller.

    Examples
    --------
    >>> import graph_engine as ge
    >>> means = ge.training.RunningMeans()
    >>> means.add("loss", 1.0, samples=3)
    >>> means.add("loss", 5.0, samples=1)
    >>> means.values()
    {'loss': 2.0}
    """

    def __init__(self) -> None:
        self._sums: dict[str, tuple[float, int]] = {}

    def add(self, name: str, value: float, samples: int) -> None:
        """Count in one number."""
        total, count = self._sums.get(name, (0.0, 0))
        self._sums[name] = (total + value * samples, count + samples)

    def values(self) -> dict[str, float]:
        """Return the means so far."""
        return {name: total / count for name, (total, count) in self._sums.items()}

    def clear(self) -> None:
        """Begin anew."""
        self._sums.clear()

    def state(self) -> dict[str, list[float]]:
        """Return what `restore` takes."""
        return {name: [total, count] for name, (total, count) in self._sums.items()}

    def restore(self, state: Mapping[str, Sequence[float]]) -> None:
        """Go on from an earlier state."""
        self._sums = {name: (float(total), int(count)) for name, (total, count) in state.items()}


def batch_arrays(batch: Any) -> tuple[Any, ...]:
    """Return the arrays of a batch: several in a tuple or list, or one."""
    return tuple(batch) if isinstance(batch, (tuple, list)) else (batch,)


def count_samples(arrays: Sequence[Any]) -> int:
    """Return how many samples a batch holds: the first dimension of its first array; 1 where there is none."""
    shape = getattr(arrays[0], "shape", None) if arrays else ()
    samples = (shape or (1,))[0] if shape is not None else len(arrays[0])
    if samples == 0:
        raise FeedError("a batch of 0 samples has no mean", "leave empty batches out")
    return int(samples)


def direction(metric: str, mode: Direction | None = None) -> Direction:
    """Return whether less or more of a metric is better: as said, or as its name says.

    Examples
    --------
    >>> from graph_engine.training.metrics import direction
    >>> direction("loss"), direction("generator.accuracy"), direction("perplexity", "min")
    ('min', 'max', 'min')
    """
    if mode in ("min", "max"):
        return mode
    found = [better for word, better in _BETTER.items() if word in metric.lower()]
    if mode is not None or len(set(found)) != 1:
        raise refused(f"whether less or more {metric!r} is better must be said", 'mode="min" or mode="max"')
    return found[0]
