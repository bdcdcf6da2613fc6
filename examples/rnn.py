"""RNN, LSTM, GRU: which symbol came first, forty steps ago? Networks with a memory read sequences.

A recurrent network goes through a sequence with the same weights at every step, and hands its state on to the next. To
learn what the first symbol was good for, the gradient has to come back through all steps. In a plain RNN each step
multiplies it by weights and by a slope of tanh: it vanishes. LSTM and GRU have a gate that keeps the state as it is;
where that gate begins open (a bias of 4: sigmoid(4) = 0.98), the gradient comes through. Look at the gradient by time:
half-open gates lose it as an RNN does. Then at the loop, rolled and written out: in its steps the gradient of the one
weight is a sum with a term for each step.

Run it:      graph-engine demo rnn
"""

import numpy as np

import graph_engine as ge
import graph_engine_viz as viz
from graph_engine.gallery import Show, run
from graph_engine_viz import plots

SYMBOLS, HIDDEN = 4, 32
KINDS = {"RNN": ge.nn.RNN, "LSTM": ge.nn.LSTM, "GRU": ge.nn.GRU}


class Reader(ge.nn.Module):
    """Reads a sequence; at its end it scores which symbol came first."""

    def __init__(self, kind: type, name: str) -> None:
        super().__init__(name=name)
        self.memory = kind(SYMBOLS, HIDDEN, batch_first=True)
        self.answer = ge.nn.Linear(HIDDEN, SYMBOLS)

    def forward(self, x: ge.Variable) -> ge.Variable:
        states, _ = self.memory(x)
        return self.answer(states[:, -1])


symbols = ge.input("symbols", ("batch", "time"), "int64")  # from 1 to 4
first = ge.input("first", "batch", "int64")
x = ge.one_hot(symbols - 1, SYMBOLS)

readers = {name: Reader(kind, name.lower()) for name, kind in KINDS.items()}
scores = {name: reader(x) for name, reader in readers.items()}
losses = {name: ge.nn.cross_entropy(score, first - 1) for name, score in scores.items()}


def open_gates(engine: ge.Engine, name: str) -> None:
    """Give the gate that keeps the state a bias of 4: the forget gate of an LSTM, the update gate of a GRU."""
    if name != "RNN":
        memory = readers[name].memory
        bias = np.zeros(memory.bias_ih_l0.shape)
        bias[HIDDEN : 2 * HIDDEN] = 4.0  # the second gate of both
        engine.set_value(memory.bias_ih_l0, bias)


def learn(show: Show, name: str, lag: int) -> list[float]:
    """Train, and return which part of new sequences is answered right, epoch by epoch."""
    engine, loss = show.engine(), losses[name]
    open_gates(engine, name)
    step = engine.compile([symbols, first], loss, updates=ge.optim.Adam(0.005, clip_norm=1.0).minimize(loss))
    known = ge.data.sequences.recall(1600, lag + 1, SYMBOLS, seed=1)
    new = ge.data.sequences.recall(1000, lag + 1, SYMBOLS, seed=2)
    right = {"right": ge.nn.accuracy(scores[name], first - 1)}
    measure = ge.training.Evaluation(engine, [symbols, first], right, [new])
    batches = ge.data.batches(*known, batch_size=32)
    return ge.train(step, batches, show.pick(10, quick=4), validation=measure).validation["right"]


def gradient_by_time(show: Show, name: str, opened: bool = True) -> np.ndarray:
    """Return the RMS of the gradient at each step's input, the last step first, over the last step's."""
    engine = show.engine()
    if opened:
        open_gates(engine, name)
    feeds = dict(zip((symbols, first), ge.data.sequences.recall(200, 41, SYMBOLS, seed=3)))
    gradient = np.asarray(engine.run(ge.grad(losses[name], x), feeds), "float64")
    sizes = np.sqrt(np.mean(gradient**2, axis=(0, 2)))[::-1]
    return sizes / sizes[0]


def long_lag(show: Show) -> None:
    flows = {name: gradient_by_time(show, name) for name in KINDS}
    show.criterion("RNN: gradient 40 steps back over the last step's", flows["RNN"][-1], below=1e-6)
    for name in ("LSTM", "GRU"):
        show.criterion(f"{name}: the same", flows[name][-1], above=1e-3)
    flows["LSTM, half open"] = gradient_by_time(show, "LSTM", opened=False)
    title = "before training: the gradient that comes back to each step's input"
    figure = plots.lines(flows, range(41), title, "steps back from the end", "over the last step's", log=True)
    show.save("gradient.png", figure, "The gradient by time: it vanishes in an RNN, and where gates do not keep.")

    lag = show.pick(40, quick=10)
    right = {name: learn(show, name, lag) for name in KINDS}
    for name in ("LSTM", "GRU"):
        show.criterion(f"{name}: first symbol named {lag} steps later", right[name][-1], above=0.95)
    show.say(f"RNN: the same: {right['RNN'][-1]:.4g} (chance: {1 / SYMBOLS:.4g})")
    title = f"which of {SYMBOLS} symbols came first, {lag} steps ago?"
    figure = plots.lines(right, title=title, ylabel="part of 1000 new ones right", bound=1 / SYMBOLS)
    show.save("right.png", figure, "How many new sequences each answers right, by epoch; dotted: by chance.")


def one_unit(show: Show) -> None:
    """Draw a network of a single unit and weight, as a loop and written out; both give the same gradient."""
    x, wanted, w = ge.input("x", 4), ge.input("wanted"), ge.parameter("w", 0.5)

    def step(h: ge.Variable, x: ge.Variable) -> tuple[ge.Variable, None]:
        return ge.tanh(w * h + x).named("h"), None

    h, _ = ge.scan(step, 0.0, x)
    loss = ge.square(h - wanted)
    (written_out,) = ge.passes.unroll(ge.Graph(loss)).graph.outputs
    rolled, unrolled = (
        show.engine().compile([x, wanted], out, updates=ge.optim.SGD(0.5).minimize(out)).trace([1, 0.5, -0.5, 0.2], 1)
        for out in (loss, written_out)
    )
    show.criterion("gradient of w, rolled less unrolled", abs(rolled.grad("w") - unrolled.grad("w")), below=1e-6)
    show.save("rolled.svg", viz.draw(rolled), "Rolled: the step is there once; its state goes round to the next.")
    picture, page = (make(unrolled, collapse=["t0", "t1", "t2", "t3"]) for make in (viz.draw, viz.steps))
    show.save("unrolled.svg", picture, "Unrolled: the same four steps, one after the other.")
    show.save("unrolled.html", page, "Back through time, step by step: each time adds a term to w's gradient.")


def gates(show: Show) -> None:
    for name, caption in (
        ("LSTM", "LSTM: gate f keeps the state c, gate i lets news in, gate o lets it out."),
        ("GRU", "GRU: gate z keeps the state h or takes the new n; gate r says what n sees of h."),
    ):
        states, _ = KINDS[name](1, 2, name=name.lower())(ge.input("x", ("time", 1)))
        show.save(f"{name.lower()}.svg", viz.draw(ge.Graph(states)), caption)


def main(show: Show) -> None:
    long_lag(show)
    one_unit(show)
    gates(show)


if __name__ == "__main__":
    run(main)
