"""The examples: found, run, and shown on one page.

An example is a program with a docstring whose first line is its title, and a function `main(show)`:

    from graph_engine.gallery import Show, run

    def main(show: Show) -> None:
        ...
        show.criterion("accuracy on images held out", accuracy, above=0.95)
        show.save("step.html", viz.steps(trace), "one training step")

    if __name__ == "__main__":
        run(main)
"""

from graph_engine.gallery.catalogue import Example, examples
from graph_engine.gallery.page import write_gallery
from graph_engine.gallery.running import Result, run, run_example
from graph_engine.gallery.show import Criterion, Saved, Show

__all__ = ["Criterion", "Example", "Result", "Saved", "Show", "examples", "run", "run_example", "write_gallery"]
