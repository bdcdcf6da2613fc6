"""The conformance kit: any primitive and any backend, ours or not, proves itself with it.

One check is one small function in a table; what it finds wrong it raises, and a `Report` collects it. Four tables, in
files of the same names: `of_primitive` asks for the class, `of_sample` for one sample declared in float64,
`on_backend` for one sample in one dtype on one backend, `of_backend` for a backend by itself.

What is right is found twice. Derivatives are compared with finite differences of the generic kernels on NumPy in
float64; every backend is compared with those same kernels, in values and in derivatives.

    from graph_engine.testing import check_backend, check_primitive

    def test_swish():
        check_primitive(Swish).raise_if_failed()
"""

from graph_engine.testing.check import check_backend, check_primitive
from graph_engine.testing.report import ConformanceError, Failure, Report
from graph_engine.testing.strict import strict_backend

__all__ = ["ConformanceError", "Failure", "Report", "check_backend", "check_primitive", "strict_backend"]
