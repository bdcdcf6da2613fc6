"""RNN, LSTM, GRU: which symbol came first, forty steps ago? Networks with a memory read sequences.

A recurrent network takes each step with the same weights, and hands its state on to the next. To learn what the first
symbol was good for, the gradient has to come back through all steps. A plain RNN multiplies it at each by weights and a
slope of tanh: it vanishes. LSTM and GRU have a gate that keeps the state; where it begins open (a bias of 4, sigmoid(4)
= 0.98), the gradient comes through, and is lost again where it is half open. Look at the gradient by time; then at the
loop, rolled and written out: the gradient of its weight is a sum with a term for each step.

Run it:      graph-engine demo rnn
"""

import numpy as np

import graph_engine as ge
import graph_engine_viz as viz
from graph_engine.gallery import Show, run
from graph_engine_viz import plots

SYMBOLS, HIDDEN = 8, 32
KINDS = {"RNN": ge.nn.RNN, "LSTM": ge.nn.LSTM, "GRU": ge.nn.GRU}

symbols = ge.input("symbols", ("batch", "time"), "int64")  # from 1 to 8
first = ge.input("first", "batch", "int64")
x = ge.one_hot(symbols - 1, SYMBOLS)

memories, scores, losses = {}, {}, {}
for name, kind in KINDS.items():
    memories[name] = kind(SYMBOLS, HIDDEN, batch_first=True, name=name)
    states, _ = memories[name](x)
    scores[name] = ge.nn.Linear(HIDDEN, SYMBOLS, name=f"{name}.out")(states[:, -1])  # at the end: which came first?
    losses[name] = ge.nn.cross_entropy(scores[name], first - 1)


def open_gates(engine: ge.Engine, name: str) -> None:
    """Give the gate that keeps the state a bias of 4: the second one, forget in an LSTM and update in a GRU."""
    if name != "RNN":
        bias = memories[name].bias_ih_l0
        engine.set_value(bias, np.where(np.arange(bias.size) // HIDDEN == 1, 4.0, 0.0))


def learn(show: Show, name: str, lag: int) -> list[float]:
    """Train, and return which part of new sequences is answered right, epoch by epoch."""
    engine, loss, epochs = show.engine(), losses[name], show.pick(6, quick=4)
    open_gates(engine, name)
    step = engine.compile([symbols, first], loss, updates=ge.optim.Adam(0.01, clip_norm=1.0).minimize(loss))
    known, new = (ge.data.sequences.recall(n, lag + 1, SYMBOLS, seed=n) for n in (show.pick(6400, quick=3200), 1000))
    right = {"right": ge.nn.accuracy(scores[name], first - 1)}
    measure = ge.training.Evaluation(engine, [symbols, first], right, [new])
    return ge.train(step, ge.data.batches(*known, batch_size=64), epochs, validation=measure).validation["right"]


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
    show.criterion("LSTM: the same", flows["LSTM"][-1], above=1e-3)
    show.criterion("GRU: the same", flows["GRU"][-1], above=1e-3)
    flows["LSTM, half open"] = gradient_by_time(show, "LSTM", opened=False)
    title = "before training: the gradient that comes back to each step's input"
    figure = plots.lines(flows, range(41), title, "steps back from the end", "gradient / the last step's", log=True)
    show.save("gradient.png", figure, "The gradient by time: it vanishes in an RNN, and where gates do not keep.")

    lag = show.pick(40, quick=10)
    right = {name: learn(show, name, lag) for name in KINDS}
    for name in ("LSTM", "GRU"):
        show.criterion(f"{name}: first symbol named {lag} steps later", right[name][-1], above=0.95)
    show.say(f"RNN: the same: {right['RNN'][-1]:.4g} (chance: {1 / SYMBOLS:.4g})")
    title = f"which of {SYMBOLS} symbols came first, {lag} steps ago?"
    figure = plots.lines(right, title=title, ylabel="part answered right", bound=1 / SYMBOLS, bound_name="chance")
    show.save("right.png", figure, "How many new sequences each answers right, after each epoch.")


def one_unit(show: Show) -> None:
    """Draw a network of a single unit and weight, as a loop and written out; both give the same gradient."""
    x, wanted, w = ge.input("x", 4), ge.input("wanted"), ge.parameter("w", 0.5)

    def step(h: ge.Variable, x: ge.Variable) -> tuple[ge.Variable, None]:
        new = ge.tanh(w * h + x)
        return new, None

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
    x, h, c = ge.input("x", 1), ge.input("h_before", 2), ge.input("c_before", 2)
    new_h, new_c = ge.nn.LSTMCell(1, 2)(x, (h, c))
    gru, lstm = ge.Graph(ge.nn.GRUCell(1, 2)(x, h).named("h")), ge.Graph(new_h.named("h"), new_c.named("c"))
    show.save("lstm.svg", viz.draw(lstm), "LSTM: gate f keeps the state c, i lets news in, o lets it out.")
    show.save("gru.svg", viz.draw(gru), "GRU: gate z keeps the state or takes n; r says what n sees of it.")


def main(show: Show) -> None:
    long_lag(show)
    one_unit(show)
    gates(show)


if __name__ == "__main__":
    run(main)
