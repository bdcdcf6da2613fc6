"""Conditions on tensors, as people write them: `isnan`, `abs_max > 1e3`, `grad.rms < 1e-6 and not value.isnan`.

    condition   comparison, `and`, `or`, `not`, brackets; a quantity alone holds where it is not zero
    comparison  < <= > >= == !=, chained as in Python: 1e-8 < rms < 1e-6
    number      a quantity, a number, inf, nan; + - * / and a sign
    quantity    one of `QUANTITIES`, of the tensor that is looked at, or by its name: `value.`, `grad.`, `update.`

The text is read by Python's own parser and then walked over: what is not in this list is refused. Nothing is executed.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

from graph_engine.errors import DeclarationError
from graph_engine_viz.debugger.quantities import QUANTITIES

__all__ = ["SIDES", "Condition", "Needed"]

SIDES = ("value", "grad", "update")
"""What of a variable is looked at; the update of a parameter is its new value less the old one."""

Needed = tuple[str, str]  # side ("" for the one that is looked at) and quantity
Number = Any
"""A float; or a vector of them, then a condition is read for all of its elements at once."""

Numbers = Callable[[str, str], Number]

_LONGEST = 500
_DEEPEST = 40
_EXAMPLE = "write for instance: isnan, abs_max > 1e3, grad.rms < 1e-6, zeros > 0.9 and not isinf"
_COMPARISONS: dict[type, Callable[[Number, Number], Any]] = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge, ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}  # fmt: skip
_ARITHMETIC: dict[type, Callable[[Number, Number], Number]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: lambda a, b: _divided(a, b),
}  # fmt: skip
_SIGNS: dict[type, Callable[[Number], Number]] = {
    ast.UAdd: operator.pos, ast.USub: operator.neg, ast.Not: lambda x: 1.0 - _true(x),
}  # fmt: skip
_CONSTANTS = {"inf": math.inf, "nan": math.nan}


@dataclass(frozen=True)
class Condition:
    """A condition on a tensor, read from its text.

    Attributes
    ----------
    text : str
    needed : frozenset of (str, str)
        The quantities it asks for, each with the side that it names, or "" where it names none.

    Examples
    --------
    >>> condition = Condition.parse("rms < 1e-6 or isnan")
    >>> sorted(condition.needed)
    [('', 'isnan'), ('', 'rms')]
    >>> condition.holds(lambda side, quantity: {"rms": 1e-7, "isnan": 0.0}[quantity])
    True
    """

    text: str
    needed: frozenset[Needed]
    _tree: ast.expr

    @classmethod
    def parse(cls, text: str) -> Condition:
        """Read a condition.

        Raises
        ------
        DeclarationError
            Where it is none; it says which part.
        """
        if not isinstance(text, str) or not text.strip():
            raise DeclarationError(f"a condition is a text, not {text!r}", _EXAMPLE)
        if len(text) > _LONGEST:
            raise DeclarationError(f"a condition of {len(text)} characters is too long", f"{_LONGEST} at most")
        try:
            tree = ast.parse(text.strip(), mode="eval").body
        except (SyntaxError, ValueError, MemoryError, RecursionError):
            raise DeclarationError(f"{text!r} is no condition", _EXAMPLE) from None
        needed: set[Needed] = set()
        _check(text, tree, needed, 0)
        if not needed:
            raise DeclarationError(f"{text!r} asks for nothing of a tensor", _EXAMPLE)
        return cls(text.strip(), frozenset(needed), tree)

    @property
    def sides(self) -> frozenset[str]:
        """The sides that it names."""
        return frozenset(side for side, _ in self.needed if side)

    def holds(self, numbers: Numbers) -> bool:
        """Return whether it holds, given a function from side and quantity to a number."""
        return bool(self.holding(numbers))

    def holding(self, numbers: Numbers) -> Any:
        """Return where it holds, given a function from side and quantity to a vector of numbers.

        Examples
        --------
        >>> Condition.parse("rms < 1e-6 or isnan").holding(lambda side, quantity: np.array([0.0, 1.0]))
        array([ True,  True])
        """
        with np.errstate(all="ignore"):
            return _true(_value(self._tree, numbers))


def _check(text: str, node: ast.AST, needed: set[Needed], depth: int) -> None:
    """Refuse what is not in the language, and collect the quantities."""
    if depth > _DEEPEST:
        raise DeclarationError(f"{text[:40]!r}... is nested too deeply", "split it into several watchpoints")
    quantity = _quantity(text, node)
    if quantity is not None:
        needed.add(quantity)
        return
    if isinstance(node, ast.Name) and node.id in _CONSTANTS:
        return
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return
    for part in _parts(text, node):
        _check(text, part, needed, depth + 1)


def _parts(text: str, node: ast.AST) -> list[ast.expr]:
    match node:
        case ast.BoolOp(values=values):
            return values
        case ast.UnaryOp(op=sign, operand=operand) if type(sign) in _SIGNS:
            return [operand]
        case ast.BinOp(op=sign, left=left, right=right) if type(sign) in _ARITHMETIC:
            return [left, right]
        case ast.Compare(ops=signs, left=left, comparators=others) if all(type(sign) in _COMPARISONS for sign in signs):
            return [left, *others]
    raise DeclarationError(f"{ast.unparse(node)!r} cannot stand in the condition {text!r}", _EXAMPLE)


def _quantity(text: str, node: ast.AST) -> Needed | None:
    if isinstance(node, ast.Name) and node.id not in _CONSTANTS:
        side, name = "", node.id
    elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        side, name = node.value.id, node.attr
        if side not in SIDES:
            raise DeclarationError(f"{side!r} in {text!r} is none of {', '.join(SIDES)}", _EXAMPLE)
    else:
        return None
    if name not in QUANTITIES:
        known = ", ".join(QUANTITIES)
        raise DeclarationError(f"{name!r} in {text!r} is nothing that can be asked of a tensor", f"there are {known}")
    return side, name


def _value(node: ast.expr, numbers: Numbers) -> Number:
    match node:
        case ast.Constant(value=value):
            return _as_float(value)
        case ast.Name(id=name):
            return _CONSTANTS[name] if name in _CONSTANTS else numbers("", name)
        case ast.Attribute(value=ast.Name(id=side), attr=name):
            return numbers(side, name)
        case ast.BoolOp(op=sign, values=values):
            joined = operator.and_ if isinstance(sign, ast.And) else operator.or_
            return 1.0 * reduce(joined, [_true(_value(part, numbers)) for part in values])
        case ast.UnaryOp(op=sign, operand=operand):
            return _SIGNS[type(sign)](_value(operand, numbers))
        case ast.BinOp(op=sign, left=left, right=right):
            return _ARITHMETIC[type(sign)](_value(left, numbers), _value(right, numbers))
        case ast.Compare(ops=signs, left=left, comparators=others):
            found = [_value(part, numbers) for part in (left, *others)]
            pairs = zip(signs, found, found[1:], strict=False)
            return 1.0 * reduce(operator.and_, [_COMPARISONS[type(sign)](a, b) for sign, a, b in pairs])
    raise AssertionError("the tree was checked when it was read")


def _true(value: Number) -> Any:
    return (value != 0) & (value == value)


def _divided(a: Number, b: Number) -> Number:
    return np.divide(a, b + 0.0)  # a zero has no sign


def _as_float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf
