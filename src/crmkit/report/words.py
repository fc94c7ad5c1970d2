"""The report's words, in English and Simplified Chinese, and how it writes numbers."""

import math
from collections.abc import Mapping
from typing import Literal, TypeAlias

from crmkit.errors import NotFound

__all__ = ["LANGUAGES", "Language", "Words", "days", "percent", "span", "words"]

#: The languages of the report.
Language: TypeAlias = Literal["en", "zh"]
#: The texts of a language by their key.
Words: TypeAlias = Mapping[str, str]


def words(language: str) -> Words:
    """All texts of a language.

    Raises:
        NotFound: if the language is not there.
    """
    if language not in LANGUAGES:
        raise NotFound("language", language, tuple(LANGUAGES), "the report")
    return LANGUAGES[language]


def percent(value: float | None, digits: int = 0) -> str:
    """0.5234 as "52%"; nothing known as a dash."""
    return "–" if value is None or math.isnan(value) else f"{100 * value:.{digits}f}%"


def days(value: float | None, language: Words) -> str:
    """A span in days in the unit a reader thinks in: minutes, hours, or days."""
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞"
    if value >= 2:
        return f"{value:.0f} {language['days']}" if value >= 10 else f"{value:.1f} {language['days']}"
    if value >= 2 / 24:
        return f"{24 * value:.1f} {language['hours']}"
    if value >= 2 / 1440:
        return f"{1440 * value:.1f} {language['minutes']}"
    return f"{86400 * value:.0f} {language['seconds']}"


def span(low: float | None, high: float | None, language: Words) -> str:
    """An interval of days, the unit said once where both ends share it."""
    first, last = days(low, language), days(high, language)
    unit = last.rpartition(" ")[2]
    return f"{first.removesuffix(' ' + unit)}–{last}"


_EN: Words = {
    "title": "Sales process report",
    "company": "Report",
    "left_out": "and {n} more, not shown",
    "skip": "Skip to what to look at first",
    "dark": "Dark",
    "contents": "Contents",
    "against": "compared with",
    "more_alerts": "{n} more",
    "ranked": (
        "First what is inferred and bad, by how many margins of error it is off; then what is inferred and good; "
        "then what is counted, by its share. ✗ worse, ✓ better."
    ),
    "is_coach": "▼ Coach {where}",
    "is_share": "▲ Worth sharing: {where}",
    "is_chart": "Below its usual range: {where}",
    "is_recurrence": "Customers complain again: {where}",
    "is_backlog": "Work piles up: {where}",
    "is_override": "A rule is passed over: {where}",
    "is_no_result": "A question finds no answer: {where}",
    "is_gap": "Required, and not in the library: {where}",
    "also": "{n} more about it",
    "choose": "Figures of whom and when you choose",
    "everything": "all",
    "from": "from",
    "to": "to",
    "reset": "Reset",
    "kpi": "KPI",
    "limits": "95 % interval",
    "all": "all, all months",
    "additive": (
        "Only figures whose counters add up can be chosen from. Intervals: Wilson, Garwood, Aalen-Johansen with open "
        "cases counted."
    ),
    "numbers": "The figures",
    "show_rows": "Show the rows",
    "unusable": "unusable",
    "as_of": "as of",
    "cases": "cases",
    "case": "case",
    "stage": "stage",
    "who": "person",
    "everybody": "everybody",
    "days": "days",
    "hours": "h",
    "minutes": "min",
    "seconds": "s",
    "n": "n",
    "open": "open",
    "won": "won",
    "lost": "lost",
    "advanced": "went on",
    "back": "went back",
    "entered": "entered",
    "to_look_at": "What to look at first",
    "nothing": "Nothing is out of line. Differences between people are no larger than chance gives.",
    "funnel": "Funnel",
    "funnel_note": "Cases that visited each stage. Lost and open cases are in it; a skipped stage is never filled in.",
    "conversion": "Conversion of each stage",
    "conversion_note": "Chance that a stay leads on, and its interval. Stays that last are censored, not failed.",
    "people": "Stage by person",
    "people_note": "Conversion by owner at entry. Only what survives a test over all cells together is marked.",
    "too_few": "people with too few ended stays in every stage",
    "curve": "Chance to win, by days since opening",
    "curve_note": "Losing is a competing outcome; open cases are censored. The band is the interval.",
    "times": "Time in stage",
    "times_note": "Half of the stays are over by the dot (Kaplan-Meier median with interval).",
    "open_cases": "Open cases by age in stage",
    "overdue": "past the 90th percentile",
    "median_age": "median age",
    "oldest": "oldest",
    "oldest_cases": "Waiting longest",
    "quality": "Data quality",
    "quality_note": "Rows that could not be used as they were, and what was assumed.",
    "no_findings": "Every row could be used.",
    "row": "first row",
    "column": "column",
    "reason": "reason",
    "count": "rows",
    "example": "example",
    "dropped": "left out",
    "kept": "used",
    "method": "How these figures are defined",
    "definition": "definition",
    "value": "value",
    "interval": "interval",
    "closed_only": "closed only",
    "closed_only_rate": "won / closed",
    "closed_only_note": "ignores open cases: biased",
    "amount": "won amount",
    "cycle": "median days to win",
    "win_by": "won within {days} days",
    "closed_part": "of {total}",
    "coach": "coach",
    "share": "share the practice",
    "watch": "watch",
    "insufficient data": "too little data",
    "none": "",
    "say_coach": "Coaching: {who} in “{stage}” leads on {value}, others {centre} (n {n}, q {q}).",
    "say_share": "Worth sharing: {who} in “{stage}” leads on {value}, others {centre} (n {n}, q {q}).",
    "say_more": "… and {count} more marked cells below.",
    "say_alarms": "Of these {calls} calls, {alarms} may be chance.",
    "say_narrow": "“{stage}” is the narrowest stage: {value} of stays lead on ({low}–{high}).",
    "say_overdue": "{count} open cases in “{stage}” have waited longer than nine in ten stays do.",
    "say_bias": "Won / closed says {naive}; with open cases counted, {value} ({low}–{high}) win within {days} days.",
    "bias": "Won / closed misleads; with open cases counted the chance to win is another",
    "alert_overdue": "“{stage}”: open cases that have waited longer than nine in ten stays do",
    "alert_findings": "Rows that could not be used",
    "said_calls": "{n} are out of line; of these {false} may be chance.",
    "say_findings": "Rows that could not be used: {count}; see data quality.",
    "truth": "Known truth",
    "truth_note": "These data are simulated, so the right answers are known.",
    "estimate": "estimate",
    "figure": "figure",
    "covered": "covers the truth",
    "yes": "yes",
    "no": "no",
    "source": "Source",
    "foot": "Every figure: number of stays or cases, how many are open, interval, method, definition id.",
    "dimension_missing": "The data name no person, so people cannot be compared.",
    "no_won": "No stage is known to mean “won”; say which with --won.",
}

_ZH: Words = {
    "title": "销售过程报告",
    "company": "报告",
    "left_out": "另有 {n} 行未显示",
    "skip": "跳至首先关注",
    "dark": "深色",
    "contents": "目录",
    "against": "对比",
    "more_alerts": "另有 {n} 项",
    "ranked": (
        "先列推断的不利项，按超出误差范围的倍数排序；再列推断的有利项；最后列计数项，按占比排序。✗ 变差，✓ 变好。"
    ),
    "is_coach": "▼ 需辅导：{where}",
    "is_share": "▲ 值得分享：{where}",
    "is_chart": "低于常规范围：{where}",
    "is_recurrence": "客户重复投诉：{where}",
    "is_backlog": "工作积压：{where}",
    "is_override": "规则被越过：{where}",
    "is_no_result": "问题没有答案：{where}",
    "is_gap": "客户要求而库中没有：{where}",
    "also": "另有 {n} 项相关",
    "choose": "按人员与时间查看指标",
    "everything": "全部",
    "from": "从",
    "to": "至",
    "reset": "重置",
    "kpi": "指标",
    "limits": "95% 区间",
    "all": "全部（所有月份）",
    "additive": "只有可加的计数才能筛选；区间方法：Wilson、Garwood、计入进行中案例的 Aalen-Johansen。",
    "numbers": "数据表",
    "show_rows": "查看明细",
    "unusable": "不可用",
    "as_of": "截至",
    "cases": "商机数",
    "case": "商机",
    "stage": "阶段",
    "who": "人员",
    "everybody": "全体",
    "days": "天",
    "hours": "小时",
    "minutes": "分钟",
    "seconds": "秒",
    "n": "样本数",
    "open": "进行中",
    "won": "赢单",
    "lost": "输单",
    "advanced": "推进",
    "back": "退回",
    "entered": "进入",
    "to_look_at": "首先关注",
    "nothing": "没有异常。人员之间的差异不超出偶然波动。",
    "funnel": "销售漏斗",
    "funnel_note": "到达各阶段的商机数。包含输单和进行中的商机；跳过的阶段不会被补记。",
    "conversion": "各阶段转化率",
    "conversion_note": "在该阶段停留后继续推进的概率及其区间。仍在进行的停留按删失处理，不算失败。",
    "people": "阶段 × 人员",
    "people_note": "按进入阶段时的负责人统计转化率。只有通过全表多重检验的差异才会标出。",
    "too_few": "人在所有阶段的已结束样本都太少",
    "curve": "开启后各天数内的赢单概率",
    "curve_note": "输单为竞争结局；进行中的商机按删失处理。色带为区间。",
    "times": "阶段停留时间",
    "times_note": "圆点处有一半停留已结束（Kaplan-Meier 中位数及区间）。",
    "open_cases": "进行中商机的停留天数",
    "overdue": "超过第 90 百分位",
    "median_age": "停留中位数",
    "oldest": "最久",
    "oldest_cases": "等待最久",
    "quality": "数据质量",
    "quality_note": "无法直接使用的行，以及所作的假定。",
    "no_findings": "所有行均可使用。",
    "row": "首行",
    "column": "列",
    "reason": "原因",
    "count": "行数",
    "example": "示例",
    "dropped": "未使用",
    "kept": "已使用",
    "method": "指标定义",
    "definition": "定义编号",
    "value": "数值",
    "interval": "区间",
    "closed_only": "仅已结束",
    "closed_only_rate": "赢单 / 已关闭",
    "closed_only_note": "忽略进行中的商机：有偏",
    "amount": "赢单金额",
    "cycle": "赢单天数中位数",
    "win_by": "{days} 天内赢单",
    "closed_part": "共 {total}",
    "coach": "需辅导",
    "share": "经验可分享",
    "watch": "观察",
    "insufficient data": "数据不足",
    "none": "",
    "say_coach": "建议辅导：{who} 在“{stage}”阶段的推进率为 {value}，其他人为 {centre}（样本 {n}，q {q}）。",
    "say_share": "值得分享：{who} 在“{stage}”阶段的推进率为 {value}，其他人为 {centre}（样本 {n}，q {q}）。",
    "say_more": "……下表另有 {count} 个标记。",
    "say_alarms": "以上 {calls} 个判断中，约 {alarms} 个可能出于偶然。",
    "say_narrow": "“{stage}”是最窄的阶段：{value} 的停留继续推进（{low}–{high}）。",
    "say_overdue": "“{stage}”阶段有 {count} 个进行中商机的等待时间超过九成的停留。",
    "say_bias": "赢单/已关闭为 {naive}；计入进行中的商机后，{days} 天内赢单概率为 {value}（{low}–{high}）。",
    "bias": "“赢单/已关闭”有偏；计入进行中的商机后，赢单概率不同",
    "alert_overdue": "“{stage}”：等待时间超过九成停留的进行中商机",
    "alert_findings": "无法使用的行",
    "said_calls": "{n} 处超出正常范围；其中约 {false} 处可能出于偶然。",
    "say_findings": "{count} 行无法使用，见“数据质量”。",
    "truth": "已知真值",
    "truth_note": "数据为模拟生成，因此正确答案已知。",
    "estimate": "估计",
    "figure": "指标",
    "covered": "覆盖真值",
    "yes": "是",
    "no": "否",
    "source": "数据来源",
    "foot": "每个数字均附样本数、进行中数、区间、方法与定义编号。",
    "dimension_missing": "数据中没有人员列，无法比较人员。",
    "no_won": "没有已知的“赢单”阶段；请用 --won 指定。",
}

#: All texts of all languages.
LANGUAGES: Mapping[str, Words] = {"en": _EN, "zh": _ZH}
