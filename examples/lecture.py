"""The lecture example: f = (x + y) z at (-2, 5, -4), every value and every gradient.

Run it:      python examples/lecture.py
Draw it:     graph-engine draw examples/lecture.py
Step it:     graph-engine steps examples/lecture.py
"""

import graph_engine as ge
import graph_engine_viz as viz

x, y, z = ge.input("x"), ge.input("y"), ge.input("z")
w = x + y
f = w * z

output = f  # what `graph-engine draw` and `steps` show, with these values
feeds = {x: -2, y: 5, z: -4}

if __name__ == "__main__":
    trace = ge.Engine("numpy").trace(f, feeds)
    print(trace)
    viz.draw(trace).save("lecture.svg")
    viz.steps(trace).save("lecture.html")
    print("\nWritten: lecture.svg, lecture.html")

    expected = {"x": -4, "y": -4, "z": 3, "w": -4}
    gradients = {name: float(trace.grad(name)) for name in expected}
    print(f"Gradients {gradients}; expected {expected}")
    assert gradients == expected and float(trace.value(f)) == -12
