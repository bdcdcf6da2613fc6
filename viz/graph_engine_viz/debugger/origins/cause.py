"""A cause with its cure, and the rules that find one."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from graph_engine_viz.debugger.origins.reading import Place

__all__ = ["Cause", "Rule"]


class Cause(NamedTuple):
    """Why something is as it is, and what helps."""

    text: str
    cure: str = ""


Rule = Callable[[Place], Cause | None]
"""Asked about one element; None where it has nothing to say."""
