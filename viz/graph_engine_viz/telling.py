"""The numbers of a trace in formulas: names, chosen elements, sums of products. All numbers are the trace's.

Of a tensor one element is chosen, the largest, and its number is followed to where it comes from.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from graph_engine.node import Operation, Variable
from graph_engine.spec import show_shape
from graph_engine.trace import Trace
from graph_engine_viz.summary import MAX_PRINTED, short
from graph_engine_viz.typeset import Run
from graph_engine_viz.wording import Line, Part, Role, Words, is_bare_number, line_text, part

__all__ = ["Array", "Index", "Teller", "added", "bracketed", "largest", "repeats", "sum_of", "sum_of_products"]
__all__ += ["symbol", "told"]

Array: TypeAlias = np.ndarray[Any, Any]
Index: TypeAlias = tuple[int, ...]

MOST_TERMS = 2
"""So many products of a sum are written, unless one more is all."""

MOST_USES = 6
"""So many terms of a fan-out are written."""


class Teller:
    """Names the variables of one trace, and tells their numbers.

    Parameters
    ----------
    trace : Trace
    """

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.words = Words(trace.graph)

    def value(self, variable: Variable) -> Array:
        """Return a value without copying it."""
        return np.asarray(self.trace.to_numpy(self.trace.arrays[variable]))

    def array(self, variable: Variable) -> Array:
        if variable in self.trace.arrays:
            return self.value(variable)
        assert variable.data is not None
        return variable.data

    def names(self, variable: Variable | None) -> Line:
        if variable is None:
            return ()
        if is_bare_number(variable):  # a constant is called what it is
            return self.number(variable)
        return (Part(self.words.short_name(variable)),)

    def number(self, variable: Variable | None) -> Line:
        assert variable is not None
        data = variable.data if variable.kind == "constant" else None
        return (part(told(self.value(variable) if data is None else data), "value"),)

    def gradient(self, variable: Variable) -> Line:
        array = self.value(variable)
        if array.size <= MAX_PRINTED and array.ndim <= 1:
            return (part(told(array), "gradient"),)
        return (part(show_shape(array.shape), "note"),)

    def slope(self, variable: Variable, use: str = "") -> tuple[Run, ...]:
        loss = self.trace.loss
        record = self.trace.gradients.get(variable)
        of = loss if loss is not None else record.gradient.loss if record is not None and record.gradient else variable
        return self.words.slope(of, variable, use)

    def element(self, name: tuple[Run, ...], index: Index) -> Line:
        at = f"[{', '.join(map(str, index))}]" if index else ""
        return (Part(name), part(at, "index"))

    def factors(self, operation: Operation) -> tuple[Array, Array, Array | None]:
        """Return what a matrix product multiplies, and what it adds: rows, columns, bias.

        A vector is one row on the left, one column on the right.
        """
        arrays = [self.array(v) for v in operation.inputs]
        rows = np.atleast_2d(arrays[0])
        if operation.primitive.name == "matmul":
            return rows, arrays[1] if arrays[1].ndim == 2 else arrays[1][:, None], None
        return rows, arrays[1].T, arrays[2] if len(arrays) > 2 else None


def told(array: Any) -> str:
    """Write a number, or few of them in brackets."""
    array = np.asarray(array)
    if array.ndim == 0:
        return short(array)
    return "[" + ", ".join(short(number) for number in array.reshape(-1)) + "]"


def symbol(operation: Operation) -> str:
    """Return what is drawn for an operation."""
    return operation.primitive.symbol or operation.primitive.name


def bracketed(line: Line) -> Line:
    """Put brackets around a sum, a quotient, or a negative number."""
    text = line_text(line)
    atom = not text.startswith(("-", "−")) and not any(sign in text for sign in (" + ", " - ", " / ", " × "))
    return line if atom or (text.startswith("[") and text.endswith("]")) else (part("("), *line, part(")"))


def largest(array: Array) -> Index | None:
    """Choose an element to follow: the first of the largest magnitude; what is not finite comes first."""
    if array.size == 0 or array.dtype.kind not in "biuf":
        return None
    magnitudes = np.abs(array.astype(np.float64))
    flat = int(np.argmax(np.where(np.isnan(magnitudes), np.inf, magnitudes)))
    return tuple(int(i) for i in np.unravel_index(flat, array.shape))


def is_matrix_product(operation: Operation, trace: Trace) -> bool:
    """Say whether it multiplies matrices or vectors (`linear` the second one transposed, and adds a bias)."""
    if operation.primitive.name not in ("matmul", "linear"):
        return False
    left, right = (np.ndim(trace.arrays.get(v, v.data)) for v in operation.inputs[:2])
    return left in (1, 2) and (right == 2 or (right == 1 and operation.primitive.name == "matmul"))


def sum_of_products(left: Array, right: Array, roles: tuple[Role, Role]) -> Line:
    """Write Σ as products: the largest ones, in their order, and how many more there are."""
    products = np.abs(left.astype(np.float64) * right.astype(np.float64))
    pairs = []
    for number, i in enumerate(_chosen(products)):
        first: Line = (part(told(left[i]), roles[0]),)
        second: Line = (part(told(right[i]), roles[1]),)
        pairs.append((*(bracketed(first) if number else first), part("×"), *bracketed(second)))
    return _joined(pairs, len(products) - len(pairs))


def sum_of(numbers: Array) -> Line:
    """Write a sum: the largest terms, in their order, and how many more there are."""
    terms: list[Line] = [(part(told(numbers[i]), "gradient"),) for i in _chosen(np.abs(numbers.astype(np.float64)))]
    return _joined(terms, len(numbers) - len(terms))


def added(numbers: list[str]) -> Line:
    """Write a sum of the first terms, and how many more there are."""
    shown = numbers if len(numbers) <= MOST_USES else numbers[: MOST_USES // 2]
    return _joined([(part(text, "gradient"),) for text in shown], len(numbers) - len(shown))


def _chosen(sizes: Array) -> list[int]:
    most = len(sizes) if len(sizes) <= MOST_TERMS + 1 else MOST_TERMS
    return sorted(np.argsort(-sizes, kind="stable")[:most].tolist())


def _joined(terms: Sequence[Line], more: int) -> Line:
    pieces: list[Part] = []
    for term in terms:
        pieces += [part(" + ")] if pieces else []
        pieces += bracketed(term) if pieces and len(term) == 1 else term
    if more:
        pieces.append(part(f" + … ({more} more)"))
    return tuple(pieces)


def repeats(upstream: Array, shape: tuple[int, ...], index: Index) -> Array:
    """Return the elements that broadcasting made of one element."""
    whole = (1,) * (upstream.ndim - len(shape)) + shape
    at = (0,) * (upstream.ndim - len(shape)) + index
    place = tuple(
        slice(None) if size == 1 and upstream.shape[axis] != 1 else slice(at[axis], at[axis] + 1)
        for axis, size in enumerate(whole)
    )
    return upstream[place].reshape(-1)
