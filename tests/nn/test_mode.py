"""Training and evaluation as two graphs: what `training` and `evaluation` hand to layers."""

import warnings

import numpy as np
import pytest

import graph_engine as ge
from graph_engine import nn


def masks(outputs, steps=3, updates=None):
    """Run a compiled step several times, and return which elements were kept."""
    step = ge.Engine("numpy").compile([], outputs, updates=updates or {})
    return [np.asarray(step()) != 0 for _ in range(steps)]


def test_each_step_and_each_layer_drops_others():
    x = ge.ones(64)
    with nn.training() as mode:
        y = ge.stack([nn.dropout(x), nn.dropout(x)])
    kept = masks(y, 3, mode.updates)
    rows = [tuple(row) for step in kept for row in step]
    assert len(set(rows)) == 6


def test_a_program_run_again_drops_the_same_and_another_seed_others():
    def declared(seed):
        with nn.training(seed) as mode:
            y = nn.dropout(ge.ones(64))
        return masks(y, 3, mode.updates)

    np.testing.assert_array_equal(declared(1), declared(1))
    assert not np.array_equal(declared(1), declared(2))


def test_without_the_updates_every_step_is_the_same():
    with nn.training() as mode:
        y = nn.dropout(ge.ones(64))
    first, second = masks(y, 2)
    np.testing.assert_array_equal(first, second)
    assert [p.name for p in mode.updates] == ["training.count"]


def test_a_key_that_is_fed():
    key, x = ge.input("key", 2, "uint32"), ge.ones(64)
    with nn.training(key=key) as mode:
        y = nn.dropout(x)
    assert not mode.updates
    engine = ge.Engine("numpy")
    a, b, again = (engine.run(y, {key: value}) for value in ([0, 1], [0, 2], [0, 1]))
    np.testing.assert_array_equal(a, again)
    assert not np.array_equal(a, b)


def test_entered_twice_it_goes_on():
    mode, x = nn.training(), ge.ones(64)
    with mode:
        first = nn.dropout(x)
    with mode:
        second = nn.dropout(x)
    kept = masks(ge.stack([first, second]), 1, mode.updates)[0]
    assert not np.array_equal(*kept)
    assert len(mode.updates) == 1


def test_two_trainings_in_one_graph_need_two_names():
    def both(**options):
        x = ge.ones(8)
        with nn.training():
            first = nn.dropout(x)
        with nn.training(**options):
            return ge.Graph(first + nn.dropout(x))

    with pytest.raises(ge.NameClashError, match=r"training\.count"):
        both()
    assert len(both(name="critic").parameters) == 2


def test_evaluation_inside_of_training():
    drop, x = nn.Dropout(0.5), ge.input("x", 3)
    with nn.training():
        with nn.evaluation():
            assert drop(x) is x
        assert drop(x) is not x
    assert drop(x) is x


def test_an_error_inside_ends_the_training():
    drop, x = nn.Dropout(0.5), ge.input("x", 3)
    with pytest.raises(ZeroDivisionError), nn.training():
        raise ZeroDivisionError
    assert drop(x) is x


def test_a_key_is_a_variable():
    with pytest.raises(ge.DeclarationError, match="a random key is a variable, not 7"):
        nn.training(key=7)


# ---- what is forgotten -----------------------------------------------------------------------------------------


def test_a_step_that_forgets_the_count_of_its_random_numbers_is_warned_of():
    x = ge.input("x", 4)
    with ge.nn.training() as mode:
        loss = ge.sum(ge.nn.Dropout(0.5)(ge.nn.Linear(4, 4, seed=0)(x)))
    updates = ge.optim.SGD(0.1).minimize(loss)
    engine = ge.Engine("numpy")
    with pytest.warns(ge.RepeatedRandomnessWarning, match="does not update 'training.count'") as caught:
        engine.compile([x], loss, updates=updates)
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        engine.compile([x], loss, updates=updates | mode.updates)
        engine.compile([x], loss)  # not a training step
