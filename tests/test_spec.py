"""Shapes and dtypes: how they are read, broadcast and promoted, and what is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import graph_engine as ge
from graph_engine.dims import Dim
from graph_engine.spec import (
    DTYPES,
    FLOATS,
    as_dtype,
    as_shape,
    bind_names,
    broadcast_shapes,
    kind,
    normalize_axes,
    normalize_axis,
    promote,
    show_shape,
)

SHAPES = [
    ((), ()), (3, (3,)), ("n", ("n",)), ([2, "n"], (2, "n")), (np.int64(3), (3,)), ((np.int32(2), 3), (2, 3)),
    (("2*n", "n + n"), ("2*n", "2*n")), ((0,), (0,)), (iter([1, 2]), (1, 2)),
]  # fmt: skip


@pytest.mark.parametrize(("written", "read"), SHAPES, ids=str)
def test_shapes_are_read(written, read):
    assert as_shape(written) == read


NO_SHAPES = [1.5, (1.5,), (True,), (-1,), ("",), ("n.m",), ("n**2",), (None,), None, ("f(n)",), object()]


@pytest.mark.parametrize("written", NO_SHAPES, ids=str)
def test_what_is_no_shape_is_refused(written):
    with pytest.raises(ge.DeclarationError):
        as_shape(written)


DTYPE_NAMES = [
    ("float32", "float32"), (np.float64, "float64"), (np.dtype("int8"), "int8"), (float, "float32"), (int, "int64"),
    (bool, "bool"), ("f4", "float32"), (">f8", "float64"),
]  # fmt: skip


@pytest.mark.parametrize(("written", "read"), DTYPE_NAMES, ids=str)
def test_dtypes_are_read(written, read):
    assert as_dtype(written) == read


@pytest.mark.parametrize("written", ["complex64", "object", "U3", "bfloat16", object, "float128", "no such", 3])
def test_what_is_no_dtype_is_refused(written):
    with pytest.raises(ge.DTypeError, match="is no dtype of this engine"):
        as_dtype(written)


# ---- promotion -------------------------------------------------------------------------------------------------


def _promoted(left, right):
    try:
        return promote(left, right)
    except ge.DTypeError:
        return None


@pytest.mark.parametrize("left", DTYPES)
def test_promotion_is_numpys_but_for_integers_with_floats(left):
    for right in DTYPES:
        expected = np.promote_types(left, right).name
        if {kind(left), kind(right)} == {"integer", "float"}:
            expected = left if left in FLOATS else right  # an integer takes the float's dtype
        elif kind(left) == kind(right) == "integer" and expected == "float64":
            expected = None  # no integer dtype holds both
        assert _promoted(left, right) == _promoted(right, left) == expected


def test_what_no_dtype_holds_is_refused():
    with pytest.raises(ge.DTypeError, match="no integer dtype holds both uint64 and int8"):
        promote("uint64", "int8")


# ---- broadcasting ----------------------------------------------------------------------------------------------

sizes = st.sampled_from([0, 1, 2, 3])


@given(st.lists(st.lists(sizes, max_size=4).map(tuple), min_size=1, max_size=3))
def test_broadcasting_is_numpys(shapes):
    try:
        expected = np.broadcast_shapes(*shapes)
    except ValueError:
        with pytest.raises(ge.ShapeError, match="do not broadcast"):
            broadcast_shapes(*shapes)
    else:
        assert broadcast_shapes(*shapes) == expected


NAMED = [
    (("n",), ("n",), ("n",)), (("n",), (1,), ("n",)), (("n", 3), (3,), ("n", 3)), (("n", 1), (1, "m"), ("n", "m")),
    (("n",), ("m",), None), (("n",), (3,), None), (("2*n",), ("n",), None), (("n + n",), ("2*n",), ("2*n",)),
]  # fmt: skip


@pytest.mark.parametrize(("left", "right", "expected"), NAMED, ids=str)
def test_a_name_broadcasts_with_itself_and_with_1(left, right, expected):
    left, right = as_shape(left), as_shape(right)
    if expected is None:
        with pytest.raises(ge.ShapeError, match="do not broadcast"):
            broadcast_shapes(left, right)
    else:
        assert broadcast_shapes(left, right) == broadcast_shapes(right, left) == expected


# ---- axes ------------------------------------------------------------------------------------------------------


def test_axes_count_from_either_side():
    assert [normalize_axis(a, 3) for a in (0, 2, -1, -3, np.int64(1))] == [0, 2, 2, 0, 1]
    assert normalize_axes(None, 3) == (0, 1, 2) and normalize_axes((-1, 0), 3) == (0, 2) and normalize_axes((), 2) == ()


@pytest.mark.parametrize(
    ("axis", "error"),
    [(3, ge.ShapeError), (-4, ge.ShapeError), ((0, 0), ge.ShapeError), ((0, -3), ge.ShapeError)]
    + [(axis, ge.DeclarationError) for axis in (1.0, "0", True, (0.5,))],
)
def test_axes_that_are_none_are_refused(axis, error):
    with pytest.raises(error):
        normalize_axes(axis, 3)


# ---- binding names ---------------------------------------------------------------------------------------------

BOUND = [
    ([(("n", 3), (4, 3))], {"n": 4}),
    ([(("n",), (4,)), (("2*n",), (8,))], {"n": 4}),
    ([(("2*n",), (8,)), (("n",), (4,))], {"n": 4}),
    ([((), ())], {}),
    ([(("n",), (0,))], {"n": 0}),
    ([(("n",), (4,)), (("n", "m"), (4, 5)), (("m - n",), (1,))], {"n": 4, "m": 5}),
]


@pytest.mark.parametrize(("fed", "names"), BOUND, ids=str)
def test_names_are_bound_by_what_is_fed(fed, names):
    assert bind_names((f"x{k}", as_shape(declared), actual) for k, (declared, actual) in enumerate(fed)) == names


UNBOUND = [
    ([(("n",), (4,)), (("n",), (5,))], "the dimension 'n' is 4 in 'x0', but 5 in 'x1'"),
    ([(("n", "n"), (4, 5))], "the dimension 'n' is 4 in 'x0', but 5 in 'x0'"),
    ([(("n",), (4,)), (("2*n",), (9,))], r"'x1' is declared with shape \(2\*n,\), but was fed \(9,\)"),
    ([((3,), (4,))], r"'x0' is declared with shape \(3,\), but was fed \(4,\)"),
    ([((3,), (3, 1))], r"was fed \(3, 1\)"),
    ([(("2*n",), (8,))], "nothing says how large the dimension 'n' is"),
    ([(("n",), (4,)), (("n - 5",), (3,))], r"the dimension n - 5 is negative \(-1\) for n = 4"),
]


@pytest.mark.parametrize(("fed", "message"), UNBOUND, ids=str)
def test_what_does_not_fit_is_refused(fed, message):
    with pytest.raises(ge.FeedError, match=message):
        bind_names((f"x{k}", as_shape(declared), actual) for k, (declared, actual) in enumerate(fed))


def test_a_spec_prints_as_one_reads_it():
    spec = ge.Spec.of(("batch", 3), "float64")
    assert str(spec) == "float64(batch, 3)" and str(ge.Spec.of(2)) == "float32(2,)" and show_shape(()) == "()"
    assert spec == ge.Spec((Dim("batch"), 3), "float64") and hash(spec) == hash(ge.Spec.of(("batch", 3), "float64"))
    assert spec.size == "3*batch" and spec.ndim == 2 and spec.bind({"batch": 4}).shape == (4, 3)
