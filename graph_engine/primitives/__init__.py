"""The vocabulary: one small file per family of primitives."""

from graph_engine.primitives import elementwise, operators, structure
from graph_engine.primitives.elementwise import *  # noqa: F403
from graph_engine.primitives.structure import *  # noqa: F403

PRIMITIVES = (*structure.PRIMITIVES, *elementwise.PRIMITIVES)
