"""Random numbers: the published answers of Threefry, the same on every namespace, distributed as they should be."""

import math
import warnings

import array_api_strict
import numpy as np
import pytest
import scipy.stats

import graph_engine as ge
from graph_engine.primitives.random import FoldIn, NormalFromBits, RandomBits, threefry

# J. Salmon et al., Random123, kat_vectors: threefry2x32 with 20 rounds, (counter, key, answer)
KNOWN_ANSWERS = [
    ((0x00000000, 0x00000000), (0x00000000, 0x00000000), (0x6B200159, 0x99BA4EFE)),
    ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
    ((0x243F6A88, 0x85A308D3), (0x13198A2E, 0x03707344), (0xC4923A9C, 0x483DF7A0)),
]
KEY = ge.random.key(42)


@pytest.mark.parametrize("counter, key, answer", KNOWN_ANSWERS)
@pytest.mark.parametrize("xp", [np, array_api_strict], ids=["numpy", "strict"])
def test_known_answers(xp, counter, key, answer):
    words = [xp.asarray([word], dtype=xp.uint32) for word in counter]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        got = threefry(xp, xp.asarray(key, dtype=xp.uint32), tuple(words))
    assert tuple(int(word[0]) for word in got) == answer


def test_the_same_bits_on_every_namespace():
    key = np.array([7, 9], "uint32")
    for primitive, extra in ((RandomBits((3, 5)), ()), (FoldIn(), (np.array(-3),)), (NormalFromBits(), None)):
        inputs = [key, *extra] if extra is not None else [RandomBits((4, 2)).kernel(np, key)]
        ours = primitive.kernel(np, *inputs)
        theirs = primitive.kernel(array_api_strict, *map(array_api_strict.asarray, inputs))
        np.testing.assert_allclose(ours, np.asarray(theirs), rtol=1e-6 if extra is None else 0)


def test_a_smaller_shape_is_the_beginning_of_a_larger(run):
    larger = run(ge.random.uniform(KEY, 100))
    assert run(ge.random.uniform(KEY, 7)).tolist() == larger[:7].tolist()
    assert run(ge.random.uniform(KEY)) == larger[0]


def test_replay_and_independence(run):
    first, second = ge.random.split(KEY)
    assert (first.name, second.name) == ("first", "second")
    again, _ = ge.random.split(ge.random.key(42))
    third = ge.random.fold_in(KEY, 1)
    keys = [tuple(key) for key in run([first, again, second, third, KEY])]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 4
    assert len({tuple(run(ge.random.fold_in(KEY, n))) for n in (0, 1, -1, 2**32, 2**40)}) == 5


def test_derived_keys_are_no_numbers_of_their_key(run):
    first, second = run(list(ge.random.split(KEY)))
    numbers = run(ge.random.random_bits(KEY, 1000))
    assert not set(numbers.tolist()) & {*first.tolist(), *second.tolist()}


@pytest.mark.parametrize("dtype, digits", [("float16", 11), ("float32", 24), ("float64", 53)])
def test_uniform_numbers(run, dtype, digits):
    x = run(ge.random.uniform(KEY, (200, 100), dtype))
    assert x.dtype == dtype
    assert x.min() >= 0 and x.max() < 1
    assert (x.astype("float64") * 2.0**digits % 1 == 0).all()
    assert scipy.stats.kstest(x.ravel().astype("float64"), "uniform").pvalue > 1e-3


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_normal_numbers(run, dtype):
    x = run(ge.random.normal(KEY, (200, 100), dtype))
    assert x.dtype == dtype
    assert np.isfinite(x).all()
    if dtype != "float16":
        assert scipy.stats.kstest(x.ravel(), "norm").pvalue > 1e-3
    assert abs(float(x.astype("float64").mean())) < 4 / math.sqrt(x.size)


def test_bernoulli(run):
    x = run(ge.random.bernoulli(KEY, 0.3, (100, 100)))
    assert x.dtype == bool
    assert abs(x.mean() - 0.3) < 0.02
    p = ge.input("p", 3)
    assert run(ge.random.bernoulli(KEY, p), {p: [0, 1, 1]}).tolist() == [False, True, True]


def test_named_dimensions_and_steps(run):
    x, step = ge.input("x", ("batch", 3)), ge.input("step", (), "int64")
    noise = ge.random.normal(ge.random.fold_in(KEY, step), x.shape)
    assert noise.shape == ("batch", 3)
    feeds = [{x: np.zeros((4, 3)), step: n} for n in (0, 1, 0)]
    values = [run(noise + x, feed) for feed in feeds]
    assert (values[0] == values[2]).all()
    assert not (values[0] == values[1]).any()


@pytest.mark.parametrize(
    "declare",
    [
        lambda: ge.random.key(-1),
        lambda: ge.random.key(1.5),
        lambda: ge.random.uniform(ge.constant([1, 2]), 3),
        lambda: ge.random.uniform(KEY, 3, "int32"),
        lambda: ge.random.normal(KEY, 2**40),
        lambda: ge.random.fold_in(KEY, 0.5),
    ],
)
def test_what_is_refused(declare):
    with pytest.raises(ge.GraphEngineError):
        declare()
