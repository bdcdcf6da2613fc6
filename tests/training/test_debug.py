"""A training whose steps are watched: what is called in their place sees every batch, and changes nothing else."""

import numpy as np
import pytest
from trained_models import InterruptAt, Model

import graph_engine as ge
from graph_engine.training import Checkpoint


class Watching:
    """Counts what a step is called with."""

    def __init__(self):
        self.steps, self.calls = [], []

    def __call__(self, step):
        self.steps.append(step)

        def called(*arrays):
            self.calls.append(arrays)
            return step(*arrays)

        return called


def test_every_batch_goes_through_it_and_the_bits_are_the_same():
    bare, watched, watching = Model(), Model(), Watching()
    histories = [ge.train(bare.step, bare.data, 2), ge.train(watched.step, watched.data, 2, debug=watching)]
    assert len(watching.calls) == 14 and all(len(arrays) == 2 for arrays in watching.calls)
    assert histories[0].state() == histories[1].state() and bare.bits() == watched.bits()


def test_it_is_given_the_step_with_its_guards():
    model, watching = Model(), Watching()
    ge.train(model.step, model.data, 1, debug=watching, guards=("finite",))
    (step,) = watching.steps
    assert step.guards == ("finite",) and step.engine is model.engine and step.updates == model.step.updates


def test_several_steps_and_repeated_ones():
    model, watching = Model(), Watching()
    plain = model.engine.compile(model.inputs, model.measured["loss"])
    history = ge.train({"a": (model.step, 2), "b": plain}, model.data, 1, debug=watching)
    assert len(watching.steps) == 2 and len(watching.calls) == 3 * 7
    assert set(history.train) == {"a.loss", "b.loss"}


def test_an_error_says_where_the_training_was_and_stays_itself():
    class Found(ge.GuardError):
        pass

    def debug(step):
        def called(*arrays):
            raise Found("it is wrong")

        return called

    model = Model()
    with pytest.raises(Found, match=r"epoch 1, batch 1 .*: it is wrong"):
        ge.train(model.step, model.data, 1, debug=debug)


def test_resumed_it_is_handed_over_anew(tmp_path):
    whole = Model()
    ge.train(whole.step, whole.data, 3)
    path, first, second = tmp_path / "run.safetensors", Watching(), Watching()
    broken = Model()
    with pytest.raises(KeyboardInterrupt):
        ge.train(broken.step, broken.data, 3, callbacks=[Checkpoint(path, steps=1), InterruptAt(10)], debug=first)
    resumed = Model()
    ge.train(resumed.step, resumed.data, 3, resume=path, debug=second)
    assert (len(first.calls), len(second.calls)) == (10, 12)  # the tenth was broken off before it was kept
    assert resumed.bits() == whole.bits()


@pytest.mark.parametrize("debug", [3, "isnan", lambda step: None, lambda step: np.ones(2)])
def test_what_cannot_be_called_is_refused(debug):
    model = Model()
    before = model.bits()
    with pytest.raises(ge.DeclarationError, match="cannot be called"):
        ge.train(model.step, model.data, 1, debug=debug)
    assert model.bits() == before
