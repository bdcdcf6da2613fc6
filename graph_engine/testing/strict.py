"""A backend on the array API standard and nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np

from graph_engine.backend import Backend
from graph_engine.errors import BackendError


def strict_backend() -> Backend:
    """Return a backend on `array_api_strict`, which has what the array API standard has and nothing else.

    Examples
    --------
    >>> import graph_engine as ge
    >>> float(ge.Engine(strict_backend()).run(ge.constant(1.0) + 2.0, {}))
    3.0
    """
    try:
        import array_api_strict
    except ModuleNotFoundError as error:
        raise BackendError("the package array_api_strict is not installed", "pip install array-api-strict") from error

    class StrictBackend(Backend):
        name = "strict"
        xp = array_api_strict

        def running(self) -> Any:
            return np.errstate(all="ignore")

    return StrictBackend()
