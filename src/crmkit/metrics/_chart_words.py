"""The words of charts, in English and Chinese."""

from collections.abc import Callable

from crmkit.metrics._signal_words import worded

__all__ = ["speaking"]

_CHINESE = {
    "(all)": "（合计）",
    "(team)": "（团队）",
    "(unknown)": "（未知）",
    "after": "之后",
    "all": "全部",
    "amount": "金额",
    "before": "之前",
    "chance of losing": "丢单概率",
    "class": "分类",
    "concentration": "集中度",
    "fall": "减少",
    "figure": "指标",
    "funnel": "漏斗",
    "gini": "基尼系数",
    "gone": "流失",
    "hhi": "赫芬达尔指数（HHI）",
    "Lorenz curve": "洛伦兹曲线",
    "lost deals": "输单",
    "met": "达成",
    "missed": "未达成",
    "mix": "结构",
    "new": "新增",
    "no data": "无数据",
    "no target": "无目标",
    "attainment": "完成率",
    "opportunity": "机会",
    "period": "期间",
    "price": "价格",
    "rate": "比率",
    "rate and mix": "比率与结构",
    "rise": "增加",
    "running share": "累计占比",
    "share of cases": "个案占比",
    "share of losses": "占输单比例",
    "share of parts": "组成部分占比",
    "share of the amount": "金额占比",
    "share of ways": "占路径比例",
    "step": "步骤",
    "strength": "优势",
    "SWOT": "SWOT 分析",
    "threat": "威胁",
    "times what it is compared with": "与对照值之比",
    "too few to say": "数据太少，无法判断",
    "unsplit": "未分解",
    "value": "值",
    "verdict": "结论",
    "volume": "数量",
    "weakness": "劣势",
    "who": "人员",
}


def speaking(lang: str) -> Callable[[str], str]:
    """What says a word of charts in a language; what is not one of them, a name of the host's, stays as it is.

    Raises:
        NotFound: for a language other than "en" and "zh".
    """
    chinese = worded(lang, ("", "zh"))
    return (lambda text: _CHINESE.get(text, text)) if chinese else (lambda text: text)
