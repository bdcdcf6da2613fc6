"""Numbers as a page takes them: what is shown, and beside it exactly what it is."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from graph_engine_viz.summary import exact, short

__all__ = ["Number", "as_bytes", "exacts", "number"]

Number = list[str]
"""The short text, and the shortest text that gives the number back; not-a-number is `NaN`, infinities `Inf`, `-Inf`."""

_WORDS = {"nan": "NaN", "-nan": "NaN", "inf": "Inf", "-inf": "-Inf"}


def number(value: object, digits: int = 4) -> Number:
    """Write a number for a page.

    Examples
    --------
    >>> number(2 / 3), number(float("nan"))
    (['0.6667', '0.6666666666666666'], ['NaN', 'NaN'])
    """
    return [short(value, digits), exact(value)]


def as_bytes(answer: Mapping[str, Any]) -> bytes:
    """Write an answer as JSON, as it is sent, and saved."""
    return json.dumps(answer, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def exacts(array: np.ndarray[Any, Any]) -> list[str]:
    """Write all numbers of an array exactly, in row order.

    Examples
    --------
    >>> exacts(np.float32([0.1, float("nan")]))
    ['0.1', 'NaN']
    """
    texts: Iterable[str] = (str(x) for x in array.ravel())
    if array.dtype.kind in "fiub":
        texts = array.ravel().astype("U32").tolist()
    return [_WORDS.get(text, text.removesuffix(".0")) for text in texts]
