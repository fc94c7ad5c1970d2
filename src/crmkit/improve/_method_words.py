"""Choices of a method in sentences, and the words that cases of all methods share, in English and Chinese."""

from collections.abc import Sequence
from typing import Any

from crmkit.errors import NotFound
from crmkit.rules import Schema

__all__ = ["category", "place_of", "said", "why_chosen"]

# What tables and cases hold, and how it is said.
_VALUES = {
    "coaching": ("coaching", "辅导"),
    "practice sharing": ("practice sharing", "最佳实践分享"),
    "five whys": ("five whys", "五个为什么"),
    "coach": ("weak in a stage", "环节薄弱"),
    "share": ("better than others", "表现突出"),
    "shift": ("shift of a figure", "指标偏移"),
    "chart": ("control chart broken", "控制图异常"),
    "backlog": ("backlog", "积压"),
    "recurrence": ("recurrence", "反复发生"),
    "override": ("rule passed over", "规则被绕过"),
    "no result": ("search without result", "检索无结果"),
    "gap": ("gap of knowledge", "知识缺口"),
    "critical": ("critical", "严重"),
    "major": ("major", "较大"),
    "minor": ("minor", "轻微"),
    "worked": ("it worked", "有效"),
    "did not": ("it did not work", "无效"),
    "cannot tell": ("it cannot be told", "无法判断"),
    "knowledge": ("knowledge", "知识"),
    "skill": ("skill", "技能"),
    "will": ("will", "意愿"),
    "conditions": ("conditions", "条件"),
    "small": ("small", "小范围"),
    "everywhere": ("everywhere", "全面"),
    "process": ("process", "流程"),
    "person": ("person", "人员"),
}
# The usual bones of a fishbone.
_BONES = {
    "people": "人员", "machine": "设备", "material": "材料", "method": "方法", "measurement": "测量",
    "environment": "环境", "surroundings": "环境", "suppliers": "供应商", "systems": "系统", "skills": "技能",
}  # fmt: skip


def place_of(lang: str) -> int:
    """Which of a pair of texts is that of a language.

    Raises:
        NotFound: for a language that is not spoken.
    """
    languages = ("en", "zh")
    if lang not in languages:
        raise NotFound("language", lang, languages, "texts")
    return languages.index(lang)


def said(value: Any, lang: str) -> str:
    """A single value for people; a text that is none of ours stays as it is."""
    place = place_of(lang)
    if isinstance(value, bool):
        return (("no", "否"), ("yes", "是"))[value][place]
    return _VALUES.get(value, (value, value))[place] if isinstance(value, str) else str(value)


def category(name: str, lang: str) -> str:
    """A bone of a fishbone; one of your own stays as it is."""
    return _BONES.get(name, name) if lang == "zh" else name


def why_chosen(
    schema: Schema,
    method: str | None,
    because: Sequence[tuple[str, Any]],
    left: tuple[Sequence[str], Sequence[str]],
    *,
    guessed: bool,
) -> tuple[str, str]:
    """Why a method was chosen, or was not.

    Args:
        schema: knows the labels of fields.
        method: the method.
        because: the inputs that decided.
        left: the missing fields, and the methods that are possible.
        guessed: whether the method is only the most cautious of those.
    """
    missing, possible = left
    names = [said(one, "zh") for one in possible]
    chosen = None if method is None else said(method, "zh")
    lacks = tuple(_joined([_label(schema, name, lang) for name in missing], lang) for lang in ("en", "zh"))
    if guessed:
        return (
            f"{method}, as the most thorough that is possible without {lacks[0]}",
            f"{chosen}：在不知道{lacks[1]}时最周全的可行方法",
        )
    if method is None and missing:
        methods = [*possible]
        english = " or ".join(filter(None, [", ".join(methods[:-1]), *methods[-1:]]))
        return f"Not settled without {lacks[0]}: {english}", f"缺少{lacks[1]}，尚不能确定：{_joined(names, 'zh')}"
    if method is None:
        return "No row of the table chooses a method", "没有任何一行选出方法"
    told = (
        _joined([f"{_label(schema, name, lang)} {_value(value, lang)}" for name, value in because], lang)
        for lang in ("en", "zh")
    )
    english, chinese = told
    return (f"{method}: {english}", f"{chosen}：{chinese}") if because else (method, str(chosen))


def _value(value: Any, lang: str) -> str:
    """The English word is the one that the table has, so that it can be looked up there."""
    return value if lang == "en" and isinstance(value, str) else said(value, lang)


def _label(schema: Schema, name: str, lang: str) -> str:
    if name not in schema.aliases:
        return name
    field = schema.field(name)
    return field.labels.get(lang, field.name)


def _joined(parts: Sequence[str], lang: str) -> str:
    return ("、" if lang == "zh" else ", ").join(parts)
