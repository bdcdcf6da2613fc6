"""What single elements are called: `W2[1,1]` for programs, w with 2 above and 22 below in pictures.

A program counts from 0, a blackboard from 1.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from graph_engine.dims import Dim
from graph_engine.node import Variable

NAME = re.compile(r"(?P<letters>.*?[^\W\d])_?(?P<digits>\d*)")
LAYER = re.compile(r"\d+$")
GREEK = frozenset({
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "kappa", "lambda", "mu", "nu", "xi", "rho",
    "sigma", "tau", "phi", "psi",
})  # fmt: skip


def element_name(name: str, index: Sequence[int]) -> str:
    """Name an element as a program does.

    Examples
    --------
    >>> element_name("W1", (0, 1)), element_name("L", ())
    ('W1[0,1]', 'L')
    """
    return f"{name}[{','.join(map(str, index))}]" if len(index) else name


def element_tex(variable: Variable, name: str, shape: Sequence[int], index: Sequence[int]) -> str:
    r"""Typeset an element as on the blackboard: layer above, indices below, counted from 1.

    A dimension of size 1 has no index; that of the samples stands above, in brackets.

    Examples
    --------
    >>> import graph_engine as ge
    >>> W, x = ge.parameter("W2", [[1.0, 2.0], [3.0, 4.0]]), ge.input("x", ("batch", 3))
    >>> element_tex(W, "W2", (2, 2), (1, 1)), element_tex(x, "x", (1, 3), (0, 2)), element_tex(x, "x", (4, 3), (1, 2))
    ('w^{2}_{22}', 'x_{3}', 'x^{(2)}_{3}')
    """
    if not len(index):
        return variable.tex
    base, above = (variable.tex, "") if variable.tex else _base(variable, name)
    shown = [(size, at + 1) for size, at in zip(shape, index, strict=True) if size > 1]
    if shown and isinstance(variable.shape[0], Dim) and shape[0] > 1:
        above = f"{above}({shown.pop(0)[1]})"
    comma = "," if any(size > 9 for size, _ in shown) else ""
    below = comma.join(str(at) for _, at in shown)
    return base + (f"^{{{above}}}" if above else "") + (f"_{{{below}}}" if below else "")


def name_product(product: Variable, left: Variable, right: Variable) -> None:
    """Name a product after its factors."""
    tex = f"{left.tex} {right.tex}" if left.tex and right.tex else ""
    product.named(f"{left.name}*{right.name}", tex=tex)


def _base(variable: Variable, name: str) -> tuple[str, str]:
    """Find letter and layer in a name: `W2`, `fc2.weight`."""
    *scopes, last = name.split(".")
    match = NAME.fullmatch(last)
    letters, above = (match["letters"], match["digits"]) if match else (last, "")
    if last in ("weight", "bias") and scopes:
        letters = last[0]
        number = LAYER.search(scopes[-1])
        above = number[0] if number else rf"\mathrm{{{scopes[-1]}}}"
    if len(letters) == 1:
        return (letters.lower() if variable.kind == "parameter" else letters), above
    return (f"\\{letters}" if letters in GREEK else rf"\mathrm{{{letters}}}"), above
