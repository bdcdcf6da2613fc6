"""The CuPy backend where there is no CuPy: it imports, says why it cannot run, and names only what exists."""

import subprocess
import sys
import types

import numpy as np
import pytest

import graph_engine as ge
from graph_engine_cupy import CupyBackend, windows
from graph_engine_cupy.kernels import UFUNCS, kernel_for, out_kernel_for

WITHOUT = """
import sys
sys.modules["cupy"] = None  # whatever is installed here
import graph_engine as ge, graph_engine_cupy
info, = (info for info in ge.backends() if info.name == "cupy")
print(info.available, info.reason)
try:
    ge.Engine("cupy")
except ge.BackendError as error:
    print(error)
"""


def test_without_cupy_it_says_how_to_install_it():
    done = subprocess.run([sys.executable, "-W", "error", "-c", WITHOUT], capture_output=True, text=True, check=True)
    listed, refused = done.stdout.splitlines()
    assert listed.startswith("False the backend 'cupy' cannot run here: CuPy is not installed")
    assert refused.startswith("the backend 'cupy' cannot run here: CuPy is not installed; pip install")
    assert "graph-engine[cuda12]" in refused


@pytest.mark.parametrize(
    ("answer", "reason"),
    [(lambda: True, None), (lambda: False, "no CUDA device was found"), (None, "CUDA does not answer")],
)
def test_the_device_is_asked_not_the_import(monkeypatch, answer, reason):
    def broken():
        raise RuntimeError("driver too old")

    cupy = types.ModuleType("cupy")
    cupy.cuda = types.SimpleNamespace(is_available=answer or broken)
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    said = CupyBackend.unavailable()
    assert said is None if reason is None else said.startswith(reason)


@pytest.mark.parametrize("name", sorted(UFUNCS))
def test_its_kernels_are_functions_that_exist(name):
    """CuPy's ufuncs are NumPy's; where CuPy is installed it is asked itself."""
    function = getattr(np, UFUNCS[name])
    assert isinstance(function, np.ufunc)
    primitive = ge.primitives()[name]()
    assert primitive.elementwise and not primitive.may_view, "it may be written over"
    assert len(primitive.input_names) == function.nin and function.nout == 1
    assert kernel_for(np, primitive) is function and out_kernel_for(np, primitive) is function
    try:
        import cupy
    except ImportError:
        return
    assert isinstance(getattr(cupy, UFUNCS[name]), cupy.ufunc)


@pytest.mark.parametrize("name", ["scatter_add", "add_along_axis", *windows.KERNELS])
def test_its_own_kernels_do_what_the_generic_ones_do(name):
    """They are written in functions that NumPy has too."""
    primitive = ge.primitives()[name]()
    for sample in primitive.samples():
        if sample.raises is None:
            used = sample.use or primitive
            got = kernel_for(np, used)(*sample.inputs)
            np.testing.assert_allclose(got, used.kernel(np, *sample.inputs), rtol=1e-12)


def test_where_there_is_no_better_function_the_generic_kernel_is_used():
    primitive = ge.primitives()["softmax"]()
    assert kernel_for(np, primitive) is None and out_kernel_for(np, primitive) is None


@pytest.mark.gpu
def test_it_conforms():
    from graph_engine.testing import check_backend

    if CupyBackend.unavailable():
        pytest.skip(CupyBackend.unavailable())
    check_backend("cupy").raise_if_failed()
