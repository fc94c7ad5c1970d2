"""Pictures of a pipeline, drawn from its table."""

from typing import TYPE_CHECKING

from crmkit.pipeline._machine import name_of
from crmkit.pipeline.stages import Guard

if TYPE_CHECKING:
    from crmkit.pipeline.definition import Pipeline

__all__ = ["to_mermaid", "told"]


def to_mermaid(pipeline: "Pipeline") -> str:
    """A Mermaid state diagram: stages as states, moves as arrows, closed stages marked."""
    ids = {stage.name: f"s{number}" for number, stage in enumerate(pipeline.stages)}
    lines = ["stateDiagram-v2"]
    for stage in pipeline.stages:
        limit = f" ≤ {stage.limit}" if stage.limit else ""
        lines.append(f'    state "{_safe(stage.name + limit)}" as {ids[stage.name]}')
    lines.append(f"    [*] --> {ids[pipeline.start]}")
    for origin, moves in pipeline.moves.items():
        for name, move in moves.items():
            guards = "; ".join(map(told, move.guards))
            lines.append(f"    {ids[origin]} --> {ids[move.to]}: {_safe(f'{name} [{guards}]' if guards else name)}")
    for outcome in ("won", "lost", "cancelled"):
        members = [ids[stage.name] for stage in pipeline.stages if stage.outcome == outcome]
        if members:
            lines.append(f"    class {','.join(members)} {outcome}")
    lines += [
        "    classDef won fill:#d7efe2,stroke:#1b7f5c",
        "    classDef lost fill:#f6dcd8,stroke:#b3412e",
        "    classDef cancelled fill:#e8e8e8,stroke:#777777",
    ]
    return "\n".join(lines) + "\n"


def told(guard: Guard) -> str:
    """A guard in few words."""
    if isinstance(guard, str):
        return guard
    return name_of(guard) if callable(guard) else guard.condition


def _safe(text: str) -> str:
    # Mermaid ends a label at a quote, a colon, a semicolon or a line end; entity codes carry them through.
    codes = {'"': "#quot;", ":": "#58;", ";": "#59;", "#": "#35;"}
    return "".join(codes.get(letter, " " if letter.isspace() else letter) for letter in text)
