"""What activations, losses and pooling share as layers: they apply one function with some options."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from graph_engine.nn.module import Module
from graph_engine.node import Operand


class Applied(Module):
    """A layer that applies one function. Its operation stands in the scope of the layers around it.

    Parameters
    ----------
    name : str, optional
    **options
        What the function is given besides its inputs; kept as attributes.

    Examples
    --------
    >>> import graph_engine as ge
    >>> act = ge.nn.ReLU()
    >>> ge.Engine("numpy").run(act(ge.constant([-1.0, 2.0])), {}).tolist()
    [0.0, 2.0]
    """

    opens_scope = False
    function: ClassVar[Callable[..., Any]]
    _options: tuple[str, ...] = ()  # for a subclass that does not call `__init__`

    def __init__(self, *, name: str | None = None, **options: Any) -> None:
        super().__init__(name=name)
        self._options = tuple(options)
        for option, value in options.items():
            setattr(self, option, value)

    @property
    def options(self) -> dict[str, Any]:
        """What the function is given besides its inputs."""
        return {option: getattr(self, option) for option in self._options}

    def forward(self, *inputs: Operand) -> Any:
        """Declare the function of the inputs."""
        return type(self).function(*inputs, **self.options)
