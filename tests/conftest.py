"""What all tests share."""

import pytest

import graph_engine as ge
from dev import find_chromium
from graph_engine.plugins import find_backend
from graph_engine.testing import strict_backend


@pytest.fixture(scope="session")
def chromium_binary():
    """Return the path of a Chromium for tests marked ``browser``."""
    path = find_chromium()
    if path is None:
        pytest.skip("no Chromium or Chrome on PATH")
    return path


def _backends():
    """Every backend of the suite: NumPy, the strict array API, and any other that can run here."""
    others = [info.name for info in ge.backends() if info.available and info.name not in ("numpy", "strict")]
    return ["numpy", "strict", *others]


@pytest.fixture(params=_backends())
def backend(request):
    """Return each backend of the suite in turn."""
    return strict_backend() if request.param == "strict" else find_backend(request.param)


@pytest.fixture
def engine(backend):
    """Return an engine on each backend of the suite in turn."""
    return ge.Engine(backend)
