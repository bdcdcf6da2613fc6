"""The neuron form: a network's layers as circles, with weights on the edges; one sample, step by step.

`network` finds the layers in a graph, `placing` says where circles and labels stand, `numbers` what is known at each
step, `drawing` has the marks, `scene` puts them together as `picture` and `page` want them.
"""

from __future__ import annotations

from graph_engine.errors import LookupFailed
from graph_engine.graph import Graph
from graph_engine.trace import Trace
from graph_engine_viz.neurons.network import find_network
from graph_engine_viz.neurons.numbers import SampleFrames
from graph_engine_viz.neurons.scene import NeuronScene
from graph_engine_viz.timeline import Timeline

__all__ = ["NEURONS", "NeuronScene", "neuron_scene"]

NEURONS = "neurons"


def neuron_scene(what: Graph | Trace, sample: int | None = None) -> NeuronScene:
    """Find the network in a graph or a run, and make its diagram.

    Parameters
    ----------
    what : Graph or Trace
    sample : int, optional
        Which one of the batch is shown; by default the first.
    """
    if sample is not None and (isinstance(sample, bool) or not hasattr(sample, "__index__")):
        raise LookupFailed(f"a sample is a whole number, not {sample!r}", "count from 0")
    if isinstance(what, Graph):
        return NeuronScene(find_network(what), None)
    timeline = Timeline(what)
    network = find_network(timeline.graph, timeline.operations, what.loss)
    frames = SampleFrames(what, network.variables, timeline.operations, timeline)
    frames.describe(network, sample or 0)
    return NeuronScene(network, frames, sample or 0)
