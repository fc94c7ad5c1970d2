"""What definitions and cases show of themselves."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from crmkit.values.display import Display, Lang, Table

if TYPE_CHECKING:
    from crmkit.pipeline.case import Case
    from crmkit.pipeline.definition import Pipeline
    from crmkit.pipeline.stages import Move

__all__ = ["definition", "state"]

_HEADS = {
    "en": ("stage", "outcome", "limit", "requires", "moves"),
    "zh": ("阶段", "结果", "时限", "必填字段", "可用动作"),
}
_CASE = {
    "en": ("case", "stage", "entered", "owner", "opened", "facts"),
    "zh": ("案例", "阶段", "进入时间", "负责人", "开启时间", "事实数"),
}


def definition(pipeline: "Pipeline", lang: Lang, most: int | None) -> Display:
    """The stages, and the moves that lead out of each."""
    size, start = len(pipeline.stages), pipeline.start
    head = (
        f"pipeline {pipeline.name!r}: {size} stages, starts in {start!r}; definition {pipeline.definition}"
        if lang == "en"
        else f"流程“{pipeline.name}”：{size} 个阶段，从“{start}”开始；定义 {pipeline.definition}"
    )
    rows = [
        (
            stage.name, stage.outcome, stage.limit, stage.requires or None,
            [_move(name, move) for name, move in pipeline.moves.get(stage.name, {}).items()] or None,
        )
        for stage in pipeline.stages
    ]  # fmt: skip
    columns: Mapping[str, Any] = dict(zip(_HEADS[lang], zip(*rows, strict=True), strict=True))
    return Display.of(head, Table.of(columns, most=most, caption=pipeline.name, lang=lang), lang=lang)


def _move(name: str, move: "Move") -> str:
    """A move, with a star where a guard, a role, a field or an approval stands before it."""
    return f"{name} > {move.to}{'*' if move.guards or move.roles or move.requires or move.approval else ''}"


def state(case: "Case", lang: Lang, most: int | None) -> Display:
    """Where the case stands, and its fields."""
    values = (case.id, case.stage, case.entered, case.owner, case.opened, case.version)
    one = Table.of({name: [value] for name, value in zip(_CASE[lang], values, strict=True)}, caption=case.id, lang=lang)
    names = ("field", "value") if lang == "en" else ("字段", "值")
    columns: dict[str, Any] = dict(zip(names, ([*case.fields], [*case.fields.values()]), strict=True))
    fields = [Table.of(columns, most=most, caption=case.id, lang=lang, numbers=())] if case.fields else []
    return Display.of(one, *fields, lang=lang)
