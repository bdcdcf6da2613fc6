"""How a tensor is told in few words: short and exact numbers, and what a big array looks like as a whole.

Nothing here knows where the numbers came from: NumPy arrays and numbers in, texts and counts out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

import numpy as np

__all__ = ["MAX_PRINTED", "Histogram", "Summary", "exact", "matrix_rows", "short", "summarize"]

MAX_PRINTED = 6
"""Arrays of at most so many elements are printed number by number."""

BINS = 24
LARGEST_PLAIN_INTEGER = 10**6
SMALLEST_PLAIN, LARGEST_PLAIN = 1e-4, 1e16
CHUNK = 1 << 16
WORDS = {"nan": "NaN", "-nan": "NaN", "inf": "Inf", "-inf": "-Inf", "True": "True", "False": "False"}


def exact(number: object) -> str:
    """Write a number in the shortest text that gives its dtype's number back.

    Parameters
    ----------
    number : Python number, NumPy scalar or 0-d array

    Returns
    -------
    str
        Not-a-number is ``NaN``, the infinities are ``Inf`` and ``-Inf``.

    Examples
    --------
    >>> exact(np.float32(0.1)), exact(0.1 + 0.2), exact(3.0), exact(np.array(-0.0))
    ('0.1', '0.30000000000000004', '3', '-0')
    >>> exact(1e-9), exact(float("-inf")), exact(True), exact(10**30)
    ('1e-9', '-Inf', 'True', '1000000000000000000000000000000')
    """
    scalar = np.asarray(number)[()]
    if isinstance(scalar, np.complexfloating):
        return _complex(exact(scalar.real), exact(scalar.imag))
    if isinstance(scalar, np.floating) and SMALLEST_PLAIN <= abs(float(scalar)) < LARGEST_PLAIN:
        # Every width as Python writes its own: NumPy would write float32's millions with an exponent.
        return np.format_float_positional(scalar, trim="-")
    text = str(scalar)
    return WORDS.get(text) or _tidy(text)


def short(number: object, digits: int = 4) -> str:
    """Write a number for a slide, in at most `digits` significant digits; whole numbers below a million in full.

    Examples
    --------
    >>> short(-4), short(np.float32(0.1)), short(2 / 3), short(1234567.0), short(123456)
    ('-4', '0.1', '0.6667', '1.235e6', '123456')
    >>> short(1e-9), short(float("nan")), short(-0.0), short(True), short(np.float16(0.1))
    ('1e-9', 'NaN', '-0', 'True', '0.1')
    """
    scalar = np.asarray(number)[()]
    if isinstance(scalar, np.complexfloating):
        return _complex(short(scalar.real, digits), short(scalar.imag, digits))
    text = exact(scalar)
    if text in WORDS.values():
        return text
    if isinstance(scalar, (int, np.integer)):
        return text if abs(int(scalar)) < LARGEST_PLAIN_INTEGER else _scientific(int(scalar), digits)
    # From the exact text, not from the bits: float16's 0.1 is 0.09998 when it is widened.
    return _tidy(f"{float(text):.{digits}g}")


def _complex(real: str, imaginary: str) -> str:
    return f"{real}{'' if imaginary.startswith('-') else '+'}{imaginary}i"


def _tidy(text: str) -> str:
    """Drop what carries nothing: ``1.0`` is ``1``, ``1.0e+06`` is ``1e6``."""
    mantissa, letter, exponent = text.partition("e")
    mantissa = mantissa.removesuffix(".0")
    return f"{mantissa}e{int(exponent)}" if letter else mantissa


def _scientific(number: int, digits: int) -> str:
    """Write an integer of any length as mantissa and exponent (a float would overflow at 1e309)."""
    mantissa, _, exponent = f"{Decimal(number):.{digits - 1}e}".partition("e")
    return _tidy(f"{float(mantissa):g}e{exponent}")


@dataclass(frozen=True)
class Histogram:
    """How often values fall into equal bins from `low` to `high`; only finite values are counted.

    If all are equal they are in the middle bin; if there are none, the ends are NaN.
    """

    counts: tuple[int, ...]
    low: float
    high: float


@dataclass(frozen=True)
class Summary:
    """A tensor in few numbers. The moments and the extremes are those of its finite values (NaN if it has none).

    Attributes
    ----------
    shape, dtype, size
        As the array says them.
    elements : tuple of numbers or None
        All of them, in row order and in their own dtype, if they are few enough to be printed.
    histogram : Histogram
    mean, std, rms, minimum, maximum : float
    zeros : float
        The fraction of elements that are exactly zero.
    nans, infs : int
    """

    shape: tuple[int, ...]
    dtype: str
    size: int
    elements: tuple[Any, ...] | None
    histogram: Histogram
    mean: float
    std: float
    rms: float
    minimum: float
    maximum: float
    zeros: float
    nans: int
    infs: int

    @property
    def centre(self) -> float:
        """The mean, or 0 where it is nothing but rounding beside the size of the numbers."""
        return 0.0 if abs(self.mean) < 1e-6 * self.rms else self.mean

    def text(self, kind: Literal["value", "gradient"] = "value") -> str:
        """Say it in a line, and in a second one what is not finite.

        A value shows mean and deviation. A gradient shows its root mean square, which does not grow with the size
        as a norm does. What is small enough is printed as it is.

        Examples
        --------
        >>> summarize(np.array([1.0, -2.5])).text()
        '[1, -2.5]'
        >>> print(summarize(np.array([0, 1, 2, 3, 4, 5, 6, np.nan])).text("gradient"))
        RMS 3.61  zeros 12 %
        NaN 1
        """
        if self.elements is not None:
            numbers = ", ".join(short(number) for number in self.elements)
            return numbers if self.shape == () else f"[{numbers}]"
        if kind == "gradient":
            parts = [f"RMS {short(self.rms, 3)}"]
        else:
            parts = [f"mean {short(self.centre, 3)} std {short(self.std, 3)}"]
        if self.zeros:
            parts.append(f"zeros {_percent(self.zeros)}")
        odd = [f"{name} {count}" for name, count in (("NaN", self.nans), ("Inf", self.infs)) if count]
        return "  ".join(parts) + ("\n" + "  ".join(odd) if odd else "")


def _percent(fraction: float) -> str:
    """Round, but never to "none" or "all" what is neither."""
    if 0 < fraction < 0.01:
        return "<1 %"
    if 0.99 < fraction < 1:
        return ">99 %"
    return f"{fraction * 100:.0f} %"


def summarize(array: object) -> Summary:
    """Describe an array of any real dtype, layout and size, accumulating in float64 and in chunks.

    Parameters
    ----------
    array : array_like
        Real or boolean numbers (of complex ones the magnitudes are described).

    Returns
    -------
    Summary

    Examples
    --------
    >>> summary = summarize(np.arange(8, dtype="int16").reshape(2, 4))
    >>> summary.shape, summary.dtype, summary.mean, summary.minimum, summary.maximum, summary.zeros
    ((2, 4), 'int16', 3.5, 0.0, 7.0, 0.125)
    >>> summary.elements is None, sum(summary.histogram.counts)
    (True, 8)
    >>> summarize([]).text(), summarize(np.float32(0.1)).text()
    ('[]', '0.1')
    """
    given = np.asarray(array)
    elements = tuple(given.ravel()) if given.size <= MAX_PRINTED else None
    numbers = np.abs(given) if np.iscomplexobj(given) else given
    low, high, zeros, nans, infs = _extremes(numbers)
    mean, std, rms, counts = _moments(numbers, low, high)
    return Summary(
        shape=given.shape,
        dtype=str(given.dtype),
        size=given.size,
        elements=elements,
        histogram=Histogram(counts, low, high),
        mean=mean,
        std=std,
        rms=rms,
        minimum=low,
        maximum=high,
        zeros=zeros / given.size if given.size else 0.0,
        nans=nans,
        infs=infs,
    )


def _chunks(array: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the elements as float64 in flat pieces; the iterator's buffer is the only temporary."""
    pieces = np.nditer(
        array,
        flags=("external_loop", "buffered", "zerosize_ok"),
        op_dtypes=np.dtype(np.float64),
        casting="unsafe",
        buffersize=CHUNK,
    )
    with pieces:
        for piece in pieces:
            yield np.asarray(piece)


def _extremes(array: np.ndarray) -> tuple[float, float, int, int, int]:
    """First pass: the finite range, and how many zeros, NaN and Inf there are."""
    low, high, zeros, nans, infs = math.inf, -math.inf, 0, 0, 0
    for piece in _chunks(array):
        finite = piece[np.isfinite(piece)]
        missing = int(np.isnan(piece).sum())
        nans += missing
        infs += piece.size - finite.size - missing
        zeros += piece.size - int(np.count_nonzero(piece))
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    return (low, high, zeros, nans, infs) if low <= high else (math.nan, math.nan, zeros, nans, infs)


def _moments(array: np.ndarray, low: float, high: float) -> tuple[float, float, float, tuple[int, ...]]:
    """Second pass: mean, deviation, root mean square and bin counts, in units of the largest magnitude.

    So that neither 1e308 overflows when it is squared nor 1e-300 vanishes.
    """
    counts = np.zeros(BINS, dtype=np.int64)
    if math.isnan(low):
        return math.nan, math.nan, math.nan, tuple(counts.tolist())
    scale = max(abs(low), abs(high)) or 1.0
    start, extent = low / scale, high / scale - low / scale
    count, mean, spread = 0, 0.0, 0.0
    for piece in _chunks(array):
        unit = piece[np.isfinite(piece)] / scale
        if not unit.size:
            continue
        if extent > 0:
            bins = np.minimum((unit - start) / extent * BINS, BINS - 1).astype(np.int64)
            counts += np.bincount(bins, minlength=BINS)
        else:
            counts[BINS // 2] += unit.size
        # Merging two means and sums of squared deviations, instead of subtracting two large sums.
        total, piece_mean = count + unit.size, float(unit.mean())
        difference = piece_mean - mean
        spread += float(((unit - piece_mean) ** 2).sum()) + difference**2 * count * unit.size / total
        mean += difference * unit.size / total
        count = total
    variance = spread / count
    std, rms = math.sqrt(variance) * scale, math.sqrt(variance + mean**2) * scale
    # Rounding must not carry a mean out of the range that it is the mean of.
    return min(max(mean * scale, low), high), std, rms, tuple(counts.tolist())


def matrix_rows(array: object) -> tuple[tuple[str, ...], ...]:
    """Write a small array as rows of short texts, each column padded to one width.

    A vector is one row; of more than two dimensions the last one runs along the row.

    Examples
    --------
    >>> matrix_rows([[1.0, -20.5], [0.25, 3.0]])
    (('   1', '-20.5'), ('0.25', '    3'))
    >>> matrix_rows(3.0), matrix_rows([])
    ((('3',),), ())
    """
    given = np.asarray(array)
    if given.size > MAX_PRINTED:
        raise ValueError(f"an array of shape {given.shape} has more than {MAX_PRINTED} elements: summarize it instead")
    if given.size == 0:
        return ()
    rows = [[short(number) for number in row] for row in given.reshape(-1, given.shape[-1] if given.ndim else 1)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return tuple(tuple(text.rjust(width) for text, width in zip(row, widths, strict=True)) for row in rows)
