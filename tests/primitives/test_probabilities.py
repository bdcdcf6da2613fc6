"""Softmax and cross-entropy: stable, guarded, twice differentiable."""

import numpy as np
import pytest
import scipy.special

import graph_engine as ge

A = np.random.default_rng(0).normal(size=(2, 3, 4)) * 3
LABELS = np.array([[0, 1, 3], [2, 2, 1]])


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_values_are_those_of_scipy(run, axis):
    np.testing.assert_allclose(run(ge.softmax(A, axis=axis)), scipy.special.softmax(A, axis=axis))
    np.testing.assert_allclose(run(ge.log_softmax(A, axis=axis)), scipy.special.log_softmax(A, axis=axis))


def test_large_scores_do_not_overflow(run):
    scores = np.array([[1e4, 0.0], [-1e4, -1e4], [-np.inf, 0.0]])
    np.testing.assert_array_equal(run(ge.softmax(scores)), [[1, 0], [0.5, 0.5], [0, 1]])
    np.testing.assert_allclose(run(ge.log_softmax(scores)), [[0, -1e4], [-np.log(2)] * 2, [-np.inf, 0]])
    np.testing.assert_allclose(run(ge.softmax_cross_entropy(scores[:2], [1, 0])), [1e4, np.log(2)])


def test_cross_entropy(run):
    logits, labels = ge.input("logits", ("batch", 4), "float64"), ge.input("labels", "batch", "uint8")
    loss = ge.softmax_cross_entropy(logits, labels)
    assert loss.shape == ("batch",)
    slope = ge.grad(ge.mean(loss), logits)
    value, got = run([loss, slope], {logits: A[0], labels: LABELS[0].astype("uint8")})
    np.testing.assert_allclose(value, -scipy.special.log_softmax(A[0], axis=1)[range(3), LABELS[0]])
    np.testing.assert_allclose(got, (scipy.special.softmax(A[0], axis=1) - np.eye(4)[LABELS[0]]) / 3)


@pytest.mark.parametrize("label", [-1, 4])
def test_labels_out_of_range_are_found(label):
    logits, labels = ge.input("logits", (3, 4)), ge.input("labels", 3, "int64")
    with pytest.raises(ge.GuardError, match=f"label {label} is out of range: 0 to 3"):
        ge.Engine("numpy").trace(ge.softmax_cross_entropy(logits, labels), {logits: A[0], labels: [0, label, 1]})


@pytest.mark.parametrize(
    "declare, error",
    [
        (lambda: ge.softmax_cross_entropy(A, LABELS[0]), ge.ShapeError),
        (lambda: ge.softmax_cross_entropy(A[0], A[0, :, 0]), ge.DTypeError),
        (lambda: ge.softmax_cross_entropy(1.0, 0), ge.ShapeError),
        (lambda: ge.softmax(1.0), ge.ShapeError),
        (lambda: ge.softmax(np.zeros((3, 0))), ge.ShapeError),
    ],
)
def test_what_is_refused(declare, error):
    with pytest.raises(error):
        declare()


@pytest.mark.torch
def test_derivatives_are_those_of_torch(like_torch):
    import torch.nn.functional as F

    for axis in (0, -1):
        like_torch(lambda v, axis=axis: ge.softmax(v, axis=axis), lambda t, axis=axis: t.softmax(axis), A)
        like_torch(lambda v, axis=axis: ge.log_softmax(v, axis=axis), lambda t, axis=axis: t.log_softmax(axis), A)
    import torch

    labels = torch.tensor(LABELS)
    like_torch(
        lambda v: ge.softmax_cross_entropy(v, LABELS),
        lambda t: F.cross_entropy(t.reshape(6, 4), labels.reshape(6), reduction="none").reshape(2, 3),
        A,
    )
