"""Figures of the courses, on your own numbers: arrays in, a matplotlib figure out.

`curves`     functions with their derivatives, several lines, a learning rate swept
`regions`    decision regions and lines, fits, training and test error
`surfaces`   the loss over two parameters, with the paths of optimisers
`depth`      gradients and activations from layer to layer
`images`     samples, filters, feature maps, reconstructions, heat maps, boxes
`windows`    sliding windows, receptive fields, pooling, the checkerboard
`matrices`   attention, Jacobians, confusion
`manifolds`  projections on lines and curves, codes, generated points over real ones

They need matplotlib (`pip install "graph-engine[examples]"`), draw without pyplot, and leave its settings alone.

    from graph_engine_viz import plots

    plots.decision_regions(predict, points, classes).savefig("regions.png", dpi=160)
"""

from graph_engine_viz.plots.curves import bars, functions, learning_curves, lines, rate_sweep
from graph_engine_viz.plots.depth import factors, gradient_flow, histograms_by_depth
from graph_engine_viz.plots.images import boxes_over, heat_map_over, image_rows, images
from graph_engine_viz.plots.manifolds import clouds, codes, projections
from graph_engine_viz.plots.matrices import attention_map, confusion, jacobian
from graph_engine_viz.plots.regions import decision_lines, decision_regions, fits, train_and_test
from graph_engine_viz.plots.surfaces import descents, loss_surface
from graph_engine_viz.plots.windows import overlap, pooling, receptive_fields, sliding_window

__all__ = [
    "attention_map", "bars", "boxes_over", "clouds", "codes", "confusion", "decision_lines", "decision_regions",
    "descents", "factors", "fits", "functions", "gradient_flow", "heat_map_over", "histograms_by_depth", "image_rows",
    "images", "jacobian", "learning_curves", "lines", "loss_surface", "overlap", "pooling", "projections", "rate_sweep",
    "receptive_fields", "sliding_window", "train_and_test",
]  # fmt: skip
