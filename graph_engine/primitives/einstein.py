"""Einstein's summation: products summed over the indices that the result does not have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_letters
from typing import Any

import numpy as np

from graph_engine.declaring import located
from graph_engine.dims import Dim, product
from graph_engine.errors import DTypeError, ShapeError
from graph_engine.node import Operand, Operation, Variable
from graph_engine.primitive import Cotangents, Primitive, Sample
from graph_engine.primitives.arrays import cast, sum_array, widened
from graph_engine.primitives.common import as_one_dtype
from graph_engine.primitives.shape import reshape
from graph_engine.primitives.structure import broadcast_to, sum_to
from graph_engine.spec import Spec, broadcast_shapes, show_shape

_GRID = np.linspace(-1, 1, 24).reshape(2, 3, 4)


@dataclass(frozen=True)
class Einsum(Primitive):
    """Products of elements, summed over the indices that the result does not have.

    Attributes
    ----------
    inputs : tuple of str
        The indices of each operand, one letter a dimension.
    output : str
        Those of the result.
    """

    name, symbol, formula, may_view = "einsum", "Σ∏", "Σ ∏ {operands}", False
    inputs: tuple[str, ...] = ()
    output: str = ""

    def infer(self, *operands: Spec) -> Spec:
        if len(operands) != len(self.inputs) or not operands:
            raise ShapeError(f"{len(operands)} operands for {len(self.inputs)} subscripts")
        if len({spec.dtype for spec in operands}) > 1 or operands[0].dtype == "bool":
            raise DTypeError(f"it multiplies numbers of one dtype, not {', '.join(s.dtype for s in operands)}")
        for letters in (*self.inputs, self.output):
            if len(set(letters)) != len(letters):
                raise ShapeError(
                    f"{letters!r} has an index twice", "diagonals are not supported: multiply by ge.eye and sum"
                )
        sizes = self._sizes([spec.shape for spec in operands])
        missing = [letter for letter in self.output if letter not in sizes]
        if missing:
            raise ShapeError(f"the result has the index {missing[0]!r}, which no operand has")
        return operands[0].with_shape(sizes[letter] for letter in self.output)

    def _sizes(self, shapes: Sequence[tuple[Any, ...]]) -> dict[str, int | Dim]:
        sizes: dict[str, int | Dim] = {}
        for letters, shape in zip(self.inputs, shapes, strict=True):
            if len(letters) != len(shape):
                raise ShapeError(f"{letters!r} has {len(letters)} indices for shape {show_shape(shape)}")
            for letter, dim in zip(letters, shape, strict=True):
                sizes[letter] = broadcast_shapes((sizes.get(letter, 1),), (dim,))[0]
        return sizes

    def kernel(self, xp: Any, *operands: Any) -> Any:
        sizes = self._sizes([x.shape for x in operands])
        terms = [_trimmed(xp, letters, widened(xp, x), sizes) for letters, x in zip(self.inputs, operands, strict=True)]
        letters, total = terms[0]
        for position, term in enumerate(terms[1:], start=2):
            needed = set(self.output).union(*(later for later, _ in terms[position:]))
            letters, total = _contracted(xp, (letters, total), term, needed)
        letters, total = _summed(xp, letters, total, set(self.output))
        order = tuple(letters.index(letter) for letter in self.output)
        return cast(xp, xp.permute_dims(total, order) if order else total, operands[0].dtype)

    def vjp(self, operation: Operation, cotangents: Cotangents, wanted: Sequence[bool]) -> Cotangents:
        (c,) = cotangents
        if c is None:
            return [None] * len(operation.inputs)
        return [self._pull(c, operation.inputs, i) if want else None for i, want in enumerate(wanted)]

    def _pull(self, c: Variable, operands: tuple[Variable, ...], i: int) -> Variable:
        """Return the gradient of one operand: the cotangent times all others, summed to its indices."""
        letters, x = self.inputs[i], operands[i]
        others = [j for j in range(len(operands)) if j != i]
        inputs = (self.output, *(self.inputs[j] for j in others))
        present = set("".join(inputs))
        found = "".join(letter for letter in letters if letter in present)
        term: Variable = Einsum(inputs, found)(c, *(operands[j] for j in others))
        sizes = dict(zip(found, term.shape, strict=True))
        aligned = reshape(term, tuple(sizes.get(letter, 1) for letter in letters))
        return broadcast_to(sum_to(aligned, _narrow(aligned.shape, x.shape)), x.shape)

    def local_derivatives(self, operation: Operation) -> Sequence[str | None]:
        return ["Σ {d} others"] * len(operation.inputs)

    def samples(self) -> Sequence[Sample]:
        a, b = _GRID, np.cos(np.arange(40.0)).reshape(2, 4, 5)
        return (
            Sample(a[0], b[0], use=Einsum(("ij", "jk"), "ki")),
            Sample(a, b, use=Einsum(("bij", "bjk"), "bik")),
            Sample(a, use=Einsum(("ijk",), "k")),
            Sample(a[0], a[1], a[0], use=Einsum(("ij", "ij", "ik"), "ik")),
            Sample(a[0], b[:1, 0, :1], use=Einsum(("ij", "kl"), "lj")),
            Sample(a[:, :1], b, use=Einsum(("bij", "bjk"), "bik")),
            Sample(a[:, :1], a, use=Einsum(("bij", "bij"), "bi")),
            Sample(a[0], a[0, :1], use=Einsum(("ij", "ij"), "")),
            Sample(a[:0], b[:0], use=Einsum(("bij", "bjk"), "ik")),
            Sample(2.0, a.T[::2], use=Einsum(("", "ijk"), "kj")),
            Sample(a, use=Einsum(("iij",), "j"), raises=ShapeError),
            Sample(a, b, use=Einsum(("bij", "bik"), "bjk"), raises=ShapeError),
            Sample(a, use=Einsum(("ijk",), "l"), raises=ShapeError),
            Sample(a, use=Einsum(("ij",), "i"), raises=ShapeError),
        )


def _narrow(shape: tuple[Any, ...], target: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the shape with 1 wherever the target has 1."""
    return tuple(1 if wanted == 1 else dim for dim, wanted in zip(shape, target, strict=True))


# ---- the generic kernel: one operand after the other, each step a product of matrices -----------------------------


def _trimmed(xp: Any, letters: str, x: Any, sizes: dict[str, Any]) -> tuple[str, Any]:
    """Drop the dimensions of size 1 that are repeated to go with another operand's."""
    kept = [axis for axis, letter in enumerate(letters) if x.shape[axis] == sizes[letter]]
    return "".join(letters[axis] for axis in kept), xp.reshape(x, tuple(x.shape[axis] for axis in kept))


def _summed(xp: Any, letters: str, x: Any, needed: set[str]) -> tuple[str, Any]:
    """Sum over the indices that are not needed any more."""
    axes = tuple(axis for axis, letter in enumerate(letters) if letter not in needed)
    kept = "".join(letter for letter in letters if letter in needed)
    return kept, sum_array(xp, x, axes, False) if axes else x


def _contracted(xp: Any, left: tuple[str, Any], right: tuple[str, Any], needed: set[str]) -> tuple[str, Any]:
    """Multiply two operands and sum over what only they have: a product of (stacked) matrices."""
    left = _summed(xp, *left, needed | set(right[0]))
    right = _summed(xp, *right, needed | set(left[0]))
    shared = [letter for letter in left[0] if letter in right[0]]
    stacked = "".join(letter for letter in shared if letter in needed)
    inner = "".join(letter for letter in shared if letter not in needed)
    rows = "".join(letter for letter in left[0] if letter not in shared)
    columns = "".join(letter for letter in right[0] if letter not in shared)
    x1, sizes1 = _grouped(xp, *left, (stacked, rows, inner))
    x2, sizes2 = _grouped(xp, *right, (stacked, inner, columns))
    sizes = sizes1 | sizes2
    letters = stacked + rows + columns
    return letters, xp.reshape(xp.matmul(x1, x2), tuple(sizes[letter] for letter in letters))


def _grouped(xp: Any, letters: str, x: Any, groups: tuple[str, ...]) -> tuple[Any, dict[str, int]]:
    """Make one dimension of each group of indices."""
    sizes = dict(zip(letters, x.shape, strict=True))
    order = tuple(letters.index(letter) for group in groups for letter in group)
    moved = xp.permute_dims(x, order) if order else x
    return xp.reshape(moved, tuple(product(sizes[letter] for letter in group) for group in groups)), sizes


# ---- the function ----------------------------------------------------------------------------------------------


@located
def einsum(subscripts: str, *operands: Operand) -> Variable:
    """Multiply, and sum over the indices that the result does not have.

    Parameters
    ----------
    subscripts : str
        The indices of the operands, one letter a dimension, and those of the result: `"bij,bjk->bik"`. Without `->`,
        the result has those that occur once, in alphabetical order. `...` stands for any further dimensions, which
        broadcast. An index twice in one operand (a diagonal) is refused.
    *operands : Variable or array_like

    Examples
    --------
    >>> import graph_engine as ge
    >>> queries, keys = ge.input("queries", ("batch", 7, 64)), ge.input("keys", ("batch", 9, 64))
    >>> ge.einsum("bqd,bkd->bqk", queries, keys).shape
    ('batch', 7, 9)
    """
    variables = as_one_dtype(operands)
    inputs, output = _parsed(subscripts, [v.ndim for v in variables])
    result: Variable = Einsum(inputs, output)(*variables)
    return result


def _parsed(subscripts: str, ranks: list[int]) -> tuple[tuple[str, ...], str]:
    """Read the subscripts, with letters in the place of each ellipsis."""
    left, arrow, output = subscripts.replace(" ", "").partition("->")
    inputs = left.split(",")
    if len(inputs) != len(ranks):
        raise ShapeError(f"{subscripts!r} has subscripts for {len(inputs)} operands, not {len(ranks)}")
    for text in (*inputs, output):
        rest = text.replace("...", "", 1)
        if rest and not (rest.isascii() and rest.isalpha()):
            raise ShapeError(f"{text!r} in {subscripts!r} is made of letters and one '...' at most")
    free = [letter for letter in ascii_letters if letter not in subscripts]
    extra = [rank - len(text.replace("...", "")) for text, rank in zip(inputs, ranks, strict=True)]
    hidden = "".join(free[: max([0, *(n for n, text in zip(extra, inputs, strict=True) if "..." in text)])])
    if not arrow:
        once = sorted(letter for letter in set(left) if letter.isalpha() and left.count(letter) == 1)
        output = ("..." if "..." in left else "") + "".join(once)
    spelled = tuple(
        text.replace("...", hidden[len(hidden) - max(n, 0) :]) for text, n in zip(inputs, extra, strict=True)
    )
    return spelled, output.replace("...", hidden)


PRIMITIVES: tuple[type[Primitive], ...] = (Einsum,)
