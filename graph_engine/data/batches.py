"""Mini-batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from graph_engine.data.arrays import Array, Arrays, as_samples, check_seed, shuffled
from graph_engine.declaring import is_whole, refused


class Batches:
    """Mini-batches of some arrays: each pass over it is an epoch, with an order of its own. See `batches`.

    Attributes
    ----------
    epoch : int
        The number of the next pass, from 0; set it to go on where an earlier run stopped.
    position : int
        How many batches the next pass leaves out, since they were used before an interruption; 0 again after that.
    """

    def __init__(self, arrays: Arrays, batch_size: int, shuffle: bool, seed: int, drop_last: bool) -> None:
        if not is_whole(batch_size, 1):
            raise refused(f"a batch size is a number of samples from 1 on, not {batch_size!r}")
        self.arrays = arrays
        self.batch_size = int(batch_size)
        self.shuffle = shuffle
        self.seed = check_seed(seed)
        self.drop_last = drop_last
        self.epoch = self.position = 0

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        whole, rest = divmod(len(self.arrays[0]), self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[Arrays]:
        epoch, start = self.epoch, self.position
        self.epoch, self.position = epoch + 1, 0
        return self._epoch(epoch, start)

    def indices(self, epoch: int, number: int) -> Array:
        """Return which samples are in a batch, both counted from 0."""
        return self._cut(self._order(epoch), number)

    def describe(self) -> dict[str, int]:
        """Return what makes batches the same batches, if the arrays are the same."""
        return {
            "samples": len(self.arrays[0]), "batch_size": self.batch_size, "shuffle": bool(self.shuffle),
            "seed": int(self.seed), "drop_last": bool(self.drop_last),
        }  # fmt: skip

    def _epoch(self, epoch: int, start: int) -> Iterator[Arrays]:
        order = self._order(epoch)
        for number in range(start, len(self)):
            chosen = self._cut(order, number)
            yield tuple(array[chosen] for array in self.arrays)

    def _cut(self, order: Array, number: int) -> Array:
        return order[number * self.batch_size : (number + 1) * self.batch_size]

    def _order(self, epoch: int) -> Array:
        count = len(self.arrays[0])
        return shuffled(count, self.seed, epoch) if self.shuffle else np.arange(count)

    def __repr__(self) -> str:
        return f"<{len(self)} batches of {self.batch_size}, {len(self.arrays[0])} samples>"


def batches(*arrays: Any, batch_size: int, shuffle: bool = True, seed: int = 0, drop_last: bool = False) -> Batches:
    """Cut arrays into mini-batches.

    Parameters
    ----------
    *arrays : array_like
        With the same number of samples along their first dimensions.
    batch_size : int
        A number above that of the samples gives one batch of all.
    shuffle : bool
        Whether each epoch has a new order, which follows from the seed and the number of the epoch.
    seed : int
    drop_last : bool
        Whether to leave out the last batch where it is smaller than the others.

    Returns
    -------
    Batches
        To be iterated over once an epoch; it yields tuples of arrays, and its `len` is the number of batches.

    Examples
    --------
    >>> import graph_engine as ge
    >>> x, y = [[1], [2], [3]], [10, 20, 30]
    >>> for inputs, targets in ge.data.batches(x, y, batch_size=2, shuffle=False):
    ...     print(inputs.tolist(), targets.tolist())
    [[1], [2]] [10, 20]
    [[3]] [30]
    """
    return Batches(as_samples(arrays), batch_size, shuffle, seed, drop_last)
