"""One step of a recurrent network, as layers with their weights."""

from __future__ import annotations

import math
from typing import Any

from graph_engine.declaring import is_whole, refused
from graph_engine.nn.init import uniform
from graph_engine.nn.linear import check_features
from graph_engine.nn.module import Module
from graph_engine.nn.recurrent_steps import GRU_KIND, LSTM_KIND, Recurrence, State, rnn_kind, stepped
from graph_engine.node import Operand, Variable
from graph_engine.primitives.common import as_variable
from graph_engine.primitives.structure import full


class Cell(Module):
    """What the cells share: weights, and a state of zeros where none is given."""

    _kind: Recurrence

    def _set_up(self, input_size: int, hidden_size: int, bias: bool, seed: int | None, dtype: Any) -> None:
        self.input_size = check_count("input_size", input_size)
        self.hidden_size, self.bias = check_count("hidden_size", hidden_size), bool(bias)
        add_weights(self, self._kind, self.input_size, self.hidden_size, "", self.bias, seed, dtype)

    def _stepped(self, input: Operand, hx: Any) -> State:
        x = as_variable(input)
        check_features(self, x, self.input_size)
        if hx is None:
            zeros = full((*x.shape[:-1], self.hidden_size), 0.0, x.dtype)
            hx = (zeros,) * self._kind.states
        return stepped(self._kind, x, hx, *weights_of(self, "", self.bias))

    def _about(self) -> str:
        return f": {self.input_size} -> {self.hidden_size}{'' if self.bias else ', no bias'}"


class RNNCell(Cell):
    """One step of a simple recurrent network: tanh(w_ih x + b_ih + w_hh h + b_hh), or relu.

    Parameters
    ----------
    input_size, hidden_size : int
    bias : bool
    nonlinearity : {"tanh", "relu"}
    name : str, optional
        By default the name that the program assigns the layer to.
    seed : int, optional
        What the initial values, uniform in ±1/sqrt(hidden_size), follow from; by default the layer's name.
    dtype : str

    Attributes
    ----------
    weight_ih, weight_hh, bias_ih, bias_hh : Variable
        As PyTorch has them.

    Examples
    --------
    >>> import graph_engine as ge
    >>> cell = ge.nn.RNNCell(3, 5)
    >>> cell(ge.input("x", ("batch", 3))).shape
    ('batch', 5)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        *,
        name: str | None = None,
        seed: int | None = None,
        dtype: Any = "float32",
    ) -> None:
        super().__init__(name=name)
        self._kind = rnn_kind(nonlinearity)
        self._set_up(input_size, hidden_size, bias, seed, dtype)

    def forward(self, input: Operand, hx: Operand | None = None) -> Variable:
        """Declare the new state."""
        return self._stepped(input, None if hx is None else (hx,))[0]


class _GatedCell(Cell):
    """What the cells with gates share: nothing is to be chosen but their sizes."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        *,
        name: str | None = None,
        seed: int | None = None,
        dtype: Any = "float32",
    ) -> None:
        super().__init__(name=name)
        self._set_up(input_size, hidden_size, bias, seed, dtype)


class LSTMCell(_GatedCell):
    """One step of a network with long short-term memory; see `lstm_cell`. Parameters are those of `RNNCell`.

    Examples
    --------
    >>> import graph_engine as ge
    >>> cell = ge.nn.LSTMCell(3, 5)
    >>> h, c = cell(ge.input("x", ("batch", 3)))
    >>> cell.weight_hh
    <parameter cell.weight_hh: float32(20, 5)>
    """

    _kind = LSTM_KIND

    def forward(self, input: Operand, hx: tuple[Operand, Operand] | None = None) -> tuple[Variable, Variable]:
        """Declare the new hidden state and the new cell state."""
        h, c = self._stepped(input, hx)
        return h, c


class GRUCell(_GatedCell):
    """One step of a gated recurrent unit; see `gru_cell`. Parameters are those of `RNNCell`.

    Examples
    --------
    >>> import graph_engine as ge
    >>> cell = ge.nn.GRUCell(3, 5)
    >>> cell(ge.input("x", ("batch", 3))).shape
    ('batch', 5)
    """

    _kind = GRU_KIND

    def forward(self, input: Operand, hx: Operand | None = None) -> Variable:
        """Declare the new state."""
        return self._stepped(input, None if hx is None else (hx,))[0]


# ---- what cells and networks share -----------------------------------------------------------------------------


def add_weights(
    module: Module, kind: Recurrence, inputs: int, hidden: int, suffix: str, bias: bool, seed: int | None, dtype: Any
) -> None:
    """Give a layer the weights of one step, under PyTorch's names."""
    bound, rows = 1 / math.sqrt(max(hidden, 1)), kind.gates * hidden
    shapes: dict[str, tuple[int, ...]] = {"weight_ih": (rows, inputs), "weight_hh": (rows, hidden)}
    shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)} if bias else {}
    for name, shape in shapes.items():
        module.add_parameter(name + suffix, uniform(shape, bound, dtype), seed=seed)


def weights_of(module: Module, suffix: str, bias: bool) -> tuple[Any, Any, Any, Any]:
    """Return those weights; None for biases that are not there."""
    weights = getattr(module, f"weight_ih{suffix}"), getattr(module, f"weight_hh{suffix}")
    return (*weights, *(getattr(module, f"bias_{side}{suffix}") if bias else None for side in ("ih", "hh")))


def check_count(what: str, value: int) -> int:
    """Return a size, if it is one."""
    if not is_whole(value, 1):
        raise refused(f"{what} is a number from 1, not {value!r}")
    return int(value)
