"""Figures as people read them, in their language."""

from collections.abc import Mapping, Sequence
from typing import Literal

from crmkit.metrics._figure import Figure
from crmkit.metrics.metric import About
from crmkit.values import Money
from crmkit.values.display import Table

__all__ = ["table_of"]

_HEADS = {
    "en": ("metric", "group", "period", "value", "interval", "n", "open", "change"),
    "zh": ("指标", "分组", "期间", "数值", "区间", "样本数", "未结束", "变化"),
}
_WORDS = {"en": ("no data", "(unknown)", "to"), "zh": ("无数据", "（未知）", "至")}
_CAPTION = {"en": "Figures", "zh": "指标"}
_UNITS = {
    "customers": "位客户", "quotations": "份报价", "days": "天", "minutes": "分钟", "contacts": "次接触",
    "share": "占比", "ratio": "比值", "log ratio": "对数比", "complaints": "件投诉", "complaints per 1,000": "件/千单",
}  # fmt: skip


def table_of(rows: Sequence[Figure], about: Mapping[str, About], lang: Literal["en", "zh"], most: int | None) -> Table:
    """The table; a period that was not over when observation ended has an asterisk."""
    lines = [_cells(row, about[row.metric], lang) for row in rows[:most]]
    heads = _HEADS[lang]
    columns = dict(zip(heads, zip(*lines, strict=True), strict=True)) if lines else {}
    right = [heads[place] for place in (3, 5, 6)]
    return Table.of(columns, n=len(rows), most=most, caption=_CAPTION[lang], lang=lang, numbers=right)


def _cells(row: Figure, about: About, lang: Literal["en", "zh"]) -> tuple[str | int, ...]:
    unknown, to = _WORDS[lang][1:]
    limits = "" if row.low is None or row.high is None else f"{row.low:.4g} {to} {row.high:.4g}"
    change = "" if row.change is None else f"{row.change:+.4g}"
    if row.change_low is not None and row.change_high is not None:
        change += f" ({row.change_low:+.4g} {to} {row.change_high:+.4g})"
    return (
        about.en if lang == "en" else about.zh, ", ".join(value or unknown for value in row.group.values()),
        row.period if row.complete else f"{row.period}*", _value(row, about, lang), limits, row.n, row.n_open, change,
    )  # fmt: skip


def _value(row: Figure, about: About, lang: Literal["en", "zh"]) -> str:
    if row.value is None:
        return _WORDS[lang][0]
    form = ".2f" if about.unit == "money" else ".4g"
    shown = f"{row.exact}" if row.exact is not None else f"{row.value:{form}}"
    if isinstance(row.exact, Money):
        return shown
    return f"{shown} {row.unit if lang == 'en' else _UNITS.get(row.unit, row.unit)}"
