"""What all optimisers share: they declare the new value of each parameter from its gradient."""

from __future__ import annotations

from collections.abc import Sequence

from graph_engine.context import Context, building
from graph_engine.errors import DeclarationError
from graph_engine.gradient import grad
from graph_engine.graph import Graph
from graph_engine.node import Variable
from graph_engine.source import capture

Updates = dict[Variable, Variable]


class Optimizer:
    """A rule for the new value of a parameter, given its gradient. Subclasses say `update`."""

    def minimize(self, loss: Variable, parameters: Sequence[Variable] | None = None) -> Updates:
        """Declare one step down the gradient of a loss.

        Parameters
        ----------
        loss : Variable
            A scalar.
        parameters : sequence of Variable, optional
            What to update; by default all trainable parameters that the loss depends on.

        Returns
        -------
        dict of Variable to Variable
            The new value of each parameter (and of what the optimiser keeps), for `engine.compile(..., updates=...)`.
        """
        chosen = [p for p in Graph(loss).parameters if p.trainable] if parameters is None else list(parameters)
        if not chosen:
            raise DeclarationError(
                f"{loss.name!r} depends on no trainable parameter", "declare one with ge.parameter(name, value)"
            ).located("declared at", loss.line)
        gradients = grad(loss, chosen)
        updates: Updates = {}
        source = capture(inner=True)
        for parameter, gradient in zip(chosen, gradients, strict=True):
            with building(Context(parameter.scope, "update", parameter, source)):
                updates |= self.update(parameter, gradient)
        return updates

    def update(self, parameter: Variable, gradient: Variable) -> Updates:
        """Declare the new value of one parameter, and of what is kept for it."""
        raise NotImplementedError
