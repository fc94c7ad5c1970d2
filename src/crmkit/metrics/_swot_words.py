"""Statements about comparisons, in English and Chinese."""

import math
from collections.abc import Callable

from crmkit.metrics._swot_inside import Comparison, Indicator
from crmkit.values import Money

__all__ = ["stated"]


def stated(one: Comparison) -> tuple[str, str]:
    """What a comparison says, in English and Chinese, with its interval and what it rests on."""
    text, chinese = _SAY[one.figure](one)
    form = _FORM[one.figure]
    low, high = form(one, one.low), form(one, one.high)
    note = f" ({low} to {high}, n = {one.n})"
    return text + note, f"{chinese}（{low} 至 {high}，n = {one.n}）"


def _conversion(one: Comparison) -> tuple[str, str]:
    value, base = f"{one.value:.0%}", f"{one.base:.0%}"
    return (
        f"{_named(one)}: of the cases that leave {one.stage}, {value} go on; of the others' {base}",
        f"{_named(one, chinese=True)}：离开“{one.stage}”阶段的商机中有 {value} 继续推进，其他为 {base}",
    )


def _time(one: Comparison) -> tuple[str, str]:
    value, base = _days(one, one.value), _days(one, one.base)
    english = f"{_named(one)}: half of the stays in {one.stage} end within {value}; of the others' within {base}"
    return english, f"{_named(one, chinese=True)}：在“{one.stage}”阶段停留的中位数为 {value}，其他为 {base}"


def _arrivals(one: Comparison) -> tuple[str, str]:
    way, verb = ("more", "增加") if one.good else ("fewer", "减少")
    return (
        f"{_named(one)}: {way} new cases, {_daily(one, one.value)} a day after {_daily(one, one.base)}",
        f"{_named(one, chinese=True)}：新商机{verb}，每天 {_daily(one, one.value)}，此前 {_daily(one, one.base)}",
    )


def _sales(one: Comparison) -> tuple[str, str]:
    way, verb = ("grow", "增长") if one.good else ("shrink", "下降")
    return (
        f"{_named(one)}: sales {way}, {_money(one, one.value)} a day after {_money(one, one.base)}",
        f"{_named(one, chinese=True)}：销售额{verb}，每天 {_money(one, one.value)}，此前 {_money(one, one.base)}",
    )


def _losses(one: Comparison) -> tuple[str, str]:
    return (
        f"{one.segment} takes {one.value:.0%} of the deals we lose, after {one.base:.0%}",
        f"输给“{one.segment}”的商机占输单的 {one.value:.0%}，此前为 {one.base:.0%}",
    )


def _leaving(one: Comparison) -> tuple[str, str]:
    return (
        f"{one.value:.1%} of the customers left, after {one.base:.1%}",
        f"客户流失率为 {one.value:.1%}，此前为 {one.base:.1%}",
    )


def _largest(one: Comparison) -> tuple[str, str]:
    return (
        f"{one.segment} alone brings {one.value:.0%} of the sales in {one.currency}, beyond the line of {one.base:.0%}",
        f"仅“{one.segment}”就占 {one.currency} 销售额的 {one.value:.0%}，超过 {one.base:.0%} 的警戒线",
    )


def _named(one: Comparison, *, chinese: bool = False) -> str:
    if not one.dimension:
        return "整体" if chinese else "All together"
    if one.dimension == "who":
        return one.segment
    return f"{one.dimension}“{one.segment}”" if chinese else f"{one.dimension} {one.segment}"


def _share(_: Comparison, value: float) -> str:
    return f"{value:.0%}"


def _finely(_: Comparison, value: float) -> str:
    return f"{value:.1%}"


def _days(_: Comparison, value: float) -> str:
    # A median that most stays have not reached yet is not known.
    return "?" if math.isnan(value) else f"{value:.1f} d"


def _daily(_: Comparison, value: float) -> str:
    return f"{value:.2f}"


def _money(one: Comparison, value: float) -> str:
    # Money a day is an estimate, and rounded to whole minor units to be read.
    return str(Money.from_minor(round(value), one.currency or ""))


_SAY: dict[Indicator, Callable[[Comparison], tuple[str, str]]] = {
    "conversion": _conversion,
    "time in stage": _time,
    "arrivals": _arrivals,
    "sales": _sales,
    "losses to": _losses,
    "customers lost": _leaving,
    "largest share": _largest,
}
_FORM: dict[Indicator, Callable[[Comparison, float], str]] = {
    "conversion": _share,
    "time in stage": _days,
    "arrivals": _daily,
    "sales": _money,
    "losses to": _share,
    "customers lost": _finely,
    "largest share": _share,
}
