"""What stands in which part of which working paper."""

from collections.abc import Mapping

import attrs

__all__ = ["PAPERS", "WORDS", "Paper", "Part"]


@attrs.frozen
class Part:
    """A part of a paper: its title in English and Chinese, and the fields it shows."""

    en: str
    zh: str
    fields: tuple[str, ...]


@attrs.frozen
class Paper:
    """A working paper: its title in English and Chinese, and its parts."""

    en: str
    zh: str
    parts: tuple[Part, ...]


_WHY = ("kind", "problem", "found")
_DO = ("owner", "due", "actions")
_VERDICT = ("verdict", "gain", "low", "high", "learnt")
_END = ("standard", "undone", "drop reason")

#: By the name of the pipeline.
PAPERS: Mapping[str, Paper] = {
    "8d": Paper("8D report", "8D报告", (
        Part("D0 Emergency response", "D0 紧急响应", (*_WHY, "emergency action")),
        Part("D1 Team", "D1 小组", ("champion", "team leader", "team")),
        Part("D2 Problem description", "D2 问题描述", ("seen", "not seen", "recurred on")),
        Part("D3 Containment", "D3 临时遏制", ("containment", "contained")),
        Part("D4 Root cause and escape point", "D4 根本原因与流出点",
             ("root cause", "escape point", "cause verified", "causes")),
        Part("D5 Corrective actions chosen", "D5 选定纠正措施", ("corrective action", "hypothesis")),
        Part("D6 Implementation and validation", "D6 实施与验证", (*_DO, *_VERDICT, "containment removed")),
        Part("D7 Prevention", "D7 预防再发", ("prevention", "standard")),
        Part("D8 Closing", "D8 结案", ("recognition", "undone", "drop reason")),
    )),
    "a3": Paper("A3 sheet", "A3报告", (
        Part("Theme", "主题", (*_WHY, "owner", "mentor")),
        Part("Background", "背景", ("background",)),
        Part("Current condition", "现状", ("current condition", "went and saw")),
        Part("Goal", "目标", ("goal",)),
        Part("Root cause analysis", "根因分析", ("root cause", "causes")),
        Part("Countermeasures", "对策", ("countermeasures", "consulted", "hypothesis")),
        Part("Plan", "计划", ("due", "actions")),
        Part("Follow-up", "跟进", (*_VERDICT, *_END, "shared with")),
    )),
    "dmaic": Paper("DMAIC charter and control plan", "DMAIC项目章程与控制计划", (
        Part("Charter", "项目章程",
             (*_WHY, "business case", "scope", "customer requirement", "sponsor", "owner", "due")),
        Part("Measure", "测量", ("measurement plan", "baseline", "measurement error")),
        Part("Analyse", "分析", ("root cause", "cause verified", "causes")),
        Part("Improve", "改进", ("solution", "hypothesis", "actions", *_VERDICT)),
        Part("Control plan", "控制计划", ("control plan", "process owner", *_END, "reopen reason")),
    )),
    "pdca": Paper("PDCA sheet", "PDCA表", (
        Part("Problem", "问题", _WHY),
        Part("Plan", "计划", ("current state", "aim", "cause", "hypothesis")),
        Part("Do", "执行", (*_DO, "trial", "tried before")),
        Part("Check", "检查", _VERDICT),
        Part("Act", "处置", _END),
    )),
    "coaching": Paper("Coaching plan", "辅导计划", (
        Part("Occasion", "缘由", (*_WHY, "coach", "coachee")),
        Part("Goal", "目标", ("goal", "agreed", "hypothesis")),
        Part("Reality", "现实", ("observed", "gap", "strength")),
        Part("What will be done", "行动", _DO),
        Part("Review", "回顾", (*_VERDICT, *_END)),
    )),
    "practice-sharing": Paper("Practice sheet", "最佳实践表", (
        Part("Occasion", "缘由", (*_WHY, "holder", "peers")),
        Part("The practice", "实践", ("practice", "difference", "conditions", "confirmed")),
        Part("Adoption", "采用", ("adopters", "hypothesis", *_DO)),
        Part("Review", "回顾", (*_VERDICT, *_END)),
    )),
    "five-whys": Paper("Five-whys sheet", "五个为什么表", (
        Part("Problem", "问题", (*_WHY, "present")),
        Part("Whys", "追问", ("causes", "reads backwards", "cause is in", "root cause")),
        Part("Countermeasure", "对策", ("hypothesis", *_DO)),
        Part("Check", "检查", (*_VERDICT, *_END)),
    )),
}  # fmt: skip

#: What papers say themselves, in English and Chinese.
WORDS: Mapping[str, tuple[str, str]] = {
    "empty": ("not filled in yet", "尚未填写"),
    "nothing": ("nothing", "无"),
    "stage": ("Stage", "阶段"),
    "owner": ("Owner", "负责人"),
    "as of": ("As of", "截至"),
    "further": ("Further", "其他"),
    "course": ("Course", "经过"),
    "entered": ("From", "进入"),
    "left": ("To", "离开"),
    "who": ("Who", "谁"),
    "what": ("What", "做什么"),
    "due": ("By", "期限"),
    "done": ("Done", "完成"),
    "root": ("root cause", "根本原因"),
    "metric": ("Figure", "指标"),
    "where": ("Where", "范围"),
    "effect": ("Better by at least", "至少改善"),
    "before": ("Before", "之前"),
    "after": ("After", "之后"),
    "design": ("Told by", "判断方式"),
    "value": ("Value", "数值"),
    "expected": ("Usual", "通常"),
    "figures": ("Figures", "数据"),
    "period": ("Period", "期间"),
    "definition": ("Definition", "定义编号"),
}
