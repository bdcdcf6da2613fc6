"""How much of a graph a picture shows, so that it can be read."""

from __future__ import annotations

from collections.abc import Callable

from graph_engine_viz.scene import Scene
from graph_engine_viz.view import View

__all__ = ["readable"]

LEAST_SCALE = 0.5
"""At a smaller scale scopes are folded: the numbers of tensors would have less than 8.5 pixels on a small screen."""

SMALL_SCALE = 0.3
"""So small a picture may be where folding more would leave less than `ENOUGH_PARTS`: pages and PDF can be enlarged."""

FEWER = (60, 48, 40, 34, 28, 24, 20, 17, 14, 12, 10, 8, 7, 5)
"""So many operations, parameters and folded scopes are tried then."""

ENOUGH_PARTS, LEAST_PARTS = 8, 3
"""A picture of fewer operations and scopes says too little, however large it is."""


def readable(choose: Callable[..., View], make_scene: Callable[[View], Scene]) -> View:
    """Fold more and more scopes, until the picture can be read on a page, or would say too little."""
    view = choose()
    scale = make_scene(view).scale
    least = choose(most=FEWER[-1], brief=True)
    if scale >= LEAST_SCALE or len(least.items) == len(view.items):
        return view
    for most in FEWER:
        smaller = choose(most=most, brief=True)
        if sum(item.scopes for item in smaller.parts) < (ENOUGH_PARTS if scale >= SMALL_SCALE else LEAST_PARTS):
            break
        if len(smaller.items) < len(view.items):
            view, scale = smaller, make_scene(smaller).scale
            if scale >= LEAST_SCALE:
                break
    return view
