"""Mini-batches and what is done to data before training."""

import numpy as np
import pytest

import graph_engine as ge
from graph_engine import data

X, Y = np.arange(20).reshape(10, 2), np.arange(10)


def test_every_sample_comes_once_and_stays_with_its_label():
    batches = data.batches(X, Y, batch_size=3)
    seen = list(batches)
    assert len(seen) == len(batches) == 4
    assert sorted(np.concatenate([y for _, y in seen]).tolist()) == list(range(10))
    assert all(np.array_equal(x[:, 0], 2 * y) for x, y in seen)


def test_each_epoch_has_its_own_order_which_is_the_same_in_each_run():
    def orders():
        batches = data.batches(Y, batch_size=10)
        return [next(iter(batches))[0].tolist() for _ in range(3)]

    first = orders()
    assert first == orders()
    assert len(set(map(tuple, first))) == 3


def test_another_seed_gives_another_order():
    orders = [next(iter(data.batches(Y, batch_size=10, seed=seed)))[0].tolist() for seed in (0, 1)]
    assert orders[0] != orders[1]


def test_going_on_at_an_epoch():
    batches = data.batches(Y, batch_size=10)
    later = [next(iter(batches))[0].tolist() for _ in range(3)][2]
    resumed = data.batches(Y, batch_size=10)
    resumed.epoch = 2
    assert next(iter(resumed))[0].tolist() == later


def test_without_shuffling():
    assert [y.tolist() for _, y in data.batches(X, Y, batch_size=4, shuffle=False)] == [
        [0, 1, 2, 3], [4, 5, 6, 7], [8, 9],
    ]  # fmt: skip


def test_dropping_the_last():
    batches = data.batches(Y, batch_size=4, drop_last=True)
    assert [len(y) for (y,) in batches] == [4, 4]
    assert len(batches) == 2


@pytest.mark.parametrize("size, drop, expected", [(100, False, [10]), (100, True, []), (10, True, [10])])
def test_a_batch_larger_than_the_data(size, drop, expected):
    batches = data.batches(Y, batch_size=size, drop_last=drop)
    assert [len(y) for (y,) in batches] == expected
    assert len(batches) == len(expected)


def test_no_data_gives_no_batches():
    assert list(data.batches(X[:0], Y[:0], batch_size=4)) == []


def test_batches_own_their_memory():
    (batch,) = next(iter(data.batches(Y, batch_size=10, shuffle=False)))
    batch[0] = 99
    assert Y[0] == 0


def test_lengths_that_differ_are_refused():
    with pytest.raises(ge.ShapeError, match="10, 9"):
        data.batches(X, Y[:9], batch_size=2)


@pytest.mark.parametrize("arrays, message", [((), "no arrays"), ((3.0,), "a number")])
def test_what_holds_no_samples_is_refused(arrays, message):
    with pytest.raises(ge.GraphEngineError, match=message):
        data.batches(*arrays, batch_size=2)


@pytest.mark.parametrize("seed", [-1, 2.5, None, "4", True])
def test_seeds_that_are_none_are_refused(seed):
    for use in (lambda: data.batches(Y, batch_size=2, seed=seed), lambda: data.split(Y, seed=seed)):
        with pytest.raises(ge.DeclarationError, match="a seed is an integer from 0 on") as refused:
            use()
        assert "test_batches.py:" in str(refused.value)


@pytest.mark.parametrize("size", [0, -1, 2.5, None, "4", True])
def test_batch_sizes_that_are_none_are_refused(size):
    with pytest.raises(ge.DeclarationError, match="batch size"):
        data.batches(Y, batch_size=size)


# ---- preparing -------------------------------------------------------------------------------------------------


def test_split_parts_share_nothing_and_leave_nothing_out():
    parts = data.split(X, Y, fractions=(0.5, 0.25, 0.25), seed=3)
    assert [len(y) for _, y in parts] == [5, 3, 2]
    assert sorted(np.concatenate([y for _, y in parts]).tolist()) == list(range(10))
    assert all(np.array_equal(x[:, 0], 2 * y) for x, y in parts)


def test_split_without_shuffling():
    (train,), (test,) = data.split(Y, fractions=(0.7, 0.3), shuffle=False)
    assert train.tolist() == list(range(7)) and test.tolist() == [7, 8, 9]


@pytest.mark.parametrize("fractions", [(0.5, 0.6), (1.5, -0.5), (), (0.5,)])
def test_fractions_that_do_not_add_up_are_refused(fractions):
    with pytest.raises(ge.DeclarationError, match="add up to 1"):
        data.split(Y, fractions=fractions)


def test_one_hot():
    assert data.one_hot(np.array([[0], [2]]), 3).tolist() == [[[1, 0, 0]], [[0, 0, 1]]]
    assert data.one_hot([], 3).shape == (0, 3)


@pytest.mark.parametrize("labels", [[3], [-1], [0.5]])
def test_labels_out_of_range_are_refused(labels):
    with pytest.raises(TypeError, match="class ids"):
        data.one_hot(labels, 3)


def test_standardize():
    x = np.random.default_rng(0).normal(5, 3, (100, 4))
    scaled = data.standardize(x)
    np.testing.assert_allclose(scaled.mean(0), 0, atol=1e-12)
    np.testing.assert_allclose(scaled.std(0), 1)
    np.testing.assert_allclose(data.standardize(x[:10], like=x), scaled[:10])
    assert data.standardize(X.astype("float32")).dtype == np.float32
    assert data.standardize(X).dtype == np.float32


def test_standardising_nothing_is_refused():
    for scale in (data.standardize, data.min_max):
        with pytest.raises(ge.ShapeError, match="no samples"):
            scale(X[:0])


def test_min_max():
    x = np.random.default_rng(0).normal(5, 3, (100, 4)).astype("float32")
    scaled = data.min_max(x)
    assert scaled.dtype == np.float32
    np.testing.assert_allclose([scaled.min(0), scaled.max(0)], [[0] * 4, [1] * 4], atol=1e-6)
    np.testing.assert_allclose(data.min_max(x[:10], like=x), scaled[:10])


# ---- classes in equal shares -----------------------------------------------------------------------------------

CLASSES = np.repeat([0, 1, 2], [50, 30, 20])


def shares(parts):
    return [np.bincount(part, minlength=3).tolist() for (part,) in parts]


@pytest.mark.parametrize("shuffle", [True, False])
def test_a_stratified_split(shuffle):
    parts = data.split(CLASSES, fractions=(0.6, 0.2, 0.2), stratify=CLASSES, shuffle=shuffle)
    assert shares(parts) == [[30, 18, 12], [10, 6, 4], [10, 6, 4]]


def test_a_stratified_split_follows_from_the_seed_and_leaves_nothing_out():
    one, same, other = (data.split(np.arange(100), stratify=CLASSES, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(one[0][0], same[0][0]) and not np.array_equal(one[0][0], other[0][0])
    assert sorted(np.concatenate([part for (part,) in one]).tolist()) == list(range(100))


def test_each_fold_is_held_out_once():
    folds = data.k_fold(np.arange(100), CLASSES, k=7, stratify=CLASSES)
    held_out = np.concatenate([numbers for _, (numbers, _) in folds])
    assert sorted(held_out.tolist()) == list(range(100))
    for (train, _), (test, classes) in folds:
        assert not set(train) & set(test) and len(train) + len(test) == 100
        assert np.all(np.abs(np.bincount(classes, minlength=3) - np.array([50, 30, 20]) / 7) <= 1)


@pytest.mark.parametrize("k", [1, 11, 2.5, True])
def test_folds_that_are_none(k):
    with pytest.raises(ge.DeclarationError, match="divided into 2 to 10 parts"):
        data.k_fold(Y, k=k)


def test_a_class_for_each_sample():
    with pytest.raises(ge.ShapeError, match="a class for each of 10 samples"):
        data.split(Y, stratify=Y[:5])


# ---- going on --------------------------------------------------------------------------------------------------


def test_going_on_in_the_middle_of_an_epoch():
    whole, resumed = data.batches(Y, batch_size=3), data.batches(Y, batch_size=3)
    _, expected = list(whole), list(whole)
    resumed.epoch, resumed.position = 1, 2
    assert [y.tolist() for (y,) in resumed] == [y.tolist() for (y,) in expected[2:]]
    assert (resumed.epoch, resumed.position) == (2, 0)


def test_which_samples_are_in_a_batch():
    batches = data.batches(Y, batch_size=3)
    for epoch in range(2):
        for number, (y,) in enumerate(batches):
            assert batches.indices(epoch, number).tolist() == y.tolist()
