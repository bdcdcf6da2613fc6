"""The lecture example: f = (x + y) z at (-2, 5, -4), every value and every gradient.

Run it:      python examples/lecture.py
Draw it:     graph-engine draw examples/lecture.py
Step it:     graph-engine steps examples/lecture.py
"""

import graph_engine as ge
import graph_engine_viz as viz
from graph_engine.gallery import Show, run

x, y, z = ge.input("x"), ge.input("y"), ge.input("z")
w = x + y
f = w * z

output = f  # what `graph-engine draw` and `steps` show, with these values
feeds = {x: -2, y: 5, z: -4}


def main(show: Show) -> None:
    trace = show.engine().trace(f, feeds)
    show.say(str(trace))
    show.save("lecture.svg", viz.draw(trace), "every value and gradient at its node")
    show.save("lecture-circuit.svg", viz.draw(trace, style="circuit"), "the same, as on the blackboard")
    show.save("lecture.html", viz.steps(trace), "the example step by step")

    expected = {"x": -4, "y": -4, "z": 3, "w": -4}
    wrong = sum(float(trace.grad(name)) != value for name, value in expected.items())
    show.criterion("gradients that differ from those on the slide", wrong, below=1)


if __name__ == "__main__":
    run(main)
