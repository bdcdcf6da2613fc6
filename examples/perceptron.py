"""Perceptron: Rosenblatt's rule separates points, in no more updates than Novikoff's bound.

A sample counts as a mistake when y <w, x> <= 0 (a tie is one); then w <- w + y x, and nothing else ever happens. The
bias is a weight inside of w, for a feature that is always 1. Novikoff (1962): if some unit vector separates the data
with margin gamma, and no sample is longer than R, there are at most (R / gamma)² updates. Look at how the line moves.

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
mistake = y * score <= 0
new_w = w + ge.where(mistake, y, 0.0) * x

hinge = ge.nn.relu(-y * score)  # what the rule goes down: its gradient is -y x at a mistake


def draw_points(count: int, gap: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw points, with a 1, none nearer than a gap to the line <separator, x> = 0; and the side of each."""
    separator = np.array([0.6, -0.7, 0.2]) / np.linalg.norm([0.6, -0.7, 0.2])
    drawn = np.random.default_rng(4).uniform(-1, 1, (20 * count, 2))
    points = np.column_stack([drawn, np.ones(len(drawn))])
    points = points[np.abs(points @ separator) > gap][:count]
    return points, np.sign(points @ separator), separator


def main(show: Show) -> None:
    points, sides, separator = draw_points(show.pick(100, quick=60), gap=0.04)
    engine = show.engine()
    step = engine.compile([x, y], mistake, updates={w: new_w})

    lines, updates, epoch, wrong = {}, 0, 0, 1
    while wrong:
        wrong = sum(bool(step(*sample)) for sample in zip(points, sides))
        updates, epoch = updates + wrong, epoch + 1
        lines[f"epoch {epoch}: {wrong} updates"] = engine.backend.to_numpy(engine.value(w))
        show.say(f"epoch {epoch}: {wrong} updates")

    radius, margin = np.linalg.norm(points, axis=1).max(), np.min(sides * (points @ separator))
    bound = (radius / margin) ** 2
    show.say(f"{updates} updates; R = {radius:.3f}, gamma = {margin:.3f}: at most {bound:.0f}")
    show.criterion("updates, as a part of those allowed", updates / bound, below=1)
    learned = engine.backend.to_numpy(engine.value(w))
    show.criterion("points on the wrong side", np.sum(sides * (points @ learned) <= 0), below=1)

    chosen = list(lines)[:: max(1, len(lines) // 5)][:5] + list(lines)[-1:]
    picture = plots.decision_lines(points[:, :2], sides, {title: lines[title] for title in chosen}, columns=3)
    show.save("lines.png", picture, "The line after some of the epochs: every mistake turns it a little.")
    trace = engine.trace(hinge, {x: points[0], y: -sides[0]})
    show.save("perceptron.svg", viz.draw(trace), "The loss max(0, -y <w, x>) at a mistake: its slope is -y x.")
    engine.set_value(w, -0.1 * separator)
    show.save("perceptron.html", viz.steps(step.trace(points[0], sides[0])), "A mistake, and its update, step by step.")


if __name__ == "__main__":
    run(main)
