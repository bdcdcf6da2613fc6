"""The demonstration: the lecture example, and a network trained on handwritten digits, with their pictures.

The code in here is a user's program: its lines stand in the pictures, as yours would.
"""

from __future__ import annotations

import os
from pathlib import Path

import graph_engine as ge
from graph_engine import plugins
from graph_engine.demo import digits, lecture
from graph_engine.demo.output import Output
from graph_engine.gallery.running import check_needed


def main(backend: str = "numpy", out: str | os.PathLike[str] = "demo", epochs: int = 20) -> int:
    """Run the demonstration.

    Parameters
    ----------
    backend : str
        Where it runs: `"numpy"`, `"cupy"`, ...
    out : path
        The folder that the pictures go into; it is made where it is missing.
    epochs : int
        How long the network is trained.

    Returns
    -------
    int
        0 where the network recognises enough of the digits that it was not trained on, else 1.

    Raises
    ------
    GraphEngineError
        Where the backend cannot run here, or a package is missing.
    """
    check_needed()
    output = Output(Path(out), plugins.find_pictures())
    engine = ge.Engine(backend)
    lecture.show(engine, output)
    reached = digits.show(engine, output, epochs)
    output.list_files()
    return 0 if reached else 1
