"""Mini-batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from graph_engine.data.arrays import Array, Arrays, as_samples, shuffled
from graph_engine.errors import DeclarationError


class Batches:
    """Mini-batches of some arrays: each pass over it is an epoch, with an order of its own. See `batches`.

    Attributes
    ----------
    epoch : int
        The number of the next pass, from 0; set it to go on where an earlier run stopped.
    """

    def __init__(self, arrays: Arrays, batch_size: int, shuffle: bool, seed: int, drop_last: bool) -> None:
        if isinstance(batch_size, bool) or not hasattr(batch_size, "__index__") or batch_size < 1:
            raise DeclarationError(f"a batch size is a number of samples from 1 on, not {batch_size!r}")
        self.arrays = arrays
        self.batch_size = int(batch_size)
        self.shuffle = shuffle
        self.seed = seed
        self.drop_last = drop_last
        self.epoch = 0

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        whole, rest = divmod(len(self.arrays[0]), self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[Arrays]:
        epoch, self.epoch = self.epoch, self.epoch + 1
        return self._epoch(epoch)

    def _epoch(self, epoch: int) -> Iterator[Arrays]:
        order = self._order(epoch)
        for number in range(len(self)):
            chosen = order[number * self.batch_size : (number + 1) * self.batch_size]
            yield tuple(array[chosen] for array in self.arrays)

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
