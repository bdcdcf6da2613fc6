"""The gradient of a gradient: Newton's method finds a minimum, from slopes and curvatures.

A gradient is a variable of the graph, so it has a gradient itself. Look at the slope, 3 x² - 6 as the engine found it,
and at how the number of right digits doubles from step to step.

Run it:      python examples/gradient_of_gradient.py
Step it:     graph-engine steps examples/gradient_of_gradient.py
"""

import graph_engine as ge
import graph_engine_viz as viz
from graph_engine.gallery import Show, run

x = ge.input("x", dtype="float64")
f = x**3 - 6 * x

slope = ge.grad(f, x)
curvature = ge.grad(slope, x)

output = slope  # drawn with its own backward pass, which computes the curvature
feeds = {x: 4.0}


def main(show: Show) -> None:
    engine = show.engine()
    place = feeds[x]
    for number in range(1, 8):
        down, bend = (float(value) for value in engine.run([slope, curvature], {x: place}))
        place -= down / bend
        show.say(f"step {number}  slope {down:10.3e}  curvature {bend:7.3f}  x = {place:.12f}")
    show.criterion("distance from the minimum at √2", abs(place - 2**0.5), below=1e-12)

    trace = engine.trace(slope, feeds)
    show.save("slope.svg", viz.draw(trace), "the slope, which is a gradient, with its own gradient")
    show.save("slope.html", viz.steps(trace), "the curvature, computed step by step")


if __name__ == "__main__":
    run(main)
