"""Swish (P. Ramachandran, B. Zoph, Q. Le, "Searching for Activation Functions", 2017)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import graph_engine as ge


@dataclass(frozen=True)
class Swish(ge.Primitive):
    """x * sigmoid(beta x), elementwise.

    Parameters
    ----------
    beta : float
        How fast it turns; 1 is also known as SiLU.

    Examples
    --------
    >>> import graph_engine as ge
    >>> float(ge.Engine("numpy").run(swish(ge.constant(0.0))))
    0.0
    """

    # Fields without ClassVar are its attributes. Each has a default, so that Swish() works.
    beta: float = 1.0

    name = "swish"
    formula = "{x} * sigmoid({beta} * {x})"
    elementwise = True
    may_view = False  # the kernel never returns its input, so results may be written into reused memory

    def infer(self, x: ge.Spec) -> ge.Spec:
        """Return the spec of the result, or refuse what it is not defined on."""
        if not x.is_float:
            raise ge.DTypeError(f"it needs real numbers, not {x.dtype}", "convert with ge.astype(x, 'float32')")
        return x

    def kernel(self, xp: Any, x: Any) -> Any:
        """Compute it with any array-API namespace."""
        return x / (1 + xp.exp(-self.beta * x))

    def vjp(self, operation: ge.Operation, cotangents: Sequence[Any], wanted: Sequence[bool]) -> Sequence[Any]:
        """Build the gradient out of other primitives: then it can be drawn, and differentiated again."""
        (x,), (c,) = operation.inputs, cotangents
        s = ge.sigmoid(x * self.beta)
        return [c * (s + x * self.beta * s * (1 - s))]

    def local_derivatives(self, operation: ge.Operation) -> Sequence[str]:
        """Say what a picture shows at the port."""
        inner = f"sigmoid({self.beta:g} * {{x}})"
        return [f"{inner} + {self.beta:g} * {{y}} * (1 - {inner})"]

    def samples(self) -> Sequence[ge.Sample]:
        """Give uses that the conformance kit tries; the last one must be refused."""
        grid = np.linspace(-3, 3, 12).reshape(3, 4)
        return [
            ge.Sample(grid),
            ge.Sample(grid.T, use=Swish(beta=0.5)),
            ge.Sample(1.5),
            ge.Sample(grid[:0]),
            ge.Sample(grid > 0, raises=ge.DTypeError),
        ]


swish = Swish()
