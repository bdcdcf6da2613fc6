"""The values of parameters: kept while somebody holds the parameter, committed all at once, saved by choice."""

import gc
import sys
from threading import Thread

import pytest

import graph_engine as ge


def test_a_parameter_that_nobody_holds_is_forgotten():
    engine = ge.Engine("numpy")
    for number in range(200):  # more than the programs that an engine keeps
        engine.run(ge.parameter(f"w{number}", [1.0]) * 2)
    gc.collect()
    assert len(engine.parameters()) < 200


def test_no_interrupt_comes_between_a_parameter_and_its_value():
    engine, w = ge.Engine("numpy"), ge.parameter("w", [1.0])
    engine.meet(w)

    def interrupt(frame, event, argument):  # at the first function of Python that is called
        raise KeyboardInterrupt

    before = sys.gettrace()
    sys.settrace(interrupt)
    try:
        del w
    finally:
        sys.settrace(before)
    assert engine.store._values == {} and engine.store._parameters == {}


def test_a_parameter_that_somebody_holds_is_kept():
    engine = ge.Engine("numpy")
    w = ge.parameter("w", 1.0)
    engine.set_value(w, 5.0)
    for number in range(200):
        engine.run(ge.constant(float(number)) * 2)
    gc.collect()
    assert engine.value(w) == 5.0


def test_steps_in_several_threads_lose_no_update():
    count = ge.parameter("count", 0.0)
    engine = ge.Engine("numpy")
    step = engine.compile([], (), updates={count: count + 1})
    threads = [Thread(target=lambda: [step() for _ in range(200)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert engine.value(count) == 800


def test_two_parameters_of_one_name_are_saved_by_choice(tmp_path):
    engine = ge.Engine("numpy")
    first, second = ge.parameter("w", [1.0]), ge.parameter("w", [2.0])
    engine.run(first * 1), engine.run(second * 1)
    with pytest.raises(ge.NameClashError, match="parameters="):
        engine.save(tmp_path / "both.safetensors")
    engine.save(tmp_path / "second.safetensors", parameters=[second])
    fresh = ge.Engine("numpy")
    fresh.load(tmp_path / "second.safetensors", parameters=[first])
    assert fresh.value(first).tolist() == [2.0]


def test_loading_into_an_engine_that_knows_no_parameters_says_what_to_do(tmp_path):
    w = ge.parameter("w", [1.0])
    engine = ge.Engine("numpy")
    engine.meet(w)
    engine.save(tmp_path / "w.safetensors")
    with pytest.raises(ge.LookupFailed, match="engine.meet"):
        ge.Engine("numpy").load(tmp_path / "w.safetensors")


def test_keys_differ_from_call_to_call_and_with_all_bits_of_the_seed():
    def keys(seed):
        engine = ge.Engine("numpy", seed=seed)
        return [tuple(engine.next_key()) for _ in range(3)]

    assert len({*keys(0), *keys(1), *keys(2**40)}) == 9
    assert keys(7) == keys(7)
