"""Linear maps along one dimension in which few inputs make an output: tables of places and weights.

Averaging over windows and resizing are such maps; so are their transposes, which gradients need.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]


class Taps(NamedTuple):
    """Output o is the sum over t of weights[t, o] * x[places[t, o]]; what has weight 0 is not looked at.

    Attributes
    ----------
    places, weights : numpy.ndarray
        Of shape (taps, outputs).
    """

    places: Array
    weights: Array


def transposed(taps: Taps, size: int) -> Taps:
    """Return the transposed map; `size` is how many inputs the map has.

    Examples
    --------
    >>> twice = Taps(np.array([[0, 0, 1, 1]]), np.ones((1, 4)))
    >>> transposed(twice, 2).places.tolist()
    [[0, 2], [1, 3]]
    """
    tap, output = np.nonzero(taps.weights)
    inputs, weights = taps.places[tap, output], taps.weights[tap, output]
    order = np.lexsort((output, inputs))
    inputs, output, weights = inputs[order], output[order], weights[order]
    rank = np.arange(len(inputs)) - np.searchsorted(inputs, inputs)
    shape = (int(rank.max(initial=0)) + 1, size)
    result = Taps(np.zeros(shape, np.int64), np.zeros(shape))
    result.places[rank, inputs], result.weights[rank, inputs] = output, weights
    return result


def along(xp: Any, x: Any, taps: Taps, axis: int) -> Any:
    """Apply a map along a dimension of an array of any namespace."""
    shape = (-1,) + (1,) * (x.ndim - axis - 1)
    terms = (_term(xp, xp.take(x, as_places(xp, p), axis=axis), w, shape) for p, w in zip(*taps, strict=True))
    total = next(terms)
    for term in terms:
        total = total + term
    return total


def _term(xp: Any, taken: Any, weights: Array, shape: tuple[int, ...]) -> Any:
    if (weights == 1).all():
        return taken
    factors = xp.reshape(xp.asarray(weights.tolist(), dtype=taken.dtype), shape)
    return xp.where(factors != 0, taken * factors, xp.zeros_like(taken))


def as_places(xp: Any, places: Array) -> Any:
    """Return places as an array of a namespace."""
    return xp.asarray(places.tolist(), dtype=xp.int64)
