"""Products of matrices and tensors: values as NumPy's, derivatives as PyTorch's."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import graph_engine as ge

RNG = np.random.default_rng(0)
SHAPES = [
    ((3, 4), (4, 5)), ((2, 3, 4), (2, 4, 5)), ((2, 3, 4), (4, 5)), ((3, 4), (2, 4, 5)), ((2, 1, 3, 4), (7, 4, 5)),
    ((4,), (4,)), ((4,), (4, 5)), ((3, 4), (4,)), ((4,), (2, 4, 5)), ((2, 3, 4), (4,)), ((3, 0), (0, 5)),
    ((0, 4), (4, 2)),
]  # fmt: skip
SUBSCRIPTS = [
    ("ij,jk->ik", [(2, 3), (3, 4)]),
    ("ij,jk", [(2, 3), (3, 4)]),
    ("bij,bjk->bik", [(5, 2, 3), (5, 3, 4)]),
    ("bhqd,bhkd->bhqk", [(2, 3, 4, 5), (2, 3, 6, 5)]),
    ("ij->ji", [(2, 3)]),
    ("ij->", [(2, 3)]),
    ("ij->j", [(2, 3)]),
    ("i,j->ij", [(2,), (3,)]),
    ("i,i->", [(3,), (3,)]),
    ("ij,ij->ij", [(2, 3), (2, 3)]),
    ("ij,kl->il", [(2, 3), (4, 5)]),
    ("ij,jk,kl->il", [(2, 3), (3, 4), (4, 5)]),
    ("i,ij,j->", [(2,), (2, 3), (3,)]),
    ("...ij,...jk->...ik", [(5, 2, 3), (3, 4)]),
    ("...i->...", [(2, 3, 4)]),
    ("i...,i...->...", [(3, 2), (3, 4, 2)]),
    ("ij,ij->", [(2, 3), (1, 3)]),
    (",i->i", [(), (3,)]),
    ("zy,xz", [(2, 3), (4, 2)]),
]


def arrays(shapes):
    return [RNG.normal(size=shape) for shape in shapes]


@pytest.mark.parametrize("shapes", SHAPES, ids=str)
def test_products_are_those_of_numpy(run, shapes):
    a, b = arrays(shapes)
    product = ge.constant(a) @ ge.constant(b)
    assert product.shape == (a @ b).shape
    np.testing.assert_allclose(run(product), a @ b, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(run(a @ ge.constant(b)), a @ b, rtol=1e-12, atol=1e-15)


def test_named_dimensions(run):
    x, W = ge.input("x", ("batch", "time", 3), "float64"), ge.input("W", (3, 2), "float64")
    y = x @ W
    assert y.shape == ("batch", "time", 2)
    a, w = arrays([(4, 5, 3), (3, 2)])
    slopes = run(ge.grad(ge.sum(y * y), [x, W]), {x: a, W: w})
    np.testing.assert_allclose(slopes[0], 2 * (a @ w) @ w.T)
    np.testing.assert_allclose(slopes[1], np.einsum("bti,btj->ij", a, 2 * (a @ w)))
    assert (x.dtype, (ge.matrix_transpose(x) @ x).shape) == ("float64", ("batch", 3, 3))


def test_half_precision_accumulates_in_single(run):
    ones = ge.constant(np.ones((1, 4096), "float16"))
    assert run(ones @ ones.T).tolist() == [[4096]]
    assert run(ge.einsum("ij,kj->ik", ones, ones)).tolist() == [[4096]]


def test_integers_and_promotion(run):
    assert (ge.constant([[1, 2]]) @ ge.constant([[3], [4]])).dtype == "int64"
    assert run(ge.constant([[1, 2]]) @ ge.constant([[0.5], [1.0]])).tolist() == [[2.5]]


def test_tensordot_vecdot_and_outer(run):
    a, b = arrays([(2, 3, 4), (4, 3, 5)])
    np.testing.assert_allclose(run(ge.tensordot(a, b, axes=([1, 2], [1, 0]))), np.tensordot(a, b, ([1, 2], [1, 0])))
    np.testing.assert_allclose(run(ge.tensordot(a, b, axes=1)), np.tensordot(a, b, 1))
    np.testing.assert_allclose(run(ge.tensordot(a[0], b[0], axes=0)), np.tensordot(a[0], b[0], 0))
    np.testing.assert_allclose(run(ge.vecdot(a, a[0], axis=-1)), (a * a[0]).sum(-1))
    np.testing.assert_allclose(run(ge.outer(a[0, 0], b[0, 0])), np.outer(a[0, 0], b[0, 0]))


@pytest.mark.parametrize("subscripts, shapes", SUBSCRIPTS)
def test_einsum_is_numpys(run, subscripts, shapes):
    operands = arrays(shapes)
    result = ge.einsum(subscripts, *operands)
    expected = np.einsum(subscripts, *operands)
    assert result.shape == expected.shape
    np.testing.assert_allclose(run(result), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    "declare",
    [
        lambda: ge.zeros((2, 3)) @ ge.zeros((2, 3)),
        lambda: ge.zeros((2, 3)) @ 2.0,
        lambda: ge.zeros((2, 3, 4)) @ ge.zeros((3, 4, 5)),
        lambda: ge.input("x", ("n", 3)) @ ge.input("y", ("n", 3)),
        lambda: ge.tensordot(ge.zeros((2, 3)), ge.zeros((2, 3))[:1], axes=2),
        lambda: ge.tensordot(ge.zeros((2, 3)), ge.zeros(3), axes=2),
        lambda: ge.outer(ge.zeros((2, 3)), ge.zeros(3)),
        lambda: ge.einsum("ii->i", ge.zeros((2, 2))),
        lambda: ge.einsum("ij,jk->ik", ge.zeros((2, 3))),
        lambda: ge.einsum("ij,jk->ik", ge.zeros((2, 3)), ge.zeros((2, 3))),
        lambda: ge.einsum("ij->ik", ge.zeros((2, 3))),
        lambda: ge.einsum("ij->ii", ge.zeros((2, 3))),
        lambda: ge.einsum("i->i", ge.zeros((2, 3))),
        lambda: ge.einsum("i....->i", ge.zeros((2, 3))),
        lambda: ge.einsum("i1->i", ge.zeros((2, 3))),
    ],
)
def test_what_is_refused_is_refused_where_it_is_declared(declare):
    with pytest.raises(ge.ShapeError) as error:
        declare()
    assert "test_linalg.py" in str(error.value)


@pytest.mark.torch
@pytest.mark.parametrize("shapes", SHAPES, ids=str)
def test_derivatives_of_products_are_those_of_torch(like_torch, shapes):
    like_torch(lambda a, b: ge.square(a @ b), lambda a, b: (a @ b).square(), *arrays(shapes))


@pytest.mark.torch
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sizes=st.tuples(*[st.integers(1, 4)] * 3), stack=st.lists(st.integers(1, 3), max_size=2), narrow=st.integers(0, 3)
)
def test_stacks_broadcast_as_in_torch(like_torch, sizes, stack, narrow):
    n, k, m = sizes
    left = [1 if narrow & 1 else dim for dim in stack]
    right = stack[narrow // 2 :]
    a, b = arrays([(*left, n, k), (*right, k, m)])
    like_torch(lambda x, y: ge.square(x @ y), lambda x, y: (x @ y).square(), a, b)


@pytest.mark.torch
@pytest.mark.parametrize("subscripts, shapes", SUBSCRIPTS)
def test_derivatives_of_einsum_are_those_of_torch(like_torch, subscripts, shapes):
    import torch

    like_torch(
        lambda *v: ge.square(ge.einsum(subscripts, *v)),
        lambda *t: torch.einsum(subscripts, *t).square(),
        *arrays(shapes),
    )
