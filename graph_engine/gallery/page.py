"""One page with everything that the examples said and drew. It fetches nothing; pictures lie beside it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

from graph_engine._version import __version__
from graph_engine.files.placing import write_beside
from graph_engine.gallery.running import Result
from graph_engine.gallery.show import Criterion, Saved

_PICTURES = (".svg", ".png")

_CHAPTERS = {
    "Gradients": ("lecture", "backpropagation", "calculus", "gradient_of_gradient", "functions"),
    "From one unit to many": ("regression", "perceptron", "logistic", "xor", "universal_approximation"),
    "Training": ("digits", "data", "learning_rates", "optimisers", "learning_curves", "regularisation", "augmentation"),
    "Deep networks": ("initialisation", "vanishing_gradient", "resnet"),
    "Images": ("convolution", "cnn", "grad_cam", "unet", "detector", "transfer"),
    "Sequences": ("rnn", "sequence_generation", "transformer"),
    "Codes and new samples": ("autoencoder", "autoencoder_kinds", "pretraining", "vae", "gan"),
    "Finding faults": ("find_nan", "find_dead_gradient", "devices_disagree"),
}
"""Which examples belong together, in the order of a course; others come after them."""


def write_gallery(results: Sequence[Result], path: str | os.PathLike[str]) -> None:
    """Write the page.

    Parameters
    ----------
    results : sequence of Result
        Whose files lie beneath the page's folder.
    path : path
        Of the page; what was there before is replaced once the new one is complete.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    template = Template(files("graph_engine.gallery").joinpath("page.html").read_text(encoding="utf-8"))
    chapters = _chapters(results)
    text = template.substitute(
        version=escape(__version__),
        count="1 program" if len(results) == 1 else f"{len(results)} programs",
        reached=sum(result.reached for result in results),
        contents="\n".join(_contents(name, own) for name, own in chapters.items()),
        examples="\n".join(_section(result, target.parent) for own in chapters.values() for result in own),
    )
    write_beside(target, text.encode())


def _chapters(results: Sequence[Result]) -> dict[str, list[Result]]:
    """Sort the results into chapters; empty ones are left out."""
    named = {result.example.name: result for result in results}
    chapters = {title: [named.pop(name) for name in names if name in named] for title, names in _CHAPTERS.items()}
    return {title: own for title, own in (chapters | {"More": list(named.values())}).items() if own}


def _contents(title: str, results: Sequence[Result]) -> str:
    return f"<li><h3>{title}</h3><ul>{''.join(map(_entry, results))}</ul></li>"


def _entry(result: Result) -> str:
    name, title = escape(result.example.name), escape(result.example.title)
    return f'<li><a href="#{name}">{title}</a> {_mark(result.reached)}</li>'


def _section(result: Result, folder: Path) -> str:
    example, show = result.example, result.show
    said = "\n".join(line for line in show.lines if line not in {str(criterion) for criterion in show.criteria})
    pieces = [
        f'<section id="{escape(example.name)}">',
        f"<h2>{escape(example.title)}</h2>",
        *(f"<p>{escape(' '.join(block.split()))}</p>" for block in _paragraphs(example.text)),
        f"<pre class='no'>{escape(result.error)}</pre>" if result.error else "",
        f"<ul class='criteria'>{''.join(map(_criterion, show.criteria))}</ul>",
        f"<div class='pictures'>{''.join(_figure(saved, folder) for saved in show.files)}</div>",
        f"<details><summary>What it prints</summary><pre>{escape(said)}</pre></details>" if said else "",
        f"<details><summary>The program, {_lines(example.code)} lines</summary>"
        f"<pre><code>{escape(example.code)}</code></pre></details>",
        f"<p class='again'>graph-engine demo {escape(example.name)} &nbsp; {result.seconds:.0f} s</p>",
        "</section>",
    ]
    return "\n".join(piece for piece in pieces if piece)


def _paragraphs(text: str) -> list[str]:
    """Return the paragraphs, without the one that says how to run it: the page says that itself."""
    return [block for block in text.split("\n\n") if block.strip() and not block.startswith("Run it:")]


def _criterion(criterion: Criterion) -> str:
    return (
        f"<li>{_mark(criterion.reached)} {escape(criterion.what)}: <b>{criterion.value:.4g}</b> "
        f"<span>({escape(criterion.bound)})</span></li>"
    )


def _mark(reached: bool) -> str:
    return "<b class='yes'>✓</b>" if reached else "<b class='no'>✗ not reached</b>"


def _figure(saved: Saved, folder: Path) -> str:
    link = escape(Path(os.path.relpath(saved.path, folder)).as_posix())
    caption = escape(saved.caption)
    if saved.path.suffix in _PICTURES:
        inside = f'<img loading="lazy" src="{link}" alt="{caption}">'
    elif saved.path.suffix == ".html":
        inside = f'{_preview(link)}<span class="page">▶ step through it</span>'
    else:
        inside = '<span class="page">▶ open</span>'
    return f'<figure><a href="{link}">{inside}</a><figcaption>{caption}</figcaption></figure>'


def _preview(link: str) -> str:
    """Show a page small, and only to be looked at: a press on it opens it."""
    quiet = 'loading="lazy" sandbox="allow-scripts" tabindex="-1" aria-hidden="true"'
    return f'<span class="preview"><iframe {quiet} src="{link}"></iframe></span>'


def _lines(code: str) -> int:
    return len(code.splitlines())
