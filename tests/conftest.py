"""What all tests share."""

import pytest

from dev import find_chromium


@pytest.fixture(scope="session")
def chromium_binary():
    """Return the path of a Chromium for tests marked ``browser``."""
    path = find_chromium()
    if path is None:
        pytest.skip("no Chromium or Chrome on PATH")
    return path
