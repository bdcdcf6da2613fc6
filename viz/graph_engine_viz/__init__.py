"""graph_engine_viz: see every value and every gradient of a graph_engine run, at every step.

`draw` and `steps` in `drawing` make pictures, and `debugger` is the debugger: `debug` shows it, `Session` is it
without a screen, `attach` watches a training, `why` and `compare` answer questions. A picture is made in this order,
and each file does one thing:

What is told, without any drawing:
    `view` what of a graph is shown, `opening` which scopes are folded, `places` what stands together, `calls` what is
    a scope besides those that were opened, `readable` how much is enough, `thinning` which wires are left out,
    `bypasses` what a folded scope adds to its result;
    `timeline` at which step each thing is known; `frames` what is known at one step; `summary` a tensor in few
    numbers; `rules` (forward), `chain_rule` (backward) and `update_rule` what a step computes, as formulas, from the
    numbers that `telling` picks; `wording` formulas as text.
What it looks like:
    `typeset` names as mathematics, and how wide they are; `ink` colours, font sizes, SVG elements; `lines` formulas,
    drawn; `cells` values and gradients; `content` all that a variable shows; `figure` what has a size and is drawn:
    `figures` variables, wires, folded scopes; `gates` operations, `loops` those with a body.
Where it stands:
    `layout` places boxes, with `layered` (columns), `ordering` (the order in each), `separation` and `coordinates`
    (heights), `routing` (curves), or with `layout_dot` (Graphviz); `geometry` is what they share; `ends` leads wires
    to their ports; `curves` bends, moves and divides them; `fold` puts a long picture into rows, divided by `cuts`,
    `squeezing` takes out what is empty in each.
    `neurons` is another form of a network: its layers as circles, its weights on the edges between them.
What comes out:
    `scene` puts figures in their places; `picture` adds caption and formulas; `page` is the stepping page, with its
    script and style in `web`; `export` writes PNG and PDF.

`plots` is apart from all this: figures of the courses, made of arrays.
"""

import logging

from graph_engine_viz import plots
from graph_engine_viz.debugger import Session, Stopped, attach, compare, debug, why
from graph_engine_viz.drawing import Drawing, Steps, draw, steps

__all__ = ["Drawing", "Session", "Steps", "Stopped", "attach", "compare", "debug", "draw", "plots", "steps", "why"]

logging.getLogger(__name__).addHandler(logging.NullHandler())  # nothing is printed, unless somebody wants it
