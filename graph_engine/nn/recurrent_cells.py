"""One step of a recurrent network: as functions, and as layers with their weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from graph_engine.declaring import located
from graph_engine.errors import DeclarationError, ShapeError
from graph_engine.nn.init import uniform
from graph_engine.nn.linear import linear
from graph_engine.nn.module import Module
from graph_engine.node import Operand, Variable
from graph_engine.primitives import add, multiply, relu, sigmoid, split, subtract, tanh
from graph_engine.primitives.common import as_variable
from graph_engine.primitives.structure import full
from graph_engine.source import capture, composite
from graph_engine.spec import show_shape

State = tuple[Variable, ...]


class Recurrence(NamedTuple):
    """What kind of network it is.

    Attributes
    ----------
    gates : int
        How many numbers the weights make for each hidden one.
    states : int
        How many variables a state is made of.
    step : callable
        From what the input and the hidden state contribute to the gates, and the state, to the new state.
    """

    gates: int
    states: int
    step: Callable[[Variable, Variable, State], State]


def _rnn(activation: Callable[[Any], Variable]) -> Recurrence:
    return Recurrence(1, 1, lambda x, h, state: (activation(add(x, h)),))


def _lstm_step(x: Variable, h: Variable, state: State) -> State:
    i, f, g, o = split(add(x, h), 4, axis=-1)
    c = add(multiply(sigmoid(f), state[1]), multiply(sigmoid(i), tanh(g)))
    return multiply(sigmoid(o), tanh(c)), c


def _gru_step(x: Variable, h: Variable, state: State) -> State:
    reset_x, update_x, new_x = split(x, 3, axis=-1)
    reset_h, update_h, new_h = split(h, 3, axis=-1)
    reset, update = sigmoid(add(reset_x, reset_h)), sigmoid(add(update_x, update_h))
    new = tanh(add(new_x, multiply(reset, new_h)))
    return (add(multiply(subtract(1.0, update), new), multiply(update, state[0])),)


RNN_TANH, RNN_RELU = _rnn(tanh), _rnn(relu)
LSTM_KIND, GRU_KIND = Recurrence(4, 2, _lstm_step), Recurrence(3, 1, _gru_step)


def rnn_kind(nonlinearity: object) -> Recurrence:
    """Return the simple network with `"tanh"` or `"relu"`."""
    kinds = {"tanh": RNN_TANH, "relu": RNN_RELU}
    if nonlinearity not in kinds:
        raise DeclarationError(f"the nonlinearity is 'tanh' or 'relu', not {nonlinearity!r}").located(
            "declared at", capture().line
        )
    return kinds[str(nonlinearity)]


# ---- functions -------------------------------------------------------------------------------------------------


@composite
@located
def rnn_tanh_cell(
    input: Operand, hx: Operand, w_ih: Operand, w_hh: Operand, b_ih: Operand | None = None, b_hh: Operand | None = None
) -> Variable:
    """Return tanh(w_ih x + b_ih + w_hh h + b_hh): one step of a simple recurrent network.

    Parameters
    ----------
    input : Variable or array_like
        Of shape `(n, input_size)` or `(input_size,)`.
    hx : Variable or array_like
        The hidden state, `(n, hidden_size)` or `(hidden_size,)`.
    w_ih, w_hh : Variable or array_like
        Of shapes `(hidden_size, input_size)` and `(hidden_size, hidden_size)`.
    b_ih, b_hh : Variable or array_like, optional
        Of shape `(hidden_size,)`.

    Examples
    --------
    >>> import graph_engine as ge
    >>> h = ge.nn.rnn_tanh_cell([0.5], [0.0], [[1.0]], [[1.0]])
    >>> round(float(ge.Engine("numpy").run(h)[0]), 4)
    0.4621
    """
    return _stepped(RNN_TANH, input, (hx,), w_ih, w_hh, b_ih, b_hh)[0]


@composite
@located
def rnn_relu_cell(
    input: Operand, hx: Operand, w_ih: Operand, w_hh: Operand, b_ih: Operand | None = None, b_hh: Operand | None = None
) -> Variable:
    """Return relu(w_ih x + b_ih + w_hh h + b_hh); arguments as for `rnn_tanh_cell`.

    Examples
    --------
    >>> import graph_engine as ge
    >>> ge.Engine("numpy").run(ge.nn.rnn_relu_cell([0.5], [1.0], [[1.0]], [[2.0]])).tolist()
    [2.5]
    """
    return _stepped(RNN_RELU, input, (hx,), w_ih, w_hh, b_ih, b_hh)[0]


@located
def lstm_cell(
    input: Operand,
    hx: Sequence[Operand],
    w_ih: Operand,
    w_hh: Operand,
    b_ih: Operand | None = None,
    b_hh: Operand | None = None,
) -> tuple[Variable, Variable]:
    """Return the new hidden and cell state of a network with long short-term memory.

    The gates i, f, g, o stand in this order in the weights; c' = σ(f) c + σ(i) tanh(g), h' = σ(o) tanh(c')
    (S. Hochreiter and J. Schmidhuber, 1997; F. Gers et al., 2000).

    Parameters
    ----------
    input : Variable or array_like
        Of shape `(n, input_size)` or `(input_size,)`.
    hx : (h, c)
        Each of shape `(n, hidden_size)` or `(hidden_size,)`.
    w_ih, w_hh : Variable or array_like
        Of shapes `(4*hidden_size, input_size)` and `(4*hidden_size, hidden_size)`.
    b_ih, b_hh : Variable or array_like, optional
        Of shape `(4*hidden_size,)`.

    Examples
    --------
    >>> import graph_engine as ge
    >>> h, c = ge.nn.lstm_cell(ge.zeros(2), (ge.zeros(1), ge.ones(1)), ge.zeros((4, 2)), ge.zeros((4, 1)))
    >>> ge.Engine("numpy").run(c).tolist()
    [0.5]
    """
    if not isinstance(hx, (tuple, list)) or len(hx) != 2:
        raise DeclarationError(f"the state is a pair (h, c), not {hx!r}")
    h, c = _stepped(LSTM_KIND, input, tuple(hx), w_ih, w_hh, b_ih, b_hh)
    return h, c


@composite
@located
def gru_cell(
    input: Operand, hx: Operand, w_ih: Operand, w_hh: Operand, b_ih: Operand | None = None, b_hh: Operand | None = None
) -> Variable:
    """Return the new state of a gated recurrent unit (K. Cho et al., 2014).

    The gates r, z, n stand in this order in the weights; h' = (1 - z) n + z h with
    n = tanh(w_in x + b_in + r (w_hn h + b_hn)), as in PyTorch: the reset gate acts on the product, not on h.

    Parameters
    ----------
    input, hx
        As for `rnn_tanh_cell`.
    w_ih, w_hh : Variable or array_like
        Of shapes `(3*hidden_size, input_size)` and `(3*hidden_size, hidden_size)`.
    b_ih, b_hh : Variable or array_like, optional
        Of shape `(3*hidden_size,)`.

    Examples
    --------
    >>> import graph_engine as ge
    >>> h = ge.nn.gru_cell(ge.zeros(2), ge.ones(1), ge.zeros((3, 2)), ge.zeros((3, 1)))
    >>> ge.Engine("numpy").run(h).tolist()
    [0.5]
    """
    return _stepped(GRU_KIND, input, (hx,), w_ih, w_hh, b_ih, b_hh)[0]


def _stepped(
    kind: Recurrence,
    x: Operand,
    state: Sequence[Operand],
    w_ih: Operand,
    w_hh: Operand,
    b_ih: Operand | None,
    b_hh: Operand | None,
) -> State:
    state = tuple([as_variable(v) for v in state])
    return kind.step(linear(x, w_ih, b_ih), linear(state[0], w_hh, b_hh), state)


# ---- layers ----------------------------------------------------------------------------------------------------


class Cell(Module):
    """What the cells share: weights, and a state of zeros where none is given."""

    _kind: Recurrence

    def _set_up(
        self, kind: Recurrence, input_size: int, hidden_size: int, bias: bool, seed: int | None, dtype: Any
    ) -> None:
        self._kind, self.input_size = kind, check_count("input_size", input_size)
        self.hidden_size, self.bias = check_count("hidden_size", hidden_size), bool(bias)
        add_weights(self, kind, self.input_size, self.hidden_size, "", self.bias, seed, dtype)

    def _stepped(self, input: Operand, hx: Any) -> State:
        x = as_variable(input)
        check_features(self, x, self.input_size)
        if hx is None:
            zeros = full((*x.shape[:-1], self.hidden_size), 0.0, x.dtype)
            hx = (zeros,) * self._kind.states
        return _stepped(self._kind, x, hx, *weights_of(self, "", self.bias))

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
        self._set_up(rnn_kind(nonlinearity), input_size, hidden_size, bias, seed, dtype)

    def forward(self, input: Operand, hx: Operand | None = None) -> Variable:
        """Declare the new state."""
        return self._stepped(input, None if hx is None else (hx,))[0]


class LSTMCell(Cell):
    """One step of a network with long short-term memory; see `lstm_cell`. Parameters are those of `RNNCell`.

    Examples
    --------
    >>> import graph_engine as ge
    >>> cell = ge.nn.LSTMCell(3, 5)
    >>> h, c = cell(ge.input("x", ("batch", 3)))
    >>> cell.weight_hh
    <parameter cell.weight_hh: float32(20, 5)>
    """

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
        self._set_up(LSTM_KIND, input_size, hidden_size, bias, seed, dtype)

    def forward(self, input: Operand, hx: tuple[Operand, Operand] | None = None) -> tuple[Variable, Variable]:
        """Declare the new hidden state and the new cell state."""
        h, c = self._stepped(input, hx)
        return h, c


class GRUCell(Cell):
    """One step of a gated recurrent unit; see `gru_cell`. Parameters are those of `RNNCell`.

    Examples
    --------
    >>> import graph_engine as ge
    >>> cell = ge.nn.GRUCell(3, 5)
    >>> cell(ge.input("x", ("batch", 3))).shape
    ('batch', 5)
    """

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
        self._set_up(GRU_KIND, input_size, hidden_size, bias, seed, dtype)

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
    return (*weights, *(getattr(module, f"bias_{side}{suffix}") if bias else None for side in ("ih", "hh")))  # type: ignore[return-value]


def check_features(module: Module, x: Variable, size: int) -> None:
    """Raise where an input does not have the features that a layer takes."""
    if x.ndim == 0 or x.shape[-1] != size:
        raise ShapeError(
            f"{module.name} takes {size} features in the last dimension, "
            f"but {x.name!r} has shape {show_shape(x.shape)}"
        ).located("declared at", capture().line)


def check_count(what: str, value: object) -> int:
    """Return a size, if it is one."""
    if isinstance(value, bool) or not hasattr(value, "__index__") or value.__index__() < 1:
        raise DeclarationError(f"{what} is a number from 1, not {value!r}").located("declared at", capture().line)
    return int(value.__index__())
