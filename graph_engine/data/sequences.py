"""Sequences of symbols for what recurrent networks and transformers are tried on, all from a seed.

Symbols are int64, from 1 to `symbols`; 0 is the blank.
"""

from __future__ import annotations

import numpy as np

from graph_engine.data.arrays import Array, check_counts

__all__ = ["copy", "recall", "sort"]


def recall(samples: int, length: int, symbols: int = 4, seed: int = 0) -> tuple[Array, Array]:
    """Name at the end the symbol that came first: what lies between says nothing about it.

    Returns
    -------
    inputs : numpy.ndarray
        (samples, length)
    targets : numpy.ndarray
        (samples,): the first symbols.

    Examples
    --------
    >>> import graph_engine as ge
    >>> inputs, targets = ge.data.sequences.recall(5, length=20)
    >>> inputs.shape, (inputs[:, 0] == targets).all().item()
    ((5, 20), True)
    """
    inputs = _draw(samples, length, symbols, seed)
    return inputs, inputs[:, 0].copy()


def copy(samples: int, length: int, symbols: int = 8, delay: int = 0, seed: int = 0) -> tuple[Array, Array]:
    """Repeat a sequence, `delay` places later.

    Returns
    -------
    inputs, targets : numpy.ndarray
        (samples, length + delay): the symbols, followed by blanks; blanks, followed by the symbols.

    Examples
    --------
    >>> import graph_engine as ge
    >>> inputs, targets = ge.data.sequences.copy(1, length=3, delay=2)
    >>> inputs[0, :3].tolist() == targets[0, 2:].tolist(), inputs[0, 3:].tolist(), targets[0, :2].tolist()
    (True, [0, 0], [0, 0])
    """
    check_counts(0, delay=delay)
    drawn = _draw(samples, length, symbols, seed)
    return np.pad(drawn, ((0, 0), (0, delay))), np.pad(drawn, ((0, 0), (delay, 0)))


def sort(samples: int, length: int, symbols: int = 8, seed: int = 0) -> tuple[Array, Array]:
    """Put the symbols of a sequence into their order.

    Returns
    -------
    inputs, targets : numpy.ndarray
        (samples, length)

    Examples
    --------
    >>> import graph_engine as ge
    >>> inputs, targets = ge.data.sequences.sort(2, length=4)
    >>> sorted(inputs[0].tolist()) == targets[0].tolist()
    True
    """
    drawn = _draw(samples, length, symbols, seed)
    return drawn, np.sort(drawn, axis=1)


def _draw(samples: int, length: int, symbols: int, seed: int) -> Array:
    check_counts(0, samples=samples)
    check_counts(1, length=length, symbols=symbols)
    return np.random.default_rng(seed).integers(1, symbols + 1, (samples, length))
