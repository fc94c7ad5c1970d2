"""Graphs of causes as texts that Mermaid and Graphviz draw."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from crmkit.improve._method_words import category, place_of
from crmkit.pipeline.diagram import dot_text, mermaid_text

if TYPE_CHECKING:
    from crmkit.improve.causes import CauseGraph

__all__ = ["dot", "mermaid"]

_COLOURS = {
    "effect": ("#f6dcd8", "#b3412e"),
    "category": ("#e8e8e8", "#777777"),
    "cause": ("#f4f6fa", "#44546a"),
    "root": ("#fff1cc", "#b07d00"),
}
# Where a label is HTML, these would be more than letters.
_HTML = {"&": "#amp;", "<": "#lt;", ">": "#gt;", "`": "#96;"}


def mermaid(graph: "CauseGraph", kind: Callable[[int], str], lang: str) -> str:
    """A flowchart; see `CauseGraph.to_mermaid`."""
    place_of(lang)
    lines = [f"flowchart {'LR' if graph.form == 'fishbone' else 'BT'}"]
    for place, text in enumerate(graph.texts):
        lines.append(f'    c{place}["{_entities(_shown(kind(place), text, lang))}"]')
    lines += [f"    c{cause} --> c{to}" for cause, to in graph.links]
    for name, (fill, stroke) in _COLOURS.items():
        members = [f"c{place}" for place in range(len(graph.texts)) if kind(place) == name]
        if members:
            lines.append(f"    class {','.join(members)} {name}")
            lines.append(f"    classDef {name} fill:{fill},stroke:{stroke}")
    return "\n".join(lines) + "\n"


def dot(graph: "CauseGraph", kind: Callable[[int], str], lang: str) -> str:
    """A Graphviz graph; see `CauseGraph.to_dot`."""
    place_of(lang)
    lines = [
        "digraph {",
        f"    rankdir={'LR' if graph.form == 'fishbone' else 'BT'}",
        '    node [shape=box, style="rounded,filled", fontname="sans-serif"]',
        '    edge [color="#44546a"]',
    ]
    for place, text in enumerate(graph.texts):
        fill, stroke = _COLOURS[kind(place)]
        label = dot_text(_shown(kind(place), text, lang))
        lines.append(f'    c{place} [label={label}, fillcolor="{fill}", color="{stroke}"]')
    lines += [f"    c{cause} -> c{to}" for cause, to in graph.links]
    return "\n".join([*lines, "}"]) + "\n"


def _shown(kind: str, text: str, lang: str) -> str:
    return category(text, lang) if kind == "category" else text


def _entities(text: str) -> str:
    safe = mermaid_text(text)
    for letter, code in _HTML.items():
        safe = safe.replace(letter, code)
    return safe
