"""A backend on `array_api_strict`: what the array API standard has, and nothing else."""

from __future__ import annotations

from typing import Any

import graph_engine as ge


class StrictBackend(ge.Backend):
    """The array API standard to the letter, on the CPU; slow, and honest about what is portable."""

    name = "strict"

    @classmethod
    def unavailable(cls) -> str | None:
        """Return why it cannot run here, or None."""
        try:
            import array_api_strict  # noqa: F401
        except ImportError:
            return "array_api_strict is not installed: pip install array-api-strict"
        return None

    @property
    def xp(self) -> Any:
        """The namespace; imported when it is needed, so that finding the plugin costs nothing."""
        import array_api_strict

        return array_api_strict

    def describe(self) -> str:
        """Return what it runs on."""
        return f"CPU, array_api_strict {self.xp.__version__}"
