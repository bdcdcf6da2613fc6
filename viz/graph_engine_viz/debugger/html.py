"""The debugger's page as one text: its style and its modules are written into it, so it asks nobody for anything else.

The modules are put one after the other in one script: names at their top level are their own in all of them.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
from collections.abc import Mapping
from html import escape
from importlib.resources import files
from typing import Any

from graph_engine_viz.debugger.screen.plain import as_bytes
from graph_engine_viz.page import filled

__all__ = ["page_html"]

_IMPORT = re.compile(r'^import \{[^}]*\} from "\./(\w+)\.js";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export ", re.MULTILINE)
_FIRST = "app"


def page_html(saved: Mapping[str, Any] | None = None, title: str = "debugger") -> str:
    """Write the page.

    Parameters
    ----------
    saved : mapping, optional
        Answers that stand in the page; without them, it asks the server that it came from.
    title : str
        The window's; the page puts its own in the place when it knows the run.

    Returns
    -------
    str
        HTML, with a Content-Security-Policy that admits nothing but what is written here.
    """
    style, script = _web("style.css"), _script()
    return filled(
        _web("index.html"),
        STYLE_HASH=_hash(style),
        SCRIPT_HASH=_hash(script),
        CONNECT="'self'" if saved is None else "'none'",
        TITLE=escape(title),
        STYLE=style,
        SAVED="" if saved is None else _packed(saved),
        SCRIPT=script,
    )


def _script() -> str:
    """Put the modules together, each behind those that it needs."""
    texts: dict[str, str] = {}
    order: list[str] = []
    _visit(_FIRST, texts, order)
    return "\n".join(_EXPORT.sub("", _IMPORT.sub("", texts[name])) for name in order)


def _visit(name: str, texts: dict[str, str], order: list[str]) -> None:
    if name in texts:
        return
    texts[name] = _web(f"{name}.js")
    for needed in _IMPORT.findall(texts[name]):
        _visit(needed, texts, order)
    order.append(name)


def _packed(saved: Mapping[str, Any]) -> str:
    return base64.b64encode(gzip.compress(as_bytes(saved), mtime=0)).decode()


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _web(name: str) -> str:
    return files("graph_engine_viz").joinpath("web", "debugger", name).read_text(encoding="utf-8")
