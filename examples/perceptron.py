"""Perceptron: Rosenblatt's rule separates points, in no more updates than Novikoff's bound.

A sample counts as a mistake when y <w, x> <= 0 (a tie is one); then w <- w + y x, and nothing else ever happens. The
bias is a weight inside of w, for a feature that is always 1. Novikoff (1962): if some unit vector separates the data
with margin gamma, and no sample is longer than R, there are at most (R / gamma)² updates. Look at how the line turns
with w, which is at a right angle to it. The rule is gradient descent on the loss max(0, -y <w, x>), with a rate of 1.

Run it:      graph-engine demo perceptron
"""

import numpy as np

import graph_engine as ge
import graph_engine_viz as viz
from graph_engine.gallery import Show, run
from graph_engine_viz import plots

x = ge.input("x", 3, "float64")
y = ge.input("y", (), "float64")
w = ge.parameter("w", np.zeros(3))

score = ge.vecdot(w, x)
margin = y * score
mistake = margin <= 0
new_w = w + ge.where(mistake, y, 0.0) * x

minus_margin = -margin
loss = ge.relu(minus_margin)  # what the rule goes down: its gradient is -y x at a mistake


def draw_points(count: int, gap: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw points, with a 1, none nearer than a gap to the line <separator, x> = 0; and the side of each."""
    separator = np.array([0.6, -0.7, 0.2]) / np.linalg.norm([0.6, -0.7, 0.2])
    drawn = np.random.default_rng(5).uniform(-1, 1, (20 * count, 2))
    points = np.column_stack([drawn, np.ones(len(drawn))])
    points = points[np.abs(points @ separator) > gap][:count]
    return points, np.sign(points @ separator), separator


def main(show: Show) -> None:
    points, sides, separator = draw_points(show.pick(100, quick=60), gap=0.04)
    engine = show.engine()
    step = engine.compile([x, y], mistake, updates={w: new_w})

    lines, updates, wrong = {}, 0, 1
    while wrong:
        wrong = sum(bool(step(*sample)) for sample in zip(points, sides))
        updates += wrong
        title = f"epoch {len(lines) + 1}, updates: {wrong}"
        lines[title] = engine.backend.to_numpy(engine.value(w))
        show.say(title)

    radius, gamma = np.linalg.norm(points, axis=1).max(), np.min(sides * (points @ separator))
    bound = (radius / gamma) ** 2
    show.say(f"{updates} updates; R = {radius:.3f}, gamma = {gamma:.3f}: at most {bound:.0f}")
    show.criterion("updates, as a part of those allowed", updates / bound, below=1)
    learned = engine.backend.to_numpy(engine.value(w))
    show.criterion("points on the wrong side", np.sum(sides * (points @ learned) <= 0), below=1)

    picture = plots.decision_lines(points[:, :2], sides, lines, columns=3)
    show.save("lines.png", picture, "The line and w after each epoch: every mistake turns them a little.")

    first = next(iter(lines.values()))
    worst = np.argmin(sides * (points @ first))  # the sample that is furthest on the wrong side after one epoch
    engine.set_value(w, first)
    descent = engine.compile([x, y], loss, updates=ge.optim.SGD(1.0).minimize(loss))
    trace = descent.trace(points[worst], sides[worst])
    show.save("perceptron.svg", viz.draw(trace), "A mistake: the slope of the loss is -y x, so that w becomes w + y x.")
    show.save("perceptron.html", viz.steps(trace), "This mistake step by step: forward, backward, update.")


if __name__ == "__main__":
    run(main)
