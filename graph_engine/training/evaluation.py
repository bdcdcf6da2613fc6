"""Evaluation: some numbers, measured on data that are not trained on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from graph_engine.declaring import refused
from graph_engine.engine import Engine
from graph_engine.node import Variable
from graph_engine.training.metrics import RunningMeans, batch_arrays, count_samples


class Evaluation:
    """Means of some numbers over data; call it to measure them. Nothing is updated.

    Parameters
    ----------
    engine : Engine
    inputs : sequence of Variable
        What a batch feeds, in this order.
    outputs : mapping of str to Variable
        What is measured, each a single number: a mean over the samples of a batch.
    batches : iterable
        Gone through once for each measurement, `Batches` in the same order each time.

    Examples
    --------
    >>> import graph_engine as ge
    >>> x, w = ge.input("x", "batch"), ge.parameter("w", 2.0)
    >>> data = ge.data.batches([1.0, 2.0, 6.0], batch_size=2, shuffle=False)
    >>> measure = ge.training.Evaluation(ge.Engine("numpy"), [x], {"mean": ge.mean(w * x)}, data)
    >>> measure()
    {'mean': 6.0}
    """

    def __init__(
        self, engine: Engine, inputs: Sequence[Variable], outputs: Mapping[str, Variable], batches: Any
    ) -> None:
        for name, output in outputs.items():
            if not isinstance(output, Variable) or output.size != 1:
                what = output.spec if isinstance(output, Variable) else repr(output)
                raise refused(f"{name!r} is measured as a single number, not {what}", "take a mean")
        if not hasattr(batches, "__iter__") or hasattr(batches, "__next__"):
            raise refused(f"{batches!r} can be gone through only once", "give ge.data.batches(...) or a list")
        self.outputs = dict(outputs)
        self.batches = batches
        self.step = engine.compile(inputs, list(outputs.values()), guards=("values",))

    def __call__(self) -> dict[str, float]:
        """Measure."""
        means, to_numpy = RunningMeans(), self.step.engine.backend.to_numpy
        for batch in _first_epoch(self.batches):
            arrays = batch_arrays(batch)
            samples = count_samples(arrays)
            for name, value in zip(self.outputs, self.step(*arrays), strict=True):
                means.add(name, float(to_numpy(value)), samples)
        if self.outputs and not means.values():
            raise refused(f"there are no batches to measure on: {self.batches!r}")
        return means.values()


def _first_epoch(batches: Any) -> Iterator[Any]:
    """Begin the first epoch of data, also of those that are in the middle of another, and leave them there."""
    if not hasattr(batches, "position"):
        return iter(batches)
    epoch, position = batches.epoch, batches.position
    batches.epoch = batches.position = 0
    try:
        return iter(batches)
    finally:
        batches.epoch, batches.position = epoch, position
