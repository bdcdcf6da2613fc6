"""What a plugin has to prove, in three lines: graph_engine's conformance kit over it."""

from graph_engine_swish import StrictBackend, Swish, swish

import graph_engine as ge
from graph_engine.testing import check_backend, check_primitive


def test_swish_conforms_on_every_backend():
    check_primitive(Swish).raise_if_failed()


def test_the_backend_conforms_on_every_primitive():
    check_backend(StrictBackend()).raise_if_failed()


def test_it_is_found():
    assert ge.primitives()["swish"] is Swish
    assert float(ge.Engine("strict").run(swish(ge.constant(0.0)))) == 0
