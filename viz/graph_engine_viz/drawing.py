"""Pictures and sequences of pictures, as objects that know how to save and to show themselves."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import cached_property, partial
from pathlib import Path

from graph_engine.errors import DeclarationError, FileError
from graph_engine.files.placing import write_beside
from graph_engine.graph import Graph
from graph_engine.node import Variable
from graph_engine.trace import Trace
from graph_engine_viz.export import svg_to_png, svgs_to_pdf
from graph_engine_viz.fold import SLIDE
from graph_engine_viz.frames import Frames, check_step
from graph_engine_viz.geometry import Point
from graph_engine_viz.neurons import NEURONS, neuron_scene
from graph_engine_viz.page import STAGE, in_a_frame, page
from graph_engine_viz.picture import Pictured, picture
from graph_engine_viz.readable import readable
from graph_engine_viz.scene import Engine, Scene, Style, check_engine, check_style
from graph_engine_viz.timeline import Timeline
from graph_engine_viz.view import View, make_view

__all__ = ["Drawing", "Steps", "draw", "steps"]

Drawable = Graph | Trace | Variable


class Drawing:
    """A picture; it shows itself in a notebook.

    Attributes
    ----------
    svg : str
        The picture as an ``<svg>`` element.
    """

    def __init__(self, svg: str, graph: Graph) -> None:
        self.svg = svg
        self._graph = graph

    def save(self, path: str | os.PathLike[str], scale: float = 2.0) -> None:
        """Save the picture; the path's suffix says how: ``.svg``, ``.png``, ``.pdf``, or ``.dot`` for Graphviz.

        Parameters
        ----------
        path : path
        scale : float
            Pixels per unit, of a PNG.
        """
        suffix = _suffix(path, (".svg", ".png", ".pdf", ".dot"))
        if isinstance(scale, str) or not 0 < scale < 100:
            raise DeclarationError(f"a scale is a number above 0 and below 100, not {scale!r}")
        if suffix == ".svg":
            write_beside(path, self.svg.encode())
        elif suffix == ".png":
            svg_to_png(self.svg, path, scale)
        elif suffix == ".pdf":
            svgs_to_pdf([self.svg], path)
        else:
            write_beside(path, self._graph.to_graphviz().source.encode())

    def _repr_svg_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return f"<Drawing of {self._graph!r}>"


class Steps(Sequence[Drawing]):
    """The pictures of all steps of a run: a page to step through, a folder, a PDF; and a sequence of drawings."""

    def __init__(self, frames: Frames, make_scene: Callable[[Point], Pictured], title: str | None) -> None:
        self._frames = frames
        self._make_scene = make_scene
        self.title = title

    @cached_property
    def _slide(self) -> Pictured:
        return self._make_scene(SLIDE)

    @cached_property
    def _stage(self) -> Pictured:
        """The scene of the page, which is wider than a slide and less high."""
        return self._make_scene(STAGE)

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, index: int) -> Drawing:  # type: ignore[override]
        frame = self._frames[check_step(index, len(self))]
        return Drawing(picture(self._slide, frame), self._slide.view.graph)

    def __iter__(self) -> Iterator[Drawing]:
        return (self[index] for index in range(len(self)))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save all steps.

        Parameters
        ----------
        path : path
            ``.html`` is one page that needs nothing else, with keys and buttons to step; ``.pdf`` has a page for each
            step; a path without a suffix, or that ends with a slash, is a folder of SVG files. A link to the page that
            ends with ``#step=3`` opens it at that step, counted from 0.
        """
        folder = os.fspath(path).endswith(("/", os.sep)) or os.path.isdir(path)
        suffix = "" if folder else _suffix(path, (".html", ".pdf", ""))
        if suffix == ".html":
            write_beside(path, self.html.encode())
        elif suffix == ".pdf":
            svgs_to_pdf([drawing.svg for drawing in self], path)
        else:
            self._save_folder(Path(path))

    def _save_folder(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        digits = max(2, len(str(len(self))))
        for index, drawing in enumerate(self):
            write_beside(folder / f"step-{index + 1:0{digits}}.svg", drawing.svg.encode())

    @cached_property
    def html(self) -> str:
        """The page as a text."""
        return page(self._stage, self._frames, self.title)

    def _repr_html_(self) -> str:
        return in_a_frame(self.html, self._stage)

    def __repr__(self) -> str:
        return f"<Steps: {len(self)} pictures of {self._slide.view.graph!r}>"


def draw(
    what: Drawable,
    step: int | None = None,
    style: str = "nodes",
    *,
    title: str | None = None,
    expand: Collection[str] = (),
    collapse: Collection[str] = (),
    layout: Engine = "builtin",
    sample: int | None = None,
) -> Drawing:
    """Draw a graph, or what a run computed.

    Parameters
    ----------
    what : Graph, Trace or Variable
        A trace is drawn with its numbers, a graph without.
    step : int, optional
        Of a trace: how far it has got, counted from 0; a negative number counts from the end. By default everything
        that was computed is shown.
    style : {"nodes", "circuit", "neurons"}
        Variables as nodes that carry value and gradient; or operations as gates, with values and gradients on wires;
        or a network's layers as circles, with weights on the edges between them.
    title : str, optional
        What stands over the picture of a graph.
    expand, collapse : collection of str
        Scopes that are opened, or drawn as one node each. What would be too small to read is folded by scope at first,
        and what only makes random keys always: `"random"` opens that.
    layout : {"auto", "builtin", "dot"}
        What places the nodes: what is built in, the same on every machine; or Graphviz, `auto` where it is installed.
    sample : int, optional
        Which one of the batch the neurons show, counted from 0; by default the first.

    Returns
    -------
    Drawing

    Notes
    -----
    A loop (`ge.scan`) is drawn rolled: its body once, in a frame, with an edge from each carry's end to its beginning.
    To see its steps, draw ``ge.passes.unroll(graph).graph``, or trace that; a layer such as `nn.LSTM` takes
    ``unroll=True``. Of many wires from one variable into folded scopes one is drawn: the variable says how often it is
    used, each scope what it uses.

    Examples
    --------
    >>> import graph_engine as ge
    >>> import graph_engine_viz as viz
    >>> x, y, z = ge.input("x"), ge.input("y"), ge.input("z")
    >>> w = x + y
    >>> f = w * z
    >>> trace = ge.Engine("numpy").trace(f, {x: -2, y: 5, z: -4})
    >>> 'data-value="-12.0"' in viz.draw(trace).svg, 'data-value="-12.0"' in viz.draw(trace, step=0).svg
    (True, False)
    """
    graph = what.graph if isinstance(what, Trace) else what if isinstance(what, Graph) else _graph_of(what)
    if step is not None and not isinstance(what, Trace):
        raise DeclarationError("a graph has no steps: it was not run", "draw a trace: engine.trace(f, feeds)")
    if style == NEURONS:
        return _draw_neurons(what if isinstance(what, Trace) else graph, step, sample, title, (expand, collapse))
    _only_of_neurons(sample)
    checked, layout = check_style(style), check_engine(layout)
    if not isinstance(what, Trace):
        choose = partial(make_view, graph, graph.operations, graph.outputs, expand, collapse)
        view = readable(choose, lambda view: Scene(view, None, checked, layout, STAGE))
        return Drawing(picture(Scene(view, None, checked, layout), None, title), graph)
    view, frames = _look(what, expand, collapse, checked, layout)
    index = None if step is None else check_step(step, len(frames))
    scene = Scene(view, frames, checked, layout)
    frame = frames.everything() if index is None else frames[index]
    return Drawing(picture(scene, frame, title), view.graph)


def steps(
    trace: Trace,
    style: str = "nodes",
    title: str | None = None,
    *,
    expand: Collection[str] = (),
    collapse: Collection[str] = (),
    layout: Engine = "builtin",
    sample: int | None = None,
) -> Steps:
    """Draw every step of a run: a page to step through, a folder of pictures, or a PDF.

    Parameters
    ----------
    trace : Trace
    style : {"nodes", "circuit", "neurons"}
    title : str, optional
        What the page is called.
    expand, collapse, layout, sample
        As in `draw`.

    Returns
    -------
    Steps

    Examples
    --------
    >>> import graph_engine as ge
    >>> import graph_engine_viz as viz
    >>> x = ge.input("x")
    >>> y = x * x
    >>> film = viz.steps(ge.Engine("numpy").trace(y, {x: 3}))
    >>> len(film), 'data-grad="6.0"' in film[-1].svg
    (3, True)
    """
    if not isinstance(trace, Trace):
        raise DeclarationError(f"{trace!r} has no steps", "give a trace: engine.trace(f, feeds) or step.trace(...)")
    if style == NEURONS:
        _no_scopes(expand, collapse)
        neurons = neuron_scene(trace, sample)
        assert neurons.frames is not None
        return Steps(neurons.frames, lambda room: neurons, title)
    _only_of_neurons(sample)
    checked, layout = check_style(style), check_engine(layout)
    view, frames = _look(trace, expand, collapse, checked, layout)
    return Steps(frames, lambda room: Scene(view, frames, checked, layout, room), title)


def _draw_neurons(
    what: Graph | Trace, step: int | None, sample: int | None, title: str | None, scopes: tuple[Collection[str], ...]
) -> Drawing:
    _no_scopes(*scopes)
    scene = neuron_scene(what, sample)
    frames = scene.frames
    if frames is None:
        return Drawing(picture(scene, None, title), scene.view.graph)
    frame = frames.everything() if step is None else frames[check_step(step, len(frames))]
    return Drawing(picture(scene, frame), scene.view.graph)


def _no_scopes(*scopes: Collection[str]) -> None:
    if any(scopes):
        raise DeclarationError("a neuron diagram has no scopes to open or fold", 'style="nodes" has')


def _only_of_neurons(sample: int | None) -> None:
    if sample is not None:
        raise DeclarationError("only neurons are drawn for one sample", 'add style="neurons", or leave sample out')


def _look(
    trace: Trace, expand: Collection[str], collapse: Collection[str], style: Style, layout: Engine
) -> tuple[View, Frames]:
    timeline = Timeline(trace)
    choose = partial(make_view, timeline.graph, timeline.operations, trace.outputs, expand, collapse)

    def frames_of(view: View) -> Frames:
        return Frames(trace, view.variables, view.operations, timeline, view.uses)

    view = readable(choose, lambda view: Scene(view, frames_of(view), style, layout, STAGE))
    return view, frames_of(view)


def _graph_of(what: object) -> Graph:
    if isinstance(what, Variable):
        return Graph(what)
    raise DeclarationError(f"{what!r} cannot be drawn", "draw a graph, a trace or a variable")


def _suffix(path: str | os.PathLike[str], known: tuple[str, ...]) -> str:
    suffix = Path(path).suffix.lower()
    if suffix not in known:
        listed = ", ".join(name for name in known if name)
        raise FileError(f"a picture cannot be saved as {suffix or 'a file without a suffix'}", f"suffixes are {listed}")
    return suffix
