"""Passes: what makes a graph from a graph, with a map from the new nodes to the ones that they came from."""

from graph_engine.passes.common import merge_common
from graph_engine.passes.linked import linked
from graph_engine.passes.retype import retype
from graph_engine.passes.rewrite import Rewrite, Rewritten
from graph_engine.passes.scalars import Scalars, scalars
from graph_engine.passes.unroll import unroll

__all__ = ["Rewrite", "Rewritten", "Scalars", "linked", "merge_common", "retype", "scalars", "unroll"]
