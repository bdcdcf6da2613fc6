"""What a compiled step computes for its watchpoints is what is measured of its arrays."""

import numpy as np
import pytest

import graph_engine as ge
from graph_engine_viz.debugger.measuring import Measured
from graph_engine_viz.debugger.quantities import QUANTITIES, measure


class Generic(ge.Backend):
    """NumPy by the generic kernels alone."""

    name, xp = "generic", np


def strict():
    namespace = pytest.importorskip("array_api_strict")
    return type("Strict", (ge.Backend,), {"name": "strict", "xp": namespace})()


BACKENDS = {"numpy": lambda: "numpy", "generic": Generic, "strict": strict}
ARRAYS = [[[1.0, -2.0, 0.0], [3.0, 0.5, 4.0]], [1.0, np.nan, 0.0], [np.inf, 1.0, 2.0], [1e30, -1e30, 0.0], [], 3.0]


def measured(backend, asked, *arrays):
    inputs = [ge.input(f"x{i}", array.shape, str(array.dtype)) for i, array in enumerate(arrays)]
    return ge.Engine(BACKENDS[backend]()).run(Measured(asked)(*inputs), dict(zip(inputs, arrays, strict=True)))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("which", range(len(ARRAYS)))
@pytest.mark.filterwarnings("ignore")
def test_quantities_are_what_is_measured(backend, dtype, which):
    array = np.array(ARRAYS[which], dtype)
    names = tuple(QUANTITIES)
    wanted = list(measure(np, array, names).values())
    found = np.asarray(measured(backend, (((0,), names), ((0,), ("isfinite",))), array))
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, [*wanted, measure(np, array, ["isfinite"])["isfinite"]], rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [1e-30, 1e30])
def test_sizes_whose_squares_no_number_holds(backend, dtype, size):
    size = size if dtype == "float32" else size**9
    array = np.array([3 * size, -4 * size], dtype)
    found = measure(backend.xp, backend.asarray(array), ["rms", "norm", "std"], backend.to_numpy)
    expected = {"rms": 12.5**0.5 * size, "norm": 5 * size, "std": 3.5 * size}
    assert found == {name: pytest.approx(number, rel=1e-6) for name, number in expected.items()}


def test_half_precision_is_widened():
    array = np.full(9, 300.0, "float16")
    np.testing.assert_array_equal(measured("numpy", (((0,), ("norm", "isfinite")),), array), [900, 1])


@pytest.mark.parametrize("backend", BACKENDS)
def test_differences(backend):
    new, old = np.float32([3, 5]), np.float32([1, 5])
    asked = (((0, 1), ("max", "zeros")), ((1,), ("isfinite",)), ((1, 0), ("min",)))
    np.testing.assert_array_equal(np.asarray(measured(backend, asked, new, old)), [2, 0.5, 1, -2])
