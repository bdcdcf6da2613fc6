"""Recurrence: one body, declared once, is computed step after step, and differentiated as a whole."""

from graph_engine.primitive import Primitive
from graph_engine.primitives.scanning.declared import scan
from graph_engine.primitives.scanning.loop import Scan

__all__ = ["PRIMITIVES", "Scan", "scan"]

PRIMITIVES: tuple[type[Primitive], ...] = (Scan,)
