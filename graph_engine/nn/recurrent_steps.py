"""One step of a recurrent network, as functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from graph_engine.context import current_context
from graph_engine.declaring import located, refused
from graph_engine.errors import DeclarationError
from graph_engine.nn.linear import linear
from graph_engine.node import Operand, Variable
from graph_engine.primitives import add, multiply, relu, sigmoid, split, subtract, tanh
from graph_engine.primitives.common import as_variable
from graph_engine.source import composite

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
    i, f, g, o = _gate("i", sigmoid(i)), _gate("f", sigmoid(f)), _gate("g", tanh(g)), _gate("o", sigmoid(o))
    c = add(multiply(f, state[1]), multiply(i, g))
    return multiply(o, tanh(c)), c


def _gru_step(x: Variable, h: Variable, state: State) -> State:
    reset_x, update_x, new_x = split(x, 3, axis=-1)
    reset_h, update_h, new_h = split(h, 3, axis=-1)
    r, z = _gate("r", sigmoid(add(reset_x, reset_h))), _gate("z", sigmoid(add(update_x, update_h)))
    n = _gate("n", tanh(add(new_x, multiply(r, new_h))))
    return (add(multiply(subtract(1.0, z), n), multiply(z, state[0])),)


def _gate(name: str, value: Variable) -> Variable:
    """Call a gate what the field calls it, after its layer and step."""
    return value.named(".".join((*current_context().scope, name)), tex=name)


RNN_TANH, RNN_RELU = _rnn(tanh), _rnn(relu)
LSTM_KIND, GRU_KIND = Recurrence(4, 2, _lstm_step), Recurrence(3, 1, _gru_step)


def rnn_kind(nonlinearity: object) -> Recurrence:
    """Return the simple network with `"tanh"` or `"relu"`."""
    kinds = {"tanh": RNN_TANH, "relu": RNN_RELU}
    if nonlinearity not in kinds:
        raise refused(f"the nonlinearity is 'tanh' or 'relu', not {nonlinearity!r}")
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
    return stepped(RNN_TANH, input, (hx,), w_ih, w_hh, b_ih, b_hh)[0]


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
    return stepped(RNN_RELU, input, (hx,), w_ih, w_hh, b_ih, b_hh)[0]


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
    h, c = stepped(LSTM_KIND, input, tuple(hx), w_ih, w_hh, b_ih, b_hh)
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
    return stepped(GRU_KIND, input, (hx,), w_ih, w_hh, b_ih, b_hh)[0]


def stepped(
    kind: Recurrence,
    x: Operand,
    state: Sequence[Operand],
    w_ih: Operand,
    w_hh: Operand,
    b_ih: Operand | None,
    b_hh: Operand | None,
) -> State:
    """Declare the new state of any of them."""
    state = tuple([as_variable(v) for v in state])
    return kind.step(linear(x, w_ih, b_ih), linear(state[0], w_hh, b_hh), state)
