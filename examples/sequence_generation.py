"""Sequence generation: a network that has read sentences, letter by letter, writes new ones.

It learns which letter comes next. To write, a Python loop calls one compiled step: letter and state in, chances and
new state out; it draws a letter, feeds it back, and stops after a full stop. The sentences come from a small grammar
with a trap, the verb goes with the first noun, and a known entropy: no network can need less. Look at its surprise.

Run it:      graph-engine demo sequence_generation
"""

import re

import numpy as np

import graph_engine as ge
import graph_engine_viz as viz
from graph_engine.gallery import Show, run
from graph_engine_viz import plots

LETTERS = ". abcdefghijlmnoprstuw"  # a full stop ends a sentence, and stands before the first
NOUN, VERB = "bird|cat|cow|dog|frog|goat|hen|pig", "eat|jump|rest|run|sing|sleep"
NOUNS, VERBS = NOUN.split("|"), VERB.split("|")
GRAMMAR = re.compile(rf"(?P<one>a )?({NOUN})(?(one)|s)( near (a ({NOUN})|({NOUN})s))? ({VERB})(?(one)s)\.")
BLANK, SIZE = -1, 64  # BLANK fills up what is shorter than the longest


def sentence(rng: np.random.Generator) -> str:
    """Draw a sentence, such as "dogs near a cat sleep."; of one or two nouns, each choice by equal chance."""
    ones = rng.integers(0, 2, size=rng.integers(1, 3))
    nouns = [f"a {noun}" if one else f"{noun}s" for noun, one in zip(rng.choice(NOUNS, 2), ones)]
    return " near ".join(nouns) + " " + rng.choice(VERBS) + "s" * ones[0] + "."


def entropy(sentences: list[str]) -> float:
    """Return -ln p of sentences by the grammar, per letter."""
    likely = [1 / (2 * (2 * len(NOUNS)) ** (1 + text.count("near")) * len(VERBS)) for text in sentences]
    return -np.log(likely).sum() / sum(map(len, sentences))


def coded(sentences: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return, as numbers, the letter before each place, and the one that stands there."""
    here = np.full((len(sentences), max(map(len, sentences))), BLANK)
    for row, text in zip(here, sentences):
        row[: len(text)] = [LETTERS.index(letter) for letter in text]
    return np.pad(np.maximum(here[:, :-1], 0), ((0, 0), (1, 0)), constant_values=LETTERS.index(".")), here


class Writer(ge.nn.Module):
    def __init__(self, letters: int, size: int) -> None:
        self.letters = letters
        self.memory = ge.nn.GRU(letters, size, batch_first=True)
        self.out = ge.nn.Linear(size, letters)

    def forward(self, before: ge.Variable, state: ge.Variable | None = None) -> tuple[ge.Variable, ge.Variable]:
        states, last = self.memory(ge.one_hot(before, self.letters), state)
        return self.out(states), last


before = ge.input("before", ("batch", "time"), "int64")
here = ge.input("here", ("batch", "time"), "int64")
state = ge.input("state", (1, "batch", SIZE))
writer = Writer(len(LETTERS), SIZE)
scores, _ = writer(before)
loss = ge.nn.cross_entropy(scores, here, ignore_index=BLANK, axis=-1)
surprise = ge.nn.cross_entropy(scores, here, reduction="none", axis=-1)
next_scores, next_state = writer(before, state)
chances = ge.nn.softmax(next_scores[0, -1])


def write(next_letter: ge.CompiledStep, rng: np.random.Generator, longest: int = 100) -> str:
    """Draw one letter after the other, until a full stop."""
    text, code, memory = "", LETTERS.index("."), np.zeros((1, 1, SIZE))
    while not text.endswith(".") and len(text) < longest:
        likely, memory = next_letter([[code]], memory)
        steps = np.cumsum(likely)
        code = np.searchsorted(steps, rng.random() * steps[-1])
        text += LETTERS[code]
    return text


def learn_to_write(show: Show) -> None:
    engine, rng, epochs = show.engine(), np.random.default_rng(0), show.pick(8, quick=3)
    known, new = ([sentence(rng) for _ in range(count)] for count in (3200, 500))
    rate = ge.optim.schedules.cosine(0.02, 100 * epochs)
    step = engine.compile([before, here], loss, updates=ge.optim.Adam(rate, clip_norm=1.0).minimize(loss))
    measure = ge.training.Evaluation(engine, [before, here], {"loss": loss}, [coded(new)])
    history = ge.train(step, ge.data.batches(*coded(known), batch_size=32), epochs, validation=measure)
    needed, least, title = history.validation["loss"], entropy(new), "how surprising a letter of a new sentence is"
    show.criterion("new sentences: -ln p of a letter, above the grammar's entropy", needed[-1] - least, below=0.02)
    figure = plots.lines({"network": needed}, None, title, ylabel="mean of -ln p", bound=least, bound_name="grammar")
    show.save("loss.png", figure, "What the network needs for a letter comes down to what the grammar needs.")
    step = engine.compile([before, state], [chances, next_state])
    written = [write(step, rng) for _ in range(200)]
    right = [text for text in written if GRAMMAR.fullmatch(text)]
    show.criterion("written sentences that follow the grammar", len(right) / 200, above=show.pick(0.95, quick=0.85))
    own = [text for text in right if text not in known]
    show.say(f"right ones that it has never read: {len(own)}, such as {' '.join(own[:3])}")
    wrong = "dogs near a cat sleeps."
    (found,) = engine.run(surprise, dict(zip((before, here), coded([wrong]))))
    show.criterion("surprise at the s of 'dogs ... sleeps'", found[-2], above=np.log(10))
    figure = plots.lines({"": found}, None, "surprise, letter by letter", "", "-ln p", ticks=[*wrong.replace(" ", "␣")])
    show.save("surprise.png", figure, "Surprise where the grammar chooses; the most at the s: the verb goes with dogs.")


def small_writer(show: Show) -> None:
    """Draw the step that writes; and a training step of a network of three letters and two units."""
    show.save("write.svg", viz.draw(ge.Graph(chances, next_state.named("next_state"))), "The step that writes.")
    before, here = ge.input("before", (1, 3), "int64"), ge.input("here", (1, 3), "int64")
    small = Writer(3, 2)
    loss = ge.nn.cross_entropy(small(before)[0], here, axis=-1)
    step = show.engine().compile([before, here], loss, updates=ge.optim.SGD(0.5).minimize(loss))
    show.save("train.html", viz.steps(step.trace([[0, 1, 2]], [[1, 2, 0]])), "A training step, three letters at once.")


def main(show: Show) -> None:
    learn_to_write(show)
    small_writer(show)


if __name__ == "__main__":
    run(main)
