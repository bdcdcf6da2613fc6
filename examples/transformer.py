"""Transformer: an encoder and a decoder learn to sort symbols; the attention map shows where each output looks.

The encoder reads the whole sequence; the decoder writes the answer symbol by symbol, sees what it has written so far
(a causal mask hides the rest), and asks the encoder's result for what it needs. In training all places are answered at
once, since the right symbols before each are known. Afterwards a Python loop over one compiled function writes the
answer, each time the likeliest symbol. Look at the map: to write the next symbol, the decoder looks at it in the input.

Run it:      graph-engine demo transformer
"""

import numpy as np

import graph_engine as ge
import graph_engine_viz as viz
from graph_engine.gallery import Show, run
from graph_engine_viz import plots

LENGTH, SYMBOLS, START = 8, 8, 0  # symbols are 1 to 8; 0 stands before the first one of an answer


class Transformer(ge.nn.Module):
    def __init__(self, size: int, heads: int = 1) -> None:
        options = {"dim_feedforward": 2 * size, "dropout": 0.0, "batch_first": True}
        self.embed = ge.nn.Embedding(SYMBOLS + 1, size)
        self.positions = ge.nn.PositionalEncoding(size)
        self.encoder = ge.nn.TransformerEncoderLayer(size, heads, **options)
        self.decoder = ge.nn.TransformerDecoderLayer(size, heads, **options)
        self.out = ge.nn.Linear(size, SYMBOLS + 1)

    def forward(self, source: ge.Variable, before: ge.Variable) -> ge.Variable:
        memory = self.encoder(self.positions(self.embed(source)))
        answer = self.decoder(self.positions(self.embed(before)), memory, tgt_is_causal=True)
        return self.out(answer)


source = ge.input("source", ("batch", LENGTH), "int64")
before = ge.input("before", ("batch", "n"), "int64")  # the answer so far
target = ge.input("target", ("batch", "n"), "int64")  # the symbol that comes next, for each place

transformer = Transformer(32)
logits = transformer(source, before)
loss = ge.nn.cross_entropy(logits, target, axis=-1)
_, _, looks = [v for v in ge.Graph(logits).variables if v.name == "weights"]  # encoder, decoder, decoder to encoder


def started(answers: np.ndarray) -> np.ndarray:
    """Put START in front of answers, and drop their last symbols: what was there before each symbol."""
    return np.pad(answers[:, :-1], ((0, 0), (1, 0)), constant_values=START)


def write(next_symbols: ge.CompiledStep, sources: np.ndarray) -> np.ndarray:
    """Write answers, each symbol the likeliest one after those before it."""
    answers = np.full((len(sources), 1), START)
    for _ in range(LENGTH):
        answers = np.append(answers, np.asarray(next_symbols(sources, answers))[:, -1:], axis=1)
    return answers[:, 1:]


def learn_to_sort(show: Show) -> None:
    engine, epochs = show.engine(), show.pick(10, quick=3)
    rate = ge.optim.schedules.cosine(5e-3, 100 * epochs)
    step = engine.compile([source, before, target], loss, updates=ge.optim.Adam(rate).minimize(loss))
    next_symbols = engine.compile([source, before], ge.argmax(logits, axis=-1))
    sources, answers = ge.data.sequences.sort(6400, LENGTH, SYMBOLS, seed=1)
    new_sources, new_answers = ge.data.sequences.sort(1000, LENGTH, SYMBOLS, seed=2)
    halves, batch = ["transformer.encoder", "transformer.decoder"], (sources[:2], started(answers[:2]), answers[:2])
    show.save("transformer.svg", viz.draw(step.trace(*batch), collapse=halves), "A step: encoder, decoder and loss.")
    batches = ge.data.batches(sources, started(answers), answers, batch_size=64)
    history = ge.train(step, batches, epochs, validation=lambda: {
        "right": (write(next_symbols, new_sources) == new_answers).all(axis=1).mean()})  # fmt: skip
    right = history.validation["right"]
    show.criterion("new sequences sorted without a mistake", right[-1], above=show.pick(0.99, quick=0.95))
    curve = plots.lines({"right": right}, title="new sequences sorted without a mistake", ylabel="part of 1000")
    show.save("right.png", curve, "How many new sequences it sorts without a mistake, after each epoch.")
    check_mask(show, engine, new_sources, new_answers)
    draw_attention(show, engine, next_symbols, new_sources)


def check_mask(show: Show, engine: ge.Engine, sources: np.ndarray, answers: np.ndarray) -> None:
    """Change the last symbol before an answer's end: no score may change but that of the last place."""
    known, changed = started(answers), started(answers)
    changed[:, -1] = changed[:, -1] % SYMBOLS + 1
    one, other = (np.asarray(engine.run(logits, {source: sources, before: b})) for b in (known, changed))
    show.criterion("change of scores by symbols that come later", np.abs(one - other)[:, :-1].max(), below=1e-5)
    show.criterion("change of the last score by the symbol before it", np.abs(one - other)[:, -1].max(), above=0.01)


def draw_attention(show: Show, engine: ge.Engine, next_symbols: ge.CompiledStep, sources: np.ndarray) -> None:
    answers = write(next_symbols, sources)
    weights = np.asarray(engine.run(looks, {source: sources, before: started(answers)}))[:, 0]  # of the only head
    most = np.take_along_axis(sources, weights.argmax(axis=-1), axis=1)
    show.criterion("symbols written while looking most at them", (most == answers).mean(), above=0.7)
    chosen = next(i for i, row in enumerate(answers) if len(set(row)) == LENGTH)  # no symbol twice
    rows, columns = [f"writes {s}" for s in answers[chosen]], [str(s) for s in sources[chosen]]
    figure = plots.attention_map(weights[chosen], rows, columns, title="where the decoder looks in its input")
    show.save("attention.png", figure, "To write a symbol, the decoder looks for it in the input, wherever it stands.")


def one_block(show: Show) -> None:
    """Draw attention by itself, small enough for all its numbers: one place asks, three answer."""
    asking, answering, wanted = ge.input("asking", (1, 2)), ge.input("answering", (3, 2)), ge.input("wanted", (1, 2))
    w_q = ge.parameter("W_q", [[0.5, 0], [0, 0.5]])
    w_k = ge.parameter("W_k", [[1.0, 0], [0.5, 1]])
    w_v = ge.parameter("W_v", [[1.0, -1], [0, 1]])
    q, k, v = asking @ w_q, answering @ w_k, answering @ w_v
    output = ge.nn.scaled_dot_product_attention(q, k, v)
    error = ge.nn.mse_loss(output, wanted)
    step = show.engine().compile([asking, answering, wanted], error, updates=ge.optim.SGD(0.5).minimize(error))
    trace = step.trace([[1, 2]], [[2, 0], [0, 2], [1, 1]], [[1, 0]])
    show.save("block.svg", viz.draw(trace), "Attention: scores compare a query with keys; weights are their softmax.")
    show.save("block.html", viz.steps(trace), "The same, step by step: forward, backward, update.")


def main(show: Show) -> None:
    learn_to_sort(show)
    one_block(show)


if __name__ == "__main__":
    run(main)
