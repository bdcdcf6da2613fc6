"""The gradient of a gradient: Newton's method finds a minimum, from slopes and curvatures.

A gradient is a variable of the graph, so it has a gradient itself.

Run it:      python examples/gradient_of_gradient.py
Step it:     graph-engine steps examples/gradient_of_gradient.py
"""

import graph_engine as ge

x = ge.input("x", dtype="float64")
f = x**4 - 3 * x**3 + 2

slope = ge.grad(f, x)
curvature = ge.grad(slope, x)

output = slope  # drawn with its own backward pass, which computes the curvature
feeds = {x: 4.0}

if __name__ == "__main__":
    engine = ge.Engine("numpy")
    place = feeds[x]
    for number in range(1, 9):
        down, bend = (float(value) for value in engine.run([slope, curvature], {x: place}))
        place -= down / bend
        print(f"step {number}  slope {down:10.3e}  curvature {bend:7.3f}  x = {place:.12f}")
    print(f"x = {place}; criterion: the minimum is at 9/4")
    assert abs(place - 9 / 4) < 1e-12
