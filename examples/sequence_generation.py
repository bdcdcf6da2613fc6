"""Sequence generation: a network that has read sentences, letter by letter, writes new ones.

At each place it scores which letter comes next; that is all it learns. To write, a Python loop calls one compiled step:
letter and state in, chances and new state out; it draws a letter, feeds it back, and stops after a full stop. The
sentences come from a small grammar whose entropy is known: no network can need less. Mind the grammar's trap: the verb
agrees with the first noun, however many others stand between. Look at where the network is surprised, and how much.

Run it:      graph-engine demo sequence_generation
"""

import re

import numpy as np

import graph_engine as ge
import graph_engine_viz as viz
from graph_engine.gallery import Show, run
from graph_engine_viz import plots

LETTERS = ". abcdefghijlmnoprstuw"  # a full stop ends a sentence, and stands before the first
NOUNS = ("bird", "cat", "cow", "dog", "frog", "goat", "hen", "pig")
VERBS = ("eat", "jump", "rest", "run", "sing", "sleep")
NOUN, VERB = "|".join(NOUNS), "|".join(VERBS)
GRAMMAR = re.compile(rf"the ({NOUN})(?P<many>s)?( near the ({NOUN})s?)? ({VERB})(?(many)|s)\.")
BLANK = -1  # fills up what is shorter than the longest


def sentence(rng: np.random.Generator) -> str:
    """Draw a sentence, such as "the dogs near the cat sleep."; of one or two nouns, each choice by equal chance."""
    many = rng.integers(0, 2, size=rng.integers(1, 3))
    nouns = ["the " + rng.choice(NOUNS) + "s" * plural for plural in many]
    return " near ".join(nouns) + " " + rng.choice(VERBS) + "s" * (1 - many[0]) + "."


def entropy(sentences: list[str]) -> float:
    """Return -ln p of sentences by the grammar, per letter."""
    nouns = [1 + text.count(" near ") for text in sentences]
    return sum(np.log(2) + n * np.log(len(NOUNS) * 2) + np.log(len(VERBS)) for n in nouns) / sum(map(len, sentences))


def coded(sentences: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return, as numbers, the letter before each place, and the one that stands there."""
    here = np.full((len(sentences), max(map(len, sentences))), BLANK)
    for row, text in zip(here, sentences):
        row[: len(text)] = [LETTERS.index(letter) for letter in text]
    before = np.pad(np.maximum(here[:, :-1], 0), ((0, 0), (1, 0)), constant_values=LETTERS.index("."))
    return before, here


class Writer(ge.nn.Module):
    """Scores which letter comes next; its state is what it remembers of those before."""

    def __init__(self, letters: int, size: int, unroll: bool = False) -> None:
        self.letters = letters
        self.memory = ge.nn.GRU(letters, size, batch_first=True, unroll=unroll)
        self.out = ge.nn.Linear(size, letters)

    def forward(self, before: ge.Variable, state: ge.Variable | None = None) -> tuple[ge.Variable, ge.Variable]:
        states, last = self.memory(ge.one_hot(before, self.letters), state)
        return self.out(states), last


before = ge.input("before", ("batch", "time"), "int64")
here = ge.input("here", ("batch", "time"), "int64")
state = ge.input("state", (1, "batch", 64))

writer = Writer(len(LETTERS), 64)
scores, _ = writer(before)
loss = ge.nn.cross_entropy(scores, here, ignore_index=BLANK, axis=-1)
surprise = ge.nn.cross_entropy(scores, here, reduction="none", axis=-1)
next_scores, next_state = writer(before, state)
chances = ge.nn.softmax(next_scores[0, -1])


def write(step: ge.CompiledStep, rng: np.random.Generator, longest: int = 100) -> str:
    """Draw one letter after the other, until a full stop."""
    text, last, memory = "", LETTERS.index("."), np.zeros((1, 1, 64))
    while not text.endswith(".") and len(text) < longest:
        likely, memory = step([[last]], memory)
        last = np.searchsorted(np.cumsum(likely), rng.random() * np.sum(likely))
        text += LETTERS[last]
    return text


def main(show: Show) -> None:
    engine, rng = show.engine(), np.random.default_rng(0)
    known, new = ([sentence(rng) for _ in range(n)] for n in (3200, 500))
    least, epochs = entropy(new), show.pick(10, quick=4)
    rate = ge.optim.schedules.cosine(0.01, epochs * len(known) // 64)
    step = engine.compile([before, here], loss, updates=ge.optim.Adam(rate, clip_norm=1.0).minimize(loss))
    measure = ge.training.Evaluation(engine, [before, here], {"loss": loss}, [coded(new)])
    history = ge.train(step, ge.data.batches(*coded(known), batch_size=64), epochs, validation=measure)
    print(history.train["loss"], history.validation["loss"], least)
    show.criterion("-ln p of a letter in new sentences, above the grammar's entropy", history.validation["loss"][-1] - least, below=0.02)
    next_letter = engine.compile([before, state], [chances, next_state])
    written = [write(next_letter, rng) for _ in range(show.pick(300, quick=100))]
    right = [GRAMMAR.fullmatch(text) is not None for text in written]
    show.criterion("share of written sentences that follow the grammar", np.mean(right), above=0.95)
    show.say("\n".join(written[:5]))
    print([t for t,r in zip(written,right) if not r])
    print(len(set(written)-set(known)))


if __name__ == "__main__":
    run(main)
