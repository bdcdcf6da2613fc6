"""What is done to data before training: splitting, class ids to vectors, scaling."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from graph_engine.data.arrays import Array, Arrays, as_samples, shuffled
from graph_engine.declaring import is_whole, refused
from graph_engine.errors import DTypeError, ShapeError
from graph_engine.spec import FLOATS, as_dtype


def split(
    *arrays: Any,
    fractions: Sequence[float] = (0.8, 0.2),
    seed: int = 0,
    shuffle: bool = True,
    stratify: Any = None,
) -> list[Arrays]:
    """Divide samples into parts: for training, validation and testing, say.

    Parameters
    ----------
    *arrays : array_like
        With the same number of samples along their first dimensions.
    fractions : sequence of float
        How much goes into each part; they add up to 1.
    seed : int
        What the division follows from.
    shuffle : bool
        False keeps the order: the first samples go into the first part.
    stratify : array_like, optional
        Class ids: each part has its share of each class, up to one sample.

    Returns
    -------
    list of tuple of numpy.ndarray
        For each part, its share of each array.

    Examples
    --------
    >>> import graph_engine as ge
    >>> x, y = [[i] for i in range(10)], list(range(10))
    >>> (train_x, train_y), (test_x, test_y) = ge.data.split(x, y, fractions=(0.7, 0.3))
    >>> len(train_y), len(test_y)
    (7, 3)
    """
    samples = as_samples(arrays)
    if any(not 0 <= fraction <= 1 for fraction in fractions) or abs(sum(fractions) - 1) > 1e-9:
        raise refused(f"fractions are numbers from 0 to 1 that add up to 1, not {tuple(fractions)}")
    count = len(samples[0])
    order = _order(count, seed, shuffle, stratify)
    ends = [round(end * count) for end in np.cumsum([0.0, *fractions])]
    return [_take(samples, order[start:end]) for start, end in pairwise(ends)]


def k_fold(*arrays: Any, k: int, seed: int = 0, shuffle: bool = True, stratify: Any = None) -> list[list[Arrays]]:
    """Divide samples into k parts, each of which is held out once.

    Parameters
    ----------
    *arrays, seed, shuffle, stratify
        As in `split`.
    k : int
        From 2 to the number of samples.

    Returns
    -------
    list of [tuple of numpy.ndarray, tuple of numpy.ndarray]
        k times: the samples to train on, those held out.

    Examples
    --------
    >>> import graph_engine as ge
    >>> for (train,), (held_out,) in ge.data.k_fold([10, 20, 30], k=3, shuffle=False):
    ...     print(train.tolist(), held_out.tolist())
    [20, 30] [10]
    [10, 30] [20]
    [10, 20] [30]
    """
    samples = as_samples(arrays)
    count = len(samples[0])
    if not is_whole(k, 2) or k > count:
        raise refused(f"{count} samples are divided into 2 to {count} parts, not {k!r}")
    order = _order(count, seed, shuffle, stratify)
    ends = [round(end * count / k) for end in range(k + 1)]
    return [
        [_take(samples, np.delete(order, np.s_[start:end])), _take(samples, order[start:end])]
        for start, end in pairwise(ends)
    ]


def _take(samples: Arrays, chosen: Array) -> Arrays:
    return tuple(array[chosen] for array in samples)


def _order(count: int, seed: int, shuffle: bool, stratify: Any) -> Array:
    """Return the samples in an order; stratified, any stretch of it has its share of each class."""
    order = shuffled(count, seed) if shuffle else np.arange(count)
    if stratify is None:
        return order
    classes = np.asarray(stratify)
    if classes.shape != (count,):
        raise refused(f"stratify holds a class for each of {count} samples, not {classes.shape}", kind=ShapeError)
    place = np.empty(count)
    for one in np.unique(classes):
        among = np.flatnonzero(classes[order] == one)
        place[among] = (np.arange(len(among)) + 0.5) / len(among)
    return order[np.argsort(place, kind="stable")]


def one_hot(labels: Any, num_classes: int, dtype: Any = "float32") -> Array:
    """Turn class ids into vectors with a 1 at the class.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.data.one_hot([2, 0], 3).tolist()
    [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    """
    ids = np.asarray(labels)
    if ids.size and ids.dtype.kind not in "iu":
        raise refused(f"class ids are integers, not {ids.dtype}", kind=DTypeError)
    if ids.size and not 0 <= ids.min() <= ids.max() < num_classes:
        raise refused(f"class ids go from 0 to {num_classes - 1}, not from {ids.min()} to {ids.max()}")
    return np.asarray(ids[..., None] == np.arange(num_classes)).astype(as_dtype(dtype))


def standardize(x: Any, like: Any = None, axis: int | tuple[int, ...] = 0) -> Array:
    """Shift and scale each feature to mean 0 and deviation 1.

    Parameters
    ----------
    x : array_like
    like : array_like, optional
        Whose mean and deviation count; by default those of `x`. Test data are standardised like the training data.
    axis : int or tuple of int
        The samples: the dimensions that means are taken over.

    Returns
    -------
    numpy.ndarray
        A feature that never changes becomes 0.

    Examples
    --------
    >>> import graph_engine as ge
    >>> train = [[1.0, 5.0], [3.0, 5.0]]
    >>> ge.data.standardize(train).tolist()
    [[-1.0, 0.0], [1.0, 0.0]]
    >>> ge.data.standardize([[2.0, 6.0]], like=train).tolist()
    [[0.0, 1.0]]
    """
    values, measured = _measured(x, like)
    mean, deviation = measured.mean(axis, keepdims=True), measured.std(axis, keepdims=True)
    return _as_floats((values - mean) / np.where(deviation > 0, deviation, 1), values)


def min_max(x: Any, like: Any = None, axis: int | tuple[int, ...] = 0) -> Array:
    """Shift and scale each feature to go from 0 to 1.

    Parameters
    ----------
    x, axis
        As in `standardize`.
    like : array_like, optional
        Whose least and greatest values become 0 and 1; by default those of `x`.

    Returns
    -------
    numpy.ndarray
        A feature that never changes becomes 0.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.data.min_max([[1.0, 5.0], [3.0, 5.0], [2.0, 5.0]]).tolist()
    [[0.0, 0.0], [1.0, 0.0], [0.5, 0.0]]
    """
    values, measured = _measured(x, like)
    least, range_ = measured.min(axis, keepdims=True), np.ptp(measured, axis, keepdims=True)
    return _as_floats((values - least) / np.where(range_ > 0, range_, 1), values)


def _measured(x: Any, like: Any) -> tuple[Array, Array]:
    values, measured = np.asarray(x), np.asarray(x if like is None else like, "float64")
    if not measured.size:
        raise refused(f"there are no samples to measure: the array has shape {measured.shape}", kind=ShapeError)
    return values, measured


def _as_floats(scaled: Array, values: Array) -> Array:
    return scaled.astype(values.dtype if values.dtype.name in FLOATS else "float32")
