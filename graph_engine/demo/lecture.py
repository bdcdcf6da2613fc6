"""The first half of the demonstration: f = (x + y) z at (-2, 5, -4), every value and every gradient."""

from __future__ import annotations

import graph_engine as ge
from graph_engine.demo.output import Output


def trace_example(engine: ge.Engine) -> ge.Trace:
    """Declare the example and run it, forward and backward."""
    x, y, z = ge.input("x"), ge.input("y"), ge.input("z")
    w = x + y
    f = w * z
    return engine.trace(f, {x: -2, y: 5, z: -4})


def show(engine: ge.Engine, output: Output) -> None:
    """Print the steps as a table, and write the pictures."""
    trace = trace_example(engine)
    print("1. The lecture example: f = (x + y) z at x = -2, y = 5, z = -4\n")
    print(trace)
    draw, steps = output.pictures.draw, output.pictures.steps
    output.save(draw(trace), "lecture.svg", "the example: every value and gradient at its node")
    output.save(draw(trace, style="circuit"), "lecture-circuit.svg", "the same, as on the blackboard")
    if output.can_export:
        output.save(draw(trace), "lecture.png", "the first picture, as pixels")
    output.save(steps(trace), "lecture.html", "the example step by step: a page for the browser and its arrow keys")
