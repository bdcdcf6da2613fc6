"""What stands in a picture has a size, and can be drawn at a step."""

from __future__ import annotations

from collections.abc import Hashable

from graph_engine_viz.frames import Frame

__all__ = ["GAP", "LIFT", "PAD", "Figure"]

PAD = 8.0
GAP = 4.0
LIFT = 4.5
"""So far a wire's forward line is above its middle, and its backward line below."""


class Figure:
    """A thing with a size; `draw` writes it with its upper left corner at the origin.

    Attributes
    ----------
    open_left, open_right : bool
        Whether a wire runs on inside, so that no arrow ends at that side.
    """

    width: float = 0.0
    height: float = 0.0
    open_left = False
    open_right = False

    def draw(self, frame: Frame | None) -> str:
        """Write it as it is at one step, or without numbers."""
        raise NotImplementedError

    def state(self, frame: Frame | None) -> Hashable:
        """Return all that `draw` depends on."""
        return frame is None
