"""Recurrent networks over whole sequences: RNN, LSTM, GRU, with PyTorch's arguments, weights and shapes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graph_engine.context import current_context, scope
from graph_engine.declaring import refused
from graph_engine.dims import Dim
from graph_engine.errors import DTypeError, ShapeError
from graph_engine.nn.dropout import dropout
from graph_engine.nn.linear import check_features, linear
from graph_engine.nn.mode import current_training
from graph_engine.nn.module import Module
from graph_engine.nn.recurrent_cells import add_weights, check_count, weights_of
from graph_engine.nn.recurrent_steps import GRU_KIND, LSTM_KIND, Recurrence, State, rnn_kind
from graph_engine.node import Operand, Variable
from graph_engine.primitives import arange, concat, expand_dims, less, permute_dims, stack, unstack, where
from graph_engine.primitives.common import as_variable
from graph_engine.primitives.scanning import scan
from graph_engine.primitives.structure import full
from graph_engine.spec import kind, show_shape


class Recurrent(Module):
    """What the recurrent networks share.

    Attributes
    ----------
    weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0, weight_ih_l0_reverse, ... : Variable
        The weights of each layer and direction, of PyTorch's names and shapes; they begin uniform in
        ±1/sqrt(hidden_size).
    """

    _kind: Recurrence

    def _set_up(
        self,
        sizes: tuple[int, int, int],
        bias: bool,
        batch_first: bool,
        rate: float,
        bidirectional: bool,
        unroll: bool,
        seed: int | None,
        dtype: Any,
    ) -> None:
        names = ("input_size", "hidden_size", "num_layers")
        self.input_size, self.hidden_size, self.num_layers = (check_count(n, v) for n, v in zip(names, sizes))
        self.bias, self.batch_first, self.bidirectional = bool(bias), bool(batch_first), bool(bidirectional)
        self.dropout, self.unroll = rate, bool(unroll)
        if isinstance(rate, bool) or not 0 <= rate <= 1:
            raise refused(f"dropout is a probability, not {rate!r}")
        for layer, suffix in self._places():
            width = self.input_size if layer == 0 else self.hidden_size * self._directions
            add_weights(self, self._kind, width, self.hidden_size, f"_{suffix}", self.bias, seed, dtype)

    @property
    def _directions(self) -> int:
        return 1 + self.bidirectional

    def _places(self) -> list[tuple[int, str]]:
        """List the layers, each once for every direction, in the order of the states."""
        directions = ("", "_reverse")[: self._directions]
        return [(layer, f"l{layer}{direction}") for layer in range(self.num_layers) for direction in directions]

    def _run(self, input: Operand, hx: Sequence[Operand] | None, lengths: Operand | None) -> tuple[Variable, State]:
        """Declare all layers; return the output, and the last states of all layers and directions."""
        x = as_variable(input)
        if x.ndim not in (2, 3):
            raise refused(
                f"{self.name} takes (time, n, features), (n, time, features) with batch_first, or (time, features), "
                f"but {x.name!r} has shape {show_shape(x.shape)}",
                kind=ShapeError,
            )
        check_features(self, x, self.input_size)
        swapped = self.batch_first and x.ndim == 3
        x = permute_dims(x, (1, 0, 2)) if swapped else x
        first = self._first_states(x, hx)
        inside = None if lengths is None else _inside(x, as_variable(lengths))
        last: list[State] = []
        for layer in range(self.num_layers):
            x = self._dropped(x) if layer else x
            outputs = []
            for _, suffix in self._places()[layer * self._directions : (layer + 1) * self._directions]:
                with scope(suffix):
                    output, state = self._direction(x, first[len(last)], suffix, inside)
                outputs.append(output)
                last.append(state)
            x = concat(outputs, axis=-1) if len(outputs) > 1 else outputs[0]
        states = tuple([stack(states) for states in zip(*last, strict=True)])
        return (permute_dims(x, (1, 0, 2)) if swapped else x), states

    def _direction(self, x: Variable, first: State, suffix: str, inside: Variable | None) -> tuple[Variable, State]:
        """Declare one layer in one direction. What the inputs give to the gates is computed for all steps at once."""
        w_ih, w_hh, b_ih, b_hh = weights_of(self, f"_{suffix}", self.bias)

        def step(state: State, element: tuple[Variable, ...]) -> tuple[State, State]:
            new = self._kind.step(element[0], linear(state[0], w_hh, b_hh), state)
            if len(element) > 1:
                new = tuple([where(element[1], after, before) for after, before in zip(new, state, strict=True)])
            new = tuple([v.named(".".join((*current_context().scope, name))) for name, v in zip(("h", "c"), new)])
            return new, new

        xs = (linear(x, w_ih, b_ih),) if inside is None else (linear(x, w_ih, b_ih), inside)
        loop = written_out if self.unroll else scan
        last, states = loop(step, first, xs, reverse=suffix.endswith("_reverse"))
        return (states[0] if inside is None else where(inside, states[0], 0.0)), last

    def _first_states(self, x: Variable, hx: Sequence[Operand] | None) -> list[State]:
        """Return the state that each layer and direction begins with."""
        places = len(self._places())
        shape = (*x.shape[1:-1], self.hidden_size)
        if hx is None:
            return [(full(shape, 0.0, x.dtype),) * self._kind.states] * places
        states = [as_variable(v) for v in hx]
        for state in states:
            if state.shape != (places, *shape):
                raise refused(
                    f"{self.name} begins with states of shape {show_shape((places, *shape))}, "
                    f"but {state.name!r} has shape {show_shape(state.shape)}",
                    "one for each layer and direction; with batch_first, too, they stand in front",
                    ShapeError,
                )
        return list(zip(*[unstack(state) for state in states], strict=True))

    def _dropped(self, x: Variable) -> Variable:
        return dropout(x, self.dropout) if self.dropout and current_training() is not None else x

    def _about(self) -> str:
        layers = f", {self.num_layers} layers" if self.num_layers > 1 else ""
        return f": {self.input_size} -> {self.hidden_size}{layers}{', bidirectional' if self.bidirectional else ''}"


class RNN(Recurrent):
    """A simple recurrent network: h_t = tanh(w_ih x_t + b_ih + w_hh h_{t-1} + b_hh), or relu.

    It is declared as one operation (`ge.scan`) for each layer and direction.

    Parameters
    ----------
    input_size, hidden_size, num_layers : int
    nonlinearity : {"tanh", "relu"}
    bias : bool
    batch_first : bool
        Whether sequences are `(n, time, features)`; by default `(time, n, features)`. States do not change.
    dropout : float
        The probability of dropout between layers, in training (`ge.nn.training`).
    bidirectional : bool
        Whether each layer goes through the sequence in both directions; outputs stand beside each other.
    unroll : bool
        Whether each step is declared by itself, in scopes `t0`, `t1`, ...: the same values, for pictures.
    name : str, optional
        By default the name that the program assigns the layer to.
    seed : int, optional
        What the initial values follow from; by default the layer's name.
    dtype : str

    Examples
    --------
    >>> import graph_engine as ge
    >>> rnn = ge.nn.RNN(3, 5)
    >>> output, h = rnn(ge.input("x", ("time", "batch", 3)))
    >>> output.shape, h.shape
    (('time', 'batch', 5), (1, 'batch', 5))
    >>> [v.name for v in rnn.parameters()]
    ['rnn.weight_ih_l0', 'rnn.weight_hh_l0', 'rnn.bias_ih_l0', 'rnn.bias_hh_l0']
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        unroll: bool = False,
        name: str | None = None,
        seed: int | None = None,
        dtype: Any = "float32",
    ) -> None:
        super().__init__(name=name)
        self._kind = rnn_kind(nonlinearity)
        sizes = (input_size, hidden_size, num_layers)
        self._set_up(sizes, bias, batch_first, dropout, bidirectional, unroll, seed, dtype)

    def forward(
        self, input: Operand, hx: Operand | None = None, *, lengths: Operand | None = None
    ) -> tuple[Variable, Variable]:
        """Declare the outputs of all steps, and the last state.

        Parameters
        ----------
        input : Variable or array_like
            `(time, n, input_size)`, `(n, time, input_size)` with `batch_first`, or `(time, input_size)`.
        hx : Variable or array_like, optional
            The first states, `(num_layers * directions, n, hidden_size)`, without `n` where the input has none; zeros.
        lengths : Variable or array_like, optional
            How many steps each sequence has, `(n,)`: states stop there, outputs beyond are 0.
        """
        output, (h,) = self._run(input, None if hx is None else (hx,), lengths)
        return output, h


class _Gated(Recurrent):
    """What the networks with gates share: nothing is to be chosen but their sizes."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        unroll: bool = False,
        name: str | None = None,
        seed: int | None = None,
        dtype: Any = "float32",
    ) -> None:
        super().__init__(name=name)
        sizes = (input_size, hidden_size, num_layers)
        self._set_up(sizes, bias, batch_first, dropout, bidirectional, unroll, seed, dtype)


class GRU(_Gated):
    """A network of gated recurrent units; see `ge.nn.gru_cell`. Parameters are those of `RNN`.

    Examples
    --------
    >>> import graph_engine as ge
    >>> gru = ge.nn.GRU(3, 5, num_layers=2, batch_first=True)
    >>> output, h = gru(ge.input("x", ("batch", "time", 3)))
    >>> output.shape, h.shape
    (('batch', 'time', 5), (2, 'batch', 5))
    """

    _kind = GRU_KIND

    def forward(
        self, input: Operand, hx: Operand | None = None, *, lengths: Operand | None = None
    ) -> tuple[Variable, Variable]:
        """Declare the outputs of all steps, and the last state; arguments as for `RNN`."""
        output, (h,) = self._run(input, None if hx is None else (hx,), lengths)
        return output, h


class LSTM(_Gated):
    """A network with long short-term memory; see `ge.nn.lstm_cell`. Parameters are those of `RNN`.

    Examples
    --------
    >>> import graph_engine as ge
    >>> lstm = ge.nn.LSTM(3, 5, bidirectional=True)
    >>> output, (h, c) = lstm(ge.input("x", ("time", "batch", 3)))
    >>> output.shape, c.shape
    (('time', 'batch', 10), (2, 'batch', 5))
    """

    _kind = LSTM_KIND

    def forward(
        self, input: Operand, hx: tuple[Operand, Operand] | None = None, *, lengths: Operand | None = None
    ) -> tuple[Variable, tuple[Variable, Variable]]:
        """Declare the outputs of all steps, and the last states `(h, c)`; `hx` is such a pair, else as for `RNN`."""
        if hx is not None and (not isinstance(hx, (tuple, list)) or len(hx) != 2):
            raise refused(f"the first state of {self.name} is a pair (h, c), not {hx!r}")
        output, (h, c) = self._run(input, hx, lengths)
        return output, (h, c)


def written_out(body: Any, init: State, xs: tuple[Variable, ...], reverse: bool = False) -> tuple[State, State]:
    """Declare what `scan` does step by step, each in a scope of its own."""
    count = xs[0].shape[0]
    if isinstance(count, Dim) or count == 0:
        raise refused(
            f"a network of {count} steps cannot be declared step by step",
            "declare its input with a number of steps, or leave out unroll=True",
        )
    elements, state, rows = list(zip(*[unstack(x) for x in xs], strict=True)), init, {}
    for t in reversed(range(count)) if reverse else range(count):
        with scope(f"t{t}"):
            state, rows[t] = body(state, elements[t])
    return state, tuple([stack([rows[t][k] for t in range(count)]) for k in range(len(init))])


def _inside(x: Variable, lengths: Variable) -> Variable:
    """Say which steps belong to their sequences: `(time, n, 1)`, or `(time, 1)` for one sequence."""
    if kind(lengths.dtype) != "integer":
        raise refused(
            f"lengths are numbers of steps, not {lengths.dtype}", "convert with ge.astype(v, 'int64')", DTypeError
        )
    if lengths.shape != x.shape[1:-1]:
        raise refused(
            f"lengths of shape {show_shape(lengths.shape)} do not go with inputs of shape {show_shape(x.shape)}",
            f"there is one for each sequence: {show_shape(x.shape[1:-1])}",
            ShapeError,
        )
    steps = arange(x.shape[0], dtype=lengths.dtype)
    return expand_dims(less(steps if x.ndim == 2 else expand_dims(steps, 1), lengths), -1)
