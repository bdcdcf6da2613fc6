"""Calculus: gradient, Jacobian, Hessian and derivatives of every order, and how a gradient is checked.

A derivative is a variable of the graph like any other, so it can be run, drawn, and differentiated again: nine times,
here, for a Taylor polynomial. Look at how each further term keeps the polynomial longer beside the sine. The rules are
checked in two ways: against the formulas of the textbook, and against finite differences. How Newton's method uses
slopes and curvatures is in the example gradient_of_gradient.

Run it:      graph-engine demo calculus
"""

import math

import numpy as np

import graph_engine as ge
import graph_engine_viz as viz
from graph_engine.gallery import Show, run
from graph_engine_viz import plots

x = ge.input("x", dtype="float64")
sine = ge.sin(x)
derivatives = [sine]
for _ in range(9):
    derivatives.append(ge.grad(derivatives[-1], x))

place = ge.input("p", 2, "float64")  # radius and angle
radius, angle = place[0], place[1]
position = ge.stack([radius * ge.cos(angle), radius * ge.sin(angle)])
height = ge.exp(-radius) * ge.sin(angle)


def distance(found: object, formula: object) -> float:
    return float(np.max(np.abs(np.asarray(found, float) - np.asarray(formula, float))))


def several_variables(show: Show) -> None:
    engine, (r, a) = show.engine(), (2.0, math.pi / 6)
    s, c, e = math.sin(a), math.cos(a), math.exp(-r)
    wanted = [ge.grad(height, place), ge.hessian(height, place), ge.jacobian(position, place)]
    gradient, hessian, jacobian = (engine.backend.to_numpy(v) for v in engine.run(wanted, {place: [r, a]}))
    show.criterion("gradient: distance from the formula", distance(gradient, [-e * s, e * c]), below=1e-15)
    by_hand = [[e * s, -e * c], [-e * c, -e * s]]
    show.criterion("Hessian: distance from the formula", distance(hessian, by_hand), below=1e-15)
    show.criterion("Jacobian: distance from the formula", distance(jacobian, [[c, -r * s], [s, r * c]]), below=1e-15)
    show.criterion("its determinant, less the radius", abs(np.linalg.det(jacobian) - r), below=1e-12)
    picture = plots.jacobian(jacobian, [1, 2], rows=["east", "north"], columns=["radius", "angle"])
    caption = "East and north by radius and angle. A gradient comes in from the left: row times matrix."
    show.save("jacobian.png", picture, caption)

    report = ge.check_gradients(height, {place: [r, a]})
    show.say(str(report))
    show.criterion("gradients that differ from finite differences", sum(not v.ok for v in report.variables), below=1)


def taylor(show: Show) -> None:
    engine = show.engine()
    numbers = [float(v) + 0.0 for v in engine.run(derivatives, {x: 0.0})]  # -0 as 0
    show.say("derivatives of sin at 0: " + ", ".join(f"{number:g}" for number in numbers))
    show.criterion("their distance from 0, 1, 0, -1, ...", distance(numbers, ([0, 1, 0, -1] * 3)[:10]), below=1e-15)
    grid = np.linspace(-6, 6, 400)
    curves = {"sin x": (grid, np.sin(grid))}
    for degree, height in ((1, 1.7), (3, 2.3), (7, 1.6), (9, 2.0)):  # up to where each is drawn
        terms = [number / math.factorial(n) * grid**n for n, number in enumerate(numbers[: degree + 1])]
        polynomial = np.sum(terms, axis=0)
        shown = np.abs(polynomial) < height
        curves[f"degree {degree}"] = (grid[shown], polynomial[shown])
    error = np.abs(polynomial - np.sin(grid))[np.abs(grid) <= 2].max()
    remainder = 2**11 / math.factorial(11)  # sin has derivatives of at most 1, and the tenth at 0 is 0
    show.criterion("degree 9 on [-2, 2]: largest error over Taylor's bound", error / remainder, below=1)
    picture = plots.lines(curves, xlabel="x")
    show.save("taylor.png", picture, "Taylor polynomials of sin at 0, from derivatives of derivatives.")


def main(show: Show) -> None:
    several_variables(show)
    taylor(show)
    trace = show.engine().trace(height, {place: [2.0, math.pi / 6]})
    show.save("height.svg", viz.draw(trace), "e^-r sin a: the two uses of the place send their gradients back to it.")
    show.save("height.html", viz.steps(trace), "The gradient, step by step.")


if __name__ == "__main__":
    run(main)
