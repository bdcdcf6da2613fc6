"""Put the operators on `Variable`: `x + 1`, `x @ W`, `x > 0`, `x[1:]`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graph_engine.node import Operand, Variable
from graph_engine.primitives import elementwise as e
from graph_engine.primitives.indexing import getitem
from graph_engine.primitives.linalg import matmul
from graph_engine.primitives.shape import transpose


def power(x1: Operand, x2: Operand) -> Variable:
    """`x1 ** x2`, with the short way for the exponents that have one."""
    if isinstance(x2, (int, float)) and not isinstance(x2, bool) and x2 in _SHORT_POWERS:
        return _SHORT_POWERS[x2](x1)
    return e.pow(x1, x2)


_SHORT_POWERS: dict[float, Callable[[Operand], Variable]] = {2: e.square, 0.5: e.sqrt, -1: e.reciprocal}

BINARY: dict[str, Callable[[Operand, Operand], Variable]] = {
    "add": e.add,
    "sub": e.subtract,
    "mul": e.multiply,
    "truediv": e.divide,
    "pow": power,
    "matmul": matmul,
    "and": e.logical_and,
    "or": e.logical_or,
}
COMPARISON: dict[str, Callable[[Operand, Operand], Variable]] = {
    "lt": e.less,
    "le": e.less_equal,
    "gt": e.greater,
    "ge": e.greater_equal,
}
UNARY: dict[str, Callable[[Operand], Variable]] = {
    "neg": e.negative,
    "abs": e.abs,
    "invert": e.logical_not,
}


# What NumPy calls for `array + variable`: our reflected operator; for `array < variable`: the mirrored one.
_REFLECTED = {
    "add": "radd", "subtract": "rsub", "multiply": "rmul", "divide": "rtruediv", "power": "rpow", "matmul": "rmatmul",
    "bitwise_and": "rand", "bitwise_or": "ror", "less": "gt", "less_equal": "ge", "greater": "lt",
    "greater_equal": "le",
}  # fmt: skip


def take_over(self: Variable, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Variable:
    """Let `array + variable` build an operation; any other function of NumPy would need a value."""
    ours = _REFLECTED.get(ufunc.__name__) if method == "__call__" and inputs[-1] is self else None
    if ours is None or len(inputs) != 2 or isinstance(inputs[0], Variable):
        self.__array__()
    result: Variable = getattr(self, f"__{ours}__")(inputs[0])
    return result


def install_binary(name: str, function: Callable[[Operand, Operand], Variable]) -> None:
    """Let `a <operator> b` and, with something else on the left, its reflection call a function."""
    setattr(Variable, f"__{name}__", lambda self, other: function(self, other))
    setattr(Variable, f"__r{name}__", lambda self, other: function(other, self))


def install(name: str, function: Callable[..., Any]) -> None:
    """Let a special method of `Variable` call a function."""
    setattr(Variable, f"__{name}__", lambda self, *others: function(self, *others))


for _name, _function in BINARY.items():
    install_binary(_name, _function)
for _name, _method in (COMPARISON | UNARY).items():
    install(_name, _method)
install("pos", lambda x: x)
setattr(Variable, "__array_ufunc__", take_over)  # noqa: B010 - the class does not declare it
install("getitem", getitem)
Variable.T = property(transpose)  # type: ignore[method-assign, assignment]
