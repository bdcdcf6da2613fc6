"""Dimensions: integers, names, and integer expressions in names."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache

from graph_engine.errors import DeclarationError, FeedError

# A polynomial: {monomial: coefficient}; a monomial is a sorted tuple of atoms, an atom the text of a name or of a
# floor division that does not come out even.
_Terms = dict[tuple[str, ...], int]
_LONGEST = 500
_MOST_TERMS = 200  # a text of 500 characters can multiply out to millions


class Dim(str):
    """A dimension that is known when inputs are fed: a name or an integer expression in names.

    It is its own canonical text, so it compares, hashes and prints as such, and it calculates:

    >>> n = Dim("n")
    >>> (n - 1) // 2 + 1
    '(n - 1)//2 + 1'
    >>> 2 * n == "n*2", 2 * n == Dim("n*2"), (4 * n) // 2
    (False, True, '2*n')
    """

    __slots__ = ()

    def __new__(cls, text: str) -> Dim:
        return str.__new__(cls, _write(_parse(text)))

    def __add__(self, other: int | str) -> Dim | int:  # type: ignore[override]
        return _dimension(_sum(_terms(self), _terms(other)))

    def __sub__(self, other: int | str) -> Dim | int:
        return _dimension(_difference(_terms(self), _terms(other)))

    def __rsub__(self, other: int | str) -> Dim | int:
        return _dimension(_difference(_terms(other), _terms(self)))

    def __mul__(self, other: int | str) -> Dim | int:  # type: ignore[override]
        return _dimension(_product(_terms(self), _terms(other)))

    def __floordiv__(self, other: int | str) -> Dim | int:
        return _dimension(_quotient(_terms(self), _terms(other)))

    def __rfloordiv__(self, other: int | str) -> Dim | int:
        return _dimension(_quotient(_terms(other), _terms(self)))

    def __neg__(self) -> Dim | int:
        return _dimension(_scaled(_terms(self), -1))

    __radd__ = __add__
    __rmul__ = __mul__  # type: ignore[assignment]

    def divides(self, other: int | Dim) -> bool:
        """Return whether `other` is a multiple of this dimension, whatever the names stand for."""
        return _exact_quotient(_terms(other), _terms(self)) is not None

    def evaluate(self, names: Mapping[str, int]) -> int:
        """Return the number that this dimension is, for these names."""
        return _evaluate(ast.parse(str(self), mode="eval").body, names)

    @property
    def is_name(self) -> bool:
        """Whether this is one name and nothing else."""
        return self.isidentifier()

    @property
    def names(self) -> tuple[str, ...]:
        """The names that occur in it, sorted."""
        tree = ast.walk(ast.parse(str(self), mode="eval"))
        return tuple(sorted({node.id for node in tree if isinstance(node, ast.Name)}))


def dimension(value: object) -> int | Dim:
    """Read one dimension.

    Raises
    ------
    DeclarationError
        Where it is no integer >= 0, no name and no integer expression.
    """
    if isinstance(value, Dim):
        return value
    if isinstance(value, str):
        value = _dimension(_parse(value))
        if isinstance(value, Dim):
            return value
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise DeclarationError(f"a dimension is an integer, a name or an expression in names, not {value!r}")
    number = int(value.__index__())
    if number < 0:
        raise DeclarationError(f"a dimension cannot be negative: {number}")
    return number


def product(dims: Iterable[int | Dim]) -> int | Dim:
    """Multiply dimensions: the number of elements of a shape."""
    result: int | Dim = 1
    for dim in dims:
        result = result * dim
    return result


def divide_exactly(whole: int | Dim, part: int | Dim) -> int | Dim | None:
    """Return whole / part where that is a whole number whatever the names stand for, else None."""
    quotient = _exact_quotient(_terms(whole), _terms(part))
    return None if quotient is None else _dimension(quotient)


def evaluate(dim: int | Dim, names: Mapping[str, int]) -> int:
    """Return the number that a dimension is, for these names.

    Raises
    ------
    FeedError
        Where a name is not bound, or the number comes out negative.
    """
    if isinstance(dim, int):
        return dim
    number = dim.evaluate(names)
    if number < 0:
        bound = ", ".join(f"{name} = {names[name]}" for name in dim.names)
        raise FeedError(f"the dimension {dim} is negative ({number}) for {bound}")
    return number


# ---- polynomials -----------------------------------------------------------------------------------------------


def _terms(value: int | str) -> _Terms:
    if isinstance(value, int):
        return {(): value} if value else {}
    return _parse(value)


def _sum(left: _Terms, right: _Terms) -> _Terms:
    result = dict(left)
    for monomial, coefficient in right.items():
        result[monomial] = result.get(monomial, 0) + coefficient
    return {monomial: c for monomial, c in result.items() if c}


def _difference(left: _Terms, right: _Terms) -> _Terms:
    return _sum(left, _scaled(right, -1))


def _scaled(terms: _Terms, factor: int) -> _Terms:
    return {monomial: c * factor for monomial, c in terms.items()}


def _product(left: _Terms, right: _Terms) -> _Terms:
    if len(left) * len(right) > _MOST_TERMS:
        raise DeclarationError("a dimension of so many terms is too long")
    result: _Terms = {}
    for a, x in left.items():
        result = _sum(result, {tuple(sorted(a + b)): x * y for b, y in right.items()})
    return result


def _exact_quotient(whole: _Terms, part: _Terms) -> _Terms | None:
    """Divide by a single term, where every term of `whole` is a multiple of it."""
    if whole == part and part:
        return {(): 1}
    if len(part) != 1:
        return None
    ((divisor, factor),) = part.items()
    result: _Terms = {}
    for monomial, coefficient in whole.items():
        left = list(monomial)
        for atom in divisor:
            if atom not in left:
                return None
            left.remove(atom)
        if coefficient % factor:
            return None
        result[tuple(left)] = coefficient // factor
    return result


def _quotient(whole: _Terms, part: _Terms) -> _Terms:
    if not part:
        raise DeclarationError("a dimension cannot be divided by zero")
    exact = _exact_quotient(whole, part)
    if exact is not None:
        return exact
    if set(whole) <= {()} and set(part) <= {()}:
        return _terms(whole.get((), 0) // part[()])
    even = {m: c for m, c in whole.items() if m and set(part) == {()} and c % part[()] == 0}
    if even:  # (2*n + 1)//2 is n: what divides evenly comes out
        return _sum(_quotient(even, part), _quotient(_difference(whole, even), part))
    return {(f"{_bracketed(whole)}//{_bracketed(part)}",): 1}


def _dimension(terms: _Terms) -> Dim | int:
    if set(terms) <= {()}:
        return terms.get((), 0)
    return str.__new__(Dim, _write(terms))


def _write(terms: _Terms) -> str:
    """Write the canonical text: higher degrees first, then by name, the number last."""
    ordered = sorted(terms.items(), key=lambda item: (-len(item[0]), item[0]))
    text = ""
    for monomial, coefficient in ordered:
        factors = ([] if abs(coefficient) == 1 and monomial else [str(abs(coefficient))]) + [
            f"({atom})" if "//" in atom and (len(monomial) > 1 or coefficient != 1) else atom for atom in monomial
        ]
        sign = "-" if coefficient < 0 else "+"
        text += (f" {sign} " if text else sign.replace("+", "")) + "*".join(factors)
        if len(text) > _LONGEST:
            raise DeclarationError(f"the dimension {text[:40]}... is too long")
    return text or "0"


def _bracketed(terms: _Terms) -> str:
    text = _write(terms)
    return text if text.isidentifier() or text.isdigit() else f"({text})"


# ---- reading ---------------------------------------------------------------------------------------------------

_ON_TERMS: dict[type[ast.operator], Callable[[_Terms, _Terms], _Terms]] = {
    ast.Add: _sum,
    ast.Sub: _difference,
    ast.Mult: _product,
    ast.FloorDiv: _quotient,
}
_ON_NUMBERS: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
}


@lru_cache(maxsize=4096)
def _parse(text: str) -> _Terms:
    if len(text) > _LONGEST:
        raise DeclarationError(f"a dimension of {len(text)} characters is too long")
    try:
        return _polynomial(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, ValueError, RecursionError):
        raise DeclarationError(
            f"{text!r} is no dimension", "write an integer, a name or an expression such as '2*batch' or '(n-1)//2+1'"
        ) from None


def _polynomial(node: ast.expr) -> _Terms:
    match node:
        case ast.Constant(value=int(number)) if not isinstance(number, bool):
            return _terms(number)
        case ast.Name(id=name):
            return {(name,): 1}
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return _scaled(_polynomial(operand), -1)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _ON_TERMS:
            return _ON_TERMS[type(op)](_polynomial(left), _polynomial(right))
    raise SyntaxError


def _evaluate(node: ast.expr, names: Mapping[str, int]) -> int:
    match node:
        case ast.Constant(value=int(number)):
            return number
        case ast.Name(id=name):
            if name not in names:
                raise FeedError(
                    f"nothing says how large the dimension {name!r} is",
                    f"feed an input that has {name!r} alone as one of its dimensions",
                )
            return names[name]
        case ast.UnaryOp(operand=operand):
            return -_evaluate(operand, names)
        case ast.BinOp(left=left, op=op, right=right):
            x, y = _evaluate(left, names), _evaluate(right, names)
            if isinstance(op, ast.FloorDiv) and y == 0:
                raise FeedError(f"a dimension divides by {ast.unparse(right)}, which is 0")
            return _ON_NUMBERS[type(op)](x, y)
    raise DeclarationError(f"{ast.unparse(node)!r} is no dimension")
