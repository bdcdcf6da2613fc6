"""Embedding and positions: rows, their gradients, and what is out of range."""

import numpy as np
import pytest

import graph_engine as ge
from graph_engine import nn

random = np.random.default_rng(8)


@pytest.mark.torch
@pytest.mark.parametrize("padding", [None, 2, -1])
@pytest.mark.parametrize("shape", [(), (5,), (3, 4)])
def test_embedding(like_torch, shape, padding):
    import torch

    ids = random.integers(0, 6, shape)
    like_torch(
        lambda w: nn.embedding(ids, w, padding) ** 2,
        lambda w: torch.nn.functional.embedding(torch.tensor(ids), w, padding) ** 2,
        random.normal(size=(6, 3)), second=padding is None,
    )  # fmt: skip


def test_no_rows_at_all(run):
    table = ge.input("table", (3, 2))
    rows = nn.embedding(np.zeros(0, "int64"), table)
    assert rows.shape == (0, 2)
    assert (run(ge.grad(ge.sum(rows), table), {table: np.ones((3, 2))}) == 0).all()


def test_a_row_asked_for_several_times_gets_the_sum(engine):
    table = ge.input("table", (3, 2))
    rows = nn.embedding([1, 1, 0, 1], table)
    got = engine.backend.to_numpy(engine.run(ge.grad(ge.sum(rows), table), {table: np.zeros((3, 2))}))
    assert got.tolist() == [[1, 1], [3, 3], [0, 0]]


def test_the_row_of_padding_begins_with_zeros_and_stays():
    words, ids = nn.Embedding(5, 3, padding_idx=0), ge.input("ids", ("batch", "n"), "int64")
    loss = ge.sum(ge.square(words(ids) - 1.0))
    engine = ge.Engine("numpy")
    step = engine.compile([ids], loss, updates=ge.optim.SGD(0.1).minimize(loss))
    step(np.array([[0, 1], [2, 0]]))
    assert (engine.value(words.weight)[0] == 0).all()
    assert not np.array_equal(engine.value(words.weight)[1], words.weight.data[1])


def test_rows_begin_normal_and_the_same_in_each_run():
    words, again = nn.Embedding(400, 50, seed=1), nn.Embedding(400, 50, seed=1)
    values = words.weight.data
    assert abs(values.mean()) < 0.02 and abs(values.std() - 1) < 0.02 and np.isfinite(values).all()
    np.testing.assert_array_equal(values, again.weight.data)


def test_a_table_that_is_there():
    table = random.normal(size=(4, 2))
    frozen, trained = nn.Embedding.from_pretrained(table), nn.Embedding.from_pretrained(table, freeze=False)
    assert not frozen.weight.trainable and trained.weight.trainable
    np.testing.assert_array_equal(frozen.weight.data, table)


def test_numbers_out_of_range():
    ids = ge.input("ids", "n", "int64")
    rows = ge.sum(nn.Embedding(4, 2)(ids))
    for wrong in (4, -1):
        with pytest.raises(ge.GuardError, match=f"number {wrong} is out of range: 0 to 3"):
            ge.Engine("numpy").trace(rows, {ids: [1, wrong]})
        with pytest.raises(ge.ShapeError) as caught:
            nn.embedding([0, wrong], np.ones((4, 2)))
        assert f"number {wrong} is out of range for 4 rows" in caught.value.message
    with pytest.raises(ge.DeclarationError, match="padding_idx 9 is out of range"):
        nn.Embedding(4, 2, padding_idx=9)
    with pytest.raises(ge.DTypeError, match="places are integers"):
        nn.embedding([0.5], np.ones((4, 2)))


# ---- positions -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dim", [4, 5, 1])
def test_sines_of_positions(engine, dim):
    got = engine.backend.to_numpy(engine.run(nn.sinusoidal_positions(7, dim, "float64")))
    i, k = np.mgrid[:7, :dim]
    angles = i / 10000.0 ** (2 * (k // 2) / dim)
    np.testing.assert_allclose(got, np.where(k % 2, np.cos(angles), np.sin(angles)), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(("make", "sizes"), [(nn.PositionalEncoding, [4]), (nn.LearnedPositions, [9, 4])])
def test_positions_of_named_lengths_on_either_axis(run, make, sizes):
    first, x = make(*sizes, name="positions"), ge.input("x", ("batch", "n", 4))
    last, y = make(*sizes, axis=0, name="positions"), ge.input("y", ("n", "batch", 4))
    values = random.normal(size=(2, 5, 4))
    a = run(first(x), {x: values})
    b = run(last(y), {y: values.transpose(1, 0, 2)})
    np.testing.assert_allclose(a, b.transpose(1, 0, 2), rtol=1e-6)
    moved = a - values
    np.testing.assert_allclose(moved[0], moved[1], atol=1e-6)
    assert len(np.unique(np.round(moved[0], 3), axis=0)) == 5


def test_a_sequence_longer_than_the_positions():
    positions, x = nn.LearnedPositions(3, 4), ge.input("x", ("n", 4))
    with pytest.raises(ge.ShapeError, match="has 3 positions"):
        positions(np.ones((5, 4), "float32"))
    with pytest.raises(ge.GuardError, match="number 4 is out of range: 0 to 2"):
        ge.Engine("numpy").trace(ge.sum(positions(x)), {x: np.ones((5, 4))})
    with pytest.raises(ge.ShapeError, match="sequences of 4 features"):
        positions(np.ones((2, 3), "float32"))
