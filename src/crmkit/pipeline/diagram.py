"""Pictures of a pipeline, drawn from its table.

Both show stages with their time limits in the order of the funnel, moves with their names, guards, roles and approvals,
and closed stages in the colour of their outcome. `labels` names the language in which stages and moves are called;
what has no label in it is called by its name.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from crmkit.pipeline._machine import name_of
from crmkit.pipeline.stages import Guard, Move, Stage

if TYPE_CHECKING:
    from crmkit.pipeline.definition import Pipeline

__all__ = ["dot_text", "mermaid_text", "to_dot", "to_mermaid", "told"]

_COLOURS = {"won": ("#d7efe2", "#1b7f5c"), "lost": ("#f6dcd8", "#b3412e"), "cancelled": ("#e8e8e8", "#777777")}
_LONGEST = 48


def to_mermaid(pipeline: "Pipeline", *, labels: str | None = None) -> str:
    """A Mermaid state diagram.

    Args:
        pipeline: the process.
        labels: the language of the names; the names themselves if None.
    """
    ids = _ids(pipeline)
    lines = ["stateDiagram-v2"]
    for stage in pipeline.stages:
        limit = f" ≤ {stage.limit}" if stage.limit else ""
        lines.append(f'    state "{mermaid_text(_called(stage, stage.name, labels) + limit)}" as {ids[stage.name]}')
    lines.append(f"    [*] --> {ids[pipeline.start]}")
    for origin, name, move in _moves(pipeline):
        text = " ".join((_called(move, name, labels), *_conditions(move)))
        lines.append(f"    {ids[origin]} --> {ids[move.to]}: {mermaid_text(text)}")
    for outcome, (fill, stroke) in _COLOURS.items():
        members = [ids[stage.name] for stage in pipeline.stages if stage.outcome == outcome]
        if members:
            lines.append(f"    class {','.join(members)} {outcome}")
            lines.append(f"    classDef {outcome} fill:{fill},stroke:{stroke}")
    return "\n".join(lines) + "\n"


def to_dot(pipeline: "Pipeline", *, labels: str | None = None) -> str:
    """The text of a Graphviz graph, from left to right.

    Args:
        pipeline: the process.
        labels: the language of the names; the names themselves if None.
    """
    ids = _ids(pipeline)
    open_stages = [ids[stage.name] for stage in pipeline.stages if stage.outcome is None]
    lines = [
        "digraph {",
        "    rankdir=LR",
        '    node [shape=box, style="rounded,filled", fillcolor="#f4f6fa", color="#44546a", fontname="sans-serif"]',
        '    edge [color="#44546a", fontname="sans-serif", fontsize=10]',
        '    start [shape=circle, style=filled, fillcolor="#44546a", label="", width=0.2]',
        f"    start -> {ids[pipeline.start]}",
    ]
    lines += [f"    {ids[stage.name]} [{_node(stage, labels)}]" for stage in pipeline.stages]
    if len(open_stages) > 1:
        # The funnel is the spine, whatever the moves are; the arrows themselves do not push stages around.
        lines.append(f"    {' -> '.join(open_stages)} [style=invis, weight=100]")
    closed = [ids[stage.name] for stage in pipeline.stages if stage.outcome is not None]
    lines.append(f"    {{ rank=max; {'; '.join(closed)} }}")
    order = {stage.name: number for number, stage in enumerate(pipeline.stages)}
    for origin, name, move in _moves(pipeline):
        shown = "\n".join((_called(move, name, labels), *_conditions(move)))
        back = "" if order[move.to] > order[origin] else ", constraint=false, style=dashed"
        lines.append(f"    {ids[origin]} -> {ids[move.to]} [label={dot_text(shown)}{back}]")
    return "\n".join([*lines, "}"]) + "\n"


def told(guard: Guard) -> str:
    """A guard in few words."""
    if isinstance(guard, str):
        return guard
    return name_of(guard) if callable(guard) else guard.condition


def _ids(pipeline: "Pipeline") -> Mapping[str, str]:
    # Names may hold anything; these hold nothing that could end a statement.
    return {stage.name: f"s{number}" for number, stage in enumerate(pipeline.stages)}


def _moves(pipeline: "Pipeline") -> Iterator[tuple[str, str, Move]]:
    for origin, moves in pipeline.moves.items():
        for name, move in moves.items():
            yield origin, name, move


def _called(part: Stage | Move, name: str, language: str | None) -> str:
    # A line end in a name is none in the picture.
    return _visible(part.labels.get(language, name) if language is not None else name)


def _conditions(move: Move) -> Iterator[str]:
    """What a move asks for, each in brackets."""
    if move.guards:
        yield f"[{_short('; '.join(map(told, move.guards)))}]"
    if move.roles:
        yield f"[{_short(' or '.join(move.roles))}]"
    if move.approval is not None:
        yield f"[approval {_short(move.approval)}]"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def _node(stage: Stage, labels: str | None) -> str:
    limit = f"\n≤ {stage.limit}" if stage.limit else ""
    label = f"label={dot_text(_called(stage, stage.name, labels) + limit)}"
    if stage.outcome is None:
        return label
    fill, stroke = _COLOURS[stage.outcome]
    return f'{label}, fillcolor="{fill}", color="{stroke}", peripheries=2'


def dot_text(text: str) -> str:
    r"""A text as a label of Graphviz, with its quotation marks: shown as it is, whatever it holds.

    >>> print(dot_text('say "R&D"'))
    "say \"R&amp;D\""
    """
    # "\n" is a line end in a label; every other backslash is one. Entities are read too, so that "&" must be one.
    safe = "\n".join(map(_visible, text.split("\n")))
    for letter, code in (("\\", "\\\\"), ('"', '\\"'), ("&", "&amp;"), ("\n", "\\n")):
        safe = safe.replace(letter, code)
    return f'"{safe}"'


def mermaid_text(text: str) -> str:
    """A text as a label of Mermaid, without quotation marks.

    >>> mermaid_text('say "no"; go')
    'say #quot;no#quot;#59; go'
    """
    # Mermaid ends a label at a quote, a colon, a semicolon or a line end; entity codes carry them through.
    codes = {'"': "#quot;", ":": "#58;", ";": "#59;", "#": "#35;"}
    return "".join(codes.get(letter, letter) for letter in _visible(text))


def _visible(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)
